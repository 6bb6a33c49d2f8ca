"""Answers to the exercises of lab 01 on EM: the M step, the whole, three failures, and the start."""

import numpy as np
import torch
from common_answers import each
from lab01_gaussians import fit_by_cov, hard
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal


def m_step_in_loops(x, r):
    n, k = r.shape
    weights, means, covariances = [], [], []
    for j in range(k):
        total = r[:, j].sum()
        mean = sum(r[i, j] * x[i] for i in range(n)) / total
        S = sum(r[i, j] * torch.outer(x[i] - mean, x[i] - mean) for i in range(n)) / total
        weights.append(total / n)
        means.append(mean)
        covariances.append(S)
    return torch.stack(weights), torch.stack(means), torch.stack(covariances)


def m_step_by_cov(x, r):
    share = r / r.sum(0)
    means = torch.einsum("nk,nd->kd", share, x)
    covariances = [torch.cov(x.T, correction=0, aweights=c).reshape(x.shape[1], -1) for c in share.T]
    return r.mean(0), means, torch.stack(covariances)


def m_step_by_moments(x, r):
    count = r.sum(0)
    means = torch.einsum("nk,nd->kd", r, x) / count[:, None]
    second = torch.einsum("nk,ni,nj->kij", r, x, x) / count[:, None, None]
    return count / count.sum(), means, second - means[:, :, None] * means[:, None]


m_step = m_step_by_cov


def scatter(x, r, about):
    gap = x - about[:, None]
    return torch.einsum("nk,kni,knj->kij", r, gap, gap)


def m_step_but(weights=None, means=None, S=None):
    """The right M step with one part replaced by a function of (x, r, the right means, the right covariances)."""

    def wrong(x, r):
        right = m_step(x, r)
        parts = weights, means, S
        return tuple(part(x, r, *right[1:]) if part else value for part, value in zip(parts, right, strict=True))

    return wrong


def log_likelihoods(x, w, m, S):
    return MultivariateNormal(m, S, validate_args=False).log_prob(x[:, None]) + w.log()


def em_with(
    e=lambda a, w: torch.softmax(a, 1),
    m=lambda x, r, old: m_step(x, r),
    ridge_on=lambda S, ridge: S + ridge * torch.eye(S.shape[-1], dtype=S.dtype),
    extra=0,
):
    """EM with its parts exchanged, `extra` steps more than asked for."""

    def em(x, weights, means, covariances, steps, ridge=0.0):
        state = weights, means, covariances
        history = [torch.logsumexp(log_likelihoods(x, *state), 1).mean()]
        for _ in range(steps + extra):
            weights, means, covariances = m(x, e(log_likelihoods(x, *state), state[0]), state)
            state = weights, means, ridge_on(covariances, ridge)
            history.append(torch.logsumexp(log_likelihoods(x, *state), 1).mean())
        return *state, torch.stack(history)

    return em


def em_but(change):
    right = em_with()

    def em(x, weights, means, covariances, steps, ridge=0.0):
        return change(x, (weights, means, covariances), right(x, weights, means, covariances, steps, ridge))

    return em


def em_by_distributions(x, weights, means, covariances, steps, ridge=0.0):
    history = []
    for t in range(steps + 1):
        parts = MultivariateNormal(means, covariances)
        mixture = MixtureSameFamily(Categorical(weights), parts)
        history.append(mixture.log_prob(x).mean().item())
        if t < steps:
            r = (parts.log_prob(x[:, None]) + weights.log() - mixture.log_prob(x)[:, None]).exp()
            weights, means, covariances = m_step_in_loops(x, r)
            covariances = covariances + torch.diag_embed(torch.full_like(means, ridge))
    return weights, means, covariances, torch.tensor(history, dtype=x.dtype)


def em_of_means_alone(x, r, old):
    weights, means, _ = m_step(x, r)
    return weights, means, scatter(x, r, old[1]) / r.sum(0)[:, None, None]


def em_without_ridge_in_steps(x, weights, means, covariances, steps, ridge=0.0):
    weights, means, covariances, history = em_with()(x, weights, means, covariances, steps)
    return weights, means, covariances + ridge * torch.eye(x.shape[1], dtype=x.dtype), history


def em_with_late_history(x, weights, means, covariances, steps, ridge=0.0):
    *state, history = em_with()(x, weights, means, covariances, steps, ridge)
    return *state, torch.cat([history[1:], em_with()(x, *state, 1, ridge)[3][1:]])


def steadily_wrong(history):
    """Right in the first five entries, and then it falls."""
    return torch.cat([history[:5], history[5:].flip(0)])


def em_unbiased(x, r, old):
    weights, means, covariances = m_step(x, r)
    count = r.sum(0)[:, None, None]
    return weights, means, covariances * count / (count - 1)



def answer(**causes):
    return lambda: {"A": "equal start", "B": "collapse", "C": "underflow"} | causes


def start_by_multinomial(x, k):
    rows = torch.multinomial(torch.ones(len(x)), k)
    return torch.ones(k, dtype=x.dtype) / k, x[rows].clone(), torch.stack([fit_by_cov(x)[1]] * k)


def start_by_numpy(x, k):
    rows = np.random.default_rng().choice(len(x), k, replace=False)
    S = fit_by_cov(x)[1]
    return [torch.full([k], 1.0 / k, dtype=torch.float64), x[torch.from_numpy(rows)], S.expand(k, *S.shape)]


def start_with_unbiased_covariance(x, k):
    """As with a fit_gaussian that divides by n - 1, a mistake that is told there."""
    weights, means, covariances = start_by_multinomial(x, k)
    return weights, means, covariances * len(x) / (len(x) - 1)


def start_but(weights=None, means=None, S=None):
    def start(x, k):
        parts = weights, means, S
        return tuple(part(x, k) if part else value
                     for part, value in zip(parts, start_by_multinomial(x, k), strict=True))  # fmt: skip

    return start


def rows_of_seed_0(x, k):
    return x[torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:k]]


RIGHT = {
    "m_step": [{"m_step": m_step_in_loops}, {"m_step": m_step_by_cov}, {"m_step": m_step_by_moments}],
    "em": [{"em": em_with()}, {"em": em_by_distributions}],
    "diagnosis": [{"diagnosis": answer()}],
    "start": [{"start": start_by_multinomial}, {"start": start_by_numpy}, {"start": start_with_unbiased_covariance}],
}
WRONG = {
    "m_step": each("m_step",
        ("N_k itself", m_step_but(weights=lambda x, r, m, S: r.sum(0))),
        ("number of components", m_step_but(weights=lambda x, r, m, S: r.sum(0) / r.shape[1])),
        ("every component got 1/K", m_step_but(weights=lambda x, r, m, S: 0 * r[0] + 1 / r.shape[1])),
        ("summed over the components", m_step_but(weights=lambda x, r, m, S: r.sum(1) / len(x))),
        ("its best component alone", lambda x, r: m_step(x, hard(r))),
        ("divided by n; divide by N_k", m_step_but(means=lambda x, r, m, S: r.T @ x / len(x))),
        ("not divided by N_k", m_step_but(means=lambda x, r, m, S: r.T @ x)),
        ("the plain mean of x", m_step_but(means=lambda x, r, m, S: x.mean(0).repeat(r.shape[1], 1))),
        ("(transposed?)", m_step_but(means=lambda x, r, m, S: m.T)),
        ("covariances) is wrong: divided by n", m_step_but(S=lambda x, r, m, S: scatter(x, r, m) / len(x))),
        ("divided by N_k - 1", m_step_but(S=lambda x, r, m, S: scatter(x, r, m) / (r.sum(0) - 1)[:, None, None])),
        ("around the mean of all x", m_step_but(S=lambda x, r, m, S: scatter(x, r / r.sum(0), 0 * m + x.mean(0)))),
        ("the mean is not subtracted", m_step_but(S=lambda x, r, m, S: scatter(x, r / r.sum(0), 0 * m))),
        ("responsibilities are squared", m_step_but(S=lambda x, r, m, S: scatter(x, r**2 / r.sum(0), m))),
        ("responsibilities are not used", m_step_but(S=lambda x, r, m, S: scatter(x, 0 * r + 1 / len(x), m))),
        ("only the diagonal", m_step_but(S=lambda x, r, m, S: S * torch.eye(x.shape[1], dtype=x.dtype))),
        ("only the variances", m_step_but(S=lambda x, r, m, S: S.diagonal(dim1=1, dim2=2))),
        ("deviations, not variances", m_step_but(S=lambda x, r, m, S: S.abs().sqrt())),
        ("the same covariance", m_step_but(S=lambda x, r, m, S: 0 * S + scatter(x, r, m).sum(0) / len(x))),
        ("3 are expected", lambda x, r: m_step(x, r)[1:]),
        ("has dtype float32", m_step_but(S=lambda x, r, m, S: S.float())),
    ),
    "em": each("em",
        ("not those after one step but those of the start", em_but(lambda x, begin, end: (*begin, end[3]))),
        ("those after two", em_with(extra=1)),
        ("an E step without the weights", em_with(e=lambda a, w: torch.softmax(a - w.log(), 1))),
        ("around the means from before", em_with(m=em_of_means_alone)),
        ("value 1 of `em` after one step is wrong: not those", em_with(m=lambda x, r, o: (o[0], *m_step(x, r)[1:]))),
        ("value 3 of `em` after one step is wrong: not those", em_with(m=lambda x, r, o: (*m_step(x, r)[:2], o[2]))),
        ("summed over the examples", em_but(lambda x, begin, end: (*end[:3], end[3] * len(x)))),
        ("the first entry is that of the start", em_with_late_history),
        ("one entry is missing: that of the start", em_but(lambda x, begin, end: (*end[:3], end[3][1:]))),
        ("that of the parameters that are", em_but(lambda x, begin, end: (*end[:3], end[3][:-1]))),
        ("must return four tensors", em_but(lambda x, begin, end: end[:3])),
        ("the ridge was not added", em_with(ridge_on=lambda S, ridge: S)),
        ("only to the diagonal", em_with(ridge_on=lambda S, ridge: S + ridge)),
        ("the squared ridge", em_with(ridge_on=lambda S, ridge: S + ridge**2 * torch.eye(S.shape[-1], dtype=S.dtype))),
        ("belongs into each step", em_without_ridge_in_steps),
        ("every entry is", em_but(lambda x, begin, end: (*end[:2], 1.01 * end[2], end[3]))),
        ("a list", em_but(lambda x, begin, end: (*end[:3], end[3].tolist()))),
        ("divided by N_k - 1", em_with(m=em_unbiased)),
        ("the log-likelihood falls", em_but(lambda x, begin, end: (*end[:3], steadily_wrong(end[3])))),
    ),
    "diagnosis": each("diagnosis",
        ("A: 'too few components' is not the cause", answer(A="too few components")),
        ("B: 'too few steps' is not the cause", answer(B="too few steps")),
        ("B: 'underflow' is not the cause", answer(B="underflow")),
        ("C: 'collapse' is not the cause", answer(C="collapse")),
        ("none of the causes", answer(A="Equal start")),
        ("give a dict", lambda: ["equal start", "collapse", "underflow"]),
        ("no answer for C", lambda: {"A": "equal start", "B": "collapse"}),
        ("`return` missing", lambda: None),
        ("names ['D']", answer(D="collapse")),
    ),
    "start": each("start",
        ("identity matrices", start_but(S=lambda x, k: torch.eye(x.shape[1]).to(x).repeat(k, 1, 1))),
        ("only the diagonal", start_but(S=lambda x, k: torch.diag(x.var(0, False)).repeat(k, 1, 1))),
        ("1 for each", start_but(weights=lambda x, k: torch.ones(k, dtype=x.dtype))),
        ("all means are the mean of x", start_but(means=lambda x, k: x.mean(0).repeat(k, 1))),
        ("must be an example", start_but(means=lambda x, k: torch.randn(k, x.shape[1], dtype=x.dtype))),
        ("taken twice", start_but(means=lambda x, k: x[torch.randint(len(x), (k,))])),
        ("two calls take the same", start_but(means=lambda x, k: x[:k])),
        ("without a fixed seed", start_but(means=rows_of_seed_0)),
        ("is never taken", start_but(means=lambda x, k: x[1:][torch.randperm(len(x) - 1)[:k]] if k < len(x) else x)),
        ("divided by K", start_but(S=lambda x, k: fit_by_cov(x)[1].repeat(k, 1, 1) / k)),
        ("has shape (2, 2); (3, 2, 2)", start_but(S=lambda x, k: fit_by_cov(x)[1])),
        ("must return three", lambda x, k: start_by_multinomial(x, k)[:2]),
        ("has dtype float32", start_but(weights=lambda x, k: torch.full((k,), 1 / k))),
        ("weights has shape", start_but(weights=lambda x, k: torch.tensor(1 / k, dtype=x.dtype))),
    ),
}  # fmt: skip
