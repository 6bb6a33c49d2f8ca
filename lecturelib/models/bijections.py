"""Maps of points and pictures that can be undone, each with the logarithm of how much it stretches space.

    z, log_det = Coupling(2, network)(x)                 # log |det dz/dx| of each example, (n,)
    x = coupling.inverse(z)

Dinh, Sohl-Dickstein, Bengio (2017), "Density estimation using Real NVP", arXiv 1605.08803; Kingma, Dhariwal (2018),
"Glow: generative flow with invertible 1x1 convolutions", arXiv 1807.03039.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Bijection(nn.Module):
    """A map that can be undone; it works on dimension 1 of x (n, d) or (n, channels, h, w)."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x -> z, and the logarithm of |det dz/dx| of each example, (n,)."""
        raise NotImplementedError

    def inverse(self, z: Tensor) -> Tensor:
        """z -> x."""
        raise NotImplementedError

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Of one z, for one x of this shape."""
        return shape


class ActNorm(Bijection):
    """A scale and a shift for each channel; the first batch in training sets them so that it comes out standardised.

    Kingma and Dhariwal (2018), section 3.1.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(channels))
        self.shift = nn.Parameter(torch.zeros(channels))
        self.register_buffer("ready", torch.tensor(False))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """z = (x + shift) exp(log_scale)."""
        if self.training and not self.ready:
            self._standardise(x.detach())
        z = (x + over(self.shift, x)) * over(self.log_scale, x).exp()
        return z, self.log_scale.sum() * places(x) * x.new_ones(len(x))

    def inverse(self, z: Tensor) -> Tensor:
        """x = z exp(-log_scale) - shift."""
        return z * over(-self.log_scale, z).exp() - over(self.shift, z)

    @torch.no_grad()
    def _standardise(self, x: Tensor) -> None:
        values = x.transpose(0, 1).flatten(1)
        self.shift.copy_(-values.mean(1))
        self.log_scale.copy_(-values.std(1, correction=0).clamp(min=1e-3).log())
        self.ready.fill_(True)


class Linear(Bijection):
    """An invertible matrix over the channels, which begins as a rotation: the 1x1 convolution of Glow, section 3.2."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.linalg.qr(torch.randn(channels, channels)).Q)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """z = W x."""
        log_det = torch.linalg.slogdet(self.weight).logabsdet
        return torch.einsum("oi,ni...->no...", self.weight, x), log_det * places(x) * x.new_ones(len(x))

    def inverse(self, z: Tensor) -> Tensor:
        """x = W^-1 z."""
        return torch.einsum("oi,ni...->no...", torch.linalg.inv(self.weight), z)


class Coupling(Bijection):
    """Half of the channels stay; from them a network says how the others are scaled and shifted. Equations 7 and 8.

    network: (n, half, ...) -> (n, 2 * (channels - half), ...). The scale is exp(bound * tanh(s / bound)), so that no
    step of training can make it huge.
    """

    def __init__(self, channels: int, network: Callable[[int, int], nn.Module], bound: float = 2.0):
        super().__init__()
        self.half, self.bound = channels // 2, bound
        if not self.half:
            raise ValueError("a coupling needs at least two channels: one that stays and one that moves")
        self.network = network(self.half, 2 * (channels - self.half))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """z = (a, b exp(s(a)) + t(a)), x = (a, b)."""
        a, b = x.tensor_split([self.half], 1)
        log_scale, shift = self._of(a)
        return torch.cat([a, b * log_scale.exp() + shift], 1), log_scale.flatten(1).sum(1)

    def inverse(self, z: Tensor) -> Tensor:
        """x = (a, (b - t(a)) exp(-s(a)))."""
        a, b = z.tensor_split([self.half], 1)
        log_scale, shift = self._of(a)
        return torch.cat([a, (b - shift) * (-log_scale).exp()], 1)

    def _of(self, a: Tensor) -> tuple[Tensor, Tensor]:
        log_scale, shift = self.network(a).to(a.dtype).chunk(2, 1)
        return self.bound * (log_scale / self.bound).tanh(), shift


class Squeeze(Bijection):
    """Blocks of 2 x 2 pixels become channels: (n, c, h, w) -> (n, 4 c, h / 2, w / 2). Real NVP, section 3.6."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Nothing is lost, so the volume stays."""
        return F.pixel_unshuffle(x, 2), x.new_zeros(len(x))

    def inverse(self, z: Tensor) -> Tensor:
        """The blocks laid out again."""
        return F.pixel_shuffle(z, 2)

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """(c, h, w) -> (4 c, h / 2, w / 2)."""
        channels, h, w = shape
        return 4 * channels, h // 2, w // 2


def over(values: Tensor, x: Tensor) -> Tensor:
    """One value for each channel of x, in a shape that fits: (channels,) -> (1, channels, 1, ...)."""
    return values.view(1, -1, *(x.ndim - 2) * (1,))


def places(x: Tensor) -> int:
    """Pixels of (n, channels, h, w), or 1 for (n, d)."""
    return math.prod(x.shape[2:])
