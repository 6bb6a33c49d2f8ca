"""Answers to the exercises of lab 08 on AdaIN and the noise."""

import torch
import torch.nn.functional as F
from common_answers import each


def halves(style):
    """Scales and shifts, (n, c, 1, 1) each."""
    return [half[:, :, None, None] for half in style.chunk(2, 1)]


def normal(x, dims=(2, 3), correction=0, eps=1e-5):
    variance, mean = torch.var_mean(x, dims, correction=correction, keepdim=True)
    return (x - mean) / (variance + eps).sqrt()


def adain_by_library(x, style):
    s, b = halves(style)
    return F.instance_norm(x, eps=1e-5) * (1 + s) + b


def adain_in_loops(x, style):
    c = x.shape[1]
    made = []
    for picture, one in zip(x, style, strict=True):
        for i, channel in enumerate(picture):
            away = channel - channel.mean()
            made.append(away / (away.square().mean() + 1e-5) ** 0.5 * (1 + one[i]) + one[c + i])
    return torch.stack(made).view(x.shape)


def adain_flat(x, style):
    n, c, h, w = x.shape
    flat = x.reshape(n, c, h * w)
    z = F.layer_norm(flat, (h * w,), eps=1e-5)
    return torch.addcmul(style[:, c:, None], z, 1 + style[:, :c, None]).view(n, c, h, w)


def adain_of(made=lambda z, s, b: (1 + s) * z + b, norm=normal, read=halves):
    """made(z, s, b) of the normalised maps, and of what is read from the style."""
    return lambda x, style: made(norm(x), *read(style))


def over(*dims):
    return adain_of(norm=lambda x: normal(x, dims))


def adain_in_turn(x, style):
    return adain_by_library(x, torch.cat([style[:, ::2], style[:, 1::2]], 1))


def mixed_up(style):
    return list(style.T.reshape(len(style), 2, -1, 1, 1).unbind(1))


def own_put_back(x, style):
    s, b = halves(style)
    variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
    return normal(x) * (1 + s) * variance.sqrt() + mean * (1 + s) + b


def mean_put_back(x, style):
    return adain_by_library(x, style) + x.mean((2, 3), keepdim=True)


def deviation(x):
    return x.var((2, 3), correction=0, keepdim=True).add(1e-5).sqrt()


def away(x):
    return x - x.mean((2, 3), keepdim=True)


def eps_outside(x):
    return away(x) / (x.std((2, 3), correction=0, keepdim=True) + 1e-5)


def eps_twice(x):
    return away(x) / (deviation(x) + 1e-5)


def eps_as_bound(x):
    return away(x) / x.var((2, 3), correction=0, keepdim=True).clamp(min=1e-5).sqrt()


def mean_detached(x):
    return (x - x.detach().mean((2, 3), keepdim=True)) / deviation(x.detach())


def in_place(x, style):
    s, b = halves(style)
    x -= x.mean((2, 3), keepdim=True)
    return (1 + s) * x / (x.square().mean((2, 3), keepdim=True) + 1e-5).sqrt() + b


def noise_in_loops(x, noise, strength):
    return torch.stack([x[:, i] + a * noise[:, 0] for i, a in enumerate(strength)], 1)


def noise_by_convolution(x, noise, strength):
    return x + F.conv2d(noise, strength.view(-1, 1, 1, 1))


def noise_by_addcmul(x, noise, strength):
    return torch.addcmul(x, noise, strength.view(1, -1, 1, 1))


def noise_of(change):
    """change(x, noise, strengths as (c, 1, 1))."""
    return lambda x, noise, strength: change(x, noise, strength[:, None, None])


def by_picture(x, noise, strength):
    return x + strength[: len(x), None, None, None] * noise


def noise_in_place(x, noise, strength):
    x += strength[:, None, None] * noise
    return x


RIGHT = {
    "adain": [{"adain": one} for one in (adain_by_library, adain_in_loops, adain_flat)],
    "noise": [{"add_noise": one} for one in (noise_in_loops, noise_by_convolution, noise_by_addcmul)],
}
WRONG = {
    "adain": each("adain",
        ("the 1 is missing", adain_of(lambda z, s, b: s * z + b)),
        ("the halves of the style are exchanged", adain_of(lambda z, s, b: (1 + b) * z + s)),
        ("scales and shifts are read in turn", adain_in_turn),
        ("of different pictures are mixed up", adain_of(read=mixed_up)),
        ("every picture gets the style of the first", lambda x, y: adain_by_library(x, y[:1].expand_as(y))),
        ("those of the whole batch", over(0, 2, 3)),
        ("taken over the channels too", over(1, 2, 3)),
        ("one mean and one deviation for everything", over(0, 1, 2, 3)),
        ("each pixel is normalised over its channels", over(1)),
        ("each pixel is normalised over the batch", over(0)),
        ("over the rows alone", over(2)),
        ("over the columns alone", over(3)),
        ("divided by h w - 1", adain_of(norm=lambda x: normal(x, correction=1))),
        ("divided by the variance; its root", adain_of(norm=lambda x: away(x) / deviation(x).square())),
        ("the mean is not taken away", adain_of(norm=lambda x: x / deviation(x))),
        ("the deviation is not divided out", adain_of(norm=away)),
        ("multiplied by the deviation", adain_of(norm=lambda x: away(x) * deviation(x))),
        ("the shift is added before the scale", adain_of(lambda z, s, b: (1 + s) * (z + b))),
        ("the shift is missing", adain_of(lambda z, s, b: (1 + s) * z)),
        ("the scale is missing", adain_of(lambda z, s, b: z + b)),
        ("the style is missing", adain_of(lambda z, s, b: z)),
        ("the shift is taken away", adain_of(lambda z, s, b: (1 + s) * z - b)),
        ("own mean and deviation are put back", own_put_back),
        ("own mean is put back", mean_put_back),
        ("the exponential of s", adain_of(lambda z, s, b: s.exp() * z + b)),
        ("the scale is 1 - s", adain_of(lambda z, s, b: (1 - s) * z + b)),
        ("is NaN", adain_of(norm=lambda x: normal(x, eps=0.0))),
        ("1e-5 is added to the deviation", adain_of(norm=eps_outside)),
        ("1e-5 is added twice", adain_of(norm=eps_twice)),
        ("1e-8 is added to the variance", adain_of(norm=lambda x: normal(x, eps=1e-8))),
        ("held at 1e-5 or more", adain_of(norm=eps_as_bound)),
        ("the mean is detached", adain_of(norm=mean_detached)),
        ("returns a tensor without gradient", lambda x, y: adain_by_library(x, y).detach()),
        ("the gradient of its sum for the style", lambda x, y: adain_by_library(x, y.detach() + 0 * y)),
        ("changes its argument number 1 in place", in_place),
        ("raised RuntimeError", lambda x, y: normal(x) * (1 + y[:, :x.shape[1]]) + y[:, x.shape[1]:]),
    ),
    "noise": each("add_noise",
        ("the strengths are missing", noise_of(lambda x, e, a: x + e)),
        ("the map is missing", noise_of(lambda x, e, a: a * e)),
        ("the noise is missing", noise_of(lambda x, e, a: x)),
        ("the noise is taken away", noise_of(lambda x, e, a: x - a * e)),
        ("the mean strength", noise_of(lambda x, e, a: x + a.mean() * e)),
        ("the strength of the first one", noise_of(lambda x, e, a: x + a[0] * e)),
        ("the strengths are squared", noise_of(lambda x, e, a: x + a**2 * e)),
        ("lose their signs", noise_of(lambda x, e, a: x + a.abs() * e)),
        ("multiply the map too", noise_of(lambda x, e, a: a * (x + e))),
        ("multiplied by the noise", noise_of(lambda x, e, a: x * a * e)),
        ("multiplied by 1 + noise", noise_of(lambda x, e, a: x * (1 + a * e))),
        ("the noise of the first one", noise_of(lambda x, e, a: x + a * e[0])),
        ("averaged over the picture", noise_of(lambda x, e, a: x + a * e.mean((2, 3), keepdim=True))),
        ("one pixel's noise serves for all", noise_of(lambda x, e, a: x + a * e[:, :, 0:1, 0:1])),
        ("the noise is normalised", noise_of(lambda x, e, a: x + a * F.instance_norm(e))),
        ("the strengths are summed", noise_of(lambda x, e, a: x + a.sum() * e)),
        ("along the columns", lambda x, e, a: x + a * e),
        ("along the rows", lambda x, e, a: x + a[:, None] * e),
        ("each picture has a strength", by_picture),
        ("the noise is drawn anew", noise_of(lambda x, e, a: x + a * torch.randn_like(e))),
        ("changes its argument number 1 in place", noise_in_place),
        ("has dtype float64", noise_of(lambda x, e, a: (x + a * e).double())),
    ),
}  # fmt: skip
