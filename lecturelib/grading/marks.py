"""From records and the grades of a person to marks."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from lecturelib.grading.course import Course
from lecturelib.grading.records import Record


class ExportError(ValueError):
    """Marks that cannot be made or written as asked, or a roster that cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Mark:
    """What a submission came to. `points`: checks' exercises, then open questions; None where none are given yet.

    status: "graded", "open questions missing" or "failed: REASON". penalty: points taken off for being late.
    """

    lab: str
    title: str
    student: str
    points: Mapping[str, float | None]
    maxima: Mapping[str, float]
    days_late: int
    penalty: float
    status: str

    @property
    def final(self) -> bool:
        return self.status == "graded"

    @property
    def maximum(self) -> float:
        return sum(self.maxima.values())

    @property
    def total(self) -> float | None:
        """What there is so far; None where nothing could be graded."""
        return None if self.status.startswith("failed") else _given(self.points) - self.penalty

    @property
    def percent(self) -> float | None:
        return 100 * self.total / self.maximum if self.total is not None and self.maximum else None


def marks(
    records: Iterable[Record],
    course: Course,
    lab: str,
    manual: Mapping[str, Mapping[str, float]] | None = None,
    waiting: Mapping[str, Collection[str]] | None = None,
) -> list[Mark]:
    """The marks of one lab, by student. Being late takes a share of the maximum, open questions included.

    manual: student -> question -> points from a person, which go before those of the checks. waiting: student ->
    questions that a person should read again, whose points are not final. ExportError when records do not agree.
    """
    records = sorted(records, key=lambda record: record.student)
    manual, waiting, plan = manual or {}, waiting or {}, course.plan(lab)
    maxima = _maxima(records, lab)
    found = []
    for record in records:
        given, again = manual.get(record.student, {}), waiting.get(record.student, ())
        if unknown := sorted(set(given) - set(maxima)):
            raise ExportError(f"{record.student} has points for {unknown[0]!r}, which {lab} does not ask")
        scores = {} if record.failure else {n: sum(i.score for i in of) for n, of in record.exercises().items()}
        points = {name: given.get(name, scores.get(name)) for name in maxima}
        if record.failure and (None in points.values() or not points):
            status = f"failed: {' '.join(record.failure.split())}"
        elif any(points[name] is None or (name in again and name in given) for name in points):
            status = "open questions missing"
        else:
            status = "graded"
        late = plan.penalty(record.student, record.received_at) * sum(maxima.values())
        days = plan.days_late(record.student, record.received_at)
        off = min(late, max(0.0, _given(points)))
        found.append(Mark(lab, plan.title or lab, record.student, points, maxima, days, off, status))
    return found


def _maxima(records: list[Record], lab: str) -> dict[str, float]:
    """Question -> its maximum: exercises first. Where nothing could be graded a record has none."""
    checks: dict[str, float] = {}
    opened: dict[str, float] = {}
    for record in records:
        if record.lab != lab:
            raise ExportError(f"{record.student}'s record is one of {record.lab}, not of {lab}")
        here = {name: sum(item.maximum for item in items) for name, items in record.exercises().items()}
        for known, new in ((checks, here), (opened, {one.question: one.maximum for one in record.open})):
            for name, maximum in new.items():
                if abs(known.setdefault(name, maximum) - maximum) > 1e-6:
                    raise ExportError(
                        f"{name!r} is worth {maximum:g} points in {record.student}'s record and {known[name]:g} in "
                        f"another: grade {lab} again"
                    )
    return checks | opened


def _given(points: Mapping[str, float | None]) -> float:
    return sum(one for one in points.values() if one is not None)
