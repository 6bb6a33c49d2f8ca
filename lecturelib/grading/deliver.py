"""What leaves the teacher's machine: feedback pages and files of marks, from records and what a person graded."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from lecturelib.grading import gradebook, records
from lecturelib.grading.course import Course
from lecturelib.grading.export import ExportError, Written, write_marks
from lecturelib.grading.feedback import write_feedback
from lecturelib.grading.marks import marks
from lecturelib.grading.materials import solved_in
from lecturelib.grading.records import Record
from lecturelib.grading.transplant import lab_source

SUFFIX = {"csv": "csv", "canvas": "canvas.csv", "moodle": "moodle.csv"}


def _records(course: Course, lab: str) -> list[Record]:
    found = records.read_all(course.results(lab))
    if not found:
        raise ExportError(f"nothing of {lab} was graded yet: `lecturelib grade --lab {lab}` comes first")
    return found


def deliver_feedback(course: Course, lab: str, students: Sequence[str] = (), db: str | None = None) -> Iterator[Path]:
    """Write feedback/STUDENT/LAB/LAB.html for these students, or for all, and yield each path."""
    found = _records(course, lab)
    if missing := sorted(set(students) - {r.student for r in found}):
        raise ExportError(f"{lab} of {', '.join(missing)} was not graded")
    points, words = gradebook.manual(course, lab, db), gradebook.comments(course, lab, db)
    waiting = gradebook.waiting(course, lab, db)
    cells = solved_in(lab_source(course.root, lab).notebook)
    for record in found:
        if not students or record.student in students:
            again = waiting.get(record.student, ())
            given = {name: value for name, value in points.get(record.student, {}).items() if name not in again}
            yield write_feedback(
                record, course.plan(lab), course.root / "feedback", manual=given,
                comments=words.get(record.student, {}), cells=cells,
            )  # fmt: skip


def deliver_marks(
    course: Course, labs: Sequence[str], to: str, out: Path | None, roster: Path | None, db: str | None = None
) -> Written:
    """Write the marks of labs as csv, canvas or moodle, by default into marks/."""
    rows = []
    for lab in labs:
        by_hand, open_ = gradebook.manual(course, lab, db), gradebook.waiting(course, lab, db)
        rows += marks(_records(course, lab), course, lab, by_hand, open_)
    path = out or course.root / "marks" / f"{'-'.join(labs)}.{SUFFIX.get(to, to)}"
    return write_marks(rows, to, path, roster)
