"""Networks that grow: a generator and a discriminator whose resolution is doubled while they train.

    gan = GrowingGAN(GrowingGenerator(64), GrowingDiscriminator(), noise=64, penalty=R1(0.1), lazy=8)
    for level, pictures in enumerate(pyramid(data, 4)):
        gan.at(level, fade=0.0)
        for step in train(gan, pictures, 1000):
            gan.at(level, fade=step.number / 500)

Karras, Aila, Laine, Lehtinen (2018), "Progressive growing of GANs for improved quality, stability, and variation",
arXiv 1710.10196. Pictures are in [0, 1]; the networks work in [-1, 1], and nothing bounds what the generator makes.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.data import Data
from lecturelib.models.gan import GAN

SLOPE = 0.2  # of the leaky units
COLOURS = 0.25  # gain of the layers that make colours: the first pictures lie within the range of pictures
GAIN = math.sqrt(2 / (1 + SLOPE**2))  # which keeps the scale through them: He et al. (2015)


class EqualLinear(nn.Linear):
    """A linear layer whose weights are N(0, 1) and are multiplied by gain / sqrt(inputs) when it is used.

    Adam's step does not depend on a gradient's scale, so that without this a layer with smaller weights learns
    relatively faster: section 4.1. `rate` multiplies the layer's learning rate; `bias` is what its bias starts from.
    """

    def __init__(self, size_in: int, size_out: int, *, gain: float = GAIN, rate: float = 1.0, bias: float = 0.0):
        super().__init__(size_in, size_out)
        nn.init.normal_(self.weight, 0, 1 / rate)
        nn.init.constant_(self.bias, bias / rate)
        self.scale, self.rate = gain * rate / math.sqrt(size_in), rate

    def forward(self, x: Tensor) -> Tensor:
        """(n, size_in) -> (n, size_out)."""
        return F.linear(x, self.weight * self.scale, self.bias * self.rate)


class EqualConv2d(nn.Conv2d):
    """A convolution that keeps the sides, with weights as those of EqualLinear."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 3, *, gain: float = GAIN, bias: bool = True):
        super().__init__(channels_in, channels_out, kernel, padding=kernel // 2, bias=bias)
        nn.init.normal_(self.weight)
        if bias:
            nn.init.zeros_(self.bias)
        self.scale = gain / math.sqrt(channels_in * kernel**2)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels_in, h, w) -> (n, channels_out, h, w)."""
        return self._conv_forward(x, self.weight * self.scale, self.bias)


class EqualDown(EqualConv2d):
    """An EqualConv2d and the mean of each 2 x 2 values, as one convolution of 4 x 4 that moves by two pixels."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels_in, 2h, 2w) -> (n, channels_out, h, w)."""
        return F.conv2d(x, _shifted(self.weight * (self.scale / 4)), self.bias, stride=2, padding=1)


class EqualUp(EqualConv2d):
    """Each value four times and then an EqualConv2d, as one transposed convolution of 4 x 4."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels_in, h, w) -> (n, channels_out, 2h, 2w)."""
        kernel = _shifted((self.weight * self.scale).flip(2, 3)).transpose(0, 1)
        return F.conv_transpose2d(x, kernel, self.bias, stride=2, padding=1)


def _shifted(kernel: Tensor) -> Tensor:
    """The sum of four copies of a 3 x 3 kernel, each moved by another corner of a pixel: (..., 3, 3) -> (..., 4, 4)."""
    return sum(F.pad(kernel, (left, 1 - left, top, 1 - top)) for left in (0, 1) for top in (0, 1))


class PixelNorm(nn.Module):
    """Each pixel's vector of channels divided by its root mean square: section 4.2."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, ...) -> the same."""
        return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class MinibatchDeviation(nn.Module):
    """One more channel: how far the examples of the batch differ, on average over all channels and places.

    A generator that makes one thing over and over is seen through: section 3.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) -> (n, channels + 1, h, w)."""
        deviation = (x.float().var(0, correction=0) + 1e-8).sqrt().mean()
        return torch.cat([x, deviation.to(x.dtype).expand(len(x), 1, *x.shape[2:])], 1)


class Growing(nn.Module):
    """What both players share: the level in use, 4 * 2^level pixels a side, and how far it is faded in."""

    def __init__(self, levels: int):
        super().__init__()
        if levels < 1:
            raise ValueError("channels is empty: give one number for each level, from 4 x 4 pixels on")
        self.levels, self.level, self.fading = levels, levels - 1, False
        self.register_buffer("fade", torch.tensor(1.0))

    def at(self, level: int, fade: float = 1.0) -> None:
        """Use this level, and the share `fade` of what it adds to the one below. ValueError where there is none."""
        if not 0 <= level < self.levels:
            raise ValueError(f"level is {level}; there are 0 to {self.levels - 1}")
        self.level, self.fading = level, fade < 1 and level > 0
        self.fade.fill_(min(max(fade, 0.0), 1.0))


class GrowingGenerator(Growing):
    """z (n, noise) -> pictures (n, 3, side, side), side = 4 * 2^level: table 2."""

    def __init__(self, noise: int = 64, channels: Sequence[int] = (128, 128, 64, 32), colours: int = 3):
        super().__init__(len(channels))
        first = channels[0]
        unit = (nn.LeakyReLU(SLOPE), PixelNorm())
        self.start = nn.Sequential(
            PixelNorm(), EqualLinear(noise, 16 * first, gain=GAIN / 4), nn.Unflatten(1, (first, 4, 4)), *unit,
            EqualConv2d(first, first), *unit,
        )  # fmt: skip
        self.blocks = nn.ModuleList(
            nn.Sequential(EqualUp(before, after), *unit, EqualConv2d(after, after), *unit)
            for before, after in pairwise(channels)
        )
        self.to_colours = nn.ModuleList(EqualConv2d(width, colours, 1, gain=COLOURS) for width in channels)

    def forward(self, z: Tensor) -> Tensor:
        """Pictures of noise; while a level is faded in, its picture is mixed with that of the level below."""
        x = below = self.start(z)
        for block in self.blocks[: self.level]:
            x, below = block(x), x
        made = self.to_colours[self.level](x)
        if self.fading:
            old = F.interpolate(self.to_colours[self.level - 1](below), scale_factor=2.0)
            made = torch.lerp(old.float(), made.float(), self.fade)
        return (made + 1) / 2


class GrowingDiscriminator(Growing):
    """Pictures (n, 3, side, side) of the level's side -> logits (n,): table 2, mirrored."""

    def __init__(self, channels: Sequence[int] = (128, 128, 64, 32), colours: int = 3):
        super().__init__(len(channels))
        unit, first = nn.LeakyReLU(SLOPE), channels[0]
        self.from_colours = nn.ModuleList(nn.Sequential(EqualConv2d(colours, width, 1), unit) for width in channels)
        self.blocks = nn.ModuleList(
            nn.Sequential(EqualConv2d(after, after), unit, EqualDown(after, before), unit)
            for before, after in pairwise(channels)
        )
        self.score = nn.Sequential(
            MinibatchDeviation(), EqualConv2d(first + 1, first), unit,
            nn.Flatten(), EqualLinear(16 * first, first), unit, EqualLinear(first, 1, gain=1.0),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Logits of being real. ValueError for pictures of another side than the level's."""
        side = 4 * 2**self.level
        if x.shape[2] != side or x.shape[3] != side:
            raise ValueError(f"pictures are {x.shape[2]} x {x.shape[3]}, but level {self.level} sees {side} x {side}")
        x = 2 * x - 1
        seen = self.from_colours[self.level](x)
        for level in range(self.level, 0, -1):
            seen = self.blocks[level - 1](seen)
            if self.fading and level == self.level:
                old = self.from_colours[level - 1](F.avg_pool2d(x, 2))
                seen = torch.lerp(old.float(), seen.float(), self.fade)
        return self.score(seen)[:, 0]


class GrowingGAN(GAN):
    """A GAN whose players grow together. Levels that are not in use get no gradient, and stay as they are."""

    def __init__(self, generator: Growing, discriminator: Growing, *game, betas=(0.0, 0.99), **options):
        super().__init__(generator, discriminator, *game, betas=betas, **options)

    def at(self, level: int, fade: float = 1.0) -> None:
        """Both players at this level, faded in by this share."""
        for player in (self.generator, self.discriminator):
            player.at(level, fade)


def pyramid(data: Data, levels: int) -> list[Data]:
    """The pictures x of data (n, c, side, side) averaged down to sides of 4, 8, 16, ...: one Data a level.

    ValueError where side is not 4 * 2^(levels - 1) or a multiple of it.
    """
    side = data.stored[0].shape[-1]
    finest = 4 * 2 ** (levels - 1)
    if side % finest:
        raise ValueError(f"pictures of {side} pixels cannot be averaged down to {finest}")

    def smaller(side_wanted: int) -> Data:
        times = side // side_wanted
        if times == 1:
            return data
        return data.map(lambda x: (F.avg_pool2d(x, times) * 255).round().to(torch.uint8))

    return [smaller(4 * 2**level) for level in range(levels)]
