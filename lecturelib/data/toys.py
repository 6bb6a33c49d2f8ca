"""Toy densities in one and two dimensions, most with a log density that is known."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lecturelib.data.files import check_real, check_whole
from lecturelib.data.tensors import Data, DataError


@dataclass(frozen=True)
class Mixture:
    """A mixture of round Gaussians: means (k, d), one standard deviation each (k,), weights (k,) that sum to 1."""

    means: Tensor
    scales: Tensor
    weights: Tensor

    def sample(self, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
        """n points (n, d), and the component that each came from (n,)."""
        rng = torch.Generator().manual_seed(seed)
        y = torch.multinomial(self.weights, n, replacement=True, generator=rng)
        noise = torch.randn(n, self.means.shape[1], generator=rng)
        return self.means[y] + self.scales[y, None] * noise, y

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (n,), for points x (n, d)."""
        d = self.means.shape[1]
        means, scales, weights = (t.to(x.device) for t in (self.means, self.scales, self.weights))
        constant = torch.log(weights) - d * torch.log(scales) - 0.5 * d * math.log(2 * math.pi)
        parts = []
        for part in x.split(4096):  # (4096, k) at a time
            squares = torch.cdist(part, means, compute_mode="donot_use_mm_for_euclid_dist").square()
            parts.append(torch.logsumexp(constant - 0.5 * squares / scales**2, dim=1))
        return torch.cat(parts)


@dataclass(frozen=True)
class Curves:
    """Gaussian noise around curves in the plane: curve(t) is (n, 2) for t in [0, 1], its class as likely as any."""

    curves: tuple[Callable[[Tensor], Tensor], ...]
    noise: float

    def sample(self, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
        """n points (n, 2), and the curve that each came from (n,)."""
        rng = torch.Generator().manual_seed(seed)
        y = torch.randint(len(self.curves), (n,), generator=rng)
        t = torch.rand(n, generator=rng)
        x = torch.stack([curve(t) for curve in self.curves])[y, torch.arange(n)]
        return x + self.noise * torch.randn(n, 2, generator=rng), y

    def log_density(self, x: Tensor, nodes: int = 600) -> Tensor:
        """log p(x) in nats, (n,): the integral over t by the midpoint rule, exact for nodes closer than the noise."""
        t = (torch.arange(nodes) + 0.5) / nodes
        means = torch.cat([curve(t) for curve in self.curves])
        k = len(means)
        return Mixture(means, torch.full((k,), self.noise), torch.full((k,), 1 / k)).log_density(x)


def mixture_1d() -> Mixture:
    """Three bumps on the line, at -2, 0.5 and 3."""
    return Mixture(torch.tensor([[-2.0], [0.5], [3.0]]), torch.tensor([0.5, 0.8, 0.3]), torch.tensor([0.3, 0.5, 0.2]))


def ring_of_gaussians(k: int = 8, radius: float = 2.0, noise: float = 0.1) -> Mixture:
    """k Gaussians on a circle: the classic test for modes that a GAN drops (Metz et al. 2017, section 3.1)."""
    angle = 2 * math.pi * torch.arange(k) / k
    means = radius * torch.stack([angle.cos(), angle.sin()], dim=1)
    return Mixture(means, torch.full((k,), noise), torch.full((k,), 1 / k))


def grid_of_gaussians(side: int = 5, spacing: float = 1.0, noise: float = 0.1) -> Mixture:
    """side x side Gaussians on a grid around the origin."""
    ticks = spacing * (torch.arange(side) - (side - 1) / 2)
    means = torch.cartesian_prod(ticks, ticks)
    return Mixture(means, torch.full((side**2,), noise), torch.full((side**2,), 1 / side**2))


def two_gaussians(distance: float = 3.0, noise: float = 1.0) -> Mixture:
    """Two overlapping classes, whose best boundary is the straight line between them."""
    means = torch.tensor([[-distance / 2, 0.0], [distance / 2, 0.0]])
    return Mixture(means, torch.full((2,), noise), torch.full((2,), 0.5))


def moons(noise: float = 0.1) -> Curves:
    """Two interleaved half circles."""
    upper = lambda t: torch.stack([torch.cos(math.pi * t) - 0.5, torch.sin(math.pi * t) - 0.25], 1)  # noqa: E731
    return Curves((upper, lambda t: -upper(t)), noise)


def rings(radii: tuple[float, ...] = (0.6, 1.2, 1.8), noise: float = 0.08) -> Curves:
    """Circles around the origin, equally likely."""

    def circle(radius):
        return lambda t: radius * torch.stack([torch.cos(2 * math.pi * t), torch.sin(2 * math.pi * t)], 1)

    return Curves(tuple(circle(r) for r in radii), noise)


def swiss_roll(noise: float = 0.05) -> Curves:
    """A spiral of one and a half turns, about two units across."""

    def spiral(t):
        angle = 1.5 * math.pi * (1 + 2 * t)
        return torch.stack([angle * torch.cos(angle), angle * torch.sin(angle)], 1) / 7

    return Curves((spiral,), noise)


KINDS = {
    "moons": moons,
    "rings": rings,
    "swiss_roll": swiss_roll,
    "two_gaussians": two_gaussians,
    "ring_of_gaussians": ring_of_gaussians,
    "grid_of_gaussians": grid_of_gaussians,
    "mixture_1d": mixture_1d,
}


def toys(*, kind: str = "moons", n: int = 1000, seed: int = 0, **shape) -> Data:
    """n points of a toy density, x (n, 2) or (n, 1), y the component; `data.truth.log_density(x)` is exact.

    Kinds: moons, rings, swiss_roll, two_gaussians, ring_of_gaussians, grid_of_gaussians, mixture_1d. Further
    options are those of the function of that name, e.g. noise=0.05. `data.truth.sample(n, seed)` draws more.
    """
    if kind not in KINDS:
        raise DataError(f"there is no toy {kind!r}; choose one of {', '.join(KINDS)}")
    check_whole(n=n, **{name: shape[name] for name in ("k", "side") if name in shape})
    check_real(**{name: shape[name] for name in ("radius", "spacing") if name in shape})
    check_real(zero=True, **{name: shape[name] for name in ("noise", "distance") if name in shape})
    try:
        truth = KINDS[kind](**shape)
    except TypeError as error:
        raise DataError(f"toy {kind!r}: {error}") from None
    x, y = truth.sample(n, seed)
    data = Data(x, y, about=KINDS[kind].__doc__)
    data.truth = truth
    return data
