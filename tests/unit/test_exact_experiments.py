"""The PixelCNN of digits: coarse pictures, and what is reported."""

import pytest
import torch

from lecturelib.data import load
from lecturelib.experiments import run
from lecturelib.experiments.exact import GlyphsPixels, coarse

TINY = GlyphsPixels(steps=3, n=300, width=8, layers=2, side=8)


def test_coarse_pictures_are_whole_numbers_that_look_like_the_fine_ones():
    x = load("glyphs", n=50).x
    small = coarse(x)
    assert small.shape == (50, 1, 16, 16)
    assert not small.is_floating_point()
    assert (small.min().item(), small.max().item()) == (0, 15)
    assert small.float().mean() / 15 == pytest.approx(x.mean().item(), rel=0.05)
    assert torch.equal(coarse(torch.ones(1, 1, 28, 28), 4, 5), torch.full((1, 1, 4, 4), 4))


def test_it_runs_and_bits_are_those_of_its_own_probabilities(monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    outcome = run(TINY, progress=False)
    model = outcome.models["model"]
    test = load("glyphs", n=100, split="test")
    bits = -model.log_prob(coarse(test.x, 8), test.y).mean().item() / 64 / torch.log(torch.tensor(2.0)).item()
    assert outcome.figures["bits a pixel"] == pytest.approx(bits, rel=1e-4)
    assert 0 <= outcome.figures["read as asked"] <= 1
