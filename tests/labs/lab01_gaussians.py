"""Answers to the first half of lab 01: one Gaussian, and mixtures of them."""

import math

import numpy as np
import torch
from common_answers import each
from torch.distributions import MultivariateNormal

TWO_PI = 2 * math.pi


def quadratic(x, mean, S):
    return ((x - mean) @ torch.linalg.inv(S) * (x - mean)).sum(1)


def assembled(a=1.0, b=1.0, c=1.0):
    """The log-density with each of its three terms times a factor."""

    def log_gaussian(x, mean, S):
        terms = a * quadratic(x, mean, S), b * torch.linalg.slogdet(S).logabsdet, c * len(mean) * math.log(TWO_PI)
        return -0.5 * sum(terms)

    return log_gaussian


log_gaussian = assembled()


def log_gaussian_in_loops(x, mean, S):
    inverse = torch.linalg.inv(S)
    log_det = torch.linalg.slogdet(S).logabsdet
    return torch.stack([
        -((one - mean) @ inverse @ (one - mean) + log_det) / 2 - len(mean) * math.log(TWO_PI) / 2 for one in x
    ])  # fmt: skip


def log_gaussian_by_eigh(x, mean, S):
    values, vectors = torch.linalg.eigh(S)
    z = (x - mean) @ vectors / values.sqrt()
    return -0.5 * z.pow(2).sum(1) - values.log().sum() / 2 - len(mean) / 2 * np.log(TWO_PI)


def log_gaussian_by_einsum(x, mean, S):
    gap = x - mean
    a = torch.einsum("ni,ij,nj->n", gap, torch.linalg.pinv(S, hermitian=True), gap)
    return -(a + torch.logdet(S) + mean.numel() * torch.log(torch.tensor(TWO_PI))) / 2


def log_gaussian_literally(x, mean, S):
    return (-0.5 * quadratic(x, mean, S)).exp().div((TWO_PI ** len(mean) * torch.linalg.det(S)).sqrt()).log()


def log_gaussian_of_det(x, mean, S):
    return -0.5 * (quadratic(x, mean, S) + torch.linalg.det(S).log() + len(mean) * math.log(TWO_PI))


def log_gaussian_with_upper(x, mean, S):
    root = torch.linalg.cholesky(S)
    z = torch.linalg.solve_triangular(root.T, (x - mean).T, upper=True)
    return -0.5 * z.square().sum(0) - root.diagonal().log().sum() - len(mean) / 2 * math.log(TWO_PI)


def log_gaussian_of_pairs(x, mean, S):
    gap = x - mean
    return -0.5 * (gap @ torch.linalg.inv(S) @ gap.T + torch.logdet(S) + len(mean) * math.log(TWO_PI))


def log_gaussian_in_place(x, mean, S):
    value = log_gaussian(x, mean, S)
    x -= mean
    return value


def fit_by_cov(x):
    return x.mean(0), torch.cov(x.T, correction=0).reshape(x.shape[1], x.shape[1])


def fit_in_loops(x):
    n, d = x.shape
    mean = sum(x) / n
    S = torch.zeros(d, d, dtype=x.dtype)
    for one in x:
        S += torch.outer(one - mean, one - mean) / n
    return [mean, S]


def fit_by_moments(x):
    mean = x.sum(0) / len(x)
    return mean, (x[:, :, None] * x[:, None]).mean(0) - torch.outer(mean, mean)


def fit_but(change):
    def fit(x):
        mean, S = fit_by_cov(x)
        return change(x, mean, S)

    return fit


def log_sum_exp_in_loops(a):
    sums = []
    for row in a:
        b = max(row)
        sums.append(b + math.log(sum(math.exp(v - b) for v in row)))
    return torch.tensor(sums, dtype=a.dtype)


def log_sum_exp_pairwise(a):
    total = a[:, 0]
    for k in range(1, a.shape[1]):
        total = torch.logaddexp(total, a[:, k])
    return total


def log_sum_exp_of_one_maximum(a):
    return a.max() + (a - a.max()).exp().sum(1).log()


def joint(log_p, w):
    return log_p + torch.log(w)


def hard(r):
    return torch.nn.functional.one_hot(r.argmax(1), r.shape[1]).to(r.dtype)


def responsibilities_in_loops(log_p, w):
    rows = []
    for row in log_p:
        a = row + w.log()
        p = (a - a.max()).exp()
        rows.append(p / p.sum())
    return torch.stack(rows)


RIGHT = {
    "gaussian": [
        {"log_gaussian": log_gaussian},
        {"log_gaussian": log_gaussian_in_loops},
        {"log_gaussian": log_gaussian_by_eigh},
        {"log_gaussian": log_gaussian_by_einsum},
        {"log_gaussian": lambda x, mean, S: MultivariateNormal(mean, S).log_prob(x)},
    ],
    "fit": [{"fit_gaussian": fit_by_cov}, {"fit_gaussian": fit_in_loops}, {"fit_gaussian": fit_by_moments}],
    "mixture": [
        {"log_sum_exp": log_sum_exp_in_loops},
        {"log_sum_exp": log_sum_exp_pairwise},
        {"log_sum_exp": lambda a: torch.logsumexp(a, dim=-1)},
        {"log_mixture": lambda log_p, w: torch.logsumexp(joint(log_p, w), 1)},
        {"log_mixture": lambda log_p, w: log_p.amax(1) + ((log_p - log_p.amax(1, keepdim=True)).exp() @ w).log()},
    ],
    "e_step": [
        {"responsibilities": lambda log_p, w: torch.softmax(joint(log_p, w), dim=-1)},
        {"responsibilities": responsibilities_in_loops},
    ],
}
WRONG = {
    "gaussian": each("log_gaussian",
        ("1/2 of the quadratic form", assembled(a=2)),
        ("1/2 of log det", assembled(b=2)),
        ("halved twice", assembled(b=0.5)),
        ("both factors 1/2", assembled(a=2, b=2)),
        ("all three factors", assembled(2, 2, 2)),
        ("log det is missing", assembled(b=0)),
        ("log det has the wrong sign", assembled(b=-1)),
        ("log 2 pi is missing", assembled(c=0)),
        ("d is missing", lambda x, m, S: assembled(c=1 / len(m))(x, m, S)),
        ("where its logarithm belongs", lambda x, m, S: assembled(b=0)(x, m, S) - 0.5 * torch.linalg.det(S)),
        ("120 dimensions", log_gaussian_of_det),
        ("stay in logarithms", log_gaussian_literally),
        ("its inverse belongs", lambda x, m, S: log_gaussian(x, m, torch.linalg.inv(S)) - torch.logdet(S)),
        ("L^T in place of L", log_gaussian_with_upper),
        ("the mean is not subtracted", lambda x, m, S: log_gaussian(x, 0 * m, S)),
        ("its logarithm is asked for", lambda x, m, S: log_gaussian(x, m, S).exp()),
        ("base 10", lambda x, m, S: log_gaussian(x, m, S) / math.log(10)),
        ("sign is the opposite", lambda x, m, S: -log_gaussian(x, m, S)),
        ("only the diagonal", lambda x, m, S: log_gaussian(x, m, torch.diag(S.diag()))),
        ("summed over the examples", lambda x, m, S: log_gaussian(x, m, S).sum()),
        ("averaged over the examples", lambda x, m, S: log_gaussian(x, m, S).mean()),
        ("all pairs", log_gaussian_of_pairs),
        ("taken for its Cholesky factor", lambda x, m, S: log_gaussian(x, m, S.tril() @ S.tril().T)),
        ("has dtype float32", lambda x, m, S: log_gaussian(x, m, S).float()),
        ("a numpy array", lambda x, m, S: log_gaussian(x, m, S).numpy()),
        ("has shape (6, 1)", lambda x, m, S: log_gaussian(x, m, S)[:, None]),
        ("in place", log_gaussian_in_place),
        ("raised", lambda x, m, S: log_gaussian(x, m, S.float())),
    ),
    "fit": each("fit_gaussian",
        ("divided by n - 1", lambda x: (x.mean(0), torch.cov(x.T).reshape(x.shape[1], -1))),
        ("not between their entries", fit_but(lambda x, m, S: (m, (x - m) @ (x - m).T / len(x)))),
        ("torch.cov wants x.T", lambda x: (x.mean(0), torch.cov(x, correction=0))),
        ("without n: torch.cov", lambda x: (x.mean(0), torch.cov(x))),
        ("the mean is not subtracted", fit_but(lambda x, m, S: (m, x.T @ x / len(x)))),
        ("summed over the examples", fit_but(lambda x, m, S: (m, S * len(x)))),
        ("averaged over the entries", fit_but(lambda x, m, S: (x.mean(1), S))),
        ("one mean of everything", fit_but(lambda x, m, S: (x.mean(), S))),
        ("only the diagonal", fit_but(lambda x, m, S: (m, torch.diag(S.diag())))),
        ("only the variances", lambda x: (x.mean(0), x.var(0, correction=0))),
        ("the correlation", lambda x: (x.mean(0), torch.corrcoef(x.T))),
        ("the square root", fit_but(lambda x, m, S: (m, S.abs().sqrt()))),
        ("has shape (1, 3)", fit_but(lambda x, m, S: (m[None], S))),
        ("has shape (); (1, 1)", lambda x: (x.mean(0), torch.cov(x.T, correction=0))),
        ("2 values are expected", fit_but(lambda x, m, S: S)),
        ("divided by d", fit_but(lambda x, m, S: (m, S * len(x) / len(m)))),
    ),
    "mixture": [
        *each("log_sum_exp",
        ("entries near 2000", lambda a: a.exp().sum(1).log()),
        ("over the rows", lambda a: torch.logsumexp(a, 0)),
        ("not added back", lambda a: torch.logsumexp(a, 1) - a.amax(1)),
        ("one row is large", log_sum_exp_of_one_maximum),
        ("logarithm is missing", lambda a: a.exp().sum(1)),
        ("logarithm of the mean", lambda a: torch.logsumexp(a, 1) - math.log(a.shape[1])),
        ("added up; add up their exp", lambda a: a.sum(1)),
        ("its shape is (n, 1)", lambda a: torch.logsumexp(a, 1, keepdim=True)),
        ("one for each row", lambda a: torch.logsumexp(a, (0, 1))),
        ("largest entry alone", lambda a: a.amax(1)),
        ("log softmax", lambda a: torch.log_softmax(a, 1)),
        ("entry of -inf", lambda a: torch.logsumexp(a + 0 * a.amin(), 1)),
        ),
        *each("log_mixture",
        ("the weights are missing", lambda log_p, w: torch.logsumexp(log_p, 1)),
        ("w_k was added", lambda log_p, w: torch.logsumexp(log_p + w, 1)),
        ("w_k was multiplied", lambda log_p, w: torch.logsumexp(log_p * w, 1)),
        ("inside the logarithm", lambda log_p, w: log_p @ w),
        ("counts 1/K", lambda log_p, w: torch.logsumexp(log_p, 1) - math.log(len(w))),
        ("only the best", lambda log_p, w: joint(log_p, w).amax(1)),
        ("the density; its", lambda log_p, w: log_p.exp() @ w),
        ("far from all components", lambda log_p, w: (log_p.exp() @ w).log()),
        ("over the examples, not over the components", lambda log_p, w: joint(log_p, w).logsumexp(0)),
        ("summed over the examples", lambda log_p, w: joint(log_p, w).logsumexp(1).sum()),
        ("averaged over the examples", lambda log_p, w: joint(log_p, w).logsumexp(1).mean()),
        ("add them up", joint),
        ("log w_k was subtracted", lambda log_p, w: joint(log_p, 1 / w).logsumexp(1)),
        ),
    ],
    "e_step": each("responsibilities",
        ("over the examples", lambda log_p, w: torch.softmax(joint(log_p, w), 0)),
        ("over everything", lambda log_p, w: joint(log_p, w).flatten().softmax(0).view_as(log_p)),
        ("the weights are missing", lambda log_p, w: torch.softmax(log_p, 1)),
        ("not divided by their sum", lambda log_p, w: joint(log_p, w).exp()),
        ("their logarithms", lambda log_p, w: torch.log_softmax(joint(log_p, w), 1)),
        ("all or nothing", lambda log_p, w: hard(joint(log_p, w))),
        ("w_k was added", lambda log_p, w: torch.softmax(log_p + w, 1)),
        ("w_k was multiplied", lambda log_p, w: torch.softmax(log_p * w, 1)),
        ("after dividing", lambda log_p, w: torch.softmax(log_p, 1) * w),
        ("log-densities, not densities", lambda log_p, w: joint(log_p, w) / joint(log_p, w).sum(1, keepdim=True)),
        ("the weights alone", lambda log_p, w: w.repeat(len(log_p), 1)),
        ("far from all components is NaN", lambda log_p, w: (log_p.exp() * w) / (log_p.exp() @ w)[:, None]),
        ("(transposed?)", lambda log_p, w: torch.softmax(joint(log_p, w), 1).T),
        ("has dtype int64", lambda log_p, w: hard(joint(log_p, w)).long() * 0),
    ),
}  # fmt: skip
