"""What lecture 22 writes out is what the library does, and its exact denoiser is exact."""

import math

import pytest
import torch
from torch import nn
from written_out import definitions

from lecturelib.models import samplers
from lecturelib.models.diffusion import Diffusion
from lecturelib.models.noising import cosine_schedule


@pytest.fixture(scope="module")
def lecture() -> dict:
    return definitions("22_diffusion", "ddpm", "ddim", "Exact", torch=torch, math=math, nn=nn)


@pytest.mark.parametrize("name", ["ddpm", "ddim"])
@pytest.mark.parametrize(("now", "then"), [(0.1, 0.5), (0.5, 0.98), (0.9, 1.0)])
def test_steps_are_those_of_the_library(lecture, name, now, then):
    x, clean = torch.randn(30, 3), torch.randn(30, 3)
    made = []
    for rule in (lambda: lecture[name](x, clean, now, then),
                 lambda: getattr(samplers, name)(x, clean, samplers.Levels(None, now, then))):  # fmt: skip
        torch.manual_seed(0)
        made.append(rule())
    torch.testing.assert_close(*made)
    if then == 1:
        torch.testing.assert_close(made[0], clean)


@pytest.mark.parametrize("t", [50, 400, 800])
def test_the_exact_denoiser_knows_the_slope_of_the_density(lecture, t):
    torch.manual_seed(0)
    exact = Diffusion(lecture["Exact"](cosine_schedule()), (2,))
    a = exact.schedule[t]
    x = torch.randn(20, 2, requires_grad=True)
    deviation = (a * exact.network.variance + 1 - a).sqrt()
    parts = torch.distributions.Normal(a.sqrt() * exact.network.means, deviation).log_prob(x[:, None]).sum(2)
    (wanted,) = torch.autograd.grad(parts.logsumexp(1).sum(), x)
    torch.testing.assert_close(exact.score(x, t).detach(), wanted, rtol=1e-3, atol=1e-3)
