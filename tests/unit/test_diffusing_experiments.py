"""The diffusion experiment: what it trains, and that what it measures notices what was asked for."""

from dataclasses import replace

import pytest
import torch

from lecturelib.data import load
from lecturelib.experiments import run
from lecturelib.experiments.diffusing import GlyphsDiffusion
from lecturelib.models.noising import Clean

TINY = GlyphsDiffusion(steps=3, n=300, width=16, depth=1, walk=2)


@pytest.fixture
def smoke(monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")


def test_it_runs_and_keeps_the_averaged_weights(smoke):
    outcome = run(replace(TINY, ema=0.5), progress=False)
    assert {"Fréchet distance", "read as asked", "precision", "recall"} <= set(outcome.figures)
    model, history = outcome.models["model"], outcome.histories["model"]
    assert model.target == Clean()
    for own, averaged in zip(model.parameters(), history.ema.parameters(), strict=True):
        assert torch.equal(own, averaged)


def test_figures_tell_right_digits_from_wrong_ones(smoke):
    """Real digits in place of samples: of the classes asked for, and each one class further."""
    digits = load("glyphs", n=2000, split="test")
    of_class = [digits.x[digits.y == k] for k in range(10)]

    def sampler(shift):
        def sample(n, asked, **_):
            return torch.stack([of_class[(int(k) + shift) % 10][i // 10] for i, k in enumerate(asked)])

        return sample

    model = TINY.model()
    model.sample = sampler(0)
    right = TINY.figures(model)
    model.sample = sampler(1)
    wrong = TINY.figures(model)
    assert right["read as asked"] > 0.9 > 0.1 > wrong["read as asked"]
    assert right["Fréchet distance"] == pytest.approx(wrong["Fréchet distance"], rel=0.3)
    assert right["precision"] > 0.7
