"""Answers to the exercises of lab 08 on the mapping: equalised layers, and all of it."""

import math

import torch
import torch.nn.functional as F
from common_answers import each

GAIN = math.sqrt(2 / (1 + 0.2**2))


def start_by_init(size_in, size_out, rate):
    return torch.nn.init.normal_(torch.empty(size_out, size_in), 0.0, 1 / rate)


def start_by_normal(size_in, size_out, rate):
    return torch.normal(0.0, torch.full((size_out, size_in), 1 / rate))


def start_of(change):
    """change(rate, inputs) is the deviation."""
    return lambda size_in, size_out, rate: change(rate, size_in) * torch.randn(size_out, size_in)


def uniform(size_in, size_out, rate):
    return (2 * torch.rand(size_out, size_in) - 1) * 3**0.5 / rate


def rows_alike(size_in, size_out, rate):
    return torch.randn(1, size_in).repeat(size_out, 1) / rate


def equal_by_library(x, weight, bias, rate):
    return F.linear(x, weight * (rate * GAIN / weight.shape[1] ** 0.5), bias * rate)


def equal_in_loops(x, weight, bias, rate):
    scale = rate * (2 / 1.04 / x.shape[1]) ** 0.5
    return torch.stack([scale * (x * row).sum(1) + rate * b for row, b in zip(weight, bias, strict=True)], 1)


def equal_by_factors(x, weight, bias, rate):
    """The rate is taken out of both."""
    return rate * (GAIN * (x / math.sqrt(x.shape[-1])) @ weight.t() + bias)


def equal_of(scale=lambda rate, x, weight: rate * GAIN / weight.shape[1] ** 0.5, shift=lambda rate: rate):
    """scale(rate, x, weight) multiplies the weights, shift(rate) the bias."""
    return lambda x, weight, bias, rate: scale(rate, x, weight) * (x @ weight.T) + shift(rate) * bias


def transposed(x, weight, bias, rate):
    return equal_by_library(x, weight.T, bias, rate)


def detached(x, weight, bias, rate):
    return equal_by_library(x, weight.detach(), bias, rate)


def rms(x, eps=1e-8):
    """Pixel norm."""
    return x * (x.square().mean(1, keepdim=True) + eps).rsqrt()


def through(x, weights, biases, rate, unit=lambda x: F.leaky_relu(x, 0.2), last=True):
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        x = equal_by_library(x, weight, bias, rate)
        if last or number + 1 < len(weights):
            x = unit(x)
    return x


def mapping_by_hand(z, weights, biases, rate):
    x = z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt()
    for weight, bias in zip(weights, biases, strict=True):
        x = equal_in_loops(x, weight, bias, rate)
        x = torch.where(x > 0, x, 0.2 * x)
    return x


def mapping_by_recursion(z, weights, biases, rate):
    def after(count):
        if not count:
            return z * z.shape[1] ** 0.5 / (z.square().sum(1, keepdim=True) + 1e-8 * z.shape[1]).sqrt()
        x = equal_by_factors(after(count - 1), weights[count - 1], biases[count - 1], rate)
        return torch.maximum(x, 0.2 * x)

    return after(len(weights))


def mapping_row_by_row(z, weights, biases, rate):
    return torch.cat([through(rms(one[None]), weights, biases, rate) for one in z])


def mapping_of(norm=rms, **options):
    return lambda z, weights, biases, rate: through(norm(z), weights, biases, rate, **options)


def w_normed(first):
    return lambda z, weights, biases, rate: rms(through(first(z), weights, biases, rate))


def layers_of(change):
    """change(list) of the weights and of the biases."""
    return lambda z, weights, biases, rate: through(rms(z), change(weights), change(biases), rate)


def in_place(z, weights, biases, rate):
    z *= (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
    return through(z, weights, biases, rate)


RIGHT = {
    "equal": [
        *({"start_weights": one} for one in (start_by_init, start_by_normal)),
        *({"equal_linear": one} for one in (equal_by_library, equal_in_loops, equal_by_factors)),
    ],
    "mapping": [{"mapping": one} for one in (mapping_by_hand, mapping_by_recursion, mapping_row_by_row)],
}
WRONG = {
    "equal": [
        *each("start_weights",
            ("they are not divided by the rate", start_of(lambda r, m: 1.0)),
            ("they are multiplied by the rate", start_of(lambda r, m: r)),
            ("divided by the root of the rate", start_of(lambda r, m: r**-0.5)),
            ("gain / sqrt(inputs) already", start_of(lambda r, m: GAIN / m**0.5 / r)),
            ("and not divided by the rate", start_of(lambda r, m: GAIN / m**0.5)),
            ("divided by sqrt(inputs) already", start_of(lambda r, m: 1 / m**0.5 / r)),
            ("sqrt(inputs), and not by the rate", start_of(lambda r, m: 1 / m**0.5)),
            ("multiplied by the gain already", start_of(lambda r, m: GAIN / r)),
            ("the square of the rate", start_of(lambda r, m: r**-2)),
            ("the mean of the weights is not 0", lambda a, b, r: torch.rand(b, a) / r),
            ("not normally distributed", uniform),
            ("are all alike", rows_alike),
            ("have a deviation of", start_of(lambda r, m: 1.2 / r)),
            ("(200, 300) is expected (transposed?)", lambda a, b, r: torch.randn(a, b) / r),
            ("a deviation of 0", lambda a, b, r: torch.zeros(b, a)),
        ),
        *each("equal_linear",
            ("missing in the weights and in the bias", lambda x, w, b, r: equal_by_library(x, w, b, 1.0)),
            ("the rate is missing in the weights",
             equal_of(lambda r, x, w: GAIN / w.shape[1] ** 0.5)),
            ("the rate is missing in the bias", equal_of(shift=lambda r: 1.0)),
            ("it is divided by the rate", lambda x, w, b, r: equal_by_library(x, w, b, 1 / r)),
            ("the weights are divided by the rate", equal_of(lambda r, x, w: GAIN / w.shape[1] ** 0.5 / r)),
            ("the rate is squared", lambda x, w, b, r: equal_by_library(x, w, b, r**2)),
            ("the gain is missing", equal_of(lambda r, x, w: r / w.shape[1] ** 0.5)),
            ("the gain is squared", equal_of(lambda r, x, w: r * GAIN**2 / w.shape[1] ** 0.5)),
            ("that of plain ReLU", equal_of(lambda r, x, w: r * (2 / w.shape[1]) ** 0.5)),
            ("the gain multiplies the bias too", equal_of(shift=lambda r: r * GAIN)),
            ("gain / sqrt(inputs) multiplies the bias too",
             lambda x, w, b, r: (x @ w.T + b) * r * GAIN / x.shape[1] ** 0.5),
            ("gain / sqrt(inputs) is missing", equal_of(lambda r, x, w: r)),
            ("sqrt(inputs) is missing", equal_of(lambda r, x, w: r * GAIN)),
            ("divided by the number of inputs", equal_of(lambda r, x, w: r * GAIN / w.shape[1])),
            ("multiplied by the root of the inputs", equal_of(lambda r, x, w: r * GAIN * w.shape[1] ** 0.5)),
            ("divided by the root of the outputs", equal_of(lambda r, x, w: r * GAIN / w.shape[0] ** 0.5)),
            ("divided by the root of the batch", equal_of(lambda r, x, w: r * GAIN / len(x) ** 0.5)),
            ("the bias is missing", equal_of(shift=lambda r: 0.0)),
            ("the bias is taken away", equal_of(shift=lambda r: -r)),
            ("the leaky unit is applied", lambda *given: F.leaky_relu(equal_by_library(*given), 0.2)),
            ("raised RuntimeError", transposed),
            ("a tensor without gradient", detached),
        ),
    ],
    "mapping": each("mapping",
        ("z is not normalised", mapping_of(lambda z: z)),
        ("divided by its length", mapping_of(lambda z: F.normalize(z, dim=1))),
        ("divided by its mean square; the root is missing",
         mapping_of(lambda z: z / (z.square().mean(1, keepdim=True) + 1e-8))),
        ("normalised over the batch", mapping_of(lambda z: z / z.square().mean(0).sqrt())),
        ("of the whole batch", mapping_of(lambda z: z / z.square().mean().sqrt())),
        ("the mean of z is taken away", mapping_of(lambda z: F.layer_norm(z, z.shape[1:]))),
        ("divided by its deviation", mapping_of(lambda z: z / z.std(1, keepdim=True))),
        ("multiplied by the root of its mean square",
         mapping_of(lambda z: z * z.square().mean(1, keepdim=True).sqrt())),
        ("w is normalised, and z is not", w_normed(lambda z: z)),
        ("w is normalised too", w_normed(rms)),
        ("each layer's result is normalised too", mapping_of(unit=lambda x: rms(F.leaky_relu(x, 0.2)))),
        ("missing after the last layer", mapping_of(last=False)),
        ("the leaky units are missing", mapping_of(unit=lambda x: x)),
        ("the unit is ReLU", mapping_of(unit=F.relu)),
        ("the slope of the leaky units is 0.01", mapping_of(unit=F.leaky_relu)),
        ("the unit is tanh", mapping_of(unit=torch.tanh)),
        ("stands before each layer", mapping_of(lambda z: F.leaky_relu(rms(z), 0.2), last=False)),
        ("the rate is missing in use",
         lambda z, w, b, r: through(rms(z), w, b, 1.0)),
        ("missing in use, and z is not normalised", lambda z, w, b, r: through(z, w, b, 1.0)),
        ("the biases are missing", lambda z, w, b, r: through(rms(z), w, [0 * one for one in b], r)),
        ("the layers are missing", lambda z, w, b, r: rms(z)),
        ("the last layer is left out", layers_of(lambda both: both[:-1])),
        ("the first layer alone", layers_of(lambda both: both[:1])),
        ("from the last to the first", layers_of(lambda both: both[::-1])),
        ("the first layer is left out", layers_of(lambda both: both[1:])),
        ("the first layer is used each time", lambda z, w, b, r: through(rms(z), [w[0] for _ in w], b, r)),
        ("add 1e-8 to it, under the root", mapping_of(lambda z: rms(z, 0.0))),
        ("changes its argument number 1 in place", in_place),
    ),
}  # fmt: skip
