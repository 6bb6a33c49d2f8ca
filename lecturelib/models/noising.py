"""How noise is added, and what a network may be asked about it.

a = cosine_schedule()                               # (1000,): the share of the signal's variance at each level
x_t = a[t].sqrt() * x + (1 - a[t]).sqrt() * noise
Velocity().clean(said, x_t, a[t])                   # the clean x that an answer amounts to
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

STEPS = 1000  # levels of noise


def linear_schedule(steps: int = STEPS, low: float = 1e-4, high: float = 0.02) -> Tensor:
    """a_t of steps whose added variances beta rise evenly from low to high: (steps,). Ho et al., section 4."""
    return (1 - torch.linspace(low, high, steps, dtype=torch.float64)).cumprod(0)


def cosine_schedule(steps: int = STEPS, offset: float = 0.008, most: float = 0.999) -> Tensor:
    """a_t that falls as a squared cosine, no step adding more than the variance `most`: (steps,).

    Nichol, Dhariwal (2021), arXiv 2102.09672, equation 17.
    """
    t = torch.arange(steps + 1, dtype=torch.float64) / steps
    a = ((t + offset) / (1 + offset) * math.pi / 2).cos().square()
    return (a[1:] / a[:-1]).clamp(min=1 - most).cumprod(0)


class Target:
    """What the network is asked for; each of noise, clean x, and v says the other two, given x_t."""

    def of(self, clean: Tensor, noise: Tensor, a: Tensor) -> Tensor:
        """The right answer."""
        raise NotImplementedError

    def clean(self, said: Tensor, x: Tensor, a: Tensor) -> Tensor:
        """The clean x that an answer to x_t amounts to."""
        raise NotImplementedError


@dataclass(frozen=True)
class Epsilon(Target):
    """The noise: Ho et al., equation 14."""

    def of(self, clean: Tensor, noise: Tensor, a: Tensor) -> Tensor:
        """The noise that was added."""
        return noise

    def clean(self, said: Tensor, x: Tensor, a: Tensor) -> Tensor:
        """(x_t - sqrt(1 - a) noise) / sqrt(a)."""
        return (x - (1 - a).sqrt() * said) / a.sqrt()


@dataclass(frozen=True)
class Clean(Target):
    """The picture without noise."""

    def of(self, clean: Tensor, noise: Tensor, a: Tensor) -> Tensor:
        """The clean x."""
        return clean

    def clean(self, said: Tensor, x: Tensor, a: Tensor) -> Tensor:
        """What was said."""
        return said


@dataclass(frozen=True)
class Velocity(Target):
    """v = sqrt(a) noise - sqrt(1 - a) x: of the same size at all levels. Salimans, Ho (2022), arXiv 2202.00512."""

    def of(self, clean: Tensor, noise: Tensor, a: Tensor) -> Tensor:
        """v."""
        return a.sqrt() * noise - (1 - a).sqrt() * clean

    def clean(self, said: Tensor, x: Tensor, a: Tensor) -> Tensor:
        """sqrt(a) x_t - sqrt(1 - a) v."""
        return a.sqrt() * x - (1 - a).sqrt() * said
