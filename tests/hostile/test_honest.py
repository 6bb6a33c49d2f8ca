"""Honest submissions get full marks, however they are written, and on a machine that is busy."""

import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from honest import honest_submissions

from lecturelib.grading.course import read_course
from lecturelib.grading.materials import read_materials
from lecturelib.grading.oracle import Job
from lecturelib.grading.pool import Pool
from lecturelib.launch import course_root

NUMBER = int(os.environ.get("LECTURELIB_HONEST", "40"))  # 200 in `make soak`

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
]


@pytest.fixture
def load():
    """Four processes that want a core each, beside the grading."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    yield
    for process in processes:
        process.kill()
        process.wait()


def lost(jobs_at_once: int, number: int, seed: int) -> dict[str, list]:
    materials = read_materials(read_course(course_root()), "lab02")
    work = [Job("lab02", student, student, nbformat.writes(notebook).encode(), None, f"{seed} {student}")
            for student, notebook in honest_submissions(number, seed)]  # fmt: skip
    with Pool(materials, jobs_at_once) as pool:
        found = {r.student: r for r, _ in pool.run(work)}
    assert len(found) == number
    return {
        student: [r.failure, *((i.check, i.status, i.hint) for i in r.items if i.status != "passed")]
        for student, r in found.items() if r.score != 30
    }  # fmt: skip


def test_all_get_full_marks():
    assert lost(2, NUMBER, seed=2) == {}


def test_all_get_full_marks_eight_at_once_under_load(load):
    assert lost(8, NUMBER, seed=3) == {}
