"""StyleGAN's generator: a mapping from z to w, and a synthesis in which w sets the style of every layer.

    gan = GAN(StyleGenerator(), GrowingDiscriminator(), noise=64, penalty=R1(0.05), lazy=16, betas=(0.0, 0.99))
    fit(gan, faces, steps=20_000, lr=2e-3, ema=0.999)
    w = gan.generator.styles(z)                          # (n, layers, width), the same w for all layers
    gan.generator.synthesise(torch.cat([w[:1, :4], w[1:2, 4:]], 1))

Karras, Laine, Aila (2019), "A style-based generator architecture for generative adversarial networks", CVPR, arXiv
1812.04948. As in StyleGAN2 (Karras et al. 2020, arXiv 1912.04958, section 4.1) nothing grows; with `skips` each
resolution adds its colours to the enlarged picture of the one below, as there.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.models.growing import COLOURS, SLOPE, EqualConv2d, EqualLinear, EqualUp, PixelNorm


class AdaIN(nn.Module):
    """Each channel's mean and deviation are taken away, and those that w says are put in their places: equation 1.

    Huang and Belongie (2017), arXiv 1703.06868.
    """

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.style = EqualLinear(width, 2 * channels, gain=1.0)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """(n, channels, h, w), (n, width) -> (n, channels, h, w)."""
        scale, shift = self.style(w).float()[:, None].chunk(2, 2)
        rows = x.flatten(2).mT  # (n, h * w, channels), as channels_last has it in memory
        mean = rows.new_full((len(x), 1, rows.shape[1]), 1 / rows.shape[1])
        rows = rows - mean @ rows  # on a CPU means as products take a fifth of the time of torch.var_mean
        scale = (1 + scale) * ((mean @ rows.square()).float() + 1e-5).rsqrt()
        return torch.addcmul(shift.to(x.dtype), rows, scale.to(x.dtype)).mT.unflatten(2, x.shape[2:])


class StyledLayer(nn.Module):
    """A convolution (or nothing), noise, a leaky unit, and AdaIN: figure 1 (b)."""

    def __init__(self, convolution: nn.Module, channels: int, width: int):
        super().__init__()
        self.convolution = convolution
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.strength = nn.Parameter(torch.zeros(1, channels, 1, 1))  # of the noise, for each channel
        self.adain = AdaIN(channels, width)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        """A map, w (n, width), noise (n or 1, 1, h, w) -> a map (n, channels, h, w)."""
        x = self.convolution(x)
        rows, noise = x.flatten(2).mT, noise.flatten(1)[..., None].expand(len(x), -1, -1)
        two = torch.cat([noise, torch.ones_like(noise)], 2).to(x.dtype)  # (n, h * w, 2): times strength and bias
        weights = torch.cat([self.strength, self.bias]).flatten(1).to(x.dtype)
        x = torch.baddbmm(rows, two, weights.expand(len(x), -1, -1)).mT.unflatten(2, x.shape[2:])
        return self.adain(F.leaky_relu(x, SLOPE), w)


class Mapping(nn.Module):
    """z (n, noise) -> w (n, width): fully connected layers, which learn a hundredth as fast. Appendix C."""

    def __init__(self, noise: int, width: int, layers: int = 8, rate: float = 0.01):
        super().__init__()
        sizes = [noise] + layers * [width]
        steps = [(EqualLinear(a, b, rate=rate), nn.LeakyReLU(SLOPE)) for a, b in pairwise(sizes)]
        self.layers = nn.Sequential(PixelNorm(), *(part for step in steps for part in step))

    def forward(self, z: Tensor) -> Tensor:
        """The intermediate latent code."""
        return self.layers(z)


class StyleGenerator(nn.Module):
    """z (n, noise) -> pictures (n, 3, side, side), side = 4 * 2^(levels - 1), two styled layers a level.

    In training the layers from a random one on get the w of another z in the share `mixing` of the examples (section
    3.1), and `centre` follows the mean of w.
    """

    def __init__(
        self,
        noise: int = 64,
        channels: Sequence[int] = (128, 128, 64, 32),  # of each level, from 4 x 4 pixels on
        width: int = 128,  # of w
        *,
        depth: int = 8,  # layers of the mapping
        mixing: float = 0.9,
        colours: int = 3,
        skips: bool = False,  # each level adds its colours, as in StyleGAN2; else the last one alone paints
    ):
        super().__init__()
        if not channels or not 0 <= mixing <= 1:
            raise ValueError(f"channels is {channels!r}, mixing {mixing}: at least one level, and a share from 0 to 1")
        self.noise, self.width, self.mixing = noise, width, mixing
        self.mapping = Mapping(noise, width, depth)
        self.constant = nn.Parameter(torch.ones(1, channels[0], 4, 4))
        layers: list[StyledLayer] = []
        for before, after in zip([None, *channels], channels, strict=False):
            first = nn.Identity() if before is None else EqualUp(before, after, bias=False)
            layers += [StyledLayer(convolution, after, width)
                       for convolution in (first, EqualConv2d(after, after, bias=False))]  # fmt: skip
        self.layers = nn.ModuleList(layers)
        paints = channels if skips else channels[-1:]
        self.to_colours = nn.ModuleList(EqualConv2d(channel, colours, 1, gain=COLOURS) for channel in paints)
        self.register_buffer("centre", torch.zeros(width))

    @property
    def sides(self) -> list[int]:
        """The side of the map in each layer, in pixels."""
        return [4 * 2 ** (layer // 2) for layer in range(len(self.layers))]

    def forward(self, z: Tensor) -> Tensor:
        """Pictures of noise, as in training or as they are used."""
        w = self.mapping(z)
        if not self.training:
            return self.synthesise(w)
        self.centre.lerp_(w.detach().float().mean(0), 0.005)
        return self.synthesise(self._mixed(w))

    def styles(self, z: Tensor, truncation: float = 1.0, layers: slice = slice(None)) -> Tensor:
        """w of each layer, (n, layers, width), moved towards the mean w in the given layers: equation in appendix B.

        truncation 1: as they are; 0: the mean alone.
        """
        w = self.spread(self.mapping(z)).clone()
        w[:, layers] = torch.lerp(self.centre.expand_as(w[:, layers]), w[:, layers], truncation)
        return w

    def spread(self, w: Tensor) -> Tensor:
        """One w (n, width) for all layers: (n, layers, width); what is so already stays."""
        return w[:, None].expand(-1, len(self.layers), -1) if w.ndim == 2 else w

    def noises(self, n: int = 1) -> list[Tensor]:
        """Random maps for each layer: (n, 1, side, side). One of n = 1 does for any number of pictures."""
        return [torch.randn(n, 1, side, side, device=self.centre.device) for side in self.sides]

    def synthesise(self, w: Tensor, noises: Sequence[Tensor] | None = None) -> Tensor:
        """Pictures of styles w (n, width) or (n, layers, width), with the given noise, or with fresh noise.

        ValueError for w of another shape.
        """
        w = self.spread(w)
        if w.shape[1:] != (len(self.layers), self.width):
            raise ValueError(f"w is {tuple(w.shape)}: (n, {self.width}) or (n, {len(self.layers)}, {self.width})")
        noises = self.noises(len(w)) if noises is None else noises
        x, made = self.constant.expand(len(w), -1, -1, -1), None
        for number, (layer, style, noise) in enumerate(zip(self.layers, w.unbind(1), noises, strict=True)):
            x = layer(x, style, noise)
            painter = number // 2 + len(self.to_colours) - len(self.layers) // 2
            if number % 2 and painter >= 0:
                colours = self.to_colours[painter](x).float()
                made = colours if made is None else colours + F.interpolate(made, scale_factor=2.0, mode="bilinear")
        return (made + 1) / 2

    @torch.no_grad()
    def recentre(self, n: int = 10_000) -> None:
        """Set `centre` to the mean of w over n draws."""
        self.centre.copy_(self.mapping(torch.randn(n, self.noise, device=self.centre.device)).mean(0))

    def _mixed(self, w: Tensor) -> Tensor:
        other = self.mapping(torch.randn(len(w), self.noise, device=w.device))
        count = len(self.layers)
        cut = torch.randint(1, count, (len(w), 1, 1), device=w.device)
        cut = torch.where(torch.rand_like(cut, dtype=torch.float32) < self.mixing, cut, count)
        late = torch.arange(count, device=w.device)[None, :, None] >= cut
        return torch.where(late, self.spread(other), self.spread(w))
