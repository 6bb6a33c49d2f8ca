"""Metrics against values that are known."""

import math

import pytest
import torch

from lecturelib.metrics import clustering_accuracy, fit_probe, linear_probe, psnr, ssim


def test_psnr_of_a_known_error():
    x = torch.zeros(3, 1, 4, 4)
    output = torch.stack([x[0], x[1] + 0.1, x[2] + 1.0])
    values = psnr(output, x)
    assert values[0] == math.inf
    assert values[1].item() == pytest.approx(20.0, abs=1e-4)
    assert values[2].item() == pytest.approx(0.0, abs=1e-4)
    assert psnr(output[1:2] * 255, x[:1] * 255, peak=255).item() == pytest.approx(20.0, abs=1e-3)


def test_psnr_is_skimages():
    from skimage.metrics import peak_signal_noise_ratio

    x, output = torch.rand(2, 5, 8, 8, generator=torch.Generator().manual_seed(0))
    expected = [peak_signal_noise_ratio(a, b, data_range=1) for a, b in zip(x.numpy(), output.numpy(), strict=True)]
    assert psnr(output, x).tolist() == pytest.approx(expected, rel=1e-5)


def test_psnr_refuses_other_shapes():
    with pytest.raises(ValueError, match="differ in shape"):
        psnr(torch.zeros(3, 4), torch.zeros(4, 3))


def test_ssim_is_skimages():
    from skimage.metrics import structural_similarity

    x = torch.rand(4, 3, 24, 32, generator=torch.Generator().manual_seed(0))
    output = torch.stack([x[0], 0.7 * x[1], 0.4 * x[2] + 0.2, 1 - x[3]])
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 0}
    expected = [structural_similarity(a, b, data_range=1, **options)
                for a, b in zip(output.numpy(), x.numpy(), strict=True)]  # fmt: skip
    values = ssim(output, x)
    assert values.tolist() == pytest.approx(expected, abs=0.01)
    assert values[0] == pytest.approx(1)
    assert values[3] < 0
    assert ssim(output[:1] * 255, x[:1] * 255, peak=255).shape == (1,)
    with pytest.raises(ValueError, match="differ in shape"):
        ssim(x, x[:2])


def test_clusters_may_have_any_names():
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    assert clustering_accuracy(torch.tensor([7, 7, 3, 3, 100, 100]), labels) == 1.0
    assert clustering_accuracy(torch.tensor([7, 3, 3, 3, 7, 7]), labels) == pytest.approx(4 / 6)


def test_one_cluster_names_one_class():
    assert clustering_accuracy(torch.zeros(10).long(), torch.arange(10) % 5) == pytest.approx(0.2)


def test_more_clusters_than_classes_do_not_help():
    labels = torch.arange(12) % 3
    assert clustering_accuracy(torch.arange(12), labels) == pytest.approx(3 / 12)


@pytest.mark.parametrize(("clusters", "labels"), [([], []), ([0, 1], [0]), ([[0]], [[0]])])
def test_clusterings_that_make_no_sense_are_refused(clusters, labels):
    with pytest.raises(ValueError, match="two rows"):
        clustering_accuracy(torch.tensor(clusters), torch.tensor(labels))


@pytest.fixture
def blobs() -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    y = torch.arange(300) % 3
    return torch.randn(300, 5, generator=rng) + 4 * torch.eye(3, 5)[y], y


@pytest.mark.parametrize("penalty", [None, 1.0])
def test_a_linear_probe_reads_separated_classes(blobs, penalty):
    x, y = blobs
    assert linear_probe(x[:200], y[:200], x[200:], y[200:], penalty=penalty) > 0.95
    probe = fit_probe(x[:200], y[:200], penalty=penalty)
    assert probe(x[200:], y[200:]) == linear_probe(x[:200], y[:200], x[200:], y[200:], penalty=penalty)
    assert probe(torch.zeros(30, 5), y[:30]) == pytest.approx(1 / 3)


def test_a_probe_does_not_depend_on_the_scale_of_the_code(blobs):
    x, y = blobs
    one, other = (linear_probe(s * x[:100], y[:100], s * x[100:], y[100:], penalty=1.0) for s in (1.0, 1000.0))
    assert one == other
