"""VAEs on pictures with known factors: what beta and a decorrelation penalty do to the code."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from lecturelib.data import Data, load
from lecturelib.disentanglement import active_units, dci, largest_correlation, mig
from lecturelib.experiments.running import Training
from lecturelib.models.likelihoods import Gaussian
from lecturelib.models.vae import VAE, Decorrelated, dense_vae, reparameterise
from lecturelib.runtime import device
from lecturelib.training import cosine


@dataclass(frozen=True)
class Disentangling(Training):
    """A VAE on discs; how well its units follow the five factors, measured on other pictures."""

    steps: int = 2000
    batch_size: int = 256
    lr: float = 5e-3
    beta: float = 1.0
    off_diagonal: float = 0.0  # above 0: the decorrelation penalty
    diagonal: float = 20.0
    n: int = 6000
    latent: int = 6
    hidden: tuple[int, ...] = (128, 64)
    sigma: float = 0.1  # of a pixel

    def data(self) -> Data:
        return load("discs", n=self.n, seed=self.seed).only("x").to(device())

    def model(self) -> VAE:
        options = {"beta": self.beta}
        if self.off_diagonal:
            options |= {"kind": Decorrelated, "off_diagonal": self.off_diagonal, "diagonal": self.diagonal}
        return dense_vae((1, 16, 16), self.latent, self.hidden, nn.Tanh, Gaussian(self.sigma), **options)

    def options(self) -> Mapping:
        return {"schedule": cosine()}

    @torch.no_grad()
    def figures(self, model: VAE) -> dict[str, float]:
        unseen = load("discs", n=10_000, seed=self.seed, split="test").to(device())
        code, log_variance = model.posterior(unseen.x)
        drawn = reparameterise(code, log_variance)
        scores = dci(code[:2000], unseen.factors[:2000], seed=self.seed)
        active = active_units(code)
        return {
            "MIG": mig(code, unseen.factors),
            "disentanglement": scores.disentanglement,
            "completeness": scores.completeness,
            "informativeness": scores.informativeness,
            "active units": active.sum().item(),
            "largest correlation": largest_correlation(code[:, active]),
            "squared error": (model.decode(drawn) - unseen.x).square().flatten(1).sum(1).mean().item(),
            "ELBO": model.elbo(unseen.x).mean().item(),
        }
