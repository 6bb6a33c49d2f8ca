"""What a training run is at one moment, saved whole and put back whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from lecturelib import runtime
from lecturelib.checkpoint import CheckpointError, check_fit, fill, load_tensors, save_tensors

# So many losses are put into one block. Each in a block of its own would lie where a batch has just been freed, and the
# next batch would need new memory: a third of a gigabyte in 500 steps on batches of 200 MNIST digits.
PACK = 128


@dataclass
class History:
    """The losses of a training run: `history["loss"]` is (steps,) on the CPU, `history.steps("loss")` says when.

    A resumed run's history begins where the run began. `ema` is the averaged model or None.
    """

    losses: dict[str, list[Tensor]] = field(default_factory=dict)  # 0-D, on the device
    numbers: dict[str, list[int]] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False
    ema: nn.Module | None = None

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.losses:
            raise KeyError(f"no loss {name!r} was logged; there are {', '.join(self.losses) or 'none'}")
        return torch.stack(self.losses[name]).float().cpu()

    def steps(self, name: str = "loss") -> Tensor:
        """The numbers of the steps in which a loss was logged: (n,) int64."""
        return torch.tensor(self.numbers[name])

    def add(self, number: int, losses: dict[str, Tensor]) -> None:
        """Log the losses of one step."""
        for name, value in losses.items():
            values = self.losses.setdefault(name, [])
            values.append(value)
            self.numbers.setdefault(name, []).append(number)
            if len(values) % PACK == 0:
                values[-PACK:] = torch.stack(values[-PACK:]).unbind()


@dataclass
class RunState:
    """Model, averages, every optimizer once, history, step and random states of a run; `settings` tell it from others.

    `dtype` is what the run computes in, None before that is known.
    """

    model: nn.Module
    optimizers: Sequence[torch.optim.Optimizer]
    average: nn.Module | None
    history: History
    settings: dict
    step: int = 0
    dtype: torch.dtype | None = None

    def save(self, path: str | Path) -> None:
        """Write everything to a checkpoint."""
        random = runtime.rng_state()
        tensors = _prefixed("model.", self.model.state_dict()) | _prefixed("random.", random["tensors"])
        if self.average is not None:
            tensors |= _prefixed("ema.", self.average.state_dict())
        tensors |= {f"losses.{name}": torch.stack(values) for name, values in self.history.losses.items()}
        tensors |= {f"numbers.{name}": self.history.steps(name) for name in self.history.numbers}
        record = {"settings": self.settings, "step": self.step, "dtype": str(self.dtype).removeprefix("torch.")}
        record |= {"random": random["values"], "optimizers": []}
        for i, optimizer in enumerate(self.optimizers):
            packed, values = _pack(optimizer)
            tensors |= _prefixed(f"optimizer{i}.", packed)
            record["optimizers"].append(values)
        save_tensors(path, tensors, record, step=self.step)

    def resume(self, path: str | Path) -> None:
        """Put everything back as `save` found it; CheckpointError, with nothing changed, for another run's file."""
        tensors, record = load_tensors(path)
        was = record.get("settings", {})
        other = [f"{k} was {was.get(k)!r}, is {v!r}" for k, v in self.settings.items() if was.get(k) != v]
        sizes = [[len(group["params"]) for group in packed["param_groups"]] for packed in record["optimizers"]]
        if sizes != [[len(group["params"]) for group in o.param_groups] for o in self.optimizers]:
            other.append("the optimizers hold other parameters")
        if other:
            raise CheckpointError(f"{path} is another run's ({'; '.join(other)}): give the old arguments or a new path")

        def part(prefix: str) -> dict[str, Tensor]:
            return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

        check_fit(self.model, part("model."), path)
        if self.average is not None:
            fill(self.average, part("ema."), path)
        fill(self.model, part("model."), path)
        for i, (optimizer, values) in enumerate(zip(self.optimizers, record["optimizers"], strict=True)):
            _unpack(optimizer, part(f"optimizer{i}."), values)
        device = next(self.model.parameters()).device
        self.history.losses = {name: list(v.to(device).unbind()) for name, v in part("losses.").items()}
        self.history.numbers = {name: v.tolist() for name, v in part("numbers.").items()}
        self.step, self.dtype = record["step"], getattr(torch, record["dtype"])
        runtime.set_rng_state({"tensors": part("random."), "values": record["random"]})


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in tensors.items()}


def _pack(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict]:
    state = optimizer.state_dict()
    tensors, values = {}, {"param_groups": state["param_groups"], "state": {}}
    for index, entries in state["state"].items():
        for key, value in entries.items():
            (tensors if isinstance(value, Tensor) else values["state"])[f"{index}.{key}"] = value
    return tensors, values


def _unpack(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], values: dict) -> None:
    state: dict[int, dict] = {}
    for name, value in [*tensors.items(), *values["state"].items()]:
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": values["param_groups"]})
