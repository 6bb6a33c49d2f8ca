"""Classifiers of MNIST on pretrained features, at the papers' size: 50,000 digits to learn from, 10,000 to choose by.

The last 10,000 of the 60,000 training digits are the validation part; the settings below were chosen by its error, and
the 10,000 test digits are looked at once, when a run is finished.
"""

from collections.abc import Generator
from dataclasses import dataclass
from itertools import pairwise

from lecturelib.data import Data, load
from lecturelib.experiments.running import Experiment, Stage, greedy
from lecturelib.model import Model
from lecturelib.models.autoencoder import CrossEntropy, TiedAutoencoder
from lecturelib.models.rbm import RBM
from lecturelib.models.regularised import Contractive, Denoising, Masking
from lecturelib.models.stacked import SoftmaxClassifier, Stack
from lecturelib.runtime import device
from lecturelib.training import cosine

TRAINED_ON = 50_000


@dataclass(frozen=True)
class PretrainedClassifier(Experiment):
    """Layers of sigmoid units on MNIST, first pretrained one by one as autoencoders, then all fine-tuned by labels."""

    sizes: tuple[int, ...] = (1000, 1000, 1000)
    batch_size: int = 200
    pretrain_steps: int = 5_000  # of each layer, 250 an epoch; 0 starts from scratch
    pretrain_lr: float = 1e-3
    steps: int = 8_000  # of fine-tuning
    lr: float = 3e-3
    precision: str | None = "auto"

    def layer(self, units: int, code: int) -> Model:
        """One layer to be pretrained."""
        return TiedAutoencoder(units, code, error=CrossEntropy())

    def stages(self) -> Generator[Stage, None, dict[str, float]]:
        whole = load("mnist").to(device())
        data, validation = whole.subset(slice(TRAINED_ON)), whole.subset(slice(TRAINED_ON, None))
        options = {"schedule": cosine(warmup=0.05), "precision": self.precision}
        layers = (self.layer(units, code).to(device()) for units, code in pairwise((784, *self.sizes)))
        if self.pretrain_steps:
            layers = yield from greedy(
                layers, data.only("x"), self.pretrain_steps, self.batch_size, self.pretrain_lr, options)  # fmt: skip
        model = SoftmaxClassifier(Stack(list(layers)), self.sizes[-1])
        yield Stage("classifier", model, data, self.steps, self.batch_size, self.lr, options)
        parts: dict[str, Data] = {"training": data, "validation": validation, "test": load("mnist", split="test")}
        return {f"{name} error in %": 100 * (1 - model.accuracy(part)) for name, part in parts.items()}


@dataclass(frozen=True)
class StackedDenoising(PretrainedClassifier):
    """Stacked denoising autoencoder of three layers on MNIST, fine-tuned (Vincent et al. 2010: 1.28 % test error)."""

    masking: float = 0.25  # share of the entries that a layer does not see

    def layer(self, units: int, code: int) -> Denoising:
        return Denoising(TiedAutoencoder(units, code, error=CrossEntropy()), Masking(self.masking))


@dataclass(frozen=True)
class ContractiveFeatures(PretrainedClassifier):
    """Contractive autoencoder on MNIST, its code the hidden layer of an MLP (Rifai et al. 2011: 1.14 % test error)."""

    sizes: tuple[int, ...] = (2000,)
    pretrain_steps: int = 7_500
    lr: float = 1e-2
    contraction: float = 0.1  # weight of the squared norm of the Jacobian

    def layer(self, units: int, code: int) -> Contractive:
        return Contractive(TiedAutoencoder(units, code, error=CrossEntropy()), self.contraction)


@dataclass(frozen=True)
class RBMFeatures(PretrainedClassifier):
    """A stack of RBMs on MNIST, 500-500-2000, all fine-tuned by backpropagation of the labels' error."""

    sizes: tuple[int, ...] = (500, 500, 2000)
    batch_size: int = 100
    pretrain_steps: int = 15_000  # of each layer, 500 an epoch
    pretrain_lr: float = 0.05
    steps: int = 16_000
    lr: float = 1e-3

    def layer(self, units: int, code: int) -> RBM:
        return RBM(units, code, momentum=0.9, weight_decay=2e-4)
