"""What lecture 23 writes out is what the library does, and its VAE is pulled to its rate from both sides."""

import math

import pytest
import torch
from torch import nn
from written_out import definitions

from lecturelib.models.likelihoods import Gaussian
from lecturelib.models.vae import VAE
from lecturelib.models.vqvae import Quantiser


@pytest.fixture(scope="module")
def lecture() -> dict:
    wanted = ("straight_through", "AtRate", "unit", "networks")
    return definitions("23_learned_codes_and_words", *wanted, torch=torch, nn=nn, math=math, VAE=VAE, BITS=245)


def test_straight_through_is_the_quantisers_step(lecture):
    torch.manual_seed(0)
    quantiser, z = Quantiser(7, 3).eval(), torch.randn(20, 3)
    answers = []
    for step in (lambda z: lecture["straight_through"](z, quantiser.book),
                 lambda z: quantiser(z.T[None, :, :, None])[0][0, :, :, 0].T):  # fmt: skip
        mine = z.clone().requires_grad_()
        made = step(mine)
        (slope,) = torch.autograd.grad(made.pow(3).sum(), mine)
        answers.append((made.detach(), slope))
    for a, b in zip(*answers, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(("written", "read"), [(8, 8), (8, 4)])
def test_networks_go_to_seven_by_seven_and_back(lecture, written, read):
    encoder, decoder = lecture["networks"](written, read, width=6)
    assert encoder(torch.rand(2, 1, 28, 28)).shape == (2, written, 7, 7)
    assert decoder(torch.rand(2, read, 7, 7)).shape == (2, 1, 28, 28)


@pytest.mark.parametrize("log_variance", [-6.0, 0.0])
def test_too_many_bits_cost_as_much_as_too_few(lecture, log_variance):
    torch.manual_seed(0)
    vae = lecture["AtRate"](*lecture["networks"](8, 4, width=6), 4, Gaussian(0.15))
    with torch.no_grad():
        vae.encoder[-1].weight[4:] = 0
        vae.encoder[-1].bias[4:] = log_variance
    parts = vae.loss(torch.rand(8, 1, 28, 28))
    bits = parts["kl"].item() / math.log(2)
    assert (bits > 245) == (log_variance < 0)
    assert (parts["loss"] - parts["reconstruction"]).item() == pytest.approx(20 * abs(bits - 245), rel=1e-4)
