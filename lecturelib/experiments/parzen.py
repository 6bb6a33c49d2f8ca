"""How likely are the test digits of MNIST by Parzen windows? A small GAN, as Goodfellow et al. (2014) judge theirs.

The width of the windows is chosen on the last 10,000 training digits, which nothing else sees. Beside the GAN stand as
many training digits, and as many averages of training digits by k-means, which are no model at all.
"""

from collections.abc import Generator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from lecturelib.data import Data, load
from lecturelib.experiments.mnist import TRAINED_ON
from lecturelib.experiments.running import Experiment, Stage
from lecturelib.fidelity import parzen
from lecturelib.games import R1
from lecturelib.layers import mlp
from lecturelib.models.gan import GAN
from lecturelib.resume import History
from lecturelib.runtime import choose, device
from lecturelib.training import cosine

WIDTHS = tuple(0.1 + 0.02 * i for i in range(11))


@dataclass(frozen=True)
class ParzenWindows(Experiment):
    """A fully connected GAN of MNIST's digits, and the log-likelihood of test digits under windows around its samples.

    Goodfellow et al. (2014), table 1: 225 +- 2 nats for their GAN, 138 +- 2 for a deep belief network.
    """

    steps: int = 30_000
    batch_size: int = 100
    lr: float = 5e-4
    noise: int = 100
    generator_units: tuple[int, ...] = (512, 512)
    discriminator_units: tuple[int, ...] = (512, 256)
    dropout: float = 0.3  # of what the discriminator sees
    r1: float = 0.5  # gamma, taken every 4 steps; without it, and without batch norm, it finds a few shapes only
    samples: int = 10_000

    def stages(self) -> Generator[Stage, History, dict[str, float]]:
        whole = load("mnist").only("x")
        data = whole.subset(slice(TRAINED_ON)).to(device())
        layers: list[nn.Module] = []
        for before, after in pairwise([self.noise, *self.generator_units]):
            layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU()]
        generator = nn.Sequential(*layers, nn.Linear(self.generator_units[-1], 784), nn.Sigmoid(),
                                  nn.Unflatten(1, (1, 28, 28)))  # fmt: skip
        discriminator = nn.Sequential(
            nn.Flatten(), nn.Dropout(self.dropout),
            mlp([784, *self.discriminator_units, 1], lambda: nn.LeakyReLU(0.2)), nn.Flatten(0))  # fmt: skip
        gan = GAN(generator, discriminator, noise=self.noise, penalty=R1(self.r1), lazy=4)
        options = {"schedule": cosine(flat=0.5), "precision": "auto"}
        yield Stage("gan", gan, data, self.steps, self.batch_size, self.lr, options)
        n = choose(smoke=30, cpu=self.samples)
        validation, test = whole.subset(slice(TRAINED_ON, None)).x, load("mnist", split="test").x
        shown = {"GAN": gan.eval().sample(n).cpu(), "training digits": data.x[:n].cpu(), "k-means": averages(data, n)}
        figures = {}
        for name, samples in shown.items():
            nats, width = by_windows(samples, validation, test)
            figures |= {
                f"{name}: test log-likelihood by windows in nats": nats.mean().item(),
                f"{name}: standard error": (nats.std() / len(nats) ** 0.5).item(),
                f"{name}: width": width,
            }
        return figures


def by_windows(samples: Tensor, validation: Tensor, test: Tensor) -> tuple[Tensor, float]:
    """log p of each test digit in nats, and the width that 1,000 validation digits have chosen."""
    some = validation[: choose(smoke=20, cpu=1000)]
    width = max(WIDTHS, key=lambda sigma: parzen(some, samples, sigma).mean().item())
    return parzen(test[: choose(smoke=50, cpu=len(test))], samples, width), width


def averages(data: Data, k: int) -> Tensor:
    """k averages of similar digits, by k-means: (k, 1, 28, 28)."""
    from sklearn.cluster import MiniBatchKMeans

    means = MiniBatchKMeans(k, init="random", batch_size=4096, n_init=1, max_iter=10, random_state=0)
    means.fit(data.x.flatten(1).cpu().numpy())
    return torch.tensor(means.cluster_centers_, dtype=torch.float32).view(-1, 1, 28, 28)
