"""The measures of generated examples against formulas, scipy's matrix root and counting by hand."""

import numpy as np
import pytest
import scipy.linalg
import torch

from lecturelib.data.toys import ring_of_gaussians
from lecturelib.fidelity import (
    copying,
    density_coverage,
    features_of,
    frechet_distance,
    inception_score,
    kernel_distance,
    modes_covered,
    parzen,
    precision_recall,
)


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
    (lambda: kernel_distance(torch.rand(1, 2), torch.rand(9, 2)), "at least two"),
    (lambda: kernel_distance(torch.rand(9, 2), torch.rand(9, 3)), "are needed"),
    (lambda: inception_score(torch.rand(9)), "are needed"),
    (lambda: parzen(torch.rand(9, 2), torch.rand(9, 2), 0.0), "sigma is 0.0"),
    (lambda: parzen(torch.rand(9, 2), torch.rand(9, 3), 1.0), "are needed"),
    (lambda: density_coverage(torch.rand(5, 2), torch.rand(9, 2)), "k is 5"),
    (lambda: copying(torch.rand(5, 2), torch.rand(9, 2), torch.rand(9, 3)), "are needed"),
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


@pytest.mark.filterwarnings("ignore:Metric .Kernel")
def test_both_distances_are_those_of_torchmetrics():
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import KernelInceptionDistance

    features = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 6), torch.nn.ReLU()).requires_grad_(False)
    a, b = torch.rand(300, 3, 4, 4), torch.rand(300, 3, 4, 4) ** 2
    frechet = FrechetInceptionDistance(features, normalize=True, input_img_size=(3, 4, 4))
    kernel = KernelInceptionDistance(features, subsets=1, subset_size=300, normalize=True)
    for metric in (frechet, kernel):
        metric.update(a, real=True)
        metric.update(b, real=False)
    ours = features_of(features, a), features_of(features, b)
    assert frechet_distance(*ours) == pytest.approx(frechet.compute().item(), rel=1e-3)
    assert kernel_distance(*ours) == pytest.approx(kernel.compute()[0].item(), rel=1e-3)


def test_the_kernel_distance_is_right_on_average():
    rng = torch.Generator().manual_seed(3)
    a = torch.randn(300, 20, 4, generator=rng)
    found = [kernel_distance(part[:10], part[10:]) for part in a]
    assert min(found) < 0
    assert abs(np.mean(found)) < 3 * np.std(found) / len(found) ** 0.5
    assert kernel_distance(a[0], a[1] + 1) > max(found)


def test_the_score_knows_sure_and_varied_answers():
    sure = 50 * torch.eye(5).repeat(40, 1)
    assert inception_score(sure) == pytest.approx(5)
    assert inception_score(1e4 * sure) == pytest.approx(5)  # probabilities that are 0
    assert inception_score(torch.zeros(40, 5)) == pytest.approx(1)
    assert inception_score(sure[:1].repeat(40, 1)) == pytest.approx(1)
    logits = torch.randn(200, 5, dtype=torch.float64)
    p = logits.softmax(1)
    wanted = (p * (p.log() - p.mean(0).log())).sum(1).mean().exp().item()
    assert inception_score(logits) == pytest.approx(wanted, rel=1e-9)


def test_the_window_is_that_of_scikit_learn():
    from sklearn.neighbors import KernelDensity

    x, samples = torch.randn(30, 2, 3), torch.randn(70, 2, 3)
    reference = KernelDensity(bandwidth=0.7).fit(samples.flatten(1).numpy()).score_samples(x.flatten(1).numpy())
    np.testing.assert_allclose(parzen(x, samples, 0.7, chunk=7).numpy(), reference, rtol=1e-5)


def test_density_and_coverage_of_one_source_of_a_part_and_with_an_outlier():
    rng = torch.Generator().manual_seed(4)
    real, made = torch.randn(1500, 2, generator=rng), torch.randn(1500, 2, generator=rng)
    density, coverage = density_coverage(real, made)
    assert density == pytest.approx(1, abs=0.06)
    assert coverage == pytest.approx(1 - 2**-5, abs=0.02)
    two = torch.cat([real[:750], real[750:] + 20])
    density, coverage = density_coverage(two, made)
    assert coverage == pytest.approx(0.5, abs=0.02)
    far = torch.cat([real, torch.tensor([[12.0, 12.0]])])  # one outlier among the real: its reach is wide
    everywhere = 20 * torch.rand(1500, 2, generator=rng) - 10
    assert precision_recall(far, everywhere)[0] > 2 * density_coverage(far, everywhere)[0]


def test_copies_are_found_and_distance_is_not_taken_for_honesty():
    rng = torch.Generator().manual_seed(5)
    train, test, made = torch.randn(3, 800, 6, generator=rng)
    assert copying(made, train, test) == pytest.approx(0.5, abs=0.05)
    assert copying(train + 0.01 * torch.randn(train.shape, generator=rng), train, test) > 0.99
    assert copying(made + 5, train, test) < 0.05
    assert copying(test, train, test) == 0.5
    assert copying(train, train, train[:50]) == 0.5  # ties
