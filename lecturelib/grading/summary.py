"""The teacher's page of a lab: how the class did, where it fails and why, and whom to look at."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lecturelib.grading.course import Plan
from lecturelib.grading.pages import alike, count, in_common, mistake, points, write_page
from lecturelib.grading.records import Item, Record

MOST_BINS, MOST_MISTAKES, MOST_PAIRS, SLOWEST = 16, 6, 40, 10


@dataclass(frozen=True)
class Histogram:
    """How many values stand in each bin. `over`: the last bin holds everything above `edges[-1]` too."""

    edges: Sequence[float]
    counts: Sequence[int]
    over: bool

    @property
    def heights(self) -> list[float]:
        """In percent of the highest bin."""
        return [100 * n / max(self.counts) for n in self.counts]

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Where an edge is written, in percent of the width, and its number; at most about ten."""
        last = len(self.counts)
        step = -(-last // 10)
        shown = [*(i for i in range(0, last, step) if last - i >= step), last]
        more = {last: "+"} if self.over else {}
        return [(100 * i / last, points(self.edges[i]) + more.get(i, "")) for i in shown]

    def place(self, value: float) -> float:
        """Where a value stands, in percent of the width."""
        return min(100.0, 100 * (value - self.edges[0]) / (self.edges[-1] - self.edges[0]))

    def described(self, unit: str) -> str:
        """The picture in words, for those who do not see it."""
        bins = zip(self.edges[:-1], self.edges[1:], self.counts, strict=True)
        return "; ".join(f"{points(a)} to {points(b)} {unit}: {n}" for a, b, n in bins if n)


@dataclass
class Task:
    """How the class did in one exercise; all lists hold students."""

    name: str
    maximum: float = 0.0
    scores: list[float] = field(default_factory=list)
    full: list[str] = field(default_factory=list)
    partly: list[str] = field(default_factory=list)
    none: list[str] = field(default_factory=list)
    unwritten: list[str] = field(default_factory=list)
    mistakes: list[tuple[str, list[str]]] = field(default_factory=list)  # the words, who made it

    @property
    def mean_share(self) -> float:
        return float(np.mean(self.scores)) / self.maximum if self.maximum else 0.0

    @property
    def parts(self) -> list[tuple[str, str, int]]:
        """Class in the picture, words, number of students."""
        whole = [("full", "full points", self.full), ("part", "a part", self.partly)]
        whole += [("none", "no points", self.none), ("unwritten", "not written", self.unwritten)]
        return [(kind, said, len(who)) for kind, said, who in whole]


def write_summary(
    records: Sequence[Record],
    plan: Plan,
    path: Path,
    *,
    pairs: Iterable = (),
    changes: Iterable[tuple[str, float | None, float | None]] = (),
) -> Path:
    """Write the teacher's page, whole or not at all, and return its path.

    Scores are those of the checks, without open questions and without what being late costs. pairs: as
    similarity.py finds them, the most similar first. changes: (student, score before, score after).
    """
    records = sorted(records, key=lambda record: record.student)
    graded = [record for record in records if not record.failure]
    scores = [record.score for record in graded]
    seconds = [record.seconds for record in graded]
    maximum = max((record.maximum for record in graded), default=0.0)
    tasks = exercises(graded)
    pairs = list(pairs)
    return write_page(
        Path(path),
        "summary.html",
        {
            "plan": plan,
            "title": plan.title or plan.name,
            "records": records,
            "graded": graded,
            "failed": [record for record in records if record.failure],
            "flagged": [record for record in records if record.flags],
            "late": [entry for record in records if (entry := _late(record, plan))],
            "maximum": maximum,
            "numbers": _numbers(scores),
            "scores": histogram(scores, high=maximum) if graded and maximum else None,
            "seconds": histogram(seconds, high=min(max(seconds), 4 * float(np.median(seconds)))) if graded else None,
            "tasks": tasks,
            "most_of_one": max((len(who) for task in tasks for _, who in task.mistakes), default=1),
            "most": MOST_MISTAKES,
            "slowest": sorted(records, key=lambda record: -record.seconds)[:SLOWEST],
            "rows": [(record, _row(record, tasks)) for record in records],
            "pairs": pairs[:MOST_PAIRS],
            "more_pairs": pairs[MOST_PAIRS:],
            "changes": sorted(changes),
        },
    )


def histogram(values: Sequence[float], high: float) -> Histogram:
    """At most 16 bins of a round width from 0 to at least `high`; what lies above is counted in the last."""
    high = high or 1.0
    power = 10.0 ** math.floor(math.log10(high / MOST_BINS))
    width = next(w * power for w in (1, 2, 2.5, 5, 10, 20) if w * power * MOST_BINS >= high * (1 - 1e-9))
    edges = [width * i for i in range(math.ceil(high / width - 1e-9) + 1)]
    counts, _ = np.histogram(np.minimum(values, edges[-1]), edges)
    return Histogram(edges, counts.tolist(), bool(max(values) > edges[-1]))


def exercises(records: Sequence[Record]) -> list[Task]:
    """The exercises in the lab's order, each with who got what and the mistakes, the most common first."""
    tasks: dict[str, Task] = {}
    found: dict[str, dict[tuple, tuple[Counter, dict]]] = {}
    for record in records:
        for name, items in record.exercises().items():
            task = tasks.setdefault(name, Task(name))
            score, maximum = sum(item.score for item in items), sum(item.maximum for item in items)
            task.scores.append(score)
            task.maximum = max(task.maximum, maximum)
            _column(task, items, score, maximum).append(record.student)
            for item in items:
                wrong, _ = mistake(item)
                if wrong and item.status != "not written":
                    texts, who = found.setdefault(name, {}).setdefault(alike(wrong), (Counter(), {}))
                    texts[wrong] += 1
                    who[record.student] = True
    for name, groups in found.items():
        mistakes = [(in_common(texts), list(who)) for texts, who in groups.values()]
        tasks[name].mistakes = sorted(mistakes, key=lambda one: -len(one[1]))
    return list(tasks.values())


def _column(task: Task, items: Sequence[Item], score: float, maximum: float) -> list[str]:
    if score >= maximum:
        return task.full
    if score > 0:
        return task.partly
    return task.unwritten if all(item.status == "not written" for item in items) else task.none


def _numbers(scores: Sequence[float]) -> dict[str, float]:
    if not scores:
        return {}
    low, first, median, third, high = np.percentile(scores, (0, 25, 50, 75, 100)).tolist()
    mean = float(np.mean(scores))
    return {"low": low, "first": first, "median": median, "third": third, "high": high, "mean": mean}


def _late(record: Record, plan: Plan) -> tuple | None:
    """Student, when received, words for the days, the share taken off; None when in time."""
    received = record.received_at
    days = plan.days_late(record.student, received)
    return (record.student, received, count(days, "day"), plan.penalty(record.student, received)) if days else None


def _row(record: Record, tasks: Sequence[Task]) -> list[tuple[float, str] | None]:
    """For each exercise the score and its class in the picture, None where there is nothing."""
    row: list = []
    by_name = {} if record.failure else record.exercises()
    for task in tasks:
        items = by_name.get(task.name)
        if items is None:
            row.append(None)
            continue
        score, maximum = sum(item.score for item in items), sum(item.maximum for item in items)
        row.append((score, "full" if score >= maximum else "part" if score > 0 else "none"))
    return row
