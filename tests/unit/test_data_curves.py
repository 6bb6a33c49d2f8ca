"""Curves: drawn from three points, through which they go; patches of the Olivetti faces."""

import math

import numpy as np
import pytest
import torch

from lecturelib.data import DataError, load
from lecturelib.data.curves import MARGIN, SIZE, WIDTH, draw_curves
from lecturelib.data.olivetti import cut_patches, face_patches, olivetti


def test_a_larger_set_begins_with_the_smaller_one():
    few, many = load("curves", n=10, seed=3), load("curves", n=1100, seed=3)
    assert few.x.shape == (10, 1, 28, 28)
    assert torch.equal(few.x, many.x[:10])
    assert torch.equal(few.factors, many.factors[:10])
    assert 0 <= many.x.min() < many.x.max() <= 1
    assert not torch.equal(few.x, load("curves", n=10, seed=3, split="test").x)
    assert not torch.equal(few.x, load("curves", n=10, seed=4).x)
    torch.testing.assert_close(draw_curves(few.factors), few.x)
    with pytest.raises(DataError, match="choose 'train' or 'test'"):
        load("curves", split="validation")


def test_the_curve_goes_through_its_points_and_stays_in_the_picture():
    data = load("curves", n=500)
    points = SIZE * (MARGIN + (1 - 2 * MARGIN) * data.factors.view(-1, 3, 2))
    pixels = points.floor().long()  # a centre at most 0.71 pixels away
    for point in pixels.unbind(1):
        ink = data.x[torch.arange(500), 0, point[:, 1], point[:, 0]]
        assert ink.min() > WIDTH / 2 + 0.5 - 0.5**0.5 - 1e-4
    border = torch.cat([data.x[:, 0, 0], data.x[:, 0, -1], data.x[:, 0, :, 0], data.x[:, 0, :, -1]], 1)
    assert border.max() < 0.5


def test_points_are_in_the_order_of_a_gentle_curve():
    start, middle, end = load("curves", n=1000).factors.view(-1, 3, 2).unbind(1)
    longest = (start - end).norm(dim=1)
    assert (longest >= (start - middle).norm(dim=1)).all()
    assert (longest >= (end - middle).norm(dim=1)).all()
    assert (start[:, 0] <= end[:, 0]).all()
    together = torch.cat([start, middle, end]).flatten()
    assert abs(together.mean() - 0.5) < 0.02  # all points evenly in the square
    assert abs(together.std() - 12**-0.5) < 0.01


def test_a_straight_curve_is_a_straight_line():
    level = draw_curves(torch.tensor([[0.0, 0.5, 0.5, 0.5, 1.0, 0.5]]))[0, 0]
    torch.testing.assert_close(level, level.flip(0), atol=1e-5, rtol=0)
    inner = level[:, 8:20]
    torch.testing.assert_close(inner, inner[:, :1].expand_as(inner), atol=1e-5, rtol=0)
    away = torch.arange(SIZE) + 0.5 - SIZE / 2
    torch.testing.assert_close(inner[:, 0], (WIDTH / 2 + 0.5 - away.abs()).clamp(0, 1), atol=1e-5, rtol=0)


@pytest.mark.parametrize("factors", [torch.rand(3, 4), torch.rand(3, 6) + 1, torch.full((3, 6), torch.nan)])
def test_points_that_cannot_be_drawn_are_named(factors):
    with pytest.raises(DataError, match="numbers in \\[0, 1\\]: start across"):
        draw_curves(factors)


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """Two faces of each of 40 people, smooth, all different; a person's grey is the number of the person."""
    (tmp_path / "olivetti").mkdir()
    person = np.arange(40).repeat(2)
    rows = np.linspace(0, 40, 64)[:, None] + np.linspace(0, 20, 64)
    grey = (rows + 4 * person[:, None, None] + np.arange(80)[:, None, None] % 2).astype(np.uint8)
    path = tmp_path / "olivetti" / "olivetti.npz"
    np.savez(path, faces=grey, person=person)
    monkeypatch.setenv("LECTURELIB_DATA", str(tmp_path))
    return path


def test_people_are_in_one_split_alone(faces):
    train, test = olivetti(), olivetti(split="test")
    assert train.x.shape == (60, 1, 64, 64)
    assert test.x.shape == (20, 1, 64, 64)
    assert set(train.y.tolist()) == set(range(30))
    assert set(test.y.tolist()) == set(range(30, 40))


def test_patches_are_standardised_by_the_training_people(faces):
    train, test = face_patches(each=20), face_patches(each=20, split="test")
    assert train.x.shape == (1200, 1, 25, 25)
    assert len(test) == 400
    assert train.y.tolist() == [person for person in range(30) for _ in range(40)]
    torch.testing.assert_close(train.x.mean(0), torch.zeros(1, 25, 25), atol=1e-4, rtol=0)
    assert train.x.var(0, unbiased=False).mean().item() == pytest.approx(1, abs=1e-3)
    assert test.x.mean() > 1  # brighter people, and not standardised by themselves
    assert torch.equal(train.x, face_patches(each=20).x)
    assert not torch.equal(train.x, face_patches(each=20, seed=1).x)


def test_patches_are_turned_and_lie_inside_the_face(faces):
    """On a plane of grey a patch is a plane too: its slopes tell the turn and the scale."""
    patches = 255 * cut_patches(olivetti().x, 50, seed=0)[:, 0]
    down, across = patches.diff(dim=1).mean((1, 2)), patches.diff(dim=2).mean((1, 2))
    steep = math.hypot(40, 20) / 63  # of the face
    scale = torch.hypot(down, across) / steep
    assert scale.min() == pytest.approx(1.4, abs=0.05)
    assert scale.max() == pytest.approx(1.8, abs=0.05)
    turn = torch.atan2(across, down) - math.atan2(20, 40)
    assert turn.min() == pytest.approx(-math.pi / 2, abs=0.05)
    assert turn.max() == pytest.approx(math.pi / 2, abs=0.05)


def test_what_is_missing_or_broken_is_said(faces):
    np.savez(faces, faces=np.zeros((3, 8, 8), np.uint8), person=np.arange(3))
    with pytest.raises(DataError, match=r"holds faces \(3, 8, 8\)"):
        olivetti()
    faces.write_bytes(b"no zip file")
    with pytest.raises(DataError, match="is not the file of Olivetti faces"):
        olivetti()
    faces.unlink()
    with pytest.raises(DataError, match="fetch_olivetti_faces"):
        face_patches()
    with pytest.raises(DataError, match="each is 0"):
        face_patches(each=0)
