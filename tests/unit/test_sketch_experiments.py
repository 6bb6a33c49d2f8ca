"""The experiments on drawings: what is measured is the bound, and Omniglot's file is read as it is."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import lecturelib
from lecturelib.data import DataError
from lecturelib.experiments import OmniglotSketches, Sketches, run
from lecturelib.experiments.sketches import nats
from lecturelib.models.sketch_rnn import SketchRNN

TINY = {"steps": 3, "batch_size": 4, "hidden": 8, "reader": 8, "components": 3, "latent": 4, "draws": 3}


def drawing(rng, moves: int) -> np.ndarray:
    x = rng.integers(-50, 50, (moves, 3)).astype(np.int16)
    x[:, 2] = np.arange(moves) == moves - 1
    return x


@pytest.fixture
def omniglot(tmp_path, monkeypatch):
    rng, place = np.random.default_rng(0), tmp_path / "sketch-rnn" / "omniglot"
    place.mkdir(parents=True)
    splits = {}
    for name, n in {"train": 12, "valid": 4, "test": 6}.items():
        splits[name] = np.empty(n, dtype=object)
        splits[name][:] = [drawing(rng, 4 + i) for i in range(n)]
    np.savez(place / "omniglot.npz", **splits)
    monkeypatch.setenv("LECTURELIB_DATA", str(tmp_path))


@torch.no_grad()
def test_the_bounds_are_those_of_the_model():
    lecturelib.seed(0)
    model = SketchRNN(latent=3, hidden=8, reader=8, components=3).eval()
    x, lengths = torch.randn(5, 6, 3), torch.tensor([6, 5, 4, 3, 2])
    x[:, :, 2] = (x[:, :, 2] > 0).float()
    found = nats(model, x, lengths, draws=400)
    expected = torch.stack([torch.stack(list(model.loss(x, lengths).values())) for _ in range(400)]).mean(0)
    assert found["negative bound"].mean() == pytest.approx(float(expected[0]), abs=0.1)
    assert found["KL"].mean() == pytest.approx(float(expected[2]), rel=1e-4)
    assert torch.allclose(found["negative bound"], found["reconstruction"] + found["KL"])
    assert (found["importance-weighted"] <= found["negative bound"] + 1e-4).all()


@torch.no_grad()
def test_many_draws_come_to_the_evidence():
    """Against an average of p(x|z) over draws of z from the prior, of a model whose posterior is near the prior."""
    lecturelib.seed(1)
    model = SketchRNN(latent=2, hidden=8, reader=8, components=3).eval()
    x, lengths = torch.randn(1, 4, 3).abs().round(), torch.tensor([4])
    z = torch.randn(20_000, 2)
    all_of = model.log_prob(x.expand(len(z), -1, -1), lengths.expand(len(z)), z)
    evidence = all_of.logsumexp(0) - torch.tensor(float(len(z))).log()
    found = nats(model, x, lengths, draws=3000)
    assert -found["importance-weighted"].item() == pytest.approx(evidence.item(), abs=0.02)


def test_without_an_encoder_both_bounds_are_the_likelihood():
    model = SketchRNN(latent=0, hidden=8, components=3).eval()
    x, lengths = torch.zeros(2, 4, 3), torch.tensor([4, 2])
    found = nats(model, x, lengths)
    assert torch.equal(found["negative bound"], -model.log_prob(x, lengths))
    assert found["KL"].abs().max() == 0


@pytest.mark.parametrize("latent", [4, 0])
def test_drawn_sketches_run_from_end_to_end(latent):
    outcome = run(Sketches(n=40, measured=8, **TINY | {"latent": latent}), progress=False)
    assert set(outcome.figures) == {
        f"test {name}, nats" for name in ("reconstruction", "KL", "negative bound", "importance-weighted")
    }


def test_omniglot_is_read_scaled_and_cut(omniglot):
    experiment = OmniglotSketches(longest=8, **TINY)
    data, test = experiment.data(), experiment.test()
    moves = torch.cat([x[:n, :2] for x, n in zip(data.x, data.lengths, strict=True)])
    assert len(data.x) == 5  # of 4 to 8 moves
    assert moves.std(correction=0) == pytest.approx(1, abs=0.02)
    assert test.scale == data.scale
    assert run(experiment, progress=False).figures["test KL, nats"] >= 0
    assert run(replace(experiment, latent=0), progress=False).figures["test KL, nats"] == 0


def test_without_the_file_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("LECTURELIB_DATA", str(tmp_path))
    with pytest.raises(DataError, match="there is no file"):
        OmniglotSketches().data()
