"""Large faces from small ones, at 64 pixels unless they are told otherwise, measured against the truth."""

import copy
from collections.abc import Generator as Generates
from dataclasses import dataclass, replace

import torch
from torch.nn.functional import avg_pool2d

from lecturelib.data import Data
from lecturelib.experiments.faces import FaceFactors, drawn_faces, eyes
from lecturelib.experiments.gans import JUDGED, reader
from lecturelib.experiments.running import Stage, take_average
from lecturelib.experiments.translation import Translation, in_parts, judged, slopes_held
from lecturelib.models.super_resolution import SRGAN, FeatureDistance, SuperResolution, enlarged
from lecturelib.models.translation import PatchDiscriminator
from lecturelib.resume import History
from lecturelib.runtime import choose


@dataclass(frozen=True)
class EnlargedFaces(Translation):
    """Super-resolution: drawn faces of a quarter of the side enlarged again, first by squared error, then by a game.

    SRGAN goes on from the generator of the squared error, which is all there is where `adversarial` is False; its
    content is the distance of the pixels and of the first two layers of the network that reads factors. Judged as the
    faces of `EdgesToFaces` are, beside the bicubic enlargement.
    """

    steps: int = 1200
    batch_size: int = 16
    lr: float = 2e-4
    n: int = 20_000
    ema: float | None = 0.99
    adversarial: bool = True
    first_steps: int = 1200  # of the squared error, where a game follows
    first_lr: float = 5e-4
    width: int = 48
    blocks: int = 6
    weight: float = 5e-3  # of the game
    weights: tuple[float, float] = (0.05, 0.05)  # of the layers in the content, beside 1 for the pixels
    r1: float = 0.001  # keeps the colours near; 0 makes pictures sharper, and noisier
    discriminator_channels: tuple[int, ...] = (64, 128, 256)

    def data(self) -> Data:
        return self.pairs(choose(smoke=300, cpu=self.n))

    def pairs(self, n: int, split: str = "train") -> Data:
        """x, the faces, and "low", both as bytes, on the device."""
        x = drawn_faces(n, self.side, self.seed, split).stored[0]
        return Data(x, in_parts(lambda part: avg_pool2d(part, 4), x), names=("x", "low"))

    def model(self, generator: SuperResolution | None = None) -> SRGAN:
        """The game, or the squared error alone; with an untrained generator where none is given."""
        generator = generator or SuperResolution(width=self.width, blocks=self.blocks)
        discriminator = PatchDiscriminator(3, self.discriminator_channels, norm=None)
        if not self.adversarial:
            return SRGAN(generator, discriminator, adversarial=False)
        content = FeatureDistance(eyes(), self.weights, pixels=1.0)
        return SRGAN(generator, discriminator, weight=self.weight, content=content, **slopes_held(self.r1))

    def stages(self) -> Generates[Stage, History, dict[str, float]]:
        data, generator = self.data(), None
        if self.adversarial:
            first = replace(self, adversarial=False).model()
            stage = Stage("squared", first, data, self.first_steps, self.batch_size, self.first_lr, self.options())
            history = yield stage
            take_average(first, history)
            generator = copy.deepcopy(first.generator)
        model = self.model(generator)
        history = yield Stage("model", model, data, self.steps, self.batch_size, self.lr, self.options())
        take_average(model, history)
        return self.figures(model)

    @torch.no_grad()
    def figures(self, model: SRGAN) -> dict[str, float]:
        n, network = choose(smoke=300, cpu=JUDGED), reader(FaceFactors(), "face_factors")
        train, test = drawn_faces(n, self.side, self.seed).x, self.pairs(n, "test")
        bicubic = judged(network, enlarged(test.low, 4).clamp(0, 1), test.x, train)
        mine = judged(network, model.enlarge(test.low), test.x, train)
        return mine | {f"bicubic, {name}": value for name, value in bicubic.items()}
