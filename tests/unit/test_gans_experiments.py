"""The experiments with DCGANs: that each setting changes what it says, and what is measured."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from lecturelib.data import load
from lecturelib.experiments import run
from lecturelib.experiments.gans import DigitsGAN, FacesGAN, Noisy, OneBatch, reader
from lecturelib.experiments.labels import ConditionalDigits, Enlarged, SemiSupervised, SmallSets, with_classes
from lecturelib.games import R1, NonSaturating
from lecturelib.model import Model
from lecturelib.models.dcgan import ProjectionDiscriminator
from lecturelib.models.gan import GAN

SMALL = DigitsGAN(n=300, channels=(16, 8), critic=(8, 16), noise=8)


def count(network: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(module, kind) for module in network.modules())


def normed(network: nn.Module) -> int:
    return count(network, nn.BatchNorm2d)


def test_the_guidelines_are_kept():
    gan = DigitsGAN().model()
    assert type(gan) is GAN
    assert (gan.betas, gan.penalty, gan.game) == ((0.5, 0.999), None, NonSaturating())
    assert count(gan.generator, nn.ConvTranspose2d) == count(gan.generator, nn.BatchNorm2d) == 2
    assert count(gan.discriminator, nn.BatchNorm2d) == 1
    assert isinstance(gan.generator.blocks[-1], nn.Tanh)
    assert {m.negative_slope for m in gan.discriminator.modules() if isinstance(m, nn.LeakyReLU)} == {0.2}
    assert gan.generator.project[0].weight.std().item() == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize(("setting", "holds"), [
    ({"strides": False}, lambda g: count(g.discriminator, nn.MaxPool2d) == count(g.generator, nn.Upsample) == 2),
    ({"norm": False}, lambda g: normed(g.generator) == 0 < normed(g.discriminator)),
    ({"critic_norm": False}, lambda g: normed(g.discriminator) == 0 < normed(g.generator)),
    ({"hidden": 7}, lambda g: count(g.generator, nn.Linear) == count(g.discriminator, nn.Linear) == 2),
    ({"rectified": False}, lambda g: (count(g.generator, nn.ReLU), count(g.generator, nn.Tanh)) == (0, 3)),
    ({"bounded": False}, lambda g: count(g.generator, nn.Tanh) == 0 < count(g.generator, nn.ReLU)),
    ({"leak": 0.0}, lambda g: {m.negative_slope for m in g.modules() if isinstance(m, nn.LeakyReLU)} == {0.0}),
    ({"spread": None}, lambda g: g.generator.project[0].weight.std() > 0.1),
    ({"beta1": 0.9}, lambda g: g.betas == (0.9, 0.999)),
    ({"smooth": 0.9}, lambda g: g.game == NonSaturating(0.9)),
    ({"haze": 0.3}, lambda g: isinstance(g.discriminator, Noisy) and g.discriminator.sigma == 0.3),
    ({"r1": 2.0}, lambda g: (g.penalty, g.lazy) == (R1(2.0), 8)),
    ({"together": True}, lambda g: isinstance(g, OneBatch)),
])  # fmt: skip
def test_each_setting_changes_one_thing(setting, holds):
    assert holds(replace(SMALL, **setting).model())
    assert not holds(SMALL.model())


def test_the_rate_falls_unless_it_is_told_not_to():
    assert SMALL.options()["schedule"](0.8) == pytest.approx(0.5)
    assert replace(SMALL, falls=1.0).options()["schedule"] is None
    assert replace(SMALL, averaged=0.9).options()["ema"] == 0.9


def test_noise_is_seen_in_training_alone():
    noisy, x = Noisy(nn.Flatten(), 0.5), torch.zeros(400, 9)
    assert noisy(x).std().item() == pytest.approx(0.5, rel=0.1)
    assert torch.equal(noisy.eval()(x), x)


def test_one_batch_has_statistics_of_both():
    torch.manual_seed(0)
    gan = replace(SMALL, together=True).model()
    seen = []
    gan.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    x = torch.rand(6, 1, 28, 28)
    parts = gan.loss(x)
    (both,) = seen
    torch.testing.assert_close(both[:6], x)
    scores = gan.discriminator(both)
    wanted = gan.game.discriminator(scores[:6], scores[6:])
    torch.testing.assert_close(parts["loss"], wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("experiment", [
    SMALL, replace(SMALL, averaged=0.9), replace(SMALL, together=True, haze=0.1), replace(SMALL, r1=1.0),
    FacesGAN(n=300, channels=(16, 8, 8), critic=(8, 8, 16), noise=8)])  # fmt: skip
def test_runs_to_figures(experiment, monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    figures = run(experiment, progress=False).figures
    assert figures["their ratio"] == pytest.approx(figures["Fréchet distance"] / figures["of training pictures"])
    assert figures["their ratio"] > 3  # ten steps make no digits
    assert 0 <= figures["recall"] < 0.3


@pytest.mark.parametrize("adversarial", [True, False])
def test_few_named_digits(adversarial, monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    experiment = SemiSupervised(adversarial=adversarial, named=3, n=400, channels=(16, 8), critic=(8, 16))
    outcome = run(experiment, progress=False)
    assert 0.05 < outcome.figures["accuracy"] < 0.9
    assert isinstance(outcome.models["model"], GAN) == adversarial
    if adversarial:
        assert outcome.models["model"].y.bincount().tolist() == [3] * 10


@pytest.mark.parametrize("projected", [True, False])
def test_digits_that_are_asked_for(projected, monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    experiment = ConditionalDigits(projected=projected, n=300, channels=(16, 8), critic=(8, 16), noise=8)
    outcome = run(experiment, progress=False)
    gan, figures = outcome.models["model"], outcome.figures
    assert gan.conditional
    assert isinstance(gan.discriminator, ProjectionDiscriminator) == projected
    assert 0 <= figures["of the worst class"] <= figures["made as asked"] < 0.5
    (x, y), digits = next(experiment.data().batches(40, seed=1)), load("glyphs", n=300)
    where = [int((digits.x == one).flatten(1).all(1).nonzero()[0, 0]) for one in x]
    assert torch.equal(y.argmax(1), digits.y[where])
    assert with_classes(digits).stored[0].dtype == torch.uint8  # a quarter of the memory


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


def test_a_part_of_the_batch_is_made_and_keeps_its_class():
    gan = GAN(Asked(), nn.Linear(1, 1), noise=2, conditional=True)
    model = Enlarged(Watched(), gan, share=0.25)
    assert {name for name, _ in model.named_parameters()} == {"classifier.weight"}
    model.loss(torch.full((40, 1, 4, 4), 7.0), torch.full((40,), 3))
    x, y = model.classifier.seen
    assert x.shape == (40, 1, 4, 4)
    assert (x[:30] == 7).all()
    assert (y[:30] == 3).all()
    assert torch.equal((10 * x[30:, 0, 0, 0]).round().long(), y[30:])
    assert len(y[30:].unique()) > 3


@pytest.mark.parametrize("setting", [
    {}, {"changed": True}, {"made": True}, {"changed": True, "made": True}, {"more": 3}])  # fmt: skip
def test_small_sets(setting, monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    outcome = run(SmallSets(counts=(2, 4), **setting), progress=False)
    assert outcome.figures.keys() == {"2", "4"}
    assert all(0.05 < accuracy < 0.9 for accuracy in outcome.figures.values())
    assert len(outcome.models) == (4 if setting.get("made") else 2)


def test_the_readers_come_trained():
    assert not reader("glyphs_classifier").training
    assert reader("face_factors").features(torch.rand(2, 3, 32, 32)).shape == (2, 256)
