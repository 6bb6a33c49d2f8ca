"""What lecture 13 writes out is what lecturelib.games and lecturelib.models.gan do."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from written_out import definitions

import lecturelib
from lecturelib.data.tensors import Data
from lecturelib.experiments.ring import falling
from lecturelib.games import Minimax, NonSaturating
from lecturelib.layers import mlp
from lecturelib.models.gan import GAN
from lecturelib.training import train


@pytest.fixture(scope="module")
def lecture() -> dict:
    wanted = "police_loss", "counterfeiter_loss", "play", "falling", "gaussian"
    return definitions("13_the_game", *wanted, torch=torch, nn=nn, math=math, F=F)


def test_the_losses_are_the_librarys(lecture):
    real, fake = torch.randn(2, 50)
    for game in (NonSaturating(), Minimax()):
        torch.testing.assert_close(lecture["police_loss"](real, fake), game.discriminator(real, fake))
    torch.testing.assert_close(lecture["counterfeiter_loss"](fake), NonSaturating().generator(fake))
    torch.testing.assert_close(-F.softplus(fake).mean(), Minimax().generator(fake))  # as section 3 has it


def test_algorithm_1_moves_both_players_as_the_library_does(lecture, monkeypatch):
    lecturelib.seed(0)
    G, D = mlp([4, 8, 1]), mlp([1, 8, 1])
    gan = GAN(mlp([4, 8, 1]), mlp([1, 8, 1]), noise=4, betas=(0.0, 0.99))
    gan.generator.load_state_dict(G.state_dict())
    gan.discriminator.load_state_dict(D.state_dict())
    noise, data = torch.randn(30, 4), torch.randn(30, 1)
    monkeypatch.setattr(torch, "randn", lambda *_, **__: noise)  # the same noise and the same batch for both
    monkeypatch.setattr(torch, "randint", lambda *_, **__: torch.arange(30))
    for _ in lecture["play"](G, D, data, 6, batch=30, lr=1e-2):
        pass
    for _ in train(gan, Data(data), 6, batch_size=30, lr=1e-2, schedule=lambda t: 1 - t):
        pass
    for mine, its in ((G, gan.generator), (D, gan.discriminator)):
        for a, b in zip(mine.parameters(), its.parameters(), strict=True):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-3)


def test_the_rate_falls_as_in_the_study(lecture):
    for t in (0, 0.5, 0.69, 0.7, 0.8, 1):
        assert lecture["falling"](t) == pytest.approx(falling(t))


def test_the_density_is_that_of_a_gaussian(lecture):
    x = torch.linspace(-3, 3, 7)
    wanted = torch.distributions.Normal(0.5, 1.5).log_prob(x).exp()
    torch.testing.assert_close(lecture["gaussian"](x, 0.5, 1.5), wanted)
