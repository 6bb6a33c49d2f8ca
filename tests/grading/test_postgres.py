"""What is PostgreSQL's own: a new database, others' tables in it, texts for numbers, several who write at once.

That it keeps records as SQLite does is tested beside SQLite, in test_gradebook.py.
"""

import threading

import pytest
import sqlalchemy
from gradebook_cases import a_course, record, released
from postgres_server import postgres_server

from lecturelib.grading.database import GradebookError, opened
from lecturelib.grading.gradebook import comments, manual, sync, waiting

NOTEBOOK = released()


@pytest.fixture(scope="module")
def new():
    with postgres_server() as new:
        yield new


@pytest.fixture(scope="module")
def url(new):
    """A database that was new, but for a table of somebody else."""
    url = new("ours")
    execute(url, "CREATE TABLE library (book TEXT)")
    return url


def execute(url: str, *statements: str) -> list:
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        results = [connection.exec_driver_sql(statement) for statement in statements]
        rows = results[-1].all() if results[-1].returns_rows else []
    engine.dispose()
    return rows


@pytest.fixture
def course(tmp_path):
    return a_course(tmp_path / "a course")


def test_a_new_database_is_made_and_found_again(course, url):
    assert manual(course, "lab02", url) == {}
    assert execute(url, "SELECT count(*) FROM information_schema.tables WHERE table_name = 'grade'") == [(0,)]
    sync([record("müller"), record("王小明")], course, "lab02", NOTEBOOK, url)
    assert len(execute(url, "SELECT version_num FROM alembic_version")) == 1
    sync([record("müller"), record("王小明")], course, "lab02", NOTEBOOK, url)
    with opened(course, url) as gradebook:
        grade = gradebook.find_grade("open", "lab02", "lab02", "王小明")
        grade.manual_score, grade.needs_manual_grade = "4.5", False  # formgrader stores what was typed
        gradebook.find_comment("open", "lab02", "lab02", "王小明").manual_comment = "très bien ✓"
        gradebook.db.commit()
    assert manual(course, "lab02", url) == {"王小明": {"open": 4.5}}
    assert comments(course, "lab02", url) == {"王小明": {"open": "très bien ✓"}}
    assert waiting(course, "lab02", url) == {"müller": {"open"}}


def test_two_gradings_at_once_do_not_mix(course, url):
    """One waits for the other's transaction, or is told to try again; no student is written in part."""
    errors = []

    def grade(wrong):
        try:
            sync([record(f"twin{i:02d}", wrong=wrong) for i in range(12)], course, "lab02", NOTEBOOK, url)
        except GradebookError as error:
            errors.append(str(error))

    both = [threading.Thread(target=grade, args=(wrong,)) for wrong in (("pca",), ("codes",))]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(errors) <= 1
    assert all("try again" in words for words in errors)
    sync([record(f"twin{i:02d}", wrong=("pca",)) for i in range(12)], course, "lab02", NOTEBOOK, url)
    with opened(course, url) as gradebook:
        scores = {entry["student"]: entry["score"] for entry in gradebook.submission_dicts("lab02")}
    assert {score for name, score in scores.items() if name.startswith("twin")} == {28.5}


def test_an_older_gradebook_is_left_as_it_is(course, new):
    url = new("older", template="ours")
    sync([record()], course, "lab02", NOTEBOOK, url)
    execute(
        url,
        "ALTER TABLE assignment DROP COLUMN course_id CASCADE",
        "UPDATE alembic_version SET version_num='282d30a0218e'",
    )
    before = execute(url, "SELECT * FROM grade ORDER BY id")
    with pytest.raises(GradebookError, match="older nbgrader.*`nbgrader db upgrade --db='postgresql"):
        sync([record(wrong=("pca",))], course, "lab02", NOTEBOOK, url)
    assert execute(url, "SELECT * FROM grade ORDER BY id") == before


def test_a_server_that_cannot_be_reached_is_named_without_the_password(course, tmp_path):
    pytest.importorskip("psycopg")
    url = f"postgresql+psycopg://teacher:secret@/marks?host={tmp_path}"
    for call in (lambda: sync([record()], course, "lab02", NOTEBOOK, url), lambda: manual(course, "lab02", url)):
        with pytest.raises(GradebookError, match="cannot be used: .*connection") as caught:
            call()
        assert "secret" not in str(caught.value)
