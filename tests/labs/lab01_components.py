"""Answers to exercise 5 of lab 01: how many components."""

import math

import torch
from common_answers import each
from lab01_em import em_with, log_likelihoods, start_by_multinomial
from lab01_gaussians import fit_by_cov


def fitted(x, k, starts=5, steps=30, ridge=1e-3, begin=start_by_multinomial):
    """Mixtures of k components from so many starts."""
    for _ in range(starts):
        *mixture, _ = em_with()(x, *begin(x, k), steps, ridge)
        yield tuple(mixture)


def score(x, mixture):
    return torch.logsumexp(log_likelihoods(x, *mixture), 1).mean().item()


def choose_by(scores, best=max, **options):
    """Fit on three quarters of x, take the mixture that is best by scores(aside, rest, mixture)."""

    def choose_mixture(x, candidates):
        x = x[torch.randperm(len(x))]
        aside, rest = x[: len(x) // 4], x[len(x) // 4 :]
        mixtures = [mixture for k in candidates for mixture in fitted(rest, k, **options)]
        return best(mixtures, key=lambda mixture: scores(aside, rest, mixture))

    return choose_mixture


def held_out(aside, rest, mixture):
    return score(aside, mixture)


def choose_in_two_steps(x, candidates):
    """First the best start of each K by training likelihood, then K on the part put aside, then a fit on all of x."""
    order = torch.randperm(len(x))
    aside, rest = x[order[: len(x) // 4]], x[order[len(x) // 4 :]]
    best = [max(fitted(rest, k), key=lambda mixture: score(rest, mixture)) for k in candidates]
    k = len(max(best, key=lambda mixture: score(aside, mixture))[0])
    return max(fitted(x, k), key=lambda mixture: score(x, mixture))


def choose_by_sklearn(x, candidates):
    from sklearn.mixture import GaussianMixture

    aside, rest = x[::4].numpy(), x[torch.arange(len(x)) % 4 != 0].numpy()
    models = [GaussianMixture(k, reg_covar=1e-3, n_init=2, random_state=0).fit(rest) for k in candidates]
    best = max(models, key=lambda model: model.score(aside))
    return tuple(map(torch.from_numpy, (best.weights_, best.means_, best.covariances_)))


def choose_by_bic(x, candidates):
    def criterion(mixture):
        k, d = mixture[1].shape
        free = k - 1 + k * d + k * d * (d + 1) / 2
        return 2 * len(x) * score(x, mixture) - free * math.log(len(x))

    return max((mixture for k in candidates for mixture in fitted(x, k)), key=criterion)


def choose_start(x, candidates):
    return max((start_by_multinomial(x, k) for k in candidates), key=lambda mixture: score(x, mixture))


def choose_but(change):
    def choose_mixture(x, candidates):
        return change(*choose_by(held_out)(x, candidates))

    return choose_mixture


def equal_start(x, k):
    mean, S = fit_by_cov(x)
    return torch.full((k,), 1 / k, dtype=x.dtype), mean.expand(k, -1), S.expand(k, -1, -1)


RIGHT = {
    "components": [
        {"choose_mixture": choose_by(held_out, ridge=1e-2)},
        {"choose_mixture": choose_by(held_out, starts=4, steps=50, ridge=1e-4)},
        {"choose_mixture": choose_in_two_steps},
        {"choose_mixture": choose_by_sklearn},
        {"choose_mixture": choose_by_bic},
    ],
}
WRONG = {
    "components": each("choose_mixture",
        ("by training likelihood, not held-out", choose_by(lambda aside, rest, m: score(rest, m))),
        ("the most components", lambda x, c: choose_by(held_out)(x, c[-1:])),
        ("the fewest components", lambda x, c: choose_by(held_out)(x, c[:1])),
        ("by the lowest held-out", choose_by(lambda aside, rest, m: -len(m[0]))),
        ("was EM run", lambda x, c: start_by_multinomial(x, c[1])),
        ("start them from different", lambda x, c: next(fitted(x, c[1], begin=equal_start))),
        ("too many nats", lambda x, c: next(fitted(x - x.mean(0), c[1]))),
        ("as many as one of the candidates", lambda x, c: next(fitted(x, c[1] + 2))),
        ("must return three", lambda x, c: c[1]),
        ("must return three", choose_but(lambda w, m, S: (w, m, S, w))),
        ("do not sum to 1", choose_but(lambda w, m, S: (w * 2, m, S))),
        ("positive definite", choose_but(lambda w, m, S: (w, m, 0 * S))),
        ("NaN", choose_but(lambda w, m, S: (w, m / 0 * 0, S))),
        ("in place", lambda x, c: choose_by(held_out)(x.sub_(1), c)),
        ("`return` missing", lambda x, c: None),
    ),
}  # fmt: skip
