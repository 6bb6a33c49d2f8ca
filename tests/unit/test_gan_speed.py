"""The peer of benchmarks/gan.py is a GAN that learns, on the same networks and the same data."""

from itertools import islice

import pytest
import torch
from scripts_of_benchmarks import script

import lecturelib
from lecturelib.data import Data, load
from lecturelib.experiments.gans import DigitsGAN, LargeFacesGAN
from lecturelib.experiments.labels import ConditionalDigits

TRAIN = lecturelib.train
SMALL = {"n": 300, "generator_channels": (16, 8), "discriminator_channels": (8, 16), "noise": 8}


@pytest.mark.parametrize("experiment", [DigitsGAN(**SMALL), ConditionalDigits(**SMALL)])
def test_the_peer_learns(experiment, monkeypatch):
    monkeypatch.setenv("LECTURELIB_DEVICE", "cpu")
    with script("gan") as gan:
        lecturelib.seed(0)
        data = experiment.data()
        losses = torch.tensor(list(islice(gan.usual_steps(experiment, data, 0), 25)))
        assert losses.isfinite().all()
        assert losses[-5:, 0].mean() < 0.5 * losses[0, 0]  # the discriminator sees what is made so early
        mine = list(islice(gan.our_steps(experiment, data, None), 2))
        assert mine[-1].number == 1
        assert gan.a_second(iter(range(100)), 10) > 0


@pytest.mark.parametrize("kind", [DigitsGAN, ConditionalDigits])
def test_one_turn_is_the_same_gan(kind, monkeypatch):
    monkeypatch.setenv("LECTURELIB_DEVICE", "cpu")
    experiment = kind(**SMALL, discriminator_norm=False, r1=0.01)
    with script("gan") as gan:
        (step,) = islice(gan.our_steps(experiment, experiment.data(), None, together=True), 1)
        assert set(step.losses) == {"both.loss", "both.real", "both.fake", "penalty.loss"}
        apart = experiment.model()
        together = gan.one_turn(apart)
    for name in ("noise", "conditional", "lazy", "betas", "penalty", "game"):
        assert getattr(together, name) == getattr(apart, name)


def test_quality_of_one_turn_and_two(monkeypatch, capsys):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    with script("gan") as gan:
        gan.quality(1)
    lines = capsys.readouterr().out.splitlines()
    ways = ["two turns", "two turns, no momentum", "one turn", "one turn, no momentum"]
    assert [line.strip().split("  ")[0] for line in lines] == [way for way in ways for _ in range(3)]


def test_large_faces_in_three_ways(monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    small = LargeFacesGAN(n=40, batch_size=8, generator_channels=(16, 8, 8, 8), discriminator_channels=(8, 8, 8, 8))
    with script("gan") as gan:
        monkeypatch.setattr(gan.lecturelib, "train", lambda model, *_, compile=False, **rest: TRAIN(model, *_, **rest))
        found = gan.large(2, 1, small)
    assert list(found) == ["float32", "bfloat16", "bfloat16, compiled"]
    assert all(value > 0 for values in found.values() for value in values)


def test_pictures_come_out_as_they_are_in_the_data():
    for data in (load("glyphs", n=3), load("faces", n=3).only("x")):
        with script("gan") as gan:
            pictures = gan.Pictures(data)
            assert len(pictures) == 3
            for i in range(3):
                torch.testing.assert_close(pictures[i][0], data.x[i])


def test_labels_ride_along():
    with script("gan") as gan:
        pictures = gan.Pictures(Data(torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.eye(4)))
        assert torch.equal(pictures[2][1], torch.eye(4)[2])
