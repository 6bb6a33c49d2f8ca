"""The gradebook holds what the records say, never loses what a person wrote, and survives being cut short."""

import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from gradebook_cases import CHECKS, DUE, HEAD, OPEN, POINTS, a_course, failed, record, released
from nbgrader.api import Base, Comment, Grade, Gradebook
from nbgrader.apps.baseapp import NbGrader
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import compute_checksum
from postgres_server import postgres_server
from sqlalchemy import Engine, create_engine, event, make_url, select

from lecturelib.grading.database import GradebookError, location, opened
from lecturelib.grading.gradebook import comments, manual, sync, waiting
from lecturelib.grading.records import Item, Open

NOTEBOOK = released()


@pytest.fixture(scope="module")
def postgres():
    """A server with a template of an empty gradebook."""
    with postgres_server() as new:
        url = new("empty_gradebook")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("nbgrader.api.get_alembic_version", lambda: HEAD)  # instead of starting a program
            Gradebook(url, "deep-generative-models").close()
        yield new


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    """An empty gradebook in SQLite."""
    course = a_course(tmp_path_factory.mktemp("empty"))
    with opened(course):
        pass
    return course.root / "gradebook.db"


@pytest.fixture
def course(tmp_path, empty):
    """A course whose folder has a space and letters of several languages in its name."""
    course = a_course(tmp_path / "Übung 1, 深層")
    shutil.copy(empty, course.root)
    return course


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request, course, tmp_path):
    if request.param == "sqlite":
        return None
    new = request.getfixturevalue("postgres")
    return new(f"a{abs(hash(tmp_path))}", template="empty_gradebook")


def grade_by_hand(course, db, student: str, cell: str = "open", points=4, words: str = "") -> None:
    """As formgrader does it: the score comes from a text field, and no longer waits."""
    with opened(course, db) as gradebook:
        grade = gradebook.find_grade(cell, "lab02", "lab02", student)
        grade.manual_score, grade.needs_manual_grade = str(points), False
        if words:
            gradebook.find_comment(cell, "lab02", "lab02", student).manual_comment = words
        gradebook.db.commit()


def submissions(course, db) -> dict[str, dict]:
    with opened(course, db) as gradebook:
        return {entry["student"]: entry for entry in gradebook.submission_dicts("lab02")}


def penalty(course, db, student: str = "student01") -> float:
    with opened(course, db) as gradebook:
        return gradebook.find_submission("lab02", student).late_submission_penalty


def everything(course, db) -> dict[str, list]:
    """All rows of all tables."""
    engine = create_engine(location(course, db))
    with engine.connect() as connection:
        rows = {t.name: sorted(connection.execute(t.select()).all(), key=str) for t in Base.metadata.sorted_tables}
    engine.dispose()
    return rows


def content(course, db) -> list:
    """What was graded, without the identifiers, which are drawn at random."""
    with opened(course, db) as gradebook:
        grades, words = gradebook.db.scalars(select(Grade)), gradebook.db.scalars(select(Comment))
        rows = [(g.student.id, g.name, g.auto_score, g.manual_score, g.needs_manual_grade) for g in grades]
        rows += [(c.student.id, c.name, c.manual_comment, c.notebook.late_submission_penalty) for c in words]
        return sorted(rows, key=str)


def test_the_lab_stands_in_the_gradebook(course, db):
    sync([], course, "lab02", NOTEBOOK, db)
    with opened(course, db) as gradebook:
        assignment = gradebook.find_assignment("lab02")
        assert assignment.duedate == DUE.replace(tzinfo=None)
        assert assignment.course_id == "deep-generative-models"
        assert (assignment.max_code_score, assignment.max_written_score) == (CHECKS, OPEN)
        notebook = gradebook.find_notebook("lab02", "lab02")
        cells = {cell.name: (cell.max_score, cell.cell_type) for cell in notebook.grade_cells}
        assert cells == {name: (points, "code") for name, points in POINTS.items()} | {"open": (OPEN, "markdown")}
        assert {cell.name for cell in notebook.solution_cells} == {f"write-{name}" for name in POINTS} | {"open"}
        sources = {cell.name: cell for cell in notebook.source_cells}
        for cell in (c for c in NOTEBOOK.cells if "nbgrader" in c.metadata):
            there = sources.pop(cell.metadata.nbgrader.grade_id)
            assert (there.source, there.cell_type) == (cell.source, cell.cell_type)
            assert there.checksum == compute_checksum(cell)
            assert there.locked == cell.metadata.nbgrader.locked
        assert sources == {}


def test_each_exercise_has_the_sum_of_its_checks_and_the_open_question_waits(course, db):
    sync([record("a"), record("b", wrong=("pca", "repair"))], course, "lab02", NOTEBOOK, db)
    there = submissions(course, db)
    assert {s: (e["code_score"], e["max_code_score"]) for s, e in there.items()} == {"a": (30, 30), "b": (27, 30)}
    assert {s: (e["score"], e["max_score"]) for s, e in there.items()} == {"a": (30, 35), "b": (27, 35)}
    assert all(entry["needs_manual_grade"] for entry in there.values())
    assert there["a"]["timestamp"] == (DUE - timedelta(days=1)).replace(tzinfo=None)
    with opened(course, db) as gradebook:
        notebook = gradebook.find_submission_notebook("lab02", "lab02", "b")
        assert {g.name for g in notebook.grades if g.failed_tests} == {"pca", "repair"}
        assert {g.name for g in notebook.grades if g.needs_manual_grade} == {"open"}
        assert len(notebook.comments) == len(POINTS) + 1
    assert waiting(course, "lab02", db) == {"a": {"open"}, "b": {"open"}}
    assert manual(course, "lab02", db) == comments(course, "lab02", db) == {}


def test_doing_it_again_changes_nothing(course, db):
    records = [record("a"), record("b", wrong=("pca",), days_late=2.5), failed("c")]
    sync(records, course, "lab02", NOTEBOOK, db)
    grade_by_hand(course, db, "a", words="good")
    before = everything(course, db)
    sync(records, course, "lab02", NOTEBOOK, db)
    assert everything(course, db) == before


def test_what_a_person_gave_stays_when_all_is_graded_again(course, db):
    sync([record("a"), record("b")], course, "lab02", NOTEBOOK, db)
    grade_by_hand(course, db, "a", points=4.5, words="Say which digits.\n- and why")
    grade_by_hand(course, db, "a", cell="pca", points=2)
    sync([record("a", wrong=("pca", "codes")), record("b")], course, "lab02", NOTEBOOK, db)
    assert manual(course, "lab02", db) == {"a": {"open": 4.5, "pca": 2}}
    assert comments(course, "lab02", db) == {"a": {"open": "Say which digits.\n- and why"}}
    assert waiting(course, "lab02", db) == {"b": {"open"}}
    there = submissions(course, db)["a"]
    assert there["score"] == CHECKS - 1 - 1 + 4.5  # pca by hand, half of codes
    with opened(course, db) as gradebook:
        assert gradebook.find_grade("pca", "lab02", "lab02", "a").auto_score == 1.5


def test_a_newer_submission_is_to_be_read_again_and_keeps_its_points_until_then(course, db):
    sync([record("a", days_late=-3)], course, "lab02", NOTEBOOK, db)
    grade_by_hand(course, db, "a", words="good")
    grade_by_hand(course, db, "a", cell="codes", points=1)
    newer = record("a", days_late=-2)
    for _ in range(2):
        sync([newer], course, "lab02", NOTEBOOK, db)
        assert waiting(course, "lab02", db) == {"a": {"open", "codes"}}
        assert manual(course, "lab02", db) == {"a": {"open": 4, "codes": 1}}
    grade_by_hand(course, db, "a", points=3)
    grade_by_hand(course, db, "a", cell="codes", points=1)
    sync([newer], course, "lab02", NOTEBOOK, db)
    assert waiting(course, "lab02", db) == {}
    assert comments(course, "lab02", db) == {"a": {"open": "good"}}


def test_extra_credit_counts(course):
    sync([record("a", wrong=("pca",))], course, "lab02", NOTEBOOK)
    with opened(course) as gradebook:
        gradebook.find_grade("pca", "lab02", "lab02", "a").extra_credit = 0.5
        gradebook.find_grade("open", "lab02", "lab02", "a").extra_credit = 1  # of nothing yet
        gradebook.db.commit()
    assert manual(course, "lab02") == {"a": {"pca": 2.0}}


def test_nothing_graded_is_no_zero(course, db):
    sync([record("a")], course, "lab02", NOTEBOOK, db)
    grade_by_hand(course, db, "a")
    sync([failed("a"), failed("b")], course, "lab02", NOTEBOOK, db)
    assert waiting(course, "lab02", db)["b"] == {*POINTS, "open"}
    assert manual(course, "lab02", db) == {"a": {"open": 4}}
    with opened(course, db) as gradebook:
        assert all(g.auto_score is None for g in gradebook.find_submission_notebook("lab02", "lab02", "b").grades)


def test_an_empty_answer_is_said_so(course):
    sync([record("a", open=[Open("open", OPEN, False)]), record("b")], course, "lab02", NOTEBOOK)
    with opened(course) as gradebook:
        assert gradebook.find_comment("open", "lab02", "lab02", "a").comment == "No answer."
        assert gradebook.find_comment("open", "lab02", "lab02", "b").comment is None
    assert waiting(course, "lab02").keys() == {"a", "b"}


@pytest.mark.parametrize(
    ("days", "wrong", "by_hand", "points"),
    [
        (-1, (), None, 0),
        (0.005, (), None, 0),  # within the grace
        (0.5, (), None, 3.5),  # a tenth of 35
        (2.5, (), 4, 10.5),
        (9, (), None, 35),  # all of it, whatever the open question will bring
        (9, ("pca",), 4, 28.5 + 4),  # never more than there is
    ],
)
def test_being_late_takes_a_share_of_the_maximum(days, wrong, by_hand, points, course):
    late = record(days_late=days, wrong=wrong)
    sync([late], course, "lab02", NOTEBOOK)
    if by_hand is not None:
        grade_by_hand(course, None, "student01", points=by_hand)
        sync([late], course, "lab02", NOTEBOOK)
    assert penalty(course, None) == pytest.approx(points)


def test_an_extension_is_in_the_gradebook_too(course, db):
    course = a_course(course.root, {"student01": DUE + timedelta(days=2)})
    sync([record(days_late=1.5), record("b", days_late=1.5)], course, "lab02", NOTEBOOK, db)
    with opened(course, db) as gradebook:
        mine, other = (gradebook.find_submission("lab02", name) for name in ("student01", "b"))
        assert (mine.extension, other.extension) == (timedelta(days=2), None)
        assert mine.total_seconds_late == 0
    assert (penalty(course, db), penalty(course, db, "b")) == (0, 7)
    sync([record(days_late=1.5)], a_course(course.root), "lab02", NOTEBOOK, db)
    assert penalty(course, db) == 7


def test_without_dates(course):
    course = a_course(course.root, {"student01": DUE}, due=None)
    sync([record(), record("b", received=None)], course, "lab02", NOTEBOOK)
    there = submissions(course, None)
    assert there["b"]["timestamp"] is None
    assert penalty(course, None) == penalty(course, None, "b") == 0


def without(notebook, name: str):
    notebook.cells = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") != name]
    return notebook


def shorter() -> tuple:
    """The lab without its last exercise, and a record of it."""
    one = record()
    return without(released(), "repair"), replace(one, items=[i for i in one.items if i.exercise != "repair"])


def test_a_lab_that_was_released_anew(course):
    lab, one = shorter()
    sync([one], course, "lab02", lab)
    assert submissions(course, None)["student01"]["max_score"] == 32
    sync([record()], course, "lab02", NOTEBOOK)  # an exercise more
    assert submissions(course, None)["student01"]["score"] == 30
    sync([one], course, "lab02", lab)  # and less
    entry = submissions(course, None)["student01"]
    assert (entry["score"], entry["max_score"]) == (27, 32)


@pytest.mark.parametrize("what", ["points", "words"])
def test_a_cell_that_a_person_graded_is_not_removed(what, course, db):
    lab, one = shorter()
    sync([record()], course, "lab02", NOTEBOOK, db)
    if what == "points":
        grade_by_hand(course, db, "student01", cell="repair", points=1)
    else:
        grade_by_hand(course, db, "student01", words="good")
        lab, one = without(released(), "open"), replace(record(), open=[])
    before = content(course, db)
    with pytest.raises(GradebookError, match="no longer has the cell .* put the cell back"):
        sync([one], course, "lab02", lab, db)
    assert content(course, db) == before


UNFIT = {
    "of another lab": ([record(), replace(record("b"), lab="lab03")], "is none of lab02"),
    "the same student twice": ([record(), record()], "comes twice"),
    "other points": (
        [record(), replace(record("b"), items=[Item("pca", "pca", False, 1, 1, "passed", "")])],
        "'pca' is worth 1 points there and 3 here",
    ),
    "an exercise more": (
        [record(), replace(record("b"), items=[*record().items, Item("new", "new", False, 1, 1, "passed", "")])],
        "'new' is worth 1 points there and 0 here",
    ),
    "no open question": ([record(), record("b", open=[])], "'open' is worth 0 points there and 5 here"),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_records_that_do_not_fit_the_lab_are_refused_as_a_whole(kind, course):
    records, words = UNFIT[kind]
    before = (course.root / "gradebook.db").read_bytes()
    with pytest.raises(GradebookError, match=words):
        sync(records, course, "lab02", NOTEBOOK)
    assert (course.root / "gradebook.db").read_bytes() == before


def test_a_task_cell_is_refused(course):
    lab = released()
    lab.cells[-2].metadata.nbgrader.update(task=True, grade=False, solution=False)
    with pytest.raises(GradebookError, match="task cell, 'open'"):
        sync([], course, "lab02", lab)


def count_statements(course, records) -> int:
    counted = []

    def count(*_):
        counted.append(1)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        sync(records, course, "lab02", NOTEBOOK)
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    return len(counted)


def test_what_is_unchanged_costs_no_statement_for_each_student(course):
    few, many = ([record(f"student{i:02d}") for i in range(n)] for n in (2, 30))
    sync(many, course, "lab02", NOTEBOOK)
    assert count_statements(course, many) == count_statements(course, few)
    one = [record("student00", wrong=("pca",)), *many[1:]]
    assert count_statements(course, one) == count_statements(course, one) + 1


def killed_while_syncing(course, db, records, statement: int) -> bool:
    """Whether a process that kills itself before its STATEMENTth statement did so."""
    child = os.fork()
    if child == 0:
        left = iter(range(statement))
        event.listen(
            Engine,
            "before_cursor_execute",
            lambda *_: next(left, None) is None and os.kill(os.getpid(), signal.SIGKILL),
        )
        try:
            sync(records, course, "lab02", NOTEBOOK, db)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def test_a_kill_leaves_whole_students_and_the_next_run_finishes(course, db):
    before = [record(f"student{i:02d}", wrong=("codes",)) for i in range(4)]
    sync(before, course, "lab02", NOTEBOOK, db)
    grade_by_hand(course, db, "student01", words="good")
    after = [record(f"student{i:02d}", wrong=("pca",), days_late=1.5) for i in range(8)]
    statement, killed = 30, 0
    while killed_while_syncing(course, db, after, statement):
        killed, statement = killed + 1, statement + 7
        by_student: dict[str, list] = {}
        for student, name, *rest in content(course, db):
            by_student.setdefault(student, []).append((name, *rest))
        for student, rows in by_student.items():
            assert len(rows) == 2 * (len(POINTS) + 1), student
            halves = {name for name, score, *_ in rows if name in POINTS and score != POINTS[name]}
            assert halves in ({"codes"}, {"pca"}), student
    assert killed > 4
    scores = {name: entry["code_score"] for name, entry in submissions(course, db).items()}
    assert scores == {r.student: 28.5 for r in after}
    assert comments(course, "lab02", db) == {"student01": {"open": "good"}}
    assert waiting(course, "lab02", db).keys() == {r.student for r in after}


def test_what_formgrader_uses_is_the_default(course, monkeypatch):
    monkeypatch.chdir(course.root)
    for line in ("", 'c.CourseDirectory.db_url = "sqlite:///marks.db"'):
        with open("nbgrader_config.py", "a") as file:
            file.write(f"\n{line}\n")
        app = NbGrader()
        app.load_config_file()
        theirs = make_url(CourseDirectory(config=app.config).db_url)
        assert Path(theirs.database).absolute() == Path(location(course).database)
    assert location(course).database == str(course.root / "marks.db")
    monkeypatch.chdir("/")
    assert location(course, "sqlite:////srv/marks.db").database == "/srv/marks.db"
    assert location(course, "sqlite:///marks.db").database == str(course.root / "marks.db")
    with pytest.raises(GradebookError, match="'marks' is not the URL"):
        location(course, "marks")


def test_reading_makes_no_file(tmp_path):
    course = a_course(tmp_path / "new")
    assert manual(course, "lab02") == comments(course, "lab02") == waiting(course, "lab02") == {}
    (course.root / "gradebook.db").touch()
    assert manual(course, "lab02") == {}
    assert (course.root / "gradebook.db").stat().st_size == 0


def test_a_gradebook_whose_making_was_cut_short_is_finished(course):
    database = sqlite3.connect(course.root / "gradebook.db")
    database.executescript("DROP TABLE alembic_version; DROP TABLE grade; DROP TABLE comment;")
    sync([record()], course, "lab02", NOTEBOOK)
    assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
    assert submissions(course, None)["student01"]["score"] == 30


def age(path: Path) -> None:
    """As nbgrader 0.8 left it: without courses."""
    database = sqlite3.connect(path)
    database.executescript("""
        CREATE TABLE old (id VARCHAR(32) NOT NULL PRIMARY KEY, name VARCHAR(128) NOT NULL UNIQUE, duedate DATETIME);
        INSERT INTO old SELECT id, name, duedate FROM assignment;
        DROP TABLE assignment;
        ALTER TABLE old RENAME TO assignment;
        DROP TABLE course;
        UPDATE alembic_version SET version_num = '282d30a0218e';
    """)
    database.close()


def overwrite(path: Path, start: int) -> None:
    with open(path, "r+b") as file:
        file.seek(start)
        file.write(b"\xff" * 4000)


def newer(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    database.commit()
    database.close()


DAMAGES = {
    "an older nbgrader": (age, "older nbgrader.*`nbgrader db upgrade --db='sqlite:"),
    "a newer nbgrader": (newer, "version ffffffffffff.*update nbgrader"),
    "no database": (lambda path: path.write_text("student,score\n" * 100), "damaged or no database; put a copy back"),
    "a damaged page": (lambda path: overwrite(path, 3 * 4096), "is damaged; put a copy back"),
    "a folder": (lambda path: path.unlink() or path.mkdir(), "cannot be opened; look at the permissions"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_gradebook_that_cannot_be_used_is_left_as_it_is(kind, course):
    spoil, words = DAMAGES[kind]
    sync([record()], course, "lab02", NOTEBOOK)
    path = course.root / "gradebook.db"
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(GradebookError, match=words) as caught:
        sync([record(wrong=("pca",))], course, "lab02", NOTEBOOK)
    assert "\n" not in str(caught.value)
    assert (path.read_bytes() if path.is_file() else None) == before
    if kind != "a damaged page":  # reading may not come across it
        with pytest.raises(GradebookError, match=words):
            manual(course, "lab02")


@pytest.mark.slow
def test_the_command_that_the_error_names_helps(course):
    sync([record()], course, "lab02", NOTEBOOK)
    grade_by_hand(course, None, "student01")
    age(course.root / "gradebook.db")
    with pytest.raises(GradebookError) as caught:
        sync([record()], course, "lab02", NOTEBOOK)
    command = str(caught.value).split("`")[1].replace("nbgrader", f"{shlex.quote(sys.executable)} -m nbgrader", 1)
    subprocess.run(command, shell=True, cwd=course.root, check=True, timeout=120)
    sync([record()], course, "lab02", NOTEBOOK)
    assert manual(course, "lab02") == {"student01": {"open": 4}}


def test_a_locked_gradebook_is_named(course):
    sync([record()], course, "lab02", NOTEBOOK)
    other = sqlite3.connect(course.root / "gradebook.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    url = f"sqlite:///{course.root}/gradebook.db?timeout=0.05"
    with pytest.raises(GradebookError, match="another program is writing into it.*database is locked"):
        sync([record(wrong=("pca",))], course, "lab02", NOTEBOOK, url)
    assert manual(course, "lab02", url) == {}  # may be read meanwhile
    other.execute("ROLLBACK")
    sync([record(wrong=("pca",))], course, "lab02", NOTEBOOK, url)
    assert submissions(course, None)["student01"]["score"] == 28.5


def test_a_gradebook_that_may_only_be_read(course):
    sync([record()], course, "lab02", NOTEBOOK)
    grade_by_hand(course, None, "student01")
    before = (course.root / "gradebook.db").read_bytes()
    url = f"sqlite:///file:{course.root}/gradebook.db?mode=ro&uri=true"
    assert manual(course, "lab02", url) == {"student01": {"open": 4}}
    with pytest.raises(GradebookError, match="it may not be written"):
        sync([record(wrong=("pca",))], course, "lab02", NOTEBOOK, url)
    assert (course.root / "gradebook.db").read_bytes() == before


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "postgresql+psycopg2://teacher:secret@localhost/marks",
            "the driver for this kind of database is not installed",
        ),
        ("nosuch://localhost/marks", "Can't load plugin"),
        ("sqlite:////no/such/folder/gradebook.db", "it cannot be opened"),
    ],
)
def test_a_database_that_cannot_be_reached(url, words, course):
    with pytest.raises(GradebookError, match=words) as caught:
        sync([record()], course, "lab02", NOTEBOOK, url)
    assert "secret" not in str(caught.value)
