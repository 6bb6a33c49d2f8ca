"""A deep belief network that models MNIST's digits together with their labels, as Hinton, Osindero and Teh (2006) do.

The last 10,000 of the 60,000 training digits are the validation part.
"""

from collections.abc import Generator
from dataclasses import dataclass

from lecturelib.data import load
from lecturelib.experiments.mnist import TRAINED_ON
from lecturelib.experiments.running import Experiment, Stage, greedy
from lecturelib.models.dbn import DBN
from lecturelib.models.rbm import RBM
from lecturelib.models.units import Labelled
from lecturelib.models.up_down import UpDown
from lecturelib.runtime import device
from lecturelib.training import cosine


@dataclass(frozen=True)
class GenerativeClassifier(Experiment):
    """784-500-500 and 10 labels under 2000 units on MNIST, greedy and then up-down; reads by the label of least energy.

    Hinton, Osindero, Teh (2006), table 1: 1.25 % of the test digits are read wrong.
    """

    sizes: tuple[int, ...] = (500, 500, 2000)
    batch_size: int = 100
    greedy_steps: int = 15_000  # of each RBM, 500 an epoch
    greedy_lr: float = 0.05
    ks: tuple[int, ...] = (3, 6, 10)  # steps of Gibbs sampling in the top RBM while it is fine-tuned, stage by stage
    steps: tuple[int, ...] = (50_000, 50_000, 50_000)  # of each stage
    lr: float = 0.05  # it falls in the last stage
    momentum: float = 0.9
    weight_decay: float = 2e-4

    def stages(self) -> Generator[Stage, None, dict[str, float]]:
        whole = load("mnist").to(device())
        data, validation = whole.subset(slice(TRAINED_ON)), whole.subset(slice(TRAINED_ON, None))
        options = {"schedule": cosine(warmup=0.05), "precision": "auto"}
        shared = {"momentum": self.momentum, "weight_decay": self.weight_decay}
        *sizes, top = self.sizes
        rbms, shape = [], (1, 28, 28)
        for size in sizes:
            rbms.append(RBM(shape, size, **shared).to(device()))
            shape = size
        rbms.append(RBM(sizes[-1] + 10, top, visible_units=Labelled(10), **shared).to(device()))
        dbn, how = DBN(rbms, 10), (self.greedy_steps, self.batch_size, self.greedy_lr, options)
        yield from greedy(rbms[:-1], data.only("x"), *how)
        yield Stage(f"layer{len(sizes)}", dbn.top, dbn.to_top(data), *how)
        parts = {"training": data, "validation": validation, "test": load("mnist", split="test").to(device())}
        figures = {f"{name} error in %, before fine-tuning": error(dbn, part) for name, part in parts.items()}
        model = UpDown(rbms, 10, self.ks[0], self.momentum)
        for number, (model.k, steps) in enumerate(zip(self.ks, self.steps, strict=True)):
            options = {"precision": "auto"} | ({"schedule": cosine()} if number == len(self.ks) - 1 else {})
            yield Stage(f"up_down{model.k}", model, data, steps, self.batch_size, self.lr, options)
        return figures | {f"{name} error in %": error(model, part) for name, part in parts.items()}


def error(model: DBN, data) -> float:
    """The share of data that is read wrong, in per cent."""
    return 100 * (model.predict(data.x) != data.y).float().mean().item()
