"""The checks of lab 02: what `check("pca")` and its kin try, and what they say of a mistake.

Each exercise is judged by one function below, which the check in the lab calls with one set of inputs
and the grading with others.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecturelib.grading.calling import check_gradient
from lecturelib.grading.diagnosis import judge_diagnosis
from lecturelib.grading.exercises import exercise
from lecturelib.grading.mistakes import Mistake, close, compare, require, require_form


def _stretched(n: int, d: int, rng: torch.Generator) -> Tensor:
    """Examples (n, d) about a mean far from 0, with another variance along each of d random directions."""
    directions, _ = torch.linalg.qr(torch.randn(d, d, generator=rng))
    spread = torch.linspace(3, 0.3, d)
    return (torch.randn(n, d, generator=rng) * spread) @ directions + 4 * torch.randn(d, generator=rng)


# 1. PCA


def _judge_pca(call, x: Tensor, k: int) -> None:
    from sklearn.decomposition import PCA

    answer = call("pca", x, k)
    require(isinstance(answer, tuple | list) and len(answer) == 2, "`pca` must return two tensors: mean, components")
    mean, components = answer
    compare(
        mean,
        x.mean(0),
        {"averaged over the pixels of each example, not over the examples": x.mean(1), "one mean of all": x.mean()},
        what="the mean",
    )
    right = torch.from_numpy(PCA(k, svd_solver="full").fit(x.numpy()).components_).to(x.dtype)
    if isinstance(components, Tensor) and components.shape == (x.shape[1], k) != (k, x.shape[1]):
        raise Mistake(f"the components stand in columns; give them as rows, shape {tuple(right.shape)}")
    require_form(components, right, "the components")
    lengths = components.norm(dim=1)
    if not close(lengths, torch.ones(k), 1e-3):
        raise Mistake(f"each component must have length 1; the first has {lengths[0]:.4g} (scaled by its variance?)")
    require(close(components @ components.T, torch.eye(k), 1e-3), "the components are not orthogonal to each other")
    wrong = {
        "those of the uncentred data: subtract the mean first": _top(x.T @ x, k),
        "the directions of the smallest variance: eigh sorts upwards": _top(-torch.cov(x.T), k),
        "those of the correlation matrix: the pixels were divided by their deviation": _top(torch.corrcoef(x.T), k),
    }
    compare(
        components.T @ components,
        right.T @ right,
        {f"the components are {name}": w.T @ w for name, w in wrong.items()},
        tolerance=1e-2,
        what="the space they span",
    )
    agree = (components * right).sum(1).abs()
    require(bool((agree > 0.99).all()), "the components are right but not in the order of falling variance")


def _top(matrix: Tensor, k: int) -> Tensor:
    return torch.linalg.eigh(matrix)[1].flip(1)[:, :k].T


@exercise("pca", points=2, hint="The right singular vectors of the centred data are the rows you want.")
def pca(call, rng):
    _judge_pca(call, _stretched(60, 6, rng), 3)


def _judge_codes(call, n: int, d: int, k: int, rng: torch.Generator) -> None:
    directions, _ = torch.linalg.qr(torch.randn(d, d, generator=rng))
    components, rest = directions.T[:k], directions.T[k:]
    mean, codes = torch.randn(d, generator=rng), torch.randn(n, k, generator=rng)
    rebuilt = codes @ components + mean
    x = rebuilt + torch.randn(n, d - k, generator=rng) @ rest  # the part that the code cannot hold
    compare(
        call("encode", x, mean, components),
        codes,
        {
            "the mean was not subtracted": x @ components.T,
            "the mean was added, not subtracted": (x + mean) @ components.T,
            "the batch's own mean was subtracted, not the one given": (x - x.mean(0)) @ components.T,
        },
        what="the code",
    )
    compare(
        call("decode", codes, mean, components),
        rebuilt,
        {
            "the mean was not added back": codes @ components,
            "the mean was subtracted, not added": codes @ components - mean,
        },
        what="the reconstruction",
    )


@exercise("codes", points=1, hint="encode: from pixels to k numbers; decode: the way back.")
def codes(call, rng):
    _judge_codes(call, 8, 6, 2, rng)


# 2. A linear autoencoder


def _judge_linear(call, n: int, d: int, k: int, rng: torch.Generator) -> None:
    x, W, V = (torch.randn(*s, generator=rng) for s in ((n, d), (k, d), (d, k)))
    W.requires_grad_(True)
    V.requires_grad_(True)
    error = F.linear(F.linear(x, W), V) - x
    loss = F.mse_loss(error, torch.zeros_like(error)) * d
    dW, dV = torch.autograd.grad(loss, (W, V))
    W, V, loss = W.detach(), V.detach(), loss.detach()
    compare(
        call("linear_loss", x, W, V),
        loss,
        {
            "averaged over the pixels too; sum over the pixels, average over the examples": loss / d,
            "summed over the examples; average over them": loss * n,
            "half of the right value: the formula has no 1/2": loss / 2,
            "the distance, not its square": error.norm(dim=1).mean().detach(),
        },
        what="the loss",
    )
    right, swapped = (dW, dV), (dV, dW)
    compare(
        call("linear_gradients", x, W, V),
        right,
        {
            "the two gradients stand in the wrong order; return dW, dV": swapped,
            "the factor 2 of the square's derivative is missing": tuple(g / 2 for g in right),
            "the sign is wrong: the gradient points uphill, yours downhill": tuple(-g for g in right),
            "summed over the examples; average over them": tuple(g * n for g in right),
            "averaged over the pixels too": tuple(g / d for g in right),
        },
        tolerance=1e-3,
        what="the gradients",
    )


@exercise("linear", points=2, hint="With E = X W^T V^T - X, the loss is sum(E^2) / n.")
def linear(call, rng):
    _judge_linear(call, 7, 5, 2, rng)


def _degrees(cosines: Tensor) -> Tensor:
    return cosines.clamp(-1, 1).acos().rad2deg()


def _judge_angles(call, d: int, k: int, rng: torch.Generator) -> None:
    from scipy.linalg import subspace_angles

    a, b = torch.randn(k, d, generator=rng), torch.randn(k, d, generator=rng)
    radians = torch.from_numpy(subspace_angles(a.T.numpy(), b.T.numpy())).flip(0).to(a.dtype)
    right = radians.rad2deg()
    wrong = {
        "in radians; degrees are asked for": radians,
        "sorted from the largest to the smallest": right.flip(0),
        "the cosines, not the angles": radians.cos(),
        "the sines, not the angles": radians.sin(),
        "computed without an orthonormal basis of each space": _degrees(torch.linalg.svdvals(a @ b.T)),
    }
    if k > 1:
        wrong["only the largest angle; all k are asked for"] = right[-1]
    compare(call("principal_angles", a, b), right, wrong, tolerance=1e-2, what="the angles")
    turned, _ = torch.linalg.qr(torch.randn(k, k, generator=rng))
    mixed = torch.linspace(0.5, 2, k)[:, None] * turned @ a  # another basis of the same space, and not a skew one
    again = call("principal_angles", a, mixed)
    compare(again, torch.zeros(k), tolerance=0.5, what="the angle between two bases of one space")
    itself = call("principal_angles", a, a)
    compare(itself, torch.zeros(k), tolerance=0.5, what="the angle between a space and itself")


@exercise("angles", points=1, hint="Rounding can lift a cosine above 1, where acos is NaN: clamp it.")
def angles(call, rng):
    _judge_angles(call, 7, 3, rng)


# 3. Sparse codes


def _judge_sparse(call, n: int, units: int, rho: float, rng: torch.Generator) -> None:
    h = torch.rand(n, units, generator=rng) * 0.8 + 0.1
    target, used = torch.distributions.Bernoulli(rho), h.mean(0)

    def divergence(p, q):
        return torch.distributions.kl_divergence(p, q)

    each = divergence(target, torch.distributions.Bernoulli(used))
    right = each.sum()
    backwards = divergence(torch.distributions.Bernoulli(used), target).sum()
    per_entry = divergence(target, torch.distributions.Bernoulli(h))
    wrong = {
        "the divergence is the other way round; it must be KL(rho || mean of h)": backwards,
        "averaged over the units; sum over them": each.mean(),
        "h was averaged over the units; average over the examples": divergence(
            target, torch.distributions.Bernoulli(h.mean(1))
        ).sum(),
        "the divergence of each example was averaged; average h first": per_entry.sum(1).mean(),
        "summed over examples and units; average h over the examples first": per_entry.sum(),
        "the part with 1 - rho is missing": (rho * (rho / used).log()).sum(),
        "rho log rho + (1 - rho) log(1 - rho) is missing: this is the cross-entropy": right + units * target.entropy(),
    }
    compare(call("sparsity", h, rho), right, wrong, tolerance=1e-3, what="the penalty")
    check_gradient(call, "sparsity", h, rho)
    dead = h.clone()
    dead[:, 0] = 0
    dead[:, -1] = 1
    value = call("sparsity", dead, rho)
    require(
        isinstance(value, Tensor) and bool(value.isfinite().all()),
        "the penalty is not finite when a unit is always 0 or always 1: clamp the mean to [1e-6, 1 - 1e-6]",
    )


@exercise("sparse", points=2, hint="First the mean activity of each unit over the batch, then one divergence per unit.")
def sparse(call, rng):
    _judge_sparse(call, 9, 4, 0.05, rng)


# 4. Denoising


def _judge_corrupt(call, n: int, d: int, share: float, rng: torch.Generator) -> None:
    x = torch.rand(n, d, generator=rng) * 0.5 + 0.5  # no entry is 0
    noisy = call("corrupt", x, share)
    require_form(noisy, x, "the corrupted batch")
    gone = noisy == 0
    kept = (noisy - x).abs() < 1e-6
    require(
        bool((gone | kept).all()), "entries must be either 0 or as they were; yours hold other values (noise added?)"
    )
    measured, slack = gone.float().mean().item(), 5 * (share * (1 - share) / x.numel()) ** 0.5
    if abs(measured - share) > slack and abs(1 - measured - share) <= slack:
        raise Mistake(f"share={share} is what should be lost, but it was kept: {measured:.0%} of the entries are 0")
    rows, columns = gone.all(1) | ~gone.any(1), gone.all(0) | ~gone.any(0)
    require(not rows.all(), "whole examples are lost: draw a mask for each pixel, of shape x.shape")
    require(not columns.all(), "every example loses the same pixels: draw a mask of shape x.shape")
    if abs(measured - share) > slack:
        raise Mistake(f"share={share} should be lost, but {measured:.1%} of the entries are 0")
    counts = gone.sum(1).unique()
    require(len(counts) > 1, "every example loses the same number of pixels: let each pixel be lost on its own")
    require(
        not torch.equal(call("corrupt", x, share) == 0, gone),
        "two calls lose the same pixels: draw new noise in each call, without a fixed seed",
    )
    compare(call("corrupt", x, 0.0), x, what="the batch with share=0")
    compare(call("corrupt", x, 1.0), torch.zeros_like(x), what="the batch with share=1")


@exercise("corrupt", points=1, hint="torch.rand_like(x) is a number in [0, 1) for each entry.")
def corrupt(call, rng):
    _judge_corrupt(call, 40, 64, 0.3, rng)


def _given(n: int, d: int, units: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A batch in [0, 1] and the parameters W, b, c of a tied autoencoder."""
    x = torch.rand(n, d, generator=rng)
    return x, *(torch.randn(*s, generator=rng) for s in ((units, d), (units,), (d,)))


def _logits(x: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return torch.sigmoid(x @ W.T + b) @ W + c


def _judge_denoising(call, n: int, d: int, units: int, rng: torch.Generator) -> None:
    clean, W, b, c = _given(n, d, units, rng)
    noisy = clean * (torch.rand(n, d, generator=rng) < 0.6)

    def loss(seen, target):
        return (torch.sigmoid(_logits(seen, W, b, c)) - target).square().sum(1).mean()

    right = loss(noisy, clean)
    lost = noisy != clean
    only_lost = ((torch.sigmoid(_logits(noisy, W, b, c)) - clean).square() * lost).sum(1).mean()
    wrong = {
        "the target is the noisy batch; the clean one must come out": loss(noisy, noisy),
        "the network sees the clean batch; it must see the noisy one": loss(clean, clean),
        "clean and noisy are exchanged": loss(clean, noisy),
        "averaged over the pixels too; sum over the pixels, average over the examples": right / d,
        "summed over the examples; average over them": right * n,
        "only the lost pixels count; all must": only_lost,
    }
    compare(call("denoising_loss", clean, noisy, W, b, c), right, wrong, what="the loss")
    check_gradient(call, "denoising_loss", clean, noisy, W, b, c, of=2)


@exercise("denoising", points=2, hint="Noise in, clean out.")
def denoising(call, rng):
    _judge_denoising(call, 5, 8, 3, rng)


# 5. A contractive penalty


def _judge_contractive(call, n: int, d: int, units: int, rng: torch.Generator) -> None:
    x, W, b, _ = _given(n, d, units, rng)
    W = 0.5 * W

    def code(one):
        return torch.sigmoid(W @ one + b)

    jacobians = torch.stack([torch.autograd.functional.jacobian(code, one) for one in x])  # (n, units, d)
    each = jacobians.square().sum((1, 2))
    h = torch.sigmoid(x @ W.T + b)
    slope, tanh_slope = h * (1 - h), 1 - h.square()
    right = each.mean()
    wrong = {
        "summed over the examples; average over them": each.sum(),
        "the norm itself; its square is asked for": each.sqrt().mean(),
        "h (1 - h) is not squared": (slope @ W.square().sum(1)).mean(),
        "the slope is that of tanh, 1 - h^2, not of a sigmoid": (tanh_slope.square() @ W.square().sum(1)).mean(),
        "this is weight decay: the slope h (1 - h) of the sigmoid is missing": W.square().sum(),
        "W was summed before it was squared": (slope.square() @ W.sum(1).square()).mean(),
        "averaged over the units; sum over them": right / units,
        "W is not squared": (slope.square() @ W.sum(1)).mean(),
    }
    compare(call("contractive", h, W), right, wrong, tolerance=1e-3, what="the penalty")
    check_gradient(call, "contractive", h, W, of=0)
    check_gradient(call, "contractive", h, W, of=1)


@exercise("contractive", points=2, hint="Square dh_j/dx_i, sum over i and j, average over the batch.")
def contractive(call, rng):
    _judge_contractive(call, 6, 5, 3, rng)


# 6. Why these three fail

_CAUSES = (
    "frozen decoder", "noisy target", "saturated", "scale", "step size", "symmetric", "too few units", "two sigmoids",
)  # fmt: skip
_EVIDENCE = {
    "A": "how do its filters differ from each other?",
    "B": "is what comes out nearer to the clean digits or to the noisy ones?",
    "C": "what is the darkest pixel that it can draw?",
}
_RIGHT = {"A": "c69fd4c2", "B": "a83413bd", "C": "300c1559"}  # hashes: nobody should read the answer in passing


@exercise("diagnosis", points=3)
def diagnosis(call, rng):
    judge_diagnosis(call, "lab02", _CAUSES, _RIGHT, _EVIDENCE)


def _judge_repair(call, n: int, d: int, units: int, rng: torch.Generator) -> None:
    x, W, b, c = _given(n, d, units, rng)
    logits = _logits(x, W, b, c)

    def entropy(a):
        return F.binary_cross_entropy_with_logits(a, x, reduction="none").sum(1)

    right = entropy(logits).mean()
    wrong = {
        "there are still two sigmoids": entropy(torch.sigmoid(logits)).mean(),
        "the sign is wrong": -right,
        "averaged over the pixels too; sum over the pixels, average over the examples": right / d,
        "summed over the examples; average over them": right * n,
        "the squared error; the cross-entropy is asked for": (torch.sigmoid(logits) - x).square().sum(1).mean(),
        "the part with 1 - x is missing": -(x * F.logsigmoid(logits)).sum(1).mean(),
    }
    compare(call("repaired_loss", x, W, b, c), right, wrong, what="the loss")
    far = call("repaired_loss", x, W, b, c + 200)
    require(
        isinstance(far, Tensor) and bool(far.isfinite().all()),
        "the loss is not finite when the logits are large: compute it from the logits, not from their sigmoid",
    )
    compare(far, F.binary_cross_entropy_with_logits(logits + 200, x) * d, what="the loss for large logits")
    check_gradient(call, "repaired_loss", x, W, b, c, of=1)


@exercise("repair", points=2, hint="F.binary_cross_entropy_with_logits applies the sigmoid itself.")
def repair(call, rng):
    _judge_repair(call, 6, 8, 4, rng)
