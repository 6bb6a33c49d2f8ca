"""What lecture 04 writes out is what lecturelib.models.regularised does."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from written_out import definitions

import lecturelib
from lecturelib.model import Model
from lecturelib.models.autoencoder import Autoencoder
from lecturelib.models.regularised import L1, Sparse, UnitColumns


@pytest.fixture(scope="module")
def lecture() -> dict:
    wanted = "SparseCoder", "sparse_loss"
    names = definitions("04_sparse_denoising_contractive", *wanted, torch=torch, nn=nn, F=F, Model=Model)
    names["SparseCoder"].loss = names["sparse_loss"]
    return names


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_the_sparse_coder_is_the_librarys(lecture, weight):
    lecturelib.seed(0)
    ours = lecture["SparseCoder"](20, units=30, weight=weight)
    nn.init.normal_(ours.b)
    nn.init.normal_(ours.c)
    with torch.no_grad():
        ours.D.mul_(3.0)  # no longer of length 1
    encoder, decoder = nn.Linear(20, 30), UnitColumns(30, 20)
    encoder.weight, encoder.bias, decoder.D, decoder.c = ours.W, ours.b, ours.D, ours.c
    twin = Sparse(Autoencoder(nn.Sequential(encoder, nn.ReLU()), decoder), L1(), weight)
    x = torch.randn(7, 20)
    torch.testing.assert_close(ours.encode(x), twin.encode(x))
    torch.testing.assert_close(ours.decode(ours.encode(x)), twin(x))
    torch.testing.assert_close(ours.loss(x)["loss"], twin.loss(x)["loss"])


def test_free_columns_are_free(lecture):
    free = lecture["SparseCoder"](20, units=30, weight=1.0, unit_length=False)
    with torch.no_grad():
        free.D.mul_(3.0)
    torch.testing.assert_close(free.columns().norm(dim=0), torch.full((30,), 3.0))
