"""Answers to the exercises of lab 03 on likelihoods: black and white pixels, and grey ones."""

import math

import torch
import torch.nn.functional as F
from common_answers import each
from torch.distributions import Bernoulli, ContinuousBernoulli, Independent, Normal


def bernoulli_by_softplus(logits, x):
    return (x * logits - F.softplus(logits)).sum(-1)


def bernoulli_by_distributions(logits, x):
    return Independent(Bernoulli(logits=logits, validate_args=False), 1).log_prob(x)


def bernoulli_in_loops(logits, x):
    rows = []
    for a, one in zip(logits, x, strict=True):
        rows.append(sum(v * F.logsigmoid(b) + (1 - v) * F.logsigmoid(-b) for b, v in zip(a, one, strict=True)))
    return torch.stack(rows)


def bernoulli_by_one_call(logits, x):
    """The sum over everything, one example at a time, in float64."""
    pairs = zip(logits.double(), x.double(), strict=True)
    return -torch.stack([F.binary_cross_entropy_with_logits(a, b, reduction="sum") for a, b in pairs]).float()


def pixels(logits, x):
    return x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits)


def bernoulli_of(change, together=lambda terms: terms.sum(1)):
    return lambda logits, x: together(change(logits, x))


def of_probabilities(p, x):
    return x * p.log() + (1 - x) * (1 - p).log()


def cut_at(least):
    return bernoulli_of(lambda a, x: of_probabilities(a.sigmoid().clamp(least, 1 - least), x))


def added_to(least):
    return bernoulli_of(lambda a, x: x * (a.sigmoid() + least).log() + (1 - x) * (1 - a.sigmoid() + least).log())


def bernoulli_of_constant(logits, x):
    """Of another density, that of numbers between 0 and 1."""
    return ContinuousBernoulli(logits=logits).log_prob(x).sum(1)


def gaussian_by_distributions(mean, x, sigma):
    return Independent(Normal(mean, sigma), 1).log_prob(x)


def gaussian_in_loops(mean, x, sigma):
    rows = []
    for m, one in zip(mean, x, strict=True):
        squared = sum((a - b) ** 2 for a, b in zip(m, one, strict=True))
        rows.append(-squared / (2 * sigma**2) - len(one) * math.log(sigma * math.sqrt(2 * math.pi)))
    return torch.stack(rows)


def gaussian_by_nll(mean, x, sigma):
    variance = torch.full_like(mean, sigma**2)
    return -F.gaussian_nll_loss(mean, x, variance, full=True, eps=1e-12, reduction="none").sum(1)


def gaussian_by_mse(mean, x, sigma):
    d = x.size(1)
    error = F.mse_loss(mean.double(), x.double(), reduction="none").mean(1) * d
    return (-0.5 * (error / sigma**2 + d * math.log(2 * math.pi * sigma**2))).float()


def gaussian_of(square=0.5, width=1.0, constant=1.0, power=2.0):
    """square (x - m)^2 / sigma^power + width log sigma + constant/2 log 2 pi, added up with a minus."""

    def gaussian_log_likelihood(mean, x, sigma):
        part = square * (x - mean) ** 2 / sigma**power
        return -(part + width * math.log(sigma) + 0.5 * constant * math.log(2 * math.pi)).sum(1)

    return gaussian_log_likelihood


def gaussian_but(change):
    return lambda mean, x, sigma: change(Normal(mean, sigma).log_prob(x))


RIGHT = {
    "bernoulli": [
        {"bernoulli_log_likelihood": one}
        for one in (bernoulli_by_softplus, bernoulli_by_distributions, bernoulli_in_loops, bernoulli_by_one_call)
    ],
    "gaussian": [
        {"gaussian_log_likelihood": one}
        for one in (gaussian_by_distributions, gaussian_in_loops, gaussian_by_nll, gaussian_by_mse)
    ],
}
WRONG = {
    "bernoulli": each("bernoulli_log_likelihood",
        ("the sign is wrong: this is the cross-entropy", bernoulli_of(pixels, lambda t: -t.sum(1))),
        ("the sign is wrong, and averaged over the pixels", bernoulli_of(pixels, lambda t: -t.mean(1))),
        ("and averaged over everything", lambda a, x: F.binary_cross_entropy_with_logits(a, x)),
        ("sigmoid is applied twice", bernoulli_of(lambda a, x: pixels(a.sigmoid(), x))),
        ("taken for log p", bernoulli_of(lambda a, x: x * a)),
        ("NaN", bernoulli_of(lambda a, x: of_probabilities(a, x))),
        ("logits and x are exchanged", bernoulli_of(lambda a, x: pixels(x, a.sigmoid()))),
        ("part with 1 - x is missing", bernoulli_of(lambda a, x: x * F.logsigmoid(a))),
        ("only the part with 1 - x", bernoulli_of(lambda a, x: (1 - x) * F.logsigmoid(-a))),
        ("x is exchanged with 1 - x", bernoulli_of(lambda a, x: pixels(a, 1 - x))),
        ("squared error", bernoulli_of(lambda a, x: -((a.sigmoid() - x) ** 2))),
        ("this is the probability", lambda a, x: bernoulli_by_softplus(a, x).exp()),
        ("in bits", bernoulli_of(pixels, lambda t: t.sum(1) / math.log(2))),
        ("not summed over the pixels", pixels),
        ("averaged over the pixels; sum", bernoulli_of(pixels, lambda t: t.mean(1))),
        ("summed over the examples too", bernoulli_of(pixels, torch.sum)),
        ("averaged over the examples; one", bernoulli_of(pixels, lambda t: t.sum(1).mean())),
        ("averaged over examples and pixels", bernoulli_of(pixels, torch.mean)),
        ("summed over the examples; sum", bernoulli_of(pixels, lambda t: t.sum(0))),
        ("rounds to 0 or 1 there", bernoulli_of(lambda a, x: of_probabilities(a.sigmoid(), x))),
        ("costs 100 nats there", bernoulli_of(lambda a, x: -F.binary_cross_entropy(a.sigmoid(), x, reduction="none"))),
        ("costs 14 nats there", cut_at(1e-6)),
        ("log p was cut", cut_at(1e-7)),
        ("costs 18 nats there", added_to(1e-8)),
        ("argument number 1 is not", lambda a, x: bernoulli_by_softplus(a.detach(), x) + 0 * a.sum()),
        ("should be", bernoulli_of_constant),
    ),
    "gaussian": each("gaussian_log_likelihood",
        ("the sign is wrong: this is -log p", lambda *a: -gaussian_by_distributions(*a)),
        ("1 / (2 sigma^2) is missing: the squared error as it is", gaussian_of(square=1, power=0)),
        ("squared error alone", gaussian_of(square=1, power=0, width=0, constant=0)),
        ("this is the squared error: the sign", gaussian_of(square=-1, power=0, width=0, constant=0)),
        ("factor 1/2 of the squared error", gaussian_of(square=1)),
        ("1 / sigma^2 is missing", gaussian_of(power=0)),
        ("divided by sigma; divide", gaussian_of(power=1)),
        ("is not squared", lambda m, x, s: gaussian_by_distributions(m, m + (x - m).abs().sqrt(), s)),
        ("log sigma and log 2 pi are missing", gaussian_of(width=0, constant=0)),
        ("log sigma is missing", gaussian_of(width=0)),
        ("log sigma has the wrong sign", gaussian_of(width=-1)),
        ("2 log sigma stands", gaussian_of(width=2)),
        ("term with log 2 pi is missing", gaussian_of(constant=0)),
        ("factor 1/2 of log 2 pi", gaussian_of(constant=2)),
        ("once for each example, not", lambda m, x, s: gaussian_of(width=0, constant=0)(m, x, s)
            - math.log(s) - 0.5 * math.log(2 * math.pi)),
        ("sigma is taken for the variance", lambda m, x, s: gaussian_by_distributions(m, x, math.sqrt(s))),
        ("sigma is taken for the log-variance", lambda m, x, s: gaussian_by_distributions(m, x, math.exp(s / 2))),
        ("this is the density", lambda *a: gaussian_by_distributions(*a).exp()),
        ("not summed over the pixels", gaussian_but(lambda t: t)),
        ("averaged over the pixels; sum", gaussian_but(lambda t: t.mean(1))),
        ("summed over the examples too", gaussian_but(torch.sum)),
        ("averaged over the examples; one", gaussian_but(lambda t: t.sum(1).mean())),
        ("argument number 1 is not", lambda m, x, s: gaussian_by_distributions(m.detach(), x, s) + 0 * m.sum()),
    ),
}  # fmt: skip
