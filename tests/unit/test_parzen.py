"""The experiment with Parzen windows: what is trained on what, and what is measured."""

import pytest
import torch
from small_mnist import put_small_mnist

from lecturelib.experiments import EXPERIMENTS, parzen, run
from lecturelib.experiments.parzen import ParzenWindows, averages, by_windows
from lecturelib.fidelity import parzen as windows

SMALL = ParzenWindows(steps=30, batch_size=20, noise=5, generator_units=(16,), discriminator_units=(16,), samples=20)


@pytest.fixture
def small_mnist(monkeypatch):
    put_small_mnist(monkeypatch, parzen)


def test_the_validation_part_is_not_trained_on(small_mnist):
    assert len(next(SMALL.stages()).data) == 120


def test_the_three_are_measured_alike(small_mnist):
    figures = run(SMALL, progress=False).figures
    nats = {name: figures[f"{name}: test log-likelihood by windows in nats"]
            for name in ("GAN", "training digits", "k-means")}  # fmt: skip
    assert nats["training digits"] > nats["GAN"]  # thirty steps make no digits
    assert all(figures[f"{name}: width"] in parzen.WIDTHS for name in nats)
    assert EXPERIMENTS["mnist_parzen"] == ParzenWindows()


def test_the_width_is_the_best_one_for_the_validation_digits():
    rng = torch.Generator().manual_seed(0)
    centres = torch.rand(10, 1, 8, 8, generator=rng)
    samples, validation, test = (
        centres[torch.arange(n) % 10] + 0.2 * torch.randn(n, 1, 8, 8, generator=rng) for n in (400, 60, 50)
    )
    nats, width = by_windows(samples, validation, test)
    assert 0.2 <= width <= 0.3
    torch.testing.assert_close(nats, windows(test, samples, width))


def test_averages_are_of_the_data(small_mnist):
    data = parzen.load("mnist").only("x")
    found = averages(data, 10)
    assert found.shape == (10, 1, 28, 28)
    nearest = torch.cdist(found.flatten(1), data.x.flatten(1)).amin(1)
    assert nearest.median() < 0.5 * torch.cdist(data.x[:10].flatten(1), data.x[:10].flatten(1)).max()
