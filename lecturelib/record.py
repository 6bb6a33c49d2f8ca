"""What was measured, as JSON: whole or not at all on the disk, with what the figures depend on."""

import difflib
import json
import platform
import statistics
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from lecturelib import runtime
from lecturelib.checkpoint import write_atomically

PACKAGES = ("lecturelib", "numpy", "scikit-learn", "torch")  # whose versions may change a figure

T = TypeVar("T")


def circumstances() -> dict:
    """The machine in words, the profile, and the versions of what computed."""
    versions = {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    return {"machine": runtime.machine(), "profile": runtime.profile(), "versions": versions}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, mean, standard deviation (of a sample; 0 for one value), least and largest of n values."""
    return {
        "n": len(values),
        "median": statistics.median(values),
        "mean": statistics.fmean(values),
        "std": statistics.stdev(values) if len(values) > 1 else 0.0,
        "min": min(values),
        "max": max(values),
    }


def plain(values: Mapping) -> dict:
    """The values as JSON gives them back: tuples are lists, keys are strings."""
    return json.loads(json.dumps(values))


def write(path: str | Path, record: Mapping) -> Path:
    """Write a record as JSON, through a temporary file that is renamed into place."""
    path = Path(path)
    write_atomically(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    return path


def read(path: str | Path) -> dict:
    """Read a record; ValueError when the file holds none, FileNotFoundError when there is no file."""
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a record ({error}); delete it and compute it again") from None
    if not isinstance(record, dict):
        raise ValueError(f"{path} is not a record (it holds a {type(record).__name__}); delete it")
    return record


def named(name: str, table: Mapping[str, T], kind: str) -> T:
    """The entry of that name; ValueError in one line, with near matches or all there are, for another."""
    if name in table:
        return table[name]
    near = difflib.get_close_matches(name, table, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(table)}"
    raise ValueError(f"there is no {kind} {name!r}; {hint}")
