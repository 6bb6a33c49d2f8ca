"""The experiments of faces from prompts: what is left out, what is told, what is measured."""

from dataclasses import replace

import pytest
import torch

from lecturelib.data import load
from lecturelib.data.prompts import LENGTH, NOTHING, WORDS, describe, named
from lecturelib.experiments import run
from lecturelib.experiments.prompting import HELD_OUT, VARY, FacesCode, PromptedFaces, faces, without

TINY = PromptedFaces(steps=3, n=200, width=16, depth=1, walk=2)


@pytest.fixture(autouse=True)
def smoke(monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")


@pytest.fixture
def tiny(monkeypatch) -> PromptedFaces:
    """With an autoencoder that is not trained."""
    torch.manual_seed(0)
    code = FacesCode(width=8).model().eval()
    monkeypatch.setattr(PromptedFaces, "code", lambda self: code)
    return TINY


def test_no_face_of_the_training_set_has_a_pair_that_is_left_out(monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "cpu")
    all_of_them = load("faces", n=1500, size=32, vary=VARY)
    kept = faces(1500, 32, 0)
    assert 0.5 * len(all_of_them) < len(kept) < 0.97 * len(all_of_them)
    for first, second in HELD_OUT:
        both = [named(first).true_of(d.factors) & named(second).true_of(d.factors) for d in (all_of_them, kept)]
        assert (both[0].any().item(), both[1].any().item()) == (True, False)
    assert without(kept.factors, HELD_OUT).all()
    assert len(faces(1500, 32, 0, pairs=())) == len(all_of_them)


def test_the_code_is_a_small_picture_that_is_decoded_to_a_face():
    vae, x = FacesCode(width=8).model().eval(), torch.rand(2, 3, 64, 64)
    assert vae.encode(x).shape == (2, 4, 16, 16)
    assert vae(x).shape == x.shape
    outcome = run(FacesCode(width=8, n=60, steps=2, batch_size=8), progress=False)
    assert 0 <= outcome.figures["choices read alike"] <= 1


def test_each_time_another_part_of_what_is_true_is_told(tiny):
    torch.manual_seed(0)
    model = replace(tiny).model()
    phrases = describe(load("faces", n=1, vary=VARY).factors.expand(400, -1), share=1.0)[:1].expand(400, -1)
    (told,) = model.dropped((phrases,))
    assert told.shape == (400, WORDS)
    lengths = (told != NOTHING).sum(1)
    assert lengths.float().std() > 2  # short prompts and long ones
    assert (lengths == 0).float().mean() > 0.1
    assert len({tuple(row) for row in told.tolist()}) > 20
    assert phrases.shape[1] == LENGTH


def test_it_runs_and_its_codes_are_standardised(tiny):
    outcome = run(tiny, progress=False)
    assert {"Fréchet distance", "as asked", "as asked, pairs left out"} <= set(outcome.figures)
    model, codes = outcome.models["model"], tiny.data().x
    inner = model.inner(codes)
    torch.testing.assert_close(inner.mean((0, 2, 3)), torch.zeros(4), atol=1e-3, rtol=0)
    torch.testing.assert_close(inner.std((0, 2, 3)), torch.ones(4), atol=1e-2, rtol=0)
