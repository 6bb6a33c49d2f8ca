"""Sketches as the moves of a pen: what they are made of, and that they are what they say."""

import pytest
import torch
from sklearn.ensemble import RandomForestClassifier

from lecturelib.data import DataError, load
from lecturelib.data.drawings import DRAWINGS
from lecturelib.data.sketches import LONGEST, pen_path


@pytest.fixture(scope="module")
def data():
    return load("sketches", n=3000)


def used(data) -> torch.Tensor:
    return torch.arange(data.x.shape[1]) < data.lengths[:, None]


def test_the_same_seed_gives_the_same_sketches_and_more_of_them(data):
    few = load("sketches", n=40)
    steps = few.x.shape[1]
    assert torch.equal(few.x, data.x[:40, :steps])
    assert torch.equal(few.lengths, data.lengths[:40])
    assert data.x[:40, steps:].abs().max() == 0 if data.x.shape[1] > steps else True
    assert not torch.equal(few.y, load("sketches", n=40, seed=1).y)
    assert not torch.equal(few.y, load("sketches", n=40, split="test").y)


def test_moves_are_scaled_padded_and_end_with_a_lift(data):
    here = used(data)
    assert float(data.x[here][:, :2].std()) == pytest.approx(1, abs=0.06)
    assert set(data.x[here][:, 2].tolist()) == {0.0, 1.0}
    assert (data.x[~here] == 0).all()
    last = data.x[torch.arange(len(data)), data.lengths - 1, 2]
    assert (last == 1).all()
    assert data.lengths.min() >= 10
    assert data.lengths.max() == data.x.shape[1] <= LONGEST


def test_all_classes_are_there_equally_often(data):
    assert len(data.classes) >= 8
    assert data.classes == sorted(DRAWINGS)
    shares = data.y.bincount(minlength=len(data.classes)) / len(data)
    assert (shares - 1 / len(data.classes)).abs().max() < 0.03


def test_no_two_are_alike_and_parts_come_and_go(data):
    for label in range(len(data.classes)):
        of_class = data.subset((data.y == label).nonzero()[:, 0])
        x = of_class.x.flatten(1)
        distance = torch.cdist(x, x) + 1e9 * torch.eye(len(x))
        assert distance.min() > 0.3
        assert of_class.lengths.unique().numel() >= 2, data.classes[label]


def test_half_of_the_people_begin_at_the_other_side(data):
    boats = data.subset((data.y == data.classes.index("boat")).nonzero()[:, 0])
    assert 0.3 < float((boats.x[:, 0, 0] > 0).float().mean()) < 0.7


def rasters(data, size: int = 12) -> torch.Tensor:
    """Where the ink of each sketch lies: counts on a coarse grid, from points along its lines."""
    out = torch.zeros(len(data), size * size)
    for i in range(len(data)):
        lines = pen_path(data.x[i], data.lengths[i])
        every = torch.cat(lines)
        low, span = every.amin(0), (every.amax(0) - every.amin(0)).amax()
        for points in lines:
            along = torch.linspace(0, 1, 8)[:, None, None]
            dots = ((1 - along) * points[:-1] + along * points[1:]).reshape(-1, 2)
            cells = ((dots - low) / span * (size - 1e-3)).long().clamp(0, size - 1)
            out[i] += torch.bincount(cells[:, 1] * size + cells[:, 0], minlength=size * size)
    return out


def test_the_ink_alone_tells_the_classes_apart(data):
    train, test = data.subset(slice(0, 1500)), load("sketches", n=500, split="test")
    forest = RandomForestClassifier(100, random_state=0).fit(rasters(train), train.y)
    assert forest.score(rasters(test), test.y) > 0.93


def test_a_path_is_the_sum_of_its_moves(data):
    lines = pen_path(data.x[0], data.lengths[0])
    whole = torch.cat(lines)
    assert len(whole) == data.lengths[0]
    assert len(lines) == int(data.x[0, :, 2].sum())
    assert torch.allclose(whole, data.x[0, : len(whole), :2].cumsum(0))
    unfinished = pen_path(torch.tensor([[1.0, 0, 0], [0, 1, 1], [2, 0, 0]]))
    assert [len(line) for line in unfinished] == [2, 1]


def test_some_classes_in_the_order_that_was_asked_for():
    data = load("sketches", n=60, classes=["fish", "cat"])
    assert data.classes == ["fish", "cat"]
    fish = load("sketches", n=200, classes=["fish"])
    assert set(fish.y.tolist()) == {0}


@pytest.mark.parametrize(("options", "words"), [
    ({"n": 0}, "n is 0"),
    ({"classes": ["cat", "dog"]}, "there is no class 'dog'; choose some of boat"),
    ({"classes": []}, "no class is named"),
    ({"split": "dev"}, "split is 'dev'"),
])  # fmt: skip
def test_bad_options_are_named(options, words):
    with pytest.raises(DataError) as error:
        load("sketches", **({"n": 5} | options))
    assert words in str(error.value)
