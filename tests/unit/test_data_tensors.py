"""Data: what it refuses, how it is cut, and the order in which batches come."""

import copy
import pickle
from itertools import islice

import pytest
import torch

from lecturelib.data import Data, DataError


@pytest.fixture
def data():
    return Data(torch.arange(50.0)[:, None], torch.arange(50) % 3, classes=["a", "b", "c"])


def rows(batches, k):
    return [x[:, 0].tolist() for x, _ in islice(batches, k)]


def examples(batches, k):
    return torch.cat([x[:, 0] for x, _ in islice(batches, k)]).tolist()


def test_every_example_once_an_epoch_in_a_new_order(data):
    first, second = (examples(data.batches(10, start=s), 5) for s in (0, 5))
    assert sorted(first) == sorted(second) == data.x[:, 0].tolist()
    assert first != second


def test_incomplete_batch_is_left_out(data):
    seen = examples(data.batches(16), 3)
    assert len(seen) == len(set(seen)) == 48


@pytest.mark.parametrize("size", [1, 7, 16, 50])
@pytest.mark.parametrize("k", [0, 1, 3, 11])
def test_start_equals_skipping(data, size, k):
    assert rows(data.batches(size, seed=4, start=k), 5) == rows(data.batches(size, seed=4), k + 5)[k:]


def test_seed_decides_the_order(data):
    assert rows(data.batches(8, seed=1), 9) == rows(data.batches(8, seed=1), 9)
    assert rows(data.batches(8, seed=1), 9) != rows(data.batches(8, seed=2), 9)


def test_global_random_state_is_left_alone(data):
    before = torch.get_rng_state()
    rows(data.batches(8), 9)
    data.split(0.5, -1)
    assert torch.equal(before, torch.get_rng_state())


def test_batches_keep_examples_together(data):
    x, y = next(data.batches(20))
    assert torch.equal(y, x[:, 0].long() % 3)


@pytest.mark.parametrize("size", [0, 51])
def test_impossible_batch_size(data, size):
    with pytest.raises(DataError, match="50 examples"):
        next(data.batches(size))


def test_uint8_is_handed_out_as_float():
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1, 1)
    data = Data(images, torch.tensor([0, 1, 2], dtype=torch.uint8))
    assert data.stored[0].dtype == torch.uint8
    assert torch.allclose(data.x.flatten(), torch.tensor([0.0, 0.2, 1.0]))
    x, y = next(data.batches(3))
    assert x.dtype == torch.float32
    assert x.max() == 1
    assert y.dtype == torch.long  # labels are not pictures
    assert sorted(y.tolist()) == [0, 1, 2]
    assert data.map(lambda x: x + 1).x.max() == 2
    assert data.stored[0].max() == 255


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ((), "at least one"),
        ((torch.zeros(3, 2), torch.zeros(4)), "same number"),
        ((torch.zeros(0, 2),), "empty"),
        ((torch.tensor([[1.0], [float("nan")]]),), r"NaN or infinity.*\[1\]"),
        ((torch.zeros(2, 1),) * 3, "3 tensors but 2 names"),
    ],
)
def test_refused(tensors, words):
    with pytest.raises(DataError, match=words):
        Data(*tensors)


def test_names_of_methods_are_refused():
    with pytest.raises(DataError, match="'split'"):
        Data(torch.zeros(2, 1), names=("split",))


def test_only_and_missing_names(data):
    assert data.only("y").names == ("y",)
    assert data.only("y", "x").names == ("y", "x")
    with pytest.raises(DataError, match="no 'z'; it holds x, y"):
        data.only("z")
    with pytest.raises(AttributeError, match="holds x, y"):
        _ = data.z


def test_subset(data):
    mask = data.y == 1
    assert torch.equal(data.subset(mask).x, data.x[mask])
    assert data.subset([3, 1]).x[:, 0].tolist() == [3, 1]
    assert len(data.subset(slice(0, 50, 10))) == 5
    assert data.subset(mask).classes == ["a", "b", "c"]
    for wrong in (3, [0.5], mask[:-1], [50], torch.zeros(50, dtype=torch.bool), []):
        with pytest.raises(DataError):
            data.subset(wrong)


def test_what_a_source_hangs_on_is_kept(data):
    data.truth = "known"
    assert data.subset([1, 2]).truth == data.only("x").truth == data.map(torch.exp).truth == "known"
    assert pickle.loads(pickle.dumps(copy.deepcopy(data))).truth == "known"


@pytest.mark.parametrize("stratify", [False, True])
def test_split_cuts_into_disjoint_parts(data, stratify):
    parts = data.split(0.5, 0.3, -1, stratify=stratify)
    assert [len(part) for part in parts] == [25, 15, 10]
    assert sorted(torch.cat([part.x for part in parts])[:, 0].tolist()) == data.x[:, 0].tolist()
    again = data.split(0.5, 0.3, -1, stratify=stratify)
    assert torch.equal(parts[0].x, again[0].x)
    assert not torch.equal(parts[0].x, data.split(0.5, -1, seed=1, stratify=stratify)[0].x)


def test_split_shares_that_do_not_fit_evenly(data):
    seven = data.subset(slice(0, 7))
    assert sum(len(part) for part in seven.split(0.5, 0.5)) == 7
    assert [len(part) for part in data.split(10, 5)] == [10, 5]


def test_stratified_split_keeps_the_shares():
    y = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)
    data = Data(torch.arange(100.0)[:, None], y)
    parts = data.split(0.5, 0.3, 0.2, stratify=True, seed=3)
    assert [part.y.bincount().tolist() for part in parts] == [[30, 15, 5], [18, 9, 3], [12, 6, 2]]
    for part in data.split(33, 33, 33, stratify=True):
        assert (part.y.bincount(minlength=3) - 33 * torch.tensor([0.6, 0.3, 0.1])).abs().max() < 1
    with pytest.raises(DataError, match="class labels"):
        data.only("x").split(0.5, -1, stratify=True)


@pytest.mark.parametrize("sizes", [(), (0,), (60,), (1.0,), (1.5,), (0.7, 0.7), (-1, -1), (50, -1)])
def test_impossible_splits(data, sizes):
    with pytest.raises(DataError, match="cannot cut"):
        data.split(*sizes)
