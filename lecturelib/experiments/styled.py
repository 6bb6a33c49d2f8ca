"""Drawn faces by networks that grow, and by StyleGAN's."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lecturelib.data import Data
from lecturelib.experiments.faces import FaceFactors, FacesVAE, drawn_faces
from lecturelib.experiments.gans import JUDGED, distances, reader
from lecturelib.experiments.running import Experiment, Stage, Training
from lecturelib.games import R1
from lecturelib.models.gan import GAN
from lecturelib.models.growing import GrowingDiscriminator, GrowingGAN, GrowingGenerator, pyramid
from lecturelib.models.styled import StyleGenerator
from lecturelib.resume import History
from lecturelib.runtime import choose, device
from lecturelib.training import Step, cosine

BETAS = (0.0, 0.99)  # of Adam: Karras et al. (2018), appendix A.1


@torch.no_grad()
def judged(
    sample: Callable[[int], Tensor], side: int, seed: int, vary: Sequence[str] | None = None
) -> dict[str, float]:
    """Fréchet distance, precision and recall of what is sampled, on the features of the network that reads factors."""
    n = choose(smoke=300, cpu=JUDGED)
    train, test = (drawn_faces(n, side, seed, split, vary).x for split in ("train", "test"))
    made = torch.cat([sample(min(250, n - start)) for start in range(0, n, 250)]).clamp(0, 1)
    return distances(reader(FaceFactors(), "face_factors"), train, test, made)


@dataclass(frozen=True)
class StyledFaces(Training):
    """StyleGAN of drawn faces in which nine factors vary; what is kept is the generator, with averaged weights.

    Judged by the features of the network that reads factors, at 32 x 32.
    """

    steps: int = 16_000
    batch_size: int = 16
    lr: float = 3e-3
    falls: float = 0.6  # from this share of the run on the rate falls to 0, as a cosine
    n: int = 40_000
    side: int = 64
    vary: tuple[str, ...] | None = (*FacesVAE.vary, "age")
    noise: int = 64
    width: int = 128
    channels: tuple[int, ...] = (128, 128, 64, 32, 16)
    discriminator_channels: tuple[int, ...] = (128, 128, 64, 32, 16)
    mixing: float = 0.9
    r1: float = 0.05  # gamma, for pixels in [0, 1], taken every 16 steps
    ema: float = 0.999

    def data(self) -> Data:
        return drawn_faces(self.n, self.side, self.seed, vary=self.vary)

    def model(self) -> GAN:
        generator = StyleGenerator(self.noise, self.channels, self.width, mixing=self.mixing)
        gan = GAN(generator, GrowingDiscriminator(self.discriminator_channels), noise=self.noise, penalty=R1(self.r1),
                  lazy=16, betas=BETAS)  # fmt: skip
        return gan.to(memory_format=torch.channels_last)

    def part(self, model: GAN) -> nn.Module:
        return model.generator

    def options(self) -> Mapping:
        return {"schedule": cosine(flat=self.falls), "precision": "auto", "ema": self.ema}

    def finish(self, model: GAN) -> None:
        model.generator.recentre()

    def figures(self, model: GAN) -> dict[str, float]:
        return judged(model.eval().sample, self.side, self.seed, self.vary)


@dataclass(frozen=True)
class LargeStyledFaces(StyledFaces):
    """The same at 128 x 128, where everything varies; meant for a GPU."""

    steps: int = 25_000
    batch_size: int = 64
    n: int = 60_000
    side: int = 128
    vary: tuple[str, ...] | None = None
    channels: tuple[int, ...] = (192, 192, 192, 80, 40, 16)
    discriminator_channels: tuple[int, ...] = (192, 192, 192, 96, 48, 24)
    r1: float = 0.5
    ema: float = 0.999

    def options(self) -> Mapping:
        return super().options() | {"compile": device().type == "cuda"}


@dataclass(frozen=True)
class GrowingFaces(Experiment):
    """A GAN of drawn faces that grows from 4 x 4 pixels on, or (grow=False) has the full size from the start.

    `plan` says the level of each stretch of training; all stretches see as many pictures. A level that is new is faded
    in over its first one. After each the Fréchet distance of the averaged generator, at 32 x 32 on the features of the
    network that reads factors.
    """

    side: int = 32
    grow: bool = True
    plan: tuple[int, ...] = (0, 1, 1, 2, 2, 3, 3, 3, 3, 3)
    steps: int = 400  # of a stretch
    batch_size: int = 16
    lr: float = 3e-3
    n: int = 20_000
    noise: int = 64
    channels: tuple[int, ...] = (64, 64, 32, 16)
    r1: float = 0.03
    ema: float = 0.995

    def stages(self) -> Generator[Stage, History, dict[str, float]]:
        gan = GrowingGAN(GrowingGenerator(self.noise, self.channels), GrowingDiscriminator(self.channels),
                         noise=self.noise, penalty=R1(self.r1), lazy=8)  # fmt: skip
        gan = gan.to(memory_format=torch.channels_last)
        levels = len(self.channels)
        pictures, found = pyramid(drawn_faces(self.n, self.side, self.seed), levels), {}
        plan = self.plan if self.grow else len(self.plan) * (levels - 1,)
        for number, (before, level) in enumerate(zip((plan[0], *plan), plan, strict=False)):
            gan.at(level, 1.0 if level == before else 0.0)
            fading = {} if level == before else {"watch": Fading(level, self.steps)}
            options = {"precision": "auto", "ema": self.ema} | fading
            history = yield Stage(f"stretch{number}", gan, pictures[level], self.steps, self.batch_size, self.lr,
                                  options)  # fmt: skip
            gan.at(level)
            figures = judged(history.ema.eval().sample, self.side, self.seed)
            found |= {f"side {number}": 4 * 2**level, f"Fréchet distance {number}": figures["Fréchet distance"]}
        last = ("Fréchet distance", "of training pictures", "precision", "recall")
        return found | {name: figures[name] for name in last}


@dataclass
class Fading:
    """What fades a level in while it is trained, for `fit(watch=...)`."""

    level: int
    steps: int

    def __call__(self, model: GrowingGAN, step: Step, history: History, last: bool) -> None:
        model.at(self.level, (step.number + 1) / self.steps)
