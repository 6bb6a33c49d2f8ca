"""Bounds on likelihoods against what is known exactly: Gaussians, coins, codes that can be enumerated."""

import math

import pytest
import torch
from torch import nn

from lecturelib.experiments.bounds import Chain, codes_nats
from lecturelib.models.autoregressive import PixelCNN
from lecturelib.models.diffusion import Diffusion
from lecturelib.models.flow_matching import FlowMatching
from lecturelib.models.guided import Denoiser
from lecturelib.models.latent import Latent
from lecturelib.models.likelihoods import DiscretisedLogistic
from lecturelib.models.noising import STEPS, Clean, cosine_schedule
from lecturelib.models.vqvae import VQVAE, Quantiser

MEAN, DEVIATION = 0.3, 0.6


class Exact(Denoiser):
    """The mean of x ~ N(MEAN, DEVIATION^2) given x_t."""

    def __init__(self):
        super().__init__()
        self.still = nn.Parameter(torch.zeros(1))
        self.register_buffer("schedule", cosine_schedule().float())

    def forward(self, x, t, *condition):
        a = self.schedule[t.long()].view(-1, *(x.ndim - 1) * (1,))
        return MEAN + a.sqrt() * DEVIATION**2 * (x - a.sqrt() * MEAN) / (a * DEVIATION**2 + 1 - a)


class Direction(Denoiser):
    """The mean of x - noise given x_s, for the same x."""

    def __init__(self):
        super().__init__()
        self.still = nn.Parameter(torch.zeros(1))

    def forward(self, x, t, *condition):
        s = 1 - (t / STEPS).view(-1, *(x.ndim - 1) * (1,))
        variance = s**2 * DEVIATION**2 + (1 - s) ** 2
        return MEAN + (s * DEVIATION**2 - (1 - s)) / variance * (x - s * MEAN)


class CoinsClean(Denoiser):
    """The mean of pixels of -1 and 1, of which a share is 1, given x_t."""

    def __init__(self, share):
        super().__init__()
        self.still, self.lean = nn.Parameter(torch.zeros(1)), math.log(share / (1 - share))
        self.register_buffer("schedule", cosine_schedule().float())

    def forward(self, x, t, *condition):
        a = self.schedule[t.long()].view(-1, 1, 1, 1)
        return torch.tanh(a.sqrt() * x / (1 - a) + self.lean / 2)


@pytest.mark.parametrize(("first", "wasted"), [(0, 0.24), (50, 0.01), (400, 0.0)])
def test_from_whichever_level_the_chain_costs_what_is_left_to_be_told(first, wasted):
    torch.manual_seed(0)
    model = Diffusion(Exact(), (4,), target=Clean())
    x = MEAN + DEVIATION * torch.randn(20_000, 4)
    a = model.schedule[first]
    noisy = model(x, torch.full((len(x),), first), torch.randn_like(x))
    deviation = (DEVIATION**2 * (1 - a) / (a * DEVIATION**2 + 1 - a)).sqrt()
    told = -torch.distributions.Normal(model.denoise(noisy, first), deviation).log_prob(x).sum(1)
    entropy = 4 * 0.5 * math.log(2 * math.pi * math.e * DEVIATION**2)
    # the lowest steps are long, each halving the noise, and waste a little; the drawn steps leave 0.02 to 0.05
    assert (model.cost(x, first=first) + told).mean().item() == pytest.approx(entropy + 4 * wasted, abs=0.15)


def test_a_flow_of_straight_lines_is_a_diffusion():
    torch.manual_seed(0)
    flow = FlowMatching(Direction(), (3,), centre=1.0, spread=2.0)
    diffusion, noise = flow.as_diffusion(), torch.randn(500, 3)
    assert torch.equal(diffusion.outer(noise), flow.outer(noise))
    assert not flow.eval().as_diffusion().training
    for t in (1, 300, 800):
        torch.testing.assert_close(
            diffusion.denoise(noise, t),
            Diffusion(Exact(), (3,), target=Clean()).denoise(noise, t),
            rtol=1e-4,
            atol=1e-4,
        )
    *_, (_, straight) = flow.walk(noise, steps=200)
    *_, (_, _, noisy) = diffusion.walk(noise, steps=1000)
    torch.testing.assert_close(noisy, straight, rtol=0, atol=0.02)


@pytest.mark.parametrize("first", [-1, 199, 200])
def test_a_level_that_is_not_there_is_refused(first):
    model = Diffusion(Exact(), (4,), target=Clean(), schedule=cosine_schedule(200))
    with pytest.raises(ValueError, match=f"first is {first}"):
        model.cost(torch.randn(5, 4), first=first)


def test_levels_are_chosen_among_those_that_there_are():
    torch.manual_seed(0)
    model = Diffusion(CoinsClean(0.5), (1, 4, 4), target=Clean(), centre=0.5, spread=0.5, schedule=cosine_schedule(200))
    assert Chain(model, 2).fitted((torch.rand(50, 1, 4, 4) < 0.5).float(), draws=1).first < 199


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_a_chain_of_coins_costs_their_entropy_and_never_less(share):
    torch.manual_seed(0)
    x = (torch.rand(2000, 1, 4, 4) < share).float()
    entropy = -16 * sum(p * math.log(p) for p in (share, 1 - share))
    chain = Chain(Diffusion(CoinsClean(share), (1, 4, 4), target=Clean(), centre=0.5, spread=0.5), 2)
    best = chain.fitted(x[:1000])
    found = best.nats(x[1000:]).mean().item()
    spread = 0.06 * entropy  # of 1,000 pictures
    assert entropy - spread < found < 1.1 * entropy + spread
    careless = Chain(chain.diffusion, 2, first=600, width=0.002)
    assert careless.nats(x[1000:]).mean() > 1.5 * found


def test_a_chain_reads_its_code_with_a_decoder():
    torch.manual_seed(0)
    x = (torch.rand(1000, 1, 4, 4) < 0.3).float()
    diffusion = Diffusion(CoinsClean(0.3), (1, 4, 4), target=Clean())
    plain = Chain(Diffusion(CoinsClean(0.3), (1, 4, 4), target=Clean(), centre=0.5, spread=0.5), 2, first=100)
    turned = Chain(diffusion, 2, lambda x: 2 * x - 1, lambda code: (code + 1) / 2, first=100)
    assert turned.nats(x).mean().item() == pytest.approx(plain.nats(x).mean().item(), rel=0.05)


def test_codes_cost_no_less_than_all_codes_together():
    torch.manual_seed(0)
    vqvae = VQVAE(nn.Conv2d(1, 2, 2), nn.ConvTranspose2d(2, 1, 2), Quantiser(5, 2), DiscretisedLogistic(4)).eval()
    model = Latent(vqvae, PixelCNN((1, 1), 5, 4, 1)).eval()
    x = torch.randint(0, 4, (20, 1, 2, 2)) / 3
    with torch.no_grad():
        found = codes_nats(model, x)
        every = torch.arange(5).view(5, 1, 1)
        decoded = vqvae.decoder(vqvae.quantiser.look_up(every))
        joint = torch.stack(
            [model.prior.log_prob(every)[k] + vqvae.likelihood.log_prob(decoded[k].expand_as(x), x) for k in range(5)]
        )
        own = model.encode(x).flatten()
    torch.testing.assert_close(found, -joint[own, torch.arange(20)])
    assert (found >= -joint.logsumexp(0) - 1e-4).all()
    assert (found > -joint.logsumexp(0) + 1e-3).any()
