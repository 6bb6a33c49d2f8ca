"""The measures of generated examples against formulas, scipy's matrix root and counting by hand."""

import numpy as np
import pytest
import scipy.linalg
import torch

from lecturelib.data.toys import ring_of_gaussians
from lecturelib.fidelity import features_of, frechet_distance, modes_covered, precision_recall


def test_the_distance_is_that_of_scipys_matrix_root():
    rng = torch.Generator().manual_seed(0)
    mix = torch.randn(6, 6, generator=rng)
    a, b = torch.randn(500, 6, generator=rng) @ mix, torch.randn(400, 6, generator=rng) + 0.5
    A, B = np.cov(a.double().numpy().T), np.cov(b.double().numpy().T)
    apart = (a.double().mean(0) - b.double().mean(0)).square().sum().item()
    wanted = apart + np.trace(A + B - 2 * scipy.linalg.sqrtm(A @ B).real)
    assert frechet_distance(a, b) == pytest.approx(wanted, rel=1e-6)
    assert frechet_distance(b, a) == pytest.approx(wanted, rel=1e-6)


def test_the_distance_is_that_of_known_gaussians_and_none_to_itself():
    x = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(1))
    moved = x * torch.tensor([2.0, 1.0]) + torch.tensor([0.0, 3.0])
    assert frechet_distance(x, moved) == pytest.approx(1 + 9, rel=0.02)  # (2 - 1)^2 and 3^2
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6)


def test_flat_covariances_are_no_trouble():
    x = torch.randn(50, 4, generator=torch.Generator().manual_seed(2))
    x[:, 3] = 0
    assert frechet_distance(x, x + 1) == pytest.approx(4, rel=1e-6)


def test_precision_and_recall_of_a_part_and_of_a_whole():
    real = torch.cat([torch.randn(300, 2), torch.randn(300, 2) + 20])
    one_mode = torch.randn(300, 2)
    precision, recall = precision_recall(real, one_mode)
    assert precision > 0.9
    assert recall == pytest.approx(0.5, abs=0.05)
    precision, recall = precision_recall(real, torch.cat([real, torch.randn(600, 2) + 100]))
    assert precision == pytest.approx(0.5, abs=0.02)
    assert recall == 1


def test_precision_and_recall_counted_by_hand():
    real, made = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([[2.5], [9.0], [-2.0]])
    # reaches with k = 1 of the real: 1, 1, 2; of what was made: 4.5, 6.5, 4.5
    assert precision_recall(real, made, k=1) == pytest.approx((1 / 3, 1.0))


def test_features_are_taken_part_by_part():
    x = torch.rand(25, 3, 4, 4)
    assert torch.equal(features_of(lambda t: t[:, :2] * 2, x, chunk=7), (x[:, :2] * 2).flatten(1).double())


@pytest.mark.parametrize(("call", "words"), [
    (lambda: frechet_distance(torch.rand(4, 5), torch.rand(9, 5)), "more examples than features"),
    (lambda: frechet_distance(torch.rand(9, 5), torch.rand(9, 4)), "are needed"),
    (lambda: precision_recall(torch.rand(3, 2), torch.rand(9, 2)), "k is 3"),
])  # fmt: skip
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_modes_are_counted_where_points_are():
    means = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    x = torch.cat([means[:1].repeat(90, 1), means[1:2].repeat(9, 1) + 0.5, means[2:3] + 3.0])  # the last is nowhere
    assert modes_covered(x, means, within=1.0) == (2, pytest.approx(0.99))
    assert modes_covered(x, means, within=1.0, share=0.5) == (1, pytest.approx(0.99))  # 9 of 25 are too few
    assert modes_covered(x, means, within=0.1) == (1, pytest.approx(0.90))
    with pytest.raises(ValueError, match="within is 0"):
        modes_covered(x, means, within=0)
    with pytest.raises(ValueError, match="share 0"):
        modes_covered(x, means, within=1, share=0)
    with pytest.raises(ValueError, match="are needed"):
        modes_covered(x, means[:, :1], within=1)


def test_three_standard_deviations_hold_what_is_written():
    truth = ring_of_gaussians(noise=0.05)
    covered, near = modes_covered(truth.sample(40_000)[0], truth.means, within=0.15)
    assert covered == 8
    assert near == pytest.approx(0.989, abs=0.003)
