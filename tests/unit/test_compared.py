"""The contenders of the comparison: each runs, is measured alike, and says what it is measured by."""

import math
from dataclasses import replace

import pytest
import torch
from sklearn.mixture import GaussianMixture

from lecturelib.experiments import run
from lecturelib.experiments.compared import SHAPE, TIMES, Contender, whole
from lecturelib.experiments.contenders import CONTENDERS, ByVAE
from lecturelib.experiments.densities import ByMixture, Gaussians

TINY = {"steps": 2, "n": 200}
SMALL = {
    "mixture of Gaussians": {"components": 2}, "VQ-VAE": {"inner_steps": 2}, "latent diffusion": {"inner_steps": 2},
    "PixelCNN": {"width": 8, "layers": 2},
}  # fmt: skip


@pytest.fixture(autouse=True)
def smoke(monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")


@pytest.mark.parametrize("name", CONTENDERS)
def test_each_runs_and_is_measured_alike(name):
    one = replace(CONTENDERS[name], **{"n": 200} if name == "mixture of Gaussians" else TINY, **SMALL.get(name, {}))
    outcome = run(one, progress=False)
    found = outcome.figures
    assert {"Fréchet distance", "precision", "recall", "parameters", *TIMES} <= set(found)
    assert ("bits a pixel" in found) == (name not in ("RBM", "DBN", "WAE", "DCGAN", "StyleGAN"))
    assert found["parameters"] > 1000
    assert found["milliseconds a sample"] > 0
    assert outcome.samples.shape == (10, *SHAPE)
    assert 0 <= outcome.samples.min() <= outcome.samples.max() <= 1


def test_bits_are_those_of_the_grey_values():
    x = Contender().digits(50)
    assert torch.equal(whole(x).float() / 15, x)
    vae = ByVAE().model().eval()
    bits = ByVAE().bits(vae, x[:10])
    assert (bits > 0).all()
    assert bits.mean() < 12  # untrained, and yet no more than a few times the four of a guess


def test_a_mixture_says_what_scikit_learn_says_and_draws_what_it_fits():
    one = ByMixture(components=2, n=300)
    x = one.digits(300)
    torch.manual_seed(0)
    filled = one.filled(x)
    assert torch.equal((filled * 16).floor(), whole(x).flatten(1).float())
    fitted = GaussianMixture(2, reg_covar=0.1, tol=1e6, random_state=0).fit(filled.numpy())
    model = Gaussians(fitted.weights_, fitted.means_, fitted.precisions_cholesky_)
    said = torch.as_tensor(fitted.score_samples(filled.numpy()), dtype=torch.float32)
    torch.testing.assert_close(model.mixture.log_prob(filled), said, rtol=1e-3, atol=0.1)
    drawn = model.sample(4000)
    torch.testing.assert_close(drawn.mean(0), filled.mean(0), rtol=0, atol=0.05)
    means = torch.as_tensor(fitted.means_ - fitted.weights_ @ fitted.means_)
    parts = torch.as_tensor(fitted.covariances_) + means[:, :, None] * means[:, None]
    wanted = (torch.as_tensor(fitted.weights_)[:, None, None] * parts).sum(0).float()
    off = (torch.cov(drawn.T) - wanted).square().mean().sqrt() / wanted.square().mean().sqrt()
    assert off < 0.3
    shown = one.draw(model, 50) * 15
    assert torch.equal(shown, shown.round())
    flat = torch.full((4, 1, 28, 28), 8 / 15)
    torch.manual_seed(1)
    bits = one.bits(model, flat)
    torch.manual_seed(1)
    nats = -model.mixture.log_prob((8 + torch.rand(4, 784)) / 16) + 784 * math.log(16)
    torch.testing.assert_close(bits, nats / 784 / math.log(2))


def test_what_is_drawn_is_what_is_measured():
    class Copies(Contender):
        def draw(self, model, n):
            return self.digits(n, "test")[:n]

    model = ByVAE().model()
    good = Copies().figures(model)
    bad = ByVAE().figures(model)
    assert good["Fréchet distance"] < 0.2 * bad["Fréchet distance"]
    assert Copies().milliseconds(model, 5) > 0
