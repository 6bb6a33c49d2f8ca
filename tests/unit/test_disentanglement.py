"""Mutual information, its gap, DCI and correlations, against known codes and scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import mutual_info_score

from lecturelib.disentanglement import (
    active_units,
    binned,
    dci,
    entropy,
    largest_correlation,
    mig,
    mutual_information,
)


@pytest.fixture(scope="module")
def factors() -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    numbers = torch.rand(3000, 3, generator=rng)
    return torch.cat([numbers, torch.randint(4, (3000, 1), generator=rng).float()], 1)


def rotated(factors: torch.Tensor) -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    q, _ = torch.linalg.qr(torch.randn(4, 4, generator=rng))
    return ((factors - factors.mean(0)) / factors.std(0)) @ q


def noise(factors: torch.Tensor) -> torch.Tensor:
    return torch.randn(len(factors), 4, generator=torch.Generator().manual_seed(2))


def test_bins_are_of_equal_width_and_choices_their_own():
    skewed = torch.rand(500, generator=torch.Generator().manual_seed(0)) ** 3
    index = binned(torch.stack([skewed, torch.arange(500) % 3], 1))
    assert index[:, 0].bincount(minlength=20).tolist() == np.histogram(skewed.double(), bins=20)[0].tolist()
    assert index[:, 1].tolist() == [i % 3 for i in range(500)]


def test_entropy_of_what_is_uniform_is_the_logarithm_of_its_number():
    assert entropy(torch.arange(100) % 5) == pytest.approx(math.log(5))
    assert entropy(torch.zeros(7, dtype=torch.long)) == 0


def test_mutual_information_is_scikit_learns(factors):
    code = rotated(factors)
    found = mutual_information(code, factors)
    z, v = binned(code), binned(factors)
    for j in range(4):
        for k in range(4):
            assert float(found[j, k]) == pytest.approx(mutual_info_score(z[:, j], v[:, k]), abs=1e-9)


def test_a_code_of_the_factors_themselves_is_disentangled(factors):
    code = torch.cat([factors[:, [2, 0, 3, 1]], noise(factors)[:, :1]], 1)  # in any order, and an idle unit
    assert mig(code, factors) > 0.9
    found = dci(code, factors, choices=[3])
    assert found.disentanglement > 0.95
    assert found.completeness > 0.95
    assert found.informativeness > 0.95
    assert found.importance.argmax(0).tolist() == [1, 3, 0, 2]


def test_a_rotated_code_knows_as_much_but_is_entangled(factors):
    turned, plain = dci(rotated(factors), factors, choices=[3]), dci(factors, factors, choices=[3])
    assert mig(rotated(factors), factors) < 0.4
    assert turned.disentanglement < 0.5 < plain.disentanglement
    assert turned.informativeness > 0.6


def test_a_code_of_noise_knows_nothing(factors):
    assert mig(noise(factors), factors) < 0.03
    assert dci(noise(factors), factors, choices=[3]).informativeness < 0.05


def test_a_factor_in_two_units_is_not_complete(factors):
    code = torch.cat([factors, factors[:, :1] + 0.01 * noise(factors)[:, :1]], 1)
    assert mig(code, factors) < 0.8
    found = dci(code, factors, choices=[3])
    assert found.disentanglement > 0.95


def test_units_that_vary_and_how_they_correlate(factors):
    code = torch.cat([noise(factors), 0.01 * noise(factors)[:, :1]], 1)
    assert active_units(code).tolist() == [True] * 4 + [False]
    assert largest_correlation(noise(factors)) < 0.06
    code = noise(factors)
    code[:, 1] = -0.8 * code[:, 0] + 0.6 * code[:, 1]
    assert largest_correlation(code) == pytest.approx(0.8, abs=0.03)
    assert largest_correlation(code[:, :1]) == 0


@pytest.mark.parametrize(("call", "words"), [
    (lambda f: mig(f[:, :1], f), "at least two units"),
    (lambda f: mig(f, torch.cat([f, torch.ones(len(f), 1)], 1)), "factor 4 does not vary"),
    (lambda f: mutual_information(f[:5], f), "are needed"),
    (lambda f: dci(f[:5], f), "as many of both"),
    (lambda f: dci(f, torch.cat([f, torch.ones(len(f), 1)], 1)), "factor 4 does not vary"),
])  # fmt: skip
def test_bad_input_is_named(call, words, factors):
    with pytest.raises(ValueError, match=words):
        call(factors)


def test_a_code_that_collapsed_is_worth_nothing(factors):
    found = dci(torch.ones(len(factors), 3), factors[:, :2])
    assert (found.disentanglement, found.completeness, found.informativeness) == (0, 0, 0)
