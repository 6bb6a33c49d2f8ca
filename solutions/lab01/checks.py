"""The checks of lab 01: what `check("gaussian")` and its kin try, and what they say of a mistake.

Each exercise is judged by one function below, which the check in the lab calls with one set of inputs
and the grading with others. The references are those of torch.distributions and scikit-learn.
"""

import math
import warnings

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, MixtureSameFamily, MultivariateNormal

from lecturelib.grading.diagnosis import judge_diagnosis
from lecturelib.grading.exercises import exercise
from lecturelib.grading.mistakes import Mistake, close, compare, require, require_finite, require_form
from lecturelib.grading.outcomes import outcome

F64 = torch.float64
IN_LOGS = "stay in logarithms (Cholesky or slogdet), without det and without exp"


def _normal(*shape: int, rng: torch.Generator) -> Tensor:
    return torch.randn(*shape, generator=rng, dtype=F64)


def _uniform(*shape: int, rng: torch.Generator) -> Tensor:
    return torch.rand(*shape, generator=rng, dtype=F64)


def _covariance(d: int, rng: torch.Generator, low: float = 0.3, high: float = 2.0) -> Tensor:
    """A covariance (d, d) with standard deviations from low to high along random directions."""
    turned, _ = torch.linalg.qr(_normal(d, d, rng=rng))
    deviations = torch.linspace(low, high, d, dtype=F64)
    return turned @ torch.diag(deviations**2) @ turned.T


def _rows_that_sum_to_1(n: int, k: int, rng: torch.Generator) -> Tensor:
    return torch.softmax(1.5 * _normal(n, k, rng=rng), 1)


def _weights(k: int, rng: torch.Generator) -> Tensor:
    """Shares (k,) from small to large, so that no two are alike and none is 1/k."""
    w = torch.arange(1, k + 1, dtype=F64) + 0.4 * _uniform(k, rng=rng)
    return w[torch.randperm(k, generator=rng)] / w.sum()


# 1. One Gaussian


def _judge_gaussian(call, n: int, d: int, rng: torch.Generator) -> None:
    mean, covariance = 2 * _normal(d, rng=rng) + 3, _covariance(d, rng)
    x = mean + 1.5 * _normal(n, d, rng=rng)
    gap = x - mean
    squares = torch.linalg.solve(covariance, gap.T).T * gap
    quadratic = squares.sum(1)
    log_det, constant = torch.logdet(covariance), d * math.log(2 * math.pi)
    root = torch.linalg.cholesky(covariance)
    right = MultivariateNormal(mean, covariance).log_prob(x)

    def assembled(a=quadratic, b=log_det, c=constant):
        return -0.5 * (a + b + c)

    wrong = {
        "the factor 1/2 of the quadratic form is missing": assembled(a=2 * quadratic),
        "the factor 1/2 of log det is missing (with a Cholesky factor: 1/2 log det = sum of log L_ii)":
            assembled(b=2 * log_det),
        "log det is halved twice: with a Cholesky factor L, log det = 2 sum of log L_ii": assembled(b=log_det / 2),
        "both factors 1/2 are missing": -quadratic - log_det - constant / 2,
        "all three factors 1/2 are missing": 2 * right,
        "log det is missing": assembled(b=0),
        "log det has the wrong sign": assembled(b=-log_det),
        "the determinant stands where its logarithm belongs": assembled(b=log_det.exp()),
        "the term with log 2 pi is missing": assembled(c=0),
        "d is missing in d/2 log 2 pi": assembled(c=constant / d),
        "2 pi stands where log 2 pi belongs": assembled(c=2 * math.pi * d),
        "log pi stands where log 2 pi belongs": assembled(c=d * math.log(math.pi)),
        "the covariance stands where its inverse belongs": assembled(a=(gap @ covariance * gap).sum(1)),
        "the mean is not subtracted": MultivariateNormal(torch.zeros(d, dtype=F64), covariance).log_prob(x),
        "solved with L^T in place of L": assembled(a=torch.linalg.solve(root.T, gap.T).square().sum(0)),
        "the quadratic form is not squared": assembled(a=quadratic.sqrt()),
        "only the diagonal of the covariance is used":
            MultivariateNormal(mean, torch.diag(covariance.diagonal())).log_prob(x),
        "the covariance is taken for its Cholesky factor":
            MultivariateNormal(mean, scale_tril=covariance.tril()).log_prob(x),
        "this is the density; its logarithm is asked for": right.exp(),
        "a logarithm to the base 10; the natural one is asked for": right / math.log(10),
        "a logarithm to the base 2; the natural one is asked for": right / math.log(2),
        "summed over the examples; one value for each is asked for": right.sum(),
        "averaged over the examples; one value for each is asked for": right.mean(),
        "all pairs of examples (n, n); only x_i with itself is asked for":
            -0.5 * (torch.linalg.solve(covariance, gap.T).T @ gap.T + log_det + constant),
    }  # fmt: skip
    compare(call("log_gaussian", x, mean, covariance), right, wrong, tolerance=1e-6, what="the log-density")


def _judge_extremes(call, d: int, rng: torch.Generator) -> None:
    """Many dimensions on small and large scales; points far from the mean."""
    for scale in (1e-3, 1e3):
        mean, covariance = scale * _normal(d, rng=rng), scale**2 * _covariance(d, rng)
        x = mean + scale * _normal(4, d, rng=rng)
        value = call("log_gaussian", x, mean, covariance)
        require_finite(value, f"the log-density in {d} dimensions with deviations near {scale:g}", IN_LOGS)
        right = MultivariateNormal(mean, covariance).log_prob(x)
        compare(value, right, tolerance=1e-6, what=f"the log-density with deviations near {scale:g}")
    mean, covariance = _normal(2, rng=rng), _covariance(2, rng)
    x = mean + 100 * torch.tensor([[1.0, 1.0], [-1.0, 1.0], [2.0, 0.0]], dtype=F64)
    value = call("log_gaussian", x, mean, covariance)
    require_finite(value, "the log-density 100 units away from the mean", IN_LOGS)
    compare(value, MultivariateNormal(mean, covariance).log_prob(x), tolerance=1e-6, what="the log-density far away")


@exercise("gaussian", points=2, hint="(x - m)^T S^-1 (x - m) is the squared length of L^-1 (x - m), with S = L L^T.")
def gaussian(call, rng):
    _judge_gaussian(call, 6, 3, rng)
    _judge_extremes(call, 120, rng)


@exercise("gaussian", points=2, hidden=True)
def gaussian_elsewhere(call, rng):
    _judge_gaussian(call, 9, 5, rng)
    _judge_gaussian(call, 1, 4, rng)
    _judge_gaussian(call, 5, 1, rng)
    _judge_extremes(call, 200, rng)


def _judge_fit(call, n: int, d: int, rng: torch.Generator) -> None:
    x = _normal(n, d, rng=rng) @ torch.linalg.cholesky(_covariance(d, rng)).T + 3 * _normal(d, rng=rng) + 4
    mean, right = x.mean(0), torch.cov(x.T, correction=0).reshape(d, d)
    wrong = {
        "summed over the examples, not averaged": (mean * n, right * n),
        "averaged over the entries of each example, not over the examples": (x.mean(1), right),
        "one mean of everything": (x.mean(), right),
        "the mean is not subtracted": (mean, x.T @ x / n),
        "divided by d; divide by n": (mean, right * n / d),
        "only the diagonal is filled": (mean, torch.diag(right.diagonal())),
        "only the variances (d,); the whole matrix is asked for": (mean, right.diagonal()),
    }
    inner = (x - x.mean(1, keepdim=True)).T
    if n > 1:
        unbiased = right * n / (n - 1)
        wrong |= {
            "divided by n - 1 (unbiased); maximum likelihood divides by n": (mean, unbiased),
            "the square root was taken: deviations, not variances": (mean, right.abs().sqrt()),
            "the correlation, not the covariance": (mean, torch.corrcoef(x.T).reshape(d, d)),
            "between examples (n, n), not between their entries (d, d)": (mean, (x - mean) @ (x - mean).T / n),
            "of the transposed x, (n, n): torch.cov wants x.T": (mean, inner.T @ inner / d),
            "of the transposed x, (n, n), and without n: torch.cov wants x.T, correction=0":
                (mean, inner.T @ inner / max(d - 1, 1)),
        }  # fmt: skip
    compare(call("fit_gaussian", x), (mean, right), wrong, tolerance=1e-6, what="the fit (mean, covariance)")


@exercise("fit", points=2, hint="Value 1 is the mean (d,), value 2 the covariance (d, d), also for d = 1.")
def fit(call, rng):
    _judge_fit(call, 9, 3, rng)
    _judge_fit(call, 8, 1, rng)


@exercise("fit", points=1, hidden=True)
def fit_elsewhere(call, rng):
    _judge_fit(call, 30, 6, rng)
    _judge_fit(call, 12, 1, rng)
    _judge_fit(call, 3, 5, rng)  # fewer examples than dimensions


# 2. A mixture


def _judge_sum(call, n: int, k: int, rng: torch.Generator) -> None:
    a = _normal(n, k, rng=rng) - 2
    right = torch.logsumexp(a, 1)
    wrong = {
        "added up over the rows; add up over the columns of each row": torch.logsumexp(a, 0),
        "the maximum is not added back": right - a.amax(1),
        "the logarithm is missing": right.exp(),
        "this is the logarithm of the mean; add up, do not average": right - math.log(k),
        "the logarithms were added up; add up their exponentials": a.sum(1),
        "one sum of everything; one for each row is asked for": torch.logsumexp(a, (0, 1)),
        "its shape is (n, 1); (n,) is asked for": right[:, None],
        "log softmax; the sum alone is asked for": torch.log_softmax(a, 1),
    }
    if k > 1:
        wrong["this is the largest entry alone"] = a.amax(1)
    compare(call("log_sum_exp", a), right, wrong, tolerance=1e-6, what="the log-sum-exp")
    advice = "subtract the largest entry of each row before exp, and add it again after log"
    for shift in (2000.0, -2000.0):
        value = call("log_sum_exp", a + shift)
        require_finite(value, f"the log-sum-exp of entries near {shift:g}", advice)
        compare(value, right + shift, tolerance=1e-9, what=f"the log-sum-exp of entries near {shift:g}")
    apart = a + torch.linspace(-2000, 2000, n, dtype=F64)[:, None]
    value = call("log_sum_exp", apart)
    require_finite(value, "the log-sum-exp where one row is large and another small", advice)
    compare(value, torch.logsumexp(apart, 1), tolerance=1e-9, what="the log-sum-exp of rows of very different size")
    if k > 1:
        a[0, 0] = -math.inf
        value = call("log_sum_exp", a)
        require_finite(value, "the log-sum-exp with an entry of -inf, the logarithm of 0,", "exp makes it 0")
        compare(value, torch.logsumexp(a, 1), tolerance=1e-6, what="the log-sum-exp with an entry of -inf")


def _judge_mixture(call, n: int, k: int, rng: torch.Generator) -> None:
    log_p, w = _normal(n, k, rng=rng) - 4, _weights(k, rng)
    right = (log_p.exp() * w).sum(1).log()
    wrong = {
        "the weights are missing: log w_k belongs to each term": torch.logsumexp(log_p, 1),
        "w_k was added; add log w_k": torch.logsumexp(log_p + w, 1),
        "w_k was multiplied with the log-density; add log w_k": torch.logsumexp(w * log_p, 1),
        "the weighted mean of the log-densities: the sum belongs inside the logarithm": (w * log_p).sum(1),
        "every component counts 1/K: the weights are not used": torch.logsumexp(log_p, 1) - math.log(k),
        "log w_k was subtracted; add it": torch.logsumexp(log_p - w.log(), 1),
        "only the best component counts; add up all": (log_p + w.log()).amax(1),
        "the density; its logarithm is asked for": right.exp(),
        "summed over the examples; one value for each is asked for": right.sum(),
        "averaged over the examples; one value for each is asked for": right.mean(),
        "added up over the examples, not over the components": torch.logsumexp(log_p + w.log(), 0),
        "one value for each component; add them up": log_p + w.log(),
    }
    compare(call("log_mixture", log_p, w), right, wrong, tolerance=1e-6, what="the mixture's log-density")
    value = call("log_mixture", log_p - 2000, w)
    require_finite(value, "the mixture's log-density far from all components", "use your log_sum_exp")
    compare(value, right - 2000, tolerance=1e-9, what="the mixture's log-density far from all components")
    if k > 1:
        w = torch.cat([w[1:] / w[1:].sum(), torch.zeros(1, dtype=F64)])
        value = call("log_mixture", log_p, w)
        require_finite(value, "the mixture's log-density with a component of weight 0", "log 0 = -inf adds exp = 0")
        right = (log_p.exp() * w).sum(1).log()
        compare(value, right, tolerance=1e-6, what="the mixture's log-density with a component of weight 0")


@exercise("mixture", points=2, hint="log p(x_i) is the log-sum-exp over k of log w_k + log N(x_i; m_k, S_k).")
def mixture(call, rng):
    _judge_sum(call, 5, 3, rng)
    _judge_mixture(call, 6, 3, rng)


@exercise("mixture", points=2, hidden=True)
def mixture_elsewhere(call, rng):
    for n, k in ((7, 4), (4, 1), (1, 5)):
        _judge_sum(call, n, k, rng)
        _judge_mixture(call, n, k, rng)


def _judge_responsibilities(call, n: int, k: int, rng: torch.Generator) -> None:
    log_p, w = _normal(n, k, rng=rng) - 4, _weights(k, rng)
    joint = log_p.exp() * w
    right = joint / joint.sum(1, keepdim=True)
    wrong = {
        "they sum to 1 over the examples; for each example they sum to 1 over the components": joint / joint.sum(0),
        "they sum to 1 over everything; for each example they sum to 1": joint / joint.sum(),
        "the weights are missing": torch.softmax(log_p, 1),
        "not divided by their sum over the components": joint,
        "their logarithms; take exp": right.log(),
        "all or nothing (only the best component): each is a share": (joint == joint.amax(1, keepdim=True)).to(F64),
        "w_k was added to the log-density; add log w_k": torch.softmax(log_p + w, 1),
        "w_k was multiplied with the log-density; multiply it with the density": torch.softmax(w * log_p, 1),
        "the weights were applied after dividing": torch.softmax(log_p, 1) * w,
        "log-densities, not densities, were divided by their sum":
            (log_p + w.log()) / (log_p + w.log()).sum(1, keepdim=True),
        "the weights alone: the densities are not used": w.expand(n, k),
    }  # fmt: skip
    compare(call("responsibilities", log_p, w), right, wrong, tolerance=1e-6, what="the responsibilities")
    value = call("responsibilities", log_p - 2000, w)
    advice = "there all densities round to 0: work with logarithms until the last exp"
    require_finite(value, "a responsibility far from all components", advice)
    compare(value, right, tolerance=1e-6, what="the responsibilities far from all components")


@exercise("e_step", points=2, hint="r_ik = w_k N_k(x_i) / p(x_i); its logarithm is a difference.")
def e_step(call, rng):
    _judge_responsibilities(call, 7, 3, rng)


@exercise("e_step", points=1, hidden=True)
def e_step_elsewhere(call, rng):
    for n, k in ((5, 4), (6, 1), (1, 3)):
        _judge_responsibilities(call, n, k, rng)


# 3. Expectation maximisation


def _judge_m_step(call, n: int, d: int, k: int, rng: torch.Generator) -> None:
    x, r = 2 * _normal(n, d, rng=rng) + 3, _rows_that_sum_to_1(n, k, rng)
    count = r.sum(0)
    means = torch.stack([(c[:, None] * x).sum(0) / c.sum() for c in r.T])

    def scatter(about: Tensor, share: Tensor = r) -> Tensor:  # about: (k, d) or (d,)
        gaps = [x - a for a in about.expand(k, d)]
        return torch.stack([g.T @ torch.diag(c) @ g for c, g in zip(share.T, gaps, strict=True)])

    per = count[:, None, None]
    covariances = scatter(means) / per
    hard = torch.nn.functional.one_hot(r.argmax(1), k).to(F64)
    right = (count / n, means, covariances)

    def but(weights=right[0], means=means, covariances=covariances):
        return weights, means, covariances

    wrong = {
        "N_k itself; divide by n": but(weights=count),
        "divided by the number of components; divide by n": but(weights=count / k),
        "every component got 1/K": but(weights=torch.full((k,), 1 / k, dtype=F64)),
        "summed over the components; sum over the examples": but(weights=r.sum(1) / n),
        "each example was counted for its best component alone": but(weights=hard.mean(0)),
        "divided by n; divide by N_k": but(means=means * (count / n)[:, None], covariances=scatter(means) / n),
        "not divided by N_k": but(means=means * count[:, None], covariances=scatter(means)),
        "the plain mean of x: the responsibilities are not used": but(means=x.mean(0).expand(k, d)),
        "the mean of x for each, as one row": but(means=x.mean(0)),
        "only the best component's examples are averaged": but(means=(hard.T @ x) / hard.sum(0)[:, None]),
        "divided by N_k - 1; divide by N_k": but(covariances=scatter(means) / (per - 1)),
        "measured around the mean of all x, not around m_k": but(covariances=scatter(x.mean(0)) / per),
        "the mean is not subtracted": but(covariances=scatter(torch.zeros(d, dtype=F64)) / per),
        "the responsibilities are squared": but(covariances=scatter(means, r**2) / per),
        "the responsibilities are not used": but(covariances=scatter(means, torch.ones_like(r)) / n),
        "only the diagonal is filled": but(covariances=torch.diag_embed(covariances.diagonal(dim1=1, dim2=2))),
        "only the variances; whole matrices are asked for": but(covariances=covariances.diagonal(dim1=1, dim2=2)),
        "the square root was taken: deviations, not variances": but(covariances=covariances.abs().sqrt()),
        "every component got the same covariance": but(covariances=(scatter(means).sum(0) / n).expand(k, d, d)),
    }
    compare(call("m_step", x, r), right, wrong, tolerance=1e-6, what="the M step (weights, means, covariances)")


@exercise("m_step", points=2, hint="N_k = sum over i of r_ik; only the weights are divided by n, all else by N_k.")
def m_step(call, rng):
    _judge_m_step(call, 12, 2, 3, rng)


@exercise("m_step", points=2, hidden=True)
def m_step_elsewhere(call, rng):
    for n, d, k in ((25, 4, 2), (10, 1, 3), (9, 3, 1)):
        _judge_m_step(call, n, d, k, rng)


def _clouds(n: int, d: int, k: int, rng: torch.Generator) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Overlapping clouds in a row, and a start for EM near them, from which no component collapses: weights, means,
    covariances."""
    row = torch.nn.functional.normalize(_normal(d, rng=rng), dim=0)
    centres = 3.5 * torch.arange(k, dtype=F64)[:, None] * row + 2 * _normal(d, rng=rng)
    x = centres[torch.arange(n) % k] + _normal(n, d, rng=rng) @ torch.linalg.cholesky(_covariance(d, rng, 0.7, 1.3)).T
    covariances = torch.stack([_covariance(d, rng, 0.8, 1.4) for _ in range(k)])
    return x, (_weights(k, rng), centres + 0.5 * _normal(k, d, rng=rng).clamp(-2, 2), covariances)


def _sklearn(x: Tensor, begin: tuple, steps: int, ridge: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """What scikit-learn's EM has after so many steps from the same start."""
    from sklearn.mixture import GaussianMixture

    weights, means, covariances = begin
    model = GaussianMixture(
        len(weights), max_iter=steps, tol=0, reg_covar=ridge, init_params="random", random_state=0,
        weights_init=weights.numpy(), means_init=means.numpy(),
        precisions_init=torch.linalg.inv(covariances).numpy(),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not come to rest is meant so
        model.fit(x.numpy())
    return tuple(map(torch.from_numpy, (model.weights_, model.means_, model.covariances_)))


def _likelihood(x: Tensor, parameters: tuple) -> Tensor:
    """The mean log-likelihood of an example, ()."""
    return _mixture_of(*parameters).log_prob(x).mean()


def _mixture_of(weights: Tensor, means: Tensor, covariances: Tensor) -> MixtureSameFamily:
    return MixtureSameFamily(Categorical(weights), MultivariateNormal(means, covariances))


def _run_em(call, x: Tensor, begin: tuple, steps: int, *ridge: float) -> tuple[tuple, Tensor]:
    """The student's parameters and history."""
    answer = call("em", x, *begin, steps, *ridge)
    require(answer is not None, "`em` returns None: is the `return` missing?")
    require(
        isinstance(answer, tuple | list) and len(answer) == 4,
        "`em` must return four tensors: weights, means, covariances, history",
    )
    *parameters, history = answer
    for value, like, what in zip(parameters, begin, ("weights", "means", "covariances"), strict=True):
        require_form(value, like, f"`em`: {what}")
    return tuple(parameters), history


def _judge_one_step(call, n: int, d: int, k: int, rng: torch.Generator) -> None:
    x, begin = _clouds(n, d, k, rng)
    weights, means, covariances = _sklearn(x, begin, 1)
    equal = (torch.full((k,), 1 / k, dtype=F64), *begin[1:])
    moved, count = means - begin[1], n * weights[:, None, None]
    wrong = {
        "not those after one step but those of the start": begin,
        "not those after one step but those after two": _sklearn(x, begin, 2),
        "they come from an E step without the weights": _sklearn(x, equal, 1),
        "measured around the means from before the step":
            (weights, means, covariances + moved[:, :, None] * moved[:, None]),
        "divided by N_k - 1; divide by N_k": (weights, means, covariances * (count / (count - 1))),
    }  # fmt: skip
    parameters, _ = _run_em(call, x, begin, 1)
    compare(parameters, (weights, means, covariances), wrong, tolerance=1e-5, what="`em` after one step")


def _judge_history(call, n: int, d: int, k: int, steps: int, rng: torch.Generator) -> None:
    x, begin = _clouds(n, d, k, rng)
    parameters, history = _run_em(call, x, begin, steps)
    right = torch.stack([_likelihood(x, _sklearn(x, begin, t) if t else begin) for t in range(steps + 2)])
    wrong = {
        "summed over the examples, not averaged": right[:-1] * n,
        "it starts after the first step; the first entry is that of the start": right[1:],
        "one entry is missing: that of the start": right[1:-1],
        "one entry is missing: that of the parameters that are returned": right[:-2],
    }
    compare(history, right[:-1], wrong, tolerance=1e-5, what="the history")
    expected = _sklearn(x, begin, steps) if steps else begin
    wrong = {"one step too few": steps - 1, "one step too many": steps + 1}
    near = {name: _sklearn(x, begin, t) for name, t in wrong.items() if t > 0}
    compare(parameters, expected, near, tolerance=1e-5, what=f"`em` after {steps} steps")


def _judge_ridge(call, n: int, d: int, k: int, rng: torch.Generator) -> None:
    x, begin = _clouds(n, d, k, rng)
    ridge, plain = 0.3, _sklearn(x, begin, 1)
    right = _sklearn(x, begin, 1, ridge)
    wrong = {
        "the ridge was not added": plain,
        "the ridge was added to all entries; only to the diagonal": (*plain[:2], plain[2] + ridge),
        "the squared ridge was added": (*plain[:2], plain[2] + ridge**2 * torch.eye(d, dtype=F64)),
        "the ridge was added twice": (*plain[:2], plain[2] + 2 * ridge * torch.eye(d, dtype=F64)),
    }
    what = f"`em` after one step with ridge={ridge}"
    compare(_run_em(call, x, begin, 1, ridge)[0], right, wrong, tolerance=1e-5, what=what)
    right, late = _sklearn(x, begin, 3, ridge), _sklearn(x, begin, 3)
    wrong = {"the ridge belongs into each step": (*late[:2], late[2] + ridge * torch.eye(d, dtype=F64))}
    what = f"`em` after three steps with ridge={ridge}"
    compare(_run_em(call, x, begin, 3, ridge)[0], right, wrong, tolerance=1e-5, what=what)


def _judge_rise(call, n: int, d: int, k: int, steps: int, rng: torch.Generator) -> None:
    x, begin = _clouds(n, d, k, rng)
    _, history = _run_em(call, x, begin, steps)
    require_form(history, torch.zeros(steps + 1, dtype=F64), "the history")
    change = history.diff()
    worst = int(change.argmin())
    require(
        change[worst].item() > -1e-8,
        f"the log-likelihood falls in step {worst + 1}, by {-change[worst]:.3g}: EM never lets it fall",
    )


@exercise("em", points=2, hint="One step: E step with the old parameters, M step, ridge. history: steps + 1 entries.")
def em(call, rng):
    _judge_one_step(call, 60, 2, 3, rng)
    _judge_history(call, 60, 2, 3, 4, rng)
    _judge_rise(call, 200, 2, 3, 25, rng)
    _judge_ridge(call, 60, 2, 3, rng)


@exercise("em", points=2, hidden=True)
def em_elsewhere(call, rng):
    for n, d, k in ((70, 3, 2), (50, 1, 3), (40, 2, 1)):
        _judge_one_step(call, n, d, k, rng)
        _judge_history(call, n, d, k, 3, rng)
        _judge_ridge(call, n, d, k, rng)
    _judge_history(call, 30, 2, 2, 0, rng)
    _judge_rise(call, 300, 3, 3, 30, rng)


# 4. Why these three fail

_CAUSES = (
    "collapse", "equal start", "no weights", "old means", "too few components", "too few steps", "underflow",
    "wrong axis",
)  # fmt: skip
_EVIDENCE = {
    "A": "in what do its components differ, at the start and at the end?",
    "B": "what becomes of the deviation of its last component, step by step?",
    "C": "what are the densities of its components, at the start, for an example such as x[0]?",
}
_RIGHT = {"A": "1b22212f", "B": "0609f1f3", "C": "da60b558"}  # hashes: nobody should read the answer in passing


@exercise("diagnosis", points=3)
def diagnosis(call, rng):
    judge_diagnosis(call, "lab01", _CAUSES, _RIGHT, _EVIDENCE)


def _judge_start(call, n: int, d: int, k: int, rng: torch.Generator) -> None:
    x = _normal(n, d, rng=rng) @ torch.linalg.cholesky(_covariance(d, rng)).T + 5
    weights, means, covariances = _three(call("start", x, k), "start")
    compare(
        weights,
        torch.full((k,), 1 / k, dtype=F64),
        {"1 for each; they must sum to 1": torch.ones(k, dtype=F64), "1/n for each": torch.full((k,), 1 / n)},
        what="the weights",
    )
    require_form(means, torch.zeros(k, d, dtype=F64), "the means")
    if close(means, x.mean(0).expand(k, d), 1e-6):
        raise Mistake("all means are the mean of x: so they stay equal for ever")
    far = (means[:, None] - x).abs().amax(2).amin(1)
    require(bool((far < 1e-9).all()), "each mean must be an example, that is, a row of x; yours are other points")
    same = torch.linalg.vector_norm(means[:, None] - means, dim=2) + torch.eye(k, dtype=F64)
    require(bool((same > 1e-9).all()), "an example was taken twice: draw without repetition, torch.randperm(n)[:k]")
    right = torch.cov(x.T, correction=0).reshape(d, d)
    require_form(covariances, torch.zeros(k, d, d, dtype=F64), "the covariances")
    if close(covariances, right.expand(k, d, d) * n / (n - 1), 1e-6):
        return  # a mistake in fit_gaussian, which costs points there and need not cost them here
    compare(
        covariances,
        right.expand(k, d, d),
        {
            "identity matrices; the covariance of x is asked for": torch.eye(d, dtype=F64).expand(k, d, d),
            "only the diagonal is filled": torch.diag(right.diagonal()).expand(k, d, d),
            "divided by K": right.expand(k, d, d) / k,
        },
        tolerance=1e-6,
        what="the covariances",
    )


def _three(answer, name: str) -> tuple:
    require(answer is not None, f"`{name}` returns None: is the `return` missing?")
    three = isinstance(answer, tuple | list) and len(answer) == 3
    require(three, f"`{name}` must return three tensors: weights, means, covariances")
    return tuple(answer)


def _judge_choice(call, rng: torch.Generator) -> None:
    """Which examples `start` takes: others in each call, and any of them."""
    x = _normal(300, 2, rng=rng)
    first, second = (_three(call("start", x, 4), "start")[1] for _ in range(2))
    require(
        not close(first, second, 1e-9),
        "two calls take the same examples: draw new ones in each call, without a fixed seed",
    )
    x, taken = x[:3], torch.zeros(3, dtype=torch.bool)
    for _ in range(60):  # 1e-10 is the chance that one of three is never drawn
        taken |= (_three(call("start", x, 1), "start")[1] - x).abs().amax(1) < 1e-9
    require(bool(taken.all()), f"example {int(taken.long().argmin())} of 3 is never taken: each must be as likely")


@exercise("start", points=2, hint="torch.randperm(len(x)) shuffles the row numbers; fit_gaussian knows the covariance.")
def start(call, rng):
    _judge_start(call, 40, 2, 3, rng)
    _judge_start(call, 25, 2, 25, rng)
    _judge_choice(call, rng)


@exercise("start", points=1, hidden=True)
def start_elsewhere(call, rng):
    for n, d, k in ((50, 4, 6), (30, 1, 30), (20, 3, 1)):
        _judge_start(call, n, d, k, rng)
    _judge_choice(call, rng)


# 5. How many components


def _islands(d: int, k: int, rng: torch.Generator) -> MixtureSameFamily:
    """k clouds of one size far from each other, each stretched in directions of its own; k <= d."""
    turned, _ = torch.linalg.qr(_normal(d, d, rng=rng))
    covariances = torch.stack([_covariance(d, rng, 0.5, 1.5) for _ in range(k)])
    return _mixture_of(torch.full((k,), 1 / k, dtype=F64), 6 * turned[:k] + 3 * _normal(d, rng=rng), covariances)


def _draw(truth: MixtureSameFamily, n: int, rng: torch.Generator) -> Tensor:
    """n points, the clouds in turn."""
    clouds = truth.component_distribution
    k, d = clouds.loc.shape
    which = torch.arange(n) % k
    points = clouds.loc[which] + (clouds.scale_tril[which] @ _normal(n, d, 1, rng=rng))[..., 0]
    return points[torch.randperm(n, generator=rng)]


def _nats_lost(call, n: int, d: int, k: int, candidates: list[int], rng: torch.Generator) -> tuple[float, int]:
    """How much worse than the truth the student's mixture is on new data, and its number of components."""
    truth = _islands(d, k, rng)
    weights, means, covariances = _three(call("choose_mixture", _draw(truth, n, rng), candidates), "choose_mixture")
    found = len(weights) if isinstance(weights, Tensor) and weights.ndim == 1 else 0
    require(found in candidates, f"the weights (K,) must be as many as one of the candidates, {candidates}")
    require_form(weights, torch.zeros(found, dtype=F64), "`choose_mixture`: weights")
    require_form(means, torch.zeros(found, d, dtype=F64), "`choose_mixture`: means")
    require_form(covariances, torch.zeros(found, d, d, dtype=F64), "`choose_mixture`: covariances")
    require(bool((weights >= 0).all()) and abs(weights.sum().item() - 1) < 1e-6, "the weights do not sum to 1")
    require(
        close(covariances, covariances.mT, 1e-6) and not torch.linalg.cholesky_ex(covariances).info.any(),
        "a covariance is not positive definite: has a component collapsed? Use the ridge",
    )
    if found > 1 and close(covariances, covariances[:1].expand_as(covariances), 1e-6):
        alike = close(means, means[:1].expand_as(means), 1e-6)
        raise Mistake(
            "all components are equal: start them from different examples" if alike
            else "all covariances are equal, as in `start`: was EM run on it?"
        )  # fmt: skip
    x, mixture = _draw(truth, 1000, rng), _mixture_of(weights, means, covariances.tril() + covariances.tril(-1).mT)
    return (truth.log_prob(x) - mixture.log_prob(x)).mean().item(), found


def _judge_components(call, n: int, d: int, k: int, candidates: list[int], rng: torch.Generator) -> None:
    runs = sorted(_nats_lost(call, n, d, k, candidates, rng) for _ in range(3))
    lost, found = runs[1]  # the median: five unlucky starts in one run do not count
    words = "too many nats are lost on new data"
    if found == max(candidates):
        words += f", with the most components there are, {found} (chosen by training likelihood, not held-out?)"
    elif found == min(candidates):
        words += f", with the fewest components there are, {found} (chosen by the lowest held-out likelihood?)"
    outcome(f"nats lost, {k} clouds in {d} dimensions", lost, words, slack=0.2)


@exercise("components", points=2, hint="Fit on one part of x; compare the mixtures on the other part.")
def components(call, rng):
    _judge_components(call, 300, 4, 3, [1, 3, 16], rng)


@exercise("components", points=2, hidden=True)
def components_elsewhere(call, rng):
    _judge_components(call, 400, 4, 4, [2, 4, 20], rng)


# 6. Naive Bayes


def _labelled(n: int, d: int, classes: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Binary pictures with labels; the classes are not equally frequent, and each is there."""
    y = torch.cat([torch.arange(classes), torch.multinomial(_weights(classes, rng), n - classes, True, generator=rng)])
    on = 0.1 + 0.8 * _uniform(classes, d, rng=rng)
    return (_uniform(n, d, rng=rng) < on[y]).to(F64), y


def _judge_bernoulli(call, n: int, d: int, classes: int, alpha: float, rng: torch.Generator) -> None:
    from sklearn.naive_bayes import BernoulliNB

    x, y = _labelled(n, d, classes, rng)
    x[y == 0, 0] = 0  # a pixel that is never on in this class
    twin = BernoulliNB(alpha=alpha).fit(x.numpy(), y.numpy())
    count = torch.from_numpy(twin.class_count_)
    on = torch.from_numpy(twin.feature_log_prob_).exp()
    seen = torch.stack([x[y == c].sum(0) for c in range(classes)])
    prior, per = count / n, count[:, None]
    wrong = {
        "counts; divide by n": (count, seen),
        "every class got the same: count the labels": (torch.full((classes,), 1 / classes, dtype=F64), on),
        "smoothed; here only the pixels are smoothed": ((count + alpha) / (n + classes * alpha), on),
        "their logarithms; the probabilities are asked for": (prior.log(), on.log()),
        "alpha is missing: a pixel that was never on gets probability 0": (prior, seen / per),
        "alpha is missing in the denominator: N_c + 2 alpha": (prior, (seen + alpha) / per),
        "the denominator has alpha once; on and off each get it: N_c + 2 alpha":
            (prior, (seen + alpha) / (per + alpha)),
        "the denominator counts alpha d times; a pixel has two values: N_c + 2 alpha":
            (prior, (seen + alpha) / (per + d * alpha)),
        "the denominator counts alpha once for each class; a pixel has two values: N_c + 2 alpha":
            (prior, (seen + alpha) / (per + classes * alpha)),
        "alpha is missing above: (number on + alpha) / (N_c + 2 alpha)": (prior, seen / (per + 2 * alpha)),
        "alpha was added after dividing": (prior, seen / per + alpha),
        "divided by n; divide by N_c": (prior, (seen + alpha) / (n + 2 * alpha)),
        "divided by the number of pixels that are on in the class":
            (prior, (seen + alpha) / (seen + alpha).sum(1, keepdim=True)),
        "smoothed with 1, not with alpha": (prior, (seen + 1) / (per + 2)),
        "the probability that a pixel is off": (prior, 1 - on),
        "the same for all classes": (prior, ((x.sum(0) + alpha) / (n + 2 * alpha)).expand(classes, d)),
    }  # fmt: skip
    what = "the fit (prior, on)"
    compare(call("fit_bernoulli", x, y, classes, alpha), (prior, on), wrong, tolerance=1e-6, what=what)
    value = call("fit_bernoulli", x, y, classes + 1, alpha)
    right = torch.cat([prior, torch.zeros(1, dtype=F64)]), torch.cat([on, torch.full((1, d), 0.5, dtype=F64)])
    compare(value, right, tolerance=1e-6, what=f"{what} with a class that has no example (p = 1/2 by smoothing)")


@exercise("bernoulli", points=2, hint="on_cj = (pictures of class c with pixel j on + alpha) / (N_c + 2 alpha).")
def bernoulli(call, rng):
    _judge_bernoulli(call, 30, 5, 3, 0.5, rng)


@exercise("bernoulli", points=1, hidden=True)
def bernoulli_elsewhere(call, rng):
    _judge_bernoulli(call, 60, 9, 4, 2.0, rng)
    _judge_bernoulli(call, 20, 1, 2, 0.3, rng)


def _judge_posterior(call, n: int, d: int, classes: int, rng: torch.Generator) -> None:
    x, _ = _labelled(n + classes, d, classes, rng)
    x, prior, on = x[:n], _weights(classes, rng), 0.15 + 0.7 * _uniform(classes, d, rng=rng)
    terms = Bernoulli(on).log_prob(x[:, None])  # (n, classes, d)
    joint = terms.sum(2) + prior.log()
    right = joint.log_softmax(1)
    lit = x @ on.log().T
    wrong = {
        "the prior is missing": terms.sum(2).log_softmax(1),
        "the prior was added; add its logarithm": (terms.sum(2) + prior).log_softmax(1),
        "not normalised: this is log p(x, y); subtract log p(x)": joint,
        "only the pixels that are on count; those that are off say log(1 - p)": (lit + prior.log()).log_softmax(1),
        "only the pixels that are off count": (((1 - x) @ (1 - on).log().T) + prior.log()).log_softmax(1),
        "on and off are exchanged": (Bernoulli(1 - on).log_prob(x[:, None]).sum(2) + prior.log()).log_softmax(1),
        "the probabilities; their logarithms are asked for": right.exp(),
        "normalised over the examples; normalise over the classes": joint.log_softmax(0),
        "averaged over the pixels; sum over them": (terms.mean(2) + prior.log()).log_softmax(1),
        "the sum of the logarithms was subtracted; subtract the log-sum-exp": joint - joint.sum(1, keepdim=True),
        "the largest entry was subtracted; subtract the log-sum-exp": joint - joint.amax(1, keepdim=True),
        "a logarithm to the base 10; the natural one is asked for": right / math.log(10),
        "the class itself; the log-probability of each is asked for": joint.argmax(1),
    }
    compare(call("log_posterior", x, prior, on), right, wrong, tolerance=1e-6, what="the log-posterior")


def _judge_large_posterior(call, n: int, d: int, rng: torch.Generator) -> None:
    """So many pixels that their probabilities' product rounds to 0."""
    x, prior, on = (_uniform(n, d, rng=rng) < 0.5).to(F64), _weights(3, rng), 0.2 + 0.6 * _uniform(3, d, rng=rng)
    value = call("log_posterior", x, prior, on)
    advice = "the product of so many probabilities rounds to 0: add logarithms, and normalise by your log_sum_exp"
    require_finite(value, f"the log-posterior of {d} pixels", advice)
    right = (Bernoulli(on).log_prob(x[:, None]).sum(2) + prior.log()).log_softmax(1)
    compare(value, right, tolerance=1e-6, what=f"the log-posterior of {d} pixels")


@exercise("posterior", points=2, hint="log p(y|x) = log p(x, y) - log p(x), and p(x) is the sum of p(x, y) over y.")
def posterior(call, rng):
    _judge_posterior(call, 6, 5, 3, rng)
    _judge_large_posterior(call, 4, 3000, rng)


@exercise("posterior", points=1, hidden=True)
def posterior_elsewhere(call, rng):
    for n, d, classes in ((10, 8, 4), (1, 3, 2), (5, 1, 3)):
        _judge_posterior(call, n, d, classes, rng)
    _judge_large_posterior(call, 2, 5000, rng)


SIGMAS = 7  # a right answer goes beyond that once in 10^11 figures


def _judge_drawing(call, n: int, d: int, classes: int, rng: torch.Generator) -> None:
    prior = _weights(classes, rng)
    on = 0.2 + 0.6 * _uniform(classes, d, rng=rng)
    answer = call("draw_digits", prior, on, n)
    require(answer is not None, "`draw_digits` returns None: is the `return` missing?")
    two = isinstance(answer, tuple | list) and len(answer) == 2
    require(two, "`draw_digits` must return two tensors: pictures, labels")
    x, y = answer
    require_form(y, torch.zeros(n, dtype=torch.long), "the labels")
    require(bool(((y >= 0) & (y < classes)).all()), f"a label is not in 0 to {classes - 1}")
    require_form(x, torch.zeros(n, d, dtype=F64), "the pictures")
    if close(x, on[y], 1e-6):
        raise Mistake("the pictures are the probabilities themselves: draw each pixel, 1 with that probability")
    require(bool(((x == 0) | (x == 1)).all()), "a pixel is neither 0 nor 1")
    _judge_labels(y, prior, n)
    _judge_pixels(x, y, on)
    again = call("draw_digits", prior, on, n)[0]
    require(not torch.equal(x, again), "two calls draw the same: draw anew in each call, without a fixed seed")


def _judge_labels(y: Tensor, prior: Tensor, n: int) -> None:
    classes = len(prior)
    share = y.bincount(minlength=classes) / n

    def off(p):
        return ((share - p).abs() / (p * (1 - p) / n).sqrt()).max().item()

    if off(prior) > SIGMAS:
        if off(torch.full_like(prior, 1 / classes)) <= SIGMAS:
            raise Mistake("all classes are equally frequent: draw them from the prior")
        require(len(y.unique()) > 1, "all pictures are of one class: draw the class of each from the prior")
        worst = int((share - prior).abs().argmax())
        raise Mistake(f"class {worst} has {share[worst]:.1%} of the pictures; its prior is {prior[worst]:.1%}")


def _judge_pixels(x: Tensor, y: Tensor, on: Tensor) -> None:
    count = y.bincount(minlength=len(on))[:, None]
    share = torch.stack([x[y == c].mean(0) for c in range(len(on))])
    deviation = (on * (1 - on) / count).sqrt()

    def off(p):
        return ((share - p).abs() / deviation).max().item()

    if close(share, (on > 0.5).to(F64), 1e-9):
        raise Mistake("all pictures of a class are alike (p > 1/2 gives 1): draw each pixel with its probability")
    firsts = torch.stack([x[y == c][0] for c in range(len(on))])
    require(not torch.equal(x, firsts[y]), "all pictures of a class are alike: draw (n, d) random numbers")
    if off(on) > SIGMAS:
        if off(1 - on) <= SIGMAS:
            raise Mistake("on and off are exchanged: a pixel is 1 where the random number is below p")
        if off((on * count).sum(0) / count.sum()) <= SIGMAS:
            raise Mistake("the pixels do not depend on the class: take row y of `on` for a picture of class y")
        if off(torch.full_like(on, 0.5)) <= SIGMAS:
            raise Mistake("every pixel is on half of the time: the probabilities are not used")
        c, j = divmod(int(((share - on).abs() / deviation).argmax()), on.shape[1])
        raise Mistake(f"in class {c}, pixel {j} is on in {share[c, j]:.1%} of the pictures, not in {on[c, j]:.1%}")
    if x.shape[1] > 1:
        z = (x - on[y]) / (on * (1 - on)).sqrt()[y]
        together = (z.T @ z / len(x)).fill_diagonal_(0).abs().max().item()
        require(
            together < SIGMAS / len(x) ** 0.5,
            "the pixels of a picture are drawn together: each pixel needs a random number of its own, shape (n, d)",
        )


@exercise("drawing", points=2, hint="y by torch.multinomial with replacement; then a random number for each pixel.")
def drawing(call, rng):
    _judge_drawing(call, 4000, 8, 3, rng)


@exercise("drawing", points=1, hidden=True)
def drawing_elsewhere(call, rng):
    _judge_drawing(call, 6000, 12, 4, rng)
    _judge_drawing(call, 3000, 9, 2, rng)
    one = call("draw_digits", torch.ones(1, dtype=F64), torch.full((1, 2), 0.5, dtype=F64), 1)
    require(isinstance(one, tuple | list) and len(one) == 2, "`draw_digits` must return two tensors: pictures, labels")
    require_form(one[0], torch.zeros(1, 2, dtype=F64), "the only picture")
