"""The experiments of Hinton and Salakhutdinov (2006) on small data: what they train, and what their figure is."""

from dataclasses import asdict, replace

import pytest
import torch
from sklearn.decomposition import PCA as Reference
from torch import nn

import lecturelib
from lecturelib.data import Data
from lecturelib.experiments import EXPERIMENTS, hinton2006, run
from lecturelib.experiments.hinton2006 import (
    PCA,
    TEST,
    TRAIN,
    ConjugateAutoencoder,
    DeepAutoencoder,
    LinearCode,
    RectifiedAutoencoder,
    squared_error,
)
from lecturelib.models.autoencoder import dense
from lecturelib.models.conjugate import ConjugateGradients
from lecturelib.models.rbm import RBM
from lecturelib.models.units import Gaussian


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch) -> None:
    """Pictures of a 6 x 6 plane of grey with noise, 300 to train on and 100 to test on; patches are real-valued."""
    axis = torch.linspace(-1, 1, 6)

    def load(name: str, split: str = "train", n: int = 300, seed: int = 0) -> Data:
        rng = torch.Generator().manual_seed(seed + (split == "test"))
        n = n if name == "curves" else 300 if split == "train" else 100
        slopes = 2 * torch.randn(n, 2, 1, 1, generator=rng)
        t = slopes[:, 0] * axis + slopes[:, 1] * axis[:, None] + 0.3 * torch.randn(n, 6, 6, generator=rng)
        return Data(t[:, None].sigmoid(), torch.arange(n) % 3)

    def face_patches(seed: int = 0, split: str = "train") -> Data:
        return load("olivetti", split, seed=seed).map(lambda x: 4 * (x - 0.5))

    monkeypatch.setattr(hinton2006, "load", load)
    monkeypatch.setattr(hinton2006, "face_patches", face_patches)


SMALL = DeepAutoencoder(sizes=(30, 10, 2), pretrain_epochs=40, pretrain_batch=20, real_lr=0.01, epochs=60,
                        batch_size=20, lr=1e-2, precision=None)  # fmt: skip


def test_the_figure_is_the_sum_over_the_pixels_of_a_picture():
    x = torch.rand(2500, 1, 6, 6)
    assert squared_error(lambda part: part - 0.5, Data(x)) == pytest.approx(36 * 0.25, rel=1e-5)
    assert squared_error(torch.zeros_like, Data(x)) == pytest.approx(x.square().sum().item() / 2500, rel=1e-4)


@pytest.mark.parametrize("source", ["mnist", "curves", "olivetti"])
def test_pca_is_that_of_scikit_learn(source):
    experiment = PCA(source=source, code=3, n=400)
    figures = run(experiment, progress=False).figures
    train, test = (experiment.data(part).x.flatten(1).double().numpy() for part in ("train", "test"))
    assert len(test) == (200 if source == "curves" else 100)
    reference = Reference(3, svd_solver="full").fit(train)
    for name, x in ((TRAIN, train), (TEST, test)):
        rebuilt = reference.inverse_transform(reference.transform(x))
        assert figures[name] == pytest.approx(((x - rebuilt) ** 2).sum(1).mean(), rel=1e-4)


def test_logistic_pca_has_what_pca_has_not():
    pca = run(PCA(code=2), progress=False).figures[TEST]
    for optimal in (False, True):
        experiment = LinearCode(code=2, optimal=optimal, steps=400, batch_size=50, lr=1e-2)
        assert run(experiment, progress=False).figures[TEST] < pca  # the planes lie in the logits


def test_rbms_are_pretrained_unrolled_and_fine_tuned():
    outcome = run(SMALL, progress=False)
    assert list(outcome.models) == ["rbm0", "rbm1", "rbm2", "autoencoder"]
    rbms = [outcome.models[f"rbm{i}"] for i in range(3)]
    assert all(isinstance(rbm, RBM) for rbm in rbms)
    assert [isinstance(rbm.hidden_units, Gaussian) for rbm in rbms] == [False, False, True]
    assert [len(outcome.histories[f"rbm{i}"]["loss"]) for i in range(3)] == [600] * 3
    hardly = run(replace(SMALL, epochs=1, batch_size=300, lr=1e-7), progress=False)
    x = SMALL.data("test").x
    low, middle, top = (hardly.models[f"rbm{i}"] for i in range(3))
    up_and_down = low.decode(middle.decode(top(middle.encode(low.encode(x)))))
    torch.testing.assert_close(hardly.models["autoencoder"](x), up_and_down, atol=1e-4, rtol=0)
    assert outcome.figures[TEST] < 0.8 * hardly.figures[TEST]
    assert outcome.figures[TEST] < run(PCA(code=1), progress=False).figures[TEST]


def test_from_scratch_it_is_the_same_network():
    scratch = run(replace(SMALL, pretrain_epochs=0, epochs=1), progress=False).models
    assert list(scratch) == ["autoencoder"]
    pretrained = run(replace(SMALL, pretrain_epochs=1, epochs=1), progress=False).models["autoencoder"]
    shapes = [p.shape for p in pretrained.parameters()]
    assert [p.shape for p in scratch["autoencoder"].parameters()] == shapes
    x = SMALL.data("test").x
    assert scratch["autoencoder"](x).shape == x.shape
    kinds = [[type(m).__name__ for m in model.modules() if "Linear" in type(m).__name__ or "Sigm" in type(m).__name__]
             for model in (scratch["autoencoder"], pretrained)]  # fmt: skip
    assert kinds[0] == kinds[1]


def test_patches_of_faces_have_gaussian_pixels():
    outcome = run(replace(SMALL, source="olivetti", pretrain_lr=0.05, epochs=30), progress=False)
    assert isinstance(outcome.models["rbm0"].visible_units, Gaussian)
    assert outcome.models["autoencoder"](SMALL.data("test").x).min() < 0
    assert outcome.figures[TEST] < run(PCA(source="olivetti", code=1), progress=False).figures[TEST]


def test_as_many_line_searches_as_dimensions_minimise_a_quadratic():
    x = torch.randn(200, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    model = dense((1, 2, 2), 1)
    for p in [*model.encoder.parameters(), model.decoder[0][0].weight]:
        p.requires_grad_(False)  # what is left, the last biases, has a quadratic loss
    before = model.loss(x)["loss"].item()
    least = (x - model(x)).flatten(1).var(0, correction=0).sum().item()
    with pytest.raises(ValueError, match="at least one line search"):
        ConjugateGradients(model, 0)
    lecturelib.fit(ConjugateGradients(model, 4), Data(x), 1, batch_size=200, progress=False)
    assert before > least + 0.1
    assert model.loss(x)["loss"].item() == pytest.approx(least, abs=1e-5)


def test_line_searches_fine_tune_what_rbms_began(tmp_path):
    settings = asdict(SMALL) | {"epochs": 4, "batch_size": 100}
    experiment = ConjugateAutoencoder(**settings)
    outcome = run(experiment, tmp_path / "run", progress=False)
    losses = outcome.histories["autoencoder"]["loss"]
    assert len(losses) == 12
    assert losses[-1] < losses[0] - 0.5
    hardly = run(replace(SMALL, epochs=1, batch_size=300, lr=1e-7), progress=False)
    assert outcome.figures[TEST] < 0.9 * hardly.figures[TEST]
    again = run(experiment, tmp_path / "run", progress=False)  # from what it kept
    assert again.figures == pytest.approx(outcome.figures)


def test_every_row_of_the_paper_has_its_sizes():
    deep = {name: e for name, e in EXPERIMENTS.items() if isinstance(e, DeepAutoencoder)}
    assert {e.source: e.sizes for e in deep.values()} == {
        "mnist": (1000, 500, 250, 30), "curves": (400, 200, 100, 50, 25, 6), "olivetti": (2000, 1000, 500, 30)}
    assert {(e.source, e.code) for e in EXPERIMENTS.values() if isinstance(e, PCA | LinearCode)} == {
        ("mnist", 30), ("curves", 6), ("curves", 18), ("olivetti", 30)}  # fmt: skip


def test_todays_network_has_rectified_units_and_he_weights():
    lecturelib.seed(0)
    model = RectifiedAutoencoder(sizes=(400, 300, 5)).fresh((1, 20, 20))
    kinds = [type(module) for module in model.modules() if not list(module.children())]
    assert nn.ReLU in kinds
    assert nn.Sigmoid not in kinds
    first = next(module for module in model.modules() if isinstance(module, nn.Linear))
    assert first.weight.std().item() == pytest.approx((2 / 400) ** 0.5, rel=0.02)
    assert first.bias.abs().max() == 0
    settings = {name: getattr(SMALL, name) for name in ("sizes", "epochs", "batch_size", "precision")}
    outcome = run(RectifiedAutoencoder(**settings), progress=False)
    assert list(outcome.models) == ["autoencoder"]
    train, test = (PCA().data(part) for part in ("train", "test"))
    assert outcome.figures[TEST] < 0.5 * squared_error(lambda x: train.x.mean(0).expand_as(x), test)
