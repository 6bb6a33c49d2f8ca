"""The checks of lab 03: what `check("kl")` and its kin try, and what they say of a mistake.

Each exercise is judged by one function below, which the check in the lab calls with one set of inputs
and the grading with others. The references are those of torch.distributions.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence

from lecturelib import load
from lecturelib.grading.calling import check_gradient
from lecturelib.grading.diagnosis import judge_diagnosis
from lecturelib.grading.exercises import exercise
from lecturelib.grading.mistakes import Mistake, close, compare, require, require_finite, require_form
from lecturelib.grading.outcomes import outcome

SIGMAS = 6.0  # standard errors that a mean of random numbers may lie off


def _normal(*shape: int, rng: torch.Generator) -> Tensor:
    return torch.randn(*shape, generator=rng)


def _uniform(low: float, high: float, *shape: int, rng: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(*shape, generator=rng)


def _wrong_sums(each: Tensor, over: str) -> dict[str, Tensor]:
    """What comes out when the terms (n, d) of a sum over d, `over` what, are put together in another way."""
    return {
        f"not summed over the {over}: one number for each example, (n,)": each,
        f"averaged over the {over}; sum over them": each.mean(1),
        "summed over the examples too; one number for each example, (n,)": each.sum(),
        f"averaged over examples and {over}; one number for each example, (n,)": each.mean(),
        "averaged over the examples; one number for each example, (n,)": each.sum(1).mean(),
        f"summed over the examples; sum over the {over}": each.sum(0),
        f"averaged over the examples; sum over the {over}": each.mean(0),
    }


# 1. The KL divergence


def _judge_kl(call, n: int, d: int, rng: torch.Generator) -> None:
    mean = _normal(n, d, rng=rng) + 1
    # first positive ones alone, so that a formula that takes their logarithm has a value to be known by
    for log_variance in (_uniform(0.3, 2, n, d, rng=rng), _normal(n, d, rng=rng)):
        _judge_kl_of(call, mean, log_variance)
    check_gradient(call, "kl_to_prior", mean[:1], log_variance[:1], of=0)
    check_gradient(call, "kl_to_prior", mean[:1], log_variance[:1], of=1)
    thin = torch.full((2, d), -60.0)
    value = call("kl_to_prior", mean[:1].expand(2, d), thin)
    require_finite(value, "the KL of a very narrow q (log-variance -60)", "log_variance is a logarithm already")
    compare(value, 0.5 * (mean[:1].expand(2, d).square() + 60 - 1).sum(1), what="the KL of a very narrow q")
    prior = call("kl_to_prior", torch.zeros(2, d), torch.zeros(2, d))
    compare(prior, torch.zeros(2), tolerance=1e-5, what="the KL of N(0, 1) to itself")


def _judge_kl_of(call, mean: Tensor, log_variance: Tensor) -> None:
    squared, variance = mean.square(), log_variance.exp()
    sigma = (log_variance / 2).exp()
    each = kl_divergence(Normal(mean, sigma), Normal(0.0, 1.0))
    right = each.sum(1)

    def assembled(a=squared, b=variance, c=log_variance, one=1.0):
        return 0.5 * (a + b - c - one).sum(1)

    wrong = {
        "the sign is wrong: a KL is never negative": -right,
        "the factor 1/2 is missing": 2 * right,
        "the 1 is not subtracted": assembled(one=0),
        "the 1 is added, not subtracted": assembled(one=-1),
        "the 1 is subtracted once for each example, not once for each latent unit":
            0.5 * ((squared + variance - log_variance).sum(1) - 1),
        "log sigma^2 is added, not subtracted": assembled(c=-log_variance),
        "log sigma^2 is missing": assembled(c=0),
        "log sigma stands where log sigma^2 belongs": assembled(c=log_variance / 2),
        "the mean is not squared": assembled(a=mean),
        "the mean is missing": assembled(a=0),
        "exp is missing: the argument is the logarithm of the variance": assembled(b=log_variance),
        "the log-variance is taken for the variance: take exp first": assembled(b=log_variance, c=log_variance.log()),
        "the log-variance is taken for the standard deviation: take exp first, then it is the variance":
            assembled(b=log_variance.square(), c=log_variance.square().log()),
        "the log-variance is taken for log sigma; it is 2 log sigma":
            assembled(b=(2 * log_variance).exp(), c=2 * log_variance),
        "sigma stands where the variance sigma^2 belongs": assembled(b=sigma),
        "the variance is squared": assembled(b=variance.square()),
        "this is KL(prior || q); the other way round is asked for":
            kl_divergence(Normal(0.0, 1.0), Normal(mean, sigma)).sum(1),
        "in bits (logarithm to the base 2); nats are asked for": right / math.log(2),
    } | _wrong_sums(each, "latent units")  # fmt: skip
    compare(call("kl_to_prior", mean, log_variance), right, wrong, what="the KL")


@exercise("kl", points=2, hint="sigma^2 = exp(log_variance); sum over the latent units, one number for each example.")
def kl(call, rng):
    _judge_kl(call, 5, 3, rng)


def _judge_kl_between(call, n: int, d: int, rng: torch.Generator) -> None:
    m, p = _normal(n, d, rng=rng), _normal(n, d, rng=rng) + 0.5
    lm, lp = _normal(n, d, rng=rng), _normal(n, d, rng=rng) + 0.7
    squared, vm, vp = (m - p).square(), lm.exp(), lp.exp()

    def each_of(a=squared / vp, b=vm / vp, c=lm - lp, one=1.0):
        return 0.5 * (a + b - c - one)

    each = kl_divergence(Normal(m, (lm / 2).exp()), Normal(p, (lp / 2).exp()))
    right = each.sum(1)
    wrong = {
        "this is KL(p || q); KL(q || p) is asked for": kl_divergence(
            Normal(p, (lp / 2).exp()), Normal(m, (lm / 2).exp())).sum(1),
        "the sign is wrong: a KL is never negative": -right,
        "the factor 1/2 is missing": 2 * right,
        "the 1 is not subtracted": each_of(one=0).sum(1),
        "the distance of the means is not divided by the variance of p": each_of(a=squared).sum(1),
        "the distance of the means is divided by the variance of q; that of p belongs there":
            each_of(a=squared / vm).sum(1),
        "the distance of the means is divided by sigma of p; its variance belongs there":
            each_of(a=squared / (lp / 2).exp()).sum(1),
        "the distance of the means is not squared": each_of(a=(m - p) / vp).sum(1),
        "the means are added; their difference belongs there": each_of(a=(m + p).square() / vp).sum(1),
        "the mean of p is left out": each_of(a=m.square() / vp).sum(1),
        "the quotient of the variances is upside down": each_of(b=vp / vm).sum(1),
        "the variance of q is not divided by that of p": each_of(b=vm).sum(1),
        "the difference of the log-variances has the wrong sign": each_of(c=lp - lm).sum(1),
        "the log-variance of p is left out": each_of(c=lm).sum(1),
        "exp is missing: the arguments are logarithms of variances": each_of(a=squared / lp, b=lm / lp).sum(1),
        "the log-variances are taken for log sigma; they are 2 log sigma":
            kl_divergence(Normal(m, vm), Normal(p, vp)).sum(1),
        "this is the KL to N(0, 1); p has a mean and a variance of its own":
            kl_divergence(Normal(m, (lm / 2).exp()), Normal(0.0, 1.0)).sum(1),
    } | _wrong_sums(each, "latent units")  # fmt: skip
    compare(call("kl_between", m, lm, p, lp), right, wrong, what="the KL")
    same = call("kl_between", m, lm, m, lm)
    compare(same, torch.zeros(n), what="the KL of a Gaussian to itself")
    zero = torch.zeros(n, d)
    to_prior = kl_divergence(Normal(m, (lm / 2).exp()), Normal(0.0, 1.0)).sum(1)
    compare(call("kl_between", m, lm, zero, zero), to_prior, what="the KL to N(0, 1)")
    check_gradient(call, "kl_between", m[:1], lm[:1], p[:1], lp[:1], of=0)


@exercise("kl_between", points=1, hint="With p = N(0, 1) it must be what `kl_to_prior` gives.")
def kl_between(call, rng):
    _judge_kl_between(call, 4, 3, rng)


# 2. A draw through which gradients pass


def _off(values: Tensor, mean: float, deviation: float) -> float:
    """How many standard errors the mean of the values lies off."""
    return (values.mean().item() - mean) / (deviation / values.numel() ** 0.5)


def _judge_width(residual: Tensor, log_variance: Tensor) -> None:
    """residual = z - mean (n, d): its deviation in each column, against what log_variance (d,) says."""
    found = residual.square().mean(0).sqrt()
    candidates = {
        "": (log_variance / 2).exp(),
        "the noise is scaled with the variance; its standard deviation sigma belongs there": log_variance.exp(),
        "the noise is scaled with the log-variance: exp is missing": log_variance.abs(),
        "the noise is scaled with half the log-variance, log sigma: exp is missing": log_variance.abs() / 2,
        "the noise is divided by sigma; multiply": (-log_variance / 2).exp(),
        "the noise is not scaled: sigma is missing": torch.ones_like(log_variance),
        "the root is taken twice: exp(log_variance / 2) is sigma already": (log_variance / 4).exp(),
        "the log-variance is taken for the variance (its root is no sigma): take exp first": log_variance.abs().sqrt(),
    }
    slack = SIGMAS / (2 * len(residual)) ** 0.5
    for words, deviation in candidates.items():
        if bool(((found - deviation).abs() <= slack * deviation).all()):
            require(not words, words)
            return
    worst = int((found / candidates[""]).log().abs().argmax())
    raise Mistake(
        f"z spreads by {found[worst]:.3g} around the mean where sigma is {candidates[''][worst]:.3g} "
        f"(log-variance {log_variance[worst]:.2g})"
    )


def _judge_noise(residual: Tensor) -> None:
    """Is the noise drawn anew for each entry? residual = z - mean, (n, d)."""
    require(bool((residual.abs() > 1e-6).any()), "z is the mean: no noise is added")
    signs, rest = residual.sign(), residual - residual[:1]
    if bool((rest.abs() < 1e-5).all()):
        raise Mistake("all examples get the same noise: draw it for each entry, with the shape of mean")
    if bool((residual >= 0).all()):
        raise Mistake("the noise is never negative: it must be normal (torch.randn), not uniform (torch.rand)")
    if bool((signs == signs[:, :1]).all()):
        raise Mistake("all latent units of an example get the same noise: draw it for each entry")


def _judge_draw(call, n: int, log_variances: tuple[float, ...], rng: torch.Generator) -> None:
    log_variance = torch.tensor(log_variances)
    d = len(log_variance)
    mean, wide = 3 * _normal(n, d, rng=rng), log_variance.expand(n, d).clone()
    z = call("reparameterise", mean, wide)
    require_form(z, mean, "z")
    around = z - mean
    along = torch.corrcoef(torch.stack([z.flatten(), mean.flatten()]))[0, 1]
    require(not bool(along < 0.2), "z does not follow the mean: z = mean + noise of width sigma")
    _judge_noise(around)
    _judge_width(around, log_variance)
    noise = around / (log_variance / 2).exp()
    off = _off(noise, 0.0, 1.0)
    require(abs(off) < SIGMAS, f"z lies {noise.mean():+.2f} sigma beside the mean, on average over all entries")
    largest = noise.abs().max().item()
    require(largest > 2.2, f"no draw lies further than {largest:.2f} sigma from its mean: the noise is not normal")
    again = call("reparameterise", mean, wide)
    require(not torch.equal(z, again), "two calls draw the same z: draw new noise in each call, without a fixed seed")
    _judge_path(call, mean, wide, log_variance)


def _judge_path(call, mean: Tensor, wide: Tensor, log_variance: Tensor) -> None:
    """The gradients of sum(z): 1 for each mean, 1/2 sigma eps for each log-variance."""
    for of, name in enumerate(("mean", "log_variance")):
        words = f"no gradient reaches {name}: draw eps ~ N(0, 1) first, then compute z from mean, log_variance and eps"
        try:
            gradient = call.gradient("reparameterise", mean, wide, of=of)
        except Mistake as mistake:
            if type(mistake) is not Mistake:  # not written, or raised
                raise
            raise Mistake(words) from None
        require(bool((gradient != 0).any()), words)
        if of == 0:
            compare(gradient, torch.ones_like(mean), what="dz/dmean")
    half_noise = gradient / (log_variance / 2).exp()
    slack = SIGMAS / (2 * len(mean)) ** 0.5
    found = half_noise.square().mean(0).sqrt()
    ok = bool(((found - 0.5).abs() <= slack).all()) and abs(_off(half_noise, 0.0, 0.5)) < SIGMAS
    require(ok, "dz/dlog_variance is wrong, though z is right: a part of it was cut off by .detach() or no_grad")


@exercise("reparameterise", points=2, hint="`.sample()`, `torch.normal` and `no_grad` let no gradient pass.")
def reparameterise(call, rng):
    _judge_draw(call, 3000, (-3.0, -1.0, 0.6, 2.0), rng)


# 3. What the decoder says of the pixels


def _judge_bernoulli(call, n: int, d: int, rng: torch.Generator) -> None:
    logits = 2 * _normal(n, d, rng=rng)
    black = (torch.rand(n, d, generator=rng) < 0.5).float()
    grey = torch.rand(n, d, generator=rng)
    for x in (black, grey):
        on, off = x * F.logsigmoid(logits), (1 - x) * F.logsigmoid(-logits)
        each, p = on + off, torch.sigmoid(logits)
        right = each.sum(1)
        wrong = {
            "the sign is wrong: this is the cross-entropy; the log-likelihood is its negative": -right,
            "the sign is wrong, and averaged over the pixels": -each.mean(1),
            "the sign is wrong, and averaged over everything": -each.mean(),
            "the sigmoid is applied twice: F.binary_cross_entropy_with_logits applies it itself":
                -F.binary_cross_entropy_with_logits(p, x, reduction="none").sum(1),
            "the logits are taken for log p: log p = logsigmoid(logits)": (x * logits).sum(1),
            "logits and x are exchanged": -F.binary_cross_entropy_with_logits(x, p, reduction="none").sum(1),
            "the part with 1 - x is missing": on.sum(1),
            "only the part with 1 - x is there": off.sum(1),
            "x is exchanged with 1 - x": ((1 - x) * F.logsigmoid(logits) + x * F.logsigmoid(-logits)).sum(1),
            "this is the squared error": -(p - x).square().sum(1),
            "this is the probability; its logarithm is asked for": right.exp(),
            "in bits (logarithm to the base 2); nats are asked for": right / math.log(2),
        } | _wrong_sums(each, "pixels")  # fmt: skip
        compare(call("bernoulli_log_likelihood", logits, x), right, wrong, what="the log-likelihood")
    check_gradient(call, "bernoulli_log_likelihood", logits[:1], black[:1], of=0)
    _judge_large_logits(call, logits, black)


def _judge_large_logits(call, logits: Tensor, x: Tensor) -> None:
    """Where the sigmoid rounds to 0 or 1."""
    far = logits.sign() * (logits.abs() + 150)
    value = call("bernoulli_log_likelihood", far, x)
    advice = "the sigmoid rounds to 0 or 1 there; compute from the logits, without it"
    require_finite(value, "the log-likelihood for logits near 150", advice)
    right = -F.binary_cross_entropy_with_logits(far, x, reduction="none").sum(1)
    missed = (far.sign() * (x - 0.5) < 0).sum(1)  # pixels of each example that the decoder is sure of and wrong
    if value.shape == right.shape and bool(missed.any()):
        most = (value / missed)[missed > 0].abs().max().item()
        words = f"a pixel that is wrong costs {most:.0f} nats there and should cost 150 or more: log p was cut"
        require(most > 140, f"{words} (by clamp, or by F.binary_cross_entropy); compute from the logits")
    compare(value, right, tolerance=1e-3, what="the log-likelihood for logits near 150")


@exercise("bernoulli", points=1, hint="One number for each example: a sum over its pixels, never above 0.")
def bernoulli(call, rng):
    _judge_bernoulli(call, 4, 6, rng)


def _judge_gaussian(call, n: int, d: int, sigma: float, rng: torch.Generator) -> None:
    mean, x = _normal(n, d, rng=rng), _normal(n, d, rng=rng) + 0.3
    squared, log_sigma, log_two_pi = (x - mean).square(), math.log(sigma), math.log(2 * math.pi)
    each = Normal(mean, sigma).log_prob(x)
    right = each.sum(1)

    def assembled(a=0.5 * squared / sigma**2, b=log_sigma, c=0.5 * log_two_pi):
        return -(a + b + c).sum(1)

    wrong = {
        "the sign is wrong: this is -log p": -right,
        "1 / (2 sigma^2) is missing: the squared error as it is": assembled(a=squared),
        "this is the squared error alone: 1 / (2 sigma^2) and the constants are missing": -squared.sum(1),
        "this is the squared error: the sign, 1 / (2 sigma^2) and the constants are missing": squared.sum(1),
        "the factor 1/2 of the squared error is missing": assembled(a=squared / sigma**2),
        "1 / sigma^2 is missing": assembled(a=0.5 * squared),
        "divided by sigma; divide by sigma^2": assembled(a=0.5 * squared / sigma),
        "the difference is not squared": assembled(a=0.5 * (x - mean).abs() / sigma**2),
        "log sigma and log 2 pi are missing": assembled(b=0, c=0),
        "log sigma is missing": assembled(b=0),
        "log sigma has the wrong sign": assembled(b=-log_sigma),
        "2 log sigma stands where log sigma belongs: the factor 1/2 of log sigma^2 is missing":
            assembled(b=2 * log_sigma),
        "the term with log 2 pi is missing": assembled(c=0),
        "the factor 1/2 of log 2 pi is missing": assembled(c=log_two_pi),
        "the constants are counted once for each example, not once for each pixel":
            -(0.5 * squared / sigma**2).sum(1) - log_sigma - 0.5 * log_two_pi,
        "sigma is taken for the variance": Normal(mean, sigma**0.5).log_prob(x).sum(1),
        "sigma is taken for the log-variance": Normal(mean, math.exp(sigma / 2)).log_prob(x).sum(1),
        "this is the density; its logarithm is asked for": right.exp(),
    } | _wrong_sums(each, "pixels")  # fmt: skip
    compare(call("gaussian_log_likelihood", mean, x, sigma), right, wrong, what="the log-likelihood")
    check_gradient(call, "gaussian_log_likelihood", mean[:1], x[:1], sigma, of=0)


@exercise("gaussian", points=1, hint="log N(x; m, sigma^2) of one pixel has three terms; add them up over the pixels.")
def gaussian(call, rng):
    _judge_gaussian(call, 4, 6, 0.6, rng)


# 4. The bound, and a VAE trained with it


def _judge_elbo(call, n: int, pixels: int, d: int, beta: float, rng: torch.Generator) -> None:
    x, logits = (torch.rand(n, pixels, generator=rng) < 0.5).float(), _normal(n, pixels, rng=rng)
    mean, log_variance = 1.5 * _normal(n, d, rng=rng), _normal(n, d, rng=rng)
    error = -Bernoulli(logits=logits).log_prob(x).sum(1).mean()
    kl = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(1).mean()

    order = "the values stand in the wrong order; return loss, reconstruction, kl"
    wrong_error = {
        "the sign is wrong: it is -log p(x|z)": -error,
        order: kl,
        "averaged over the pixels; sum over the pixels, average over the examples": error / pixels,
        "summed over the examples; average over them": error * n,
        "beta weighs it; it belongs to the KL": beta * error,
    }
    wrong_kl = {
        "the sign is wrong: a KL is never negative": -kl,
        order: error,
        "averaged over the latent units; sum over them": kl / d,
        "summed over the examples; average over them": kl * n,
        "beta belongs to the loss alone; the third value is the KL itself": beta * kl,
    }
    wrong_loss = {
        "this is the bound, which is maximised; its negative is the loss": -error - beta * kl,
        "the KL is subtracted; it belongs to the loss with a plus": error - beta * kl,
        "the reconstruction is subtracted; it belongs to the loss with a plus": beta * kl - error,
        "beta is not used": error + kl,
        "beta weighs the reconstruction; it belongs to the KL": beta * error + kl,
        "beta weighs both parts; it belongs to the KL alone": beta * (error + kl),
        "the KL is divided by beta; multiply": error + kl / beta,
        "beta weighs the reconstruction and 1 - beta the KL": beta * error + (1 - beta) * kl,
        "the KL is weighed twice, with beta^2": error + beta**2 * kl,
        "the KL is missing": error,
        "the reconstruction is missing": beta * kl,
    }
    values = call("negative_elbo", x, logits, mean, log_variance, beta)
    _require_three(values, "negative_elbo")
    compare(values[1], error, wrong_error, what="the reconstruction, the second value,")
    compare(values[2], kl, wrong_kl, what="the KL, the third value,")
    compare(values[0], error + beta * kl, wrong_loss, what="the loss")


def _require_three(values, name: str) -> None:
    require(values is not None, f"`{name}` returns None: is the `return` missing?")
    three = isinstance(values, tuple | list) and len(values) == 3
    require(three, f"`{name}` must return three tensors: loss, reconstruction, kl")
    for value, part in zip(values, ("the loss", "the reconstruction", "the KL"), strict=True):
        whole = isinstance(value, Tensor) and value.ndim > 0
        require(not whole, f"{part} is one number for the batch, of shape (): average over the examples")
        require_form(value, torch.tensor(0.0), part)


@exercise("elbo", points=2, hint="Your `kl_to_prior` and `bernoulli_log_likelihood` give one number for each example.")
def elbo(call, rng):
    _judge_elbo(call, 5, 7, 3, 2.5, rng)


def _weights(pixels: int, latent: int, hidden: int, rng: torch.Generator) -> dict[str, Tensor]:
    """Parameters of the lab's VAE with means near 2.5 or -2.5 and wide draws, so that both matter to the decoder."""
    shapes = {"W1": (hidden, pixels), "W2": (2 * latent, hidden), "W3": (hidden, latent), "W4": (pixels, hidden)}
    p = {name: _normal(*shape, rng=rng) * (1.6 / shape[-1] ** 0.5) for name, shape in shapes.items()}
    p |= {f"b{i}": _normal(len(p[f"W{i}"]), rng=rng) for i in (1, 3, 4)}
    p["W2"] *= 0.3
    p["b2"] = torch.cat([2.5 * _normal(latent, rng=rng).sign(), torch.full((latent,), 1.3)])
    return p


def _encode(p: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    mean, log_variance = F.linear(torch.relu(F.linear(x, p["W1"], p["b1"])), p["W2"], p["b2"]).chunk(2, 1)
    return mean, log_variance


def _decode(p: dict[str, Tensor], z: Tensor) -> Tensor:
    return F.linear(torch.relu(F.linear(z, p["W3"], p["b3"])), p["W4"], p["b4"])


def _error(p: dict[str, Tensor], z: Tensor, x: Tensor) -> Tensor:
    """-log p(x|z) of each example, (n,)."""
    return -Bernoulli(logits=_decode(p, z)).log_prob(x).sum(1)


def _judge_vae_loss(call, n: int, pixels: int, latent: int, beta: float, rng: torch.Generator, calls: int = 60) -> None:
    p, x = _weights(pixels, latent, 16, rng), (torch.rand(n, pixels, generator=rng) < 0.5).float()
    mean, log_variance = _encode(p, x)
    sigma = (log_variance / 2).exp()
    drawn = []
    for _ in range(calls):
        values = call("vae_loss", p, x, beta)
        _require_three(values, "vae_loss")
        drawn.append(torch.stack(list(values)))
    drawn = torch.stack(drawn)
    require(bool((drawn[0] != drawn[1]).any()), "two calls give the same loss: no noise, or noise from a fixed seed")

    def average(code, of=lambda logits: logits, times=400):
        """The mean error for z = code(eps), and how far a mean over the calls may lie off."""
        found = []
        for _ in range(times):
            logits = of(_decode(p, code(_normal(n, latent, rng=rng))))
            found.append(F.binary_cross_entropy_with_logits(logits, x) * pixels)
        found = torch.stack(found)
        return found.mean(), SIGMAS * found.std() * (1 / calls + 1 / times) ** 0.5

    def divergence(mean, sigma):
        return kl_divergence(Normal(mean, sigma), Normal(0.0, 1.0)).sum(1).mean()

    (error, slack), kl = average(lambda e: mean + sigma * e), divergence(mean, sigma)
    turned = (mean / 2).exp()
    wrong_kl = {
        "mean and log-variance of the encoder are exchanged": divergence(log_variance, turned),
        "summed over the examples; average over them": kl * n,
        "averaged over the latent units; sum over them": kl / latent,
        "beta belongs to the loss alone": kl * beta,
        "the sign is wrong": -kl,
    }
    wrong_error = {
        "z is drawn from the prior, not from q(z|x)": average(lambda e: e)[0],
        "the noise is scaled with the variance, not with sigma": average(lambda e: mean + sigma**2 * e)[0],
        "mean and log-variance of the encoder are exchanged": average(lambda e: log_variance + turned * e)[0],
        "the logits pass through a sigmoid, and `negative_elbo` applies another": average(
            lambda e: mean + sigma * e, torch.sigmoid
        )[0],
        "averaged over the pixels; sum over them": error / pixels,
        "summed over the examples; average over them": error * n,
        "the sign is wrong: it is -log p(x|z)": -error,
    }
    wrong_loss = {
        "beta does not reach it": error + kl,
        "the sign is wrong: this is the bound; its negative is the loss": -error - beta * kl,
        "the KL is subtracted": error - beta * kl,
        "the KL is missing": error,
        "beta weighs the reconstruction; it belongs to the KL": beta * error + kl,
    }
    loss = error + beta * kl
    told = ((2, kl, 1e-3, wrong_kl), (1, error, slack / error, wrong_error), (0, loss, slack / loss, wrong_loss))
    for place, right, tolerance, wrong in told:
        found, name = drawn[:, place].mean(), ("loss", "reconstruction", "kl")[place]
        if not close(found, right, float(tolerance)):
            compare(found, right, wrong, tolerance=float(tolerance), what=f"the mean of {name} over {calls} calls")


def _pictures(kind: str, n: int, seed: int, split: str = "train") -> Tensor:
    """Drawn characters of 14 x 14 pixels in black and white, (n, 196)."""
    return (load("glyphs", n=n, size=14, kind=kind, seed=seed, split=split).x.flatten(1).cpu() > 0.5).float()


def _judge_training(call, kind: str, latent: int, steps: int, rng: torch.Generator) -> None:
    seed = int(torch.randint(1000, (), generator=rng))
    x, unseen = _pictures(kind, 4000, seed), _pictures(kind, 2000, seed, split="test")
    p = call("trained", x, 1.0, latent, 100, steps)
    like = _weights(x.shape[1], latent, 100, rng)
    require(isinstance(p, dict) and p.keys() == like.keys(), "`trained` was changed: take it from the released lab")
    for name, value in p.items():
        require_form(value, like[name], f"{name} after training")
    mean, log_variance = _encode(p, unseen)
    sigma = (log_variance / 2).exp()
    kl = kl_divergence(Normal(mean, sigma), Normal(0.0, 1.0)).sum(1).mean().item()
    draws = [_error(p, mean + sigma * _normal(*mean.shape, rng=rng), unseen).mean().item() for _ in range(4)]
    error = sum(draws) / len(draws)
    words = f"the trained VAE needs too many nats for a new {kind[:-1]}: {error:.1f} for its pixels and {kl:.1f} of KL"
    if kl < 0.5:
        words += " (the code says nothing about x: does a gradient of the reconstruction reach the encoder?)"
    elif kl > error:
        words += " (the KL is far too large: is it in the loss, and does its gradient reach the encoder?)"
    elif error > 38:
        words += " (the code says too little: does a gradient reach both mean and log-variance through the draw?)"
    outcome(f"nats per new picture, {kind}", error + kl, words, slack=1.0)


@exercise("training", points=2, hint="Encode, draw with `reparameterise`, decode, then `negative_elbo`.")
def training(call, rng):
    _judge_vae_loss(call, 60, 30, 3, 2.0, rng)
    _judge_training(call, "digits", 6, 700, rng)


# 5. Why these four fail

_CAUSES = (
    "KL averaged", "KL sign", "cut gradient", "error averaged", "no exp", "no noise", "prior", "shared noise",
    "step size", "two sigmoids",
)  # fmt: skip
_EVIDENCE = {
    "A": "how large would its error be if it were counted like that of a right VAE, over all pixels of a picture?",
    "B": "with one batch, what is the gradient of its error with respect to W1, which belongs to the encoder?",
    "C": "which widths does its log-variance give, in the draw and in the KL?",
    "D": "with one batch, what is its KL for each latent unit, and what do they add up to?",
}
# hashes: nobody should read the answer in passing
_RIGHT = {"A": "79b586f4", "B": "d7aff5ef", "C": "f22af942", "D": "45acd044"}


@exercise("diagnosis", points=4)
def diagnosis(call, rng):
    judge_diagnosis(call, "lab03", _CAUSES, _RIGHT, _EVIDENCE)


# 6. A tighter bound


def _judge_weights(call, k: int, n: int, d: int, rng: torch.Generator) -> None:
    log_likelihood, mean = -20 + 5 * _normal(k, n, rng=rng), _normal(n, d, rng=rng)
    log_variance = _normal(n, d, rng=rng) - 0.5
    sigma = (log_variance / 2).exp()
    z = mean + sigma * _normal(k, n, d, rng=rng)
    prior, q = Normal(0.0, 1.0).log_prob(z), Normal(mean, sigma).log_prob(z)
    right = log_likelihood + (prior - q).sum(2)
    constant = 0.5 * d * math.log(2 * math.pi)
    wrong = {
        "log q(z|x) is added; it is subtracted": log_likelihood + (prior + q).sum(2),
        "log q(z|x) is missing": log_likelihood + prior.sum(2),
        "log p(z) is missing": log_likelihood - q.sum(2),
        "log p(z) is subtracted; it is added": log_likelihood - (prior + q).sum(2),
        "p(z) and q(z|x) are exchanged": log_likelihood + (q - prior).sum(2),
        "log p(x|z) is missing": (prior - q).sum(2),
        "log p(x|z) is subtracted; it is added": (prior - q).sum(2) - log_likelihood,
        "the sign is wrong: log q(z|x) - log p(x, z)": -right,
        "averaged over the latent units; sum over them": log_likelihood + (prior - q).mean(2),
        "not summed over the latent units": log_likelihood[..., None] + prior - q,
        "the variance stands where sigma belongs in q": log_likelihood
        + (prior - Normal(mean, sigma**2).log_prob(z)).sum(2),
        "the mean of q is not subtracted": log_likelihood + (prior - Normal(0.0, sigma).log_prob(z)).sum(2),
        "log sigma is missing in log q(z|x)": right - log_variance.sum(1) / 2,
        "log sigma has the wrong sign in log q(z|x)": right - log_variance.sum(1),
        "log 2 pi stands in log p(z) but not in log q(z|x)": right - constant,
        "log 2 pi stands in log q(z|x) but not in log p(z)": right + constant,
        "this is log p(x|z) - KL; the logarithm of the ratio for this very z is asked for": log_likelihood
        - kl_divergence(Normal(mean, sigma), Normal(0.0, 1.0)).sum(1),
        "these are the weights; their logarithms are asked for": right.exp(),
        "averaged over the draws; one number for each draw and example, (k, n)": right.mean(0),
    }
    compare(call("log_weights", log_likelihood, z, mean, log_variance), right, wrong, what="log w")


@exercise("weights", points=1, hint="log p(x|z) is given; log p(z) and log q(z|x) are sums over the latent units.")
def weights(call, rng):
    _judge_weights(call, 3, 4, 2, rng)


def _judge_importance(call, k: int, n: int, rng: torch.Generator) -> None:
    w = 1.5 * _normal(k, n, rng=rng) - 3
    total = w.logsumexp(0)
    right = total - math.log(k)
    wrong = {
        "log k is missing: a mean over the draws, not a sum": total,
        "log k is added; subtract it": total + math.log(k),
        "divided by k outside of the logarithm; subtract log k": total / k,
        "1/k stands where log k belongs": total - 1 / k,
        "k is subtracted; subtract log k": total - k,
        "this is the mean of the logarithms, the ELBO; take the mean inside of the logarithm": w.mean(0),
        "this is the sum of the logarithms; add the weights, then take the logarithm": w.sum(0),
        "this is the largest log-weight alone": w.amax(0),
        "the sign is wrong; the bound itself is asked for": -right,
        "exp is missing: the arguments are logarithms of weights": w.mean(0).abs().log(),
        "the logarithm is missing at the end": right.exp(),
        "summed over the examples; over the draws, which are the rows": w.logsumexp(1) - math.log(n),
        "summed over the examples; over the draws, which are the rows (log k is taken right)":
            w.logsumexp(1) - math.log(k),
        "averaged over the examples; one number for each example, (n,)": right.mean(),
        "summed over draws and examples; one number for each example, (n,)": w.logsumexp((0, 1)) - math.log(k),
        "log n is subtracted; subtract log k": total - math.log(n),
        "the base of log k is 2; use the natural logarithm": total - math.log2(k),
    }  # fmt: skip
    compare(call("importance_bound", w), right, wrong, what="the bound")
    one = call("importance_bound", w[:1])
    compare(one, w[0], what="the bound for k = 1, which is the log-weight itself,")
    advice = "exp rounds to 0 or infinity there; use torch.logsumexp, or take out the largest log-weight"
    for shift in (-800.0, 800.0):
        far = call("importance_bound", w + shift)
        require_finite(far, f"the bound for log-weights near {shift:g}", advice)
        compare(far, right + shift, tolerance=1e-5, what=f"the bound for log-weights near {shift:g}")
    check_gradient(call, "importance_bound", w[:, :1], of=0)


@exercise("importance", points=1, hint="log (1/k sum_i w_i) from the log w_i; the k draws of an example are a column.")
def importance(call, rng):
    _judge_importance(call, 5, 3, rng)
