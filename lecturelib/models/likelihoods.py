"""p(x|z): what a decoder's output says about x. Each scores x, draws x, and gives its mean."""

import copy
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Bernoulli(nn.Module):
    """For x in {0, 1} (and, as is often done, in [0, 1]): the output is the logits of p(x = 1)."""

    def log_prob(self, output: Tensor, x: Tensor) -> Tensor:
        """(n, ...), (n, ...) -> (n,) in nats: sum of x log p + (1 - x) log(1 - p)."""
        return -F.binary_cross_entropy_with_logits(output, x.expand_as(output), reduction="none").flatten(1).sum(1)

    def mean(self, output: Tensor) -> Tensor:
        """The probabilities."""
        return output.sigmoid()

    def sample(self, output: Tensor) -> Tensor:
        """Zeros and ones."""
        return torch.bernoulli(output.sigmoid())


class Gaussian(nn.Module):
    """For real x: N(output, sigma^2), with one sigma for all entries; learned unless it is given.

    sigma: kept as it is, such as the width that x is known to have; None learns it, from 1.
    """

    def __init__(self, sigma: float | None = None):
        super().__init__()
        if sigma is not None and not sigma > 0:
            raise ValueError(f"sigma is {sigma}; a number above 0 is needed")
        if sigma is None:
            self.log_sigma = nn.Parameter(torch.tensor(0.0))
        else:
            self.register_buffer("log_sigma", torch.tensor(math.log(sigma)))

    @property
    def sigma(self) -> Tensor:
        """The standard deviation, 0-D."""
        return self.log_sigma.exp()

    def log_prob(self, output: Tensor, x: Tensor) -> Tensor:
        """(n, ...), (n, ...) -> (n,) in nats."""
        squared = ((x - output) / self.sigma).square() + 2 * self.log_sigma + math.log(2 * math.pi)
        return -0.5 * squared.flatten(1).sum(1)

    def mean(self, output: Tensor) -> Tensor:
        """The output itself."""
        return output

    def sample(self, output: Tensor) -> Tensor:
        """The output with noise of width sigma."""
        return output + self.sigma * torch.randn_like(output)


class DiscretisedLogistic(nn.Module):
    """For x on a grid of `levels` values in [0, 1]: the mass of a logistic density on each value's bin.

    log P(x) = log(s((x + 1/2L - m) / c) - s((x - 1/2L - m) / c)), L = levels - 1; the lowest and the highest value
    also take all that is beyond them, so the masses sum to one. The width c is learned, one for all entries.
    After Kingma et al. (2016), arXiv 1606.04934, appendix C; the centred bins and their open ends as in PixelCNN++
    (Salimans et al. 2017).
    """

    def __init__(self, levels: int = 256, width: float = 0.1):
        super().__init__()
        if levels < 2 or not width > 0:
            raise ValueError(f"levels is {levels} and width {width}; at least 2 and above 0 are needed")
        self.levels = levels
        self.log_width = nn.Parameter(torch.tensor(math.log(width)))

    def log_prob(self, output: Tensor, x: Tensor) -> Tensor:
        """(n, ...), (n, ...) -> (n,) in nats of probability mass, so never above 0."""
        half, width = 0.5 / (self.levels - 1), self.log_width.exp()
        x = x.expand_as(output)
        above, below = (x + half - output) / width, (x - half - output) / width
        # s(a) - s(b) = s(a) s(-b) (1 - e^(b - a)): a product, so that its logarithm is exact far from the middle
        inner = torch.log(-torch.expm1(below - above)) + F.logsigmoid(above) + F.logsigmoid(-below)
        mass = torch.where(x < half, F.logsigmoid(above), torch.where(x > 1 - half, F.logsigmoid(-below), inner))
        return mass.flatten(1).sum(1)

    def mean(self, output: Tensor) -> Tensor:
        """The density's middle, within [0, 1]."""
        return output.clamp(0, 1)

    def sample(self, output: Tensor) -> Tensor:
        """Values of the grid."""
        u = torch.rand_like(output).clamp(1e-6, 1 - 1e-6)
        drawn = output + self.log_width.exp() * (u.log() - (-u).log1p())
        return (drawn.clamp(0, 1) * (self.levels - 1)).round() / (self.levels - 1)


class Perceptual(nn.Module):
    """For pictures in [0, 1]: how far x and sigmoid(output) are apart in the eyes of a network that is trained already.

    score = -sum over stages of weight / 2 |phi_l(sigmoid(output)) - phi_l(x)|^2, phi_l the output of the l-th stage;
    the sums run over all units. No density in x, as it does not sum to one: with it a VAE's "bound" bounds nothing.
    Hou, Shen, Sun, Qiu (2017), arXiv 1610.00291, equation 5.
    """

    def __init__(self, stages: Sequence[nn.Module], weights: Sequence[float] | float = 1.0, pixels: float = 0.0):
        """stages: layers of a trained network, one after the other; a frozen copy is kept beside the parameters.

        weights: of each stage; pixels: of the squared distance of the pictures themselves.
        """
        super().__init__()
        weights = [float(weights)] * len(stages) if isinstance(weights, int | float) else list(weights)
        if not stages or len(weights) != len(stages):
            raise ValueError(f"{len(stages)} stages and {len(weights)} weights: at least one, and as many of both")
        self.weights, self.pixels = weights, pixels
        # in a tuple, so that they are no part of the model: nothing trains them, and no checkpoint keeps them
        self._stages = tuple(copy.deepcopy(stage).eval().requires_grad_(False) for stage in stages)

    def features(self, x: Tensor) -> list[Tensor]:
        """phi_l(x) of each stage."""
        found = []
        for stage in self._stages:
            x = stage.to(x.device)(x)
            found.append(x)
        return found

    def log_prob(self, output: Tensor, x: Tensor) -> Tensor:
        """(n, c, h, w) twice -> the scores (n,)."""
        made = output.sigmoid()
        score = self.pixels * (made - x).square().flatten(1).sum(1)
        with torch.no_grad():
            wanted = self.features(x.expand_as(made))
        for weight, a, b in zip(self.weights, self.features(made), wanted, strict=True):
            score = score + weight * (a - b).square().flatten(1).sum(1)
        return -0.5 * score

    def mean(self, output: Tensor) -> Tensor:
        """The picture."""
        return output.sigmoid()

    def sample(self, output: Tensor) -> Tensor:
        """The picture: there is no noise to draw."""
        return self.mean(output)
