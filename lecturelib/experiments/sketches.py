"""Drawings as moves of a pen: Sketch-RNN, and its decoder without an encoder, on drawings that neither has seen."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lecturelib.data import Data, load
from lecturelib.data.downloads import folder
from lecturelib.data.pen_files import as_moves, read_drawings
from lecturelib.experiments.running import Stage, Training
from lecturelib.models.sketch_rnn import SketchRNN
from lecturelib.models.vae import kl_to_standard_normal, log_normal, reparameterise
from lecturelib.runtime import choose, device
from lecturelib.training import cosine

AT_ONCE = 500  # drawings that are measured in one go


@dataclass(frozen=True)
class Sketches(Training):
    """Sketch-RNN on drawn boats, houses and trees: reconstruction, KL and their sum in nats a drawing, on others.

    latent=0 is the unconditional decoder, whose negative log-likelihood the sum has to be compared with.
    """

    steps: int = 3600
    batch_size: int = 64
    lr: float = 3e-3
    classes: tuple[str, ...] = ("boat", "house", "tree")
    n: int = 60_000
    latent: int = 16
    hidden: int = 128
    reader: int = 64
    components: int = 8
    beta: float = 0.2  # at 1 the decoder hardly listens to z
    dropout: float = 0.0
    draws: int = 20  # of the importance-weighted bound
    measured: int = 1000  # drawings

    def data(self) -> Data:
        return load("sketches", n=self.n, seed=self.seed, classes=self.classes).only("x", "lengths").to(device())

    def test(self) -> Data:
        """What is measured on."""
        drawings = load("sketches", n=self.measured, seed=self.seed, classes=self.classes, split="test")
        return drawings.only("x", "lengths").to(device())

    def model(self) -> SketchRNN:
        return SketchRNN(self.latent, self.hidden, self.reader, self.components, beta=self.beta, dropout=self.dropout)

    def options(self) -> Mapping:
        return {"schedule": cosine(warmup=0.02), "clip": 1.0}

    def figures(self, model: SketchRNN) -> dict[str, float]:
        data = self.test()
        some = choose(smoke=10, cpu=min(self.measured, len(data.x)))
        found = [
            nats(model, data.x[i : i + AT_ONCE], data.lengths[i : i + AT_ONCE], choose(smoke=2, cpu=self.draws))
            for i in range(0, some, AT_ONCE)
        ]
        return {f"test {name}, nats": torch.cat([f[name] for f in found]).mean().item() for name in found[0]}


@torch.no_grad()
def nats(model: SketchRNN, x: Tensor, lengths: Tensor, draws: int = 20) -> dict[str, Tensor]:
    """Of each drawing, (n,): reconstruction, KL, negative bound (their sum), and the bound of several draws of z.

    The unconditional decoder has no KL, and its negative log-likelihood stands for both bounds.
    """
    if not model.latent:
        error = -model.log_prob(x, lengths)
        return {"reconstruction": error, "KL": 0 * error, "negative bound": error, "importance-weighted": error}
    mean, log_variance = model.posterior(x, lengths)
    kl = kl_to_standard_normal(mean, log_variance).sum(1)
    errors, weights = [], []
    for _ in range(draws):
        z = reparameterise(mean, log_variance)
        errors.append(-model.log_prob(x, lengths, z))
        weights.append(log_normal(z) - log_normal(z, mean, log_variance) - errors[-1])  # log p(x, z) / q(z|x)
    error = torch.stack(errors).mean(0)
    together = torch.stack(weights).logsumexp(0) - torch.tensor(float(draws)).log()
    return {"reconstruction": error, "KL": kl, "negative bound": error + kl, "importance-weighted": -together}


@dataclass(frozen=True)
class OmniglotSketches(Sketches):
    """Sketch-RNN on the written characters of Omniglot as moves: reconstruction, KL and their sum, nats a character.

    beta rises stage by stage, so that the decoder learns to listen to z before the price of it is asked: with the last
    beta from the start z stays noise to the decoder, and 3,000 steps later it is worse than a decoder without z.
    The file of pen strokes has to lie at sketch-rnn/omniglot/omniglot.npz in the data folder. Characters of more than
    `longest` moves (1 in 100) are left out, and all moves divided by the training characters' standard deviation.
    """

    steps: int = 3000
    batch_size: int = 64
    lr: float = 2e-3
    latent: int = 32
    hidden: int = 192
    reader: int = 96
    components: int = 10
    betas: tuple[float, ...] = (0.05, 0.25)  # of each stage, all of which have the same steps
    dropout: float = 0.1
    longest: int = 80

    def stages(self) -> Generator[Stage, None, dict[str, float]]:
        model, data = self.model(), self.data()
        for number, beta in enumerate(self.betas):
            model.beta = beta
            yield Stage(f"stage{number}", model, data, self.steps, self.batch_size, self.lr, self.options())
        return self.figures(model)

    def data(self) -> Data:
        return as_moves(self._drawings()["train"], longest=self.longest).to(device())

    def test(self) -> Data:
        drawings = self._drawings()
        scale = as_moves(drawings["train"], longest=self.longest).scale
        return as_moves(drawings["test"], scale, self.longest).to(device())

    def _drawings(self) -> dict:
        return read_drawings(folder() / "sketch-rnn" / "omniglot" / "omniglot.npz")
