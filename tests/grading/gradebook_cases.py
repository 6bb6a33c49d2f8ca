"""A course with lab 02 and records of its students, small enough to count by hand."""

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
from alembic.script import ScriptDirectory
from nbgrader.dbutil import ALEMBIC_DIR

from lecturelib.grading.course import Course, Late, Limits, Plan
from lecturelib.grading.records import Item, Open, Record

ROOT = Path(__file__).parents[2]
DUE = datetime(2027, 1, 31, 23, 59, tzinfo=UTC)
POINTS = {"pca": 3, "codes": 2, "linear": 4, "angles": 2, "sparse": 4, "corrupt": 2, "denoising": 3, "contractive": 4,
          "diagnosis": 3, "repair": 3}  # fmt: skip
HEAD = ScriptDirectory(ALEMBIC_DIR).get_current_head()  # the version of nbgrader's tables
CHECKS, OPEN = sum(POINTS.values()), 5  # 30 and 5


def released():
    """Lab 02 as it is released."""
    return nbformat.read(ROOT / "labs" / "lab02" / "lab02.ipynb", as_version=4)


def a_course(root: Path, extensions: Mapping[str, datetime] | None = None, due: datetime | None = DUE) -> Course:
    """Late from 15 minutes after `due`: a tenth of the maximum each day, and nothing after five days."""
    root.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    plan = Plan("lab02", "Autoencoders", due, late=Late(), extensions=extensions or {})
    return Course(root, "deep-generative-models", "Deep generative models", {"lab02": plan}, Limits())


def record(student: str = "student01", wrong: tuple[str, ...] = (), days_late: float = -1, **entries) -> Record:
    """A submission in which the hidden check of the exercises in `wrong` failed, which is half of their points."""
    items = []
    for name, points in POINTS.items():
        items.append(Item(name, name, False, points / 2, points / 2, "passed", ""))
        right = name not in wrong
        said = ("passed", "") if right else ("failed", "the result is wrong: the mean is not taken off")
        items.append(Item(name, f"{name}_elsewhere", True, right * points / 2, points / 2, *said))
    values = {
        "received": (DUE + timedelta(days=days_late)).isoformat(),
        "items": items,
        "open": [Open("open", OPEN, True)],
        "sources": {"open": "It may have learned to copy."},
    }
    return Record("lab02", student, **(values | entries))


def failed(student: str, **entries) -> Record:
    """A submission of which nothing could be graded."""
    return record(student, **({"failure": "the notebook is not valid JSON", "items": [], "open": []} | entries))
