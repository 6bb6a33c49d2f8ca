"""runtime: profile, seed, precision."""

import random

import numpy as np
import pytest
import torch

from lecturelib import runtime


def draws() -> list[float]:
    return [torch.rand(1).item(), float(np.random.rand()), random.random()]  # noqa: NPY002


def test_same_seed_same_numbers_in_torch_numpy_and_python():
    runtime.seed(3)
    first = draws()
    runtime.seed(3)
    assert draws() == first
    runtime.seed(4)
    assert not set(draws()) & set(first)


def test_random_state_goes_round():
    runtime.seed(0)
    draws()
    state = runtime.rng_state()
    expected = draws()
    runtime.set_rng_state(state)
    assert draws() == expected


def test_profile_chooses_the_size(monkeypatch):
    monkeypatch.delenv("LECTURELIB_PROFILE", raising=False)
    assert runtime.profile() == "cpu"
    assert runtime.choose(smoke=1, cpu=2, gpu=3) == 2
    monkeypatch.setenv("LECTURELIB_PROFILE", "gpu")
    assert runtime.choose(smoke=1, cpu=2, gpu=3) == 3
    assert runtime.choose(smoke=1, cpu=2) == 2


def test_unknown_profile_names_the_choices(monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "fast")
    with pytest.raises(ValueError, match="'fast'; choose one of smoke, cpu, gpu"):
        runtime.profile()


def test_unusable_device_is_named(monkeypatch):
    monkeypatch.setenv("LECTURELIB_DEVICE", "toaster")
    with pytest.raises(ValueError, match="LECTURELIB_DEVICE is 'toaster'"):
        runtime.device()


def test_a_seed_that_is_no_number_is_named(monkeypatch):
    monkeypatch.setenv("LECTURELIB_SEED", "2")
    assert runtime.shifted(3) == 5
    monkeypatch.setenv("LECTURELIB_SEED", "x")
    with pytest.raises(ValueError, match="LECTURELIB_SEED is 'x'; give a whole number"):
        runtime.shifted(3)


def test_precision():
    cpu = torch.device("cpu")
    assert runtime.autocast_dtype(None, cpu) is None
    assert runtime.autocast_dtype("bfloat16", cpu) is torch.bfloat16
    assert runtime.autocast_dtype("auto", cpu) in (None, torch.bfloat16)
    assert runtime.bfloat16_gain(cpu) > 0
    with pytest.raises(ValueError, match="float16"):
        runtime.autocast_dtype("float16", cpu)
