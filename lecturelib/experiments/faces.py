"""Experiments on the drawn faces."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from lecturelib.data import Data, load
from lecturelib.experiments.running import Training
from lecturelib.models.factors import FactorRegressor
from lecturelib.models.likelihoods import Gaussian
from lecturelib.models.vae import VAE, convolutional_vae
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


@dataclass(frozen=True)
class FacesVAE(Training):
    """A convolutional VAE of faces at 32 x 32; squared error a pixel, KL and bound on faces of other people."""

    steps: int = 10_000
    batch_size: int = 128
    lr: float = 1e-3
    n: int = 60_000
    latent: int = 64
    sigma: float = 0.1  # of a pixel, in [0, 1]

    def data(self) -> Data:
        return load("faces", n=self.n, seed=self.seed).only("x").to(device())

    def model(self) -> VAE:
        return convolutional_vae((3, 32, 32), self.latent, (32, 64, 128), activation=nn.SiLU,
                                 likelihood=Gaussian(self.sigma))  # fmt: skip

    def options(self) -> Mapping:
        return {"schedule": cosine(warmup=0.02), "precision": "auto"}

    @torch.no_grad()
    def figures(self, model: VAE) -> dict[str, float]:
        x = load("faces", n=2000, seed=self.seed, split="test").x.to(device())
        parts = model.loss(x)
        return {
            "test squared error a pixel": (model(x) - x).square().mean().item(),
            "test KL in nats": parts["kl"].item(),
            "test bound in nats": -parts["loss"].item(),
        }
