"""The experiments with variational autoencoders: what is trained on what, and what is reported."""

import pytest
import torch

from lecturelib.data import Data
from lecturelib.experiments import FacesVAE, LargeFacesVAE, MnistLikelihood, likelihood, run
from lecturelib.models.likelihoods import Perceptual
from lecturelib.models.vae import ImportanceWeighted


def load_small(name: str = "mnist", split: str = "train") -> Data:
    """Bars at one of four places, in grey: 200 to train on, 40 to test."""
    assert name == "mnist"
    x = torch.zeros(200 if split == "train" else 40, 1, 28, 28)
    for i, picture in enumerate(x):
        picture[0, 7 * (i % 4) : 7 * (i % 4) + 4] = 0.9
    return Data(x, torch.arange(len(x)) % 4)


@pytest.fixture
def small_mnist(monkeypatch):
    monkeypatch.setattr(likelihood, "load", load_small)


SMALL = MnistLikelihood(steps=60, batch_size=50, bound_steps=10, draws=20)


def test_pictures_are_binarised_anew_each_time_they_are_shown(small_mnist):
    stage = next(SMALL.stages())
    seen = [stage.model.transform(stage.data.x[:50]) for _ in range(2)]
    assert set(seen[0].unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(*seen)


def test_the_weights_start_as_said(small_mnist):
    vae = next(SMALL.stages()).model.model
    first = next(vae.encoder.parameters())
    assert first.abs().max().item() == pytest.approx((6 / sum(first.shape)) ** 0.5, rel=0.01)
    shown = load_small().x.mean(0).clamp(1e-3, 1 - 1e-3)
    torch.testing.assert_close(vae.decoder(torch.zeros(1, 50))[0].sigmoid(), shown)


def test_a_vae_is_measured_and_then_trained_on_the_importance_weighted_bound(small_mnist):
    outcome = run(SMALL, progress=False)
    assert list(outcome.models) == ["vae", "bound"]
    for name in ("VAE", "IWAE"):
        nats, bound = (outcome.figures[f"{name}: test negative {what} in nats"] for what in ("log-likelihood", "bound"))
        assert nats < bound < 28 * 28 * 0.6931  # of a coin for each pixel
    assert outcome.figures["VAE: test negative bound in nats"] != outcome.figures["IWAE: test negative bound in nats"]
    assert run(SMALL, progress=False).figures == outcome.figures
    weighted = outcome.models["bound"].model
    assert isinstance(weighted, ImportanceWeighted)
    assert weighted.k == 50
    assert weighted.vae is outcome.models["vae"].model
    assert len(outcome.histories["bound"]["loss"]) == 10


def test_the_faces_are_scored_by_the_regressors_first_layers():
    experiment = FacesVAE(steps=4, batch_size=8, n=64)
    outcome = run(experiment, progress=False)
    vae = outcome.models["model"]
    assert isinstance(vae.likelihood, Perceptual)
    shapes = [tuple(features.shape) for features in vae.likelihood.features(torch.rand(2, 3, 32, 32))]
    assert shapes == [(2, 32, 32, 32), (2, 64, 16, 16)]
    assert set(outcome.figures) == {"test squared error a pixel", "test KL in nats"}
    assert vae.sample(2).shape == (2, 3, 32, 32)


def test_large_faces_are_learned_from_with_all_that_varies(monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    experiment = LargeFacesVAE(steps=2, batch_size=4, n=12, size=64, channels=(8, 8, 16, 16))
    drawn = experiment.data()
    assert drawn.x.shape == (12, 3, 64, 64)
    outcome = run(experiment, progress=False)
    assert outcome.models["model"].sample(2).shape == (2, 3, 64, 64)
    assert 0 < outcome.figures["test squared error a pixel"] < 0.5
