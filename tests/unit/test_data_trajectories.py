"""The paths of a pen: evenly spaced steps, ink where a stroke is, and nothing behind their ends."""

import pytest
import torch

from lecturelib.data import DataError, load
from lecturelib.data.strokes import POINTS, stroke_numbers


@pytest.fixture(scope="module")
def data():
    return load("trajectories", n=1500)


def test_shapes_ranges_and_padding(data):
    x, lengths = data.x, data.lengths
    assert x.shape == (1500, 36, 3)
    assert lengths.shape == data.y.shape == (1500,)
    assert 2 <= lengths.min() < lengths.max() <= 36
    assert data.y.bincount().min() > 100
    assert x[..., :2].abs().max() <= 1 + 1e-5
    assert set(x[..., 2].unique().tolist()) == {0.0, 1.0}
    behind = torch.arange(36) >= lengths[:, None]
    assert x[behind].abs().sum() == 0


def test_the_larger_side_is_two_and_the_middle_of_the_box_is_zero(data):
    x = data.x[..., :2].masked_fill((torch.arange(36) >= data.lengths[:, None])[:, :, None], torch.nan)
    high, low = x.nan_to_num(-9).amax(1), x.nan_to_num(9).amin(1)
    assert (high - low).amax(1).mean() > 1.9  # a turning point may lie between two steps
    assert (high + low).abs().mean() < 0.1
    assert (high - low)[data.y == 1].amin(1).mean() < 1.2  # proportions are kept: a 1 is narrow


def test_steps_are_even_along_the_path(data):
    for path, n in zip(data.x[:200], data.lengths[:200], strict=True):
        steps = path[:n, :2].diff(dim=0).norm(dim=1)
        assert steps.max() < 9 / 36 * 1.1 + 0.02  # along the curve all alike, a chord may be shorter
        assert steps.median() > 0.75 * 9 / 36


def test_long_shapes_have_more_steps_and_steps_scale_with_the_option(data):
    one, eight = (data.lengths[data.y == c].float().mean() for c in (1, 8))
    assert eight > 1.7 * one
    fine = load("trajectories", n=1500, steps=72)
    assert torch.equal(fine.y, data.y)
    ratio = (fine.lengths - 1) / (data.lengths - 1)
    assert ratio.mean().item() == pytest.approx(2, abs=0.05)
    ends = torch.arange(1500), data.lengths - 1
    torch.testing.assert_close(fine.x[torch.arange(1500), fine.lengths - 1], data.x[ends])
    torch.testing.assert_close(fine.x[:, 0], data.x[:, 0])


def test_the_pen_leaves_the_paper_between_strokes():
    assert stroke_numbers("0,0 10,0* 10,10 / 0,5 0,10").tolist() == sorted([0] * 77 + [1] * 19)[:POINTS]
    data = load("trajectories", n=1500, steps=72)
    lifts = ((data.x[:, 1:, 2] < data.x[:, :-1, 2]) & (torch.arange(1, 72) < data.lengths[:, None])).any(1)
    assert not lifts[(data.y == 0) | (data.y == 8)].any()  # one stroke
    assert 0.3 < lifts[data.y == 4].float().mean() < 0.9  # some hands write a 4 in one stroke
    first = data.x[torch.arange(1500), 0, 2]
    assert first.min() == 1


def test_the_same_seed_gives_the_same_paths_and_more_of_them():
    some, more = load("trajectories", n=30), load("trajectories", n=1100)
    assert torch.equal(some.x, more.x[:30])
    assert torch.equal(some.lengths, more.lengths[:30])
    for other in (load("trajectories", n=30, seed=1), load("trajectories", n=30, split="test")):
        assert not torch.equal(some.x, other.x)


@pytest.mark.parametrize(("kind", "classes"), [("letters", 26), ("all", 36)])
def test_letters(kind, classes):
    data = load("trajectories", n=1200, kind=kind, steps=20)
    assert data.x.shape == (1200, 20, 3)
    assert len(data.classes) == classes == len(data.y.unique())
    assert data.lengths.max() == 20  # the longest letters take longer steps


@pytest.mark.parametrize("options", [{"n": 0}, {"n": 2.5}, {"steps": 7}])
def test_numbers_out_of_range(options):
    option, value = next(iter(options.items()))
    with pytest.raises(DataError, match=rf"^{option} is {value!r}; a whole number"):
        load("trajectories", **options)


def test_other_kinds_and_splits():
    with pytest.raises(DataError, match="kind is 'runes'; choose one of digits"):
        load("trajectories", kind="runes")
    with pytest.raises(DataError, match="split is 'dev'; choose 'train' or 'test'"):
        load("trajectories", split="dev")
