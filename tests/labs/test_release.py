"""From solutions/ to labs/: what is released, that it is the same each time, and that nobody's work is lost."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest

from lecturelib.grading.release import ReleaseError, release, validate, worked_in

ROOT = Path(__file__).parents[2]
LABS = sorted(p.name for p in (ROOT / "solutions").glob("lab*/"))
PYTHON = Path(sys.executable)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def new_course(folder: Path) -> Path:
    shutil.copytree(ROOT / "solutions", folder / "solutions", ignore=shutil.ignore_patterns("__pycache__", ".ipynb*"))
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    return folder


@pytest.fixture(scope="module")
def generated(tmp_path_factory) -> Path:
    """A course in which lab 02 was released; tests must leave it as it is."""
    course = new_course(tmp_path_factory.mktemp("a course"))
    release(course, "lab02")
    return course


@pytest.fixture
def course(generated, tmp_path) -> Path:
    return Path(shutil.copytree(generated, tmp_path / "course"))


@pytest.fixture
def lab(course) -> Path:
    return course / "labs" / "lab02"


def edit(path: Path, change) -> None:
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    nbformat.write(notebook, path)


def write_something(notebook) -> None:
    next(c for c in notebook.cells if c.id == "write-pca").source += "\n    return 1"


def released(generated: Path, name: str) -> Path:
    """A lab of that course, which is released when it is asked for first."""
    folder = generated / "labs" / name
    return folder if folder.exists() else release(generated, name).folder


@pytest.mark.parametrize("name", LABS)
def test_labs_holds_what_the_solutions_release(name, generated):
    released(generated, name)
    made, here = files(generated / "labs" / name), files(ROOT / "labs" / name)
    here = {k: v for k, v in here.items() if ".ipynb_checkpoints" not in k and "__pycache__" not in k}
    assert made.keys() == here.keys()
    different = [k for k in made if made[k] != here[k]]
    assert not different, f"run `lecturelib release {name}`: {different} is not what solutions/{name} releases"


def test_a_second_release_gives_the_same_bytes(course, lab):
    before = files(lab)
    assert release(course, "lab02").kept is None
    assert files(lab) == before
    assert not list(course.glob(".release-*"))


def test_no_solution_and_no_hidden_check_is_released(lab):
    released = b"\n".join(files(lab).values()).decode()
    for secret in ("hidden=True", "_elsewhere", "BEGIN SOLUTION", "torch.linalg.svd(x - mean", "A good answer says"):
        assert secret not in released
    source = (ROOT / "solutions" / "lab02" / "checks.py").read_text(encoding="utf-8")
    assert source.count("hidden=True") >= 8


def test_the_released_notebook_says_which_release_it_is(lab):
    stamp = nbformat.read(lab / "lab02.ipynb", as_version=4).metadata.lecturelib
    assert stamp.lab == "lab02"
    assert len(stamp.sha256) == 64


def test_every_lab_is_in_course_toml():
    with open(ROOT / "course.toml", "rb") as file:
        settings = tomllib.load(file)
    assert set(settings["labs"]) == set(LABS)
    assert all(entry["due"].tzinfo for entry in settings["labs"].values())


WORK = {
    "a cell written in": lambda lab: edit(lab / "lab02.ipynb", write_something),
    "a cell only run": lambda lab: edit(lab / "lab02.ipynb", lambda nb: nb.cells[1].update(execution_count=1)),
    "a cell added": lambda lab: edit(
        lab / "lab02.ipynb", lambda nb: nb.cells.append(nbformat.v4.new_markdown_cell("mine"))
    ),
    "a stamp taken off": lambda lab: edit(lab / "lab02.ipynb", lambda nb: nb.metadata.pop("lecturelib")),
    "a file added": lambda lab: (lab / "notes.txt").write_text("mine"),
    "a notebook cut short": lambda lab: (lab / "lab02.ipynb").write_text('{"cells": ['),
    "checks changed": lambda lab: (lab / "checks.py").write_text("# mine"),
}


@pytest.mark.parametrize("kind", WORK)
def test_a_lab_that_was_worked_in_is_not_overwritten(kind, course, lab):
    WORK[kind](lab)
    before = files(lab)
    with pytest.raises(ReleaseError, match="somebody's work"):
        release(course, "lab02")
    assert files(lab) == before


def test_another_released_file_that_was_changed_is_not_overwritten(course, lab):
    source = course / "solutions" / "lab02"
    (source / "tables").mkdir()
    (source / "tables" / "heights.csv").write_text("1,2\n")
    release(course, "lab02")
    assert (lab / "tables" / "heights.csv").read_text() == "1,2\n"
    assert worked_in(lab, source) == []
    (lab / "tables" / "heights.csv").write_text("1,3\n")
    with pytest.raises(ReleaseError, match=r"heights\.csv is not as it is in"):
        release(course, "lab02")
    assert (lab / "tables" / "heights.csv").read_text() == "1,3\n"


def test_force_moves_the_work_aside_and_says_where(course, lab):
    pristine = files(lab)
    for number in (1, 2):
        WORK["a cell written in"](lab)
        work = files(lab)
        done = release(course, "lab02", force=True)
        assert done.kept == course / "labs" / f"lab02.kept-{number}"
        assert str(done.kept) in str(done)
        assert files(done.kept) == work
        assert files(lab) == pristine


def test_looking_at_a_lab_is_not_work(course, lab):
    edit(lab / "lab02.ipynb", lambda nb: nb.metadata.language_info.update(version="3.12.1"))
    edit(lab / "lab02.ipynb", lambda nb: nb.cells[1].metadata.update(scrolled=True))
    (lab / ".ipynb_checkpoints").mkdir()
    (lab / ".ipynb_checkpoints" / "lab02-checkpoint.ipynb").write_text("{}")
    assert worked_in(lab, course / "solutions" / "lab02") == []
    release(course, "lab02")


def test_an_unknown_lab_is_named_with_those_that_exist(course):
    with pytest.raises(ReleaseError, match="lab02"):
        release(course, "lab99")
    with pytest.raises(ReleaseError, match="lab02"):
        validate("lab99", course)


@pytest.mark.slow
@pytest.mark.parametrize("name", LABS)
def test_in_the_untouched_lab_only_the_checks_fail_each_with_one_line(name, generated, monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    lab = released(generated, name)
    failures = validate(lab)
    cells = nbformat.read(lab / f"{name}.ipynb", as_version=4).cells
    checks = [c.source for c in cells if c.source.startswith("check(")]
    assert [f.source for f in failures] == checks
    assert all(f.message.startswith("✗ ") and f.message.endswith("is not written yet") for f in failures)
    assert not any("\n" in f.message for f in failures)


@pytest.mark.slow
@pytest.mark.parametrize("name", LABS)
def test_the_solution_is_valid(name, course, monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    assert validate(course / "solutions" / name / f"{name}.ipynb") == []


def test_validate_names_changed_and_missing_cells_and_errors(lab):
    def tamper(notebook):
        keep = {"imports", "check-pca", "check-codes"}
        notebook.cells = [c for c in notebook.cells if c.id in keep]
        notebook.cells[1].source = "1 / 0"

    edit(lab / "lab02.ipynb", tamper)
    said = "\n".join(map(str, validate(lab)))
    assert "cell 2, `1 / 0`: this cell was changed" in said
    assert "ZeroDivisionError" in said
    assert 'the cell check("linear") is missing' in said


def test_validate_says_in_one_line_that_the_checks_cannot_be_read(lab):
    (lab / "checks.py").write_text("def double(:\n")
    (failure,) = validate(lab)
    assert "checks.py line 1 cannot be read: invalid syntax; take it from the released lab" in str(failure)


def nbgrader(*arguments: str, course: Path) -> subprocess.CompletedProcess:
    """nbgrader's own command, in an environment that was not activated."""
    paths = [p for p in os.environ["PATH"].split(os.pathsep) if Path(p) != PYTHON.parent]
    env = os.environ | {"PATH": os.pathsep.join(paths), "LECTURELIB_PROFILE": "smoke"}
    command = [str(PYTHON), "-m", "nbgrader", *arguments]
    return subprocess.run(command, cwd=course, env=env, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.slow
def test_nbgraders_own_commands_work(generated, tmp_path):
    course = new_course(tmp_path)
    made = nbgrader("generate_assignment", "lab02", course=course)
    assert made.returncode == 0, made.stderr
    assert files(course / "labs" / "lab02") == files(generated / "labs" / "lab02")
    said = nbgrader("validate", "solutions/lab02/lab02.ipynb", course=course)
    assert "Success! Your notebook passes all the tests." in said.stdout, said.stdout + said.stderr
    said = nbgrader("validate", "labs/lab02/lab02.ipynb", course=course)
    assert "VALIDATION FAILED ON 11 CELL(S)" in said.stdout  # ten checks and the open question
    assert "`pca` is not written yet" in said.stdout


def test_the_notebook_names_its_kernel_and_holds_no_outputs():
    text = (ROOT / "solutions" / "lab02" / "lab02.ipynb").read_text(encoding="utf-8")
    notebook = json.loads(text)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert "widgets" not in notebook["metadata"]
    assert not any(cell.get("outputs") for cell in notebook["cells"])
