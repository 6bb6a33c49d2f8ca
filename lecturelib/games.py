"""What two players play: the losses of discriminator and generator, and penalties that keep the discriminator smooth.

A game takes logits of any shape, (n,), (n, 1) or a map (n, 1, h, w), and gives means over all of them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Scores = Callable[..., Tensor]  # a discriminator: examples and conditions -> logits


class Minimax:
    """The value E log D(x) + E log(1 - D(G(z))), which one player raises and the other lowers.

    Goodfellow et al. (2014), equation 1. The generator's gradient vanishes where D is sure that G(z) is fake.
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E log D(x) - E log(1 - D(G(z)))."""
        return F.softplus(-real).mean() + F.softplus(fake).mean()

    def generator(self, fake: Tensor) -> Tensor:
        """E log(1 - D(G(z)))."""
        return -F.softplus(fake).mean()


@dataclass(frozen=True)
class NonSaturating:
    """As Minimax, but the generator raises E log D(G(z)): the same fixed point, and a gradient where it is needed.

    Goodfellow et al. (2014), section 3. smooth < 1 asks the discriminator for D(x) = smooth instead of 1 (one-sided
    label smoothing: Salimans et al. 2016, section 3.4).
    """

    smooth: float = 1.0

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E [s log D(x) + (1 - s) log(1 - D(x))] - E log(1 - D(G(z)))."""
        missed = self.smooth * F.softplus(-real) + (1 - self.smooth) * F.softplus(real)
        return missed.mean() + F.softplus(fake).mean()

    def generator(self, fake: Tensor) -> Tensor:
        """-E log D(G(z))."""
        return F.softplus(-fake).mean()


class LeastSquares:
    """Scores of 1 for real and 0 for fake, by squared error: Mao et al. (2017), equation 9."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """1/2 E (D(x) - 1)^2 + 1/2 E D(G(z))^2."""
        return ((real - 1).square().mean() + fake.square().mean()) / 2

    def generator(self, fake: Tensor) -> Tensor:
        """1/2 E (D(G(z)) - 1)^2."""
        return (fake - 1).square().mean() / 2


class Hinge:
    """Scores above 1 for real and below -1 for fake, and no more: Miyato et al. (2018), equations 16 and 17."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))."""
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()

    def generator(self, fake: Tensor) -> Tensor:
        """-E D(G(z))."""
        return -fake.mean()


class Wasserstein:
    """The difference of mean scores, a distance where the critic is 1-Lipschitz: Arjovsky et al. (2017), equation 2.

    Something must hold the critic's slope: `GAN(clip=...)`, GradientPenalty or `spectral`.
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E f(G(z)) - E f(x)."""
        return fake.mean() - real.mean()

    def generator(self, fake: Tensor) -> Tensor:
        """-E f(G(z))."""
        return -fake.mean()


Game = Minimax | NonSaturating | LeastSquares | Hinge | Wasserstein


@dataclass(frozen=True)
class R1:
    """gamma/2 E |grad D(x)|^2 on real examples: Mescheder, Geiger, Nowozin (2018), equation 9."""

    gamma: float = 10.0

    def __call__(self, scores: Scores, real: Tensor, fake: Tensor, *condition: Tensor) -> Tensor:
        """The penalty: (n, ...), anything, conditions (n, ...) -> ()."""
        return self.gamma / 2 * squared_slopes(scores, real, *condition).mean()


@dataclass(frozen=True)
class GradientPenalty:
    """weight E (|grad D(x)| - 1)^2 on random places between real and fake: Gulrajani et al. (2017), equation 3."""

    weight: float = 10.0

    def __call__(self, scores: Scores, real: Tensor, fake: Tensor, *condition: Tensor) -> Tensor:
        """The penalty: (n, ...), (n, ...), conditions (n, ...) -> ()."""
        share = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device)
        slopes = squared_slopes(scores, share * real + (1 - share) * fake, *condition).clamp(min=1e-12).sqrt()
        return self.weight * (slopes - 1).square().mean()


def squared_slopes(scores: Scores, x: Tensor, *condition: Tensor) -> Tensor:
    """|d score / d x|^2 of each example, with a graph of its own: (n, ...) -> (n,). A map of scores is added up."""
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(scores(x, *condition).float().sum(), x, create_graph=True)
    return slope.float().square().flatten(1).sum(1)


def spectral(network: nn.Module) -> nn.Module:
    """Divide the weight of each layer of a network by its largest singular value, in place; returns the network.

    Miyato et al. (2018), "Spectral normalization for generative adversarial networks", by torch's own.
    """
    for module in list(network.modules()):
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d):
            nn.utils.parametrizations.spectral_norm(module)
    return network
