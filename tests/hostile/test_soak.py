"""Many submissions through one pool: full marks for all honest ones, and nothing left behind.

`make soak` grades 500; `make test` a sample. LECTURELIB_SOAK says how many.
"""

import gc
import os
import shutil
import tempfile
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from cases import CASES
from honest import honest_submissions

from lecturelib.grading.course import read_course
from lecturelib.grading.materials import read_materials
from lecturelib.grading.oracle import Job
from lecturelib.grading.pool import Pool
from lecturelib.launch import course_root

NUMBER = int(os.environ.get("LECTURELIB_SOAK", "30"))
HARMLESS = ("killed", "theft", "patching", "channel")  # quick ones, every tenth submission
MOST_MB = 1100  # of the grader's own processes over what this one held before, 500 submissions long
GROWTH_MB = 60  # from a fifth of the way to the end, both at rest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
]


def held(processes) -> float:
    """MB of memory, what is shared counted by its share."""
    total = 0.0
    for process in processes:
        try:
            total += process.memory_full_info().pss / 1e6
        except psutil.Error:
            continue
    return total


def anonymous(processes) -> float:
    """MB of memory that no file stands behind: it does not change when others who share the libraries come and go."""
    total = 0.0
    for process in processes:
        try:
            info = process.memory_info()
        except psutil.Error:
            continue
        total += (info.rss - info.shared) / 1e6
    return total


def inside(sandbox) -> list[psutil.Process]:
    return psutil.Process(sandbox.process.pid).children(recursive=True)


def command(process: psutil.Process) -> str:
    """How it was called; "" when it is gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def jobs(folder: Path) -> list[Job]:
    made = [Job("lab02", student, student, nbformat.writes(notebook).encode(), None, student)
            for student, notebook in honest_submissions(NUMBER, seed=7)]  # fmt: skip
    quick = [case for case in CASES if case.group in HARMLESS][: NUMBER // 10]
    for case in quick:
        case.make(folder / case.name)
        made.append(
            Job("lab02", f"hostile {case.name}", "", (folder / case.name / "lab02.ipynb").read_bytes(), None, "s")
        )
    return made


@pytest.fixture
def scratch(monkeypatch):
    """A folder for temporary files that no other test shares; its path is short, as a socket's has to be."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def test_nothing_is_left_behind_and_nothing_grows(tmp_path, scratch, capsys):
    materials = read_materials(read_course(course_root()), "lab02")
    work = jobs(tmp_path)
    gc.collect()  # what other tests have not given back yet
    before, at_first = set(os.listdir(scratch)), held([psutil.Process()])
    handles, scores, busy = psutil.Process().num_fds(), {}, []
    with Pool(materials, 2) as pool:

        def at_rest() -> tuple[float, float]:
            """MB of the grader and of the sandbox with nothing left in it but bubblewrap's two and the nursery."""
            for _ in range(100):
                left = [said for p in inside(pool.sandbox) if (said := command(p))]
                if len(left) <= 3:
                    break
                time.sleep(0.1)
            assert len(left) <= 3, left
            gc.collect()
            return anonymous(grader()), anonymous(inside(pool.sandbox))

        def grader() -> list[psutil.Process]:
            return [psutil.Process(w.process.pid) for w in pool.workers] + [psutil.Process()]

        def run(some: list[Job]) -> None:
            for record, _ in pool.run(some):
                scores[record.student] = record.score
                busy.append(held(grader()))

        first = len(work) // 5
        run(work[:first])
        early = at_rest()
        run(work[first:])
        late = at_rest()
        workers = [w.process.pid for w in pool.workers]
    with capsys.disabled():
        print(f"\nsoak: {len(work)} submissions; grader {max(busy):.0f} MB at most, grew by "
              f"{late[0] - early[0]:.0f} MB; sandbox grew by {late[1] - early[1]:.0f} MB")  # fmt: skip
    honest = {s: score for s, score in scores.items() if not s.startswith("hostile ")}
    assert {s: score for s, score in honest.items() if score != 30} == {}
    assert len(scores) == len(work)
    assert not any(map(psutil.pid_exists, workers))
    assert psutil.Process().num_fds() <= handles  # fewer when another test's are given back meanwhile
    assert set(os.listdir(scratch)) - before == set()
    assert max(busy) - at_first < MOST_MB
    assert late[0] - early[0] < GROWTH_MB
    assert late[1] - early[1] < GROWTH_MB
