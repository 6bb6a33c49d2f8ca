"""Sparse, denoising and contractive autoencoders: their penalties against independent references."""

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from torch import nn
from torch.autograd.functional import jacobian

import lecturelib
from lecturelib.data.tensors import Data
from lecturelib.models.autoencoder import Autoencoder, CrossEntropy, TiedAutoencoder, dense
from lecturelib.models.regularised import (
    L1,
    Contractive,
    Denoising,
    GaussianNoise,
    KLSparsity,
    Masking,
    SaltAndPepper,
    Sparse,
    UnitColumns,
    estimated_jacobian_norm,
    jacobian_norm,
    sigmoid_jacobian_norm,
)
from lecturelib.training import fit


@pytest.fixture
def x() -> torch.Tensor:
    lecturelib.seed(0)
    return torch.rand(12, 20)


def test_gaussian_noise_has_the_deviation_asked_for():
    lecturelib.seed(0)
    noisy = GaussianNoise(0.3)(torch.full((400, 500), 0.5))
    assert noisy.mean().item() == pytest.approx(0.5, abs=0.005)
    assert noisy.std().item() == pytest.approx(0.3, abs=0.005)


def test_masking_loses_the_share_asked_for_and_nothing_else():
    lecturelib.seed(0)
    x = torch.rand(400, 500) + 0.1
    noisy = Masking(0.3)(x)
    lost = noisy == 0
    assert lost.float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert torch.equal(noisy[~lost], x[~lost])


def test_salt_and_pepper_come_in_equal_shares():
    lecturelib.seed(0)
    x = torch.rand(400, 500) * 0.8 + 0.1
    noisy = SaltAndPepper(0.2)(x)
    assert (noisy == 0).float().mean().item() == pytest.approx(0.1, abs=0.005)
    assert (noisy == 1).float().mean().item() == pytest.approx(0.1, abs=0.005)
    kept = (noisy != 0) & (noisy != 1)
    assert torch.equal(noisy[kept], x[kept])


@pytest.mark.parametrize("noise", [GaussianNoise(0.5), Masking(0.5), SaltAndPepper(0.5)])
def test_noise_is_new_in_each_call_and_leaves_x_alone(noise, x):
    before = x.clone()
    assert not torch.equal(noise(x), noise(x))
    assert torch.equal(x, before)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GaussianNoise(-1), "sigma is -1"),
        (lambda: Masking(1.5), "share is 1.5"),
        (lambda: SaltAndPepper(-0.1), "share is -0.1"),
        (lambda: KLSparsity(0.0), "rho is 0.0"),
        (lambda: KLSparsity(1.0), "rho is 1.0"),
    ],
)
def test_impossible_settings_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_kl_sparsity_is_scipys_relative_entropy():
    h = torch.rand(30, 7).clamp(0.01, 0.99)
    used = h.mean(0).numpy()
    rho = np.array([[0.1], [0.9]]).repeat(7, 1)
    expected = entropy(rho, np.stack([used, 1 - used])).sum()
    assert KLSparsity(0.1)(h).item() == pytest.approx(expected, rel=1e-4)


def test_kl_sparsity_stays_finite_for_units_that_are_always_or_never_on():
    h = torch.stack([torch.zeros(5), torch.ones(5)], 1).requires_grad_()
    value = KLSparsity(0.1)(h)
    value.backward()
    assert value.isfinite()
    assert h.grad.isfinite().all()


def test_l1_sums_over_units_and_averages_over_examples():
    assert L1()(torch.tensor([[1.0, -2.0], [0.0, 5.0]])).item() == 4.0


def test_the_closed_form_is_autograds_jacobian(x):
    model = TiedAutoencoder(20, 9)
    nn.init.normal_(model.b)
    closed = sigmoid_jacobian_norm(model.encode(x), model.W)
    expected = torch.stack([jacobian(model.encode, one[None]).square().sum() for one in x])
    torch.testing.assert_close(closed, expected, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(jacobian_norm(model.encode, x), expected, rtol=1e-5, atol=1e-7)


def test_the_jacobian_norm_of_a_deep_encoder_on_pictures():
    lecturelib.seed(0)
    encode = nn.Sequential(nn.Conv2d(1, 3, 3), nn.SiLU(), nn.Flatten(), nn.Linear(48, 5), nn.Tanh())
    pictures = torch.rand(4, 1, 6, 6)
    expected = torch.stack([jacobian(encode, one[None]).square().sum() for one in pictures])
    torch.testing.assert_close(jacobian_norm(encode, pictures), expected, rtol=1e-5, atol=1e-7)


def test_the_estimate_is_right_on_average():
    lecturelib.seed(0)
    encode = nn.Sequential(nn.Linear(20, 30), nn.Tanh(), nn.Linear(30, 8))
    x = torch.randn(6, 20)
    exact = jacobian_norm(encode, x)
    estimate = estimated_jacobian_norm(encode, x, samples=4000)
    torch.testing.assert_close(estimate, exact, rtol=0.15, atol=0)
    with pytest.raises(ValueError, match="samples is 0"):
        estimated_jacobian_norm(encode, x, samples=0)


def test_the_gradient_of_the_estimate_is_that_of_the_norm():
    lecturelib.seed(0)
    encode = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))
    x = torch.randn(8, 5)
    exact = torch.autograd.grad(jacobian_norm(encode, x).mean(), encode[0].weight)[0]
    estimate = torch.autograd.grad(estimated_jacobian_norm(encode, x, 4000).mean(), encode[0].weight)[0]
    assert torch.cosine_similarity(exact.flatten(), estimate.flatten(), dim=0) > 0.98


def test_contractive_uses_the_closed_form_only_where_it_holds(x):
    assert Contractive(TiedAutoencoder(20, 9), 1.0).closed
    assert not Contractive(TiedAutoencoder(20, 9, nn.Tanh()), 1.0).closed
    assert not Contractive(dense((20,), 9), 1.0).closed
    parts = Contractive(TiedAutoencoder(20, 9), 0.5).loss(x)
    assert parts["loss"].item() == pytest.approx((parts["error"] + 0.5 * parts["norm"]).item(), rel=1e-6)


def test_contraction_makes_the_code_less_sensitive(x):
    def sensitivity(weight):
        lecturelib.seed(1)
        model = Contractive(TiedAutoencoder(20, 30), weight)
        fit(model, Data(x), 200, batch_size=12, lr=1e-2, progress=False)
        return jacobian_norm(model.encode, x).mean().item()

    assert sensitivity(1.0) < 0.7 * sensitivity(0.0)


def test_without_noise_denoising_is_plain_reconstruction(x):
    base = dense((20,), 5, error=CrossEntropy())
    torch.testing.assert_close(Denoising(base, GaussianNoise(0.0)).loss(x)["loss"], base.loss(x)["loss"])


def test_denoising_is_judged_by_the_clean_picture(x):
    base = dense((20,), 5)
    expected = (base(torch.zeros_like(x)) - x).square().sum(1).mean()
    torch.testing.assert_close(Denoising(base, Masking(1.0)).loss(x)["loss"], expected)


def test_sparse_adds_the_weighted_penalty(x):
    base = TiedAutoencoder(20, 9)
    parts = Sparse(base, KLSparsity(0.1), 2.0).loss(x)
    expected = base.loss(x)["loss"] + 2 * KLSparsity(0.1)(base.encode(x))
    torch.testing.assert_close(parts["loss"], expected)


def test_columns_keep_length_one_in_training(x):
    decoder = UnitColumns(30, 20)
    model = Sparse(Autoencoder(nn.Sequential(nn.Linear(20, 30), nn.ReLU()), decoder), L1(), 0.5)
    fit(model, Data(x), 50, batch_size=12, lr=1e-1, progress=False)
    torch.testing.assert_close(decoder.columns().norm(dim=0), torch.ones(30))
    torch.testing.assert_close(model(x), model.encode(x) @ decoder.columns().T + decoder.c)
