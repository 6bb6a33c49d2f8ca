"""The solution itself: that it gets full marks, and how far what it trains to varies over seeds."""

import json
from pathlib import Path

from lecturelib.checkpoint import write_atomically
from lecturelib.grading import outcomes
from lecturelib.grading.course import Course
from lecturelib.grading.materials import MaterialsError, read_materials
from lecturelib.grading.oracle import Job, Session, judge
from lecturelib.grading.pool import Pool
from lecturelib.grading.records import Record
from lecturelib.grading.transplant import transplant


def solution(course: Course, lab: str) -> Job:
    """The teacher's own notebook as a submission."""
    path = course.root / "solutions" / lab / f"{lab}.ipynb"
    return Job(lab, "solution", path.name, path.read_bytes(), None, "solution")


def require_full_marks(record: Record) -> None:
    """MaterialsError, naming the first check, unless the solution passes all of them."""
    for item in record.items:
        if item.status != "passed":
            raise MaterialsError(
                f"{record.lab}: the solution itself does not pass the check {item.check} of exercise "
                f"{item.exercise!r}: {item.hint} Mend checks.py or the solution; nothing was graded"
            )


def measure(course: Course, lab: str, seeds: int = 20) -> Path:
    """Run all checks on the solution with so many seeds and write what `outcome` saw to solutions/LAB/spread.json."""
    materials = read_materials(course, lab)
    with Pool(materials, 1) as pool, outcomes.recording() as found:
        steps = transplant(solution(course, lab).data, pool.lab).steps
        for seed in range(seeds):
            session = Session(steps, pool.sandbox, materials.limits)
            bad = [item for item in judge(pool.checks, session, str(seed)) if item.status != "passed"]
            session.close()
            if bad:
                raise MaterialsError(f"{lab}, seed {seed}: the solution fails {bad[0].check}: {bad[0].hint}")
    if not found:
        raise MaterialsError(f"no check of {lab} calls `outcome`: there is no spread to measure")
    path = course.root / "solutions" / lab / outcomes.FILE
    write_atomically(path, (json.dumps(outcomes.summarise(found), indent=1) + "\n").encode())
    return path
