"""Kinds of units of an energy model: what a layer of them does with the input that the other layer sends.

Each kind is an exponential family with the natural parameter t: p(s) = r(s) exp(t s - A(t)).
Welling, Rosen-Zvi, Hinton (2005), "Exponential family harmoniums", NIPS 17.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


class Bernoulli:
    """Units that are 0 or 1, on with probability sigma(t)."""

    def mean(self, t: Tensor) -> Tensor:
        """E[s] = sigma(t), of the shape of t."""
        return t.sigmoid()

    def sample(self, t: Tensor) -> Tensor:
        """States, of the shape of t."""
        p = t.float().sigmoid()
        return torch.rand_like(p).lt_(p)  # four times as fast on a CPU as torch.bernoulli(p)

    def log_partition(self, t: Tensor) -> Tensor:
        """A(t) = log(1 + exp t), of the shape of t."""
        return F.softplus(t)

    def log_base(self, s: Tensor) -> Tensor:
        """log r(s) = 0 of each unit, of the shape of s."""
        return torch.zeros_like(s)

    def natural(self, mean: Tensor) -> Tensor:
        """t of independent units with these means, which are kept away from 0 and 1."""
        return mean.clamp(0.01, 0.99).logit()



class Gaussian:
    """Units with real values, of mean t and variance 1: data for them are standardised first."""

    def mean(self, t: Tensor) -> Tensor:
        """E[s] = t."""
        return t

    def sample(self, t: Tensor) -> Tensor:
        """States, of the shape of t."""
        return t + torch.randn_like(t)

    def log_partition(self, t: Tensor) -> Tensor:
        """A(t) = t^2 / 2, of the shape of t."""
        return t.square() / 2

    def log_base(self, s: Tensor) -> Tensor:
        """log r(s) = log N(s; 0, 1) of each unit, of the shape of s."""
        return -(s.square() + math.log(2 * math.pi)) / 2

    def natural(self, mean: Tensor) -> Tensor:
        """t of independent units with these means: the means."""
        return mean



class Labelled:
    """Binary units of which the last `classes` are a one-hot label: exactly one of those is on.

    Hinton, Osindero, Teh (2006), "A fast learning algorithm for deep belief nets", Neural Computation 18, section 6.
    """

    def __init__(self, classes: int):
        if classes < 2:
            raise ValueError(f"classes is {classes}; a label needs at least 2")
        self.classes = classes

    def mean(self, t: Tensor) -> Tensor:
        """E[s]: a sigmoid of the others, a softmax of the label's, of the shape of t."""
        others, label = t[..., : -self.classes], t[..., -self.classes :]
        return torch.cat([others.sigmoid(), label.softmax(-1)], -1)

    def sample(self, t: Tensor) -> Tensor:
        """States, (n, units) of the shape of t."""
        p = self.mean(t.float())
        label = torch.multinomial(p[:, -self.classes :], 1)[:, 0]
        return torch.cat([torch.bernoulli(p[:, : -self.classes]), F.one_hot(label, self.classes).to(p)], 1)

    def log_partition(self, t: Tensor) -> Tensor:
        """A(t), of which the label's units have one together: (..., units - classes + 1)."""
        label = t[..., -self.classes :].logsumexp(-1, keepdim=True)
        return torch.cat([F.softplus(t[..., : -self.classes]), label], -1)

    def log_base(self, s: Tensor) -> Tensor:
        """log r(s) = 0 of each unit, of the shape of s."""
        return torch.zeros_like(s)

    def natural(self, mean: Tensor) -> Tensor:
        """t of independent units and a label with these means, (units,), which are kept away from 0 and 1."""
        mean = mean.clamp(0.01, 0.99)
        return torch.cat([mean[..., : -self.classes].logit(), mean[..., -self.classes :].log()], -1)
