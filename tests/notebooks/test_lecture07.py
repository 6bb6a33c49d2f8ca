"""What lecture 07 writes out is what lecturelib.models.vae does."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal
from written_out import definitions

import lecturelib
from lecturelib.layers import mlp
from lecturelib.model import Model
from lecturelib.models.likelihoods import Gaussian
from lecturelib.models.vae import VAE, kl_to_standard_normal


@pytest.fixture(scope="module")
def lecture() -> dict:
    used = {"torch": torch, "nn": nn, "math": math, "Model": Model, "mlp": mlp, "Normal": Normal}
    return definitions("07_the_mathematics_of_the_vae", "kl", "TinyVAE", **used)


def test_the_divergence_is_the_librarys(lecture):
    mean, log_variance = torch.randn(2, 50)
    torch.testing.assert_close(lecture["kl"](mean, log_variance), kl_to_standard_normal(mean, log_variance))


def test_the_vae_is_the_librarys(lecture):
    lecturelib.seed(0)
    ours, x = lecture["TinyVAE"](), torch.randn(40, 1)
    twin = VAE(ours.encoder, ours.decoder, 1, Gaussian())
    twin.likelihood.log_sigma.data = ours.log_sigma.data
    found = []
    for model in (ours, twin):
        lecturelib.seed(3)
        found.append(model.loss(x))
    for name in ("loss", "kl"):
        torch.testing.assert_close(found[0][name], found[1][name])
