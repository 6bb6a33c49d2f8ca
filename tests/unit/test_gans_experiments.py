"""The experiments with DCGANs: that each setting changes what it says, and what is measured."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from lecturelib.data import load
from lecturelib.experiments import run
from lecturelib.experiments.faces import FaceFactors
from lecturelib.experiments.gans import (
    DigitsGAN,
    FacesGAN,
    InstanceNoise,
    JointBatches,
    LargeFacesGAN,
    digits_reader,
    reader,
)
from lecturelib.experiments.labels import (
    ConditionalDigits,
    Enlarged,
    SemiSupervised,
    ShuffledLabels,
    SmallSets,
    as_asked,
    first_of_each,
    one_hot,
    with_classes,
)
from lecturelib.games import R1, NonSaturating
from lecturelib.model import Model
from lecturelib.models.classifier import Augmented
from lecturelib.models.dcgan import ProjectionDiscriminator
from lecturelib.models.gan import GAN

TINY = {"n": 300, "generator_channels": (16, 8), "discriminator_channels": (8, 16), "noise": 8}
SMALL = DigitsGAN(**TINY)


def count(network: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(module, kind) for module in network.modules())


def normed(network: nn.Module) -> int:
    return count(network, nn.BatchNorm2d)


def slopes(network: nn.Module) -> set[float]:
    return {module.negative_slope for module in network.modules() if isinstance(module, nn.LeakyReLU)}


def test_the_guidelines_are_kept():
    gan = DigitsGAN().model()
    assert type(gan) is GAN
    assert (gan.betas, gan.penalty, gan.game) == ((0.5, 0.999), None, NonSaturating())
    assert count(gan.generator, nn.ConvTranspose2d) == normed(gan.generator) == 2
    assert normed(gan.discriminator) == 1
    assert isinstance(gan.generator.blocks[-1], nn.Tanh)
    assert slopes(gan) == {0.2}
    assert gan.generator.project[0].weight.std().item() == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize(("setting", "holds"), [
    ({"transposed": False}, lambda g: (count(g, nn.Upsample), count(g, nn.MaxPool2d)) == (2, 0)),
    ({"strided": False}, lambda g: (count(g, nn.Upsample), count(g, nn.MaxPool2d)) == (0, 2)),
    ({"generator_norm": False}, lambda g: normed(g.generator) == 0 < normed(g.discriminator)),
    ({"discriminator_norm": False}, lambda g: normed(g.discriminator) == 0 < normed(g.generator)),
    ({"hidden": 7}, lambda g: count(g.generator, nn.Linear) == count(g.discriminator.score, nn.Linear) == 2),
    ({"rectified": False}, lambda g: (count(g.generator, nn.ReLU), count(g.generator, nn.Tanh)) == (0, 3)),
    ({"bounded": False}, lambda g: count(g.generator, nn.Tanh) == 0 < count(g.generator, nn.ReLU)),
    ({"negative_slope": 0.0}, lambda g: slopes(g) == {0.0}),
    ({"init_std": None}, lambda g: g.generator.project[0].weight.std() > 0.1),
    ({"beta1": 0.9}, lambda g: g.betas == (0.9, 0.999)),
    ({"smooth": 0.9}, lambda g: g.game == NonSaturating(0.9)),
    ({"instance_noise": 0.3}, lambda g: isinstance(g.discriminator, InstanceNoise) and g.discriminator.sigma == 0.3),
    ({"r1": 2.0}, lambda g: (g.penalty, g.lazy) == (R1(2.0), 8)),
    ({"joint_batches": True}, lambda g: isinstance(g, JointBatches)),
])  # fmt: skip
def test_each_setting_changes_one_thing(setting, holds):
    for experiment in (SMALL, ConditionalDigits(**TINY)):
        assert holds(replace(experiment, **setting).model())
        assert not holds(experiment.model())


def test_the_rate_falls_unless_it_is_told_not_to():
    assert SMALL.options()["schedule"](0.8) == pytest.approx(0.5)
    assert replace(SMALL, falls=1.0).options()["schedule"] is None
    assert replace(SMALL, ema=0.9).options()["ema"] == 0.9


def test_noise_is_seen_in_training_alone():
    noisy, x = InstanceNoise(nn.Flatten(), 0.5), torch.zeros(400, 9)
    assert noisy(x).std().item() == pytest.approx(0.5, rel=0.1)
    assert torch.equal(noisy.eval()(x), x)


def test_joint_batches_are_joint_in_both_turns():
    torch.manual_seed(0)
    gan = replace(SMALL, joint_batches=True).model()
    seen = []
    gan.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    x = torch.rand(6, 1, 28, 28)
    for loss, wanted in ((gan.loss, gan.game.discriminator), (gan.generator_loss, lambda _, t: gan.game.generator(t))):
        parts = loss(x)
        both = seen.pop()
        assert len(both) == 12
        torch.testing.assert_close(both[:6], x)
        scores = gan.discriminator(both)
        torch.testing.assert_close(parts["loss"], wanted(scores[:6], scores[6:]), rtol=1e-3, atol=1e-4)
        seen.clear()
    with pytest.raises(ValueError, match="batches of its own"):
        replace(SMALL, joint_batches=True, r1=1.0).model()


@pytest.mark.parametrize("experiment", [
    SMALL, replace(SMALL, ema=0.9), replace(SMALL, joint_batches=True, instance_noise=0.1), replace(SMALL, r1=1.0),
    FacesGAN(**TINY | {"generator_channels": (16, 8, 8), "discriminator_channels": (8, 8, 16)}),
    LargeFacesGAN(**TINY | {"generator_channels": (16, 8, 8, 8), "discriminator_channels": (8, 8, 8, 8)}),
    ConditionalDigits(**TINY, ema=0.9), ConditionalDigits(**TINY, joint_batches=True)])  # fmt: skip
def test_runs_to_figures(experiment, monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    figures = run(experiment, progress=False).figures
    assert figures["their ratio"] == pytest.approx(figures["Fréchet distance"] / figures["of training pictures"])
    assert figures["their ratio"] > 3  # ten steps make no digits
    assert 0 <= figures["recall"] < 0.3


def test_averaged_weights_are_judged_with_statistics_of_their_own(monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    judged = []

    def look(self, model):
        judged.append(model)
        return {}

    monkeypatch.setattr(DigitsGAN, "figures", look)
    outcome = run(replace(SMALL, ema=0.9), progress=False)
    (model,) = judged
    assert model is outcome.models["model"]  # which is what would be shipped
    average = outcome.histories["model"].ema
    for name, value in model.named_parameters():
        assert torch.equal(value, average.get_parameter(name)), name
    norm = model.generator.blocks[0]
    with torch.no_grad():
        maps = model.generator.project(torch.randn(4000, 8)).view(-1, 16, 7, 7)
    torch.testing.assert_close(norm.running_mean, maps.mean((0, 2, 3)), atol=0.02, rtol=0)
    torch.testing.assert_close(norm.running_var, maps.var((0, 2, 3)), atol=0, rtol=0.2)


@pytest.mark.parametrize("projected", [True, False])
def test_digits_that_are_asked_for(projected, monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    experiment = ConditionalDigits(projected=projected, **TINY)
    outcome = run(experiment, progress=False)
    gan, figures = outcome.models["model"], outcome.figures
    assert gan.conditional
    assert isinstance(gan.discriminator, ProjectionDiscriminator) == projected
    assert 0 <= figures["of the worst class"] <= figures["made as asked"] < 0.5
    (x, y), digits = next(experiment.data().batches(40, seed=1)), load("glyphs", n=300)
    where = [int((digits.x == one).flatten(1).all(1).nonzero()[0, 0]) for one in x.cpu()]
    assert torch.equal(y.argmax(1).cpu(), digits.y[where])
    assert with_classes(digits).stored[0].dtype == torch.uint8  # a quarter of the memory
    shuffled = ShuffledLabels(**TINY).data()
    assert torch.equal(shuffled.x, experiment.data().x)
    assert torch.equal(shuffled.stored[1].sum(0), experiment.data().stored[1].sum(0))
    assert (shuffled.stored[1].argmax(1) == experiment.data().stored[1].argmax(1)).float().mean() < 0.3


def test_as_asked_counts_class_by_class():
    digits = load("glyphs", n=400, split="test")
    found = as_asked(digits_reader(), digits.x, digits.y)
    assert min(found) > 0.8
    assert as_asked(digits_reader(), digits.x[digits.y == 3], (digits.y[digits.y == 3] + 1))[4] < 0.1


@pytest.mark.parametrize("setting", [
    {"adversarial": True}, {"adversarial": True, "augmented": True}, {"adversarial": False},
    {"adversarial": False, "augmented": True}])  # fmt: skip
def test_few_labelled_digits(setting, monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    experiment = SemiSupervised(labelled=3, **TINY | {"n": 400}, **setting)
    (stage,) = [next(experiment.stages())]
    inside = getattr(stage.model, "transform", None)  # of changed copies; of a GAN's labelled pictures alone
    assert (inside is not None) == setting.get("augmented", False)
    assert isinstance(stage.model, Augmented) == (setting in ({"adversarial": False, "augmented": True},))
    assert len(stage.data) == (400 if setting["adversarial"] else 30)
    outcome = run(experiment, progress=False)
    assert 0.05 < outcome.figures["accuracy"] < 0.9
    if setting["adversarial"]:
        assert outcome.models["model"].y.bincount().tolist() == [3] * 10


class Asked(nn.Module):
    """A generator whose pictures are as bright as the class that was asked for."""

    def forward(self, z, y):
        return y.argmax(1).view(-1, 1, 1, 1).expand(-1, 1, 4, 4) / 10


class Watched(Model):
    """A classifier that keeps what it is given."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def loss(self, x, y):
        self.seen = x, y
        return {"loss": self.weight.sum()}


def test_generated_examples_come_beside_the_batch_and_keep_their_class():
    gan = GAN(Asked(), nn.Linear(1, 1), noise=2, conditional=True)
    model = Enlarged(Watched(), gan).train()
    assert not gan.training
    assert {name for name, _ in model.named_parameters()} == {"classifier.weight"}
    model.loss(torch.full((40, 1, 4, 4), 7.0), torch.full((40,), 3))
    x, y = model.classifier.seen
    assert x.shape == (80, 1, 4, 4)
    assert (x[:40] == 7).all()
    assert (y[:40] == 3).all()
    assert torch.equal((10 * x[40:, 0, 0, 0]).round().long(), y[40:])
    assert len(y[40:].unique()) > 3


def test_the_first_digits_of_each_class():
    digits = load("glyphs", n=500)
    few = first_of_each(digits, 4)
    assert few.y.tolist() == [c for c in range(10) for _ in range(4)]
    assert torch.equal(few.x[:4], digits.x[digits.y == 0][:4])
    assert torch.equal(one_hot(few.y).argmax(1), few.y)


@pytest.mark.slow
@pytest.mark.parametrize(("setting", "kinds", "digits"), [
    ({}, ["ConvClassifier"], 50), ({"augmented": True}, ["Augmented"], 50), ({"more": 3}, ["ConvClassifier"], 150),
    ({"generated": True}, ["GAN", "Enlarged"], 50), ({"augmented": True, "generated": True}, ["GAN", "Enlarged"], 50),
    ({"generated": True, "known": True}, ["Enlarged"], 50),
])  # fmt: skip
def test_small_sets(setting, kinds, digits, monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    experiment, seen = SmallSets(counts=(5,), **setting), []
    stages = experiment.stages()
    for stage in stages:
        seen.append(type(stage.model).__name__)
        assert (len(stage.data), stage.batch_size) == (digits, 50)
    assert seen == kinds
    if len(kinds) == 1 and digits == 50 and "known" not in setting:
        return
    figures = run(experiment, progress=False).figures
    of_gan = ["5, made as asked", "5, nearer than unseen digits"] if "generated" in setting else []
    assert figures.keys() == {"5", *of_gan}
    assert 0 < figures["5"] < 0.9
    assert (figures.get("5, made as asked", 0) > 0.9) == ("known" in setting)


def test_the_readers_come_trained():
    assert not digits_reader().training
    assert reader(FaceFactors(), "face_factors").features(torch.rand(2, 3, 32, 32)).shape == (2, 256)
