"""Answers to the exercises of lab 04 on codes: beta, decorrelation, the mutual information gap, the discrepancy."""

import numpy as np
import torch
from common_answers import each


def beta_in_loops(errors, kl_units, beta):
    total = 0.0
    for error, kl in zip(errors, kl_units, strict=True):
        total = total + sum(error) + beta * sum(kl)
    return total / len(errors)


def beta_by_sums(errors, kl_units, beta):
    return (errors.sum() + beta * kl_units.sum()) / errors.shape[0]


def beta_of(change):
    """change(-log p(x|z), KL, beta), both averaged over the examples."""
    return lambda errors, kl, beta: change(errors.sum(1).mean(), kl.sum(1).mean(), beta)


def penalty_by_cov(mean, off_diagonal, diagonal):
    c = torch.cov(mean.T)
    eye = torch.eye(len(c))
    weights = off_diagonal * (1 - eye) + diagonal * eye
    return (weights * (c - eye) ** 2).sum()


def penalty_in_loops(mean, off_diagonal, diagonal):
    n, d = mean.shape
    away = [mean[:, i] - mean[:, i].sum() / n for i in range(d)]
    total = 0.0
    for i in range(d):
        for j in range(d):
            c = (away[i] * away[j]).sum() / (n - 1)
            total = total + (diagonal * (c - 1) ** 2 if i == j else off_diagonal * c**2)
    return total


def penalty_of(covariance, target=1.0, off_share=1.0, on_share=1.0, power=2):
    def decorrelation_penalty(mean, off_diagonal, diagonal):
        c = covariance(mean)
        on = torch.diagonal(c)
        off = (c - torch.diag(on)).abs().pow(power).sum()
        return off_share * off_diagonal * off + on_share * diagonal * (on - target).abs().pow(power).sum()

    return decorrelation_penalty


def cov(mean):
    return torch.cov(mean.T)


def uncentred(mean):
    return mean.T @ mean / (len(mean) - 1)


def centred_by_example(mean):
    away = mean - mean.mean(1, keepdim=True)
    return away.T @ away / (len(mean) - 1)


def mig_in_loops(information, entropies):
    gaps = []
    for k, entropy in enumerate(entropies):
        known = sorted(information[:, k].tolist(), reverse=True)
        gaps.append((known[0] - known[1]) / entropy.item())
    return torch.tensor(sum(gaps) / len(gaps))


def mig_by_sort(information, entropies):
    ordered = torch.sort(information / entropies, dim=0).values
    return torch.mean(ordered[-1] - ordered[-2])


def mig_by_mask(information, entropies):
    best, where = information.max(dim=0)
    rest = information.scatter(0, where[None], -torch.inf)
    return torch.mean((best - rest.amax(0)) / entropies)


def mig_of(change):
    """change(the units' nats of each factor, largest first; the entropies)."""
    return lambda information, h: change(information.sort(0, descending=True).values, h)


def mmd_by_mask(k_xx, k_yy, k_xy):
    def off(k):
        return k[~torch.eye(len(k), dtype=torch.bool)].mean()

    return off(k_xx) + off(k_yy) - 2 * k_xy.sum() / k_xy.numel()


def mmd_in_loops(k_xx, k_yy, k_xy):
    def mean(k):
        pairs = [k[i, j] for i in range(len(k)) for j in range(len(k)) if i != j]
        return sum(pairs) / len(pairs)

    return mean(k_xx) - (2 * k_xy).mean() + mean(k_yy)


def fair(k):
    return (k.sum() - k.diagonal().sum()) / (len(k) * (len(k) - 1))


def mmd_of(change):
    return lambda k_xx, k_yy, k_xy: change(k_xx, k_yy, k_xy)


RIGHT = {
    "beta": [{"beta_loss": beta} for beta in (beta_in_loops, beta_by_sums)],
    "decorrelation": [{"decorrelation_penalty": penalty} for penalty in (penalty_by_cov, penalty_in_loops)],
    "mig": [{"mig": mig} for mig in (mig_in_loops, mig_by_sort, mig_by_mask)],
    "mmd": [{"mmd": mmd} for mmd in (mmd_by_mask, mmd_in_loops)],
}
WRONG = {
    "beta": each("beta_loss",
        ("beta weighs the reconstruction; it", beta_of(lambda e, k, b: b * e + k)),
        ("beta weighs both parts", beta_of(lambda e, k, b: b * (e + k))),
        ("beta is not used", beta_of(lambda e, k, b: e + k)),
        ("divided by beta", beta_of(lambda e, k, b: e + k / b)),
        ("beta is squared", beta_of(lambda e, k, b: e + b * b * k)),
        ("1 - beta the KL", beta_of(lambda e, k, b: b * e + (1 - b) * k)),
        ("the weight 1 + beta", beta_of(lambda e, k, b: e + k + b * k)),
        ("the KL is subtracted", beta_of(lambda e, k, b: e - b * k)),
        ("the loss is minimised", beta_of(lambda e, k, b: -e - b * k)),
        ("the KL is missing", beta_of(lambda e, k, b: e)),
        ("the reconstruction is missing", beta_of(lambda e, k, b: b * k)),
        ("averaged over the pixels; sum", lambda e, k, b: e.mean() + b * k.sum(1).mean()),
        ("averaged over the latent units; sum", lambda e, k, b: e.sum(1).mean() + b * k.mean()),
        ("averaged over pixels and latent units", lambda e, k, b: e.mean() + b * k.mean()),
        ("summed over the examples", lambda e, k, b: e.sum() + b * k.sum()),
        ("one number for the batch", lambda e, k, b: e.sum(1) + b * k.sum(1)),
        ("without gradient", lambda e, k, b: (e.sum(1) + b * k.sum(1)).mean().detach()),
        ("argument number 2 is not", lambda e, k, b: (e.sum(1) + b * k.detach().sum(1)).mean() + 0 * k.sum()),
    ),
    "decorrelation": each("decorrelation_penalty",
        ("divided by n; divide by n - 1", penalty_of(lambda m: torch.cov(m.T, correction=0))),
        ("is not divided by n - 1", penalty_of(lambda m: cov(m) * (len(m) - 1))),
        ("over the batch are not subtracted", penalty_of(uncentred)),
        ("and it is divided by n", penalty_of(lambda m: m.T @ m / len(m))),
        ("of each example is subtracted", penalty_of(centred_by_example)),
        ("two weights are exchanged", lambda m, a, b: penalty_by_cov(m, b, a)),
        ("are pushed to 0; they should be 1", penalty_of(cov, target=0.0)),
        ("with the first weight", lambda m, a, b: a * cov(m).square().sum()),
        ("the diagonal is counted among", lambda m, a, b: penalty_by_cov(m, a, b)
            + a * cov(m).diagonal().square().sum()),
        ("less 1, is counted among", lambda m, a, b: a * (cov(m) - torch.eye(m.shape[1])).square().sum()
            + b * (cov(m).diagonal() - 1).square().sum()),
        ("absolute values stand", penalty_of(cov, power=1)),
        ("without a square", lambda m, a, b: a * (cov(m).sum() - cov(m).trace())
            + b * (cov(m).diagonal() - 1).square().sum()),
        ("root is taken", lambda m, a, b: penalty_by_cov(m, a, b).sqrt()),
        ("each pair of units is counted once", penalty_of(cov, off_share=0.5)),
        ("off the diagonal are missing", penalty_of(cov, off_share=0.0)),
        ("the diagonal is missing", penalty_of(cov, on_share=0.0)),
        ("these are correlations", penalty_of(lambda m: torch.corrcoef(m.T))),
        ("covariance of the examples", penalty_of(torch.cov)),
        ("without gradient", lambda m, a, b: penalty_by_cov(m.detach(), a, b)),
    ),
    "mig": each("mig",
        ("not divided by the entropies", mig_of(lambda i, h: (i[0] - i[1]).mean())),
        ("multiplied by the entropies", mig_of(lambda i, h: ((i[0] - i[1]) * h).mean())),
        ("not averaged over the factors", mig_of(lambda i, h: (i[0] - i[1]) / h)),
        ("summed over the factors", mig_of(lambda i, h: ((i[0] - i[1]) / h).sum())),
        ("by the sum of the entropies", mig_of(lambda i, h: (i[0] - i[1]).sum() / h.sum())),
        ("the second is not subtracted", mig_of(lambda i, h: (i[0] / h).mean())),
        ("minus the smallest", mig_of(lambda i, h: ((i[0] - i[-1]) / h).mean())),
        ("minus the mean", mig_of(lambda i, h: ((i[0] - i.mean(0)) / h).mean())),
        ("minus the sum of the others", mig_of(lambda i, h: ((i[0] - i[1:].sum(0)) / h).mean())),
        ("divided by the largest", mig_of(lambda i, h: ((i[0] - i[1]) / i[0]).mean())),
        ("in shares of the largest", mig_of(lambda i, h: (i[1] / i[0]).mean())),
        ("the second minus the largest", mig_of(lambda i, h: ((i[1] - i[0]) / h).mean())),
        ("the smallest two", mig_of(lambda i, h: ((i[-2] - i[-1]) / h).mean())),
        ("the first two units", lambda i, h: ((i[0] - i[1]) / h).mean()),
        ("over the factors of each unit", lambda i, h: ((i / h).topk(2, 1).values @ torch.tensor([1.0, -1.0])).mean()),
        ("has shape (5,)", lambda i, h: (i.topk(2, 1).values[:, 0] - i.topk(2, 1).values[:, 1])),
        ("is a numpy array", lambda i, h: np.asarray(mig_by_sort(i, h))),
    ),
    "mmd": each("mmd",
        ("this is the biased estimate", mmd_of(lambda a, b, c: a.mean() + b.mean() - 2 * c.mean())),
        ("the divisors are n^2", mmd_of(lambda a, b, c: (a.sum() - a.trace()) / a.numel()
            + (b.sum() - b.trace()) / b.numel() - 2 * c.mean())),
        ("the diagonals are counted, and", mmd_of(lambda a, b, c: a.sum() / (len(a) * (len(a) - 1))
            + b.sum() / (len(b) * (len(b) - 1)) - 2 * c.mean())),
        ("the diagonal of k(x, y) is left out", mmd_of(lambda a, b, c: fair(a) + fair(b)
            - 2 * (c.sum() - c.diagonal().sum()) / (c.numel() - min(c.shape)))),
        ("the diagonal of k(x, x) is counted", mmd_of(lambda a, b, c: a.mean() + fair(b) - 2 * c.mean())),
        ("the diagonal of k(y, y) is counted", mmd_of(lambda a, b, c: fair(a) + b.mean() - 2 * c.mean())),
        ("the factor 2", mmd_of(lambda a, b, c: fair(a) + fair(b) - c.mean())),
        ("the last term is added", mmd_of(lambda a, b, c: fair(a) + fair(b) + 2 * c.mean())),
        ("the last term is missing", mmd_of(lambda a, b, c: fair(a) + fair(b))),
        ("the factor 4", mmd_of(lambda a, b, c: fair(a) + fair(b) - 4 * c.mean())),
        ("the sign is wrong", mmd_of(lambda a, b, c: 2 * c.mean() - fair(a) - fair(b))),
        ("k(y, y) is missing", mmd_of(lambda a, b, c: fair(a) - 2 * c.mean())),
        ("k(x, x) is missing", mmd_of(lambda a, b, c: fair(b) - 2 * c.mean())),
        ("half of it", mmd_of(lambda a, b, c: (fair(a) + fair(b)) / 2 - c.mean())),
        ("the numbers of pairs", mmd_of(lambda a, b, c: a.sum() - a.trace() + b.sum() - b.trace() - 2 * c.sum())),
        ("below 0", mmd_of(lambda a, b, c: mmd_by_mask(a, b, c).clamp(min=0))),
        ("argument number 3 is not", mmd_of(lambda a, b, c: mmd_by_mask(a, b, c.detach()) + 0 * c.sum())),
    ),
}  # fmt: skip
