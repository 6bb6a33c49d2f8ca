"""Answers to lab 02 other than the solution's: right ones that must pass, and known wrong ones.

RIGHT and WRONG map an exercise to functions that replace the solution's; a wrong one comes with words
that must stand in the message.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def hidden(x, W, b):
    return torch.sigmoid(x @ W.T + b)


def output(h, W, c):
    return torch.sigmoid(h @ W + c)


def svd_rows(x, k):
    return torch.linalg.svd(x, full_matrices=False)[2][:k]


def pca_by_eigh(x, k):
    mean = x.mean(0)
    _, vectors = torch.linalg.eigh((x - mean).T @ (x - mean) / (len(x) - 1))
    return mean, vectors.flip(1)[:, :k].T


def pca_in_columns(x, k):
    mean, components = pca_by_eigh(x, k)
    return mean, components.T


def pca_in_place(x, k):
    mean = x.mean(0)
    x -= mean
    return mean, svd_rows(x, k)


def pca_scaled(x, k):
    mean = x.mean(0)
    _, values, rows = torch.linalg.svd(x - mean, full_matrices=False)
    return mean, values[:k, None] * rows[:k]


def pca_smallest(x, k):
    mean = x.mean(0)
    return mean, torch.linalg.eigh(torch.cov(x.T))[1][:, :k].T


def pca_of_correlation(x, k):
    mean = x.mean(0)
    return mean, svd_rows((x - mean) / x.std(0), k)


def pca_raises(x, k):
    return x.mean(0), torch.linalg.svd(x.reshape(-1))[2][:k]


def encode_in_loops(x, mean, components):
    return torch.stack([torch.stack([c @ (one - mean) for c in components]) for one in x])


def linear_loss_in_loops(x, W, V):
    return sum(((V @ (W @ one) - one) ** 2).sum() for one in x) / len(x)


def linear_gradients(x, W, V):
    error = x @ W.T @ V.T - x
    return 2 / len(x) * (error @ V).T @ x, 2 / len(x) * error.T @ (x @ W.T)


def gradients_times(factor):
    return lambda x, W, V: tuple(factor(x) * g for g in linear_gradients(x, W, V))


def cosines(A, B):
    return torch.linalg.svdvals(torch.linalg.qr(A.T)[0].T @ torch.linalg.qr(B.T)[0])


def angles(A, B):
    return cosines(A, B).clamp(-1, 1).acos().rad2deg()


def angles_by_projectors(A, B):
    """The sines are singular values of (1 - P_A) Q_B."""
    a, b = torch.linalg.qr(A.T.double())[0], torch.linalg.qr(B.T.double())[0]
    sines = torch.linalg.svdvals(b - a @ (a.T @ b))
    return torch.atan2(sines, (1 - sines.square()).clamp_min(0).sqrt()).flip(0).rad2deg().float()


def bernoulli_kl(p, q):
    return p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()


def used(h, over=0):
    return h.mean(over).clamp(1e-6, 1 - 1e-6)


def sparsity_in_a_loop(h, rho):
    total = torch.zeros(())
    for unit in h.T:
        q = unit.mean().clamp(1e-6, 1 - 1e-6)
        total = total + rho * (math.log(rho) - q.log()) + (1 - rho) * (math.log(1 - rho) - (1 - q).log())
    return total


def sparsity_by_distributions(h, rho):
    bernoulli = torch.distributions.Bernoulli
    return torch.distributions.kl_divergence(bernoulli(torch.tensor(rho)), bernoulli(used(h))).sum()


def corrupt_with_one_mask(x, share):
    return x * (torch.rand(x.shape[1]) >= share)


def corrupt_by_clone(x, share):
    noisy = x.clone()
    noisy[torch.rand(x.shape) < share] = 0
    return noisy


def corrupt_in_place(x, share):
    x[torch.rand_like(x) < share] = 0
    return x


def corrupt_with_fixed_seed(x, share):
    return x * (torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) >= share)


def corrupt_by_count(x, share):
    order = torch.rand_like(x).argsort(1).argsort(1)
    return x * (order >= round(share * x.shape[1]))


def rebuilt(x, W, b, c):
    return output(hidden(x, W, b), W, c)


def denoising_in_loops(clean, noisy, W, b, c):
    return torch.stack([((rebuilt(n, W, b, c) - x) ** 2).sum() for x, n in zip(clean, noisy, strict=True)]).mean()


def denoising_of_lost(clean, noisy, W, b, c):
    return ((rebuilt(noisy, W, b, c) - clean).square() * (clean != noisy)).sum(1).mean()


def slope(h):
    return h * (1 - h)


def contractive_by_einsum(h, W):
    return torch.einsum("nj,ji->nji", slope(h), W).pow(2).sum() / len(h)


def contractive_in_loops(h, W):
    return torch.stack([((one * (1 - one))[:, None] * W).norm() ** 2 for one in h]).mean()


def bce(x, logits):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)


def logits(x, W, b, c):
    return hidden(x, W, b) @ W + c


def repaired_by_softplus(x, W, b, c):
    z = logits(x, W, b, c)
    return (F.softplus(z) - x * z).sum() / len(x)


def repaired_naively(x, W, b, c):
    p = rebuilt(x, W, b, c)
    return -(x * p.log() + (1 - x) * (1 - p).log()).sum(1).mean()


def repaired_with_cut(x, W, b, c):
    return bce(x, hidden(x, W, b).detach() @ W + c).mean()


def answer(**causes):
    return lambda: {"A": "symmetric", "B": "noisy target", "C": "two sigmoids"} | causes


RIGHT = {
    "pca": [
        {"pca": pca_by_eigh},
        {"pca": lambda x, k: [x.mean(0), -svd_rows(x - x.mean(0), k)]},
        {"pca": lambda x, k: (x.sum(0) / x.shape[0], torch.linalg.svd((x - x.mean(0)).T)[0].T[:k])},
    ],
    "codes": [
        {"encode": encode_in_loops},
        {"encode": lambda x, mean, C: torch.einsum("nd,kd->nk", x, C) - C @ mean},
        {"decode": lambda z, mean, C: (C.T @ z.T).T + mean},
    ],
    "linear": [
        {"linear_loss": linear_loss_in_loops},
        {"linear_loss": lambda x, W, V: (x @ (V @ W).T - x).norm() ** 2 / len(x)},
        {"linear_gradients": lambda x, W, V: list(linear_gradients(x, W, V))},
    ],
    "angles": [{"principal_angles": angles_by_projectors}],
    "sparse": [{"sparsity": sparsity_in_a_loop}, {"sparsity": sparsity_by_distributions}],
    "corrupt": [
        {"corrupt": corrupt_by_clone},
        {"corrupt": lambda x, share: torch.where(torch.rand_like(x) < share, 0, x)},
        {"corrupt": lambda x, share: x * torch.bernoulli(torch.full_like(x, 1 - share))},
    ],
    "denoising": [
        {"denoising_loss": denoising_in_loops},
        {"denoising_loss": lambda x, n, W, b, c: F.mse_loss(rebuilt(n, W, b, c), x) * x.shape[1]},
    ],
    "contractive": [{"contractive": contractive_by_einsum}, {"contractive": contractive_in_loops}],
    "diagnosis": [{"diagnosis": answer()}],
    "repair": [
        {"repaired_loss": repaired_by_softplus},
        {"repaired_loss": lambda x, W, b, c: bce(x, logits(x, W, b, c)).sum() / len(x)},
    ],
}

WRONG = {
    "pca": [
        ("None: is the `return` missing", {"pca": lambda x, k: (None, svd_rows(x - x.mean(0), k))}),
        ("must return two tensors", {"pca": lambda x, k: svd_rows(x - x.mean(0), k)}),
        ("averaged over the pixels", {"pca": lambda x, k: (x.mean(1), svd_rows(x - x.mean(0), k))}),
        ("those of the uncentred data", {"pca": lambda x, k: (x.mean(0), svd_rows(x, k))}),
        ("the smallest variance", {"pca": pca_smallest}),
        ("stand in columns", {"pca": pca_in_columns}),
        ("must have length 1", {"pca": pca_scaled}),
        ("not in the order", {"pca": lambda x, k: (x.mean(0), svd_rows(x - x.mean(0), k).flip(0))}),
        ("those of the correlation matrix", {"pca": pca_of_correlation}),
        ("in place: work on a copy", {"pca": pca_in_place}),
        ("raised", {"pca": pca_raises}),
        ("has shape", {"pca": lambda x, k: (x.mean(0), svd_rows(x - x.mean(0), k + 1))}),
        ("a numpy array", {"pca": lambda x, k: (x.mean(0).numpy(), svd_rows(x - x.mean(0), k))}),
    ],
    "codes": [
        ("not subtracted", {"encode": lambda x, mean, C: x @ C.T}),
        ("added, not subtracted", {"encode": lambda x, mean, C: (x + mean) @ C.T}),
        ("the batch's own mean", {"encode": lambda x, mean, C: (x - x.mean(0)) @ C.T}),
        ("(transposed?)", {"encode": lambda x, mean, C: C @ (x - mean).T}),
        ("sign is the opposite", {"encode": lambda x, mean, C: (mean - x) @ C.T}),
        ("not added back", {"decode": lambda z, mean, C: z @ C}),
        ("subtracted, not added", {"decode": lambda z, mean, C: z @ C - mean}),
        ("a numpy array", {"encode": lambda x, mean, C: ((x - mean) @ C.T).numpy()}),
        ("has dtype float64", {"decode": lambda z, mean, C: (z @ C + mean).double()}),
        ("`decode` raised RuntimeError", {"decode": lambda z, mean, C: z @ C.T + mean}),
    ],
    "linear": [
        ("averaged over the pixels too", {"linear_loss": lambda x, W, V: F.mse_loss(x @ W.T @ V.T, x)}),
        ("summed over the examples", {"linear_loss": lambda x, W, V: (x @ W.T @ V.T - x).square().sum()}),
        ("no 1/2", {"linear_loss": lambda x, W, V: linear_loss_in_loops(x, W, V) / 2}),
        ("not its square", {"linear_loss": lambda x, W, V: (x @ W.T @ V.T - x).norm(dim=1).mean()}),
        ("a float", {"linear_loss": lambda x, W, V: linear_loss_in_loops(x, W, V).item()}),
        ("has shape", {"linear_loss": lambda x, W, V: (x @ W.T @ V.T - x).square().sum(1)}),
        ("wrong order", {"linear_gradients": lambda x, W, V: linear_gradients(x, W, V)[::-1]}),
        ("factor 2", {"linear_gradients": gradients_times(lambda x: 0.5)}),
        ("downhill", {"linear_gradients": gradients_times(lambda x: -1)}),
        ("summed over the examples", {"linear_gradients": gradients_times(len)}),
        ("averaged over the pixels too", {"linear_gradients": gradients_times(lambda x: 1 / x.shape[1])}),
        ("2 values are expected", {"linear_gradients": lambda x, W, V: linear_gradients(x, W, V)[0]}),
    ],
    "angles": [
        ("in radians", {"principal_angles": lambda A, B: cosines(A, B).clamp(-1, 1).acos()}),
        ("from the largest", {"principal_angles": lambda A, B: angles(A, B).flip(0)}),
        ("the cosines", {"principal_angles": lambda A, B: cosines(A, B)}),
        ("orthonormal basis", {"principal_angles": lambda A, B: angles_without_qr(A, B)}),
        ("NaN", {"principal_angles": lambda A, B: (cosines(A, B) * (1 + 2e-7)).acos().rad2deg()}),
        ("a float", {"principal_angles": lambda A, B: angles(A, B).max().item()}),
        ("only the largest", {"principal_angles": lambda A, B: angles(A, B).max()}),
        ("the angles", {"principal_angles": lambda A, B: F.cosine_similarity(A, B).acos().rad2deg()}),
    ],
    "sparse": [
        ("the other way round", {"sparsity": lambda h, rho: bernoulli_kl(used(h), torch.tensor(rho)).sum()}),
        ("averaged over the units; sum", {"sparsity": lambda h, rho: bernoulli_kl(rho, used(h)).mean()}),
        ("average over the examples", {"sparsity": lambda h, rho: bernoulli_kl(rho, used(h, over=1)).sum()}),
        ("average h first", {"sparsity": lambda h, rho: bernoulli_kl(rho, h).sum(1).mean()}),
        ("1 - rho is missing", {"sparsity": lambda h, rho: (rho * (rho / used(h)).log()).sum()}),
        (
            "cross-entropy",
            {"sparsity": lambda h, rho: -(rho * used(h).log() + (1 - rho) * (1 - used(h)).log()).sum()},
        ),
        ("sign is the opposite", {"sparsity": lambda h, rho: -bernoulli_kl(rho, used(h)).sum()}),
        ("not finite", {"sparsity": lambda h, rho: bernoulli_kl(rho, h.mean(0)).sum()}),
        ("a float", {"sparsity": lambda h, rho: bernoulli_kl(rho, used(h)).sum().item()}),
        ("without gradient", {"sparsity": lambda h, rho: bernoulli_kl(rho, used(h.detach())).sum()}),
        ("has shape", {"sparsity": lambda h, rho: bernoulli_kl(rho, used(h))}),
    ],
    "corrupt": [
        ("it was kept", {"corrupt": lambda x, share: x * (torch.rand_like(x) < share)}),
        ("same pixels", {"corrupt": corrupt_with_one_mask}),
        ("whole examples", {"corrupt": lambda x, share: x * (torch.rand(len(x), 1) >= share)}),
        ("noise added", {"corrupt": lambda x, share: x + share * torch.randn_like(x)}),
        ("without a fixed seed", {"corrupt": corrupt_with_fixed_seed}),
        ("in place", {"corrupt": corrupt_in_place}),
        ("same number of pixels", {"corrupt": corrupt_by_count}),
        ("noise added", {"corrupt": lambda x, share: F.dropout(x, share)}),
        ("should be lost", {"corrupt": lambda x, share: x * (torch.rand_like(x) >= share / 2)}),
        ("has dtype bool", {"corrupt": lambda x, share: torch.rand_like(x) >= share}),
    ],
    "denoising": [
        ("the clean one must come out", {"denoising_loss": lambda x, n, W, b, c: denoising_in_loops(n, n, W, b, c)}),
        ("must see the noisy one", {"denoising_loss": lambda x, n, W, b, c: denoising_in_loops(x, x, W, b, c)}),
        ("exchanged", {"denoising_loss": lambda x, n, W, b, c: denoising_in_loops(n, x, W, b, c)}),
        ("averaged over the pixels", {"denoising_loss": lambda x, n, W, b, c: F.mse_loss(rebuilt(n, W, b, c), x)}),
        (
            "summed over the examples",
            {"denoising_loss": lambda x, n, W, b, c: (rebuilt(n, W, b, c) - x).square().sum()},
        ),
        ("only the lost pixels", {"denoising_loss": denoising_of_lost}),
        (
            "without gradient",
            {"denoising_loss": lambda x, n, W, b, c: denoising_in_loops(x, n, W.detach(), b, c)},
        ),
        ("has shape", {"denoising_loss": lambda x, n, W, b, c: (rebuilt(n, W, b, c) - x).square().sum(1)}),
    ],
    "contractive": [
        ("summed over the examples", {"contractive": lambda h, W: contractive_by_einsum(h, W) * len(h)}),
        ("its square", {"contractive": lambda h, W: (slope(h).square() @ W.square().sum(1)).sqrt().mean()}),
        ("is not squared", {"contractive": lambda h, W: (slope(h) @ W.square().sum(1)).mean()}),
        ("that of tanh", {"contractive": lambda h, W: ((1 - h**2) ** 2 @ W.square().sum(1)).mean()}),
        ("weight decay", {"contractive": lambda h, W: W.square().sum()}),
        ("before it was squared", {"contractive": lambda h, W: (slope(h).square() @ W.sum(1).square()).mean()}),
        ("sum over them", {"contractive": lambda h, W: contractive_by_einsum(h, W) / len(W)}),
        ("W is not squared", {"contractive": lambda h, W: (slope(h).square() @ W.sum(1)).mean()}),
        ("was cut off", {"contractive": lambda h, W: contractive_by_einsum(h.detach(), W) + 0 * h.sum()}),
        ("raised", {"contractive": lambda h, W: (slope(h).square() @ W.square()).sum(2).mean()}),
    ],
    "diagnosis": [
        ("A: 'saturated' is not the cause", {"diagnosis": answer(A="saturated")}),
        ("B: 'too few units' is not the cause", {"diagnosis": answer(B="too few units")}),
        ("C: 'scale' is not the cause", {"diagnosis": answer(C="scale")}),
        ("none of the causes", {"diagnosis": answer(A="Symmetric ")}),
        ("give a dict", {"diagnosis": lambda: ["symmetric", "noisy target", "two sigmoids"]}),
        ("no answer for C", {"diagnosis": lambda: {"A": "symmetric", "B": "noisy target"}}),
        ("`return` missing", {"diagnosis": lambda: None}),
        ("names ['D']", {"diagnosis": answer(D="scale")}),
    ],
    "repair": [
        ("still two sigmoids", {"repaired_loss": lambda x, W, b, c: bce(x, rebuilt(x, W, b, c)).mean()}),
        ("the sign is wrong", {"repaired_loss": lambda x, W, b, c: -bce(x, logits(x, W, b, c)).mean()}),
        (
            "averaged over the pixels",
            {"repaired_loss": lambda x, W, b, c: F.binary_cross_entropy_with_logits(logits(x, W, b, c), x)},
        ),
        ("summed over the examples", {"repaired_loss": lambda x, W, b, c: bce(x, logits(x, W, b, c)).sum()}),
        (
            "the squared error",
            {"repaired_loss": lambda x, W, b, c: (rebuilt(x, W, b, c) - x).square().sum(1).mean()},
        ),
        ("not finite", {"repaired_loss": repaired_naively}),
        (
            "1 - x is missing",
            {"repaired_loss": lambda x, W, b, c: -(x * F.logsigmoid(logits(x, W, b, c))).sum(1).mean()},
        ),
        ("was cut off", {"repaired_loss": repaired_with_cut}),
    ],
}


def angles_without_qr(A: Tensor, B: Tensor) -> Tensor:
    return torch.linalg.svdvals(A @ B.T).clamp(-1, 1).acos().rad2deg()
