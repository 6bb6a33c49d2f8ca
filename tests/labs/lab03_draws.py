"""Answers to the exercises of lab 03 on many draws: their weights, and the bound that they give."""

import math

import torch
from common_answers import each
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence


def weights_by_distributions(log_likelihood, z, mean, log_variance):
    q = Independent(Normal(mean, torch.exp(0.5 * log_variance)), 1)
    return log_likelihood + Independent(Normal(torch.zeros_like(mean), 1.0), 1).log_prob(z) - q.log_prob(z)


def weights_by_matrices(log_likelihood, z, mean, log_variance):
    d = mean.shape[1]
    rows = []
    for likelihood, codes in zip(log_likelihood, z, strict=True):
        prior = MultivariateNormal(torch.zeros(d), torch.eye(d)).log_prob(codes)
        rows.append(likelihood + prior - MultivariateNormal(mean, torch.diag_embed(log_variance.exp())).log_prob(codes))
    return torch.stack(rows)


def weights_by_noise(log_likelihood, z, mean, log_variance):
    """log q from the noise that made z."""
    eps = (z - mean) / (log_variance / 2).exp()
    constant = math.log(2 * math.pi)
    log_q = -0.5 * (eps**2 + log_variance + constant).sum(2)
    return log_likelihood - 0.5 * (z**2 + constant).sum(2) - log_q


def weights_of(change):
    """change(log_likelihood, log p(z), log q(z|x)) with the last two (k, n, latent)."""

    def log_weights(log_likelihood, z, mean, log_variance):
        sigma = (log_variance / 2).exp()
        return change(log_likelihood, Normal(0.0, 1.0).log_prob(z), Normal(mean, sigma).log_prob(z))

    return log_weights


def bound_by_hand(log_w):
    largest, _ = log_w.max(0)
    return largest + (log_w - largest).exp().mean(0).log()


def bound_in_loops(log_w):
    return torch.stack([torch.logsumexp(column - math.log(len(column)), 0) for column in log_w.T])


def bound_by_logaddexp(log_w):
    total = log_w[0]
    for row in log_w[1:]:
        total = torch.logaddexp(total, row)
    return total - torch.tensor(float(len(log_w))).log()


RIGHT = {
    "weights": [{"log_weights": w} for w in (weights_by_distributions, weights_by_matrices, weights_by_noise)],
    "importance": [{"importance_bound": b} for b in (bound_by_hand, bound_in_loops, bound_by_logaddexp)],
}
WRONG = {
    "weights": each("log_weights",
        ("log q(z|x) is added", weights_of(lambda ll, p, q: ll + (p + q).sum(2))),
        ("log q(z|x) is missing", weights_of(lambda ll, p, q: ll + p.sum(2))),
        ("log p(z) is missing", weights_of(lambda ll, p, q: ll - q.sum(2))),
        ("log p(z) is subtracted", weights_of(lambda ll, p, q: ll - (p + q).sum(2))),
        ("are exchanged", weights_of(lambda ll, p, q: ll + (q - p).sum(2))),
        ("log p(x|z) is missing", weights_of(lambda ll, p, q: (p - q).sum(2))),
        ("log p(x|z) is subtracted", weights_of(lambda ll, p, q: (p - q).sum(2) - ll)),
        ("the sign is wrong", weights_of(lambda ll, p, q: (q - p).sum(2) - ll)),
        ("averaged over the latent units", weights_of(lambda ll, p, q: ll + (p - q).mean(2))),
        ("not summed", weights_of(lambda ll, p, q: ll[..., None] + p - q)),
        ("variance stands where sigma", lambda ll, z, m, v: weights_by_distributions(ll, z, m, 2 * v)),
        ("mean of q is not", lambda ll, z, m, v: weights_by_distributions(ll, z, 0 * m, v)),
        ("log sigma is missing", lambda ll, z, m, v: weights_by_noise(ll, z, m, v) - v.sum(1) / 2),
        ("log sigma has the wrong sign", lambda ll, z, m, v: weights_by_noise(ll, z, m, v) - v.sum(1)),
        ("in log p(z) but not", weights_of(lambda ll, p, q: ll + (p - q - 0.5 * math.log(2 * math.pi)).sum(2))),
        ("in log q(z|x) but not", weights_of(lambda ll, p, q: ll + (p - q + 0.5 * math.log(2 * math.pi)).sum(2))),
        ("log p(x|z) - KL", lambda ll, z, m, v: ll - kl_divergence(Normal(m, (v / 2).exp()), Normal(0.0, 1.0)).sum(1)),
        ("these are the weights", lambda *a: weights_by_distributions(*a).exp()),
        ("averaged over the draws", lambda *a: weights_by_distributions(*a).mean(0)),
        ("(transposed?)", lambda *a: weights_by_distributions(*a).T),
    ),
    "importance": each("importance_bound",
        ("log k is missing", lambda w: w.logsumexp(0)),
        ("log k is added", lambda w: w.logsumexp(0) + math.log(len(w))),
        ("divided by k outside", lambda w: w.logsumexp(0) / len(w)),
        ("1/k stands", lambda w: w.logsumexp(0) - 1 / len(w)),
        ("k is subtracted", lambda w: w.logsumexp(0) - len(w)),
        ("mean of the logarithms", lambda w: w.mean(0)),
        ("sum of the logarithms", lambda w: w.sum(0)),
        ("largest log-weight", lambda w: w.amax(0)),
        ("the sign is wrong", lambda w: -bound_by_hand(w)),
        ("exp is missing", lambda w: w.mean(0).abs().log()),
        ("the logarithm is missing", lambda w: w.exp().mean(0)),
        ("over the draws, which are the rows", lambda w: bound_by_hand(w.T)),
        ("log k is taken right", lambda w: w.logsumexp(1) - math.log(len(w))),
        ("averaged over the examples", lambda w: bound_by_hand(w).mean()),
        ("summed over draws and examples", lambda w: w.logsumexp((0, 1)) - math.log(len(w))),
        ("log n is subtracted", lambda w: w.logsumexp(0) - math.log(w.shape[1])),
        ("base of log k is 2", lambda w: w.logsumexp(0) - math.log2(len(w))),
        ("near -800", lambda w: w.exp().mean(0).log()),
        ("near -800", lambda w: (w.double().exp().mean(0) + 1e-300).log().float()),
        ("gradient", lambda w: bound_by_hand(w.detach()) + 0 * w.sum()),
    ),
}  # fmt: skip
