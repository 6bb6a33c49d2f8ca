"""Records into nbgrader's gradebook, where formgrader shows them, and the grades of a person out of it."""

import json
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from nbconvert.exporters import NotebookExporter
from nbgrader import api
from nbgrader.api import Comment, Grade, Gradebook, Notebook, SubmittedAssignment, SubmittedNotebook
from nbgrader.converters.base import NbGraderException
from nbgrader.utils import is_grade, is_locked, is_solution, is_task
from sqlalchemy import or_, select
from sqlalchemy.orm import selectinload

from lecturelib.checkpoint import write_atomically
from lecturelib.grading.course import Course, Plan
from lecturelib.grading.database import GradebookError, opened, reading
from lecturelib.grading.records import Record

BY_HAND = or_(Grade.manual_score.is_not(None), Grade.extra_credit.is_not(None))


class NotByNbgrader(NotebookExporter):
    """Stops nbgrader's own autograder and feedback, buttons included, before they run or remove anything.

    They would run students' code with the teacher's rights, and write over the feedback. nbgrader_config.py sets
    `c.Autograde.exporter_class` and `c.GenerateFeedback.exporter_class` to it.
    """

    def __init__(self, *_, **__):
        raise NbGraderException("use `lecturelib grade`, or `lecturelib feedback`: nbgrader runs no submission here")


def sync(records: Iterable[Record], course: Course, lab: str, notebook, db: str | None = None) -> None:
    """Write a lab and its records into the gradebook. What a person graded or wrote there stays.

    notebook: the released lab, whose cells say what can be graded. db: any SQLAlchemy URL. Each student is one
    transaction; doing it again changes nothing, and repairs what was cut short. An open question waits for a person
    until one graded it; whatever was graded by hand waits again after a newer submission, with its score.
    GradebookError, before anything is written, when the records do not fit the lab or the database is not usable.
    """
    records = list(records)
    cells = [cell for cell in notebook.cells if is_grade(cell) or is_solution(cell) or is_locked(cell) or is_task(cell)]
    _check(records, lab, cells)
    with opened(course, db) as gradebook:
        _write_lab(gradebook, course, lab, notebook, cells)
        _write_records(gradebook, course.plan(lab), records)


def manual(course: Course, lab: str, db: str | None = None) -> dict[str, dict[str, float]]:
    """Student -> cell -> points, for the cells a person graded: open questions, and checks that were overruled."""
    found: dict[str, dict[str, float]] = {}
    columns = [Grade.manual_score, Grade.auto_score, Grade.extra_credit]
    for student, cell, by_hand, auto, extra in _read(course, lab, db, Grade, columns, BY_HAND):
        points = auto if by_hand is None else by_hand
        if points is not None:
            found.setdefault(student, {})[cell] = points + (extra or 0.0)
    return found


def waiting(course: Course, lab: str, db: str | None = None) -> dict[str, set[str]]:
    """Student -> cells that wait for a person: never graded, or graded before a newer submission came."""
    found: dict[str, set[str]] = {}
    for student, cell in _read(course, lab, db, Grade, [], Grade.needs_manual_grade):
        found.setdefault(student, set()).add(cell)
    return found


def comments(course: Course, lab: str, db: str | None = None) -> dict[str, dict[str, str]]:
    """Student -> cell -> what a person wrote there."""
    found: dict[str, dict[str, str]] = {}
    for student, cell, words in _read(course, lab, db, Comment, [Comment.manual_comment], Comment.manual_comment != ""):
        found.setdefault(student, {})[cell] = words
    return found


def publish(record: Record, course: Course, notebook=None) -> Path:
    """Write autograded/STUDENT/LAB/LAB.ipynb, which formgrader shows, and return its path; None takes it away.

    notebook: the lab with the student's sources filled in. formgrader puts it into its page as it is, on the address
    where the teacher is logged in to Jupyter, so nothing in it may act. For formgrader a submission is graded when
    the time beside the submitted notebook is the gradebook's; it is written as well. GradebookError for a name that
    is no folder's.
    """
    for name in (record.student, record.lab):
        if name in ("", ".", "..") or set(name) & set("/\\\0"):
            raise GradebookError(f"{name!r} cannot be the name of a folder: mend the results file, or grade again")
    folders = [course.root / step / record.student / record.lab for step in ("autograded", "submitted")]
    path = folders[0] / f"{record.lab}.ipynb"
    if notebook is None:
        shutil.rmtree(folders[0], ignore_errors=True)
    else:
        write_atomically(path, (nbformat.writes(notebook) + "\n").encode())
    received = naive(record.received_at)
    for file in (folder / "timestamp.txt" for folder in folders if folder.is_dir()):
        if received is None:
            file.unlink(missing_ok=True)
        else:
            write_atomically(file, f"{received:%Y-%m-%d %H:%M:%S.%f} UTC\n".encode())
    return path


def _read(course: Course, lab: str, db: str | None, table, columns: list, condition) -> list:
    """Rows of student, cell and the columns, from the table of grades or of comments."""
    query = (
        select(SubmittedAssignment.student_id, api.BaseCell.name, *columns)
        .select_from(table)
        .join(api.BaseCell, api.BaseCell.id == table.cell_id)
        .join(SubmittedNotebook, SubmittedNotebook.id == table.notebook_id)
        .join(SubmittedAssignment, SubmittedAssignment.id == SubmittedNotebook.assignment_id)
        .join(api.Assignment, api.Assignment.id == SubmittedAssignment.assignment_id)
        .where(api.Assignment.name == lab, condition)
        .order_by(SubmittedAssignment.student_id, api.BaseCell.name)
    )
    with reading(course, db) as session:
        return [] if session is None else session.execute(query).all()


def _check(records: list[Record], lab: str, cells: list) -> None:
    if tasks := [cell.metadata.nbgrader.grade_id for cell in cells if is_task(cell)]:
        raise GradebookError(f"{lab} has a task cell, {tasks[0]!r}: make it an open question, a graded solution cell")
    points = {cell.metadata.nbgrader.grade_id: float(cell.metadata.nbgrader.points) for cell in cells if is_grade(cell)}
    seen: set[str] = set()
    for record in records:
        who = f"{record.student}'s record of {record.lab}"
        if record.lab != lab:
            raise GradebookError(f"{who} is none of {lab}")
        if record.student in seen:
            raise GradebookError(f"{who} comes twice")
        seen.add(record.student)
        graded = {name: sum(item.maximum for item in items) for name, items in record.exercises().items()}
        graded |= {one.question: one.maximum for one in record.open}
        for name in graded if record.failure else points | graded:
            mine, here = graded.get(name, 0.0), points.get(name, 0.0)
            if abs(mine - here) > 1e-6:
                raise GradebookError(
                    f"{who} was graded by other checks than the lab has now ({name!r} is worth {mine:g} points there "
                    f"and {here:g} here): release {lab}, and grade it again"
                )


def _write_lab(gradebook: Gradebook, course: Course, lab: str, notebook, cells: list) -> None:
    gradebook.update_or_create_assignment(lab, duedate=course.plan(lab).due, course_id=course.id)
    kernel = json.dumps(notebook.metadata.get("kernelspec", {}))
    own = gradebook.update_or_create_notebook(lab, lab, kernelspec=kernel)
    _remove_cells(gradebook, own, cells)
    graded, written, sources = own.grade_cells, own.solution_cells, own.source_cells
    for cell in cells:
        about = cell.metadata.nbgrader
        if is_grade(cell):
            row = _row(graded, api.GradeCell, name=about.grade_id)
            row.notebook, row.max_score, row.cell_type = own, float(about.points), cell.cell_type
        if is_solution(cell):
            _row(written, api.SolutionCell, name=about.grade_id).notebook = own
        row = _row(sources, api.SourceCell, name=about.grade_id)
        row.cell_type, row.locked, row.source = cell.cell_type, is_locked(cell), cell.source
        row.checksum = about.get("checksum")
    gradebook.db.add_all([*graded, *written])
    gradebook.db.commit()


def _remove_cells(gradebook: Gradebook, notebook: Notebook, cells: list) -> None:
    """Cells that the lab no longer has would still count; GradebookError when a person graded one."""
    session = gradebook.db
    graded = {cell.metadata.nbgrader.grade_id for cell in cells if is_grade(cell)}
    written = {cell.metadata.nbgrader.grade_id for cell in cells if is_solution(cell)}
    gone = [c for c in notebook.grade_cells if c.name not in graded]
    gone += [c for c in notebook.solution_cells if c.name not in written] + notebook.task_cells
    for cell in gone:
        grades = session.query(Grade).filter(Grade.cell_id == cell.id)
        words = session.query(Comment).filter(Comment.cell_id == cell.id)
        if grades.filter(BY_HAND).count() or words.filter(Comment.manual_comment != "").count():
            raise GradebookError(
                f"{notebook.name} no longer has the cell {cell.name!r}, but a person graded it in the gradebook: "
                "put the cell back, or empty its scores and comments in formgrader first"
            )
        grades.delete()
        words.delete()
        session.delete(cell)
    here = {cell.metadata.nbgrader.grade_id for cell in cells}
    for source in [s for s in notebook.source_cells if s.name not in here]:
        session.delete(source)
    session.commit()


def _write_records(gradebook: Gradebook, plan: Plan, records: list[Record]) -> None:
    session = gradebook.db()
    session.expire_on_commit = False  # or all would be read again after each student
    assignment, notebook = gradebook.find_assignment(plan.name), gradebook.find_notebook(plan.name, plan.name)
    students = set(session.scalars(select(api.Student.id)))
    inside = selectinload(SubmittedAssignment.notebooks)
    query = (
        select(SubmittedAssignment)
        .where(SubmittedAssignment.assignment_id == assignment.id)
        .options(inside.selectinload(SubmittedNotebook.grades), inside.selectinload(SubmittedNotebook.comments))
    )
    there = {submission.student_id: submission for submission in session.scalars(query)}
    for record in records:
        if record.student not in students:
            session.add(api.Student(id=record.student))
        submission = there.get(record.student)
        if submission is None:
            submission = SubmittedAssignment(assignment_id=assignment.id, student_id=record.student)
            session.add(submission)
        _write_record(submission, notebook, plan, record)
        session.commit()


def _write_record(submission: SubmittedAssignment, notebook: Notebook, plan: Plan, record: Record) -> None:
    received, due, own = naive(record.received_at), plan.due, plan.due_for(record.student)
    newer = submission.timestamp != received
    submission.timestamp = received
    submission.extension = own - due if due and own != due else None
    mine = _row(submission.notebooks, SubmittedNotebook, notebook_id=notebook.id)
    scores = {} if record.failure else record.exercises()
    reachable = 0.0
    for cell in notebook.grade_cells:
        grade = _row(mine.grades, Grade, cell_id=cell.id)
        grade.auto_score = sum(i.score for i in scores[cell.name]) if cell.name in scores else None
        if grade.manual_score is None:
            grade.needs_manual_grade = grade.auto_score is None
        elif newer:
            grade.needs_manual_grade = True
        given = (s for s in (grade.manual_score, grade.auto_score, cell.max_score) if s is not None)
        reachable += next(given) + (grade.extra_credit or 0.0)
    unanswered = {one.question for one in record.open if not one.answered}
    for cell in notebook.solution_cells:
        comment = _row(mine.comments, Comment, cell_id=cell.id)
        comment.auto_comment = "No answer." if cell.name in unanswered else None
    points = plan.penalty(record.student, record.received_at) * sum(cell.max_score for cell in notebook.grade_cells)
    # what still waits for a person counts as reached, or the penalty would be too small once it is graded
    mine.late_submission_penalty = min(points, reachable) or None


def _row(rows: list, kind: type, **key):
    """The row with this key, put among the others where there is none."""
    ((name, value),) = key.items()
    row = next((row for row in rows if getattr(row, name) == value), None)
    if row is None:
        row = kind(**key)
        rows.append(row)
    return row


def naive(moment: datetime | None) -> datetime | None:
    """As nbgrader keeps times: in UTC, without saying so."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)
