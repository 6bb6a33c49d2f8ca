"""Few labels: what 1 to 500 named digits per class are worth, with 10,000 unnamed pictures beside them and without.

Each seed draws its own pictures, pretrains its own encoder and names its own digits; the same seed pairs the arms.
"""

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lecturelib.data import Data, load
from lecturelib.data.augment import RandomAffine
from lecturelib.experiments.running import Experiment, Stage
from lecturelib.metrics import fit_probe
from lecturelib.model import Model
from lecturelib.models.autoencoder import Autoencoder, CrossEntropy, dense
from lecturelib.models.classifier import Augmented, ConvClassifier
from lecturelib.models.regularised import Denoising
from lecturelib.models.stacked import SoftmaxClassifier
from lecturelib.runtime import device
from lecturelib.training import cosine


@dataclass(frozen=True)
class FewLabels(Experiment):
    """Logistic regression on the pixels of k named digits per class."""

    counts: tuple[int, ...] = (1, 5, 10, 50, 500)
    n: int = 10_000
    size: int = 16
    shift: float = 0.1
    turn: float = 15.0
    shear: float = 0.3
    stretch: float = 0.15

    def change(self) -> RandomAffine:
        """What does not matter."""
        return RandomAffine(self.shift, self.turn, self.shear, self.stretch)

    def pictures(self, kind: str = "digits", split: str = "train") -> Data:
        """Drawn pictures of this seed."""
        n = self.n if split == "train" else 2000
        return load("glyphs", n=n, size=self.size, kind=kind, split=split, seed=self.seed).to(device())

    def named(self, digits: Data, k: int) -> Tensor:
        """Indices of k digits of each class."""
        rng = torch.Generator().manual_seed(self.seed)
        places = [(digits.y.cpu() == c).nonzero()[:, 0] for c in range(10)]
        return torch.cat([i[torch.randperm(len(i), generator=rng)[:k]] for i in places])

    def network(self) -> Autoencoder:
        """256 - 400 - 200 - 400 - 256, its code not negative."""
        autoencoder = dense((1, self.size, self.size), 200, (400,), error=CrossEntropy())
        autoencoder.encoder.append(nn.ReLU())
        return autoencoder

    def encoder(self) -> Generator[Stage, None, nn.Module]:
        """What the pictures pass through before they are classified."""
        yield from ()
        return nn.Flatten()

    def stages(self) -> Generator[Stage, None, dict[str, float]]:
        encoder = yield from self.encoder()
        digits, test = self.pictures(), self.pictures(split="test")
        h, h_test = (d.map(encoder.eval()).x for d in (digits, test))
        figures = {}
        for k in self.counts:
            which = self.named(digits, k)
            figures[f"{k}"] = fit_probe(h[which], digits.y[which], penalty=1.0)(h_test, test.y)
        return figures


@dataclass(frozen=True)
class UntrainedCode(FewLabels):
    """Logistic regression on the code of an encoder that was never trained."""

    def encoder(self) -> Generator[Stage, None, nn.Module]:
        yield from ()
        return self.network().encoder.to(device())


@dataclass(frozen=True)
class Pretrained(FewLabels):
    """Logistic regression on the code of an encoder that has learned, without labels, to undo small changes."""

    kind: str = "digits"  # or "letters": self-taught
    steps: int = 1200
    lr: float = 2e-3

    def encoder(self) -> Generator[Stage, None, nn.Module]:
        model = Denoising(self.network(), self.change())
        yield Stage("encoder", model, self.pictures(self.kind).only("x"), self.steps, 128, self.lr,
                    {"schedule": cosine(warmup=0.05)})  # fmt: skip
        return model.autoencoder.encoder


@dataclass(frozen=True)
class FromScratch(FewLabels):
    """The encoder and a softmax layer, all of it fresh, trained on the named digits alone."""

    changed: bool = False  # each step sees the digits changed anew
    steps: tuple[int, ...] = (300, 300, 300, 600, 1500)  # for each count: until more did not help
    rate: float = 1e-3

    def classifier(self, encoder: nn.Module) -> Model:
        """What is trained, fresh for each count."""
        return SoftmaxClassifier(encoder, 200)

    def stages(self) -> Generator[Stage, None, dict[str, float]]:
        encoder = yield from self.encoder()
        digits, test = self.pictures(), self.pictures(split="test")
        figures = {}
        for k, steps in zip(self.counts, self.steps, strict=True):
            which = self.named(digits, k)
            model = self.classifier(encoder)
            turn = Augmented(model, self.change()) if self.changed else model
            few = Data(digits.stored[0][which], digits.y[which])
            yield Stage(f"classifier{k}", turn, few, steps, min(50, len(few)), self.rate,
                        {"schedule": cosine(warmup=0.05)})  # fmt: skip
            figures[f"{k}"] = model.accuracy(test)
        return figures

    def encoder(self) -> Generator[Stage, None, nn.Module]:
        yield from ()
        return self.network().encoder


@dataclass(frozen=True)
class FineTuned(FromScratch):
    """The pretrained encoder and a softmax layer, all of it trained on the named digits."""

    pretraining: int = 1200

    def encoder(self) -> Generator[Stage, None, nn.Module]:
        model = Denoising(self.network(), self.change())
        yield Stage("encoder", model, self.pictures().only("x"), self.pretraining, 128, 2e-3,
                    {"schedule": cosine(warmup=0.05)})  # fmt: skip
        return model.autoencoder.encoder


@dataclass(frozen=True)
class Convolutional(FromScratch):
    """A small convolutional network from scratch on the named digits."""

    steps: tuple[int, ...] = (150, 150, 150, 200, 300)
    rate: float = 2e-3

    def classifier(self, encoder: nn.Module) -> Model:
        return ConvClassifier((1, self.size, self.size))
