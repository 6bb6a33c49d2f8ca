"""Experiments on the drawn faces."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from lecturelib.data import Data, load
from lecturelib.experiments.running import Training
from lecturelib.models.factors import FactorRegressor
from lecturelib.runtime import device
from lecturelib.training import cosine


@dataclass(frozen=True)
class FaceFactors(Training):
    """A network that reads the factors of a face at 32 x 32; R^2, or accuracy, of each on faces of other people."""

    steps: int = 7000
    batch_size: int = 128
    lr: float = 2e-3
    n: int = 120_000

    def data(self) -> Data:
        return load("faces", n=self.n, seed=self.seed).only("x", "factors").to(device())

    def model(self) -> FactorRegressor:
        return FactorRegressor().to(memory_format=torch.channels_last)

    def options(self) -> Mapping:
        return {"schedule": cosine(warmup=0.05), "precision": "auto"}

    def figures(self, model: FactorRegressor) -> dict[str, float]:
        return model.scores(load("faces", n=5000, seed=self.seed, split="test"))
