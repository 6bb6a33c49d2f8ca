"""The checks of lab 04: what `check("rareness")` and its kin try, and what they say of a mistake.

Each exercise is judged by one function below, which the check in the lab calls with one set of inputs
and the grading with others.
"""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from lecturelib import load
from lecturelib.grading.calling import check_gradient
from lecturelib.grading.diagnosis import judge_diagnosis
from lecturelib.grading.exercises import exercise
from lecturelib.grading.mistakes import Mistake, close, compare, require, require_finite, require_form
from lecturelib.grading.outcomes import outcome

SIGMAS = 6.0  # standard errors that a mean of random numbers may lie off
BINS, ALPHA = 10, 0.03  # of the lab's face_weights
WIDTH = 0.1  # of the Gaussian around each pixel, in the lab's pixel_errors


def _normal(*shape: int, rng: torch.Generator) -> Tensor:
    return torch.randn(*shape, generator=rng)


def _uniform(low: float, high: float, *shape: int, rng: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(*shape, generator=rng)


# 1. Codes that come apart


def _judge_beta(call, n: int, pixels: int, latent: int, beta: float, rng: torch.Generator) -> None:
    errors, units = _uniform(0.2, 3, n, pixels, rng=rng), _uniform(0.1, 2, n, latent, rng=rng)
    error, kl = errors.sum(1).mean(), units.sum(1).mean()
    wrong = {
        "beta weighs the reconstruction; it belongs to the KL": beta * error + kl,
        "beta weighs both parts; it belongs to the KL alone": beta * (error + kl),
        "beta is not used": error + kl,
        "the KL is divided by beta; multiply": error + kl / beta,
        "beta is squared": error + beta**2 * kl,
        "beta weighs the reconstruction and 1 - beta the KL": beta * error + (1 - beta) * kl,
        "the KL has the weight 1 + beta": error + (1 + beta) * kl,
        "the KL is subtracted; it belongs to the loss with a plus": error - beta * kl,
        "the sign is wrong: the loss is minimised": -error - beta * kl,
        "the KL is missing": error,
        "the reconstruction is missing": beta * kl,
        "averaged over the pixels; sum over them": errors.mean() + beta * kl,
        "averaged over the latent units; sum over them": error + beta * units.mean(),
        "averaged over pixels and latent units; sum over them": errors.mean() + beta * units.mean(),
        "summed over the examples; average over them": n * (error + beta * kl),
        "not averaged over the examples; one number for the batch, ()": errors.sum(1) + beta * units.sum(1),
    }
    compare(call("beta_loss", errors, units, beta), error + beta * kl, wrong, what="the loss")
    check_gradient(call, "beta_loss", errors, units, beta, of=0)
    check_gradient(call, "beta_loss", errors, units, beta, of=1)


@exercise("beta", points=1, hint="Sum over the pixels, sum over the latent units, average over the examples.")
def beta(call, rng):
    _judge_beta(call, 5, 7, 3, 4.0, rng)


def _judge_penalty(call, n: int, d: int, weights: tuple[float, float], rng: torch.Generator) -> None:
    off_weight, on_weight = weights
    mean = _normal(n, d, rng=rng) @ (torch.eye(d) + 0.5 * _normal(d, d, rng=rng)) + 1 + _normal(d, rng=rng)

    def of(c, target=1.0, power=2, a=off_weight, b=on_weight, share=1.0):
        on = c.diagonal()
        off = c - on.diag()
        return a * share * (off.abs() ** power).sum() + b * ((on - target).abs() ** power).sum()

    covariance = mean.T.cov().view(d, d)
    raw, rows = mean.T @ mean / (n - 1), mean - mean.mean(1, keepdim=True)
    right, on = of(covariance), covariance.diagonal()
    wrong = {
        "the covariance is divided by n; divide by n - 1, as torch.cov does": of(covariance * (n - 1) / n),
        "the covariance is not divided by n - 1": of(covariance * (n - 1)),
        "the means over the batch are not subtracted": of(raw),
        "the means over the batch are not subtracted, and it is divided by n": of(raw * (n - 1) / n),
        "the mean over the units of each example is subtracted; subtract that of each unit over the batch":
            of(rows.T @ rows / (n - 1)),
        "the two weights are exchanged": of(covariance, a=on_weight, b=off_weight),
        "the variances are pushed to 0; they should be 1": of(covariance, target=0.0),
        "all entries are pushed to 0 with the first weight": off_weight * covariance.square().sum(),
        "the diagonal is counted among the entries off it":
            right + off_weight * on.square().sum(),
        "the diagonal, less 1, is counted among the entries off it": right + off_weight * (on - 1).square().sum(),
        "absolute values stand where squares belong": of(covariance, power=1),
        "the entries off the diagonal are added without a square":
            off_weight * (covariance.sum() - on.sum()) + on_weight * (on - 1).square().sum(),
        "the root is taken at the end": right.sqrt(),
        "each pair of units is counted once; the sum over i and j counts it twice": of(covariance, share=0.5),
        "the entries off the diagonal are missing": of(covariance, a=0.0),
        "the diagonal is missing": of(covariance, b=0.0),
        "averaged; sum over the entries": off_weight * (covariance - on.diag()).square().mean()
        + on_weight * (on - 1).square().mean(),
    }  # fmt: skip
    if d > 1:
        correlation = torch.corrcoef(mean.T)
        wrong |= {
            "these are correlations; the covariance is asked for": of(correlation),
            "the covariance of the examples is taken; that of the units is asked for, (latent, latent)": of(mean.cov()),
        }
    compare(call("decorrelation_penalty", mean, *weights), right, wrong, what="the penalty")
    check_gradient(call, "decorrelation_penalty", mean, *weights, of=0)
    if d < n:
        white = torch.linalg.qr(mean - mean.mean(0))[0] * (n - 1) ** 0.5
        value = call("decorrelation_penalty", white, *weights)
        require_form(value, right, "the penalty")
        require(bool(value.abs() < 1e-3), f"the penalty of codes with the identity covariance is {value:.4g}; it is 0")


@exercise("decorrelation", points=1, hint="C = covariance of the means over the batch, (latent, latent); torch.cov.")
def decorrelation(call, rng):
    _judge_penalty(call, 12, 3, (10.0, 4.0), rng)


def _judge_mig(call, units: int, factors: int, rng: torch.Generator) -> None:
    entropies = _uniform(0.8, 2.5, factors, rng=rng)
    shares = _uniform(0.02, 0.5, units, factors, rng=rng)
    shares[torch.randint(units, (factors,), generator=rng), torch.arange(factors)] += 0.4
    information = shares * entropies
    ordered, whole = information.sort(0, descending=True).values, shares.sort(0, descending=True).values
    gap = ordered[0] - ordered[1]
    right = (gap / entropies).mean()
    across = shares.T.sort(0, descending=True).values
    wrong = {
        "not divided by the entropies": gap.mean(),
        "multiplied by the entropies; divide": (gap * entropies).mean(),
        "not averaged over the factors; one number, ()": gap / entropies,
        "summed over the factors; average over them": (gap / entropies).sum(),
        "the sum of the gaps is divided by the sum of the entropies; divide each, then average":
            gap.sum() / entropies.sum(),
        "this is the largest alone; the second is not subtracted": whole[0].mean(),
        "this is the largest minus the smallest; subtract the second": (whole[0] - whole[-1]).mean(),
        "this is the largest minus the mean; subtract the second": (whole[0] - whole.mean(0)).mean(),
        "this is the largest minus the sum of the others; subtract the second alone":
            (2 * whole[0] - whole.sum(0)).mean(),
        "the gap is divided by the largest; divide by the factor's entropy": (gap / ordered[0]).mean(),
        "this is the second in shares of the largest": (ordered[1] / ordered[0]).mean(),
        "the sign is wrong: the second minus the largest": -right,
        "the smallest two are taken; the largest two belong there": ((ordered[-2] - ordered[-1]) / entropies).mean(),
        "the first two units are taken; the largest two of each factor belong there":
            ((information[0] - information[1]) / entropies).mean(),
        "only the largest and the second of the whole matrix are taken; each factor has two of its own":
            information.flatten().topk(2).values @ torch.tensor([1.0, -1.0]) / entropies.mean(),
    }  # fmt: skip
    if factors > 1:
        bare = information.T.sort(0, descending=True).values
        wrong |= {
            "compared over the factors of each unit; compare the units of each factor": (across[0] - across[1]).mean(),
            "compared over the factors of each unit, and not divided by the entropies": (bare[0] - bare[1]).mean(),
        }
    compare(call("mig", information, entropies), right, wrong, what="the gap")
    perfect = torch.eye(max(units, factors))[:, :factors] * entropies
    compare(call("mig", perfect, entropies), torch.tensor(1.0), what="the gap of a code with one factor in each unit")
    twins = torch.cat([information, information])
    compare(call("mig", twins, entropies), torch.tensor(0.0), what="the gap of a code that has each unit twice")


@exercise("mig", points=1, hint="For each factor, a column, the two units that know most of it.")
def mig(call, rng):
    _judge_mig(call, 5, 3, rng)


# 2. Another distance


def _judge_mmd(call, n: int, m: int, rng: torch.Generator) -> None:
    def kernel(a, b):
        return sum(c / (c + torch.cdist(a, b).square()) for c in (0.5, 2.0, 8.0))

    right = torch.zeros(())
    while abs(right) < 0.1:  # near 0 the last digits of a right answer depend on the order of its sums
        x, y = _normal(n, 2, rng=rng), 1.2 * _normal(m, 2, rng=rng) + 1
        xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
        tx, ty = xx.sum() - xx.diagonal().sum(), yy.sum() - yy.diagonal().sum()
        fair_x, fair_y, cross = tx / (n * (n - 1)), ty / (m * (m - 1)), xy.mean()
        right = fair_x + fair_y - 2 * cross
    k = min(n, m)
    cut = (xy.sum() - xy.diagonal().sum()) / (n * m - k)
    wrong = {
        "the diagonals are counted: this is the biased estimate, which is too large": xx.mean() + yy.mean() - 2 * cross,
        "the diagonals are left out of the sums, but the divisors are n^2 and m^2":
            tx / n**2 + ty / m**2 - 2 * cross,
        "the diagonals are counted, and the divisors are n (n - 1) and m (m - 1)":
            xx.sum() / (n * (n - 1)) + yy.sum() / (m * (m - 1)) - 2 * cross,
        "the diagonal of k(x, y) is left out; all its pairs are of different points": fair_x + fair_y - 2 * cut,
        "the diagonal of k(x, x) is counted": xx.mean() + fair_y - 2 * cross,
        "the diagonal of k(y, y) is counted": fair_x + yy.mean() - 2 * cross,
        "the factor 2 of the last term is missing": fair_x + fair_y - cross,
        "the last term is added; subtract it": fair_x + fair_y + 2 * cross,
        "the last term is missing": fair_x + fair_y,
        "the factor 4 stands where 2 belongs": fair_x + fair_y - 4 * cross,
        "the sign is wrong": -right,
        "k(y, y) is missing": fair_x - 2 * cross,
        "k(x, x) is missing": fair_y - 2 * cross,
        "this is half of it": right / 2,
        "the sums are not divided by the numbers of pairs": tx + ty - 2 * xy.sum(),
        "the root is taken, or the absolute value": right.abs().sqrt(),
        "n and m are exchanged": tx / (m * (m - 1)) + ty / (n * (n - 1)) - 2 * cross,
        "it is cut off at 0: without bias it may be below 0": right.clamp(min=0) + 0 * cross,
    }  # fmt: skip
    compare(call("mmd", xx, yy, xy), right, wrong, what="the discrepancy")
    check_gradient(call, "mmd", xx, yy, xy, of=0)
    check_gradient(call, "mmd", xx, yy, xy, of=2)
    near = kernel(x, x + 0.05)
    below = (tx + tx) / (n * (n - 1)) - 2 * near.mean()
    value = call("mmd", xx, xx, near)
    require_form(value, below, "the discrepancy")
    cut_off = bool(below < -0.01) and bool(value >= 0)
    require(not cut_off, "it is cut off at 0, or made positive: without bias it may be below 0")
    compare(value, below, what="the discrepancy of two samples that are nearly the same")


@exercise("mmd", points=1, hint="In k(x, x) and k(y, y) leave out the pairs of a point with itself.")
def mmd(call, rng):
    _judge_mmd(call, 6, 4, rng)


# 3. The loss of a detector with a bottleneck


def _wrong_losses(each: Tensor, y: Tensor, error: Tensor, kl: Tensor, weight: float) -> dict[str, Tensor]:
    """What comes out of usual mistakes: classification `each`, labels, -log p(x|z) and KL, all (n,)."""
    bound, faces = error + kl, y.sum().clamp(min=1)
    return {
        "is_face multiplies the classification; it belongs to the reconstruction and the KL, or what is no face is "
        "never classified": (y * each + weight * bound).mean(),
        "is_face multiplies the classification (without the weight); it belongs to the reconstruction and the KL":
            (y * each + bound).mean(),
        "is_face multiplies everything: what is no face is not even classified": (y * (each + weight * bound)).mean(),
        "is_face is not used: what is no face is rebuilt too": (each + weight * bound).mean(),
        "1 - is_face stands where is_face belongs": (each + (1 - y) * weight * bound).mean(),
        "the weight multiplies the classification; it belongs to the reconstruction and the KL":
            (weight * each + y * bound).mean(),
        "the weight is missing": (each + y * bound).mean(),
        "the weight multiplies everything": (weight * (each + y * bound)).mean(),
        "the weight multiplies the reconstruction alone; it belongs to the KL too":
            (each + y * (weight * error + kl)).mean(),
        "the weight multiplies the KL alone; it belongs to the reconstruction too":
            (each + y * (error + weight * kl)).mean(),
        "is_face multiplies the reconstruction alone; it belongs to the KL too":
            (each + weight * (y * error + kl)).mean(),
        "is_face multiplies the KL alone; it belongs to the reconstruction too":
            (each + weight * (error + y * kl)).mean(),
        "the classification is missing": (y * weight * bound).mean(),
        "the reconstruction is missing": (each + y * weight * kl).mean(),
        "the KL is missing": (each + y * weight * error).mean(),
        "the KL is subtracted": (each + y * weight * (error - kl)).mean(),
        "the part of the faces is averaged over the faces; average over the whole batch":
            each.mean() + weight * (y * bound).sum() / faces,
        "the part of the faces is averaged over all examples before is_face comes: multiply first, then average":
            (each + y * weight * bound.mean()).mean(),
    }  # fmt: skip


def _judge_debiasing(call, n: int, faces: int, weight: float, rng: torch.Generator) -> None:
    logit, y = 2 * _normal(n, rng=rng), (torch.arange(n) < faces).float()[torch.randperm(n, generator=rng)]
    error, kl = _uniform(3, 30, n, rng=rng), _uniform(1, 9, n, rng=rng)
    each = F.binary_cross_entropy_with_logits(logit, y, reduction="none")
    right = (each + y * weight * (error + kl)).mean()
    twice = F.binary_cross_entropy_with_logits(logit.sigmoid(), y)
    rest = (y * weight * (error + kl)).mean()
    wrong = _wrong_losses(each, y, error, kl, weight) | {
        "summed over the examples; average over them": n * right,
        "not averaged over the examples; one number for the batch, ()": each + y * weight * (error + kl),
        "the sigmoid is applied twice: F.binary_cross_entropy_with_logits applies it itself": twice + rest,
        "the classification has the wrong sign": rest - each.mean(),
        "the sign is wrong": -right,
        "the labels are exchanged in the classification":
            F.binary_cross_entropy_with_logits(logit, 1 - y) + rest,
        "the squared error stands where the cross-entropy belongs": (logit.sigmoid() - y).square().mean() + rest,
    }  # fmt: skip
    compare(call("debiasing_loss", logit, y, error, kl, weight), right, wrong, what="the loss")
    check_gradient(call, "debiasing_loss", logit, y, error, kl, weight, of=0)
    check_gradient(call, "debiasing_loss", logit, y, error, kl, weight, of=2)
    far = 200 * logit.sign()
    value = call("debiasing_loss", far, y, error, kl, weight)
    require_finite(value, "the loss for logits of 200", "the sigmoid rounds to 0 or 1 there; compute from the logits")
    missed = F.binary_cross_entropy_with_logits(far, y) + rest
    compare(value, missed, tolerance=1e-3, what="the loss for logits of 200 (is a logarithm cut off?)")
    none = torch.zeros(n)
    value = call("debiasing_loss", logit, none, error, kl, weight)
    require_finite(value, "the loss of a batch without a face", "nothing may be divided by the number of faces")
    compare(value, F.binary_cross_entropy_with_logits(logit, none), what="the loss of a batch without a face")


@exercise("debiasing_loss", points=2, hint="What of an example counts always, and what only where is_face is 1?")
def debiasing_loss(call, rng):
    _judge_debiasing(call, 10, 4, 0.3, rng)


# 4. Which faces are rare, and a batch that holds them


def _shares(codes: Tensor, bins: int, together: bool = False, last: int = 1) -> Tensor:
    """The share of the codes in the bin of each code, for each unit: (n, latent).

    together: all units have the same bins. last=0: the largest code has a bin of its own, behind the last.
    """
    low, high = (codes.min(), codes.max()) if together else (codes.amin(0), codes.amax(0))
    index = ((codes - low) / (high - low) * bins).long().clamp(max=bins - last)
    return torch.stack([torch.bincount(unit)[unit] for unit in index.T], 1) / len(codes)


def _rareness(codes: Tensor, bins: int, alpha: float) -> Tensor:
    return (-(_shares(codes.double(), bins) + alpha).log().sum(1)).softmax(0).float()


def _far_from_edges(draw, bins: int) -> Tensor:
    """Something drawn anew until no code lies so near to the edge of a bin that rounding decides."""
    while True:
        x, codes = draw()
        low, high = codes.amin(0), codes.amax(0)
        place = (codes - low) / (high - low) * bins
        inner = place[(place > 0) & (place < bins)]
        if bool(((inner - inner.round()).abs() > 2e-4).all()):
            return x


def _skewed(n: int, d: int, rng: torch.Generator) -> Tensor:
    return _normal(n, d, rng=rng).exp() * _uniform(0.3, 2, d, rng=rng) + _normal(d, rng=rng)


def _judge_rareness(call, n: int, d: int, bins: int, alpha: float, rng: torch.Generator) -> None:
    def draw():
        codes = _skewed(n, d, rng)
        return codes, codes

    codes = _far_from_edges(draw, bins)
    q = _shares(codes.double(), bins)
    widths = (codes.amax(0) - codes.amin(0)) / bins
    own = 1 / (q + alpha)
    raw = own.prod(1)

    def normal(w):
        return (w / w.sum()).float()

    wrong = {
        "the common ones get the large weights: divide by Q + alpha": normal((q + alpha).prod(1)),
        "these are the shares: the common ones get the large weights": normal(q.prod(1)),
        "alpha is not added": normal((1 / q).prod(1)),
        "alpha is subtracted": normal((1 / (q - alpha)).prod(1)),
        "alpha is added to the quotient; it belongs to Q": normal((1 / q + alpha).prod(1)),
        "alpha is added to the product; it belongs to the Q of each unit": normal(1 / (q.prod(1) + alpha)),
        "the weights do not sum to 1: divide by their sum": raw.float(),
        "divided by the largest weight; divide by the sum": (raw / raw.max()).float(),
        "divided by the mean weight; divide by the sum": (raw / raw.mean()).float(),
        "the softmax of the weights is taken; divide by their sum": raw.softmax(0).float(),
        "these are the logarithms of the weights": normal(raw).log(),
        "the units are added; multiply them": normal(own.sum(1)),
        "the largest over the units is taken; multiply them": normal(own.amax(1)),
        "the largest over the units is taken, each normalised; multiply them":
            normal((own / own.sum(0)).amax(1)),
        "only the first unit is used": normal(own[:, 0]),
        "only the last unit is used": normal(own[:, -1]),
        "the counts stand where the shares belong: divide by the number of examples":
            normal((1 / (q * n + alpha)).prod(1)),
        "the density stands where the share belongs: do not divide by the width of a bin":
            normal((1 / (q / widths + alpha)).prod(1)),
        "all units share the same bins; each unit has bins of its own, from its smallest code to its largest":
            normal((1 / (_shares(codes.double(), bins, together=True) + alpha)).prod(1)),
        "there is one bin too few": normal((1 / (_shares(codes.double(), bins - 1) + alpha)).prod(1)),
        "there is one bin too many": normal((1 / (_shares(codes.double(), bins + 1) + alpha)).prod(1)),
        "the largest code has a bin of its own; it belongs to the last of the bins":
            normal((1 / (_shares(codes.double(), bins, last=0) + alpha)).prod(1)),
    }  # fmt: skip
    value = call("rareness", codes, bins, alpha)
    require_finite(value, "a weight", "a share of 0, or a code outside of all bins? The largest is in the last bin")
    compare(value, _rareness(codes, bins, alpha), wrong, what="the weights")
    many = _far_from_edges(lambda: (c := _uniform(-3, 5, n, 60, rng=rng), c), 20)
    value = call("rareness", many, 20, 0.01)
    advice = "a product of 60 such factors is too large for float32; add their logarithms, then torch.softmax"
    require_finite(value, "a weight, for 60 latent units,", advice)
    require(not torch.equal(value, torch.zeros_like(value)), f"the weights are 0 for 60 latent units: {advice}")
    compare(value, _rareness(many, 20, 0.01), tolerance=1e-3, what="the weights for 60 latent units")


@exercise("rareness", points=2, hint="Q_i(z_i) is the share of all examples in the bin of z_i, one histogram a unit.")
def rareness(call, rng):
    _judge_rareness(call, 40, 2, 6, 0.05, rng)


def _fits(counts: Tensor, shares: Tensor, order: Tensor, groups: int = 8) -> bool:
    """May these counts be draws with these shares? Pearson's test on groups of examples with similar weights."""
    found, expected = (torch.stack([part.sum() for part in v[order].chunk(groups)]) for v in (counts, shares))
    expected = expected * counts.sum() / expected.sum()
    return bool(((found - expected).square() / expected.clamp(min=0.5)).sum() < 60)


def _one_batch(call, faces: Tensor, others: Tensor, weights: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The numbers of the faces and of the others in one batch, after all that can be said of a single one."""
    answer = call("resampled_batch", faces, others, weights, size)
    require(answer is not None, "`resampled_batch` returns None: is the `return` missing?")
    pair = isinstance(answer, tuple | list) and len(answer) == 2
    require(pair, "`resampled_batch` must return two tensors: x, is_face")
    x, y = answer
    if isinstance(x, Tensor) and x.ndim == 2 and len(x) == 2 * size:
        raise Mistake("the batch holds 2 size pictures: size is that of the whole batch, faces and others together")
    require_form(x, torch.zeros(size, faces.shape[1]), "x")
    require_form(y, torch.zeros(size), "is_face")
    mark, is_face = x[:, 0].round(), x[:, 0] > 0
    known = torch.where(is_face, mark <= len(faces), -mark <= len(others)) & (mark != 0)
    place = (mark.abs() - 1).clamp(min=0).long()
    wanted = torch.where(is_face[:, None], faces[place.clamp(max=len(faces) - 1)],
                         others[place.clamp(max=len(others) - 1)])  # fmt: skip
    ours = bool(known.all()) and torch.equal(x, wanted)
    require(ours, "x holds pictures that are rows neither of faces nor of others")
    share = is_face.float().mean().item()
    require(share not in (0.0, 1.0), f"there are {'only' if share else 'no'} faces in the batch; half of it are faces")
    if not torch.equal(y, is_face.float()):
        require(not torch.equal(y, 1 - is_face.float()), "the labels are exchanged: is_face is 1 for a face")
        require(bool(((y == 0) | (y == 1)).all()), "is_face holds other numbers than 0 and 1")
        raise Mistake("the labels do not go with the pictures: put x and is_face together in the same order")
    require(share == 0.5, f"a share of {share:.2f} of the batch are faces; half of it should be")
    return place[is_face], place[~is_face]


def _judge_batch(call, n: int, m: int, size: int, rng: torch.Generator, calls: int = 40) -> None:
    faces = torch.cat([torch.arange(1.0, n + 1)[:, None], _normal(n, 3, rng=rng)], 1)
    others = torch.cat([-torch.arange(1.0, m + 1)[:, None], _normal(m, 3, rng=rng)], 1)
    weights = (0.9 * _normal(n, rng=rng)).softmax(0) * 0.7
    weights[torch.randint(n, (), generator=rng)] += 0.3
    batches = [_one_batch(call, faces, others, weights, size) for _ in range(calls)]
    first, second = (torch.cat(batch).sort().values for batch in batches[:2])
    again = torch.equal(first, second)
    require(not again, "two calls draw the same pictures: draw anew in each call, without a fixed seed or an order")
    drawn = [torch.bincount(f, minlength=n) for f, _ in batches]
    counts, order = sum(drawn).float(), weights.argsort()
    alone = max(int(c.max()) for c in drawn) == 1
    require(not alone, "no face comes twice in a batch: they are drawn without replacement")
    flat = torch.ones(n)
    known = {
        "": weights,
        "the faces are drawn uniformly: their weights are not used": flat,
        "the common faces come more often: the weights are used upside down": 1 / weights,
        "the weights are squared": weights.square(),
        "the root of the weights is used": weights.sqrt(),
    }
    if not _fits(counts, weights, order):
        words = [words for words, shares in known.items() if words and _fits(counts, shares, order)]
        top = int(weights.argmax())
        missed = f"the face with the weight {weights[top]:.2f} is {counts[top] / counts.sum():.2f} of the faces drawn"
        raise Mistake(words[0] if words else missed)
    plain = sum(torch.bincount(o, minlength=m) for _, o in batches).float()
    never = int((plain == 0).sum())
    require(never < m / 4, f"{never} of {m} others are never drawn: draw them uniformly from all")
    orders = torch.arange(m), torch.randperm(m, generator=rng)
    require(all(_fits(plain, torch.ones(m), order) for order in orders), "the others are not drawn uniformly")


@exercise("batch", points=2, hint="torch.multinomial(weights, ..., replacement=True) gives indices.")
def batch(call, rng):
    _judge_batch(call, 80, 60, 50, rng)


# 5. How good is it for each group?


def _judge_scores(call, sizes: tuple[int, ...], m: int, rng: torch.Generator) -> None:
    groups = len(sizes)
    group = torch.repeat_interleave(torch.arange(groups), torch.tensor(sizes))
    group = group[torch.randperm(len(group), generator=rng)]
    faces = 1.2 * _normal(len(group), rng=rng) + torch.linspace(1.2, -0.2, groups)[group]
    others = 1.2 * _normal(m, rng=rng) - 0.6
    faces, others = (0.5 * (2 * v).floor() + 0.25 for v in (faces, others))  # with ties, and without a 0
    mine = [faces[group == g] for g in range(groups)]
    tpr = torch.stack([(f > 0).float().mean() for f in mine])
    tnr = (others < 0).float().mean()
    more = torch.stack([(f[:, None] > others).float().mean() for f in mine])
    tie = torch.stack([(f[:, None] == others).float().mean() for f in mine])
    count = torch.tensor(sizes)
    balanced, auroc = (tpr + tnr) / 2, more + tie / 2
    whole = (faces > 0).float().mean()
    half = torch.stack([(f > 0.5).float().mean() for f in mine]) + (others <= 0.5).float().mean()
    wrong_balanced = {
        "this is the true-positive rate alone, which a lower threshold raises: what is no face has to count too": tpr,
        "this is the share of all that is right, which large groups decide; average the two rates":
            (tpr * count + tnr * m) / (count + m),
        "the two rates are added; average them": tpr + tnr,
        "the false-positive rate stands where the true-negative rate belongs": (tpr + 1 - tnr) / 2,
        "this is the true-positive rate minus the false-positive rate": tpr + tnr - 1,
        "this is the true-negative rate alone": tnr.expand(groups),
        "this is the share of the faces that is missed": 1 - tpr,
        "the faces of all groups are put together; each group has a rate of its own":
            ((whole + tnr) / 2).expand(groups),
        "the threshold is 0.5; logits are above 0 where a face is more likely than not": half / 2,
        "the geometric mean of the rates is taken; average them": (tpr * tnr).sqrt(),
        "this is the AUROC; the balanced accuracy comes first": auroc,
    }  # fmt: skip
    wrong_auroc = {
        "pairs with the same logit count 0; they count one half": more,
        "pairs with the same logit count 1; they count one half": more + tie,
        "this is the share of pairs in the wrong order": 1 - auroc,
        "summed over the pairs; it is a share of them": auroc * count * m,
        "the faces of all groups are put together; each group has an AUROC of its own":
            ((auroc * count).sum() / count.sum()).expand(groups),
        "this is the balanced accuracy; the AUROC comes second": balanced,
        "it is 2 AUROC - 1": 2 * auroc - 1,
    }  # fmt: skip
    answer = call("group_scores", faces, group, others)
    require(answer is not None, "`group_scores` returns None: is the `return` missing?")
    pair = isinstance(answer, tuple | list) and len(answer) == 2
    require(pair, "`group_scores` must return two tensors: balanced accuracies, AUROCs")
    for value, name in zip(answer, ("the balanced accuracy", "the AUROC"), strict=True):
        form = f"{name} is one number; it is one for each group, (groups,)"
        require(not (isinstance(value, Tensor) and value.ndim == 0 and bool(value.isfinite())), form)
    compare(answer[0], balanced, wrong_balanced, what="the balanced accuracy")
    compare(answer[1], auroc, wrong_auroc, what="the AUROC")


@exercise("scores", points=1, hint="Each group's faces against all that is no face; a logit above 0 says: a face.")
def scores(call, rng):
    _judge_scores(call, (30, 14, 7), 25, rng)


# 6. A detector that looks at rare faces


def _weights(pixels: int, latent: int, hidden: int, rng: torch.Generator) -> dict[str, Tensor]:
    """Parameters of the lab's network whose log-variances are the last of b2."""
    shapes = {"W1": (hidden, pixels), "W2": (1 + 2 * latent, hidden), "W3": (hidden, latent), "W4": (pixels, hidden)}
    p = {name: _normal(*shape, rng=rng) / shape[-1] ** 0.5 for name, shape in shapes.items()}
    p["W2"][1 + latent :] *= 0.0
    return p | {f"b{i}": 0.3 * _normal(len(p[f"W{i}"]), rng=rng) for i in range(1, 5)}


def _encode(p: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    latent = p["W3"].shape[1]
    out = F.linear(torch.relu(F.linear(x, p["W1"], p["b1"])), p["W2"], p["b2"])
    logit, mean, log_variance = out.split([1, latent, latent], 1)
    return logit[:, 0], mean, log_variance


def _decode(p: dict[str, Tensor], z: Tensor) -> Tensor:
    return F.linear(torch.relu(F.linear(z, p["W3"], p["b3"])), p["W4"], p["b4"])


def _errors(p: dict[str, Tensor], z: Tensor, x: Tensor) -> Tensor:
    return (_decode(p, z) - x).square() / (2 * WIDTH**2)


def _kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1)


def _judge_face_weights(call, n: int, pixels: int, latent: int, rng: torch.Generator) -> None:
    p = _weights(pixels, latent, 16, rng)
    p["W2"][1 + latent :] = _normal(latent, 16, rng=rng) / 4

    def draw():
        x = torch.rand(n, pixels, generator=rng)
        return x, _encode(p, x)[1].double()

    x = _far_from_edges(draw, BINS)
    logit, mean, log_variance = _encode(p, x)
    right = _rareness(mean, BINS, ALPHA)
    inverse = (_shares(mean.double(), BINS) + ALPHA).log().sum(1).softmax(0).float()
    wrong = {
        "all faces get the same weight: there is no resampling": torch.full((n,), 1 / n),
        "the common faces get the large weights": inverse,
        "the logits are used; the means are the codes": _rareness(logit[:, None], BINS, ALPHA),
        "the log-variances are used; the means are the codes": _rareness(log_variance, BINS, ALPHA),
        "means and log-variances are used; the means alone are the codes":
            _rareness(torch.cat([mean, log_variance], 1), BINS, ALPHA),
        "logits and means are used; the means alone are the codes":
            _rareness(torch.cat([logit[:, None], mean], 1), BINS, ALPHA),
        "the pixels are used; the means are the codes": _rareness(x, BINS, ALPHA),
    }  # fmt: skip
    value = call("face_weights", p, x)
    again = call("face_weights", p, x)
    if isinstance(value, Tensor) and isinstance(again, Tensor) and value.shape == again.shape == right.shape:
        steady = torch.equal(value, again)
        require(steady, "two calls of `face_weights` differ: use the means themselves, not draws around them")
    compare(value, right, wrong, what="the weight of the faces")


def _judge_detector_loss(
    call, n: int, pixels: int, latent: int, weight: float, rng: torch.Generator, calls: int = 60
) -> None:
    """First with next to no noise, where the loss is one number, then with much."""
    p, x = _weights(pixels, latent, 16, rng), torch.rand(n, pixels, generator=rng)
    y = (torch.arange(n) % 3 > 0).float()
    p["b2"][1 + latent :] = -30 + _normal(latent, rng=rng)
    x.requires_grad_(True)
    logit, mean, log_variance = _encode(p, x)
    each = F.binary_cross_entropy_with_logits(logit, y, reduction="none")
    errors, units = _errors(p, mean, x), _kl(mean, log_variance)
    error, kl = errors.sum(1), units.sum(1)
    right = (each + y * weight * (error + kl)).mean()

    def assembled(error=error, kl=kl):
        return (each + y * weight * (error + kl)).mean().detach()

    wrong = _wrong_losses(each, y, error, kl, weight) | {
        "averaged over the pixels; sum over them": assembled(error=errors.mean(1)),
        "averaged over the latent units; sum over them": assembled(kl=units.mean(1)),
        "averaged over pixels and latent units; sum over them": assembled(errors.mean(1), units.mean(1)),
        "the squared error stands where `pixel_errors` belongs": assembled(error=error * 2 * WIDTH**2),
        "mean and log-variance are exchanged in the KL": assembled(kl=_kl(log_variance, mean).sum(1)),
    }  # fmt: skip
    given = p, x.detach(), y, weight
    value = call("detector_loss", *given)
    swapped = _errors(p, log_variance + (mean / 2).exp() * _normal(n, latent, rng=rng), x).sum(1)
    swapped = assembled(swapped, _kl(log_variance, mean).sum(1))
    both = isinstance(value, Tensor) and value.ndim == 0 and bool((value / swapped - 1).abs() < 0.5)
    require(not both, "mean and log-variance of the encoder are exchanged")
    compare(value, right.detach(), {k: v.detach() for k, v in wrong.items()}, tolerance=1e-3,
            what="the loss, where log-variances are near -30,")  # fmt: skip
    slope = functools.partial(torch.autograd.grad, inputs=x, retain_graph=True)
    cut = (each + y * weight * (_errors(p, mean.detach(), x).sum(1) + kl)).mean()
    apart = {
        "no gradient of the reconstruction reaches the encoder": slope(cut)[0],
        "no gradient of reconstruction and KL reaches the encoder":
            slope(each.mean() + (y * weight * _errors(p, mean.detach(), x).sum(1)).mean())[0],
        "no gradient of the classification": slope((y * weight * (error + kl)).mean())[0],
        "no gradient of reconstruction and KL": slope(each.mean())[0],
        "no gradient of the KL": slope((each + y * weight * error).mean())[0],
    }  # fmt: skip
    gradient = call.gradient("detector_loss", *given, of=1)
    compare(gradient, slope(right)[0], apart, tolerance=1e-3, what="the gradient of the loss with respect to x")
    _judge_noise(call, given, rng, calls)


def _judge_noise(call, given: tuple, rng: torch.Generator, calls: int) -> None:
    """With log-variances near 1: is z a draw from q(z|x)?"""
    p, x, y, weight = given
    latent = p["W3"].shape[1]
    p["b2"][1 : 1 + latent] = 2.5 * _normal(latent, rng=rng).sign()
    p["b2"][1 + latent :] = 1.0
    found = torch.stack([call("detector_loss", p, x, y, weight) for _ in range(calls)])
    require(bool((found != found[0]).any()), "two calls give the same loss: no noise, or noise from a fixed seed")
    logit, mean, log_variance = _encode(p, x)
    sigma = (log_variance / 2).exp()
    fixed = F.binary_cross_entropy_with_logits(logit, y) + (y * weight * _kl(mean, log_variance).sum(1)).mean()

    def average(code, times=400):
        draws = [(y * weight * _errors(p, code(_normal(*mean.shape, rng=rng)), x).sum(1)).mean() for _ in range(times)]
        draws = torch.stack(draws) + fixed
        return draws.mean(), SIGMAS * draws.std() * (1 / calls + 1 / times) ** 0.5

    right, slack = average(lambda e: mean + sigma * e)
    wrong = {
        "z is drawn from the prior, not from q(z|x)": average(lambda e: e)[0],
        "the noise is scaled with the variance, not with sigma": average(lambda e: mean + sigma**2 * e)[0],
        "the noise has the wrong width": average(lambda e: mean + e)[0],
    }
    tolerance = float(slack / right)
    if not close(found.mean(), right, tolerance):
        compare(found.mean(), right, wrong, tolerance=tolerance, what=f"the mean loss over {calls} calls")


COMMON, RARE, SIDE = (0.0, 0.3), (0.8, 1.0), 16
VARIED = ("skin", "mouth", "brows", "nose", "age", "glasses", "eye_spacing", "hair_colour")


def _drawn(n: int, skin: tuple[float, float] | None, seed: int, split: str = "train") -> Tensor:
    bias = None if skin is None else {"skin": skin}
    colour = load("faces", n=n, seed=seed, split=split, bias=bias, vary=VARIED, keep=False).x.cpu()
    return F.avg_pool2d(colour.mean(1, keepdim=True), 32 // SIDE).flatten(1)


def _turned(x: Tensor) -> Tensor:
    """Pictures whose middle is upside down."""
    x = x.view(-1, SIDE, SIDE).clone()
    x[:, 3:14, 3:13] = x[:, 3:14, 3:13].flip(1)
    return x.flatten(1)


@functools.lru_cache(8)
def _faces(seed: int) -> tuple[Tensor, ...]:
    """Faces to train on, of which the last 15 are dark, others, unseen faces of both kinds, unseen others."""
    train = torch.cat([_drawn(1485, COMMON, seed), _drawn(15, RARE, seed + 500)])
    return (train, _turned(_drawn(1000, None, seed + 1000)), _drawn(300, COMMON, seed, "test"),
            _drawn(300, RARE, seed + 500, "test"), _turned(_drawn(500, None, seed + 1000, "test")))  # fmt: skip


def _judge_training(call, steps: int, first: int, rng: torch.Generator) -> None:
    seed = first + int(torch.randint(4, (), generator=rng))
    train, others, common, rare, unseen = (x + 0.05 * _normal(*x.shape, rng=rng) for x in _faces(seed))
    p = call("trained", train, others, steps)
    like = _weights(train.shape[1], 3, 48, rng)
    require(isinstance(p, dict) and p.keys() == like.keys(), "`trained` was changed: take it from the released lab")
    for name, value in p.items():
        require_form(value, like[name], f"{name} after training")
    found, missed = ((_encode(p, x)[0] > 0).float().mean().item() for x in (rare, common))
    specific = (_encode(p, unseen)[0] < 0).float().mean().item()
    words = (
        f"the trained detector finds {found:.2f} of new dark faces and {missed:.2f} of new light ones, and refuses "
        f"{specific:.2f} of what is no face; its balanced accuracy on dark faces is too low"
    )
    name = f"balanced accuracy on rare faces, {steps} steps"
    outcome(name, (found + specific) / 2, words, better="higher", slack=0.08)


@exercise("training", points=2, hint="Encode, draw with `reparameterise`, decode, then `debiasing_loss`.")
def training(call, rng):
    _judge_face_weights(call, 40, 30, 3, rng)
    _judge_detector_loss(call, 30, 20, 3, 0.02, rng)
    _judge_training(call, 500, 0, rng)


# 7. Why these four fail

_CAUSES = (
    "error averaged", "gate", "inverted", "no KL", "no noise", "no resampling", "stale", "step size", "weight",
    "wrong codes",
)  # fmt: skip
_EVIDENCE = {
    "A": "what does it say of pictures that are no face, and which term of its loss speaks about them?",
    "B": "what share of a batch are dark faces, and how does it change while it trains?",
    "C": "what share of a batch are dark faces, and which share would a uniform draw give?",
    "D": "how far from 0 are its logits after 500 steps, and what pushes them?",
}
# hashes: nobody should read the answer in passing
_RIGHT = {"A": "a40d5c5c", "B": "bcb88bea", "C": "1ff0b165", "D": "de20c9f7"}


@exercise("diagnosis", points=4)
def diagnosis(call, rng):
    judge_diagnosis(call, "lab04", _CAUSES, _RIGHT, _EVIDENCE)
