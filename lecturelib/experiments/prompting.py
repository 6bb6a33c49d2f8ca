"""Drawn faces from a short prompt: an autoencoder's code, and diffusion within it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lecturelib.data import Data, load
from lecturelib.data.prompts import NOTHING, VOCABULARY, WORDS, describe, encode, fulfilled, named, words
from lecturelib.experiments.faces import FaceFactors, FacesVAE, as_shipped, eyes
from lecturelib.experiments.gans import reader
from lecturelib.experiments.running import Training
from lecturelib.experiments.styled import judged
from lecturelib.models.diffusion import Diffusion
from lecturelib.models.latent import Latent
from lecturelib.models.likelihoods import Perceptual
from lecturelib.models.noising import Clean
from lecturelib.models.prompted import PromptedTransformer
from lecturelib.models.samplers import second_order
from lecturelib.models.vae import VAE
from lecturelib.runtime import choose, device
from lecturelib.training import cosine

VARY = (*FacesVAE.vary, "age")
# pairs of phrases that no face of the training set has both of
HELD_OUT = (("red hair", "glasses"), ("curly hair", "old"), ("blue wall", "dark skin"), ("pigtails", "smiling"))


def without(factors: Tensor, pairs: Sequence[tuple[str, str]]) -> Tensor:
    """Which faces (n, factors) have none of the pairs: (n,)."""
    kept = torch.ones(len(factors), dtype=torch.bool)
    for first, second in pairs:
        kept &= ~(named(first).true_of(factors) & named(second).true_of(factors))
    return kept


def faces(n: int, side: int, seed: int, split: str = "train", pairs: Sequence[tuple[str, str]] = HELD_OUT) -> Data:
    """Faces with x and factors, without those that have both of a pair; few in a smoke run."""
    n = choose(smoke=min(n, 400), cpu=n)
    found = load("faces", n=n, size=side, seed=seed, split=split, vary=VARY)
    return found.subset(without(found.factors, pairs))


def _unit(size_in: int, size_out: int, up: bool = False, down: bool = False) -> nn.Sequential:
    kind = nn.ConvTranspose2d if up else nn.Conv2d
    convolution = kind(size_in, size_out, 4, 2, 1, bias=False) if up or down else kind(
        size_in, size_out, 3, 1, 1, bias=False)  # fmt: skip
    return nn.Sequential(convolution, nn.BatchNorm2d(size_out), nn.SiLU())


@dataclass(frozen=True)
class FacesCode(Training):
    """A VAE whose code is a small picture: faces of 64 x 64 pixels as 16 x 16 places of four numbers.

    The KL weighs so little that it only keeps the code near N(0, 1); where codes lie is left to the model of the code.
    Scored as `FacesVAE`. Rombach et al. (2022), arXiv 2112.10752, section 3.1 ("KL-reg.").
    """

    steps: int = 5000
    batch_size: int = 32
    lr: float = 2e-3
    n: int = 20_000
    side: int = 64
    channels: int = 4
    width: int = 64
    beta: float = 0.02
    pixels: float = 40.0
    weights: tuple[float, float] = (0.5, 1.6)

    def data(self) -> Data:
        return faces(self.n, self.side, self.seed).only("x").to(device())

    def model(self) -> VAE:
        wide, thin = self.width, self.width // 2
        encoder = nn.Sequential(
            _unit(3, thin, down=True), _unit(thin, wide, down=True), _unit(wide, wide), _unit(wide, wide),
            nn.Conv2d(wide, 2 * self.channels, 1))  # fmt: skip
        decoder = nn.Sequential(
            _unit(self.channels, wide), _unit(wide, wide), _unit(wide, wide), _unit(wide, thin, up=True),
            _unit(thin, thin, up=True), nn.Conv2d(thin, 3, 3, 1, 1))  # fmt: skip
        likelihood = Perceptual(eyes(), self.weights, self.pixels)
        vae = VAE(encoder, decoder, self.channels, likelihood, beta=self.beta)
        return vae.to(memory_format=torch.channels_last)

    def options(self) -> Mapping:
        return {"schedule": cosine(warmup=0.05, flat=0.3), "precision": "auto"}

    @torch.no_grad()
    def figures(self, model: VAE) -> dict[str, float]:
        model.eval()
        test = faces(choose(smoke=50, cpu=1000), self.side, self.seed, "test", ())
        x, network = test.x.to(device()), reader(FaceFactors(), "face_factors")
        code = torch.cat([model.encode(part) for part in x.split(100)])
        made = torch.cat([model.decode(part) for part in code.split(100)])
        true, read = network.predict(x), network.predict(made)
        same = [(true[:, k] == read[:, k]).float().mean().item() for k in network.choices]
        return {"test squared error a pixel": (made - x).square().mean().item(),
                "deviation of the code": code.std().item(),
                "choices read alike": sum(same) / len(same)}  # fmt: skip


class PromptedDiffusion(Diffusion):
    """A diffusion whose data come with all that is true of a face; each time it is told a part of it, in words."""

    def dropped(self, condition: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Phrases (n, LENGTH) -> words (n, WORDS), in some examples none."""
        (phrases,) = condition
        share = torch.rand(len(phrases), 1, device=phrases.device)  # long prompts and short ones
        said = torch.where(torch.rand(phrases.shape, device=phrases.device) < share, phrases, NOTHING)
        return super().dropped((words(said),))


@dataclass(frozen=True)
class PromptedFaces(Training):
    """Diffusion in the code of `FacesCode`, told a prompt; some pairs of phrases never come together in training.

    Reported are Fréchet distance, precision and recall of faces for prompts of test faces; the share of the phrases
    asked for that the network which reads factors finds, and that share for prompts with the pairs left out.
    """

    steps: int = 6000
    batch_size: int = 64
    lr: float = 1.5e-3
    n: int = 24_000
    side: int = 64
    width: int = 128
    depth: int = 6
    patch: int = 4
    ema: float = 0.998
    walk: int = 16
    guidance: float = 2.0

    def code(self) -> VAE:
        """The autoencoder, as it is shipped."""
        return as_shipped(FacesCode(), "faces_code").to(device())

    @torch.no_grad()
    def data(self) -> Data:
        found = faces(self.n, self.side, self.seed)
        code = self.code()
        codes = torch.cat([code.encode(part.to(device())) for part in found.x.split(250)])
        return Data(codes, describe(found.factors, self.seed, share=1.0).to(device()), names=("x", "phrases"))

    def model(self) -> PromptedDiffusion:
        shape = (FacesCode().channels, self.side // 4, self.side // 4)
        network = PromptedTransformer(shape, vocabulary=len(VOCABULARY), words=WORDS, patch=self.patch,
                                      width=self.width, depth=self.depth)  # fmt: skip
        each = (shape[0], 1, 1)  # the code is brought to mean 0 and deviation 1
        return PromptedDiffusion(network, shape, target=Clean(), centre=torch.zeros(each), spread=torch.ones(each))

    def options(self) -> Mapping:
        return {"schedule": cosine(warmup=0.03, flat=0.5), "precision": "auto", "ema": self.ema}

    def prepare(self, model: PromptedDiffusion, data: Data) -> None:
        model.centre.copy_(data.x.mean((0, 2, 3))[:, None, None])
        model.spread.copy_(data.x.std((0, 2, 3))[:, None, None])

    @torch.no_grad()
    def figures(self, model: PromptedDiffusion) -> dict[str, float]:
        latent = Latent(self.code(), model).to(device()).eval()
        test = faces(choose(smoke=300, cpu=2000), self.side, self.seed, "test", ())
        asked = describe(test.factors, self.seed + 1)

        options = {"steps": choose(smoke=2, cpu=self.walk), "rule": second_order, "guidance": self.guidance}

        def draw(phrases: Tensor) -> Tensor:
            parts = [latent.sample(len(p), words(p).to(device()), **options) for p in phrases.split(250)]
            return torch.cat(parts).clamp(0, 1)

        left = iter(asked)
        found = judged(lambda n: draw(torch.stack([next(left) for _ in range(n)])), self.side, self.seed, VARY)
        some, network = asked[: choose(smoke=20, cpu=1000)], reader(FaceFactors(), "face_factors")
        pairs = encode([f"{first}, {second}" for first, second in HELD_OUT for _ in range(choose(smoke=2, cpu=50))])
        for name, prompts in (("as asked", some), ("as asked, pairs left out", pairs)):
            found[name] = fulfilled(prompts, network.predict(draw(prompts))).nanmean().item()
        return found
