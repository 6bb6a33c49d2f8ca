"""The checks of lab 08: what `check("adain")` and its kin try, and what they say of a mistake.

Each exercise is judged by one function below, which the check in the lab calls with one set of inputs
and the grading with others.
"""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from lecturelib.grading.diagnosis import judge_diagnosis
from lecturelib.grading.exercises import exercise
from lecturelib.grading.mistakes import Mistake, compare, require, require_finite, require_form


def _normal(*shape: int, rng: torch.Generator) -> Tensor:
    return torch.randn(*shape, generator=rng)


def _uniform(*shape: int, rng: torch.Generator) -> Tensor:
    return torch.rand(*shape, generator=rng)


# 1. AdaIN, and noise


def _centred(x: Tensor, dims: tuple[int, ...], unbiased: bool = False) -> tuple[Tensor, Tensor]:
    """What is left of x without its mean over these dimensions, and the variance there."""
    away = x - x.mean(dims, keepdim=True)
    count = math.prod(x.shape[dim] for dim in dims) - unbiased
    return away, away.square().sum(dims, keepdim=True) / count


def _normed(x: Tensor, *dims: int, unbiased: bool = False) -> Tensor:
    away, variance = _centred(x, dims, unbiased)
    return away * torch.rsqrt(variance + 1e-5)


def _judge_adain(call, n: int, c: int, h: int, w: int, rng: torch.Generator) -> None:
    level, spread = _normal(n, c, 1, 1, rng=rng), 0.6 + 1.5 * _uniform(n, c, 1, 1, rng=rng)
    x, style = level + spread * _normal(n, c, h, w, rng=rng), 0.6 * _normal(n, 2 * c, rng=rng)
    halves = style.unflatten(1, (2, c, 1, 1))
    scale, shift = halves[:, 0], halves[:, 1]
    away, variance = _centred(x, (2, 3))
    root, z = torch.sqrt(variance + 1e-5), _normed(x, 2, 3)

    def styled(values: Tensor, s: Tensor = scale, b: Tensor = shift) -> Tensor:
        return values * (s + 1) + b

    pairs, mixed = style.unflatten(1, (c, 2, 1, 1)), style.T.reshape(n, 2, c, 1, 1)
    wrong = {
        "the 1 is missing: a scale of s = 0 leaves the deviation at 1": z * scale + shift,
        "the halves of the style are exchanged: the scales come first, then the shifts": styled(z, shift, scale),
        "scales and shifts are read in turn; the first half are the scales": styled(z, pairs[:, :, 0], pairs[:, :, 1]),
        "the styles of different pictures are mixed up": styled(z, mixed[:, 0], mixed[:, 1]),
        "every picture gets the style of the first one": styled(z, scale[:1], shift[:1]),
        "the statistics are those of the whole batch; each picture has its own": styled(_normed(x, 0, 2, 3)),
        "the statistics are taken over the channels too; each channel has its own": styled(_normed(x, 1, 2, 3)),
        "there is one mean and one deviation for everything; each picture and channel has its own":
            styled(_normed(x, 0, 1, 2, 3)),
        "each pixel is normalised over its channels; the statistics are taken over the pixels of a channel":
            styled(_normed(x, 1)),
        "each pixel is normalised over the batch; the statistics are taken over the pixels of a channel":
            styled(_normed(x, 0)),
        "the statistics are taken over the rows alone (dimension 2); take them over rows and columns":
            styled(_normed(x, 2)),
        "the statistics are taken over the columns alone (dimension 3); take them over rows and columns":
            styled(_normed(x, 3)),
        "the squares are divided by h w - 1; the variance here is a mean over h w pixels":
            styled(_normed(x, 2, 3, unbiased=True)),
        "it is divided by the variance; its root, the deviation, is meant": styled(away / (variance + 1e-5)),
        "the mean is not taken away": styled(x / root),
        "the deviation is not divided out": styled(away),
        "it is multiplied by the deviation; divide by it": styled(away * root),
        "the shift is added before the scale; it comes last": (z + shift) * (scale + 1),
        "the shift is missing": z * (scale + 1),
        "the scale is missing": z + shift,
        "the style is missing": z,
        "the shift is taken away; add it": z * (scale + 1) - shift,
        "the picture's own mean and deviation are put back": x * (scale + 1) + shift,
        "the picture's own mean is put back": styled(z) + x.mean((2, 3), keepdim=True),
        "the scale is the exponential of s; it is 1 + s": z * scale.exp() + shift,
        "the scale is 1 - s; it is 1 + s": z * (1 - scale) + shift,
    }  # fmt: skip
    compare(call("adain", x, style), z * (scale + 1) + shift, wrong, what="what AdaIN makes of a batch of maps")

    faint = 3e-3 * x + 1
    faint[:, 0] = 0.5  # a channel that is constant
    away, variance = _centred(faint, (2, 3))
    value, what = call("adain", faint, style), "what AdaIN makes of maps that are constant, or nearly so,"
    require_finite(value, what, "a constant channel has deviation 0; add 1e-5 to the variance, under the root")
    named = {
        "1e-5 is added to the deviation; it is added to the variance, under the root":
            styled(away / (variance.sqrt() + 1e-5)),
        "1e-5 is added twice, to the variance and to the deviation":
            styled(away / ((variance + 1e-5).sqrt() + 1e-5)),
        "1e-8 is added to the variance; it is 1e-5 here": styled(away * (variance + 1e-8).rsqrt()),
        "the variance is held at 1e-5 or more; 1e-5 is added to it": styled(away * variance.clamp(min=1e-5).rsqrt()),
        "1e-5 is missing under the root": styled(away / variance.clamp(min=1e-20).sqrt()),
    }  # fmt: skip
    compare(value, styled(_normed(faint, 2, 3)), named, what=what)

    flow = {"the mean is detached, or taken under no_grad": ((scale + 1) / root).expand_as(x)}
    what = "the value is right, but the gradient of its sum for x (which is 0, as the mean of z is always 0)"
    compare(call.gradient("adain", x, style), 0 * x, flow, tolerance=1e-3, what=what)
    told = torch.cat((torch.zeros(n, c), torch.full((n, c), float(h * w))), 1)
    what = "the value is right, but the gradient of its sum for the style"
    compare(call.gradient("adain", x, style, of=1), told, tolerance=1e-3, what=what)


@exercise(
    "adain", points=2, hint="Mean and variance over dimensions 2 and 3, with keepdim=True; the style has two halves."
)
def adain(call, rng):
    _judge_adain(call, 3, 4, 5, 6, rng)


@exercise("adain", points=2, hidden=True)
def adain_elsewhere(call, rng):
    _judge_adain(call, 5, 2, 4, 4, rng)
    _judge_adain(call, 1, 6, 8, 3, rng)
    _judge_adain(call, 2, 1, 2, 7, rng)


def _judge_noise(call, n: int, c: int, h: int, w: int, rng: torch.Generator) -> None:
    x, noise = _normal(n, c, h, w, rng=rng), _normal(n, 1, h, w, rng=rng)
    strength = (0.3 + _uniform(c, rng=rng)) * (-1.0) ** torch.arange(1, c + 1)
    each = strength.view(c, 1, 1)
    grain = torch.einsum("c,nhw->nchw", strength, noise[:, 0])
    wrong = {
        "the strengths are missing": x + noise,
        "the map is missing; the noise is added to it": grain,
        "the noise is missing": x,
        "the noise is taken away; add it": x - grain,
        "every channel has the mean strength; each has its own": x + strength.mean() * noise,
        "every channel has the strength of the first one; each has its own": x + strength[0] * noise,
        "the strengths are squared": x + each.square() * noise,
        "the strengths lose their signs": x + grain * strength.sign().view(c, 1, 1),
        "the strengths multiply the map too; they multiply the noise alone": each * x + grain,
        "the map is multiplied by the noise; the noise is added to it": x * grain,
        "the map is multiplied by 1 + noise; the noise is added to it": x * (1 + grain),
        "every picture gets the noise of the first one": x + each * noise[:1],
        "the noise is averaged over the picture; each pixel has its own": x + each * noise.mean((2, 3), keepdim=True),
        "one pixel's noise serves for all; each pixel has its own": x + each * noise[:, :, :1, :1],
        "the noise is normalised; add it as it is": x + each * _normed(noise, 2, 3),
        "the strengths are summed; each channel has its own": x + strength.sum() * noise,
    }
    if w == c:
        wrong["the strengths lie along the columns; they lie along the channels"] = x + strength * noise
    if h == c:
        wrong["the strengths lie along the rows; they lie along the channels"] = x + strength.view(c, 1) * noise
    if n == c:
        by_picture = strength.view(n, 1, 1, 1) * noise
        wrong["each picture has a strength; each channel should, in all pictures"] = x + by_picture
    value = call("add_noise", x, noise, strength)
    if isinstance(value, Tensor) and value.shape == x.shape:
        again = call("add_noise", x, noise, strength)
        same = isinstance(again, Tensor) and torch.equal(value, again)
        require(same or not value.isfinite().all(), "the noise is drawn anew; it is given, so use that")
    compare(value, x + grain, wrong, what="the map with its noise")


@exercise("noise", points=1, hint="A strength for each channel: give it two more dimensions.")
def noise(call, rng):
    _judge_noise(call, 4, 4, 4, 4, rng)


@exercise("noise", points=1, hidden=True)
def noise_elsewhere(call, rng):
    _judge_noise(call, 3, 5, 5, 2, rng)
    _judge_noise(call, 1, 3, 4, 3, rng)


# 2. The mapping

Weights = list[Tensor]
_GAIN = (2 / 1.04) ** 0.5  # which keeps the scale through leaky units of slope 0.2


def _judge_start(call, size_in: int, size_out: int, rate: float) -> None:
    value, what = call("start_weights", size_in, size_out, rate), "what `start_weights` returns"
    require_form(value, torch.empty(size_out, size_in), what)
    found, deviation = value.double(), float(value.double().std())
    rows = float(found.mean(0).std()) * size_out**0.5
    require(rows <= 1.5 * deviation, "the rows of the weights are all alike; each entry is drawn anew")
    gain = _GAIN / size_in**0.5
    named = {
        "they are not divided by the rate": 1.0,
        "they are multiplied by the rate; divide by it": rate,
        "they are divided by the root of the rate": rate**-0.5,
        "they are scaled by gain / sqrt(inputs) already; that is done in use": gain / rate,
        "they are scaled by gain / sqrt(inputs), and not divided by the rate": gain,
        "they are divided by sqrt(inputs) already; that is done in use": 1 / (rate * size_in**0.5),
        "they are divided by sqrt(inputs), and not by the rate": size_in**-0.5,
        "they are multiplied by the gain already; that is done in use": _GAIN / rate,
        "they are divided by the square of the rate": rate**-2,
    }
    right = 1 / rate
    for words, wrong in named.items():
        if abs(deviation - wrong) < 0.03 * wrong and abs(wrong - right) > 0.1 * right:
            require(False, f"the weights are wrong: {words} (their deviation is {deviation:.4g}, not {right:.4g})")
    require(abs(float(found.mean())) < 0.1 * right, "the mean of the weights is not 0: draw them with torch.randn")
    require(
        abs(deviation - right) < 0.03 * right,
        f"the weights have a deviation of {deviation:.4g}; N(0, 1) divided by the rate has {right:.4g}",
    )
    tails = float((found.abs() > 2 * right).double().mean())
    require(0.03 < tails < 0.06, "the weights are not normally distributed: draw them with torch.randn")


def _judge_equal(call, n: int, size_in: int, size_out: int, rate: float, rng: torch.Generator) -> None:
    x, W = _normal(n, size_in, rng=rng), _normal(size_out, size_in, rng=rng) / rate
    b = _normal(size_out, rng=rng) / rate
    product = torch.einsum("ni,oi->no", x, W)
    scale = _GAIN / size_in**0.5
    right = scale * rate * product + rate * b
    wrong = {
        "the rate is missing in the weights and in the bias": scale * product + b,
        "the rate is missing in the weights": scale * product + rate * b,
        "the rate is missing in the bias": scale * rate * product + b,
        "it is divided by the rate; the weights are divided by it at the start, and multiplied by it in use":
            scale / rate * product + b / rate,
        "the weights are divided by the rate; they are multiplied by it in use": scale / rate * product + rate * b,
        "the rate is squared": scale * rate**2 * product + rate**2 * b,
        "the gain is missing": rate * size_in**-0.5 * product + rate * b,
        "the gain is squared": _GAIN * right - (_GAIN - 1) * rate * b,
        "the gain is that of plain ReLU, sqrt 2; GAIN belongs to a slope of 0.2":
            (2 / size_in) ** 0.5 * rate * product + rate * b,
        "the gain multiplies the bias too": scale * rate * product + _GAIN * rate * b,
        "gain / sqrt(inputs) multiplies the bias too; it has the rate alone": scale * rate * (product + b),
        "gain / sqrt(inputs) is missing": rate * product + rate * b,
        "sqrt(inputs) is missing": _GAIN * rate * product + rate * b,
        "it is divided by the number of inputs; by its root": _GAIN / size_in * rate * product + rate * b,
        "it is multiplied by the root of the inputs; divide by it": _GAIN * size_in**0.5 * rate * product + rate * b,
        "it is divided by the root of the outputs; of the inputs": _GAIN * size_out**-0.5 * rate * product + rate * b,
        "it is divided by the root of the batch; of the inputs": _GAIN * n**-0.5 * rate * product + rate * b,
        "the bias is missing": scale * rate * product,
        "the bias is taken away; add it": scale * rate * product - rate * b,
        "the leaky unit is applied; it comes after this layer": F.leaky_relu(right, 0.2),
    }  # fmt: skip
    if size_in == size_out:
        wrong["the weights are transposed; weight is (outputs, inputs)"] = scale * rate * x.matmul(W) + rate * b
    compare(call("equal_linear", x, W, b, rate), right, wrong, what="what the equalised layer makes")
    flow = call.gradient("equal_linear", x, W, b, rate, of=1)
    expected = scale * rate * x.sum(0).expand(size_out, -1)
    compare(flow, expected, tolerance=1e-3, what="the value is right, but the gradient of its sum for the weights")


@exercise(
    "equal", points=2, hint="Divide by the rate at the start, multiply by it in use; the bias has the rate alone."
)
def equal(call, rng):
    _judge_start(call, 300, 200, 0.1)
    _judge_equal(call, 4, 6, 5, 0.1, rng)


@exercise("equal", points=2, hidden=True)
def equal_elsewhere(call, rng):
    _judge_start(call, 150, 250, 0.01)
    _judge_equal(call, 7, 5, 5, 0.01, rng)
    _judge_start(call, 256, 200, 2.0)
    _judge_equal(call, 1, 3, 8, 3.0, rng)


def _mapped(z: Tensor, weights: Weights, biases: Weights, rate: float, unit: Callable | None = None) -> Tensor:
    """z through all layers; unit(x, number) is what follows each of them."""
    unit = unit or (lambda x, number: F.leaky_relu(x, 0.2))
    for number, (W, b) in enumerate(zip(weights, biases, strict=True)):
        z = unit(_GAIN * rate * W.shape[1] ** -0.5 * torch.einsum("ni,oi->no", z, W) + rate * b, number)
    return z


def _judge_mapping(call, n: int, size: int, width: int, depth: int, rate: float, rng: torch.Generator) -> None:
    z = 0.3 + (0.5 + 2 * _uniform(n, 1, rng=rng)) * _normal(n, size, rng=rng)
    sizes = [size] + depth * [width]
    weights = [_normal(b, a, rng=rng) / rate for a, b in pairwise(sizes)]
    biases = [0.5 * _normal(b, rng=rng) / rate for b in sizes[1:]]
    length = torch.linalg.vector_norm(z, dim=1, keepdim=True)
    unit = z / length * size**0.5

    def through(x: Tensor, follows: Callable | None = None, W: Weights = weights, b: Weights = biases) -> Tensor:
        return _mapped(x, W, b, rate, follows)

    def leaky(slope: float) -> Callable[[Tensor, int], Tensor]:
        return lambda x, number: F.leaky_relu(x, slope)

    def pixel(x: Tensor) -> Tensor:
        return x / x.square().mean(1, keepdim=True).sqrt()

    last, right = depth - 1, through(unit)
    wrong = {
        "z is not normalised": through(z),
        "z is divided by its length; divide by the root of the mean square": through(z / length),
        "z is divided by its mean square; the root is missing": through(z * size / length.square()),
        "z is normalised over the batch; each z has a mean square of its own, over its entries":
            through(z * z.square().mean(0, keepdim=True).rsqrt()),
        "z is divided by the mean square of the whole batch; each z has its own":
            through(z * z.square().mean().rsqrt()),
        "the mean of z is taken away; it is divided only": through(_normed(z, 1)),
        "z is divided by its deviation; divide by the root of the mean square": through(z / z.std(1, keepdim=True)),
        "z is multiplied by the root of its mean square; divide by it": through(z * length / size**0.5),
        "w is normalised, and z is not": pixel(through(z)),
        "w is normalised too; only z is": pixel(right),
        "each layer's result is normalised too; only z is":
            through(unit, lambda x, number: pixel(F.leaky_relu(x, 0.2))),
        "the leaky unit is missing after the last layer; w goes through it too":
            through(unit, lambda x, number: x if number == last else F.leaky_relu(x, 0.2)),
        "the leaky units are missing": through(unit, lambda x, number: x),
        "the unit is ReLU; leaky units of slope 0.2 are asked for": through(unit, leaky(0.0)),
        "the slope of the leaky units is 0.01; it is 0.2": through(unit, leaky(0.01)),
        "the unit is tanh; leaky units of slope 0.2 are asked for": through(unit, lambda x, number: x.tanh()),
        "the leaky unit stands before each layer; it comes after it":
            through(F.leaky_relu(unit, 0.2), lambda x, number: x if number == last else F.leaky_relu(x, 0.2)),
        "the rate is missing in use": _mapped(unit, weights, biases, 1.0),
        "the rate is missing in use, and z is not normalised": _mapped(z, weights, biases, 1.0),
        "the biases are missing": through(unit, b=[0 * b for b in biases]),
        "this is z, normalised; the layers are missing": unit,
        "the last layer is left out": through(unit, W=weights[:-1], b=biases[:-1]),
    }  # fmt: skip
    if depth > 1:
        wrong["the first layer alone is used"] = through(unit, W=weights[:1], b=biases[:1])
    if size == width:
        wrong["the layers are used from the last to the first"] = through(unit, W=weights[::-1], b=biases[::-1])
        wrong["the first layer is left out"] = through(unit, W=weights[1:], b=biases[1:])
        wrong["the first layer is used each time"] = through(unit, W=weights[:1] * depth, b=biases)
    compare(call("mapping", z, weights, biases, rate), right, wrong, what="w")
    still = torch.cat((torch.zeros(1, size), z[1:]))
    value, what = call("mapping", still, weights, biases, rate), "w, where z is 0,"
    require_finite(value, what, "its mean square is 0; add 1e-8 to it, under the root")
    compare(value, torch.cat((through(0 * z[:1]), right[1:])), what=what)


@exercise(
    "mapping",
    points=2,
    hint="Each z by the root of its mean square; then `equal_linear` and a leaky unit, layer by layer.",
)
def mapping(call, rng):
    _judge_mapping(call, 5, 6, 6, 3, 0.1, rng)


@exercise("mapping", points=2, hidden=True)
def mapping_elsewhere(call, rng):
    _judge_mapping(call, 4, 3, 7, 2, 0.01, rng)
    _judge_mapping(call, 3, 5, 5, 8, 0.05, rng)
    _judge_mapping(call, 2, 8, 4, 1, 2.0, rng)


# 3. Mixing styles


def _judge_cuts(call, n: int, layers: int, mixing: float) -> None:
    """n is large: shares lie within six deviations of what they should be."""
    what = f"what `draw_cuts` returns for {n} examples, {layers} layers and mixing = {mixing}"
    value = call("draw_cuts", n, layers, mixing)
    require_form(value, torch.empty(n, dtype=torch.int64), what)
    low, high = int(value.min()), int(value.max())
    require(low >= 0, f"{what}: a cut is {low}; the smallest is 1")
    require(low > 0, f"{what}: a cut of 0 leaves nothing of the first w; the smallest is 1")
    require(high <= layers, f"{what}: a cut is {high}; the largest is {layers}, where nothing is mixed")
    cut = value < layers
    share = float(cut.double().mean())
    if mixing == 0:
        require(share == 0, f"{what}: examples are mixed, though the share is 0; their cut is {layers}")
        return
    if mixing == 1:
        require(share > 0, f"{what}: nothing is mixed, though the share is 1; are the two cases exchanged?")
        require(share == 1, f"{what}: the cut {layers} occurs, though all are mixed; the largest is {layers - 1} then")
    require(low < high, f"{what}: all examples have the same cut, {low}; each draws its own")
    margin = 6 * (mixing * (1 - mixing) / n) ** 0.5
    kept = mixing * (layers - 1) / layers  # where those that are mixed may draw the cut `layers` too
    if abs(share - mixing) > margin:
        require(share < 1, f"{what}: all of them are mixed; the share is {mixing}")
        require(share > 0, f"{what}: none of them is mixed; the share is {mixing}")
        exchanged = abs(share - 1 + mixing) <= margin
        require(not exchanged, f"{what}: {share:.0%} are mixed: those that are and those that are not are exchanged")
        drawn = abs(share - kept) <= margin
        require(not drawn, f"{what}: {share:.0%} are mixed: one that is mixed draws a cut from 1 to {layers - 1}")
        require(False, f"{what}: {share:.0%} are mixed; it should be {mixing:.0%}")
    places = torch.arange(n).double()
    lean = float((places[cut].mean() - places.mean()) / n)
    require(abs(lean) < 6 * (12 * n * mixing) ** -0.5, f"{what}: which are mixed depends on their place in the batch")
    counts = torch.bincount(value[cut], minlength=layers)[1:layers]
    wanted = int(cut.sum()) / (layers - 1)
    least, most = int(counts.argmin()) + 1, int(counts.argmax()) + 1
    require(counts.min() > 0, f"{what}: the cut {least} never occurs; those from 1 to {layers - 1} are equally likely")
    even = (counts - wanted).abs().max() < 6 * wanted**0.5
    require(bool(even), f"{what}: the cut {most} is more frequent than {least}; all are equally likely")
    again = call("draw_cuts", n, layers, mixing)
    require(not torch.equal(again, value), f"{what}: a second call gives the same; set no seed of your own")


@exercise("cuts", points=1, hint="Draw a cut from 1 to layers - 1 for each; then decide for each whether it counts.")
def cuts(call, rng):
    _judge_cuts(call, 4000, 6, 0.7)
    _judge_cuts(call, 500, 6, 0.0)
    _judge_cuts(call, 500, 6, 1.0)


@exercise("cuts", points=2, hidden=True)
def cuts_elsewhere(call, rng):
    _judge_cuts(call, 6000, 10, 0.9)
    _judge_cuts(call, 5000, 4, 0.35)
    _judge_cuts(call, 300, 3, 1.0)
    _judge_cuts(call, 300, 8, 0.0)


def _judge_mix(call, n: int, layers: int, width: int, rng: torch.Generator) -> None:
    w, other = _normal(n, width, rng=rng), _normal(n, width, rng=rng)
    cut = (1 + torch.arange(n) % layers)[torch.randperm(n, generator=rng)]
    numbers, both = torch.arange(layers), torch.stack((w, other), 1)
    first, second = w[:, None].repeat(1, layers, 1), other[:, None].repeat(1, layers, 1)

    def by(chosen: Tensor, one: Tensor = first, two: Tensor = second) -> Tensor:
        """one, and two where chosen (n, layers) says so."""
        return one + chosen.unsqueeze(2) * (two - one)

    late = (numbers >= cut.unsqueeze(1)).float()
    right = both.gather(1, late.long().unsqueeze(2).expand(-1, -1, width))
    wrong = {
        "w and other are exchanged: w has the layers before the cut": by(1 - late),
        "the cut comes one layer too late: layer number `cut`, counted from 0, has other already":
            by((numbers > cut.unsqueeze(1)).float()),
        "the cut comes one layer too early": by((numbers >= cut.unsqueeze(1) - 1).float()),
        "all examples are cut where the first one is; each has its own cut":
            by(late[:1].expand(n, -1)),
        "all layers have w": first,
        "all layers have other": second,
        "only the layer at the cut has other; all after it have it, too":
            by((numbers == cut.unsqueeze(1)).float()),
        "the cut is counted from the last layer": by(late.flip(1)),
        "the layers before the cut have other, and the cut is one off":
            by((numbers <= cut.unsqueeze(1)).float()),
        "the two are averaged after the cut; other stands there alone": by(late / 2),
        "the two are averaged; each layer has one of them": (first + second) / 2,
        "the two are added after the cut; other stands there alone": first + late.unsqueeze(2) * second,
        "zeros stand before the cut; w does": late.unsqueeze(2) * second,
        "zeros stand after the cut; other does": (1 - late).unsqueeze(2) * first,
        "other is taken in reverse order; example i goes with example i": by(late, two=second.flip(0)),
        "every example gets the first one's other": by(late, two=second[:1]),
        "the result is (n, width, layers); it is (n, layers, width)": right.transpose(1, 2),
        "the result is (layers, n, width); it is (n, layers, width)": right.transpose(0, 1),
        "the result is (n, layers * width); it is (n, layers, width)": right.flatten(1),
    }  # fmt: skip
    compare(call("mix", w, other, cut, layers), right, wrong, what="the styles of all layers")
    none = torch.full((n,), layers, dtype=torch.int64)
    what = f"the styles of all layers, where every cut is {layers} (nothing is mixed),"
    compare(call("mix", w, other, none, layers), first, {"other appears": second}, what=what)


@exercise("mix", points=1, hint="Compare the numbers of all layers with the cuts: (n, layers) of True and False.")
def mix(call, rng):
    _judge_mix(call, 7, 5, 3, rng)


@exercise("mix", points=2, hidden=True)
def mix_elsewhere(call, rng):
    _judge_mix(call, 12, 8, 5, rng)
    _judge_mix(call, 4, 3, 4, rng)
    _judge_mix(call, 2, 2, 1, rng)


# 4. Truncation


def _judge_truncate(call, n: int, count: int, width: int, psi: float, layers: list[int], rng: torch.Generator) -> None:
    w, centre = _normal(n, count, width, rng=rng), 0.5 + _normal(width, rng=rng)
    mask = torch.zeros(count, 1)
    mask[layers] = 1
    away = w - centre

    def moved(target: Tensor, where: Tensor = mask) -> Tensor:
        return w + where * (target - w)

    right = moved(centre + psi * away)
    first, after = torch.zeros(count, 1), torch.zeros(count, 1)
    first[: len(layers)] = 1
    after[[(layer - 1) % count for layer in layers]] = 1
    one = torch.zeros(count, 1)
    one[layers[0]] = 1
    wrong = {
        "psi and 1 - psi are exchanged: psi = 1 leaves w as it is": moved(w - psi * away),
        "it moves towards 0; the mean w is the centre": moved(psi * w),
        "all layers are moved; only those in the list are": centre + psi * away,
        "the layers that are not in the list are moved; those in the list are": moved(centre + psi * away, 1 - mask),
        "the first layers are moved, as many as the list is long; move those in the list":
            moved(centre + psi * away, first),
        "layers are counted from 0; here they are counted from 1": moved(centre + psi * away, after),
        "only the first layer in the list is moved": moved(centre + psi * away, one),
        "it moves towards the mean of this batch; the mean w is given":
            moved(w.mean(0, keepdim=True) + psi * (w - w.mean(0, keepdim=True))),
        "it moves towards each example's own mean over its layers; the mean w is given":
            moved(w.mean(1, keepdim=True) + psi * (w - w.mean(1, keepdim=True))),
        "it becomes the mean w, whatever psi is": moved(centre.expand_as(w)),
        "psi times the difference is added to w; it is added to the mean w": moved(w + psi * away),
        "the difference is missing: psi times w is added to the mean w": moved(centre + psi * w),
        "the mean w is missing: psi times the difference is added to it": moved(psi * away),
        "the difference has the wrong sign": moved(centre - psi * away),
        "psi is squared": moved(centre + psi**2 * away),
        "it is divided by psi": moved(centre + away / psi),
        "the layers that are not in the list become 0; they stay as they are": mask * right,
        "the layers that are not in the list become the mean w; they stay as they are":
            centre + mask * psi * away,
        "only the layers in the list are returned; return all, the others as they are": right[:, layers],
        "nothing is moved": w,
    }  # fmt: skip
    what = f"w of {count} layers, moved by psi = {psi} in layers {layers},"
    compare(call("truncate", w, centre, psi, list(layers)), right, wrong, what=what)
    everywhere = list(range(count))
    for edge, target in ((1.0, w), (0.0, centre.expand_as(w))):
        value = call("truncate", w, centre, edge, everywhere)
        compare(value, target, what=f"w, moved by psi = {edge:g} in all layers,")
    compare(call("truncate", w, centre, psi, []), w, what="w, when no layer is to be moved,")


@exercise("truncate", points=1, hint="Work on a copy, and change only the layers in the list.")
def truncate(call, rng):
    _judge_truncate(call, 4, 6, 3, 0.7, [1, 4, 2], rng)


@exercise("truncate", points=2, hidden=True)
def truncate_elsewhere(call, rng):
    _judge_truncate(call, 3, 10, 5, 0.4, [0, 1, 2, 3], rng)
    _judge_truncate(call, 5, 4, 2, -0.8, [3], rng)
    _judge_truncate(call, 1, 5, 4, 1.6, [4, 0], rng)


# 5. Lazy R1


def _logits(kernel: Tensor, last: Tensor, x: Tensor) -> Tensor:
    return torch.tanh(F.conv2d(x, kernel)).flatten(1).mv(last)


@torch.enable_grad()
def _slope(kernel: Tensor, last: Tensor, x: Tensor, of: Callable[[Tensor], Tensor] = lambda t: t) -> Tensor:
    """The gradient of of(logits), summed, for the pictures: (n, c, h, w), with a graph for the weights."""
    x = x.clone().requires_grad_()
    return torch.autograd.grad(of(_logits(kernel, last, x)).sum(), x, create_graph=True)[0]


@torch.enable_grad()
def _for_weights(loss_of: Callable[[Tensor, Tensor], Tensor], kernel: Tensor, last: Tensor) -> Tensor:
    leaves = [kernel.clone().requires_grad_(), last.clone().requires_grad_()]
    found = torch.autograd.grad(loss_of(*leaves), leaves)
    return torch.cat([one.flatten() for one in found])


def _judge_lazy(
    call, n: int, c: int, h: int, w: int, gamma: float, every: int, steps: tuple[int, ...], rng: torch.Generator
) -> None:
    kernel = 0.8 * _normal(4, c, 3, 3, rng=rng)
    last = _normal(4 * (h - 2) * (w - 2), rng=rng) / (h * w) ** 0.5
    real, half = _uniform(n, c, h, w, rng=rng), gamma / 2
    g = _slope(kernel, last, real).detach()
    squared = g.square().sum((1, 2, 3))
    R1 = half * squared.mean()
    right = every * R1

    def of(change: Callable[[Tensor], Tensor]) -> Tensor:
        return every * half * _slope(kernel, last, real, change).detach().square().sum((1, 2, 3)).mean()

    weights = _for_weights(lambda k, v: _logits(k, v, real).sum(), kernel, last)
    wrong = {
        "it is not multiplied by `every`: the penalty stands for that many steps": R1,
        "it is divided by `every`; multiply": R1 / every,
        "it is multiplied by the square of `every`": every * right,
        "gamma is halved nowhere: it is gamma / 2": 2 * right,
        "gamma / 2 is missing": every * squared.mean(),
        "gamma is squared": gamma * right,
        "the norms are not squared": every * half * squared.sqrt().mean(),
        "the squares are averaged over the pixels; they are summed": right / (c * h * w),
        "the squares are averaged over rows and columns; they are summed over all entries": right / (h * w),
        "the squares are averaged over the channels; they are summed over all entries": right / c,
        "the penalty is summed over the batch; it is a mean": n * right,
        "it is a sum over everything; it is a mean over the batch of sums over the pixels, with gamma / 2":
            every * squared.sum(),
        "the gradients are averaged over the batch before they are squared": every * half * g.mean(0).square().sum(),
        "the gradients are summed over the pixels before they are squared":
            every * half * g.sum((1, 2, 3)).square().mean(),
        "the gradient of the mean logit is taken, so that each one is divided by n; take that of the sum": right / n**2,
        "the root of the mean square is taken": every * half * squared.mean().sqrt(),
        "this is (norm - 1)^2; R1 draws the norm to 0": every * half * (squared.sqrt() - 1).square().mean(),
        "the sign is wrong: the penalty is added to the loss": -right,
        "the gradient of D = sigma(logit) is taken; take that of the logit": of(torch.sigmoid),
        "the gradient of log D is taken; take that of the logit": of(F.logsigmoid),
        "the gradient of the loss, -log D, is squared after its mean over the batch": of(F.logsigmoid) / n**2,
        "the logits are squared, not their gradients": every * half * _logits(kernel, last, real).square().mean(),
        "the gradient for the weights of D is taken; take that for the real pictures":
            every * half * weights.square().sum(),
        "the gradient is taken at 0; take it at the real pictures":
            every * half * _slope(kernel, last, 0 * real).detach().square().sum((1, 2, 3)).mean(),
        "the gradient is taken at pictures that are moved to the scale from -1 to 1; take it at those given":
            every * half * _slope(kernel, last, 2 * real - 1).detach().square().sum((1, 2, 3)).mean(),
    }  # fmt: skip
    D = call("Judge", kernel, last)
    due = [step for step in steps if step % every == 0]
    free = [step for step in steps if step % every]
    for step in due:
        value, what = call("lazy_r1", D, real, step, gamma, every), f"the penalty in step {step}, with every = {every},"
        missed = {f"there is none here; steps 0, {every}, {2 * every}, ... have one": torch.zeros(())}
        compare(value, right, wrong | missed, what=what)
    for step in free:
        before = call("asked", D)
        value, what = call("lazy_r1", D, real, step, gamma, every), f"the penalty in step {step}, with every = {every},"
        taken = {
            "it is taken in every step; here it is 0": right,
            "it is taken in every step, without its factor; here it is 0": R1,
        }
        compare(value, 0.0, taken, what=what)
        lazy = call("asked", D) == before
        require(lazy, f"step {step} has no penalty, with every = {every}, and yet D is asked: the work is to be saved")

    def penalty(k: Tensor, v: Tensor) -> Tensor:
        return every * half * _slope(k, v, real).square().sum((1, 2, 3)).mean()

    flow = _for_weights(penalty, kernel, last)
    left = "a backward() inside `lazy_r1` leaves gradients behind; torch.autograd.grad leaves nothing"
    named = {
        "none flows; keep the way to the weights of D: create_graph=True, and nothing detached": 0 * flow,
        left: flow + weights,
        f"{left} (twice)": 2 * flow,
        f"{left}, and create_graph=True is missing": weights,
        f"{left}, those of the mean logit": flow + weights / n,
        "none flows; and what is left behind comes from a backward() inside `lazy_r1`": weights / n,
    }
    found = call("lazy_gradients", call("Judge", kernel, last), real, due[0], gamma, every)
    held = isinstance(found, list) and len(found) == 2 and all(one is None or isinstance(one, Tensor) for one in found)
    require(held, "the lab's own functions for gradients are changed: run their cell as it stands there")
    parts = zip(found, (kernel, last), strict=True)
    found = torch.cat([(torch.zeros_like(own) if one is None else one).flatten() for one, own in parts])
    compare(found, flow, named, tolerance=1e-3, what="the value is right, but the gradient for the weights of D")


@exercise("lazy", points=2, hint="As `r1` in lab 06; the squares are summed over all dimensions but the first.")
def lazy(call, rng):
    _judge_lazy(call, 3, 2, 5, 6, 0.7, 4, (0, 1, 8, 3, 4), rng)


@exercise("lazy", points=2, hidden=True)
def lazy_elsewhere(call, rng):
    _judge_lazy(call, 3, 3, 6, 4, 10.0, 16, (32, 15, 17, 0), rng)
    _judge_lazy(call, 5, 1, 4, 4, 0.1, 3, (9, 10, 11), rng)
    _judge_lazy(call, 2, 2, 7, 3, 3.0, 1, (0, 1, 2), rng)


def _agrees(value, numbers: tuple[float, ...]) -> bool:
    try:
        compare(value, numbers, tolerance=1e-6)
    except Mistake:
        return False
    return True


def _judge_corrected(call, rate: float, beta1: float, beta2: float, every: int) -> None:
    k = every

    def by(c: float) -> tuple[float, float, float]:
        return rate * c, beta1**c, beta2**c

    right = by(k / (k + 1))
    wrong = {
        "the share is (k + 1) / k; it is k / (k + 1)": by((k + 1) / k),
        "the share is (k - 1) / k; it is k / (k + 1)": by((k - 1) / k),
        "the share is 1 / k; it is k / (k + 1)": by(1 / k),
        "the share is 1 / (k + 1); it is k / (k + 1)": by(1 / (k + 1)),
        "the share is k; it is k / (k + 1)": by(float(k)),
        "nothing is corrected": (rate, beta1, beta2),
        "the rate is not corrected": (rate, right[1], right[2]),
        "the betas are not corrected": (right[0], beta1, beta2),
        "the betas are multiplied; they are raised to a power": (right[0], beta1 * k / (k + 1), beta2 * k / (k + 1)),
        "the rate is raised to a power; it is multiplied": (rate ** (k / (k + 1)), right[1], right[2]),
        "the betas are raised to the inverse power": (right[0], beta1 ** ((k + 1) / k), beta2 ** ((k + 1) / k)),
        "beta1 is not corrected": (right[0], beta1, right[2]),
        "beta2 is not corrected": (right[0], right[1], beta2),
        "the two betas are exchanged": (right[0], right[2], right[1]),
        "the rate is divided by the share; multiply": (rate * (k + 1) / k, right[1], right[2]),
    }
    value = call("corrected", rate, beta1, beta2, every)
    what = f"the corrected rate, beta1 and beta2 for {rate}, {beta1}, {beta2} and every = {every}"
    for words, numbers in wrong.items():  # all three numbers together name the mistake
        require(not _agrees(value, numbers) or _agrees(right, numbers), f"what `corrected` returns is wrong: {words}")
    compare(value, right, tolerance=1e-6, what=what)


@exercise("corrected", points=1, hint="One number, k / (k + 1): the rate times it, each beta to the power of it.")
def corrected(call, rng):
    _judge_corrected(call, 0.002, 0.5, 0.99, 4)
    _judge_corrected(call, 0.01, 0.0, 0.99, 16)


@exercise("corrected", points=1, hidden=True)
def corrected_elsewhere(call, rng):
    _judge_corrected(call, 0.0025, 0.9, 0.999, 16)
    _judge_corrected(call, 0.1, 0.3, 0.9, 1)
    _judge_corrected(call, 0.03, 0.0, 0.95, 8)


# 6. Four broken programs

_CAUSES = (
    "batch statistics", "cut gradient", "mapping too fast", "no mixing", "noise too strong", "one cut",
    "penalty on fakes", "penalty too weak", "style unread", "wrong centre",
)  # fmt: skip
_EVIDENCE = {
    "K": "its batches look good. Does a disc stay the same when only its neighbours in the batch are exchanged, w and "
         "noise being the same?",
    "L": "which part of a picture follows the w of its last layer in the program that works? Does it here?",
    "M": "its fakes are discs, and styles can be mixed. What becomes of them as psi falls to 0, and how far is its "
         "centre from the mean of w?",
    "N": "its fakes are discs of all colours, in all places. Hold w: what stays, and what moves when the noise is new?",
}  # fmt: skip
# hashes: nobody should read the answer in passing
_RIGHT = {"K": "0c744779", "L": "a4082536", "M": "3f5328c7", "N": "c85fb148"}


@exercise("diagnosis", points=4)
def diagnosis(call, rng):
    judge_diagnosis(call, "lab08", _CAUSES, _RIGHT, _EVIDENCE)
