"""The experiments of digits as texts of whole numbers: what is trained on what, and how it is measured."""

from dataclasses import replace

import pytest
import torch

from lecturelib.experiments import run
from lecturelib.experiments.coding import SIDE, GlyphsCode, GlyphsCodePrior, digits
from lecturelib.models.autoregressive import PixelCNN

TINY = GlyphsCode(steps=3, n=100, width=8)
PRIOR = GlyphsCodePrior(steps=3, n=120, width=8, layers=2)


@pytest.fixture(autouse=True)
def smoke(monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")


@pytest.fixture
def code(monkeypatch):
    """An autoencoder that is not trained, in place of the shipped one."""
    torch.manual_seed(0)
    vqvae = TINY.model().eval()
    monkeypatch.setattr(GlyphsCodePrior, "autoencoder", lambda self: vqvae)
    return vqvae


def test_the_code_is_a_grid_of_whole_numbers():
    outcome = run(TINY, progress=False)
    assert set(outcome.figures) == {"squared error a pixel", "read correctly", "perplexity"}
    assert 1 <= outcome.figures["perplexity"] <= TINY.entries
    codes = outcome.models["model"].eval().encode(torch.rand(3, 1, 28, 28))
    assert codes.shape == (3, SIDE, SIDE)
    assert codes.dtype == torch.long


def test_the_prior_learns_the_codes_with_their_classes(code):
    data, found = PRIOR.data(), digits(120, 0)
    assert torch.equal(data.y, found.y)
    torch.testing.assert_close(data.x[:40].cpu(), code.encode(found.x[:40]).cpu())


def test_the_prior_is_measured_by_bits_and_by_what_it_draws(code):
    figures = run(PRIOR, progress=False).figures
    assert {"bits of a code", "read as asked", "Fréchet distance", "precision", "recall"} <= set(figures)
    even = PixelCNN((SIDE, SIDE), 32, 8, 2, classes=10)
    with torch.no_grad():
        even.head[-1].weight.zero_(), even.head[-1].bias.zero_()
    assert PRIOR.figures(even)["bits of a code"] == pytest.approx(49 * 5, rel=1e-5)  # log2 32 for each place


def test_both_have_the_same_entries():
    assert replace(GlyphsCodePrior()).model().levels == GlyphsCode().model().quantiser.book.shape[0]
