"""Depth with and without pretraining on all of MNIST: the test errors of many starts, for 1 to 5 hidden layers.

Erhan, Bengio, Courville, Manzagol, Vincent, Bengio (2010), "Why does unsupervised pre-training help deep learning?",
JMLR 11, figure 1. The last 10,000 of the 60,000 training digits are the validation part, by which the learning rates
were chosen in runs of 5 epochs with 2 nets each. The nets of a depth differ in their first weights and share the order
of the batches.
"""

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial

import torch

from lecturelib.data import Data, load
from lecturelib.experiments.mnist import TRAINED_ON
from lecturelib.experiments.running import Experiment, Stage, greedy
from lecturelib.models.many import Classifiers, Denoisers, RBMs, he
from lecturelib.runtime import device
from lecturelib.training import cosine


@dataclass(frozen=True)
class MnistDepth(Experiment):
    """Sigmoid nets of 1 to 5 hidden layers on MNIST, small uniform weights, gradient descent without momentum.

    Figures for each depth: the test error of each net in percent, their mean and standard deviation, the mean error on
    the validation digits and on those that are trained on.
    """

    nets: int = 10
    depths: tuple[int, ...] = (1, 2, 3, 4, 5)
    width: int = 400
    batch_size: int = 50
    steps: int = 15_000  # 1,000 an epoch
    rates: tuple[float, ...] = (3.0, 5.0, 3.0, 10.0, 10.0)  # by depth
    precision: str | None = "auto"

    def layers(self, data: Data) -> Generator[Stage, None, list]:
        """Pretrained layers, from the bottom up; none where there is no pretraining."""
        yield from ()
        return []

    def classifiers(self, depth: int) -> Classifiers:
        """The nets of one depth, fresh."""
        return Classifiers(self.nets, (784, *[self.width] * depth, 10))

    def stages(self) -> Generator[Stage, None, dict[str, float]]:
        whole = load("mnist").to(device())
        data, validation = whole.subset(slice(TRAINED_ON)), whole.subset(slice(TRAINED_ON, None))
        test = load("mnist", split="test").to(device())
        layers = yield from self.layers(data.only("x"))
        options = {"schedule": cosine(warmup=0.02), "precision": self.precision}
        figures = {}
        for depth, rate in zip(self.depths, self.rates, strict=True):
            nets = self.classifiers(depth).to(device()).start_from(layers)
            yield Stage(f"depth{depth}", nets, data, self.steps, self.batch_size, rate, options)
            errors = 100 * (1 - nets.accuracies(test))
            figures |= {f"depth {depth}, net {i}: test error in %": error for i, error in enumerate(errors.tolist())}
            figures[f"depth {depth}: test error in %"] = errors.mean().item()
            figures[f"depth {depth}: standard deviation over nets"] = errors.std().item() if self.nets > 1 else 0.0
            for name, part in {"validation": validation, "training": data}.items():
                figures[f"depth {depth}: {name} error in %"] = 100 * (1 - nets.accuracies(part).mean().item())
        return figures


@dataclass(frozen=True)
class MnistDepthRBMs(MnistDepth):
    """The same nets and training, from the weights of RBMs that were trained by CD-1."""

    rates: tuple[float, ...] = (3.0, 3.0, 3.0, 3.0, 3.0)
    pretrain_steps: int = 5000  # of each layer, 500 an epoch
    pretrain_lr: float = 0.1

    def layer(self, number: int) -> RBMs | Denoisers:
        """A layer of each net, fresh."""
        return RBMs(self.nets, self.width if number else 784, self.width)

    def layers(self, data: Data) -> Generator[Stage, None, list]:
        options = {"schedule": cosine(warmup=0.02), "precision": self.precision}
        layers = map(self.layer, range(max(self.depths)))
        return (yield from greedy(layers, data, self.pretrain_steps, 100, self.pretrain_lr, options))


@dataclass(frozen=True)
class MnistDepthDenoising(MnistDepthRBMs):
    """The same again, from the weights of denoising autoencoders with tied weights."""

    pretrain_lr: float = 2e-3  # of Adam

    def layer(self, number: int) -> Denoisers:
        return Denoisers(self.nets, self.width if number else 784, self.width)


@dataclass(frozen=True)
class MnistDepthRectified(MnistDepth):
    """What is usual today, without pretraining: ReLU, the start of He et al. (2015), Adam."""

    rates: tuple[float, ...] = (1e-3, 1e-3, 1e-3, 1e-3, 1e-3)

    def classifiers(self, depth: int) -> Classifiers:
        sizes = (784, *[self.width] * depth, 10)
        return Classifiers(self.nets, sizes, torch.relu, he, partial(torch.optim.Adam, fused=True))
