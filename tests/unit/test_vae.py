"""Likelihoods, the bound and its kin, against torch.distributions, integration, and loops."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Normal, kl_divergence

import lecturelib
from lecturelib.data.tensors import Data
from lecturelib.models.likelihoods import Bernoulli, DiscretisedLogistic, Gaussian
from lecturelib.models.vae import (
    VAE,
    Decorrelated,
    ImportanceWeighted,
    convolutional_vae,
    dense_vae,
    kl_to_standard_normal,
    log_normal,
    reparameterise,
    systematic,
)
from lecturelib.models.wae import WAE, inverse_multiquadric, mmd
from lecturelib.training import fit


@pytest.fixture(autouse=True)
def seeded():
    lecturelib.seed(0)


class Affine(nn.Module):
    """x -> (m x + c, log s^2), or z -> w z + b: a model of one dimension whose density is known."""

    def __init__(self, *rows):
        super().__init__()
        self.rows = rows

    def forward(self, x):
        return torch.cat([a * x + b for a, b in self.rows], 1)


def linear_gaussian(slope: float, width: float, m: float, s: float) -> VAE:
    """p(x|z) = N(slope z, width^2), q(z|x) = N(m x, s^2); so p(x) = N(0, slope^2 + width^2)."""
    return VAE(Affine((m, 0.0), (0.0, 2 * math.log(s))), Affine((slope, 0.0)), 1, Gaussian(width))


# likelihoods


def test_bernoulli_is_torchs():
    logits, x = 3 * torch.randn(5, 2, 3), torch.rand(5, 2, 3).round()
    assert torch.allclose(Bernoulli().log_prob(logits, x), TorchBernoulli(logits=logits).log_prob(x).sum((1, 2)))
    assert torch.equal(Bernoulli().mean(logits), logits.sigmoid())
    drawn = torch.stack([Bernoulli().sample(logits) for _ in range(4000)])
    assert (drawn.mean(0) - logits.sigmoid()).abs().max() < 0.04


@pytest.mark.parametrize("sigma", [None, 0.3])
def test_gaussian_is_torchs(sigma):
    likelihood, output, x = Gaussian(sigma), torch.randn(5, 7), torch.randn(5, 7)
    expected = Normal(output, sigma or 1.0).log_prob(x).sum(1)
    assert torch.allclose(likelihood.log_prob(output, x), expected, rtol=1e-5)
    assert [p.requires_grad for p in likelihood.parameters()] == ([True] if sigma is None else [])
    assert float(likelihood.sample(torch.zeros(20_000, 1)).detach().std()) == pytest.approx(sigma or 1.0, rel=0.03)


def test_a_learned_width_is_the_width_of_the_errors():
    likelihood, x = Gaussian(), 0.2 * torch.randn(4000, 3)
    optimizer = torch.optim.Adam(likelihood.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        (-likelihood.log_prob(torch.zeros_like(x), x).mean()).backward()
        optimizer.step()
    assert float(likelihood.sigma.detach()) == pytest.approx(0.2, rel=0.03)


@pytest.mark.parametrize("levels", [2, 16, 256])
@pytest.mark.parametrize("width", [0.003, 0.05, 2.0])
def test_the_masses_of_a_discretised_logistic_sum_to_one(levels, width):
    likelihood = DiscretisedLogistic(levels, width)
    grid = torch.arange(levels)[:, None] / (levels - 1)
    for middle in (-0.3, 0.0, 0.41, 1.0):
        mass = likelihood.log_prob(torch.full((levels, 1), middle), grid).detach().double().exp()
        assert float(mass.sum()) == pytest.approx(1, abs=2e-5)


def test_a_discretised_logistic_is_the_difference_of_two_sigmoids_and_stays_finite_far_away():
    likelihood, m = DiscretisedLogistic(256, 0.05), torch.tensor([[0.4]], dtype=torch.float64)
    for level in (1, 80, 102, 254):
        x = torch.tensor([[level / 255]], dtype=torch.float64)
        half = 0.5 / 255
        direct = torch.sigmoid((x + half - m) / 0.05) - torch.sigmoid((x - half - m) / 0.05)
        assert likelihood.log_prob(m, x).item() == pytest.approx(direct.log().item(), rel=1e-4)
    far = likelihood.log_prob(torch.tensor([[30.0], [-30.0]]), torch.tensor([[0.5], [0.5]]))
    assert far.isfinite().all()
    drawn = likelihood.sample(torch.full((20_000, 1), 0.5))
    assert torch.equal((drawn * 255).round() / 255, drawn)
    assert float(drawn.detach().mean()) == pytest.approx(0.5, abs=0.005)


@pytest.mark.parametrize("make", [
    lambda: Gaussian(0.0), lambda: DiscretisedLogistic(1), lambda: DiscretisedLogistic(9, -1),
])  # fmt: skip
def test_widths_without_a_meaning_are_refused(make):
    with pytest.raises(ValueError, match="above 0"):
        make()


# the bound


def test_the_closed_form_of_the_divergence_is_torchs():
    mean, log_variance = torch.randn(1000).double(), torch.randn(1000).double()
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0))
    assert (kl_to_standard_normal(mean, log_variance) - expected).abs().max() < 1e-12
    assert kl_to_standard_normal(torch.zeros(()), torch.zeros(())) == 0


def test_log_normal_is_torchs():
    z, mean, log_variance = torch.randn(3, 4, 5)
    expected = Normal(mean, (0.5 * log_variance).exp()).log_prob(z).sum(1)
    assert torch.allclose(log_normal(z, mean, log_variance), expected, atol=1e-5)


def test_a_reparameterised_draw_has_its_mean_and_width_and_passes_gradients():
    mean, log_variance = torch.full((50_000,), 2.0, requires_grad=True), torch.full((50_000,), -1.0, requires_grad=True)
    z = reparameterise(mean, log_variance)
    assert float(z.detach().mean()) == pytest.approx(2.0, abs=0.02)
    assert float(z.detach().std()) == pytest.approx(math.exp(-0.5), rel=0.02)
    z.square().mean().backward()  # d E z^2 / d mean = 2 mean, d E z^2 / d log variance = variance
    assert float(mean.grad.sum()) == pytest.approx(4.0, rel=0.02)
    assert float(log_variance.grad.sum()) == pytest.approx(math.exp(-1), rel=0.05)


@pytest.mark.parametrize(("m", "s"), [(0.3, 0.5), (0.0, 1.0), (1.5, 0.2)])
def test_bound_and_divergence_add_up_to_the_density(m, s):
    slope, width = 1.3, 0.7
    vae, x = linear_gaussian(slope, width, m, s).double(), torch.tensor([[-1.0], [0.2], [2.5]], dtype=torch.float64)
    density = Normal(0.0, math.hypot(slope, width)).log_prob(x)[:, 0]
    variance = 1 / (1 + slope**2 / width**2)  # of the true posterior, whose mean is slope x variance / width^2
    gap = kl_divergence(Normal(m * x, s), Normal(slope * x * variance / width**2, variance**0.5))[:, 0]
    bound = vae.elbo(x, draws=40_000)
    assert torch.allclose(bound, density - gap, atol=0.15 * max(1.0, gap.max().item()) ** 0.5)


def test_with_the_true_posterior_every_weight_is_the_density():
    slope, width = 1.3, 0.7
    variance = 1 / (1 + slope**2 / width**2)
    vae = linear_gaussian(slope, width, slope * variance / width**2, variance**0.5).double()
    x = torch.randn(6, 1).double()
    density = Normal(0.0, math.hypot(slope, width)).log_prob(x)[:, 0]
    assert torch.allclose(vae.log_weights(x, 3), density.expand(3, 6))
    assert torch.allclose(vae.iwae(x, 7), density)


def test_the_importance_weighted_bound_rises_with_k_to_the_density():
    slope, width = 1.3, 0.7
    vae, x = linear_gaussian(slope, width, 0.2, 0.8).double(), torch.randn(400, 1).double()
    density = Normal(0.0, math.hypot(slope, width)).log_prob(x).mean()
    bounds = [vae.iwae(x, k).mean() for k in (1, 10, 100, 2000)]
    assert bounds[0] < bounds[1] < bounds[2] < density + 0.02
    assert float(bounds[3]) == pytest.approx(float(density), abs=0.02)


@pytest.mark.parametrize(("k", "chunk"), [(1, 1), (5, 3), (50, 20), (50, 1000)])
def test_however_it_is_cut_every_picture_gets_its_k_draws(k, chunk, monkeypatch):
    vae, x, asked = dense_vae((1, 4, 4), 3, (16,)), torch.rand(7, 1, 4, 4), []

    def log_weights(part, draws):
        asked.append(draws * len(part))
        return torch.zeros(draws, len(part))

    monkeypatch.setattr(vae, "log_weights", log_weights)
    assert torch.allclose(vae.iwae(x, k, chunk), torch.zeros(7), atol=1e-6)  # log of the mean of k ones
    assert sum(asked) == 7 * k
    assert max(asked) <= chunk


def test_the_parts_of_the_loss_add_up():
    x = torch.rand(9, 1, 4, 4).round()
    for beta, free in ((1.0, 0.0), (4.0, 0.0), (1.0, 0.5)):
        vae = dense_vae((1, 4, 4), 3, (16,), beta=beta, free_bits=free)
        parts = vae.loss(x)
        mean, log_variance = vae.posterior(x)
        kl = kl_to_standard_normal(mean, log_variance).mean(0)
        assert torch.allclose(parts["kl"], kl.sum())
        assert torch.allclose(parts["loss"], parts["reconstruction"] + beta * kl.clamp(min=free).sum())


def test_training_raises_the_bound_and_beta_empties_the_code():
    data = Data((torch.rand(64, 1, 4, 4) < torch.rand(64, 1, 1, 1)).float())

    def trained(beta: float) -> VAE:
        lecturelib.seed(0)
        vae = dense_vae((1, 4, 4), 3, (32,), beta=beta)
        fit(vae, data, 400, batch_size=64, lr=3e-3, progress=False)
        return vae

    untrained, plain, strong = dense_vae((1, 4, 4), 3, (32,)), trained(1.0), trained(50.0)
    x = data.x
    assert plain.elbo(x, 20).mean() > untrained.elbo(x, 20).mean() + 0.5
    assert strong.loss(x)["kl"] < 0.05 < plain.loss(x)["kl"]


def test_an_importance_weighted_loss_of_one_draw_is_the_plain_bound():
    vae, x = dense_vae((1, 4, 4), 2, (16,)), torch.rand(6, 1, 4, 4).round()
    one = torch.stack([ImportanceWeighted(vae, 1).loss(x)["loss"] for _ in range(3000)]).mean()
    assert float(one.detach()) == pytest.approx(-float(vae.elbo(x, 3000).detach().mean()), abs=0.05)
    with pytest.raises(ValueError, match="k is 0"):
        ImportanceWeighted(vae, 0)
    with pytest.raises(ValueError, match="k is 0"):
        vae.iwae(x, 0)


@pytest.mark.slow
def test_resampled_draws_have_the_gradient_of_all_on_average():
    vae, x = dense_vae((1, 4, 4), 3, (16,)), torch.rand(8, 1, 4, 4).round()
    parameters = list(vae.parameters())

    def gradient(model: ImportanceWeighted, times: int) -> torch.Tensor:
        loss = torch.stack([model.loss(x)["loss"] for _ in range(times)]).mean()
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters)])

    plain, few = gradient(ImportanceWeighted(vae, 20), 1500), gradient(ImportanceWeighted(vae, 20, 2), 1500)
    other = gradient(ImportanceWeighted(vae, 20), 1500)  # what two such means differ by
    assert (few - plain).norm() < 4 * (other - plain).norm() < 0.4 * plain.norm()
    with torch.no_grad():
        losses = [torch.stack([ImportanceWeighted(vae, 20, m).loss(x)["loss"] for _ in range(300)]) for m in (None, 3)]
    assert abs(losses[0].mean() - losses[1].mean()) < 4 * (losses[0].var() / 300 * 2).sqrt()
    with pytest.raises(ValueError, match="resampled 0"):
        ImportanceWeighted(vae, 5, 0)


def test_systematic_resampling_takes_each_row_by_its_weight():
    weights = torch.tensor([[0.5, 0.0], [0.2, 1.0], [0.3, 0.0]])
    rows = systematic(weights, 10)
    assert rows.shape == (10, 2)
    assert rows[:, 1].eq(1).all()
    assert torch.bincount(rows[:, 0], minlength=3).tolist() == [5, 2, 3]  # exact where shares are whole
    counts = torch.stack([torch.bincount(systematic(weights, 3)[:, 0], minlength=3) for _ in range(4000)]).double()
    assert torch.allclose(counts.mean(0), 3 * weights[:, 0].double(), atol=0.05)
    assert ((counts - 3 * weights[:, 0].double()).abs() < 1).all()


def test_samples_are_means_or_draws():
    vae = dense_vae((1, 4, 4), 2, (16,))
    assert set(vae.sample(50, noise=True).unique().tolist()) <= {0.0, 1.0}
    assert vae.sample(50).unique().numel() > 100
    assert vae.sample(50, temperature=0.0).std(0).max() < 1e-6
    assert convolutional_vae((3, 16, 16), 5, (4, 8)).sample(2).shape == (2, 3, 16, 16)


# kin


def test_free_bits_are_not_ignored_in_silence():
    with pytest.raises(ValueError, match="free_bits go with the plain VAE"):
        dense_vae((1, 4, 4), 2, kind=Decorrelated, free_bits=0.1)


def test_the_penalty_is_that_of_the_covariance():
    vae, x = dense_vae((1, 4, 4), 3, (16,), kind=Decorrelated, off_diagonal=2.0, diagonal=3.0), torch.rand(20, 1, 4, 4)
    covariance = torch.cov(vae.encode(x).T)
    expected = sum((2.0 * covariance[i, j] ** 2 if i != j else 3.0 * (covariance[i, i] - 1) ** 2)
                   for i in range(3) for j in range(3))  # fmt: skip
    parts = vae.loss(x)
    assert torch.allclose(parts["penalty"], expected, rtol=1e-4)
    assert torch.allclose(parts["loss"], parts["reconstruction"] + parts["kl"] + parts["penalty"])


def test_the_discrepancy_is_that_of_a_loop():
    x, y = torch.randn(5, 3).double(), torch.randn(4, 3).double() + 1

    def k(a, b):
        return sum(6 * s / (6 * s + float((a - b).square().sum())) for s in (0.1, 0.2, 0.5, 1, 2, 5, 10))

    expected = (sum(k(x[i], x[j]) for i in range(5) for j in range(5) if i != j) / 20
                + sum(k(y[i], y[j]) for i in range(4) for j in range(4) if i != j) / 12
                - 2 * sum(k(a, b) for a in x for b in y) / 20)  # fmt: skip
    assert float(mmd(x, y)) == pytest.approx(expected, abs=1e-9)
    assert inverse_multiquadric(x, y).shape == (5, 4)


def test_the_discrepancy_of_equal_densities_is_zero_on_average_and_of_others_is_not():
    same = torch.stack([mmd(torch.randn(50, 2), torch.randn(50, 2)) for _ in range(200)])
    assert abs(float(same.mean())) < 3 * float(same.std()) / 200**0.5
    assert float(mmd(torch.randn(200, 2), torch.randn(200, 2) + 1)) > 10 * float(same.std())
    with pytest.raises(ValueError, match="at least two"):
        mmd(torch.randn(1, 2), torch.randn(5, 2))


def test_the_codes_of_a_wasserstein_autoencoder_become_the_prior():
    data = Data(torch.rand(512, 2) * torch.tensor([6.0, 1.0]))
    wae = WAE(nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 2)), nn.Sequential(
        nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 2)), 2, weight=20.0)  # fmt: skip
    before = float(mmd(wae.encode(data.x), torch.randn(512, 2)).detach())
    fit(wae, data, 600, batch_size=128, lr=3e-3, progress=False)
    after = float(mmd(wae.encode(data.x), torch.randn(512, 2)).detach())
    assert after < 0.2 * before
    assert wae.sample(7).shape == (7, 2)
