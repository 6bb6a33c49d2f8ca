"""What lecture 20 writes out is what lecturelib.fidelity does."""

import math

import pytest
import torch
from torch import nn
from written_out import definitions

from lecturelib.fidelity import copying, inception_score, parzen


@pytest.fixture(scope="module")
def lecture() -> dict:
    wanted = "parzen", "score", "nearest", "copying"
    return definitions("20_how_good_is_a_generative_model", *wanted, torch=torch, math=math, reader=nn.Flatten())


def test_the_window_is_the_librarys(lecture):
    x, samples = torch.rand(20, 1, 5, 5), torch.rand(30, 1, 5, 5)
    torch.testing.assert_close(lecture["parzen"](x, samples, 0.3), parzen(x, samples, 0.3))


def test_the_score_is_the_librarys(lecture):
    logits = 5 * torch.randn(1500, 10)
    assert lecture["score"](logits) == pytest.approx(inception_score(logits), rel=1e-9)


def test_the_share_of_nearer_samples_is_the_librarys(lecture):
    made, train, test = torch.randn(3, 100, 4, dtype=torch.float64)
    for samples in (made, train, test):
        assert lecture["copying"](samples, train, test) == pytest.approx(copying(samples, train, test), abs=1e-12)
