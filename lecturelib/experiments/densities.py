"""Contenders whose training follows a likelihood, or an energy."""

import math
import warnings
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from lecturelib.data import Data
from lecturelib.experiments.compared import SHAPE, Contender, in_bits, whole
from lecturelib.experiments.running import Stage, greedy
from lecturelib.model import Model
from lecturelib.models.autoregressive import PixelCNN
from lecturelib.models.dbn import DBN
from lecturelib.models.flow import PictureFlow, dequantise, picture_flow, quantise
from lecturelib.models.rbm import RBM
from lecturelib.resume import History
from lecturelib.runtime import choose, device


class Gaussians(Model):
    """A mixture of Gaussians of flat pictures: weights (k,), means (k, d), factors U (k, d, d) of precisions U U^T."""

    def __init__(self, weights, means, factors):
        super().__init__()
        weights, means, upper = (torch.as_tensor(v, dtype=torch.float32) for v in (weights, means, factors))
        below = torch.linalg.inv(upper).mT.contiguous()
        self.mixture = MixtureSameFamily(Categorical(weights), MultivariateNormal(means, scale_tril=below))
        self.learnt = weights.numel() + means.numel() + len(means) * means[0].numel() * (means[0].numel() + 1) // 2

    def sample(self, n: int, *_: Tensor) -> Tensor:
        """n flat pictures; component by component, for `MixtureSameFamily` draws each picture from all of them."""
        parts, each = self.mixture.mixture_distribution, self.mixture.component_distribution
        component, x = parts.sample((n,)), torch.randn(n, each.loc.shape[1])
        for k, (mean, below) in enumerate(zip(each.loc, each.scale_tril, strict=True)):
            x[component == k] = mean + x[component == k] @ below.T
        return x


@dataclass(frozen=True)
class ByMixture(Contender):
    """A mixture of Gaussians with full covariances, by expectation maximisation."""

    components: int = 10
    rounds: int = 10
    least: float = 1e-4  # added to each variance

    def trained(self, data: Data) -> Generator[Stage, History, Gaussians]:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        yield from ()  # there is no gradient to follow
        fitted = GaussianMixture(self.components, max_iter=choose(smoke=1, cpu=self.rounds), tol=0.0,
                                 reg_covar=choose(smoke=1e-1, cpu=self.least), random_state=self.seed)  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # so many rounds are all there are
            fitted.fit(self.filled(data.x).cpu().numpy())
        return Gaussians(fitted.weights_, fitted.means_, fitted.precisions_cholesky_)

    def filled(self, x: Tensor) -> Tensor:
        """Flat pictures with the steps between the grey values filled by noise, in [0, 1]."""
        return dequantise(x.flatten(1), self.values)

    def draw(self, model: Gaussians, n: int) -> Tensor:
        """Without the noise between the grey values, as they were before it was added."""
        return quantise(model.sample(n), self.values).view(n, *SHAPE).to(device())

    def bits(self, model: Gaussians, x: Tensor) -> Tensor:
        nats = -model.mixture.log_prob(self.filled(x).cpu()) + math.prod(SHAPE) * math.log(self.values)
        return in_bits(nats)

    def size(self, model: Gaussians) -> int:
        return model.learnt


@dataclass(frozen=True)
class ByRBM(Contender):
    """A restricted Boltzmann machine, by persistent contrastive divergence."""

    steps: int = 24_000
    batch_size: int = 100
    lr: float = 0.02
    hidden: int = 500
    walk: int = 300  # Gibbs steps of a sample

    def model(self) -> RBM:
        return self.machine(SHAPE, self.hidden)

    def machine(self, below: int | tuple[int, ...], above: int) -> RBM:
        """One of so many visible and hidden units, all of whose states are drawn."""
        return RBM(below, above, chains=100, sample_positive=True, sample_visible=True, sample_negative=True)

    def draw(self, model: RBM, n: int) -> Tensor:
        return model.sample(n, steps=choose(smoke=2, cpu=self.walk))


@dataclass(frozen=True)
class ByDBN(ByRBM):
    """A deep belief network of three layers, each trained on what the one below makes."""

    steps: int = 12_000  # of each
    sizes: tuple[int, ...] = (500, 500, 1000)

    def trained(self, data: Data) -> Generator[Stage, History, DBN]:
        rbms = [self.machine(*sizes) for sizes in pairwise((SHAPE, *self.sizes))]
        yield from greedy(rbms, data, self.steps, self.batch_size, self.lr, self.options())
        return DBN(rbms)


@dataclass(frozen=True)
class ByPixels(Contender):
    """A gated PixelCNN."""

    steps: int = 3000
    batch_size: int = 16
    lr: float = 3e-3
    width: int = 32
    layers: int = 6
    ema: float | None = 0.998

    def data(self) -> Data:
        return Data(whole(self.digits(self.n)))

    def model(self) -> PixelCNN:
        return PixelCNN(SHAPE, self.values, self.width, self.layers)

    def draw(self, model: PixelCNN, n: int) -> Tensor:
        return model.sample(n) / (self.values - 1)

    def bits(self, model: PixelCNN, x: Tensor) -> Tensor:
        return in_bits(-torch.cat([model.log_prob(part) for part in whole(x).split(100)]))


@dataclass(frozen=True)
class ByFlow(Contender):
    """A multi-scale flow of affine couplings."""

    steps: int = 4000
    lr: float = 1e-3
    width: int = 48
    couplings: int = 6  # a level

    def model(self) -> PictureFlow:
        return picture_flow(SHAPE, 2, self.couplings, self.width, values=self.values)

    def options(self) -> Mapping:
        return super().options() | {"clip": 100.0, "precision": None}

    def bits(self, model: PictureFlow, x: Tensor) -> Tensor:
        return model.loss(x)["loss"][None]
