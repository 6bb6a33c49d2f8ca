"""How likely are the test digits of MNIST to a restricted Boltzmann machine? As Salakhutdinov and Murray (2008) ask.

Pixels are binarised by sampling, anew each time a digit is shown; the test digits once, from the seed. All 60,000
training digits are trained on.
"""

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from lecturelib.data import load
from lecturelib.experiments.running import Experiment, Stage
from lecturelib.models.classifier import Augmented
from lecturelib.models.rbm import RBM
from lecturelib.partition import ais
from lecturelib.runtime import choose, device
from lecturelib.training import cosine

BETWEEN = ((500, 0.5), (4000, 0.9), (10_000, 1.0))  # distributions up to each inverse temperature, as in the paper


@dataclass(frozen=True)
class RBMLikelihood(Experiment):
    """An RBM with 500 hidden units on MNIST, trained by CD with k growing to 25; log p(x) of test digits by AIS.

    Salakhutdinov and Murray (2008), "On the quantitative analysis of deep belief networks", ICML, table 1: -86.34.
    """

    hidden: int = 500
    batch_size: int = 100
    lr: float = 0.05
    ks: tuple[int, ...] = (1, 3, 5, 10, 25)  # steps of Gibbs sampling, stage by stage
    steps: tuple[int, ...] = (12_000, 6_000, 6_000, 12_000, 36_000)  # of each stage
    chains: int = 0  # persistent ones
    momentum: float = 0.9
    weight_decay: float = 2e-4
    annealed: int = 100  # chains of AIS

    def stages(self) -> Generator[Stage, None, dict[str, float]]:
        data = load("mnist").only("x").to(device())
        rbm = RBM((1, 28, 28), self.hidden, chains=self.chains, sample_visible=True, momentum=self.momentum,
                  weight_decay=self.weight_decay).to(device()).start_at(data.x)  # fmt: skip
        base = rbm.a.detach().clone()
        for number, (k, steps) in enumerate(zip(self.ks, self.steps, strict=True)):
            rbm.k = k
            last = number == len(self.ks) - 1
            options = {"precision": "auto"} | ({"schedule": cosine()} if last else {})
            yield Stage(f"k{k}", Augmented(rbm, torch.bernoulli), data, steps, self.batch_size, self.lr, options)
        rng = torch.Generator().manual_seed(self.seed)
        x = torch.bernoulli(load("mnist", split="test").x, generator=rng).to(device())
        return self.figures(rbm.eval(), x, base)

    @torch.no_grad()
    def figures(self, rbm: RBM, x: Tensor, base: Tensor) -> dict[str, float]:
        """Of test digits x, in nats each; `base`: log odds of the training digits' pixels, where AIS begins."""
        betas = schedule(choose(smoke=100, cpu=1))
        found = ais(rbm, chains=self.annealed, steps=len(betas) - 1, base=base, schedule=lambda _: betas)
        free = -rbm.free_energy(x).mean().item()
        return {
            "test log-probability in nats": free - found.log_z,
            "log Z in nats": found.log_z,
            "standard error of log Z in nats": found.error,
            "effective sample size of AIS": found.effective,
        }


def schedule(every: int = 1) -> Tensor:
    """The inverse temperatures of BETWEEN, every so many of them, from 0 to 1."""
    parts, start = [torch.zeros(1, dtype=torch.float64)], 0.0
    for steps, end in BETWEEN:
        parts.append(torch.linspace(start, end, steps // every + 1, dtype=torch.float64)[1:])
        start = end
    return torch.cat(parts)
