"""The one training loop of the course: `train` is a generator, and the caller's loop body is the callback.

    for step in train(model, data, steps=1000):
        if step.number % 100 == 0:
            print(step.losses["loss"])

`fit` exhausts it with a progress bar.
"""

import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from IPython import get_ipython
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm.auto import tqdm as notebook_bar
from tqdm.std import tqdm as terminal_bar

from lecturelib import runtime
from lecturelib.data.tensors import Data
from lecturelib.model import Model, Turn
from lecturelib.resume import History, RunState

CHECK_EVERY = 50  # steps between looks at the losses on an accelerator, where a look waits for the device


class TrainingError(RuntimeError):
    """Training that cannot go on; the message names the model, the turn, the step and what to try."""


@dataclass(frozen=True)
class Step:
    """What one step of training did: its number from 0, and its losses as 0-D tensors on the device.

    The names are those of the loss's dict; with several turns "turn.name". `ema` is the averaged model or None.
    """

    number: int
    losses: dict[str, Tensor]
    ema: nn.Module | None = None


def cosine(warmup: float = 0.0, final: float = 0.0, flat: float = 0.0) -> Callable[[float], float]:
    """A schedule: the learning rate rises over the share `warmup` of the run and falls after `flat` to `final`."""
    top = max(warmup, flat)

    def factor(progress: float) -> float:
        if progress < warmup:
            return progress / warmup
        return final + (1 - final) * (1 + math.cos(math.pi * max(0.0, progress - top) / (1 - top))) / 2

    return factor


def train(
    model: Model,
    data: Data,
    steps: int,
    *,
    batch_size: int = 64,  # examples a turn sees in a step
    lr: float = 1e-3,  # handed to model.turns
    seed: int = 0,  # orders the data; the model's own noise comes from lecturelib.seed
    schedule: Callable[[float], float] | None = None,  # progress in [0, 1] -> factor on every learning rate
    clip: float | None = None,  # largest norm of a turn's gradient
    ema: float | None = None,  # decay of the averaged parameters
    precision: str | None = None,  # None is float32; "bfloat16"; "auto": bfloat16 where it measures faster
    accumulate: int = 1,  # batches whose gradients are averaged into one step
    compile: bool = False,  # torch.compile every turn's loss (but for those that say they cannot be)
    checkpoint: str | Path | None = None,  # where to save; resumes from it when it is there
    checkpoint_every: int = 1000,
    history: History | None = None,  # filled as the run goes, saved and restored with the checkpoint
) -> Iterator[Step]:
    """Train by taking turns; yields a Step after each step.

    A run that is stopped at any step and started again with the same arguments and `checkpoint` gives the
    same weights, bit for bit on the CPU, as one that was never stopped.
    TrainingError when a loss is not finite; MemoryError with advice when memory runs out.
    """
    if accumulate < 1:
        raise ValueError(f"accumulate is {accumulate}; it must be at least 1")
    turns = model.turns(lr)
    if len({turn.name for turn in turns}) < len(turns):
        raise ValueError(f"{type(model).__name__}: two turns share a name: {', '.join(turn.name for turn in turns)}")
    optimizers = list({id(t.optimizer): t.optimizer for t in turns}.values())
    base_lr = [[group["lr"] for group in o.param_groups] for o in optimizers]
    average = None if ema is None else AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(ema)).eval()
    losses_of = {t.name: torch.compile(t.loss) if compile and t.compiled else t.loss for t in turns}
    history = History() if history is None else history
    history.ema = average and average.module
    state = RunState(model, optimizers, average, history, {
        "model": type(model).__name__, "batch_size": batch_size, "lr": lr, "seed": seed, "ema": ema, "clip": clip,
        "accumulate": accumulate, "precision": str(precision)})  # fmt: skip
    if checkpoint is not None and Path(f"{checkpoint}.json").exists():
        state.resume(checkpoint)
    # a measurement may turn out otherwise another time: a resumed run goes on as it began
    device = model.device  # asked once: it takes a walk over the modules
    dtype = state.dtype or runtime.autocast_dtype(precision, device) or torch.float32
    state.dtype, first = dtype, state.step

    batches = data.batches(batch_size, seed=runtime.shifted(seed), start=first * accumulate)
    unchecked: list[tuple[int, Turn, dict[str, Tensor]]] = []
    try:
        for number in range(first, steps):
            if not model.training:  # the caller may have looked at it
                model.train()
            if schedule is not None:
                _set_lr(optimizers, base_lr, schedule(number / steps))
            micro = [runtime.to_device(b, device) for b in islice(batches, accumulate)]
            losses = {}
            for turn in turns:
                if number % turn.every:
                    continue
                logged = _gradients(model, turn, losses_of[turn.name], micro, device.type, dtype)
                unchecked.append((number, turn, logged))
                if device.type == "cpu" or number % CHECK_EVERY == 0:
                    _check_finite(model, unchecked)
                if clip is not None:
                    clip_grad_norm_(turn.parameters, clip)
                turn.optimizer.step()
                prefix = "" if len(turns) == 1 else f"{turn.name}."
                losses |= {prefix + name: value for name, value in logged.items()}
            if average is not None:
                average.update_parameters(model)
            history.add(number, losses)
            yield Step(number, losses, history.ema)
            if checkpoint is not None and ((number + 1) % checkpoint_every == 0 or number + 1 == steps):
                _check_finite(model, unchecked)  # never save over a good checkpoint what came to nothing
                state.step = number + 1
                state.save(checkpoint)
        _check_finite(model, unchecked)
    except torch.OutOfMemoryError:
        raise MemoryError(_memory_advice(model, batch_size, accumulate)) from None
    except RuntimeError as error:
        if not any(words in str(error) for words in ("can't allocate memory", "backend out of memory")):
            raise
        raise MemoryError(_memory_advice(model, batch_size, accumulate)) from None
    finally:
        model.eval()


def fit(
    model: Model,
    data: Data,
    steps: int,
    *,
    progress: bool = True,
    watch: Callable[[Model, Step, History, bool], None] | None = None,  # as lecturelib.show.Live
    **options,
) -> History:
    """Train to the end with one progress bar and return the History; the options are those of `train`.

    `watch` is called after each step, and at the end with True. Interrupted (the stop button, Ctrl-C), it returns the
    history so far and leaves the model usable.
    """
    history, start, shown, step = History(), time.perf_counter(), 0.0, None
    bar = _bar(steps, type(model).__name__, progress)
    try:
        for step in train(model, data, steps, history=history, **options):
            bar.update(step.number + 1 - bar.n)
            if watch is not None:
                watch(model, step, history, False)
            if not bar.disable and time.perf_counter() - shown > 0.5:
                shown = time.perf_counter()
                bar.set_postfix({name: f"{v[-1].item():.4g}" for name, v in history.losses.items()}, refresh=False)
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        bar.close()
    if watch is not None and step is not None:
        watch(model, step, history, True)
    history.seconds = time.perf_counter() - start
    return history


def _gradients(model: Model, turn: Turn, loss, micro: list[tuple], kind: str, dtype: torch.dtype) -> dict[str, Tensor]:
    others = set() if turn.player is None else set(model.buffers()) - set(turn.player.buffers())
    kept = [(buffer, buffer.clone()) for buffer in others]
    mine = [p for p in turn.parameters if p.requires_grad]
    turn.optimizer.zero_grad(set_to_none=True)
    sums: dict[str, Tensor] = {}
    try:
        for batch in micro:
            with torch.autocast(kind, dtype=dtype, enabled=dtype != torch.float32):
                parts = loss(*batch)
            _check_form(model, turn, parts)
            # only this player's gradients: the other players need no freezing
            (parts["loss"] / len(micro)).backward(inputs=mine)
            for name, value in parts.items():
                sums[name] = sums.get(name, 0) + value.detach() / len(micro)
    finally:
        for buffer, before in kept:
            buffer.copy_(before)
    return sums


def _check_form(model: Model, turn: Turn, parts) -> None:
    if isinstance(parts, dict) and "loss" in parts:
        if all(isinstance(value, Tensor) and value.ndim == 0 for value in parts.values()):
            return
        shapes = {k: tuple(v.shape) if isinstance(v, Tensor) else type(v).__name__ for k, v in parts.items()}
        got = ", ".join(f"{name}: {shape}" for name, shape in shapes.items())
    else:
        got = f"the entries {', '.join(parts)}" if isinstance(parts, dict) else f"a {type(parts).__name__}"
    raise TrainingError(
        f"{type(model).__name__}: the loss of turn {turn.name!r} must be a dict of 0-D tensors with an entry "
        f'"loss", as in {{"loss": error.mean()}}; it gave {got}'
    )


def _check_finite(model: Model, unchecked: list) -> None:
    if not unchecked:
        return
    finite = torch.stack([part["loss"] for _, _, part in unchecked]).isfinite().tolist()
    for fine, (number, turn, parts) in zip(finite, unchecked, strict=True):
        if not fine:
            values = ", ".join(f"{name} = {value.item():.4g}" for name, value in parts.items())
            raise TrainingError(
                f"{type(model).__name__}: the loss of turn {turn.name!r} is not finite at step {number} "
                f"({values}). Try a smaller learning rate, clip=1.0, or look at the data of this step."
            )
    unchecked.clear()


def _memory_advice(model: Model, batch_size: int, accumulate: int) -> str:
    smaller = f"batch_size={batch_size // 2} with accumulate={accumulate * 2} (the same step in half the memory), "
    return (
        f"{type(model).__name__} ran out of memory on {model.device} with batch_size={batch_size}. Try "
        f"{smaller if batch_size > 1 else ''}precision='bfloat16', or a smaller model."
    )


def _set_lr(optimizers: list, base: list[list[float]], factor: float) -> None:
    for optimizer, rates in zip(optimizers, base, strict=True):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor


def _bar(steps: int, name: str, progress: bool):
    live = hasattr(get_ipython(), "kernel")  # in a notebook; elsewhere only a terminal gets a bar
    kind = notebook_bar if live else terminal_bar
    quiet = not progress or not (live or sys.stderr.isatty())
    return kind(total=steps, desc=name, disable=quiet, leave=True)
