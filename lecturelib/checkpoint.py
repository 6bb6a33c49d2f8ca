"""Checkpoints: tensors in NAME-*.safetensors, everything else in NAME.json, never a pickle.

The json names the file of tensors and its SHA-256 and is renamed into place last, so that a process
killed while saving leaves the checkpoint before it whole.
"""

import glob
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

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
    """Save named tensors and a json record under `path` (no suffix).

    The file of tensors is numbered by `step`, or named after its content, so that writing it harms no older one.
    """
    path = Path(path)
    content = save({k: t.detach().cpu().contiguous().clone() for k, t in tensors.items()})
    sha256 = hashlib.sha256(content).hexdigest()
    file = path.with_name(f"{path.name}-{sha256[:8] if step is None else f'{step:08d}'}.safetensors")
    write_atomically(file, content)
    record = record | {"format": FORMAT, "file": file.name, "sha256": sha256}
    record["record_sha256"] = _digest(record)
    write_atomically(_json(path), json.dumps(record, indent=1).encode())
    for old in path.parent.glob(f"{glob.escape(path.name)}-{'[0-9a-f]' * 8}.safetensors"):
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
    if record.pop("record_sha256", None) != _digest(record):
        raise CheckpointError(f"{_json(path)} was changed since it was saved; delete it or restore a copy")
    file = path.with_name(Path(record["file"]).name)
    try:
        content = file.read_bytes()
        if hashlib.sha256(content).hexdigest() != record["sha256"]:
            raise CheckpointError(f"{file} is not the file that {_json(path).name} describes: cut short or changed")
        return load(content), record
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


def _json(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _digest(record: dict) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
