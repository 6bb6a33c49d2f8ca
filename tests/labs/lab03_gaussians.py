"""Answers to the exercises of lab 03 on Gaussians: two divergences, and a draw through which gradients pass."""

import math

import numpy as np
import torch
from common_answers import each
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence


def kl_in_loops(mean, log_variance):
    rows = []
    for m, v in zip(mean, log_variance, strict=True):
        rows.append(sum(0.5 * (a**2 + math.e**b - b - 1) for a, b in zip(m, v, strict=True)))
    return torch.stack(rows)


def kl_by_distributions(mean, log_variance):
    q = Normal(mean, torch.exp(log_variance * 0.5))
    return kl_divergence(Independent(q, 1), Independent(Normal(torch.zeros_like(mean), 1.0), 1))


def kl_in_float64(mean, log_variance):
    m, v = mean.double(), log_variance.double()
    return (-0.5 * torch.sum(1 + v - m**2 - torch.exp(v), dim=-1)).to(mean.dtype)


def kl_by_einsum(mean, log_variance):
    squares = torch.einsum("nd,nd->n", mean, mean)
    return (squares + torch.expm1(log_variance).sum(-1) - log_variance.sum(-1)) / 2


def kl_of(change, together=lambda terms: terms.sum(1)):
    """change(mean, log_variance) -> the terms (n, latent)."""
    return lambda mean, log_variance: together(change(mean, log_variance))


def terms(m, v):
    return 0.5 * (m**2 + v.exp() - v - 1)


def kl_detached(mean, log_variance):
    return terms(mean, log_variance.detach()).sum(1)


def kl_through_sigma(mean, log_variance):
    sigma = torch.exp(0.5 * log_variance)
    return terms(mean, torch.log(sigma**2)).sum(1)


def between_in_loops(m, v, mp, vp):
    result = torch.zeros(len(m), dtype=m.dtype)
    for j in range(m.shape[1]):
        result = result + vp[:, j] / 2 - v[:, j] / 2
        result = result + (v[:, j].exp() + (m[:, j] - mp[:, j]) ** 2) / (2 * vp[:, j].exp()) - 0.5
    return result


def between_by_matrices(m, v, mp, vp):
    q, p = MultivariateNormal(m, torch.diag_embed(v.exp())), MultivariateNormal(mp, torch.diag_embed(vp.exp()))
    return kl_divergence(q, p)


def between_by_shifting(m, v, mp, vp):
    """In the units of p, p is the standard normal."""
    return kl_by_distributions((m - mp) / (vp / 2).exp(), v - vp)


def between_of(change):
    return lambda m, v, mp, vp: (0.5 * change(m, v, mp, vp)).sum(1)


def draw_by_rsample(mean, log_variance):
    return Normal(mean, log_variance.exp().sqrt()).rsample()


def draw_by_numpy_noise(mean, log_variance):
    noise = np.random.default_rng().standard_normal(tuple(mean.shape))
    return torch.from_numpy(noise).to(mean.dtype) * log_variance.exp() ** 0.5 + mean


def draw_in_loops(mean, log_variance):
    rows = [m + math.e ** (v / 2) * torch.randn(len(m)) for m, v in zip(mean, log_variance, strict=True)]
    return torch.stack(rows)


def draw_by_torch_normal_noise(mean, log_variance):
    eps = torch.normal(torch.zeros_like(mean), torch.ones_like(mean))
    return torch.addcmul(mean, eps, torch.exp(torch.mul(log_variance, 0.5)))


def draw_but(change, noise=torch.randn_like):
    """change(mean, log_variance, noise) -> z."""
    return lambda mean, log_variance: change(mean, log_variance, noise(mean))


def right(m, v, e):
    return m + (v / 2).exp() * e


def seeded(like):
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(0))


def reseeded(like):
    torch.manual_seed(42)
    return torch.randn_like(like)


def uniform_of_width_1(like):
    return (torch.rand_like(like) - 0.5) * 12**0.5


def without_gradient(m, v, e):
    with torch.no_grad():
        return right(m, v, e)


def draw_in_place(mean, log_variance):
    return log_variance.mul_(0.5).exp_() * torch.randn_like(mean) + mean


RIGHT = {
    "kl": [
        {"kl_to_prior": kl} for kl in (kl_in_loops, kl_by_distributions, kl_in_float64, kl_by_einsum, kl_through_sigma)
    ],
    "kl_between": [{"kl_between": kl} for kl in (between_in_loops, between_by_matrices, between_by_shifting)],
    "reparameterise": [
        {"reparameterise": draw}
        for draw in (draw_by_rsample, draw_by_numpy_noise, draw_in_loops, draw_by_torch_normal_noise)
    ],
}
WRONG = {
    "kl": each("kl_to_prior",
        ("the sign is wrong", kl_of(lambda m, v: -terms(m, v))),
        ("factor 1/2 is missing", kl_of(lambda m, v: 2 * terms(m, v))),
        ("1 is not subtracted", kl_of(lambda m, v: terms(m, v) + 0.5)),
        ("1 is added", kl_of(lambda m, v: terms(m, v) + 1)),
        ("once for each example", lambda m, v: terms(m, v).sum(1) + (m.shape[1] - 1) / 2),
        ("log sigma^2 is added", kl_of(lambda m, v: terms(m, v) + v)),
        ("log sigma^2 is missing", kl_of(lambda m, v: terms(m, v) + v / 2)),
        ("log sigma stands where", kl_of(lambda m, v: terms(m, v) + v / 4)),
        ("mean is not squared", kl_of(lambda m, v: 0.5 * (m + v.exp() - v - 1))),
        ("mean is missing", kl_of(lambda m, v: terms(0 * m, v))),
        ("exp is missing", kl_of(lambda m, v: 0.5 * (m**2 + v - v - 1))),
        ("taken for the variance", kl_of(lambda m, v: 0.5 * (m**2 + v - v.log() - 1))),
        ("taken for the standard deviation", kl_of(lambda m, v: 0.5 * (m**2 + v**2 - 2 * v.log() - 1))),
        ("taken for log sigma", kl_of(lambda m, v: terms(m, 2 * v))),
        ("sigma stands where the variance", kl_of(lambda m, v: 0.5 * (m**2 + (v / 2).exp() - v - 1))),
        ("the variance is squared", kl_of(lambda m, v: 0.5 * (m**2 + v.exp() ** 2 - v - 1))),
        ("KL(prior || q)", kl_of(lambda m, v: 0.5 * ((1 + m**2) / v.exp() + v - 1))),
        ("in bits", kl_of(lambda m, v: terms(m, v) / math.log(2))),
        ("not summed over the latent", kl_of(terms, lambda t: t)),
        ("averaged over the latent units", kl_of(terms, lambda t: t.mean(1))),
        ("summed over the examples too", kl_of(terms, torch.sum)),
        ("averaged over examples and latent", kl_of(terms, torch.mean)),
        ("averaged over the examples; one number", kl_of(terms, lambda t: t.sum(1).mean())),
        ("summed over the examples; sum over", kl_of(terms, lambda t: t.sum(0))),
        ("averaged over the examples; sum over", kl_of(terms, lambda t: t.mean(0))),
        ("without gradient", kl_detached),
        ("dtype float64", lambda m, v: kl_in_float64(m.double(), v)),
    ),
    "kl_between": each("kl_between",
        ("this is KL(p || q)", lambda m, v, mp, vp: between_in_loops(mp, vp, m, v)),
        ("the sign is wrong", lambda *a: -between_in_loops(*a)),
        ("factor 1/2 is missing", lambda *a: 2 * between_in_loops(*a)),
        ("1 is not subtracted", between_of(lambda m, v, n, w: (m - n) ** 2 / w.exp() + (v - w).exp() - v + w)),
        ("not divided by the variance of p", between_of(lambda m, v, n, w: (m - n) ** 2 + (v - w).exp() - v + w - 1)),
        ("by the variance of q", between_of(lambda m, v, n, w: (m - n) ** 2 / v.exp() + (v - w).exp() - v + w - 1)),
        ("by sigma of p", between_of(lambda m, v, n, w: (m - n) ** 2 / (w / 2).exp() + (v - w).exp() - v + w - 1)),
        ("is not squared", between_of(lambda m, v, n, w: (m - n) / w.exp() + (v - w).exp() - v + w - 1)),
        ("means are added", between_of(lambda m, v, n, w: (m + n) ** 2 / w.exp() + (v - w).exp() - v + w - 1)),
        ("the mean of p is left out", between_of(lambda m, v, n, w: m**2 / w.exp() + (v - w).exp() - v + w - 1)),
        ("upside down", between_of(lambda m, v, n, w: (m - n) ** 2 / w.exp() + (w - v).exp() - v + w - 1)),
        ("of q is not divided", between_of(lambda m, v, n, w: (m - n) ** 2 / w.exp() + v.exp() - v + w - 1)),
        ("has the wrong sign", between_of(lambda m, v, n, w: (m - n) ** 2 / w.exp() + (v - w).exp() + v - w - 1)),
        ("variance of p is left out", between_of(lambda m, v, n, w: (m - n) ** 2 / w.exp() + (v - w).exp() - v - 1)),
        ("exp is missing", between_of(lambda m, v, n, w: (m - n) ** 2 / w + v / w - v + w - 1)),
        ("taken for log sigma", lambda m, v, n, w: between_in_loops(m, 2 * v, n, 2 * w)),
        ("the KL to N(0, 1); p has", lambda m, v, n, w: kl_in_loops(m, v)),
        ("averaged over the latent units", lambda m, *a: between_in_loops(m, *a) / m.shape[1]),
        ("averaged over the examples; one", lambda *a: between_in_loops(*a).mean()),
        ("summed over the examples too", lambda *a: between_in_loops(*a).sum()),
        ("argument number 1 is not", lambda m, *a: between_in_loops(m.detach(), *a) + 0 * m.sum()),
    ),
    "reparameterise": each("reparameterise",
        ("z is the mean", draw_but(lambda m, v, e: m + 0 * v)),
        ("does not follow the mean", draw_but(lambda m, v, e: (v / 2).exp() * e)),
        ("scaled with the variance", draw_but(lambda m, v, e: m + v.exp() * e)),
        ("with the log-variance: exp", draw_but(lambda m, v, e: m + v * e)),
        ("with half the log-variance", draw_but(lambda m, v, e: m + v / 2 * e)),
        ("divided by sigma", draw_but(lambda m, v, e: m + e / (v / 2).exp())),
        ("sigma is missing", draw_but(lambda m, v, e: m + e + 0 * v)),
        ("root is taken twice", draw_but(lambda m, v, e: m + (v / 2).exp().sqrt() * e)),
        ("taken for the variance", draw_but(lambda m, v, e: m + v.abs().sqrt() * e)),
        ("z spreads by", draw_but(lambda m, v, e: m + 2 * (v / 2).exp() * e)),
        ("all examples get the same", draw_but(right, lambda like: torch.randn(1, like.shape[1]))),
        ("all latent units of an example", draw_but(right, lambda like: torch.randn(len(like), 1))),
        ("all examples get the same", draw_but(right, lambda like: torch.randn(()))),
        ("never negative", draw_but(right, torch.rand_like)),
        ("the noise is not normal", draw_but(right, uniform_of_width_1)),
        ("beside the mean", draw_but(lambda m, v, e: right(m, v, 0.5 + 0.75**0.5 * e))),
        ("without a fixed seed", draw_but(right, seeded)),
        ("without a fixed seed", draw_but(right, reseeded)),
        ("no gradient reaches mean", draw_but(lambda m, v, e: right(m, v, e).detach())),
        ("no gradient reaches mean", draw_but(without_gradient)),
        ("no gradient reaches mean", lambda m, v: Normal(m, (v / 2).exp()).sample()),
        ("no gradient reaches mean", draw_but(lambda m, v, e: right(m.data, v.data, e))),
        ("no gradient reaches mean", lambda m, v: torch.normal(m, (v / 2).exp())),
        ("no gradient reaches mean", draw_but(lambda m, v, e: right(m.detach(), v, e))),
        ("no gradient reaches log_variance", draw_but(lambda m, v, e: right(m, v.detach(), e))),
        ("dz/dmean is wrong", draw_but(lambda m, v, e: right(0.5 * m + 0.5 * m.detach(), v, e))),
        ("dz/dlog_variance is wrong", draw_but(lambda m, v, e: right(m, 0.5 * v + 0.5 * v.detach(), e))),
        ("has shape (3000,)", draw_but(lambda m, v, e: right(m, v, e).sum(1))),
        ("has dtype float64", draw_but(lambda m, v, e: right(m.double(), v, e))),
        ("in place", draw_in_place),
    ),
}  # fmt: skip
