"""Codes of real numbers for pictures: deep autoencoders made of RBMs, PCA and logistic PCA, each by the test error.

Hinton and Salakhutdinov (2006), "Reducing the dimensionality of data with neural networks", Science 313, 504. The
figure is that of the paper: squared error summed over the pixels of a picture, mean over the test pictures.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from lecturelib.data import Data, load
from lecturelib.data.olivetti import face_patches
from lecturelib.experiments.running import Experiment, Stage
from lecturelib.model import Model
from lecturelib.models.autoencoder import Autoencoder, CrossEntropy, SquaredError, dense
from lecturelib.models.conjugate import ConjugateGradients
from lecturelib.models.dbn import unroll
from lecturelib.models.logistic_pca import LogisticPCA
from lecturelib.models.rbm import RBM
from lecturelib.models.units import Gaussian
from lecturelib.runtime import choose, device
from lecturelib.training import cosine

TRAIN, TEST = "training squared error per image", "test squared error per image"
AT_ONCE = 1000  # pictures that are measured in one go


@dataclass(frozen=True)
class Codes(Experiment):
    """A code of few real numbers for the pictures of `source`: "mnist", "curves" or "olivetti"."""

    source: str = "mnist"
    n: int = 20_000  # curves to train on, and half as many to test on

    def data(self, split: str) -> Data:
        """The pictures alone, on the device."""
        if self.source == "olivetti":
            data = face_patches(seed=self.seed, split=split)
        elif self.source == "curves":
            data = load("curves", n=self.n if split == "train" else self.n // 2, seed=self.seed, split=split)
        else:
            data = load(self.source, split=split)
        return data.only("x").to(device())

    def figures(self, rebuild: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """The squared error per picture of x -> rebuild(x), on both parts."""
        return {name: squared_error(rebuild, self.data(part)) for name, part in ((TRAIN, "train"), (TEST, "test"))}


@torch.no_grad()
def squared_error(rebuild: Callable[[Tensor], Tensor], data: Data) -> float:
    """Mean over pictures of |x - rebuild(x)|^2, summed over their pixels."""
    x = data.x[: choose(smoke=100, cpu=len(data))]
    return sum((part - rebuild(part)).double().square().sum().item() for part in x.split(AT_ONCE)) / len(x)


@dataclass(frozen=True)
class PCA(Codes):
    """Principal components, exact: the eigenvectors of the training pictures' covariance."""

    code: int = 30

    def stages(self) -> Generator[Stage, None, dict[str, float]]:
        x = self.data("train").x.flatten(1)
        mean = x.double().mean(0)
        vectors = torch.linalg.eigh(covariance(x, mean))[1][:, -self.code :]
        yield from ()  # nothing is trained
        return self.figures(lambda x: ((x.flatten(1) - mean) @ vectors @ vectors.T + mean).view_as(x))


def covariance(x: Tensor, mean: Tensor) -> Tensor:
    """Of rows x (n, units), in double precision."""
    parts = [part.double() - mean for part in x.split(10 * AT_ONCE)]
    return sum(part.T @ part for part in parts) / len(x)


@dataclass(frozen=True)
class LinearCode(Codes):
    """Logistic PCA: a linear code sets the logits of the pixels, and both are fitted by cross-entropy.

    By default the code is linear in x, an autoencoder without hidden layers. With `optimal` each x has the code that
    suits it best, found by Newton's method (Collins, Dasgupta, Schapire 2001).
    """

    code: int = 30
    optimal: bool = False
    steps: int = 4_800
    batch_size: int = 500
    lr: float = 1e-2

    def stages(self) -> Generator[Stage, None, dict[str, float]]:
        data = self.data("train")
        shape = tuple(data.x.shape[1:])
        model = LogisticPCA(prod(shape), self.code) if self.optimal else dense(shape, self.code, error=CrossEntropy())
        yield Stage("model", model, data, self.steps, self.batch_size, self.lr, {"schedule": cosine(warmup=0.02)})
        return self.figures(model.eval())


@dataclass(frozen=True)
class DeepAutoencoder(Codes):
    """A stack of RBMs, trained one by one, then unrolled and fine-tuned as a deep autoencoder with a linear code.

    The code's units are Gaussian, the others logistic; the pixels too, but for those of "olivetti", which are
    Gaussian. `pretrain_epochs` = 0 is the same network from scratch.
    """

    sizes: tuple[int, ...] = (1000, 500, 250, 30)
    pretrain_epochs: int = 10  # of each layer
    pretrain_batch: int = 100
    pretrain_lr: float = 0.1
    real_lr: float = 0.001  # of an RBM with a Gaussian layer
    momentum: float = 0.9
    weight_decay: float = 2e-4
    epochs: int = 100  # of fine-tuning
    batch_size: int = 250
    lr: float = 3e-3
    precision: str | None = "auto"

    def stages(self) -> Generator[Stage, None, dict[str, float]]:
        data = self.data("train")
        shape = tuple(data.x.shape[1:])
        if self.pretrain_epochs:
            rbms, below = [], data
            steps = self.pretrain_epochs * len(data) // self.pretrain_batch
            for number, (units, hidden) in enumerate(pairwise((shape, *self.sizes))):
                rbm, lr = self.layer(units, hidden, number)
                yield Stage(f"rbm{number}", rbm, below, steps, self.pretrain_batch, lr)
                rbms.append(rbm)
                below = below.map(rbm.encode)
            model = unroll(rbms)
        else:
            model = self.fresh(shape)
        options = {"schedule": cosine(warmup=0.02), "precision": self.precision}
        yield Stage("autoencoder", self.tuned(model), data, self.epochs * len(data) // self.batch_size,
                    self.batch_size, self.lr, options)  # fmt: skip
        return self.figures(model.eval())

    def fresh(self, shape: tuple[int, ...]) -> Autoencoder:
        """The network without pretraining, with torch's own weights."""
        return dense(shape, self.sizes[-1], self.sizes[:-1], nn.Sigmoid, self.error())

    def error(self) -> SquaredError | CrossEntropy:
        """What is minimised without pretraining."""
        return SquaredError() if self.source == "olivetti" else CrossEntropy()

    def tuned(self, model: Autoencoder) -> Model:
        """What fine-tuning trains: here the model itself, by Adam."""
        return model

    def layer(self, units: int | tuple[int, ...], hidden: int, number: int) -> tuple[RBM, float]:
        """One RBM, and its learning rate."""
        seen = Gaussian() if self.source == "olivetti" and not number else None
        code = Gaussian() if number == len(self.sizes) - 1 else None
        rbm = RBM(units, hidden, visible_units=seen, hidden_units=code, momentum=self.momentum,
                  weight_decay=self.weight_decay)  # fmt: skip
        return rbm.to(device()), self.real_lr if seen or code else self.pretrain_lr


@dataclass(frozen=True)
class ConjugateAutoencoder(DeepAutoencoder):
    """The same, fine-tuned as in the paper: conjugate gradients, three line searches on each batch of 1,000."""

    epochs: int = 8
    batch_size: int = 1000
    searches: int = 3
    precision: str | None = None

    def tuned(self, model: Autoencoder) -> ConjugateGradients:
        return ConjugateGradients(model, self.searches)


@dataclass(frozen=True)
class RectifiedAutoencoder(DeepAutoencoder):
    """A network of the same sizes as it would be made today: ReLU and the weights of He et al. (2015), from scratch."""

    pretrain_epochs: int = 0
    lr: float = 1e-3

    def fresh(self, shape: tuple[int, ...]) -> Autoencoder:
        model = dense(shape, self.sizes[-1], self.sizes[:-1], nn.ReLU, self.error())
        for module in model.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight)
                nn.init.zeros_(module.bias)
        return model
