"""The database behind nbgrader's gradebook: where it is, whether it can be used, and what to do when it cannot."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic.script import ScriptDirectory
from nbgrader.api import Base, Gradebook, InvalidEntry
from nbgrader.dbutil import ALEMBIC_DIR
from sqlalchemy import URL, Engine, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session
from traitlets.config.loader import load_pyconfig_files

from lecturelib.grading.course import Course
from lecturelib.grading.release import find_programs

REASONS = {  # what a driver says -> what to do
    "locked": "another program is writing into it (a grading that still runs?); try again when that has ended",
    "readonly": "it may not be written; look at the permissions of the file and its folder",
    "unable to open": "it cannot be opened; look at the permissions of the file and its folder",
    "not a database": "it is damaged or no database; put a copy back, or move it away and grade again",
    "malformed": "it is damaged; put a copy back, or move it away and grade again",
    "No module named": "the driver for this kind of database is not installed",
}


class GradebookError(ValueError):
    """A gradebook that cannot be used, or records that do not fit the lab; the message says what to do."""


def location(course: Course, db: str | None = None) -> URL:
    """The database's URL: `db`, or else what formgrader uses when it is started in the course's folder."""
    if db is None:
        db = load_pyconfig_files(["nbgrader_config.py"], str(course.root)).CourseDirectory.get("db_url")
    if not db:
        return URL.create("sqlite", database=str(course.root / "gradebook.db"))
    try:
        url = make_url(db)
    except SQLAlchemyError as error:
        raise GradebookError(f"{db!r} is not the URL of a database: {error}") from None
    if _file(url):
        url = url.set(database=str(course.root / url.database))  # an absolute path stays as it is
    return url


@contextmanager
def opened(course: Course, db: str | None = None) -> Iterator[Gradebook]:
    """nbgrader's gradebook, made where there is none; GradebookError when it cannot be used."""
    url = location(course, db)
    find_programs()  # nbgrader asks alembic for the version of a new database
    with _explained(url):
        engine = create_engine(url)
        try:
            if _file(url):
                _check_writable(engine)
            _check_version(engine)
        finally:
            engine.dispose()
        with Gradebook(url, course.id) as gradebook:
            _stamp(gradebook)
            yield gradebook


@contextmanager
def reading(course: Course, db: str | None = None) -> Iterator[Session | None]:
    """A session to read nbgrader's tables with, None where there are none yet; nothing is made or changed."""
    url = location(course, db)
    if (file := _file(url)) and not file.exists():
        yield None
        return
    with _explained(url):
        engine = create_engine(url)
        try:
            _check_version(engine)
            with Session(engine) as session:
                yield session if inspect(engine).has_table("assignment") else None
        finally:
            engine.dispose()


def _file(url: URL) -> Path | None:
    """The file of an SQLite database."""
    plain = url.get_backend_name() == "sqlite" and url.database and not url.database.startswith(("file:", ":"))
    return Path(url.database) if plain else None


@contextmanager
def _explained(url: URL) -> Iterator[None]:
    name = _file(url) or url.render_as_string()  # without the password
    try:
        yield
    except IntegrityError as error:
        raise GradebookError(f"the gradebook {name} was changed by another program meanwhile; try again") from error
    except (SQLAlchemyError, InvalidEntry, ImportError) as error:
        said = " ".join(str(getattr(error, "orig", None) or error).split())
        reason = next((what for sign, what in REASONS.items() if sign in said), "")
        words = f"{reason} ({said})" if reason else said
        raise GradebookError(f"the gradebook {name} cannot be used: {words}") from error


def _check_writable(engine: Engine) -> None:
    """Before anything is written; not every damage shows in the first page that is read."""
    with engine.connect() as connection:
        if (said := connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()) != "ok":
            raise SQLAlchemyError(f"malformed: {said}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.rollback()


def _check_version(engine: Engine) -> None:
    """GradebookError for tables of another nbgrader, which would be half changed by using them."""
    there, tables = inspect(engine), Base.metadata.tables
    names = set(there.get_table_names())
    versions = set()
    if "alembic_version" in names:
        with engine.connect() as connection:
            versions = set(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())
    scripts = ScriptDirectory(ALEMBIC_DIR)
    where = f"sqlite:///{file}" if (file := _file(engine.url)) else engine.url.render_as_string()
    if unknown := versions - {script.revision for script in scripts.walk_revisions()}:
        raise GradebookError(
            f"the gradebook {where} has version {unknown.pop()}, which this nbgrader does not know: update nbgrader"
        )
    fit = all(
        set(tables[name].columns.keys()) <= {column["name"] for column in there.get_columns(name)}
        for name in names & tables.keys()
    )
    if not fit or versions - {scripts.get_current_head()}:
        raise GradebookError(
            f"the gradebook {where} was made by an older nbgrader. Keep a copy of it, then run "
            f"`nbgrader db upgrade --db='{where}'` in the course's folder, and try again"
        )


def _stamp(gradebook: Gradebook) -> None:
    """Note the version, which nbgrader leaves out when its first run was cut short or other tables were there."""
    session = gradebook.db
    if not inspect(gradebook.engine).has_table("alembic_version"):
        session.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
    if not session.execute(text("SELECT count(*) FROM alembic_version")).scalar():
        head = ScriptDirectory(ALEMBIC_DIR).get_current_head()
        session.execute(text("INSERT INTO alembic_version (version_num) VALUES (:head)"), {"head": head})
    session.commit()
