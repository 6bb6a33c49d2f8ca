"""Depth with and without pretraining, after Erhan et al. (2010): few labelled digits, many without labels.

Each seed draws its own pictures; the nets of a point share them and differ in their weights. All nets are trained to
the same training error, and their test error is taken when they first have it. The rates are the best of 1, 3 and 10
(gradient descent) or 0.001, 0.003 and 0.01 (Adam) on the validation digits of seed 0, which the study leaves out;
denoising takes those of the RBMs.
"""

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from lecturelib.data import Data, load
from lecturelib.experiments.running import Experiment, Stage, greedy
from lecturelib.models.many import Classifiers, Denoisers, RBMs, he
from lecturelib.runtime import choose, device
from lecturelib.runtime import seed as set_seed
from lecturelib.training import train


@dataclass(frozen=True)
class SigmoidFromScratch(Experiment):
    """Sigmoid nets of 1 to 4 hidden layers, small uniform weights, gradient descent without momentum.

    Figures for each depth: test error of each net in percent, the mean error on the validation digits, how many nets
    never had the training error, and the mean number of steps.
    """

    nets: int = 3
    depths: tuple[int, ...] = (1, 2, 3, 4)
    rates: tuple[float, ...] = (1.0, 3.0, 3.0, 3.0)  # by depth
    width: int = 100
    labelled: int = 1000
    unlabelled: int = 10_000
    size: int = 16
    batch_size: int = 20
    level: float = 0.05  # nats: the training error to be reached
    check_every: int = 40
    longest: int = 6000  # steps

    @property
    def pixels(self) -> int:
        """Inputs of a net."""
        return self.size**2

    def digits(self, n: int, split: str = "train") -> Data:
        """Drawn digits of this seed; a smaller n is the beginning of a larger one."""
        return load("glyphs", n=n, size=self.size, split=split, seed=self.seed).to(device())

    def layers(self) -> Generator[Stage, None, list]:
        """Pretrained layers, from the bottom up; none where there is no pretraining."""
        yield from ()
        return []

    def classifiers(self, depth: int) -> Classifiers:
        """The nets of one depth, fresh."""
        return Classifiers(self.nets, (self.pixels, *[self.width] * depth, 10))

    def stages(self) -> Generator[Stage, None, dict[str, float]]:
        layers = yield from self.layers()
        data, unseen = self.digits(self.labelled), self.digits(6000, "test")
        test, validation = unseen.subset(slice(4000)), unseen.subset(slice(4000, None))
        figures = {}
        for depth, rate in zip(self.depths, self.rates, strict=True):
            set_seed(10_007 * self.seed + 100 + depth)
            nets = self.classifiers(depth).to(device()).start_from(layers)
            found = self.trained(nets, data, rate, {"test": test, "validation": validation})
            errors = 100 * (1 - found["test"])
            figures |= {f"depth {depth}, net {i}": error for i, error in enumerate(errors.tolist())}
            figures[f"depth {depth}, validation"] = 100 * (1 - found["validation"].mean().item())
            figures[f"depth {depth}, failures"] = found["failed"].sum().item()
            figures[f"depth {depth}, steps"] = found["steps"].mean().item()
        return figures

    def trained(self, nets: Classifiers, data: Data, rate: float, others: dict[str, Data]) -> dict[str, Tensor]:
        """Train until every net has had the training error; accuracies on the others when it first had it.

        A net that never has it counts as failed, with what it has at the end.
        """
        steps = choose(smoke=10, cpu=self.longest)
        found = {name: nets.accuracies(other) for name, other in others.items()}
        failed = torch.ones(nets.nets, dtype=torch.bool, device=nets.device)
        found["steps"] = torch.full((nets.nets,), float(steps), device=nets.device)
        for step in train(nets, data, steps, batch_size=self.batch_size, lr=rate, seed=self.seed):
            done, last = step.number + 1, step.number + 1 == steps
            if done % self.check_every and not last:
                continue
            now = failed & (nets.mean_errors(data) < self.level)
            new = failed if last else now
            if new.any():
                for name, other in others.items():
                    found[name] = torch.where(new, nets.accuracies(other), found[name])
                found["steps"][now] = done
                failed = failed & ~now
            if not failed.any():
                break
        return found | {"failed": failed}


@dataclass(frozen=True)
class SigmoidPretrained(SigmoidFromScratch):
    """The same nets and training, from the weights of RBMs that were trained by CD-1 on pictures without labels."""

    rates: tuple[float, ...] = (3.0, 3.0, 3.0, 3.0)
    pretraining: int = 1200  # steps for each layer
    pretraining_rate: float = 0.1

    def layer(self, number: int) -> RBMs | Denoisers:
        """A layer of each net, fresh."""
        return RBMs(self.nets, self.width if number else self.pixels, self.width)

    def layers(self) -> Generator[Stage, None, list]:
        data, layers = self.digits(self.unlabelled).only("x"), map(self.layer, range(max(self.depths)))
        return (yield from greedy(layers, data, self.pretraining, 100, self.pretraining_rate))


@dataclass(frozen=True)
class SigmoidDenoising(SigmoidPretrained):
    """The same again, from the weights of denoising autoencoders with tied weights."""

    pretraining_rate: float = 2e-3  # of Adam

    def layer(self, number: int) -> Denoisers:
        return Denoisers(self.nets, self.width if number else self.pixels, self.width)


@dataclass(frozen=True)
class Rectified(SigmoidFromScratch):
    """What is usual today, without pretraining: ReLU, the start of He et al. (2015), Adam."""

    rates: tuple[float, ...] = (1e-2, 3e-3, 1e-2, 1e-3)

    def classifiers(self, depth: int) -> Classifiers:
        sizes = (self.pixels, *[self.width] * depth, 10)
        return Classifiers(self.nets, sizes, torch.relu, he, partial(torch.optim.Adam, fused=True))
