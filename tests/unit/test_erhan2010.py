"""Depth on MNIST: which layers are pretrained, what the nets of a depth share, and what the figures are."""

from dataclasses import replace

import pytest
import torch
from small_mnist import put_small_mnist

from lecturelib.experiments import erhan2010, run
from lecturelib.experiments.erhan2010 import MnistDepth, MnistDepthDenoising, MnistDepthRBMs, MnistDepthRectified
from lecturelib.models.many import Denoisers, RBMs

SMALL = {"nets": 3, "depths": (1, 3), "width": 20, "batch_size": 20, "steps": 300, "precision": None}


@pytest.fixture(autouse=True)
def small_mnist(monkeypatch):
    put_small_mnist(monkeypatch, erhan2010)


@pytest.mark.parametrize(("experiment", "kind"), [
    (MnistDepthRBMs(**SMALL, rates=(0.5, 0.5), pretrain_steps=60), RBMs),
    (MnistDepthDenoising(**SMALL, rates=(0.5, 0.5), pretrain_steps=60), Denoisers)])  # fmt: skip
def test_each_depth_starts_from_the_same_pretrained_layers(experiment, kind):
    outcome = run(experiment, progress=False)
    assert list(outcome.models) == ["layer0", "layer1", "layer2", "depth1", "depth3"]
    layers = [outcome.models[f"layer{i}"] for i in range(3)]
    assert all(isinstance(layer, kind) and layer.nets == 3 for layer in layers)
    assert not torch.equal(layers[0].W[0], layers[0].W[1])
    hardly = run(replace(experiment, steps=1, rates=(1e-7, 1e-7)), progress=False).models
    for depth in (1, 3):
        nets = hardly[f"depth{depth}"]
        assert len(nets.W) == depth + 1
        for number in range(depth):
            torch.testing.assert_close(nets.W[number], hardly[f"layer{number}"].W, atol=1e-5, rtol=0)
            torch.testing.assert_close(nets.b[number], hardly[f"layer{number}"].b, atol=1e-5, rtol=0)
    assert outcome.figures["depth 1: test error in %"] < 50  # 90 by chance


@pytest.mark.parametrize("experiment", [
    MnistDepth(**SMALL, rates=(0.5, 0.5)), MnistDepthRectified(**SMALL, rates=(1e-2, 1e-2))])  # fmt: skip
def test_figures_are_those_of_the_nets(experiment):
    outcome = run(experiment, progress=False)
    assert list(outcome.models) == ["depth1", "depth3"]
    figures, test = outcome.figures, erhan2010.load("mnist", split="test")
    for depth in (1, 3):
        alone = torch.tensor([figures[f"depth {depth}, net {i}: test error in %"] for i in range(3)])
        assert figures[f"depth {depth}: test error in %"] == pytest.approx(alone.mean().item(), abs=1e-4)
        assert figures[f"depth {depth}: standard deviation over nets"] == pytest.approx(alone.std().item(), abs=1e-4)
        again = 100 * (1 - outcome.models[f"depth{depth}"].accuracies(test))  # with other noise
        assert (again - alone).abs().max() < 10
    assert figures["depth 1: training error in %"] < 10
    assert figures["depth 1: validation error in %"] < 50


def test_the_validation_part_is_not_trained_on():
    stage = next(MnistDepthRBMs(**SMALL, rates=(0.5, 0.5)).stages())
    assert len(stage.data) == 120
    assert stage.data.names == ("x",)
