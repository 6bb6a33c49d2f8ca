"""Faces by StyleGAN and by networks that grow: what is trained, what is kept, what is measured."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lecturelib import shipping
from lecturelib.experiments import EXPERIMENTS, run
from lecturelib.experiments.styled import Fading, GrowingFaces, LargeStyledFaces, StyledFaces
from lecturelib.models.growing import GrowingDiscriminator, GrowingGAN, GrowingGenerator
from lecturelib.models.styled import StyleGenerator
from lecturelib.runtime import device
from lecturelib.training import Step

STYLED = StyledFaces(side=32, n=300, batch_size=8, channels=(8, 8, 8, 4), discriminator_channels=(8, 8, 8, 4), width=8)
GROWING = GrowingFaces(n=300, batch_size=8, channels=(8, 8, 4, 4), plan=(0, 1, 2, 3, 3), steps=3)


@pytest.fixture
def few_steps(monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")


def test_faces_by_styles_run_to_figures(few_steps):
    outcome = run(STYLED, progress=False)
    assert set(outcome.figures) >= {"Fréchet distance", "precision", "recall"}
    generator = outcome.models["model"].generator
    average = outcome.histories["model"].ema.generator
    assert all(torch.equal(a, b) for a, b in zip(generator.parameters(), average.parameters(), strict=True))
    many = generator.mapping(torch.randn(4000, STYLED.noise)).mean(0)
    assert (generator.centre - many).abs().max() < 0.2  # it is that of the averaged weights


def test_the_generator_alone_is_kept(few_steps, monkeypatch, tmp_path: Path):
    outcome = run(STYLED, progress=False)
    monkeypatch.setitem(EXPERIMENTS, "faces_stylegan", STYLED)
    monkeypatch.setattr(shipping, "check_can_ship", lambda *_: None)
    shipping.ship("faces_stylegan", outcome, tmp_path)
    monkeypatch.setattr(shipping, "WEIGHTS", tmp_path)
    generator = shipping.pretrained("faces_stylegan")
    assert isinstance(generator, StyleGenerator)
    assert not generator.training
    z, noises = torch.randn(2, STYLED.noise, device=device()), generator.noises()
    mine = outcome.models["model"].generator
    assert torch.equal(generator.synthesise(generator.styles(z), noises), mine.synthesise(mine.styles(z), noises))
    assert shipping.record_of("faces_stylegan")["model"] == "StyleGenerator"


def test_large_ones_differ_in_size_alone():
    large = LargeStyledFaces()
    assert (large.side, large.vary, len(large.channels)) == (128, None, 6)
    assert large.options()["compile"] == (device().type == "cuda")
    assert large.model().generator.sides[-1] == 128


@pytest.mark.parametrize("grow", [True, False])
def test_growing_looks_after_each_stretch(grow, few_steps):
    outcome = run(replace(GROWING, grow=grow), progress=False)
    sides = [outcome.figures[f"side {number}"] for number in range(5)]
    assert sides == ([4, 8, 16, 32, 32] if grow else [32] * 5)
    assert outcome.figures["Fréchet distance 4"] == outcome.figures["Fréchet distance"]
    assert len({id(model) for model in outcome.models.values()}) == 1


def test_a_level_is_faded_in_step_by_step():
    gan = GrowingGAN(GrowingGenerator(4, (8, 4)), GrowingDiscriminator((8, 4)), noise=4)
    fading = Fading(1, 10)
    for number, share in ((0, 0.1), (4, 0.5), (9, 1.0), (12, 1.0)):
        fading(gan, Step(number, {}), None, False)
        assert gan.generator.fade == pytest.approx(share)
        assert gan.discriminator.fading == (share < 1)
