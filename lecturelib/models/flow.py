"""Invertible networks: z = f(x), and log p(x) = log p(z) + log |det dz/dx|, exactly.

    flow = dense_flow(2, layers=8)
    fit(flow, moons, steps=2000)
    flow.log_prob(x), flow.sample(1000)
    flow = picture_flow((1, 28, 28), levels=2)           # multi-scale, for pictures in [0, 1] with 256 values

Dinh, Sohl-Dickstein, Bengio (2017), "Density estimation using Real NVP", arXiv 1605.08803; Kingma, Dhariwal (2018),
"Glow: generative flow with invertible 1x1 convolutions", arXiv 1807.03039.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lecturelib.layers import mlp
from lecturelib.model import Model
from lecturelib.models.bijections import ActNorm, Bijection, Coupling, Linear, Squeeze


class Flow(Model):
    """Bijections one after the other, in levels; after each level but the last half of the channels are done.

    What is done is standard normal, and so is what is left at the end (Real NVP, section 3.6). The latent z is flat:
    (n, d) in the order in which it leaves.
    """

    def __init__(self, levels: Sequence[Sequence[Bijection]], shape: Sequence[int]):
        super().__init__()
        self.levels = nn.ModuleList(nn.ModuleList(level) for level in levels)
        self.shape = tuple(shape)  # of one example

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (n, *shape) -> z (n, d), log |det dz/dx| (n,)."""
        done, total = [], x.new_zeros(len(x))
        for number, level in enumerate(self.levels):
            for bijection in level:
                x, log_det = bijection(x)
                total = total + log_det
            if number < len(self.levels) - 1:
                x, z = x.chunk(2, 1)
                done.append(z.flatten(1))
        return torch.cat([*done, x.flatten(1)], 1), total

    def decode(self, z: Tensor) -> Tensor:
        """z (n, d) -> x (n, *shape)."""
        shapes = self._shapes()
        parts = list(z.split([math.prod(shape) for shape in shapes], 1))
        x = parts[-1].view(-1, *shapes[-1])
        for number, level in reversed(list(enumerate(self.levels))):
            if number < len(self.levels) - 1:
                x = torch.cat([x, parts[number].view(-1, *shapes[number])], 1)
            for bijection in reversed(level):
                x = bijection.inverse(x)
        return x

    def log_prob(self, x: Tensor) -> Tensor:
        """Of x (n, *shape), in nats: (n,)."""
        z, log_det = self.encode(x)
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(1) + log_det

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """Minus the mean log-likelihood, in nats a dimension."""
        return {"loss": -self.log_prob(x).mean() / math.prod(self.shape)}

    @torch.no_grad()
    def sample(self, n: int, *condition: Tensor, temperature: float = 1.0) -> Tensor:
        """(n, *shape); a temperature below 1 draws z nearer to its mean."""
        return self.decode(temperature * torch.randn(n, math.prod(self.shape), device=self.device))

    def _shapes(self) -> list[tuple[int, ...]]:
        """Of what leaves at each level."""
        shape, left = self.shape, []
        for number, level in enumerate(self.levels):
            for bijection in level:
                shape = bijection.shape(shape)
            if number < len(self.levels) - 1:
                left.append((shape[0] // 2, *shape[1:]))
                shape = ((shape[0] + 1) // 2, *shape[1:])
        return [*left, shape]


class PictureFlow(Flow):
    """A flow of pictures (n, c, h, w) in [0, 1] that have `values` grey values: it sees their logits, with noise.

    x is spread over its grey value's interval by uniform noise, so that its density bounds the probability of the
    value (Theis et al. 2016, arXiv 1511.01844, section 3.1), and taken to logit(alpha + (1 - 2 alpha) x), as in section
    4.1 of Real NVP. `loss` is in bits a dimension, `log_prob` in nats of the pictures' own density, at values in
    [0, 1].
    """

    def __init__(self, levels: Sequence[Sequence[Bijection]], shape: Sequence[int], values: int = 256, alpha=0.01):
        super().__init__(levels, shape)
        self.values, self.alpha = values, alpha

    def spread(self, x: Tensor) -> Tensor:
        """Grey values with noise, in (0, 1)."""
        return dequantise(x, self.values)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Spread x (n, c, h, w) in [0, 1] -> z (n, d), log |det dz/dx| (n,)."""
        p = self.alpha + (1 - 2 * self.alpha) * x
        slope = math.log(1 - 2 * self.alpha) - p.log() - (-p).log1p()
        z, log_det = super().encode(p.logit())
        return z, log_det + slope.flatten(1).sum(1)

    def decode(self, z: Tensor) -> Tensor:
        """z (n, d) -> spread x (n, c, h, w); what lies outside of [0, 1] is no picture."""
        return (super().decode(z).sigmoid() - self.alpha) / (1 - 2 * self.alpha)

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """Minus the bound on the mean log-probability, in bits a dimension."""
        nats = -self.log_prob(self.spread(x)).mean() / math.prod(self.shape)
        return {"loss": nats / math.log(2) + math.log2(self.values)}

    @torch.no_grad()
    def sample(self, n: int, *condition: Tensor, temperature: float = 1.0) -> Tensor:
        """Pictures (n, c, h, w) of grey values in [0, 1]: the noise that spreads them is taken off again."""
        x = super().sample(n, temperature=temperature)
        return quantise(x, self.values)


def dequantise(x: Tensor, values: int) -> Tensor:
    """Grey values in [0, 1], of so many steps, with noise that fills the steps: in (0, 1)."""
    return ((x * (values - 1)).round() + torch.rand_like(x)) / values


def quantise(x: Tensor, values: int) -> Tensor:
    """The inverse: grey values in [0, 1] without the noise; what lies outside is cut off."""
    return (x * values).floor().clamp(0, values - 1) / (values - 1)


def dense_flow(size: int, layers: int = 8, hidden: Sequence[int] = (64, 64)) -> Flow:
    """For points x (n, size): activation normalisation, a matrix and a coupling, `layers` times."""

    def network(channels_in: int, channels_out: int) -> nn.Module:
        return _still(mlp((channels_in, *hidden, channels_out)))

    return Flow([[part for _ in range(layers) for part in (ActNorm(size), Linear(size), Coupling(size, network))]],
                (size,))  # fmt: skip


def picture_flow(shape: Sequence[int], levels: int = 2, steps: int = 4, width: int = 64, **options) -> PictureFlow:
    """Glow for pictures (channels, h, w), whose sides 2^levels divides: figure 2 of Kingma and Dhariwal."""

    def network(channels_in: int, channels_out: int) -> nn.Module:
        return _still(nn.Sequential(
            nn.Conv2d(channels_in, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU(),
            nn.Conv2d(width, channels_out, 3, padding=1),
        ))  # fmt: skip

    channels, parts = shape[0], []
    for _ in range(levels):
        channels *= 4
        parts.append([Squeeze()])
        for _ in range(steps):
            parts[-1] += [ActNorm(channels), Linear(channels), Coupling(channels, network)]
        channels //= 2
    return PictureFlow(parts, shape, **options)


def _still(network: nn.Sequential) -> nn.Sequential:
    """With a last layer of zeros: the coupling begins as the identity."""
    nn.init.zeros_(network[-1].weight)
    nn.init.zeros_(network[-1].bias)
    return network
