"""Small experiments on drawn digits: what `lecturelib train` can do in a minute or two."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from lecturelib.data import Data, load
from lecturelib.experiments.running import Training
from lecturelib.models.autoencoder import Autoencoder, CrossEntropy, dense
from lecturelib.models.classifier import ConvClassifier
from lecturelib.runtime import device
from lecturelib.training import cosine


@dataclass(frozen=True)
class GlyphsAutoencoder(Training):
    """A dense autoencoder of drawn digits; its error is the squared difference of an unseen picture, summed."""

    steps: int = 3000
    n: int = 20_000
    code: int = 10
    hidden: tuple[int, ...] = (256, 64)

    def data(self) -> Data:
        return load("glyphs", n=self.n, seed=self.seed).only("x").to(device())

    def model(self) -> Autoencoder:
        return dense((1, 28, 28), self.code, self.hidden, error=CrossEntropy())

    @torch.no_grad()
    def figures(self, model: Autoencoder) -> dict[str, float]:
        x = load("glyphs", n=2000, seed=self.seed, split="test").x.to(device())
        return {"test squared error per picture": (model(x) - x).square().flatten(1).sum(1).mean().item()}


@dataclass(frozen=True)
class GlyphsClassifier(Training):
    """The course's small convolutional classifier on drawn digits, tested on others of the same hands."""

    steps: int = 1500
    lr: float = 3e-3
    n: int = 20_000

    def data(self) -> Data:
        return load("glyphs", n=self.n, seed=self.seed).to(device())

    def model(self) -> ConvClassifier:
        return ConvClassifier((1, 28, 28))

    def options(self) -> Mapping:
        return {"schedule": cosine(warmup=0.1)}

    def figures(self, model: ConvClassifier) -> dict[str, float]:
        return {"test accuracy": model.accuracy(load("glyphs", n=5000, seed=self.seed, split="test"))}
