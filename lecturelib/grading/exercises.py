"""Exercises: checks in plain Python, outside the notebook, that name the mistake.

A lab's checks.py holds them. Several checks may share a name; together they make up one exercise, and the
hidden ones are cut out when the lab is released.

    @exercise("kl", points=2, hint="KL(q || p) is never negative.")
    def kl(call, rng):
        mean = torch.randn(5, 3, generator=rng)
        compare(call("kl", mean), expected, {"the sign is wrong": -expected})
"""

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from lecturelib.grading.calling import Caller, is_stub
from lecturelib.grading.mistakes import Mistake


@dataclass(frozen=True)
class Exercise:
    """One check of an exercise: `test(call, rng)` returns when the answer is right and raises Mistake when not."""

    name: str
    points: float
    hint: str
    hidden: bool
    test: Callable[[Caller, torch.Generator], None]


@dataclass(frozen=True)
class Result:
    """What a check came to. status: passed | failed | not written | raised | broken (the check's own fault)."""

    score: float
    maximum: float
    status: str
    hint: str


def exercise(name: str, *, points: float, hint: str = "", hidden: bool = False) -> Callable[[Callable], Exercise]:
    """Turn a function of (call, rng) into a check; `hint` follows the mistake, where there is more to say."""
    return lambda test: Exercise(name, points, hint, hidden, test)


def exercises_of(path: str | Path) -> list[Exercise]:
    """The checks in a checks.py, in their order there; FileNotFoundError or ValueError when it cannot be read."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path.name} in {path.parent.resolve()}: it belongs beside the notebook")
    spec = importlib.util.spec_from_file_location(f"checks_of_{path.parent.resolve().name}", path)
    module = importlib.util.module_from_spec(spec)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # a lab's folder holds what was released alone
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        where = f"{error.filename or path}{f' line {error.lineno}' if error.lineno else ''}"
        raise ValueError(f"{where} cannot be read: {error.msg}; take it from the released lab") from None
    finally:
        sys.dont_write_bytecode = writes
    return [item for item in vars(module).values() if isinstance(item, Exercise)]


def generator(*words) -> torch.Generator:
    """Random numbers fixed by these words: the same inputs for the same exercise each time."""
    digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def run(exercise: Exercise, call: Callable, rng: torch.Generator) -> Result:
    """Judge one check; whatever the student's functions do, a Result comes back."""
    try:
        exercise.test(call, rng)
    except Mistake as mistake:
        hint = f". Hint: {exercise.hint}" if exercise.hint and mistake.status == "failed" else ""
        return Result(0.0, exercise.points, mistake.status, f"{mistake}{hint}")
    except Exception as error:
        said = f"the check could not judge this answer ({type(error).__name__}: {error}); please report it"
        return Result(0.0, exercise.points, "broken", " ".join(said.split()))
    return Result(exercise.points, exercise.points, "passed", "")


def check(name: str, folder: str | Path = ".") -> None:
    """Try the functions of this notebook on the exercise: prints a tick, or raises one line that names the mistake.

    The checks are read from checks.py in `folder`, which is the notebook's own.
    """
    namespace = inspect.currentframe().f_back.f_globals
    try:
        known = exercises_of(Path(folder) / "checks.py")
    except (FileNotFoundError, ValueError) as error:
        raise Mistake(str(error)) from None
    chosen = [e for e in known if e.name == name]
    if not chosen:
        names = ", ".join(dict.fromkeys(e.name for e in known))
        raise Mistake(f"there is no exercise {name!r}; there are {names}")
    call = Caller(namespace)
    results = [run(e, call, generator(e.name, e.hidden, "visible")) for e in chosen]
    _show_printed(call.printed.getvalue())
    for result in results:
        if result.status != "passed":
            raise Mistake(f"{name}: {result.hint}") from None
    print(f"✓ {name}: right on everything that was tried here.")


def _show_printed(text: str, most: int = 8) -> None:
    lines = text.strip().splitlines()
    if lines:
        more = [f"  … and {len(lines) - most} lines more"] if len(lines) > most else []
        print("\n".join(["Your code printed:", *(f"  {line[:100]}" for line in lines[:most]), *more]))


@contextmanager
def once_written():
    """For a cell that shows what an answer does: while the answer is not written, it says so and goes on."""
    try:
        yield
    except NotImplementedError as error:
        if not is_stub(error):
            raise
        print("This cell has something to show once the function above is written.")
