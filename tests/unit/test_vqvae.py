"""VQ-VAE and priors of codes: nearest entries, straight-through gradients, a codebook that follows and stays in use."""

import math

import pytest
import torch
from torch import nn

from lecturelib.data.tensors import Data
from lecturelib.models.autoregressive import PixelCNN
from lecturelib.models.denoisers import PointDenoiser
from lecturelib.models.diffusion import Diffusion
from lecturelib.models.latent import Latent
from lecturelib.models.likelihoods import Gaussian
from lecturelib.models.vqvae import VQVAE, Quantiser, perplexity
from lecturelib.training import fit


def small(entries: int = 8, commitment: float = 0.25) -> VQVAE:
    encoder = nn.Sequential(nn.Conv2d(1, 8, 4, 4), nn.ReLU(), nn.Conv2d(8, 4, 1))
    decoder = nn.Sequential(nn.Conv2d(4, 8, 1), nn.ReLU(), nn.ConvTranspose2d(8, 1, 4, 4))
    return VQVAE(encoder, decoder, Quantiser(entries, 4), Gaussian(0.3), commitment)


def stripes(n: int = 256) -> torch.Tensor:
    """Pictures (n, 1, 8, 8) of four blocks, each of one of four patterns."""
    patterns = torch.stack([torch.eye(4), torch.eye(4).flip(0), torch.ones(4, 4), torch.zeros(4, 4)])
    blocks = patterns[torch.randint(4, (n, 2, 2))]
    return blocks.permute(0, 1, 3, 2, 4).reshape(n, 1, 8, 8)


def test_each_vector_gets_the_nearest_entry():
    torch.manual_seed(0)
    quantiser, z = Quantiser(6, 3).eval(), torch.randn(4, 3, 2, 5)
    chosen, codes, away = quantiser(z)
    distance = torch.cdist(z.movedim(1, -1).reshape(-1, 3), quantiser.book)
    assert torch.equal(codes.flatten(), distance.argmin(1))
    torch.testing.assert_close(chosen, quantiser.look_up(codes))
    torch.testing.assert_close(away, distance.min(1).values.square().view(4, -1).sum(1), rtol=1e-4, atol=1e-5)


def test_an_entry_that_nothing_chooses_stays_where_it_is():
    torch.manual_seed(0)
    quantiser = Quantiser(2, 2, decay=0.5, least=0.0).train()
    quantiser.ready.fill_(True)
    quantiser.book.copy_(torch.tensor([[0.0, 0.0], [9.0, 9.0]]))
    quantiser.sums.copy_(quantiser.book)
    for _ in range(60):
        quantiser(torch.randn(1, 2, 8, 1))
    torch.testing.assert_close(quantiser.book[1], torch.tensor([9.0, 9.0]))
    assert quantiser.book[0].abs().max() < 2


def test_gradients_go_straight_through_and_the_book_has_none():
    torch.manual_seed(0)
    quantiser, z, weight = Quantiser(6, 3).eval(), torch.randn(2, 3, 2, 2, requires_grad=True), torch.randn(2, 3, 2, 2)
    chosen, _, away = quantiser(z)
    (slope,) = torch.autograd.grad((chosen * weight).sum(), z, retain_graph=True)
    torch.testing.assert_close(slope, weight)
    (slope,) = torch.autograd.grad(away.sum(), z)
    torch.testing.assert_close(slope, 2 * (z - chosen).detach())
    assert not list(quantiser.parameters())


def test_entries_follow_the_means_of_what_they_stand_for():
    torch.manual_seed(0)
    centres = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 4.0]])
    quantiser = Quantiser(3, 2, decay=0.9).train()
    for _ in range(200):
        z = centres[torch.arange(60) % 3] + 0.3 * torch.randn(60, 2)
        quantiser(z.T[None, :, :, None])
    nearest = torch.cdist(centres, quantiser.book).min(1)
    assert nearest.values.max() < 0.2
    assert len(set(nearest.indices.tolist())) == 3


def test_entries_that_nothing_uses_are_put_to_use():
    torch.manual_seed(0)
    z = torch.randn(20, 2, 4, 4)
    used = {}
    for least in (0.0, 0.1):
        quantiser = Quantiser(16, 2, decay=0.8, least=least).train()
        quantiser.ready.fill_(True)
        quantiser.book.copy_(20 + torch.arange(32.0).view(16, 2))  # far away; one of them is the nearest to everything
        quantiser.sums.copy_(quantiser.book)
        for _ in range(30):
            _, codes, _ = quantiser(z)
        used[least] = perplexity(codes, 16).item()
    assert used[0.0] < 2
    assert used[0.1] > 8


def test_evaluation_moves_nothing():
    model, x = small(), stripes()
    model.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.loss(x)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_perplexity_counts_what_is_used():
    assert perplexity(torch.zeros(5, 4, dtype=torch.long), 9).item() == pytest.approx(1)
    assert perplexity(torch.arange(12) % 3, 9).item() == pytest.approx(3)


@pytest.mark.parametrize("seed", [0, 1])
def test_four_patterns_are_learned_and_their_prior_writes_them(seed):
    torch.manual_seed(seed)
    x, model = stripes(), small()
    fit(model, Data(x), 500, batch_size=64, lr=5e-3, progress=False)
    model.eval()
    assert (model(x) - x).square().mean() < 0.02
    assert model.bits(model.encode(x)) == 4 * math.log2(8)
    latent = Latent(model, PixelCNN((2, 2), levels=8, width=8, layers=2))
    kept = [p.clone() for p in model.parameters()]
    fit(latent, Data(x), 200, batch_size=64, lr=1e-2, progress=False)
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), kept, strict=True))
    made = latent.sample(100).round().clamp(0, 1)
    blocks = made.view(100, 2, 4, 2, 4).permute(0, 1, 3, 2, 4).reshape(-1, 16)
    known = torch.cdist(blocks, stripes(400).view(-1, 2, 4, 2, 4).permute(0, 1, 3, 2, 4).reshape(-1, 16)).min(1).values
    assert (known < 0.5).float().mean() > 0.9


class Halved(nn.Module):
    """An autoencoder of points whose code is half of them."""

    def encode(self, x):
        return x / 2

    def decode(self, z):
        return 2 * z


def test_a_diffusion_of_codes_makes_what_they_are_decoded_to():
    torch.manual_seed(0)
    x, label = torch.randn(2000, 2) * 0.2 + 4, torch.zeros(2000, dtype=torch.long)
    latent = Latent(Halved(), Diffusion(PointDenoiser(2, (64,), classes=2), (2,), centre=2.0, spread=0.2))
    assert latent.conditional
    fit(latent, Data(x, label), 300, batch_size=256, lr=5e-3, progress=False)
    assert not latent.autoencoder.training
    made = latent.sample(200, torch.zeros(200, dtype=torch.long), steps=10)
    assert (made.mean(0) - 4).abs().max() < 0.3


def test_errors_say_what_is_wrong():
    with pytest.raises(ValueError, match="at least two"):
        Quantiser(1, 4)
