"""Checkpoints: tensors in NAME.safetensors, everything else in NAME.json, never a pickle.

The json names the tensor file and its SHA-256 and is renamed into place last, so that a process
killed while saving leaves the checkpoint before it whole.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from lecturelib import runtime

FORMAT = "lecturelib checkpoint 1"


class CheckpointError(RuntimeError):
    """A file that cannot be used as a checkpoint; the message says why, and nothing was changed."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary file beside `path`, sync it to the disk, and rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save_tensors(path: str | Path, tensors: Mapping[str, Tensor], record: dict, *, step: int | None = None) -> None:
    """Save named tensors and a json record under `path` (no suffix); `step` numbers the file of tensors."""
    path = Path(path)
    name = path.name if step is None else f"{path.name}-{step:08d}"
    content = save({k: t.detach().cpu().contiguous().clone() for k, t in tensors.items()})
    file = path.with_name(f"{name}.safetensors")
    write_atomically(file, content)
    record = record | {"format": FORMAT, "file": file.name, "sha256": hashlib.sha256(content).hexdigest()}
    write_atomically(_json(path), json.dumps(record, indent=1).encode())
    if step is not None:
        for old in path.parent.glob(f"{path.name}-{'[0-9]' * 8}.safetensors"):
            if old != file:
                old.unlink(missing_ok=True)


def load_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict]:
    """The tensors and the record saved under `path`; CheckpointError when missing, cut short, changed or foreign."""
    path = Path(path)
    try:
        record = json.loads(_json(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {_json(path)}") from None
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{_json(path)} cannot be read ({error}); delete it or restore a copy") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise CheckpointError(f"{_json(path)} is not a checkpoint of this course: its format is not {FORMAT!r}")
    file = path.with_name(Path(str(record.get("file"))).name)
    try:
        content = file.read_bytes()
        if hashlib.sha256(content).hexdigest() != record.get("sha256"):
            raise CheckpointError(f"{file} is not the file that {_json(path).name} describes: cut short or changed")
        return load_file(file), record
    except FileNotFoundError:
        raise CheckpointError(f"{_json(path).name} names {file}, which is missing") from None
    except SafetensorError as error:
        raise CheckpointError(f"{file} is not a safetensors file: {error}") from None


def save_model(model: nn.Module, path: str | Path, **record) -> None:
    """Save a model's parameters and buffers under `path`, with whatever should be known about how it was made."""
    save_tensors(path, model.state_dict(), record | {"model": type(model).__name__})


def load_model(model: nn.Module, path: str | Path) -> dict:
    """Fill the model from what `save_model` wrote and return its record; the model is untouched on any error."""
    tensors, record = load_tensors(path)
    fill(model, tensors, path)
    return record


def fill(model: nn.Module, tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """Copy tensors into a module once every name and shape is known to agree; CheckpointError if not."""
    check_fit(model, tensors, path)
    model.load_state_dict(tensors)


def check_fit(model: nn.Module, tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """CheckpointError, naming what differs, unless the tensors have the module's names and shapes."""
    own = model.state_dict()
    shapes = [k for k in own.keys() & tensors.keys() if own[k].shape != tensors[k].shape]
    said = {
        "missing": sorted(own.keys() - tensors.keys()),
        "not in the model": sorted(tensors.keys() - own.keys()),
        "another shape": [f"{k} {tuple(tensors[k].shape)} for {tuple(own[k].shape)}" for k in sorted(shapes)],
    }
    wrong = [f"{what}: {', '.join(names[:3])}" for what, names in said.items() if names]
    if wrong:
        raise CheckpointError(f"{path} does not fit this {type(model).__name__} ({'; '.join(wrong)})")


def save_run(
    path: str | Path,
    step: int,
    model: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    average: nn.Module | None,
    settings: dict,
) -> None:
    """Save all that a training run needs to go on: model, averages, every optimizer once, random states, step."""
    random = runtime.rng_state()
    tensors = _prefixed("model.", model.state_dict()) | _prefixed("random.", random["tensors"])
    if average is not None:
        tensors |= _prefixed("ema.", average.state_dict())
    record = settings | {"step": step, "random": random["values"], "optimizers": []}
    for i, optimizer in enumerate(optimizers):
        packed, values = _pack(optimizer)
        tensors |= _prefixed(f"optimizer{i}.", packed)
        record["optimizers"].append(values)
    save_tensors(path, tensors, record, step=step)


def resume_run(
    path: str | Path,
    model: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    average: nn.Module | None,
    settings: dict,
) -> int:
    """Put everything back as `save_run` found it and return the next step; CheckpointError for another run's file."""
    tensors, record = load_tensors(path)
    other = [f"{k} was {record.get(k)!r}, is {v!r}" for k, v in settings.items() if record.get(k) != v]
    if other or len(record["optimizers"]) != len(optimizers):
        raise CheckpointError(f"{path} is another run's ({'; '.join(other)}): give the old arguments or a new path")

    def part(prefix: str) -> dict[str, Tensor]:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    check_fit(model, part("model."), path)
    if average is not None:
        fill(average, part("ema."), path)
    fill(model, part("model."), path)
    for i, (optimizer, values) in enumerate(zip(optimizers, record["optimizers"], strict=True)):
        _unpack(optimizer, part(f"optimizer{i}."), values)
    runtime.set_rng_state({"tensors": part("random."), "values": record["random"]})
    return record["step"]


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


def _json(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")
