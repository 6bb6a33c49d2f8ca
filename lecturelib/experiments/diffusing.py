"""Diffusion models of drawn digits."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from lecturelib.data import Data, load
from lecturelib.experiments.gans import JUDGED, SURE, digits_reader, distances
from lecturelib.experiments.running import Training
from lecturelib.models.denoisers import DenoisingTransformer
from lecturelib.models.diffusion import Diffusion
from lecturelib.models.noising import Clean
from lecturelib.models.samplers import second_order
from lecturelib.runtime import choose, device
from lecturelib.training import cosine


@dataclass(frozen=True)
class GlyphsDiffusion(Training):
    """A transformer that takes the noise out of drawn digits, 28 x 28, and is told the class.

    Large patches and the clean picture asked for: Li and He (2025), arXiv 2511.13720. Judged as the GANs of digits are,
    and by the share of digits that are read as the class that was asked for; from `walk` steps of the second-order rule
    with `guidance`.
    """

    steps: int = 8000
    batch_size: int = 64
    lr: float = 1.5e-3
    n: int = 100_000
    patch: int = 7
    width: int = 128
    depth: int = 6
    ema: float = 0.999
    walk: int = 16
    guidance: float = 1.5

    def data(self) -> Data:
        return load("glyphs", n=self.n, seed=self.seed).only("x", "y").to(device())

    def model(self) -> Diffusion:
        shape = (1, 28, 28)
        network = DenoisingTransformer(shape, patch=self.patch, width=self.width, depth=self.depth, classes=10)
        return Diffusion(network, shape, target=Clean(), centre=0.5, spread=0.5, clip=1.0)

    def options(self) -> Mapping:
        return {"schedule": cosine(warmup=0.045, flat=0.675), "precision": "auto", "ema": self.ema}

    @torch.no_grad()
    def figures(self, model: Diffusion) -> dict[str, float]:
        n, classifier = choose(smoke=200, cpu=JUDGED), digits_reader()
        train, test = (load("glyphs", n=n, seed=self.seed, split=split).x.to(device()) for split in ("train", "test"))
        asked = torch.arange(n, device=device()) % 10
        steps = choose(smoke=2, cpu=self.walk)
        made = model.eval().sample(n, asked, steps=steps, rule=second_order, guidance=self.guidance).clamp(0, 1)
        sure, label = classifier(made).softmax(1).max(1)
        read = {"read as asked": (label == asked).float().mean().item(),
                "sure of": (sure >= SURE).float().mean().item()}  # fmt: skip
        return read | distances(classifier, train, test, made)
