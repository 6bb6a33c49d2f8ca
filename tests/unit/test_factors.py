"""The network that reads the factors of faces, and the weights that come with the course."""

import json

import pytest
import torch

import lecturelib
from lecturelib import shipping
from lecturelib.checkpoint import CheckpointError
from lecturelib.data import faces, load
from lecturelib.data.face_factors import FACTORS, Factor
from lecturelib.data.tensors import Data
from lecturelib.experiments import Outcome, Training, experiment, run
from lecturelib.models.factors import FactorRegressor
from lecturelib.shipping import pretrained, record_of, ship, shipped
from lecturelib.training import fit


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """Faces that are drawn here are kept here."""
    monkeypatch.setattr(faces, "KEPT", tmp_path / "drawn")
    lecturelib.seed(0)


def test_what_is_read_is_in_the_units_of_the_data():
    model = FactorRegressor(width=4, features=8)
    read = model.predict(torch.rand(5, 3, 32, 32))
    assert read.shape == (5, len(FACTORS))
    for factor, column in zip(FACTORS, read.T, strict=True):
        if factor.values:
            assert set(column.tolist()) <= set(range(len(factor.values)))
        else:
            assert factor.low <= column.min() <= column.max() <= factor.high
    assert model.training  # as it was


def test_larger_pictures_are_averaged_down():
    model = FactorRegressor(width=4, features=8).eval()
    x = torch.rand(3, 3, 32, 32)
    large = x.repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert torch.allclose(model.features(large), model.features(x), atol=1e-5)


def test_the_scores_are_r2_and_the_share_that_is_right(monkeypatch):
    factors = (Factor("a", "", -1, 1), Factor("b", "", values=("x", "y", "z")))
    model = FactorRegressor(factors, width=4, features=8)
    true = torch.tensor([[-1.0, 0], [0.0, 1], [1.0, 2], [0.5, 2]])
    read = torch.tensor([[-0.8, 0], [0.0, 1], [1.0, 0], [0.5, 2]])
    monkeypatch.setattr(model, "predict", lambda x: read)
    scores = model.scores(Data(torch.rand(4, 3, 32, 32), true, names=("x", "factors")))
    squares = (true[:, 0] - true[:, 0].mean()).square().sum()
    assert scores["a"] == pytest.approx(1 - 0.04 / float(squares))
    assert scores["b"] == 0.75


def test_a_tiny_one_learns_what_is_plain_to_see():
    data = load("faces", n=600, vary=("skin", "background"), keep=False).only("x", "factors")
    model = FactorRegressor(width=4, features=32)
    fit(model, data, 150, batch_size=50, lr=5e-3, progress=False)
    scores = model.scores(load("faces", n=200, split="test", vary=("skin", "background"), keep=False))
    assert scores["skin"] > 0.8
    assert scores["background"] > 0.8


# what is shipped


def small(profile: str = "cpu") -> Outcome:
    model = experiment("face_factors").model()
    return Outcome({}, {"model": model}, {}, {"profile": profile, "finished": True, "experiment": "face_factors"})


def test_shipped_weights_come_back_rounded_and_with_the_figures_of_the_rounded_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(type(experiment("face_factors")), "figures", lambda self, model: {
        "sum": float(model.head.weight.sum().detach()), "training": float(model.training)})  # fmt: skip
    outcome = small()
    before = outcome.models["model"].head.weight.detach().clone()
    path = ship("face_factors", outcome, tmp_path)
    monkeypatch.setattr(shipping, "WEIGHTS", tmp_path)
    assert shipped() == ["face_factors"]
    again = pretrained("face_factors")
    assert torch.equal(again.head.weight.cpu(), before.half().float())
    assert not again.training
    record = record_of("face_factors")
    assert record["figures"] == {"sum": pytest.approx(float(before.half().float().sum()), abs=1e-3), "training": 0.0}
    assert json.loads(path.read_text())["experiment"] == "face_factors"


def test_what_cannot_be_shipped_or_loaded_is_named(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="smoke profile"):
        ship("face_factors", small("smoke"), tmp_path)
    with pytest.raises(ValueError, match="several models"):
        ship("mnist_denoising", small(), tmp_path)
    with pytest.raises(ValueError, match="no weights come for 'faces'"):
        pretrained("faces")
    monkeypatch.setattr(shipping, "WEIGHTS", tmp_path)
    (tmp_path / "face_factors.json").write_text("{}")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        pretrained("face_factors")


def test_every_shipped_model_loads_and_says_how_it_was_made():
    assert shipped()
    total = sum(path.stat().st_size for path in shipping.WEIGHTS.iterdir())
    assert total < 25e6
    for name in shipped():
        record = record_of(name)
        assert record["experiment"] == name
        assert record["profile"] in ("cpu", "gpu")
        assert record["figures"]
        parameters = sum(p.numel() for p in pretrained(name).parameters() if p.requires_grad)
        trained = record["stages"]["model"]["parameters"]
        whole = type(experiment(name)).part is Training.part  # else the discriminators stayed at home
        assert parameters == trained if whole else 0 < parameters < trained


def test_the_shipped_regressor_reads_every_factor():
    model = pretrained("face_factors")
    scores = model.scores(load("faces", n=2000, seed=77, split="test"))
    for factor in FACTORS:
        assert scores[factor.name] >= (0.97 if factor.values else 0.9), factor.name


def test_and_reads_large_and_slightly_spoilt_faces():
    model = pretrained("face_factors")
    data = load("faces", n=500, seed=78, size=64, split="test")
    assert min(model.scores(data).values()) > 0.83
    noisy = Data((data.x + 0.03 * torch.randn_like(data.x)).clamp(0, 1), data.factors, names=("x", "factors"))
    assert min(model.scores(noisy).values()) > 0.75


@pytest.mark.slow
def test_the_experiment_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    made = type(experiment("face_factors"))(n=256, batch_size=32)
    outcome = run(made, tmp_path / "run", progress=False)
    assert set(outcome.figures) == {factor.name for factor in FACTORS}
