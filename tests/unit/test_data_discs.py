"""Discs: drawn from five numbers, each of which does what its name says."""

import pytest
import torch

from lecturelib.data import DataError, load
from lecturelib.data.discs import NAMES, draw_discs


def moved(name: str) -> torch.Tensor:
    """Two pictures, with one factor low and high, the others in the middle."""
    factors = torch.full((2, len(NAMES)), 0.5)
    factors[:, NAMES.index(name)] = torch.tensor([0.1, 0.9])
    return draw_discs(factors)[:, 0]


def test_a_larger_set_begins_with_the_smaller_one():
    few, many = load("discs", n=10, seed=3), load("discs", n=2000, seed=3)
    assert few.x.shape == (10, 1, 16, 16)
    assert torch.equal(few.x, many.x[:10])
    assert 0 <= many.x.min() < many.x.max() <= 1
    assert not torch.equal(few.x, load("discs", n=10, seed=3, split="test").x)
    assert many.factor_names == list(NAMES)
    off = torch.corrcoef(many.factors.T) - torch.eye(5)
    assert off.abs().max() < 0.1


def test_each_factor_does_what_its_name_says():
    place = torch.arange(16.0)
    left, right = moved("place across")
    assert (right * place).sum() / right.sum() > 1 + (left * place).sum() / left.sum()
    up, down = moved("place down")
    assert (down * place[:, None]).sum() / down.sum() > 1 + (up * place[:, None]).sum() / up.sum()
    small, large = moved("radius")
    assert (large > 0.9).sum() > 2 * (small > 0.9).sum()
    dark, bright = moved("ground")
    assert torch.allclose(bright[0, 0] - dark[0, 0], torch.tensor(0.4), atol=0.01)
    falls, rises = moved("slope")
    assert falls[0, 0] > falls[0, -1]
    assert rises[0, 0] < rises[0, -1]


@pytest.mark.parametrize("factors", [torch.rand(3, 4), torch.rand(3, 5) + 1, torch.full((3, 5), torch.nan)])
def test_factors_that_cannot_be_drawn_are_named(factors):
    with pytest.raises(DataError, match="numbers in \\[0, 1\\]: place across"):
        draw_discs(factors)
