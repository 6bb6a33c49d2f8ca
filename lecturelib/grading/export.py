"""Marks as tables: a CSV for people, and files that Canvas and Moodle import.

Points are rounded when they are written, once: to two decimals, halves up. A total may so differ by 0.01 from the
sum of the columns beside it.
"""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from lecturelib.checkpoint import write_atomically
from lecturelib.grading.marks import ExportError, Mark, marks
from lecturelib.grading.rosters import POINTS_POSSIBLE, fill_canvas, fill_moodle, name_and_number, read_roster

__all__ = ["ExportError", "Mark", "Written", "marks", "write_marks"]

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # a spreadsheet would run what follows


@dataclass(frozen=True)
class Written:
    """The file, and what the teacher should know about it: above all, who is not in it and why."""

    path: Path
    warnings: list[str] = field(default_factory=list)


def write_marks(rows: Iterable[Mark], to: str, path: str | Path, roster: str | Path | None = None) -> Written:
    """Write marks to `path` as "csv", "canvas" or "moodle", whole or not at all.

    csv: everything, one row for a student and lab. canvas, moodle: what can be imported there, final marks alone.
    roster: Canvas' own export of its gradebook, or Moodle's grading worksheet of the lab, to be filled in; whoever
    has no final mark keeps what stands there. ExportError when the marks or the roster cannot be used.
    """
    rows, path = list(rows), Path(path)
    if to not in ("csv", "canvas", "moodle"):
        raise ExportError(f"marks are written as csv, canvas or moodle, not as {to!r}")
    if not rows:
        raise ExportError("there are no marks to write: grade a lab first")
    if to == "csv":
        if roster is not None:
            raise ExportError("a roster is filled in for canvas or moodle; csv lists whoever was graded")
        # without the mark in front Excel reads the computer's old code page: Jürgen becomes JÃ¼rgen
        write_atomically(path, b"\xef\xbb\xbf" + _text(_everything(rows)))
        return Written(path)
    labs = sorted({mark.lab for mark in rows})
    if len(labs) > 1 and (roster is None or to == "moodle"):
        raise ExportError(f"such a file is for one lab, and these marks are of {', '.join(labs)}")
    warnings = [f"{mark.student}, {mark.lab}: no final mark, {mark.status}" for mark in rows if not mark.final]
    rows = [mark for mark in rows if mark.final]
    if not rows:
        raise ExportError(f"there is no final mark yet, and the first reason is: {warnings[0]}")
    if roster is None:  # no mark in front: it is for programs, and may spoil the first column's name for them
        content = _text((_new_canvas if to == "canvas" else _new_moodle)(rows, warnings))
    else:
        given = read_roster(roster)
        table = (fill_canvas if to == "canvas" else fill_moodle)(rows, given.rows, warnings)
        content = (b"\xef\xbb\xbf" if given.bom else b"") + _text(table, given.delimiter)
    write_atomically(path, content)
    return Written(path, warnings)


def _everything(rows: list[Mark]) -> list[list]:
    questions = list(dict.fromkeys(name for mark in rows for name in mark.maxima))
    table = [["student", "lab", *questions, "late days", "penalty", "total", "maximum", "percent", "status"]]
    for m in rows:
        points = [m.points.get(name) for name in questions]
        table.append([m.student, m.lab, *points, m.days_late, m.penalty, m.total, m.maximum, m.percent, m.status])
    return table


def _new_canvas(rows: list[Mark], _) -> list[list]:
    table = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", rows[0].title],
        [f"    {POINTS_POSSIBLE}", "", "", "", "", rows[0].maximum],
    ]
    for mark in rows:
        name, number = name_and_number(mark.student)
        table.append([name, number, "", "" if number else mark.student, "", mark.total])
    return table


def _new_moodle(rows: list[Mark], warnings: list[str]) -> list[list]:
    if strange := [mark.student for mark in rows if name_and_number(mark.student)[1]]:
        warnings.append(
            f"{strange[0]}: such a name comes from a download and is no username. Give Moodle's grading worksheet of "
            "the lab as roster"
        )
    return [["Username", rows[0].title], *([mark.student, mark.total] for mark in rows)]


def _text(table: list[list], delimiter: str = ",") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows([_cell(value) for value in row] for row in table)
    return out.getvalue().encode()


def _cell(value) -> str:
    """A number with two decimals at most; text such that no spreadsheet takes it for a formula."""
    if value is None:
        return ""
    if isinstance(value, str):
        harmless = re.fullmatch(r"[+-]?[\d.,]*%?", value)
        return f"'{value}" if value.lstrip(" ").startswith(FORMULA) and not harmless else value
    exact = Decimal(repr(round(float(value), 9)))  # what sums of floats add in the last places is no half
    return f"{exact.quantize(Decimal('0.01'), ROUND_HALF_UP).normalize() + 0:f}"
