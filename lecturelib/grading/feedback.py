"""What a student gets back: one HTML page that needs nothing else, with the mistake behind every lost point."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lecturelib.grading.course import Plan
from lecturelib.grading.pages import PageError, alike, mistake, percent, write_page
from lecturelib.grading.records import Item, Open, Record

CELL_ENDS = {"error": "ended in an error", "late": "took longer than it may", "died": "ended the whole program"}
_BROKE = re.compile(r"the check \w+ broke")
MOST = 30  # flags and cells that are listed


@dataclass(frozen=True)
class Line:
    """One check as the student sees it; `again`: an earlier check of the exercise found the same mistake."""

    what: str
    right: bool
    score: float
    maximum: float
    mistake: str
    hint: str
    again: bool


@dataclass(frozen=True)
class Part:
    """One exercise or open question. score None: not graded yet; `by_hand`: a person gave the points.

    sources: (cell, the student's source).
    """

    name: str
    score: float | None
    maximum: float
    by_hand: bool
    lines: Sequence[Line]
    sources: Sequence[tuple[str, str]]
    comments: Sequence[str]
    answered: bool = True


@dataclass(frozen=True)
class Total:
    """What the points come to: earned in exercises and questions, still to be given, taken off for being late."""

    exercises: float
    questions: float
    waiting: float
    maximum: float
    late: float

    @property
    def score(self) -> float:
        return self.exercises + self.questions - self.late


def write_feedback(
    record: Record,
    plan: Plan,
    folder: str | Path,
    *,
    manual: Mapping[str, float] | None = None,
    comments: Mapping[str, str] | None = None,
    cells: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """Write FOLDER/STUDENT/LAB/LAB.html, whole or not at all, and return its path.

    manual: open question -> points given by a person, or exercise -> points in place of those of the checks.
    comments: exercise, open question or cell -> a person's words. cells: exercise -> grade_ids of the cells in
    which it was solved; without it, all sources stand at the page's end. PageError for a name that cannot be a
    folder's, and for points that belong to nothing.
    """
    manual, comments, cells = dict(manual or {}), dict(comments or {}), cells or {}
    for name in (record.student, record.lab):
        if name in ("", ".", "..") or set(name) & set("/\\\0"):
            raise PageError(f"{name!r} cannot be the name of a folder: mend the results file, or grade again")
    known = [*record.exercises(), *(one.question for one in record.open)]
    if unknown := sorted(set(manual) - set(known)):
        there = ", ".join(known) or "none"
        raise PageError(f"{record.lab} has no question {unknown[0]!r} to give points for; there are: {there}")
    sources = dict(record.sources)
    exercises = [_exercise(*one, manual, cells, sources, comments) for one in record.exercises().items()]
    questions = [_question(one, manual, sources, comments) for one in record.open]
    received, days = record.received_at, plan.days_late(record.student, record.received_at)
    return write_page(
        Path(folder, record.student, record.lab, f"{record.lab}.html"),
        "feedback.html",
        {
            "record": record,
            "title": plan.title or record.lab,
            "received": received,
            "due": plan.due_for(record.student),
            "extended": record.student in plan.extensions,
            "days": days,
            "taken": f"nothing counts after {plan.late.days} days"
            if days > plan.late.days
            else f"{percent(plan.penalty(record.student, received))} of the maximum",
            "total": total(record, plan, manual),
            "graded": not record.failure or bool(manual),
            "exercises": exercises,
            "questions": questions,
            "flags": _flags(record),
            "failed": [replace(c, status=CELL_ENDS[c.status]) for c in record.cells if c.status in CELL_ENDS],
            "not_run": [cell.id for cell in record.cells if cell.status == "not run"],
            "rest": list(sources.items()),
            "comments": [(of, said) for of, said in comments.items() if said],
            "most": MOST,
        },
    )


def total(record: Record, plan: Plan, manual: Mapping[str, float]) -> Total:
    """Points of exercises and open questions; being late takes a share of the maximum of both."""
    exercises = sum(manual.get(name, sum(i.score for i in items)) for name, items in record.exercises().items())
    questions = sum(manual[one.question] for one in record.open if one.question in manual)
    waiting = sum(one.maximum for one in record.open if one.question not in manual)
    maximum = record.maximum + sum(one.maximum for one in record.open)
    late = plan.penalty(record.student, record.received_at) * maximum
    return Total(exercises, questions, waiting, maximum, min(late, max(0.0, exercises + questions)))


def _flags(record: Record) -> list[str]:
    """The flags without those on a check that broke, which are the teacher's affair and may name a hidden one."""
    hidden = {item.check for item in record.items if item.hidden}
    return [flag for flag in record.flags if not _BROKE.match(flag) and not hidden & set(re.findall(r"\w+", flag))]


def _exercise(name: str, items: list[Item], manual, cells: Mapping, sources: dict, comments: dict) -> Part:
    ids = [cell for cell in cells.get(name, ()) if cell in sources]
    return Part(
        name,
        manual.get(name, sum(item.score for item in items)),
        sum(item.maximum for item in items),
        name in manual,
        _lines(items),
        [(cell, sources.pop(cell)) for cell in ids],
        [said for one in (name, *ids) if (said := comments.pop(one, ""))],
    )


def _question(one: Open, manual: Mapping[str, float], sources: dict, comments: dict) -> Part:
    name = one.question
    answer, said = sources.pop(name, ""), comments.pop(name, "")
    shown = [(name, answer)] if one.answered and answer.strip() else []
    return Part(name, manual.get(name), one.maximum, name in manual, [], shown, [said] if said else [], one.answered)


def _lines(items: Sequence[Item]) -> list[Line]:
    lines, seen = [], set()
    for item in items:
        kin = [other for other in items if other.hidden == item.hidden]
        number = f" {kin.index(item) + 1}" if len(kin) > 1 else ""
        what = ("Other inputs" if item.hidden else "The check in the lab") + number
        wrong, hint = mistake(item)
        lines.append(Line(what, not wrong, item.score, item.maximum, wrong, hint, again=alike(wrong) in seen))
        seen |= {alike(wrong)} if wrong else set()
    return lines
