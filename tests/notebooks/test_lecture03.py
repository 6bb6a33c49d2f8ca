"""What lecture 03 writes out is what lecturelib.models.autoencoder does."""

import pytest
import torch
from torch import nn
from written_out import definitions

from lecturelib.model import Model
from lecturelib.models.autoencoder import CrossEntropy, TiedAutoencoder, dense


@pytest.fixture(scope="module")
def lecture() -> dict:
    wanted = "TinyAutoencoder", "tied", "cross_entropy"
    return definitions("03_autoencoders", *wanted, torch=torch, nn=nn, Model=Model)


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(7, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def test_the_autoencoder_is_the_dense_one(lecture, x):
    ours = lecture["TinyAutoencoder"](64, hidden=20, code=3)
    twin = dense((1, 8, 8), 3, hidden=(20,), activation=nn.SiLU)
    twin.load_state_dict(dict(zip(twin.state_dict(), ours.state_dict().values(), strict=True)))
    torch.testing.assert_close(ours(x), twin(x))
    torch.testing.assert_close(ours.loss(x)["loss"], twin.loss(x)["loss"])


def test_the_tied_formula_is_the_tied_autoencoder(lecture, x):
    twin = TiedAutoencoder(64, 5, activation=nn.Identity())
    nn.init.normal_(twin.b)
    nn.init.normal_(twin.c)
    torch.testing.assert_close(lecture["tied"](x.flatten(1), twin.W, twin.b, twin.c), twin(x.flatten(1)))


@pytest.mark.parametrize("scale", [1, 50])
def test_the_cross_entropy_is_the_librarys(lecture, x, scale):
    logits = scale * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(lecture["cross_entropy"](logits, x), CrossEntropy()(logits, x))
