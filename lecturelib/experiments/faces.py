"""Experiments on the drawn faces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from lecturelib.checkpoint import load_model
from lecturelib.data import Data, load
from lecturelib.experiments.running import Training
from lecturelib.models.factors import FactorRegressor
from lecturelib.models.likelihoods import Perceptual
from lecturelib.models.vae import VAE, convolutional_vae
from lecturelib.runtime import choose, device
from lecturelib.training import cosine

WEIGHTS = Path(__file__).parents[1] / "weights"


def as_shipped(experiment: Training, name: str) -> nn.Module:
    """The trained network of an experiment, whose weights come under a name; in evaluation mode."""
    model = experiment.part(experiment.model())
    load_model(model, WEIGHTS / name)
    return model.eval()


def drawn_faces(n: int, side: int, seed: int, split: str = "train", vary: Sequence[str] | None = None) -> Data:
    """Pictures x of faces in which the factors of `vary` vary, or everything, on the device; few in a smoke run."""
    n = choose(smoke=min(n, 500), cpu=n)
    keep = n * side**2 <= 20_000 * 64**2  # what is larger would push everything else out
    return load("faces", n=n, size=side, seed=seed, split=split, vary=vary, keep=keep).only("x").to(device())


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


def eyes() -> list[nn.Module]:
    """The first two layers of the network that reads factors, as it is shipped: what pictures are compared by."""
    convolution, norm, relu, stage, *_ = as_shipped(FaceFactors(), "face_factors").blocks
    return [nn.Sequential(convolution, norm, relu), stage[:3]]


def _down(channels_in: int, channels_out: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, 4, 2, 1, bias=False), nn.BatchNorm2d(channels_out))


def _up(channels_in: int, channels_out: int) -> nn.Module:
    first = nn.Conv2d(channels_in, channels_in, 3, 1, 1, bias=False)
    return nn.Sequential(
        first, nn.BatchNorm2d(channels_in), nn.SiLU(), nn.ConvTranspose2d(channels_in, channels_out, 4, 2, 1)
    )


@dataclass(frozen=True)
class FacesVAE(Training):
    """A convolutional VAE of faces at 32 x 32 in which eight factors vary, deep-feature-consistent.

    The score is that of the pixels and of the first two layers of the factor regressor (`Perceptual`): the weights make
    each of the three weigh about as much. Reported on faces of other people.
    """

    steps: int = 3000
    batch_size: int = 128
    lr: float = 3e-3
    n: int = 30_000
    latent: int = 64
    pixels: float = 40.0
    weights: tuple[float, float] = (0.5, 1.6)
    vary: tuple[str, ...] = ("skin", "hair_style", "hair_colour", "mouth", "glasses", "yaw", "light", "background")

    def data(self) -> Data:
        return self._faces(self.n).to(device())

    def model(self) -> VAE:
        return self._vae(32, (32, 64, 128))

    def _faces(self, n: int, split: str = "train") -> Data:
        return load("faces", n=n, seed=self.seed, split=split, vary=self.vary).only("x")

    def _vae(self, size: int, channels: tuple[int, ...]) -> VAE:
        return convolutional_vae((3, size, size), self.latent, channels, _down, _up, nn.SiLU,
                                 Perceptual(eyes(), self.weights, self.pixels))  # fmt: skip

    def options(self) -> Mapping:
        return {"schedule": cosine(warmup=0.05), "precision": "auto"}

    @torch.no_grad()
    def figures(self, model: VAE) -> dict[str, float]:
        x = self._faces(choose(smoke=16, cpu=2000), "test").x.to(device())
        model.eval()
        return {"test squared error a pixel": (model(x) - x).square().mean().item(),
                "test KL in nats": model.loss(x)["kl"].item()}  # fmt: skip


@dataclass(frozen=True)
class LargeFacesVAE(FacesVAE):
    """The same at 128 x 128, where all factors vary; meant for a GPU.

    The stages of the regressor look at the large picture with the filters that they have learned at 32 x 32.
    """

    steps: int = 20_000
    lr: float = 1e-3
    latent: int = 128
    vary: tuple[str, ...] = ()  # all
    size: int = 128
    channels: tuple[int, ...] = (32, 64, 128, 256, 256)

    def model(self) -> VAE:
        return self._vae(self.size, self.channels)

    def _faces(self, n: int, split: str = "train") -> Data:
        n = choose(smoke=min(n, 256), cpu=n)
        return load("faces", n=n, size=self.size, seed=self.seed, split=split).only("x")
