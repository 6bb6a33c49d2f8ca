"""From picture to picture: faces from their outlines, nights from days.

All on drawn pictures, at 64 pixels unless they are told otherwise, so that each result is measured against the truth.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from lecturelib.data import Data, load
from lecturelib.data.edges import edges
from lecturelib.data.scenes import changed, draw_scenes
from lecturelib.experiments.faces import FaceFactors, drawn_faces
from lecturelib.experiments.gans import JUDGED, distances, reader
from lecturelib.experiments.running import Training
from lecturelib.fidelity import features_of
from lecturelib.games import R1
from lecturelib.metrics import psnr, ssim
from lecturelib.model import Model
from lecturelib.models.cycle import CycleGAN, Translator
from lecturelib.models.gan import GAN
from lecturelib.models.translation import PatchDiscriminator, Pix2Pix, UNet
from lecturelib.runtime import choose, device
from lecturelib.training import cosine

PAIRS = 1000  # scenes


@dataclass(frozen=True)
class Translation(Training):
    """One stage, whose averaged weights are judged: they must not need statistics of their own, as batch norm does."""

    side: int = 64
    ema: float | None = 0.999

    def part(self, model: GAN) -> nn.Module:
        return model.generator

    def options(self) -> Mapping:
        return {"schedule": cosine(flat=0.5), "precision": "auto", "ema": self.ema}


@dataclass(frozen=True)
class EdgesToFaces(Translation):
    """pix2pix: drawn faces, all factors varying, from their outlines, which hardly tell a colour.

    `adversarial` False: the absolute difference alone. Judged on 2,000 faces of other people: mean absolute error,
    PSNR, SSIM, how sharp they are (the mean slope, beside that of the true ones), the squared difference of what the
    network that reads factors sees, and, on the same features, Fréchet distance, precision and recall.
    """

    steps: int = 6000
    batch_size: int = 16
    lr: float = 5e-4
    n: int = 20_000
    adversarial: bool = True
    weight: float = 30.0  # of the absolute difference
    channels: tuple[int, ...] = (32, 64, 96, 128)  # multiples of 8
    r1: float = 0.003  # without it the discriminator's moods show as noise
    discriminator_channels: tuple[int, ...] = (32, 64, 128)  # it sees 46 x 46: a background is of one colour

    def data(self) -> Data:
        return self.pairs(choose(smoke=300, cpu=self.n))

    def pairs(self, n: int, split: str = "train") -> Data:
        """x, the faces, and "edges", both as bytes, on the device."""
        x = drawn_faces(n, self.side, self.seed, split).stored[0]
        return Data(x, in_parts(edges, x), names=("x", "edges"))

    def model(self) -> Pix2Pix:
        # outlines of one picture have to agree on a colour: instance norm would take it from each map again
        generator = UNet(1, 3, self.channels, norm=partial(nn.GroupNorm, 8))
        discriminator = PatchDiscriminator(1 + 3, self.discriminator_channels, norm=None)
        options = {"weight": self.weight, "adversarial": self.adversarial} | slopes_held(self.r1)
        return Pix2Pix(generator, discriminator, **options)

    @torch.no_grad()
    def figures(self, model: Pix2Pix) -> dict[str, float]:
        n = choose(smoke=300, cpu=JUDGED)
        train, test = drawn_faces(n, self.side, self.seed).x, self.pairs(n, "test")
        x, made = test.x, model.translate(test.edges)
        network = reader(FaceFactors(), "face_factors")
        return {"absolute error": (made - x).abs().mean().item()} | judged(network, made, x, train)


@dataclass(frozen=True)
class DayToNight(Translation):
    """CycleGAN: days of some landscapes and nights of others, never the same scene twice.

    Judged both ways on 1,000 pairs that it never saw, without the stars and the moon, of which a day tells nothing: how
    far colours are from the truth, of what that is for the untouched picture; and how much of the structure stays, the
    SSIM of picture and translation beside that of the pair.
    """

    steps: int = 1600
    batch_size: int = 8
    lr: float = 1e-3
    ema: float | None = 0.995
    n: int = 10_000  # of each domain
    cycle: float = 10.0
    identity: float = 5.0
    pool: int = 64
    width: int = 20
    halvings: int = 1
    blocks: int = 3
    discriminator_channels: tuple[int, ...] = (32, 64)

    def data(self) -> Data:
        n = choose(smoke=min(self.n, 100), cpu=self.n)
        days, nights = (
            load("scenes", n=n, size=self.side, seed=2 * self.seed + number, bias={"time": time}).stored[0]
            for number, time in enumerate(("day", "night"))
        )
        return Data(days, nights, names=("x", "other")).to(device())

    def model(self) -> CycleGAN:
        translators = (Translator(3, self.width, self.halvings, self.blocks) for _ in range(2))
        judges = (PatchDiscriminator(3, self.discriminator_channels, norm=None) for _ in range(2))
        return CycleGAN(*translators, *judges, shape=(3, self.side, self.side), cycle=self.cycle,
                        identity=self.identity, pool=self.pool)  # fmt: skip

    def part(self, model: CycleGAN) -> nn.Module:
        return model.generators

    def pairs(self, n: int) -> tuple[Tensor, Tensor]:
        """n scenes by day and by night, (n, 3, side, side) each, which are in no training set."""
        test = load("scenes", n=n, seed=self.seed, split="test")
        factors, looks = test.factors.to(device()), test.looks.to(device())
        day, night = (draw_scenes(changed(factors, time=time), looks, size=self.side, lamps=False)
                      for time in ("day", "night"))  # fmt: skip
        return day, night

    @torch.no_grad()
    def figures(self, model: CycleGAN) -> dict[str, float]:
        day, night = self.pairs(choose(smoke=50, cpu=PAIRS))
        figures = {}
        for way, x, truth, back in (("to night", day, night, False), ("to day", night, day, True)):
            made = model.translate(x, back)
            before, after = ((picture - truth).abs().mean().item() for picture in (x, made))
            kept, own = (ssim(grey(x), grey(picture)).mean().item() for picture in (made, truth))
            figures |= {f"{way}, colour error": after, f"{way}, untouched": before,
                        f"{way}, less by": 1 - after / before, f"{way}, structure": kept / own}  # fmt: skip
        return figures


def slopes_held(gamma: float) -> dict:
    """Options of a GAN whose discriminator has R1, every 8 steps; none for 0."""
    return {"penalty": R1(gamma), "lazy": 8} if gamma else {}


def in_parts(fn: Callable[[Tensor], Tensor], x: Tensor, chunk: int = 1024) -> Tensor:
    """fn of pictures that are stored as bytes, in bytes again."""
    return torch.cat([(fn(part.float() / 255) * 255).round().byte() for part in x.split(chunk)])


@torch.no_grad()
def judged(network: Model, made: Tensor, x: Tensor, train: Tensor) -> dict[str, float]:
    """How near what was made is to x, to the pixel and in a network's eyes; how sharp; and how real, beside `train`."""
    seen = (features_of(network.features, pictures) for pictures in (made, x))
    near = {"PSNR": psnr(made, x).mean().item(), "SSIM": ssim(made, x).mean().item(),
            "sharpness": sharpness(made) / sharpness(x), "perceptual distance": mse_loss(*seen).item()}  # fmt: skip
    return near | distances(network, train, x, made)


def sharpness(x: Tensor) -> float:
    """The mean length of the slope from pixel to pixel."""
    across, down = x[..., :-1, 1:] - x[..., :-1, :-1], x[..., 1:, :-1] - x[..., :-1, :-1]
    return (across.square() + down.square()).sum(1).sqrt().mean().item()


def grey(x: Tensor) -> Tensor:
    """Luminance, (n, 1, h, w), by the weights of ITU-R BT.601."""
    return (x * x.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
