"""What lecture 09 writes out is what lecturelib does."""

import pytest
import torch
from written_out import definitions

import lecturelib
from lecturelib.models.debiasing import rareness
from lecturelib.models.vae import Decorrelated, dense_vae


@pytest.fixture(scope="module")
def lecture() -> dict:
    return definitions("09_disentangling_debiasing_wasserstein", "covariance_penalty", "rare_weights", torch=torch)


def test_the_penalty_is_the_librarys(lecture):
    lecturelib.seed(0)
    vae = dense_vae((1, 4, 4), 3, (8,), kind=Decorrelated, off_diagonal=7.0, diagonal=2.0)
    x = torch.rand(30, 1, 4, 4)
    torch.testing.assert_close(lecture["covariance_penalty"](vae.encode(x), 7.0, 2.0), vae.loss(x)["penalty"])


def test_the_weights_are_the_librarys(lecture):
    z = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(lecture["rare_weights"](z, bins=7, alpha=0.1), rareness(z, 7, 0.1), rtol=1e-5, atol=0)
