"""DCGANs of drawn digits and of drawn faces, judged by the networks that come with the course.

Every guideline of Radford, Metz, Chintala (2016), arXiv 1511.06434, can be left out, and some of the tricks that have
been handed on since can be added: the study `dcgan` measures what each is worth.
"""

from collections.abc import Generator as Generates
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from lecturelib.checkpoint import load_model
from lecturelib.data import Data, load
from lecturelib.experiments.faces import WEIGHTS, FaceFactors, FacesVAE
from lecturelib.experiments.glyphs import GlyphsClassifier
from lecturelib.experiments.running import Stage, Training
from lecturelib.fidelity import features_of, frechet_distance, precision_recall
from lecturelib.games import R1, NonSaturating
from lecturelib.model import Model
from lecturelib.models.convolutional import pooled, resized, strided, transposed
from lecturelib.models.dcgan import Discriminator, Generator
from lecturelib.models.gan import GAN
from lecturelib.resume import History
from lecturelib.runtime import choose, device
from lecturelib.training import cosine

SURE = 0.9  # probability of its class from which on a digit counts as readable
JUDGED = 2000  # pictures of each kind


def reader(name: str = "glyphs_classifier") -> Model:
    """The network that reads digits, or with "face_factors" faces, as it is shipped; on the device."""
    kind = {"glyphs_classifier": GlyphsClassifier, "face_factors": FaceFactors}[name]
    model = kind().model()
    load_model(model, WEIGHTS / name)
    return model.to(device()).eval()


class Noisy(nn.Module):
    """A discriminator that sees all pictures through noise of a standard deviation, while it trains.

    Sønderby et al. (2017), arXiv 1610.04490, section 3: instance noise.
    """

    def __init__(self, network: nn.Module, sigma: float):
        super().__init__()
        self.network, self.sigma = network, sigma

    def forward(self, x: Tensor, *condition: Tensor) -> Tensor:
        """Logits of the noisy pictures."""
        return self.network(x + self.sigma * torch.randn_like(x) if self.training else x, *condition)


class OneBatch(GAN):
    """A GAN whose discriminator gets real and fake examples as one batch: its batch norm has statistics of both."""

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """The discriminator's loss; without penalty."""
        with torch.no_grad():
            fake = self.fake(len(x))
        real_scores, fake_scores = self.discriminator(torch.cat([x, fake])).chunk(2)
        loss = self.game.discriminator(real_scores.float(), fake_scores.float())
        return {"loss": loss, "real": real_scores.mean(), "fake": fake_scores.mean()}


@dataclass(frozen=True)
class DigitsGAN(Training):
    """A DCGAN of drawn digits, 28 x 28.

    Judged by the course's classifier on 2,000 of its digits and as many test digits: the share that it is sure of (90 %
    or more), the share of the rarest class, the Fréchet distance of its features to those of test digits (beside it
    that of training digits, and their ratio), precision and recall.
    """

    steps: int = 500
    batch_size: int = 64
    lr: float = 1e-3
    falls: float = 0.6  # from this share of the run on the rate falls to 0, as a cosine; 1: never
    n: int = 30_000
    noise: int = 64
    channels: tuple[int, ...] = (96, 48)  # the generator's
    critic: tuple[int, ...] = (64, 128)  # the discriminator's
    # the guidelines
    strides: bool = True  # 1; otherwise pooling in the discriminator, enlarged maps in the generator
    norm: bool = True  # 2, in the generator
    critic_norm: bool = True  # 2, in the discriminator
    hidden: int | None = None  # 3; a number of units: both have a fully connected hidden layer
    rectified: bool = True  # 4; otherwise tanh in the generator
    bounded: bool = True  # 4: tanh at its output; otherwise nothing
    leak: float = 0.2  # 5: slope of the discriminator's units below 0
    spread: float | None = 0.02  # standard deviation of the first weights; None: torch's own start
    beta1: float = 0.5
    # tricks
    smooth: float = 1.0  # what the discriminator should answer for real pictures
    haze: float = 0.0  # standard deviation of noise on all that it sees
    r1: float = 0.0  # gamma, taken every 8 steps
    together: bool = False  # real and fake pictures go through the discriminator as one batch
    averaged: float | None = None  # decay of averaged weights, which are then judged
    classes: ClassVar[int] = 0  # of which both players are told one

    def data(self) -> Data:
        return load("glyphs", n=self.n, seed=self.seed).only("x").to(device())

    def model(self) -> GAN:
        generator, critic = self.players()
        return (OneBatch if self.together else GAN)(
            generator, Noisy(critic, self.haze) if self.haze else critic, NonSaturating(self.smooth),
            noise=self.noise, conditional=self.classes > 0, betas=(self.beta1, 0.999),
            penalty=R1(self.r1) if self.r1 else None, lazy=8)  # fmt: skip

    def players(self) -> tuple[Generator, Discriminator]:
        """Both networks."""
        options = {"up": transposed if self.strides else resized, "norm": self.norm}
        options |= {"activation": nn.ReLU if self.rectified else nn.Tanh}
        options |= {"output": nn.Tanh if self.bounded else nn.Identity}
        shared = {"hidden": self.hidden, "spread": self.spread}
        told = self.noise + self.classes
        return Generator(self.shape(), told, self.channels, **options, **shared), self.judge(**shared)

    def judge(self, kind: type[Discriminator] = Discriminator, **options) -> Discriminator:
        """The discriminator."""
        options |= {"down": strided if self.strides else pooled, "norm": self.critic_norm}
        return kind(self.shape(), self.critic, activation=partial(nn.LeakyReLU, self.leak), **options)

    def shape(self) -> tuple[int, int, int]:
        """Of one picture."""
        return 1, 28, 28

    def options(self) -> Mapping:
        return {"schedule": cosine(flat=self.falls) if self.falls < 1 else None, "precision": "auto",
                "ema": self.averaged}  # fmt: skip

    def stages(self) -> Generates[Stage, History, dict[str, float]]:
        model = self.model()
        history = yield Stage("model", model, self.data(), self.steps, self.batch_size, self.lr, self.options())
        if self.averaged is not None:
            model = history.ema
            # the statistics that batch norm has kept are those of other weights
            update_bn((torch.randn(500, self.noise, device=model.device) for _ in range(10)), model.generator)
        return self.figures(model)

    @torch.no_grad()
    def figures(self, model: GAN) -> dict[str, float]:
        n, classifier = choose(smoke=200, cpu=JUDGED), reader("glyphs_classifier")
        train, test = (load("glyphs", n=n, seed=self.seed, split=split).x.to(device()) for split in ("train", "test"))
        made = model.eval().sample(n).clamp(0, 1)
        sure, label = classifier(made).softmax(1).max(1)
        return {"sure of": (sure >= SURE).float().mean().item(),
                "rarest class": label.bincount(minlength=10).min().item() / n,
                **distances(classifier, train, test, made)}  # fmt: skip


@dataclass(frozen=True)
class FacesGAN(DigitsGAN):
    """A DCGAN of drawn faces, 32 x 32, in which the factors of `FacesVAE` vary.

    Judged by the features of the network that reads factors: Fréchet distances, precision and recall.
    """

    steps: int = 6000
    channels: tuple[int, ...] = (128, 64, 32)
    critic: tuple[int, ...] = (32, 64, 128)
    vary: tuple[str, ...] = FacesVAE.vary

    def data(self) -> Data:
        return self._faces(self.n, "train")

    def _faces(self, n: int, split: str) -> Data:
        n = choose(smoke=min(n, 500), cpu=n)
        return load("faces", n=n, seed=self.seed, split=split, vary=self.vary).only("x").to(device())

    def shape(self) -> tuple[int, int, int]:
        return 3, 32, 32

    @torch.no_grad()
    def figures(self, model: GAN) -> dict[str, float]:
        n = choose(smoke=300, cpu=JUDGED)
        train, test = (self._faces(n, split).x for split in ("train", "test"))
        return distances(reader("face_factors"), train, test, model.eval().sample(n).clamp(0, 1))


def distances(network: nn.Module, train: Tensor, test: Tensor, made: Tensor) -> dict[str, float]:
    """On a network's features of training, test and generated pictures: Fréchet distances, precision, recall."""
    train, test, made = (features_of(network.features, x) for x in (train, test, made))
    between, distance = frechet_distance(train, test), frechet_distance(made, test)
    precision, recall = precision_recall(test, made)
    return {"Fréchet distance": distance, "of training pictures": between, "their ratio": distance / between,
            "precision": precision, "recall": recall}  # fmt: skip
