"""The contenders of the comparison: each runs, is measured alike, and says what it is measured by."""

from dataclasses import replace

import pytest
import torch

from lecturelib.experiments import run
from lecturelib.experiments.compared import Contender, whole
from lecturelib.experiments.contenders import CONTENDERS, ByVAE

TINY = {"steps": 2, "n": 200}


@pytest.fixture(autouse=True)
def smoke(monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")


@pytest.mark.parametrize("name", CONTENDERS)
def test_each_runs_and_is_measured_alike(name):
    small = {"prior_steps": 2} if name == "VQ-VAE" else {"width": 8, "layers": 2} if name == "PixelCNN" else {}
    one = replace(CONTENDERS[name], **TINY, **small)
    found = run(one, progress=False).figures
    assert {"Fréchet distance", "precision", "recall", "parameters"} <= set(found)
    assert ("bits a pixel" in found) == (name in ("VAE", "PixelCNN", "flow"))
    assert found["parameters"] > 1000


def test_bits_are_those_of_the_grey_values():
    x = Contender().digits(50)
    assert torch.equal(whole(x).float() / 15, x)
    vae = ByVAE().model().eval()
    bits = ByVAE().bits(vae, x[:10])
    assert (bits > 0).all()
    assert bits.mean() < 12  # untrained, and yet no more than a few times the four of a guess


def test_what_is_drawn_is_what_is_measured():
    class Copies(Contender):
        def draw(self, model, n):
            return self.digits(n, "test")[:n]

    model = ByVAE().model()
    good = Copies().figures(model)
    bad = ByVAE().figures(model)
    assert good["Fréchet distance"] < 0.2 * bad["Fréchet distance"]
    assert Copies().milliseconds(model, 5) > 0
