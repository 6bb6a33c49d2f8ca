"""Labels and GANs: digits that are asked for, few labels beside many pictures, training sets that are made larger."""

from collections.abc import Generator as Generates
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.data import Data, load
from lecturelib.data.augment import RandomAffine
from lecturelib.experiments.gans import JUDGED, DigitsGAN, distances, reader
from lecturelib.experiments.running import Experiment, Stage
from lecturelib.model import Model
from lecturelib.models.classifier import Augmented, Classifies, ConvClassifier
from lecturelib.models.dcgan import Discriminator, Generator, ProjectionDiscriminator
from lecturelib.models.gan import GAN
from lecturelib.models.semi_supervised import SemiSupervisedGAN
from lecturelib.resume import History
from lecturelib.runtime import choose, device
from lecturelib.training import cosine


def with_classes(digits: Data) -> Data:
    """x and the class of each as a row of zeros and a one: what a conditional GAN takes."""
    return Data(digits.stored[0], F.one_hot(digits.y, 10).float())


@dataclass(frozen=True)
class ConditionalDigits(DigitsGAN):
    """A DCGAN of drawn digits in which both players are told the class, and the share of digits made as asked.

    The class is joined to the noise; the discriminator has it as ten further channels (Mirza and Osindero 2014), or,
    `projected`, asks whether its features fit to the class (Miyato and Koyama 2018).
    """

    projected: bool = True
    classes = 10

    def data(self) -> Data:
        return with_classes(load("glyphs", n=self.n, seed=self.seed)).to(device())

    def judge(self, **options) -> Discriminator:
        kind = ProjectionDiscriminator if self.projected else Discriminator
        return super().judge(kind, conditions=self.classes, **options)

    @torch.no_grad()
    def figures(self, model: GAN) -> dict[str, float]:
        n, classifier = choose(smoke=200, cpu=JUDGED), reader("glyphs_classifier")
        train, test = (load("glyphs", n=n, seed=self.seed, split=split).x.to(device()) for split in ("train", "test"))
        y = torch.arange(n, device=device()) % 10
        made = model.eval().sample(n, F.one_hot(y, 10).float()).clamp(0, 1)
        right = [(classifier.predict(made[y == c]) == c).float().mean().item() for c in range(10)]
        return {"made as asked": sum(right) / 10, "of the worst class": min(right),
                **distances(classifier, train, test, made)}  # fmt: skip


class Alone(Classifies, Model):
    """A network of logits that learns from named pictures."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """The network's logits."""
        return self.network(x)


@dataclass(frozen=True)
class SemiSupervised(Experiment):
    """Drawn digits of which few have names: a classifier that is a GAN's discriminator, too.

    The figure is its accuracy on 5,000 test digits. Salimans et al. (2016), section 5, with 20 to 200 labels a class.
    """

    adversarial: bool = True  # otherwise the same network sees the named digits alone
    named: int = 10  # digits of each class
    steps: int = 1500
    batch_size: int = 64
    lr: float = 5e-4
    n: int = 30_000
    noise: int = 64
    channels: tuple[int, ...] = (96, 48)
    critic: tuple[int, ...] = (32, 64)

    def stages(self) -> Generates[Stage, History, dict[str, float]]:
        digits = load("glyphs", n=self.n, seed=self.seed).to(device())
        first = torch.cat([(digits.y == c).nonzero()[: self.named, 0] for c in range(10)])
        few = digits.subset(first)
        network = Discriminator((1, 28, 28), self.critic, classes=10, norm=False)
        model: Model = Alone(network)
        if self.adversarial:
            generator = Generator((1, 28, 28), self.noise, self.channels)
            model = SemiSupervisedGAN(generator, network, few, noise=self.noise)
        options = {"schedule": cosine(flat=0.6), "precision": "auto"}
        data = digits.only("x") if self.adversarial else few
        yield Stage("model", model, data, self.steps, min(self.batch_size, len(data)), self.lr, options)
        return {"accuracy": model.accuracy(load("glyphs", n=5000, seed=self.seed, split="test"))}


class Enlarged(Model):
    """A classifier for whom a part of each batch is replaced by what a conditional GAN makes, of random classes."""

    def __init__(self, classifier: Model, gan: GAN, share: float = 0.5):
        super().__init__()
        self.classifier, self.share = classifier, share
        self.made_by = [gan.eval()]  # in a list: no part of this model

    def forward(self, x: Tensor) -> Tensor:
        """The classifier's logits."""
        return self.classifier(x)

    def loss(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """The classifier's loss on the mixed batch."""
        n = round(self.share * len(x))
        asked = torch.randint(10, (n,), device=x.device)
        made = self.made_by[0].sample(n, F.one_hot(asked, 10).float())
        return self.classifier.loss(torch.cat([x[n:], made.to(x)]), torch.cat([y[n:], asked]))


@dataclass(frozen=True)
class SmallSets(Experiment):
    """A convolutional network learns to read from 5 to 500 digits of each class, and from what is made of them.

    `changed`: it sees them moved, turned and slanted, anew each time. `made`: half of what it sees comes from a
    conditional GAN that was trained on the same few digits (on changed copies of them, where `changed`). `more`: it has
    so many times as many digits instead. Figures: accuracy on 5,000 test digits.
    """

    counts: tuple[int, ...] = (5, 20, 100, 500)
    changed: bool = False
    made: bool = False
    more: int = 1
    steps: int = 400
    lr: float = 2e-3
    gan_steps: int = 400

    def stages(self) -> Generates[Stage, History, dict[str, float]]:
        digits = load("glyphs", n=choose(smoke=1000, cpu=20_000 * self.more), seed=self.seed).to(device())
        test = load("glyphs", n=5000, seed=self.seed, split="test")
        change, figures = RandomAffine(0.1, 15.0, 0.3, 0.15), {}
        for k in self.counts:
            first = torch.cat([(digits.y == c).nonzero()[: k * self.more, 0] for c in range(10)])
            few = digits.subset(first)
            model = classifier = ConvClassifier((1, 28, 28))
            options = {"schedule": cosine(flat=0.6), "precision": "auto"}
            if self.made:
                how = replace(ConditionalDigits(), r1=0.5, critic_norm=False)
                gan = how.model()
                turn = Augmented(gan, change) if self.changed else gan
                few_named = with_classes(few)
                yield Stage(f"gan{k}", turn, few_named, self.gan_steps, min(64, len(few)), 1e-3, options)
                model = Enlarged(classifier, gan)
            model = Augmented(model, change) if self.changed else model
            yield Stage(f"classifier{k}", model, few, self.steps, min(64, len(few)), self.lr, options)
            figures[f"{k}"] = classifier.accuracy(test)
        return figures
