"""RBMs and deep belief networks on MNIST as experiments: stages, annealing as in the paper, labels that are read."""

from dataclasses import replace

import pytest
import torch
from small_mnist import put_small_mnist

import lecturelib
from lecturelib.data import Data
from lecturelib.experiments import GenerativeClassifier, RBMFeatures, RBMLikelihood, dbn, mnist, rbm, run
from lecturelib.models.rbm import RBM
from lecturelib.partition import log_partition

SMALL = RBMLikelihood(hidden=6, batch_size=10, ks=(1, 2), steps=(20, 30), annealed=20)


@pytest.fixture(autouse=True)
def small_mnist(monkeypatch):
    monkeypatch.setattr(rbm, "BETWEEN", ((20, 0.5), (100, 0.9), (200, 1.0)))
    x = torch.rand(60, 1, 28, 28, generator=torch.Generator().manual_seed(0)).round() * 0.9
    monkeypatch.setattr(rbm, "load", lambda name, split="train": Data(x if split == "train" else x[:20]))


def test_one_machine_is_trained_with_ever_longer_chains():
    outcome = run(SMALL, progress=False)
    assert list(outcome.models) == ["k1", "k2"]
    machine = outcome.models["k1"].model
    assert machine is outcome.models["k2"].model
    assert machine.k == 2
    assert machine.chains.numel() == 0
    figures = outcome.figures
    assert 0 < figures["standard error of log Z in nats"] < 1
    assert -784 < figures["test log-probability in nats"] < -100  # coins: -543


def test_persistent_chains_move():
    chains = run(replace(SMALL, chains=10, ks=(1,), steps=(20,)), progress=False).models["k1"].model.chains
    assert chains.shape == (10, 784)
    assert ((chains == 0) | (chains == 1)).all()


def test_the_figure_is_the_likelihood():
    lecturelib.seed(0)
    machine = RBM((1, 28, 28), 6)
    with torch.no_grad():
        machine.W.normal_(0, 0.1)
    x = torch.rand(20, 1, 28, 28).round()
    found = SMALL.figures(machine, x, torch.zeros(784))["test log-probability in nats"]
    assert found == pytest.approx(-machine.free_energy(x).mean().item() - log_partition(machine), abs=0.3)


def test_temperatures_rise_from_0_to_1_as_asked(monkeypatch):
    betas = rbm.schedule()
    assert (betas[0], betas[-1], len(betas)) == (0, 1, 321)
    assert (betas.diff() > 0).all()
    assert betas[20].item() == pytest.approx(0.5)
    assert len(rbm.schedule(10)) == 33


@pytest.fixture
def labelled_mnist(monkeypatch):
    put_small_mnist(monkeypatch, dbn, mnist)


def test_digits_and_labels_are_learned_layer_by_layer_and_then_up_and_down(labelled_mnist):
    steps = {"greedy_steps": 400, "ks": (1, 2), "steps": (200, 200)}
    experiment = GenerativeClassifier(sizes=(30, 20, 40), batch_size=20, lr=1e-3, **steps)
    outcome = run(experiment, progress=False)
    assert list(outcome.models) == ["layer0", "layer1", "layer2", "up_down1", "up_down2"]
    for part in ("training", "validation", "test"):
        assert outcome.figures[f"{part} error in %"] < 40  # 90 by chance
    assert set(outcome.figures) >= {"test error in %, before fine-tuning"}
    up_down = outcome.models["up_down2"]
    assert not torch.equal(up_down.generative[0].weight, up_down.layers[0].W)  # untied


def test_features_of_rbms_are_fine_tuned(labelled_mnist):
    small = RBMFeatures(sizes=(30, 20), batch_size=20, pretrain_steps=200, steps=300, lr=1e-2, precision=None)
    outcome = run(small, progress=False)
    assert isinstance(outcome.models["layer1"], RBM)
    assert outcome.figures["test error in %"] < 50
