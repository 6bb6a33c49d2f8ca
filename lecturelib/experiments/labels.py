"""Labels and GANs: digits that are asked for, few labels beside many pictures, training sets that are made larger."""

from collections.abc import Generator as Generates
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.data import Data, load
from lecturelib.data.augment import RandomAffine
from lecturelib.experiments.few_labels import FewLabels
from lecturelib.experiments.gans import DEEP, LONG, DigitsGAN, digits_reader, reader
from lecturelib.experiments.running import Experiment, Stage
from lecturelib.fidelity import copying, features_of
from lecturelib.model import Model, Turn
from lecturelib.models.classifier import Augmented, Classifies, ConvClassifier
from lecturelib.models.dcgan import Discriminator, Generator, ProjectionDiscriminator
from lecturelib.models.gan import GAN
from lecturelib.models.semi_supervised import SemiSupervisedGAN
from lecturelib.resume import History
from lecturelib.runtime import choose, device
from lecturelib.training import cosine

CLASSES = 10


def one_hot(y: Tensor) -> Tensor:
    """Labels (n,) as rows of zeros and a one, (n, 10)."""
    return F.one_hot(y, CLASSES).float()


def with_classes(digits: Data) -> Data:
    """x and the class of each as a row of zeros and a one: what a conditional GAN takes."""
    return Data(digits.stored[0], one_hot(digits.y))


def first_of_each(digits: Data, k: int) -> Data:
    """The first k digits of each class."""
    return digits.subset(torch.cat([(digits.y == c).nonzero()[:k, 0] for c in range(CLASSES)]))


def augmentation() -> RandomAffine:
    """What does not change a digit: moved, turned, slanted and stretched a little."""
    return FewLabels().change()


@dataclass(frozen=True)
class ConditionalDigits(DigitsGAN):
    """A DCGAN of drawn digits in which both players are told the class, and the share of digits made as asked.

    The class is joined to the noise; the discriminator has it as ten further channels (Mirza and Osindero 2014), or,
    `projected`, asks whether its features fit to the class (Miyato and Koyama 2018).
    """

    projected: bool = True
    classes = CLASSES

    def data(self) -> Data:
        return with_classes(load("glyphs", n=self.n, seed=self.seed)).to(device())

    def kind(self) -> type[Discriminator]:
        return ProjectionDiscriminator if self.projected else Discriminator

    def conditions(self, n: int) -> tuple[Tensor, ...]:
        return (one_hot(torch.arange(n, device=device()) % CLASSES),)

    def judged(self, classifier: Model, made: Tensor) -> dict[str, float]:
        right = as_asked(classifier, made, torch.arange(len(made), device=made.device) % CLASSES)
        return {"made as asked": sum(right) / CLASSES, "of the worst class": min(right)}


@dataclass(frozen=True)
class ShuffledLabels(ConditionalDigits):
    """The same networks, told labels that have nothing to do with the digits: what is not due to knowing."""

    def data(self) -> Data:
        digits = super().data()
        order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(self.seed)).to(digits.device)
        return Data(digits.stored[0], digits.stored[1][order])


SHIPPED = ConditionalDigits(steps=12_000, **DEEP, **LONG)  # its generator comes with the course


def as_asked(classifier: Model, made: Tensor, y: Tensor) -> list[float]:
    """For each class the share of the digits asked for, y (n,), that are read as it."""
    read = classifier.predict(made)
    return [(read[y == c] == c).float().mean().item() for c in range(CLASSES)]


class Supervised(Classifies, Model):
    """A network of logits that learns from labelled pictures, by the same Adam as a GAN's players."""

    def __init__(self, network: nn.Module, betas: tuple[float, float] = (0.5, 0.999)):
        super().__init__()
        self.network, self.betas = network, betas

    def forward(self, x: Tensor) -> Tensor:
        """The network's logits."""
        return self.network(x)

    def turns(self, lr: float) -> list[Turn]:
        """One Adam turn."""
        return [Turn("model", self.loss, torch.optim.Adam(self.parameters(), lr=lr, betas=self.betas, fused=True))]


@dataclass(frozen=True)
class SemiSupervised(Experiment):
    """Drawn digits of which few have labels: a classifier that is a GAN's discriminator, too.

    `adversarial` False: the same network learns from the labelled digits alone. `augmented`: it sees changed copies of
    the labelled ones. The figure is its accuracy on 5,000 test digits. Salimans et al. (2016), section 5, have 2 to 20
    labels a class of MNIST.
    """

    adversarial: bool = True
    augmented: bool = False
    labelled: int = 10  # digits of each class
    steps: int = 1500
    batch_size: int = 64
    lr: float = 5e-4
    n: int = 30_000
    noise: int = 64
    generator_channels: tuple[int, ...] = (96, 48)
    discriminator_channels: tuple[int, ...] = (32, 64)

    def stages(self) -> Generates[Stage, History, dict[str, float]]:
        digits = load("glyphs", n=self.n, seed=self.seed).to(device())
        few = first_of_each(digits, self.labelled)
        network = Discriminator((1, 28, 28), self.discriminator_channels, classes=CLASSES, norm=False)
        if self.adversarial:
            generator = Generator((1, 28, 28), self.noise, self.generator_channels)
            transform = augmentation() if self.augmented else None
            trained = model = SemiSupervisedGAN(generator, network, few, noise=self.noise, transform=transform)
            data = digits.only("x")
        else:
            model, data = Supervised(network), few
            trained = Augmented(model, augmentation()) if self.augmented else model
        options = {"schedule": cosine(flat=0.6), "precision": "auto"}
        yield Stage("model", trained, data, self.steps, min(self.batch_size, len(data)), self.lr, options)
        return {"accuracy": model.accuracy(load("glyphs", n=5000, seed=self.seed, split="test"))}


class Enlarged(Model):
    """A classifier that sees, beside each batch, as many examples of random classes from a conditional GAN."""

    def __init__(self, classifier: Model, gan: GAN):
        super().__init__()
        self.classifier = classifier
        self.source = [gan.eval()]  # in a list: no part of this model, and it stays in evaluation mode

    def forward(self, x: Tensor) -> Tensor:
        """The classifier's logits."""
        return self.classifier(x)

    def loss(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """The classifier's loss on the batch and the generated examples."""
        asked = torch.randint(CLASSES, (len(x),), device=x.device)
        made = self.source[0].sample(len(x), one_hot(asked))
        return self.classifier.loss(torch.cat([x, made.to(x)]), torch.cat([y, asked]))


@dataclass(frozen=True)
class SmallSets(Experiment):
    """A convolutional network learns to read from a few digits of each class, and from what is made of them.

    `augmented`: all that it sees is moved, turned and slanted, anew each time. `generated`: beside each batch it sees
    as many digits of a conditional GAN that was trained on the same few digits, or, `known`, of the one that comes with
    the course and has seen 120,000 others. `more`: it has so many times as many digits instead. In each arm it sees
    equally many real digits, in batches of 50.
    Figures for each number of digits: accuracy on 5,000 test digits; the share that the GAN makes as asked, and how
    probable it is that one of its digits lies nearer to the few real ones than an unseen digit does.
    """

    counts: tuple[int, ...] = (5, 20, 100, 500)
    augmented: bool = False
    generated: bool = False
    known: bool = False
    more: int = 1
    steps: int = 400
    batch_size: int = 50
    lr: float = 2e-3
    gan_steps: int = 1500

    def stages(self) -> Generates[Stage, History, dict[str, float]]:
        classifiers = [ConvClassifier((1, 28, 28)) for _ in self.counts]  # drawn first: the same weights in each arm
        n = choose(smoke=1000, cpu=2000 + 15 * max(self.counts) * self.more)  # so many that each class has enough
        digits = load("glyphs", n=n, seed=self.seed).to(device())
        test, judge = load("glyphs", n=5000, seed=self.seed, split="test").to(device()), digits_reader()
        options, figures = {"schedule": cosine(flat=0.6), "precision": "auto"}, {}
        for k, classifier in zip(self.counts, classifiers, strict=True):
            few = first_of_each(digits, k * self.more)
            model = Augmented(classifier, augmentation()) if self.augmented else classifier
            if self.generated:
                gan = reader(SHIPPED, "glyphs_conditional_gan") if self.known else ConditionalDigits().model()
                if not self.known:
                    yield Stage(f"gan{k}", gan, with_classes(few), self.gan_steps, self.batch_size, 2e-3, options)
                model = Enlarged(model, gan)
                y = torch.arange(1000, device=device()) % CLASSES
                made = gan.sample(len(y), one_hot(y))
                figures[f"{k}, made as asked"] = sum(as_asked(judge, made, y)) / CLASSES
                with torch.no_grad():
                    near = [features_of(judge.features, x) for x in (made, few.x, test.x[: len(y)])]
                figures[f"{k}, nearer than unseen digits"] = copying(*near)
            yield Stage(f"classifier{k}", model, few, self.steps, self.batch_size, self.lr, options)
            figures[f"{k}"] = classifier.accuracy(test)
        return figures
