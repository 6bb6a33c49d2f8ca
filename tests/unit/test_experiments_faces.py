"""The study of debiasing: who is rare, what is no face, what is drawn, and what is measured."""

import pytest
import torch

import lecturelib
from lecturelib.data import load
from lecturelib.experiments import run
from lecturelib.experiments.debiasing import (
    GROUPS,
    VARY,
    FaceDetector,
    biased,
    groups,
    mixed,
    reweigh,
    scores,
    scrambled,
)


def test_few_are_dark_or_turned():
    data = load("faces", n=4000, seed=1, vary=VARY, bias=biased(0.1), keep=False)
    share = groups(data).bincount(minlength=4) / len(data)
    assert torch.allclose(share, torch.tensor([0.81, 0.09, 0.09, 0.01]), atol=0.02)
    even = load("faces", n=4000, seed=1, vary=VARY, bias=biased(0.5), keep=False)
    assert torch.allclose(groups(even).bincount(minlength=4) / len(even), torch.full((4,), 0.25), atol=0.03)


def test_what_is_no_face_has_the_same_pixels_elsewhere():
    x = torch.rand(200, 3, 16, 16)
    out = scrambled(x)
    changed = (out != x).flatten(1).any(1)
    assert changed.all()
    outside = torch.ones(16, 16, dtype=torch.bool)
    outside[4:12, 4:12] = False
    assert torch.equal(out[..., outside], x[..., outside])
    assert torch.allclose(out.flatten(2).sort().values, x.flatten(2).sort().values)
    upside_down = (out[:, :, 4:12, 4:12] == x[:, :, 4:12, 4:12].flip(2)).flatten(1).all(1)
    assert 60 < upside_down.sum() < 140
    quarter = out[~upside_down][0, :, 4:8, 4:8]
    corners = [x[~upside_down][0, :, i : i + 4, j : j + 4] for i in (4, 8) for j in (4, 8)]
    assert sum(torch.equal(quarter, corner) for corner in corners[1:]) == 1


def test_the_non_faces_are_the_same_whatever_faces_are_drawn():
    faces, others = torch.rand(50, 3, 16, 16), torch.rand(50, 3, 16, 16)
    plain, other = mixed(faces, others), mixed(faces, others)
    weights = torch.zeros(50)
    weights[7] = 3.0
    reweigh(other, weights)
    for (x, y), (x2, y2) in zip((next(plain.batches(100)),), (next(other.batches(100)),), strict=True):
        assert torch.equal(y, y2)
        assert 30 < y.sum() < 70
        assert torch.equal(x[y == 0], x2[y == 0])
        assert (x2[y == 1] == faces[7]).all()


def test_scores_of_a_detector_that_knows():
    class Mean(torch.nn.Module):
        def forward(self, x):
            return x.mean((1, 2, 3))

    group = torch.arange(40) % 4
    faces = torch.ones(40, 3, 16, 16) * torch.where(group == 3, -1.0, 1.0)[:, None, None, None]
    found = scores(Mean(), faces, group, -2 * torch.ones(30, 3, 16, 16))
    assert all(found[f"AUROC, {g}"] == 1 for g in GROUPS)  # all faces score above all that is none
    assert found[f"balanced accuracy, {GROUPS[0]}"] == 1
    assert found[f"balanced accuracy, {GROUPS[3]}"] == 0.5


def test_every_arm_runs_and_others_are_refused():
    small = {"n": 100, "share": 0.3, "rounds": 2, "round_steps": 2, "tested": 40}
    for arm in ("plain", "debiased", "oracle"):
        assert len(run(FaceDetector(arm=arm, **small), progress=False).figures) == 2 * len(GROUPS)
    lecturelib.seed(0)
    with pytest.raises(ValueError, match="choose plain, debiased or oracle"):
        run(FaceDetector(arm="planes", **small), progress=False)
