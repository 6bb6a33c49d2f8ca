"""The checks of lab 09: what `check("coupling")` and its kin try, and what they say of a mistake.

Each exercise is judged by one function below, which the check in the lab calls with one set of inputs
and the grading with others.
"""

import math

import torch
from torch import Tensor

from lecturelib.grading.diagnosis import judge_diagnosis
from lecturelib.grading.exercises import exercise
from lecturelib.grading.mistakes import compare, require, require_form


def _normal(*shape: int, rng: torch.Generator) -> Tensor:
    return torch.randn(*shape, generator=rng)


def _uniform(*shape: int, rng: torch.Generator) -> Tensor:
    return torch.rand(*shape, generator=rng)


def _gradients(found, like: list[Tensor]) -> Tensor:
    """What one of the lab's own functions for gradients gave, in one row; Mistake where it is no such list."""
    held = isinstance(found, list) and len(found) == len(like)
    held = held and all(one is None or isinstance(one, Tensor) for one in found)
    require(held, "the lab's own functions for gradients are changed: run their cell as it stands there")
    pairs = zip(found, like, strict=True)
    return torch.cat([(torch.zeros_like(own) if one is None else one).flatten() for one, own in pairs])


def _row(tensors) -> Tensor:
    return torch.cat([one.flatten() for one in tensors])


# 1. A layer that can be undone


def _told(a: Tensor, first: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    """s and t, as the lab's `Half` with these weights gives them."""
    both = torch.einsum("nk,km->nm", torch.einsum("nh,hk->nk", a, first).tanh(), last)
    s, t = both.unflatten(1, (2, -1)).unbind(1)
    return s, t


def _weights(d: int, rng: torch.Generator) -> list[Tensor]:
    half = d // 2
    return [0.7 * _normal(half, 6, rng=rng), 0.5 * _normal(6, 2 * (d - half), rng=rng)]


def _beside(a: Tensor, b: Tensor) -> Tensor:
    return torch.cat((a, b), 1)


def _judge_coupling(call, n: int, d: int, rng: torch.Generator) -> None:
    half, weights, x = d // 2, _weights(d, rng), 0.5 + 1.5 * _normal(n, d, rng=rng)
    a, b = x[:, :half], x[:, half:]
    s, t = _told(a, *weights)
    total, z = s.sum(1), _beside(a, s.exp() * b + t)
    wrong = {
        "the sign of the log-determinant is wrong": (z, -total),
        "the log-determinant is a mean; it is a sum over the half that moves": (z, s.mean(1)),
        "the log-determinant is divided by d; it is a sum over the half that moves": (z, total / d),
        "the log-determinant is summed over the batch too; each point has its own": (z, s.sum()),
        "the log-determinant is averaged over the batch; each point has its own": (z, total.mean()),
        "the log-determinant is summed over the batch; sum over the half that moves": (z, s.sum(0)),
        "the log-determinant is not summed": (z, s),
        "the log-determinant has shape (n, 1); (n,) is meant": (z, s.sum(1, keepdim=True)),
        "this is the determinant; its logarithm is meant": (z, total.exp()),
        "the scales are summed; their logarithms, s, are meant": (z, s.exp().sum(1)),
        "the shifts are in the log-determinant; a shift does not stretch": (z, total + t.sum(1)),
        "the log-determinant is the sum of the shifts; it is that of s": (z, t.sum(1)),
        "the log-determinant is 0, but a scale does stretch": (z, 0 * total),
        "the signs of s are lost in the log-determinant": (z, s.abs().sum(1)),
        "s and t are exchanged: the network gives s first": (_beside(a, t.exp() * b + s), t.sum(1)),
        "this is the way back; forward, b is scaled first and shifted then":
            (_beside(a, (b - t) / s.exp()), -total),
        "the shift is added before the scale; it comes after it": (_beside(a, (b + t) * s.exp()), total),
        "the shift is taken away; add it": (_beside(a, b * s.exp() - t), total),
        "the shift is missing": (_beside(a, b * s.exp()), total),
        "the scale is missing": (_beside(a, b + t), total),
        "the scale is s; it is the exponential of s": (_beside(a, b * s + t), s.abs().log().sum(1)),
        "the scale is 1 + s; it is the exponential of s": (_beside(a, b * (1 + s) + t), total),
        "it is divided by exp(s); multiply": (_beside(a, b / s.exp() + t), -total),
        "the half that stays is missing": (s.exp() * b + t, total),
        "the halves change their places; a stays first": (_beside(s.exp() * b + t, a), total),
        "a is replaced by zeros; it stays as it is": (_beside(0 * a, s.exp() * b + t), total),
    }  # fmt: skip
    if 2 * half == d:
        s2, t2 = _told(b, *weights)
        wrong["the first half moves; it stays, and the second one moves"] = (
            _beside(a * s2.exp() + t2, b), s2.sum(1))  # fmt: skip
        wrong["the network is asked about b, the half that moves; ask it about a"] = (
            _beside(a, b * s2.exp() + t2), s2.sum(1))  # fmt: skip
    network = call("Half", *weights)
    compare(call("coupling", x, network), (z, total), wrong, what="what `coupling` returns")

    leaves = [w.clone().requires_grad_() for w in weights]
    s, t = _told(a, *leaves)
    moved = (s.exp() * b + t).square().sum()
    flow = _row(torch.autograd.grad(moved - 3 * s.sum(), leaves, retain_graph=True))
    named = {
        "the log-determinant is cut off (.detach(), no_grad)":
            _row(torch.autograd.grad(moved, leaves, retain_graph=True)),
        "z is cut off (.detach(), no_grad)": _row(torch.autograd.grad(-3 * s.sum(), leaves)),
        "none flows": 0 * flow,
    }  # fmt: skip
    found = _gradients(call("flow_gradients", call("Half", *weights), x), weights)
    what = "the values are right, but the gradient for the weights of the network"
    compare(found, flow, named, tolerance=1e-3, what=what)


@exercise("coupling", points=2, hint="The first d // 2 numbers stay. The log-determinant is a sum, one for each point.")
def coupling(call, rng):
    _judge_coupling(call, 5, 6, rng)


@exercise("coupling", points=2, hidden=True)
def coupling_elsewhere(call, rng):
    _judge_coupling(call, 4, 7, rng)
    _judge_coupling(call, 6, 2, rng)
    _judge_coupling(call, 1, 4, rng)


def _judge_uncoupled(call, n: int, d: int, rng: torch.Generator) -> None:
    half, weights, z = d // 2, _weights(d, rng), 0.5 + 1.5 * _normal(n, d, rng=rng)
    a, b = z[:, :half], z[:, half:]
    s, t = _told(a, *weights)
    wrong = {
        "this is the way forward": _beside(a, b * s.exp() + t),
        "it is scaled first; the shift was the last thing done, so undo it first": _beside(a, b / s.exp() - t),
        "it is multiplied by exp(s); divide by it": _beside(a, (b - t) * s.exp()),
        "the shift is added; take it away": _beside(a, (b + t) / s.exp()),
        "s and t are exchanged: the network gives s first": _beside(a, (b - s) / t.exp()),
        "it is divided by s; divide by its exponential": _beside(a, (b - t) / s),
        "it is divided by 1 + s; divide by the exponential of s": _beside(a, (b - t) / (1 + s)),
        "the scale is not undone": _beside(a, b - t),
        "the shift is not undone": _beside(a, b / s.exp()),
        "nothing is undone": z,
        "the half that stays is missing": (b - t) / s.exp(),
        "the halves change their places; a stays first": _beside((b - t) / s.exp(), a),
        "the signs are wrong: this is t - b in place of b - t": _beside(a, (t - b) / s.exp()),
        "the half that stays is replaced by zeros": _beside(0 * a, (b - t) / s.exp()),
    }
    if 2 * half == d:
        s2, t2 = _told(b, *weights)
        wrong["the network is asked about the half that was moved; ask it about a, which is as it was"] = _beside(
            a, (b - t2) / s2.exp())  # fmt: skip
        wrong["the first half is moved back; it is the second one that was moved"] = _beside((a - t2) / s2.exp(), b)
    compare(call("uncoupled", z, call("Half", *weights)), _beside(a, (b - t) / s.exp()), wrong, what="x")


@exercise("inverse", points=1, hint="a was not moved, so that the network gives the same s and t as before.")
def inverse(call, rng):
    _judge_uncoupled(call, 4, 6, rng)


@exercise("inverse", points=1, hidden=True)
def inverse_elsewhere(call, rng):
    _judge_uncoupled(call, 3, 5, rng)
    _judge_uncoupled(call, 7, 2, rng)


# 2. Exact likelihood


def _judge_density(call, n: int, d: int, layers: int, rng: torch.Generator) -> None:
    z, parts = 0.4 + 1.2 * _normal(n, d, rng=rng), [0.6 + _normal(n, rng=rng) for _ in range(layers)]
    half, wide, stretch = z.square().sum(1) / 2, d / 2 * math.log(2 * math.pi), torch.stack(parts).sum(0)
    right = stretch - half - wide
    wrong = {
        "the log-determinants are taken away; add them": -half - wide - stretch,
        "the log-determinants are missing": -half - wide,
        "the log-determinants are averaged over the layers; add them": stretch / layers - half - wide,
        "the log-determinants are divided by d; add them as they are": stretch / d - half - wide,
        "the log-determinants are averaged over the batch; each point has its own": stretch.mean() - half - wide,
        "the log-determinants are summed over the batch; each point has its own": stretch.sum() - half - wide,
        "the determinants are added; their logarithms, as given, are meant":
            torch.stack(parts).exp().sum(0) - half - wide,
        "d/2 log 2 pi is missing": stretch - half,
        "d/2 log 2 pi is added; take it away": stretch - half + wide,
        "log 2 pi is taken once, and not d times": stretch - half - wide / d,
        "it is d log 2 pi; the half is missing": stretch - half - 2 * wide,
        "it is n/2 log 2 pi; take d, the size of a point": stretch - half - n * wide / d,
        "it is log pi; it should be log 2 pi": stretch - half - d / 2 * math.log(math.pi),
        "it is 2 pi; its logarithm is meant": stretch - half - d * math.pi,
        "the half of the squares is missing": stretch - 2 * half - wide,
        "the squares are added; take half of them away": stretch + half - wide,
        "the squares are averaged over the numbers of z; add them": stretch - half / d - wide,
        "the squares are summed over the batch too; each point has its own": stretch - half.sum() - wide,
        "the length of z stands there; its square is meant": stretch - (2 * half).sqrt() / 2 - wide,
        "this is -log p; log p is asked for": -right,
        "this is p; its logarithm is asked for": right.exp(),
        "it is averaged over the batch; each point has its own": right.mean(),
        "it is summed over the batch; each point has its own": right.sum(),
        "it is divided by d; that is done later": right / d,
    }  # fmt: skip
    if layers > 1:
        wrong["the log-determinant of the first layer alone is added"] = parts[0] - half - wide
        wrong["the log-determinant of the last layer alone is added"] = parts[-1] - half - wide
    compare(call("log_density", z, parts), right, wrong, what="log p(x)")
    what = "the value is right, but the gradient of its sum for z"
    compare(call.gradient("log_density", z, parts), -z, {"none flows": 0 * z}, tolerance=1e-3, what=what)


@exercise("density", points=1, hint="Three terms: half of the squares, d/2 log 2 pi, the sum over the layers.")
def density(call, rng):
    _judge_density(call, 5, 3, 4, rng)


@exercise("density", points=2, hidden=True)
def density_elsewhere(call, rng):
    _judge_density(call, 3, 8, 2, rng)
    _judge_density(call, 4, 2, 7, rng)
    _judge_density(call, 6, 5, 1, rng)


def _judge_bits(call, n: int, d: int, values: int, rng: torch.Generator) -> None:
    nats = d * (0.3 + _normal(n, rng=rng))
    two, more = math.log(2), math.log2(values)
    each = nats / d / two
    wrong = {
        "the density is added; bits grow as the density falls": each + more,
        "log2(values) is taken away; add it": -each - more,
        "the sign is wrong: many bits mean a small probability": each - more,
        "log2(values) is missing: the width of a grey value is 1/values, and not 1": -each,
        "log2(values) is missing, and the sign is wrong": each,
        "log(values) is in nats; in bits it is log2(values)": -each + math.log(values),
        "it is not divided by d": -nats / two + more,
        "it is not divided by d, and log2(values) not multiplied by it: all of it belongs to one number":
            -nats + more,
        "this is for the whole picture; divide by d": d * (more - each),
        "log2(values) is multiplied by d; the rest is divided by d": -each + d * more,
        "log2(values) is divided by d; it belongs to one number": -each + more / d,
        "the nats are not turned into bits: divide by log 2": -nats / d + more,
        "this is in nats; divide by log 2": two * (more - each),
        "it is multiplied by log 2; divide": -nats / d * two + more,
        "values - 1 stands in the logarithm; there are values intervals": -each + math.log2(values - 1),
        "values stands there; its logarithm is meant": -each + values,
        "it is divided by the logarithm of 10; bits have base 2": -nats / d / math.log(10) + math.log10(values),
        "it is averaged over the batch; each picture has its own": (more - each).mean(),
        "it is summed over the batch; each picture has its own": (more - each).sum(),
    }  # fmt: skip
    compare(call("bits", nats, d, values), more - each, wrong, what="bits for each number")


@exercise("bits", points=1, hint="First the width of a grey value, then one number of the d, then base 2.")
def bits(call, rng):
    _judge_bits(call, 4, 64, 16, rng)


@exercise("bits", points=1, hidden=True)
def bits_elsewhere(call, rng):
    _judge_bits(call, 3, 784, 256, rng)
    _judge_bits(call, 5, 12, 7, rng)


# 3. Into the noise


def _judge_shares(call, steps: int, low: float, high: float) -> None:
    beta = torch.linspace(low, high, steps)
    kept = 1 - beta
    right = kept.log().cumsum(0).exp()
    wrong = {
        "the betas are multiplied; multiply what each step keeps, 1 - beta": beta.cumprod(0),
        "this is the share of the noise, 1 - a": 1 - right,
        "this is what one step keeps; multiply over all steps until t": kept,
        "the root is taken; a is a share of the variance": right.sqrt(),
        "it is squared; a is the product itself": right.square(),
        "the betas are added, and taken from 1; multiply what each step keeps": 1 - beta.cumsum(0),
        "exp(-sum of the betas) is near, but not right; multiply what each step keeps": (-beta.cumsum(0)).exp(),
        "it is added; multiply": kept.cumsum(0),
        "the first step is left out: a_0 is 1 - beta_0": torch.cat((torch.ones(1), right[:-1])),
        "one step too many is in each product": torch.cat((right[1:], right[-1:])),
        "it runs backwards: the first share is the largest": right.flip(0),
        "the product is taken from the last step on": kept.flip(0).cumprod(0),
        "it is 1 + beta; a step keeps 1 - beta": (1 + beta).cumprod(0),
        "the logarithm is left": right.log(),
        "this is the last share alone; all of them are asked for": right[-1],
    }
    compare(call("shares", beta), right, wrong, tolerance=1e-5, what="the shares a")


def _judge_noised(call, shape: tuple[int, ...], steps: int, rng: torch.Generator) -> None:
    n = shape[0]
    a = (1 - torch.linspace(0.05, 0.3, steps)).cumprod(0)
    x, noise = 0.7 + 1.6 * _normal(*shape, rng=rng), _normal(*shape, rng=rng)
    t = torch.arange(1, n + 1)[torch.randperm(n, generator=rng)] * (steps - 2) // n
    ones = (n,) + (len(shape) - 1) * (1,)

    def at(levels: Tensor) -> tuple[Tensor, Tensor]:
        return a[levels].reshape(ones), 1 - a[levels].reshape(ones)

    def by(levels: Tensor) -> Tensor:
        signal, rest = at(levels)
        return signal.sqrt() * x + rest.sqrt() * noise

    s, r = at(t)
    wrong = {
        "the roots are missing: a and 1 - a are shares of the variance": s * x + r * noise,
        "the root of a is missing": s * x + r.sqrt() * noise,
        "the root of 1 - a is missing": s.sqrt() * x + r * noise,
        "it is 1 - sqrt(a); it should be sqrt(1 - a)": s.sqrt() * x + (1 - s.sqrt()) * noise,
        "a and 1 - a are exchanged, or x and the noise": r.sqrt() * x + s.sqrt() * noise,
        "the noise is taken away; add it": s.sqrt() * x - r.sqrt() * noise,
        "the noise is missing": s.sqrt() * x,
        "x is missing": r.sqrt() * noise,
        "x keeps its size; it shrinks as the noise grows": x + r.sqrt() * noise,
        "the noise has its full size at all levels": s.sqrt() * x + noise,
        "all examples have the level of the first one; each has its own": by(t[:1].expand(n)),
        "the level is one too small; levels are counted from 0": by(t - 1),
        "the level is one too large; levels are counted from 0": by(t + 1),
        "the shares are used in the order of the list; take a[t]": by(torch.arange(n) % steps),
        "the first example's noise serves for all": s.sqrt() * x + r.sqrt() * noise[:1],
    }
    if shape[-1] == n and len(shape) > 1:
        along = a[t]
        wrong["the shares lie along the last dimension; they belong to the examples"] = (
            along.sqrt() * x + (1 - along).sqrt() * noise)  # fmt: skip
    what = f"x_t, for x of shape {shape},"
    compare(call("noised", x, t, noise, a), by(t), wrong, what=what)


@exercise("forward", points=2, hint="A product over steps; then roots of a[t] and 1 - a[t], in a shape that fits x.")
def forward(call, rng):
    _judge_shares(call, 8, 0.02, 0.3)
    _judge_noised(call, (4, 4), 12, rng)
    _judge_noised(call, (3, 2, 4, 3), 20, rng)


@exercise("forward", points=2, hidden=True)
def forward_elsewhere(call, rng):
    _judge_shares(call, 40, 1e-3, 0.2)
    _judge_noised(call, (5, 2), 30, rng)
    _judge_noised(call, (2, 1, 6, 5), 9, rng)
    _judge_noised(call, (6, 3, 6), 50, rng)


# 4. Out of the noise


def _judge_clean(call, shape: tuple[int, ...], a: float, rng: torch.Generator) -> None:
    v, x = _normal(*shape, rng=rng), 0.5 + 1.4 * _normal(*shape, rng=rng)
    s, r = math.sqrt(a), math.sqrt(1 - a)
    wrong = {
        "this is the noise; the clean x is asked for": s * v + r * x,
        "the roots are missing": a * x - (1 - a) * v,
        "the roots are exchanged": r * x - s * v,
        "v is added; take it away": s * x + r * v,
        "the sign is wrong": r * v - s * x,
        "this is what the definition of v says of v and x_t, where x and the noise should stand": s * v - r * x,
        "v is taken for the noise": (x - r * v) / s,
        "v is taken for the clean x": v,
        "x_t comes back as it was": x,
        "v is missing": s * x,
        "x_t is missing": -r * v,
        "x_t is divided by the root of a; multiply": x / s - r * v,
        "it is divided by the root of a, too": x - r * v / s,
        "the root of a is missing": a * x - r * v,
        "the root of 1 - a is missing": s * x - (1 - a) * v,
        "it is 1 - sqrt(a); it should be sqrt(1 - a)": s * x - (1 - s) * v,
    }
    compare(call("clean_of", v, x, a), s * x - r * v, wrong, what=f"the clean x at a = {a}")


@exercise("clean", points=1, hint="sqrt(a) times the equation of x_t, less sqrt(1 - a) times that of v.")
def clean(call, rng):
    _judge_clean(call, (4, 3), 0.3, rng)
    _judge_clean(call, (2, 1, 3, 3), 0.9, rng)


@exercise("clean", points=1, hidden=True)
def clean_elsewhere(call, rng):
    _judge_clean(call, (3, 2), 0.75, rng)
    _judge_clean(call, (2, 3, 2, 4), 0.004, rng)
    _judge_clean(call, (5, 7), 0.9999, rng)


def _require_normal(noise: Tensor, what: str) -> None:
    """Mistake unless noise (n, d), many numbers, looks like a draw from N(0, 1) of its own for each entry."""
    count = noise.numel()
    require(float(noise.abs().max()) > 1e-3, f"{what} is missing")
    if noise.shape[1] > 1:
        same = float(noise.std(1).mean()) < 1e-2
        require(not same, f"{what} is the same for all numbers of an example; each draws its own")
    same = float(noise.std(0).mean()) < 1e-2
    require(not same, f"{what} is the same for all examples; each draws its own")
    mean, spread = float(noise.mean()), float(noise.std())
    require(abs(mean) < 6 * max(1.0, spread) / count**0.5, f"{what} has a mean of {mean:.2f}, not 0: use torch.randn")
    near = abs(spread - 1) < 6 / (2 * count) ** 0.5 + 0.01
    require(near, f"{what} has a deviation of {spread:.3f} where 1 is right")
    tails = float((noise.abs() > 2).double().mean())
    require(0.03 < tails < 0.06, f"{what} is not normally distributed: draw it with torch.randn")


def _require_levels(t, n: int, steps: int) -> None:
    what = "what the network is told as t"
    require(isinstance(t, Tensor) and t.ndim > 0, f"{what} is one number; it is (n,), a level for each example")
    require_form(t, torch.empty(n, dtype=torch.int64), what)
    low, high = int(t.min()), int(t.max())
    require(low < high, f"all examples have the same level, {low}; each draws its own")
    require(low >= 0, f"a level is {low}; the smallest is 0")
    require(high < steps, f"a level is {high}; the largest is {steps - 1}")
    counts = torch.bincount(t, minlength=steps)
    for level in (0, steps - 1, *range(steps)):
        require(int(counts[level]) > 0, f"the level {level} never occurs; all from 0 to {steps - 1} are equally likely")
    even = float((counts - n / steps).abs().max()) < 6 * (n / steps) ** 0.5
    most, least = int(counts.argmax()), int(counts.argmin())
    require(even, f"the level {most} is more frequent than {least}; all are equally likely")
    places = torch.arange(n, dtype=torch.float64) / n
    lean = float(((places - 0.5) * (t.double() - t.double().mean())).mean() / t.double().std())
    require(abs(lean) < 6 * (12 * n) ** -0.5, "the level depends on the place in the batch; draw it with torch.randint")


def _require_noised(x: Tensor, seen: Tensor, t: Tensor, a: Tensor) -> None:
    """Mistake unless `seen` is x at the levels t, (n, d) both; n is large, and x varies more than the noise."""
    require(not torch.equal(seen, x), "the network is shown the clean x; show it x_t")
    kept, left = [], []
    for level in range(len(a)):
        here, there = x[t == level], seen[t == level]
        away = here - here.mean(0)
        part = float((away * there).sum() / away.square().sum())
        kept.append(part)
        left.append(float((there - part * here).square().mean().sqrt()))
    kept, left, s = torch.tensor(kept), torch.tensor(left), a.sqrt()

    def near(found: Tensor, wanted: Tensor) -> bool:
        return bool(((found - wanted).abs() < 0.1 * wanted + 0.02).all())

    words = "x_t is not x with noise at the level t that the network is told"
    require(not near(kept, a), f"{words}: x is multiplied by a; its root is meant")
    require(not near(left, 1 - a), f"{words}: the noise is multiplied by 1 - a; its root is meant")
    require(not near(left, 0 * a), f"{words}: there is no noise in it")
    require(near(kept, s), f"{words}: of x it holds {kept[0]:.2f} at level 0, where sqrt(a) is {s[0]:.2f}, "
                           f"and {kept[-1]:.2f} at the last one, where it is {s[-1]:.2f}")  # fmt: skip


def _judge_loss(call, n: int, shape: tuple[int, ...], steps: int, rng: torch.Generator) -> None:
    """n is large: what is drawn lies within six deviations of what it should be."""
    x, a = 1.5 + 2 * _normal(n, *shape, rng=rng), (1 - torch.linspace(0.1, 0.5, steps)).cumprod(0)
    scale, slope = 0.5 + _uniform(1, rng=rng), 0.5 + _uniform(1, rng=rng)
    network = call("Listener", scale, slope)
    value, what = call("diffusion_loss", network, x, a), "the loss"
    require_form(value, torch.zeros(()), what)
    seen, t = _heard(call("heard", network), x)
    _require_levels(t, n, steps)
    _require_noised(x.flatten(1), seen.flatten(1), t, a)
    wide = a.double()[t].view(n, *len(shape) * (1,))
    s, r = wide.sqrt(), (1 - wide).sqrt()
    noise, clean, told = (seen - s * x) / r, x.double(), t.view(n, *len(shape) * (1,)) / 10
    _require_normal(noise.flatten(1), "the noise")
    said, v = scale * seen.double() + slope * told, s * noise - r * clean
    square, size = (said - v).square(), math.prod(shape)
    right = square.mean()
    wrong = {
        "the answer is compared with the noise; v is asked for": (said - noise).square().mean(),
        "the answer is compared with the clean x; v is asked for": (said - clean).square().mean(),
        "the answer is compared with x_t; v is asked for": (said - seen).square().mean(),
        "v has the wrong sign": (said + v).square().mean(),
        "v is sqrt(a) noise + sqrt(1 - a) x; the x is taken away": (said - s * noise - r * clean).square().mean(),
        "the roots in v are exchanged": (said - r * noise + s * clean).square().mean(),
        "the roots in v are missing": (said - wide * noise + (1 - wide) * clean).square().mean(),
        "v is computed from x_t; the clean x belongs there": (said - s * noise + r * seen).square().mean(),
        "noise and x are exchanged in v": (said - s * clean + r * noise).square().mean(),
        "the squares are summed; take their mean": square.sum(),
        "the squares are summed over the numbers of an example; take the mean of all": size * right,
        "the absolute error is taken; square it": (said - v).abs().mean(),
        "the root is taken; it is the mean square": right.sqrt(),
        "it is halved; it is the mean square": right / 2,
        "the error is averaged before it is squared": (said - v).mean().square(),
        "the sign is wrong: a loss is to fall": -right,
        "the squares are weighted with a": (wide * square).mean(),
        "the squares are weighted with 1 - a": ((1 - wide) * square).mean(),
    }
    named = {words: number.float() for words, number in wrong.items()}
    compare(value, right.float(), named, tolerance=2e-4, what=what)
    other = call("Listener", scale, slope)
    found = call("loss_gradients", other, x, a)
    seen, t = _heard(call("heard", other), x)
    wide, told = a[t].view(n, *len(shape) * (1,)), t.view(n, *len(shape) * (1,)) / 10
    noise = (seen - wide.sqrt() * x) / (1 - wide).sqrt()
    away = scale * seen + slope * told - wide.sqrt() * noise + (1 - wide).sqrt() * x
    flow = 2 * torch.stack(((away * seen).mean(), (away * told).mean()))
    what = "the value is right, but its gradient for the weights of the network"
    compare(_gradients(found, [scale, slope]), flow, {"none flows": 0 * flow}, tolerance=2e-3, what=what)


def _heard(given, x: Tensor) -> tuple[Tensor, Tensor]:
    """What the network was shown and told, when it was asked once."""
    require(isinstance(given, list), "the lab's own networks are changed: run their cell as it stands there")
    require(len(given) > 0, "the network is not asked")
    require(len(given) == 1, f"the network is asked {len(given)} times; once, about all examples together, is enough")
    seen, t = given[0]
    require_form(seen, x, "what the network is shown as x_t")
    return seen, t


@exercise("loss", points=1, hint="Draw t and noise, ask the network about `noised` x and t, compare with v.")
def loss(call, rng):
    _judge_loss(call, 4000, (3,), 5, rng)


@exercise("loss", points=2, hidden=True)
def loss_elsewhere(call, rng):
    _judge_loss(call, 3000, (1, 2, 3), 4, rng)
    _judge_loss(call, 6000, (2,), 7, rng)


# 5. Two ways back


def _judge_posterior(call, shape: tuple[int, ...], now: float, then: float, rng: torch.Generator) -> None:
    x, clean = 0.5 + 1.3 * _normal(*shape, rng=rng), 0.8 * _normal(*shape, rng=rng) - 0.4
    k = now / then

    def mean(of_clean: float, of_x: float) -> Tensor:
        return of_clean * clean + of_x * x

    c, g = math.sqrt(then) * (1 - k) / (1 - now), math.sqrt(k) * (1 - then) / (1 - now)
    middle, variance = mean(c, g), (1 - then) / (1 - now) * (1 - k)
    wrong = {
        "the deviation is returned; the variance is asked for": (middle, math.sqrt(variance)),
        "the variance is 1 - k; it is (1 - a_s) / (1 - a_t) times that": (middle, 1 - k),
        "the variance is 1 - a_s; that is all the noise that x_s has": (middle, 1 - then),
        "the variance is (1 - a_s) / (1 - a_t); 1 - k is missing": (middle, (1 - then) / (1 - now)),
        "the variance is multiplied by k; by 1 - k": (middle, (1 - then) / (1 - now) * k),
        "the variance is not divided by 1 - a_t": (middle, (1 - then) * (1 - k)),
        "the variance is divided by 1 - a_s, and multiplied by 1 - a_t":
            (middle, (1 - now) / max(1 - then, 1e-9) * (1 - k)),
        "the variance is squared": (middle, variance**2),
        "the variance is 0; DDPM draws": (middle, 0.0),
        "x_t and the clean x are exchanged": (c * x + g * clean, variance),
        "the root of a_s is missing": (mean(c * math.sqrt(then), g), variance),
        "the root of k is missing": (mean(c, g * math.sqrt(k)), variance),
        "both roots are missing": (mean(c * math.sqrt(then), g * math.sqrt(k)), variance),
        "the mean is not divided by 1 - a_t": (mean(c * (1 - now), g * (1 - now)), variance),
        "the mean is divided by 1 - a_s; divide by 1 - a_t":
            (mean(c * (1 - now) / (1 - then), g * (1 - now) / (1 - then)) if then < 1 else middle, variance),
        "k is a_s / a_t; it is a_t / a_s":
            (mean(math.sqrt(then) * (1 - 1 / k) / (1 - now), g / k), (1 - then) / (1 - now) * (1 - 1 / k)),
        "k is a_t; it is a_t / a_s, what is kept between s and t":
            (mean(math.sqrt(then), math.sqrt(now) * (1 - then) / (1 - now)), 1 - then),
        "1 - k and k are exchanged in the mean":
            (mean(math.sqrt(then) * k / (1 - now), math.sqrt(1 - k) * (1 - then) / (1 - now)), variance),
        "the root of a_t stands before the clean x; it is that of a_s": (mean(c * math.sqrt(k), g), variance),
        "the part of x_t is missing": (mean(c, 0), variance),
        "the part of the clean x is missing": (mean(0, g), variance),
        "the mean is that of q(x_s | x): the clean x alone, shrunk": (math.sqrt(then) * clean, variance),
        "this is the mean of DDIM": (
            math.sqrt(then) * clean + math.sqrt((1 - then) / (1 - now)) * (x - math.sqrt(now) * clean), variance),
    }  # fmt: skip
    what = f"the mean and the variance from a = {now} to {then}"
    compare(call("posterior", x, clean, now, then), (middle, variance), wrong, what=what)


def _judge_ddpm(call, n: int, d: int, now: float, then: float, rng: torch.Generator) -> None:
    """n is large: the draws lie within six deviations of what they should be."""
    x, clean = 0.5 + 1.3 * _normal(n, d, rng=rng), 0.8 * _normal(n, d, rng=rng) - 0.4
    k, what = now / then, f"what `ddpm_step` makes, from a = {now} to {then},"
    middle = (math.sqrt(then) * (1 - k) * clean + math.sqrt(k) * (1 - then) * x) / (1 - now)
    variance = (1 - then) / (1 - now) * (1 - k)
    value = call("ddpm_step", x, clean, now, then)
    require_form(value, x, what)
    away = value - middle
    if then == 1:
        require(float(away.std()) < 1e-3, f"{what} has noise in it; at the end the variance is 0")
        compare(value, clean, what=what)
        return
    spread = float(away.std())
    off = float(away.mean(0).abs().max())
    require(spread > 1e-3 or off > 1e-2, f"{what} is the mean itself; draw around it")
    named = {
        "the noise is multiplied by the variance; by its root, the deviation": variance,
        "the variance is 1 - k; use that of `posterior`": math.sqrt(1 - k),
        "the noise has its full size": 1.0,
        "the noise has the deviation of x_s, sqrt(1 - a_s)": math.sqrt(1 - then),
        "the root of the deviation is taken": variance**0.25,
        "the noise is multiplied by 1 - k": 1 - k,
    }
    right = math.sqrt(variance)
    for words, wrong in named.items():
        if abs(spread - wrong) < 0.02 * wrong and abs(right - wrong) > 0.06 * right:
            require(False, f"{what} is wrong: {words} (the draws have a deviation of {spread:.3f}, not {right:.3f})")
    drift = float((away * (x - x.mean(0))).mean() / x.var())
    require(abs(drift) < 0.05, f"{what} does not lie around the mean that `posterior` gives")
    _require_normal(away / right, f"{what} is wrong: the noise, over its deviation,")
    again = call("ddpm_step", x, clean, now, then)
    require(not torch.equal(again, value), f"{what} is the same in a second call; set no seed of your own")


@exercise("ddpm", points=1, hint="k = a_t / a_s. The draw: the mean, and the root of the variance times torch.randn.")
def ddpm(call, rng):
    _judge_posterior(call, (4, 3), 0.3, 0.5, rng)
    _judge_posterior(call, (4, 3), 0.9, 1.0, rng)
    _judge_ddpm(call, 3000, 3, 0.3, 0.5, rng)
    _judge_ddpm(call, 50, 3, 0.9, 1.0, rng)


@exercise("ddpm", points=2, hidden=True)
def ddpm_elsewhere(call, rng):
    _judge_posterior(call, (2, 1, 3, 4), 0.05, 0.6, rng)
    _judge_posterior(call, (5, 2), 0.8, 0.85, rng)
    _judge_ddpm(call, 4000, 2, 0.05, 0.6, rng)
    _judge_ddpm(call, 3000, 4, 0.6, 0.8, rng)
    _judge_ddpm(call, 40, 2, 0.97, 1.0, rng)


def _judge_ddim(call, shape: tuple[int, ...], now: float, then: float, rng: torch.Generator) -> None:
    x, clean = 0.5 + 1.3 * _normal(*shape, rng=rng), 0.8 * _normal(*shape, rng=rng) - 0.4
    rest = x - math.sqrt(now) * clean
    noise = rest / math.sqrt(1 - now)
    s, r = math.sqrt(then), math.sqrt(1 - then)
    wrong = {
        "the noise is not divided by sqrt(1 - a_t)": s * clean + r * rest,
        "the noise is divided by 1 - a_t; by its root": s * clean + r * rest / (1 - now),
        "the noise is x_t less the clean x; the clean x is shrunk by sqrt(a_t) there":
            s * clean + r * (x - clean) / math.sqrt(1 - now),
        "the noise is x_t less a_t times the clean x; its root is meant":
            s * clean + r * (x - now * clean) / math.sqrt(1 - now),
        "the noise is x_t itself": s * clean + r * x,
        "the roots are missing at s": then * clean + (1 - then) * noise,
        "the root of a_s is missing": then * clean + r * noise,
        "the root of 1 - a_s is missing": s * clean + (1 - then) * noise,
        "a_s and 1 - a_s are exchanged": r * clean + s * noise,
        "the noise is taken away; a part of it stays": s * clean - r * noise,
        "the noise is missing": s * clean,
        "the noise keeps the strength that it has at t (is it divided by sqrt(1 - a_s), in place of sqrt(1 - a_t)?)":
            s * clean + rest,
        "the clean x is shrunk as at t; it is sqrt(a_s)": math.sqrt(now) * clean + r * noise,
        "the clean x is not shrunk": clean + r * noise,
        "this is x_t again: a_t stands where a_s should": x,
        "this is the clean x; only at the end is that right": clean,
        "the step goes the other way: a_t and a_s are exchanged": math.sqrt(now) * clean + math.sqrt(1 - now) * (
            x - s * clean) / max(r, 1e-6),
        "this is the mean of DDPM": (s * (1 - now / then) * clean + math.sqrt(now / then) * (1 - then) * x) / (1 - now),
    }  # fmt: skip
    what = f"the step from a = {now} to {then}"
    value = call("ddim_step", x, clean, now, then)
    if isinstance(value, Tensor) and value.shape == x.shape:
        again = call("ddim_step", x, clean, now, then)
        same = isinstance(again, Tensor) and torch.equal(value, again)
        require(same or not value.isfinite().all(), f"{what} draws new noise; DDIM draws nothing")
    compare(value, s * clean + r * noise, wrong, what=what)


@exercise("ddim", points=1, hint="Solve x_t = sqrt(a_t) x + sqrt(1 - a_t) noise for the noise; then use a_s.")
def ddim(call, rng):
    _judge_ddim(call, (4, 3), 0.3, 0.5, rng)
    _judge_ddim(call, (4, 3), 0.9, 1.0, rng)


@exercise("ddim", points=2, hidden=True)
def ddim_elsewhere(call, rng):
    _judge_ddim(call, (2, 1, 3, 4), 0.02, 0.7, rng)
    _judge_ddim(call, (5, 2), 0.8, 0.83, rng)
    _judge_ddim(call, (3, 6), 0.97, 1.0, rng)


# 6. Guidance


def _answer(x: Tensor, t: Tensor, label: Tensor, weight: Tensor, told: Tensor) -> Tensor:
    """What the lab's `Teller` with these weights says."""
    return (torch.einsum("nd,de->ne", x, weight) + t[:, None] / 10 + told[label]).tanh()


def _judge_guided(call, n: int, d: int, classes: int, g: float, rng: torch.Generator) -> None:
    weight, told = 0.6 * _normal(d, d, rng=rng), _normal(classes + 1, d, rng=rng)
    x, t = _normal(n, d, rng=rng), torch.randint(0, 20, (n,), generator=rng)
    label = 1 + (torch.arange(n) % classes)[torch.randperm(n, generator=rng)]
    asked_for, plain = (_answer(x, t, one, weight, told) for one in (label, 0 * label))
    both = torch.cat((asked_for, plain))
    first = _answer(x, t, label[:1].expand(n), weight, told)
    level = _answer(x, t[:1].expand(n), label, weight, told), _answer(x, t[:1].expand(n), 0 * label, weight, told)
    difference = asked_for - plain
    wrong = {
        "it begins at the answer with the label; begin at the one without": asked_for + g * difference,
        "the two answers are exchanged": asked_for - g * difference,
        "it goes away from the label: the difference has the wrong sign": plain - g * difference,
        "g - 1 stands where g should": plain + (g - 1) * difference,
        "the answer without is missing; it is where the way begins": g * difference,
        "the answer with the label is multiplied by g, and no more": g * asked_for,
        "the answer without is multiplied by g, and no more": g * plain,
        "this is the answer with the label; g = 1 gives that": asked_for,
        "this is the answer without a label; g = 0 gives that": plain,
        "the two answers are added": plain + g * asked_for,
        "the answer without is taken away, and not multiplied by g - 1": g * asked_for - plain,
        "g is squared": plain + g * g * difference,
        "the way is divided by g; multiply": plain + difference / g if g else plain,
        "the mean of the two is taken": both.view(2, n, d).mean(0),
        "the halves of the batch are mixed up: first all with their labels, then all without":
            both[1::2] + g * (both[::2] - both[1::2]),
        "every example has the label of the first one": plain + g * (first - plain),
        "every example has the level of the first one": level[1] + g * (level[0] - level[1]),
        "both answers are returned; put them together": both,
        "the result holds 2n rows: the sum is spread over both halves": torch.cat(2 * (plain + g * difference,)),
    }  # fmt: skip
    network, what = call("Teller", weight, told), f"the guided answer for g = {g}"
    compare(call("guided", network, x, t, label, g), plain + g * difference, wrong, what=what)
    sizes = call("heard", network)
    require(isinstance(sizes, list), "the lab's own networks are changed: run their cell as it stands there")
    once = len(sizes) == 1
    require(once, f"{what} is right, but the network is asked {len(sizes)} times; put both questions into one batch")


@exercise("guidance", points=1, hint="torch.cat doubles x, t and the labels; the second half has the label 0.")
def guidance(call, rng):
    for g in (2.5, 1.0, 0.0):
        _judge_guided(call, 4, 3, 4, g, rng)


@exercise("guidance", points=2, hidden=True)
def guidance_elsewhere(call, rng):
    _judge_guided(call, 6, 2, 3, 4.0, rng)
    _judge_guided(call, 3, 5, 2, 0.5, rng)
    _judge_guided(call, 5, 4, 5, 1.0, rng)
    _judge_guided(call, 5, 4, 5, 0.0, rng)


# 7. Four broken programs

_CAUSES = (
    "answer misread", "determinant left out", "halves never change", "level not told", "noise at the end",
    "noise by variance", "same level for all", "schedule too short", "too few layers", "wrong landing",
)  # fmt: skip
_EVIDENCE = {
    "F": "it gives all data almost the same z. Which term of log p(x) speaks against that in the flow that works?",
    "G": "its points lie between the groups, too. How much does its answer change when another level is told?",
    "H": "all its points lie near the data. How far do they lie from the middle of their group, beside the data?",
    "J": "its loss is as good as that of the program that works. What becomes of its points when the walk visits every "
         "level?",
}  # fmt: skip
# hashes: nobody should read the answer in passing
_RIGHT = {"F": "d029955e", "G": "b51de499", "H": "aaf969de", "J": "27577c34"}


@exercise("diagnosis", points=4)
def diagnosis(call, rng):
    judge_diagnosis(call, "lab09", _CAUSES, _RIGHT, _EVIDENCE)
