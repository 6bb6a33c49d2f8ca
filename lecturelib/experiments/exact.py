"""Models of drawn digits whose likelihood is exact."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lecturelib.data import Data, load
from lecturelib.experiments.gans import digits_reader
from lecturelib.experiments.running import Training
from lecturelib.models.autoregressive import PixelCNN
from lecturelib.runtime import choose, device
from lecturelib.training import cosine


def coarse(x: Tensor, side: int = 16, values: int = 16) -> Tensor:
    """Pictures (n, 1, h, w) in [0, 1] as side x side pixels with so many grey values: whole numbers."""
    x = F.interpolate(x, (side, side), mode="bilinear", antialias=True)
    return ((values - 1) * x).round().clamp(0, values - 1).long()


@dataclass(frozen=True)
class GlyphsPixels(Training):
    """A PixelCNN of drawn digits, 16 x 16 with 16 grey values, which is told the class.

    Reported are bits a pixel of test digits, given their class, and the share of 200 samples that the course's
    classifier reads as the class that was asked for, enlarged to the size that it knows.
    """

    steps: int = 4000
    batch_size: int = 32
    lr: float = 3e-3
    n: int = 60_000
    side: int = 16
    values: int = 16
    width: int = 32
    layers: int = 6
    ema: float = 0.998

    def data(self) -> Data:
        digits = load("glyphs", n=choose(smoke=min(self.n, 500), cpu=self.n), seed=self.seed).only("x", "y")
        return Data(coarse(digits.x, self.side, self.values), digits.y).to(device())

    def model(self) -> PixelCNN:
        return PixelCNN((1, self.side, self.side), self.values, self.width, self.layers, classes=10)

    def options(self) -> Mapping:
        return {"schedule": cosine(warmup=0.02, flat=0.3), "precision": "auto", "ema": self.ema}

    @torch.no_grad()
    def figures(self, model: PixelCNN) -> dict[str, float]:
        model.eval()
        test = load("glyphs", n=choose(smoke=100, cpu=2000), seed=self.seed, split="test")
        x, y = coarse(test.x, self.side, self.values).to(device()), test.y.to(device())
        bits = torch.cat(
            [model.loss(*part)["bits a dimension"][None] for part in zip(x.split(100), y.split(100), strict=True)]
        ).mean()
        asked = torch.arange(choose(smoke=10, cpu=200), device=device()) % 10
        made = F.interpolate(model.sample(len(asked), asked) / (self.values - 1), (28, 28), mode="bilinear")
        read = (digits_reader()(made).argmax(1) == asked).float().mean()
        return {"bits a pixel": bits.item(), "read as asked": read.item()}
