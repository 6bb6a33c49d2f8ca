"""Every hostile submission, graded among honest ones: what it earned, no leak, no harm to the others."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from cases import CASES, MARKERS, POINTS, complaints
from honest import honest_submissions
from planted import leaks, plant, raw_in_pages, state, survivors, traces

from lecturelib.grading import gradebook, records
from lecturelib.grading.course import read_course
from lecturelib.grading.lms import printable
from lecturelib.launch import course_root

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
]

LIMITS = """
[course]
id = "hostile"
[limits]
cpu_seconds = 12
wall_seconds = 60
cell_seconds = 3
call_seconds = 1
idle_seconds = 1.5
memory_mb = 700
processes = 32
"""
HONEST = 6


def command(course: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "lecturelib.cli", *arguments, "--course", str(course)], capture_output=True, text=True,
        env=os.environ | {"LECTURELIB_MARKER": (course / "marker").read_text()}, cwd=course_root(), errors="replace",
    )  # fmt: skip


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """All cases and some honest submissions, graded together once."""
    root = tmp_path_factory.mktemp("course")
    for name in ("solutions", "labs"):
        shutil.copytree(course_root() / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(course_root() / "nbgrader_config.py", root)
    (root / "course.toml").write_text(LIMITS)
    course = read_course(root)
    notebook = nbformat.read(root / "labs/lab02/lab02.ipynb", as_version=4)
    gradebook.sync([], course, "lab02", notebook)
    texts = plant(root)
    items = [records.Item(name, name, False, 0, points, "failed", "wrong") for name, points in POINTS.items()]
    other = records.Record("lab02", "other-student", flags=[texts["MARKER-RESULTS"]], items=items)
    other.open = [records.Open("open", 5, False)]
    records.save(other, root / "results/lab02")
    (root / "marker").write_text(texts["MARKER-ENVIRONMENT"])
    incoming = root / "incoming"
    for case in CASES:
        case.make(incoming / case.name)
    for student, honest in honest_submissions(HONEST, seed=1):
        folder = incoming / f"honest-{student}"
        folder.mkdir()
        nbformat.write(honest, folder / "lab02.ipynb")
    before = state(root)
    done = command(root, "grade", "--lab", "lab02", "--submissions", str(incoming), "-j", "2")
    assert "Summary:" in done.stdout, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    pages = command(root, "feedback", "--lab", "lab02")
    assert pages.returncode == 0, pages.stderr
    (root / "printed.txt").write_text(done.stdout + done.stderr + pages.stdout + pages.stderr)
    return root, texts, before, records.read_all(root / "results/lab02")


def record_of(graded, case):
    """The record of a case: names may have been made safe, so it is found by where it was found."""
    found = [r for r in graded[3] if r.file == printable(case.name) or r.file.startswith(f"{printable(case.name)}/")]
    assert len(found) == 1, [r.student for r in found]
    return found[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.encode("ascii", "backslashreplace").decode())
def test_the_outcome_is_the_expected_one(graded, case):
    assert complaints(case, record_of(graded, case)) == []


def test_the_others_are_graded_as_if_nobody_was_hostile(graded):
    honest = [r for r in graded[3] if r.student.startswith("honest-")]
    assert len(honest) == HONEST
    assert {r.student: r.score for r in honest} == dict.fromkeys((r.student for r in honest), sum(POINTS.values()))
    assert [r.failure for r in honest] == [""] * HONEST


def test_every_submission_has_one_record(graded):
    assert len(graded[3]) == len(CASES) + HONEST + 1


def test_nothing_leaks(graded):
    root, texts, _, _ = graded
    skipped = ("other-student", "summary")
    written = [p for name in ("results", "autograded", "feedback") for p in (root / name).rglob("*")
               if p.is_file() and p.stem not in skipped and not set(skipped) & set(p.parts)]  # fmt: skip
    secret = [texts[name] for name in MARKERS]
    secret += [text for case in CASES for text in case.leaks_nothing]
    assert leaks(secret, [*written, root / "printed.txt"]) == []
    assert len(written) > 2 * len(CASES)


def test_no_page_holds_a_script_of_a_student(graded):
    root = graded[0]
    pages = [*root.glob("feedback/**/*.html"), root / "results/lab02/summary.html"]
    texts = {text for case in CASES for text in case.never_in_pages}
    assert texts
    assert raw_in_pages(texts, pages) == []


def test_nothing_was_changed_and_nobody_survived(graded):
    root, _, before, _ = graded
    assert state(root) == before | {"printed.txt": state(root)["printed.txt"]}
    assert traces(root) == []
    assert survivors() == []
