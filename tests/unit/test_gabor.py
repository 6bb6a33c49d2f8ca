"""Gabor fits: known functions are found again, and what is no Gabor function is not called one."""

import math

import pytest
import torch
from torch.nn.functional import avg_pool2d

from lecturelib.gabor import compactness, fit_gabors


def gabor(x=5.3, y=6.1, along=2.5, across=1.5, frequency=0.18, orientation=0.7, phase=0.4, size=12):
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    dx, dy = columns - x, rows - y
    a = dx * math.cos(orientation) + dy * math.sin(orientation)
    b = -dx * math.sin(orientation) + dy * math.cos(orientation)
    envelope = torch.exp(-0.5 * (a / along) ** 2 - 0.5 * (b / across) ** 2)
    return envelope * torch.cos(2 * math.pi * frequency * b + phase)


@pytest.mark.parametrize("orientation", [0.0, 0.7, 1.57, 2.6])
@pytest.mark.parametrize("phase", [0.0, 0.8, 1.57])
def test_a_gabor_function_is_found_again(orientation, phase):
    g = fit_gabors(3.0 * gabor(orientation=orientation, phase=phase)[None])
    assert g.r.item() > 0.99
    apart = abs(g.orientation.item() - orientation) % math.pi
    assert min(apart, math.pi - apart) < 0.1
    assert g.x.item() == pytest.approx(5.3, abs=0.7)
    assert g.y.item() == pytest.approx(6.1, abs=0.7)


def test_the_fit_is_what_r_says():
    filters = torch.randn(6, 10, 8, generator=torch.Generator().manual_seed(0))
    g = fit_gabors(filters)
    assert g.fit.shape == filters.shape
    r = torch.cosine_similarity(g.fit.flatten(1), filters.flatten(1))
    torch.testing.assert_close(r, g.r, rtol=1e-4, atol=1e-4)


def test_noise_is_no_gabor_function():
    rng = torch.Generator().manual_seed(0)
    noise = torch.randn(60, 12, 12, generator=rng)
    smooth = avg_pool2d(torch.randn(60, 1, 14, 14, generator=rng), 3, 1)[:, 0]
    assert (fit_gabors(noise).r < 0.6).all()
    assert (fit_gabors(smooth).r >= 0.8).float().mean() < 0.1


def test_flat_and_dead_filters_give_finite_answers():
    g = fit_gabors(torch.stack([torch.zeros(8, 8), torch.ones(8, 8)]))
    assert all(part.isfinite().all() for part in vars(g).values())


def test_filters_must_be_pictures():
    with pytest.raises(ValueError, match=r"\(n, height, width\)"):
        fit_gabors(torch.zeros(5, 144))


def test_compactness_counts_the_strongest_pixels():
    one = torch.zeros(1, 10, 10)
    one[0, 3, 4] = 2.0
    assert compactness(one).item() == pytest.approx(0.01)
    assert compactness(torch.ones(1, 10, 10)).item() == pytest.approx(0.9, abs=0.011)
    assert compactness(gabor(along=1.2, across=1.0)[None]).item() < 1 / 3
    assert compactness(torch.zeros(1, 10, 10)).item() == 1.0
