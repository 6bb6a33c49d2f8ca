"""What machine is this, and how big may the run be? The only file that asks."""

import os
import random
import time
from functools import cache

import numpy as np
import torch
from torch import Tensor

PROFILES = ("smoke", "cpu", "gpu")


def profile() -> str:
    """The profile in force: `smoke` (a few steps), `cpu` (the default) or `gpu` (full size).

    Set by the environment variable LECTURELIB_PROFILE; ValueError for a name that does not exist.
    """
    name = os.environ.get("LECTURELIB_PROFILE") or "cpu"
    if name not in PROFILES:
        raise ValueError(f"LECTURELIB_PROFILE is {name!r}; choose one of {', '.join(PROFILES)}")
    return name


def choose(*, smoke, cpu, gpu=None):
    """The value for the profile in force; `gpu` is the cpu's where it is not given."""
    return {"smoke": smoke, "cpu": cpu, "gpu": cpu if gpu is None else gpu}[profile()]


@cache
def _device(name: str | None) -> torch.device:
    if name:
        try:
            return torch.empty(0, device=name).device
        except (RuntimeError, AssertionError) as error:
            raise ValueError(f"LECTURELIB_DEVICE is {name!r}, which cannot be used here: {error}") from None
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def device() -> torch.device:
    """Where tensors should live: CUDA, else Apple's MPS, else the CPU; LECTURELIB_DEVICE overrules."""
    return _device(os.environ.get("LECTURELIB_DEVICE"))


def machine() -> str:
    """What this machine is, in words that name neither host nor owner: cores, threads in use, and the GPU if any."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads, where = torch.get_num_threads(), device()
    words = f"{cores} CPU core{'s' if cores > 1 else ''}, {threads} thread{'s' if threads > 1 else ''}"
    gpu = {"cuda": lambda: torch.cuda.get_device_name(where), "mps": lambda: "Apple GPU"}.get(where.type)
    return f"{words}, {'no GPU' if gpu is None else gpu()}"


def shifted(n: int) -> int:
    """A seed, shifted by LECTURELIB_SEED, so that `lecturelib notebooks run --seeds N` can measure the spread."""
    shift = os.environ.get("LECTURELIB_SEED") or "0"
    try:
        return n + int(shift)
    except ValueError:
        raise ValueError(f"LECTURELIB_SEED is {shift!r}; give a whole number") from None


def seed(n: int) -> None:
    """Seed torch (all devices), numpy and python; the same seed (see `shifted`) gives the same numbers twice."""
    n = shifted(n)
    random.seed(n)
    np.random.seed(n % 2**32)  # noqa: NPY002 - the global generator is what libraries draw from
    torch.manual_seed(n)


def rng_state() -> dict:
    """Every random state of the process, as tensors and plain values (for a checkpoint)."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002
    version, words, spare = random.getstate()
    tensors = {"torch": torch.get_rng_state(), "numpy": torch.from_numpy(keys.astype(np.int64))}
    if torch.cuda.is_available():
        tensors |= {f"cuda.{i}": state for i, state in enumerate(torch.cuda.get_rng_state_all())}
    values = {"numpy": [kind, position, has_gauss, gauss], "python": [version, list(words), spare]}
    return {"tensors": tensors, "values": values}


def set_rng_state(state: dict) -> None:
    """Put back what `rng_state` returned; CUDA states of devices that are not here are passed over."""
    tensors, values = state["tensors"], state["values"]
    torch.set_rng_state(tensors["torch"].cpu())
    kind, position, has_gauss, gauss = values["numpy"]
    np.random.set_state((kind, tensors["numpy"].numpy().astype(np.uint32), position, has_gauss, gauss))  # noqa: NPY002
    version, words, spare = values["python"]
    random.setstate((version, tuple(words), spare))
    for i in range(torch.cuda.device_count()):
        if f"cuda.{i}" in tensors:
            torch.cuda.set_rng_state(tensors[f"cuda.{i}"].cpu(), i)


def _seconds_of_matmul(dtype: torch.dtype, where: torch.device) -> float:
    a = torch.ones(768, 768, dtype=dtype, device=where)
    best = float("inf")
    for _ in range(20):  # the best of many: a busy neighbour must not decide
        start = time.perf_counter()
        total = (a @ a).sum()
        total.item()  # waits for the device
        best = min(best, time.perf_counter() - start)
    return best


@cache
def bfloat16_gain(where: torch.device) -> float:
    """How many times faster a 768 x 768 matrix product is in bfloat16 than in float32 (measured once)."""
    if where.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return 0.0
    try:
        return _seconds_of_matmul(torch.float32, where) / _seconds_of_matmul(torch.bfloat16, where)
    except RuntimeError:
        return 0.0


def autocast_dtype(precision: str | torch.dtype | None, where: torch.device) -> torch.dtype | None:
    """The type that `train` computes in: None is float32, "auto" is bfloat16 where that measures faster."""
    if precision in (None, torch.float32, "float32"):
        return None
    if precision in (torch.bfloat16, "bfloat16"):
        return torch.bfloat16
    if precision == "auto":
        return torch.bfloat16 if bfloat16_gain(where) >= 1.4 else None
    raise ValueError(f"precision is {precision!r}; choose None (float32), 'bfloat16' or 'auto'")


def to_device(batch, where: torch.device):
    """A tensor, or a tuple of tensors, on the device; what is there already is not copied."""
    if isinstance(batch, Tensor):
        return batch.to(where, non_blocking=True)
    return tuple(to_device(part, where) for part in batch)
