"""DCGANs of drawn digits and of drawn faces, judged by the networks that come with the course.

Every guideline of Radford, Metz, Chintala (2016), arXiv 1511.06434, can be left out, and some of the tricks that have
been handed on since can be added.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d
from torch.optim.swa_utils import update_bn

from lecturelib.data import Data, load
from lecturelib.experiments.faces import FaceFactors, FacesVAE, as_shipped, drawn_faces
from lecturelib.experiments.glyphs import GlyphsClassifier
from lecturelib.experiments.running import Training
from lecturelib.fidelity import features_of, frechet_distance, precision_recall
from lecturelib.games import R1, NonSaturating
from lecturelib.model import Model
from lecturelib.models.convolutional import pooled, resized, strided, transposed
from lecturelib.models.dcgan import Discriminator, Generator
from lecturelib.models.gan import GAN
from lecturelib.runtime import choose, device
from lecturelib.training import cosine

SURE = 0.9  # probability of its class from which on a digit counts as readable
JUDGED = 2000  # pictures of each kind

# what the generators that come with the course were trained with
DEEP = {"margin": 2, "generator_channels": (128, 64, 32), "discriminator_channels": (24, 48, 96)}
LONG = {"lr": 2e-3, "falls": 0.4, "n": 120_000, "discriminator_norm": False, "r1": 0.004, "ema": 0.999}


def reader(experiment: Training, name: str) -> Model:
    """The network of an experiment as it is shipped under a name; on the device, in evaluation mode."""
    return as_shipped(experiment, name).to(device())


def digits_reader() -> Model:
    """The course's classifier of drawn digits."""
    return reader(GlyphsClassifier(), "glyphs_classifier")


class InstanceNoise(nn.Module):
    """A discriminator that sees all pictures through noise of a standard deviation, while it trains.

    Sønderby et al. (2017), arXiv 1610.04490.
    """

    def __init__(self, network: nn.Module, sigma: float):
        super().__init__()
        self.network, self.sigma = network, sigma

    def forward(self, x: Tensor, *condition: Tensor) -> Tensor:
        """Logits of the noisy pictures."""
        return self.network(x + self.sigma * torch.randn_like(x) if self.training else x, *condition)


class JointBatches(GAN):
    """A GAN whose discriminator gets real and fake examples as one batch: its batch norm has statistics of both.

    ValueError for a penalty, which would need batches of its own.
    """

    def __init__(self, *players: nn.Module, **options):
        super().__init__(*players, **options)
        if self.penalty is not None:
            raise ValueError("a penalty needs batches of its own: it does not go with joint batches")

    def scores(self, x: Tensor, *batch: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of x and of as many fakes: (n,) and (n,)."""
        condition = self.condition(batch)
        both = torch.cat([x, self.fake(len(x), *condition)])
        real, fake = self.discriminator(both, *(torch.cat([part, part]) for part in condition)).float().chunk(2)
        return real, fake

    def loss(self, x: Tensor, *batch: Tensor) -> dict[str, Tensor]:
        """The discriminator's loss."""
        real, fake = self.scores(x, *batch)
        return {"loss": self.game.discriminator(real, fake), "real": real.mean(), "fake": fake.mean()}

    def generator_loss(self, x: Tensor, *batch: Tensor) -> dict[str, Tensor]:
        """The generator's loss on as many fakes as there are in the batch."""
        return {"loss": self.game.generator(self.scores(x, *batch)[1])}


@dataclass(frozen=True)
class DigitsGAN(Training):
    """A DCGAN of drawn digits, 28 x 28.

    Judged by the course's classifier on 2,000 of its digits and as many test digits: the share that it is sure of (90 %
    or more), the share of the class that is read least often, the Fréchet distance of its features to those of test
    digits (beside it that of training digits, which is chance, and their ratio), precision and recall.
    """

    steps: int = 600
    batch_size: int = 64
    lr: float = 1e-3
    falls: float = 0.6  # from this share of the run on the rate falls to 0, as a cosine; 1: never
    n: int = 30_000
    noise: int = 64
    generator_channels: tuple[int, ...] = (64, 32)
    discriminator_channels: tuple[int, ...] = (32, 64)
    margin: int = 0  # pixels around the picture, to be halved more often
    # the guidelines
    transposed: bool = True  # 1, generator: kernels of 4; otherwise maps are enlarged, then kernels of 3
    strided: bool = True  # 1, discriminator: kernels of 4; otherwise kernels of 3, then pooling
    generator_norm: bool = True  # 2
    discriminator_norm: bool = True  # 2
    hidden: int | None = None  # 3; a number of units: both have a fully connected hidden layer
    rectified: bool = True  # 4; otherwise tanh in the generator
    bounded: bool = True  # 4: tanh at its output; otherwise nothing
    negative_slope: float = 0.2  # 5: of the discriminator's units
    init_std: float | None = 0.02  # of the first weights; None: torch's own start
    beta1: float = 0.5
    # tricks
    smooth: float = 1.0  # what the discriminator should answer for real pictures
    instance_noise: float = 0.0  # its standard deviation; pixels are in [0, 1]
    r1: float = 0.0  # gamma, for pixels in [0, 1], taken every 8 steps
    joint_batches: bool = False
    ema: float | None = None  # decay of the averaged weights, which are then judged
    classes: ClassVar[int] = 0  # of which both players are told one

    def data(self) -> Data:
        return load("glyphs", n=self.n, seed=self.seed).only("x").to(device())

    def model(self) -> GAN:
        shared = {"conditions": self.classes, "hidden": self.hidden, "spread": self.init_std, "margin": self.margin}
        generator = Generator(
            self.shape(), self.noise, self.generator_channels, up=transposed if self.transposed else resized,
            norm=self.generator_norm, activation=nn.ReLU if self.rectified else nn.Tanh,
            output=nn.Tanh if self.bounded else nn.Identity, **shared)  # fmt: skip
        discriminator = self.kind()(
            self.shape(), self.discriminator_channels, down=strided if self.strided else pooled,
            norm=self.discriminator_norm, activation=partial(nn.LeakyReLU, self.negative_slope), **shared)  # fmt: skip
        return (JointBatches if self.joint_batches else GAN)(
            generator, InstanceNoise(discriminator, self.instance_noise) if self.instance_noise else discriminator,
            game=NonSaturating(self.smooth), noise=self.noise, conditional=self.classes > 0, betas=(self.beta1, 0.999),
            penalty=R1(self.r1) if self.r1 else None, lazy=8)  # fmt: skip

    def kind(self) -> type[Discriminator]:
        """Of the discriminator."""
        return Discriminator

    def shape(self) -> tuple[int, int, int]:
        """Of one picture."""
        return 1, 28, 28

    def conditions(self, n: int) -> tuple[Tensor, ...]:
        """What n pictures are asked to be, where the GAN is conditional."""
        return ()

    def options(self) -> Mapping:
        return {"schedule": cosine(flat=self.falls) if self.falls < 1 else None, "precision": "auto", "ema": self.ema}

    def finish(self, model: GAN) -> None:
        if self.ema is not None:
            conditions = self.conditions(500)
            inputs = (torch.cat([torch.randn(500, self.noise, device=model.device), *conditions], 1) for _ in range(10))
            update_bn(inputs, model.generator)  # the statistics that batch norm has kept are those of other weights

    @torch.no_grad()
    def figures(self, model: GAN) -> dict[str, float]:
        n, classifier = choose(smoke=200, cpu=JUDGED), digits_reader()
        train, test = (load("glyphs", n=n, seed=self.seed, split=split).x.to(device()) for split in ("train", "test"))
        made = model.eval().sample(n, *self.conditions(n)).clamp(0, 1)
        return self.judged(classifier, made) | distances(classifier, train, test, made)

    def judged(self, classifier: Model, made: Tensor) -> dict[str, float]:
        """What the classifier reads in generated digits."""
        sure, label = classifier(made).softmax(1).max(1)
        return {"sure of": (sure >= SURE).float().mean().item(),
                "least frequent class": label.bincount(minlength=10).min().item() / len(made)}  # fmt: skip


@dataclass(frozen=True)
class FacesGAN(DigitsGAN):
    """A DCGAN of drawn faces, 32 x 32, in which the factors of `FacesVAE` vary.

    Judged by the features of the network that reads factors: Fréchet distances, precision and recall.
    """

    steps: int = 6000
    generator_channels: tuple[int, ...] = (128, 64, 32)
    discriminator_channels: tuple[int, ...] = (32, 64, 128)
    vary: tuple[str, ...] = FacesVAE.vary
    side: ClassVar[int] = 32

    def data(self) -> Data:
        return self._faces(self.n, "train")

    def _faces(self, n: int, split: str) -> Data:
        return drawn_faces(n, self.side, self.seed, split, self.vary)

    def shape(self) -> tuple[int, int, int]:
        return 3, self.side, self.side

    @torch.no_grad()
    def figures(self, model: GAN) -> dict[str, float]:
        n = choose(smoke=300, cpu=JUDGED)
        train, test = (self._faces(n, split).x for split in ("train", "test"))
        made = model.eval().sample(n).clamp(0, 1)
        small = (avg_pool2d(x, self.side // 32) for x in (train, test, made))  # the network reads 32 x 32
        return distances(reader(FaceFactors(), "face_factors"), *small)


@dataclass(frozen=True)
class LargeFacesGAN(FacesGAN):
    """The same at 64 x 64, with the widths of Radford et al. (2016) and their 100 entries of noise; meant for a GPU."""

    steps: int = 30_000
    batch_size: int = 128
    lr: float = 2e-4
    falls: float = 1.0
    noise: int = 100
    generator_channels: tuple[int, ...] = (1024, 512, 256, 128)
    discriminator_channels: tuple[int, ...] = (128, 256, 512, 1024)
    side: ClassVar[int] = 64


def distances(network: nn.Module, train: Tensor, test: Tensor, made: Tensor) -> dict[str, float]:
    """On a network's features of training, test and generated pictures: Fréchet distances, precision, recall."""
    train, test, made = (features_of(network.features, x) for x in (train, test, made))
    between, distance = frechet_distance(train, test), frechet_distance(made, test)
    precision, recall = precision_recall(test, made)
    return {"Fréchet distance": distance, "of training pictures": between, "their ratio": distance / between,
            "precision": precision, "recall": recall}  # fmt: skip
