"""Judge what training comes to: within the spread that the solution itself shows over seeds.

A check trains the student's model by calling its steps, a bounded number of times, and hands what came out to
`outcome`. How far that may lie from the solution's mean stands in spread.json beside checks.py, which
`lecturelib spread LAB` measures.
"""

import inspect
import json
import math
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from lecturelib.grading.mistakes import Mistake

FILE = "spread.json"
DEVIATIONS = 5  # of the solution's own spread; one honest answer in millions lies further out

_recorded: ContextVar[dict[str, list[float]] | None] = ContextVar("recorded", default=None)


def outcome(name: str, value: float, words: str, *, better: str = "lower", slack: float = 0.0) -> None:
    """Mistake(words, with both figures) unless `value` is as good as the solution's, up to its spread over seeds.

    better: "lower", "higher", or "near" when it may lie off on neither side. slack: a difference that never matters,
    for outcomes whose spread is next to nothing. FileNotFoundError or KeyError when the spread was not measured.
    """
    if better not in ("lower", "higher", "near"):
        raise ValueError(f'better is {better!r}; choose "lower", "higher" or "near"')
    found = _recorded.get()
    if found is not None:
        found.setdefault(name, []).append(float(value))
        return
    path = Path(inspect.currentframe().f_back.f_globals["__file__"]).with_name(FILE)
    if not path.is_file():
        raise FileNotFoundError(f"{FILE} is missing beside checks.py: lecturelib spread measures it")
    spread = json.loads(path.read_text(encoding="utf-8"))[name]
    mean, slack = spread["mean"], max(slack, DEVIATIONS * spread["deviation"])
    if not math.isfinite(value):
        raise Mistake(f"{words}: it came to {value}")
    if (better != "higher" and value > mean + slack) or (better != "lower" and value < mean - slack):
        raise Mistake(f"{words}: it came to {value:.4g}; the solution reaches {mean:.4g}, give or take {slack:.2g}")


@contextmanager
def recording() -> Iterator[dict[str, list[float]]]:
    """Inside, `outcome` judges nothing and notes the values under their names."""
    found: dict[str, list[float]] = {}
    token = _recorded.set(found)
    try:
        yield found
    finally:
        _recorded.reset(token)


def summarise(found: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Mean, standard deviation, smallest and largest of each outcome; ValueError with fewer than five values."""
    for name, values in found.items():
        if len(values) < 5:
            raise ValueError(f"{name!r} was measured {len(values)} times; a spread needs 5 seeds or more")
        if not all(map(math.isfinite, values)):
            raise ValueError(f"{name!r} is not finite for the solution itself: {values}")
    return {
        name: {"mean": statistics.fmean(v), "deviation": statistics.stdev(v), "low": min(v), "high": max(v),
               "seeds": len(v)}
        for name, v in found.items()
    }  # fmt: skip
