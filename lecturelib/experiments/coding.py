"""Drawn digits as texts of whole numbers: a VQ-VAE, and a PixelCNN as the prior of its codes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lecturelib.data import Data, load
from lecturelib.experiments.faces import as_shipped
from lecturelib.experiments.gans import JUDGED, digits_reader, distances
from lecturelib.experiments.running import Training
from lecturelib.models.autoregressive import PixelCNN
from lecturelib.models.likelihoods import Gaussian
from lecturelib.models.vqvae import VQVAE, Quantiser, perplexity
from lecturelib.runtime import choose, device
from lecturelib.training import cosine

SIDE = 7  # of a code
AT_ONCE = 500


def digits(n: int, seed: int, split: str = "train") -> Data:
    """Digits with x and y on the device; few in a smoke run."""
    return load("glyphs", n=choose(smoke=min(n, 300), cpu=n), seed=seed, split=split).only("x", "y").to(device())


def _unit(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.SiLU())


@dataclass(frozen=True)
class GlyphsCode(Training):
    """A VQ-VAE that makes 7 x 7 whole numbers of a digit.

    Reported are the squared error a pixel on test digits, the share of them that is read correctly from the code, and
    the perplexity of the codebook's use.
    """

    steps: int = 4000
    batch_size: int = 64
    lr: float = 2e-3
    n: int = 60_000
    entries: int = 32
    code: int = 8  # numbers of an entry
    width: int = 48
    deviation: float = 0.15

    def data(self) -> Data:
        return digits(self.n, self.seed).only("x")

    def model(self) -> VQVAE:
        width = self.width
        encoder = nn.Sequential(nn.Conv2d(1, width, 6, 4, 1), nn.BatchNorm2d(width), nn.SiLU(), _unit(width, width),
                                nn.Conv2d(width, self.code, 1))  # fmt: skip
        decoder = nn.Sequential(_unit(self.code, width), _unit(width, width), nn.ConvTranspose2d(width, 1, 6, 4, 1))
        vqvae = VQVAE(encoder, decoder, Quantiser(self.entries, self.code), Gaussian(self.deviation))
        return vqvae.to(memory_format=torch.channels_last)

    def options(self) -> Mapping:
        return {"schedule": cosine(warmup=0.02, flat=0.3), "precision": "auto"}

    @torch.no_grad()
    def figures(self, model: VQVAE) -> dict[str, float]:
        model.eval()
        test = digits(JUDGED, self.seed, "test")
        codes = torch.cat([model.encode(part) for part in test.x.split(AT_ONCE)])
        made = torch.cat([model.decode(part) for part in codes.split(AT_ONCE)]).clamp(0, 1)
        read = (digits_reader()(made).argmax(1) == test.y).float().mean()
        return {"squared error a pixel": (made - test.x).square().mean().item(), "read correctly": read.item(),
                "perplexity": perplexity(codes, self.entries).item()}  # fmt: skip


@dataclass(frozen=True)
class GlyphsCodePrior(Training):
    """A PixelCNN of the codes of `GlyphsCode`, which is told the class.

    Reported are bits for the code of a test digit, given its class, and of as many samples the share that is read as
    the class that was asked for, Fréchet distance, precision and recall.
    """

    steps: int = 6000
    batch_size: int = 64
    lr: float = 4e-3
    n: int = 60_000
    width: int = 30
    layers: int = 4
    ema: float = 0.998

    def autoencoder(self) -> VQVAE:
        """The VQ-VAE, as it is shipped."""
        return as_shipped(GlyphsCode(), "glyphs_code").to(device())

    def data(self) -> Data:
        return digits(self.n, self.seed).map(self.autoencoder().encode)

    def model(self) -> PixelCNN:
        return PixelCNN((SIDE, SIDE), GlyphsCode().entries, self.width, self.layers, classes=10)

    def options(self) -> Mapping:
        return {"schedule": cosine(warmup=0.02, flat=0.4), "precision": "auto", "ema": self.ema}

    @torch.no_grad()
    def figures(self, model: PixelCNN) -> dict[str, float]:
        model.eval()
        autoencoder, n = self.autoencoder(), choose(smoke=200, cpu=JUDGED)
        train, test = (digits(n, self.seed, split) for split in ("train", "test"))
        bits = [-model.log_prob(autoencoder.encode(x), y) / math.log(2)
                for x, y in zip(test.x.split(AT_ONCE), test.y.split(AT_ONCE), strict=True)]  # fmt: skip
        asked = torch.arange(n, device=device()) % 10

        def draw(label: Tensor) -> Tensor:
            return autoencoder.decode(model.sample(len(label), label)).clamp(0, 1)

        made = torch.cat([draw(part) for part in asked.split(AT_ONCE)])
        read = (digits_reader()(made).argmax(1) == asked).float().mean()
        found = {"bits of a code": torch.cat(bits).mean().item(), "read as asked": read.item()}
        return found | distances(digits_reader(), train.x, test.x, made)
