"""A course with one small lab, for tests of grading that need not be about autoencoders."""

import shutil
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from lecturelib.grading.release import release
from lecturelib.launch import course_root

LAB = "lab77"
CHECKS = '''"""The checks of a small lab."""

import torch

from lecturelib.grading.exercises import exercise
from lecturelib.grading.mistakes import Mistake, compare
from lecturelib.grading.outcomes import outcome


@exercise("double", points=2, hint="Twice.")
def double(call, rng):
    x = torch.randn(3, generator=rng)
    compare(call("double", x), 2 * x, {"it was squared": x * x})


@exercise("double", points=1, hidden=True)
def double_elsewhere(call, rng):
    x = torch.randn(4, 5, generator=rng)
    compare(call("double", x), 2 * x)


def _data(n, rng):
    x = torch.randn(n, 3, generator=rng)
    return x, x.sum(1) + torch.randn(n, generator=rng)


@exercise("learn", points=2)
def learn(call, rng):
    x, y = _data(64, rng)
    model = call("make_model")
    loss = call("train_step", model, x, y)
    if not isinstance(loss, float):
        raise Mistake("`train_step` must return the loss as a float")


@exercise("learn", points=3, hidden=True)
def learns(call, rng):
    x, y = _data(256, rng)
    model = call("make_model")
    losses = [call("train_step", model, x, y) for _ in range(60)]
    # the worst of the last 20: without zero_grad the loss swings, and one step may be a lucky one
    outcome("loss after 60 steps", max(losses[-20:]), "the loss does not fall as it should")
'''
DOUBLE = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
LEARN = '''class Game:
    def __init__(self):
        self.layer = nn.Linear(3, 1)
        self.optimizer = torch.optim.SGD(self.layer.parameters(), lr=0.1)


def make_model():
    ### BEGIN SOLUTION
    return Game()
    ### END SOLUTION


def train_step(game, x, y) -> float:
    """One step towards y; returns the loss before it."""
    ### BEGIN SOLUTION
    loss = (game.layer(x)[:, 0] - y).square().mean()
    game.optimizer.zero_grad()
    loss.backward()
    game.optimizer.step()
    return loss.item()
    ### END SOLUTION'''
SOLVED = {
    "write-double": "def double(x):\n    return x + x",
    "write-learn": "\n".join(line for line in LEARN.splitlines() if "SOLUTION" not in line),
    "open": "Because the sum is linear.",
}
SQUARED = "def double(x):\n    return x * x"
TOML = """
[course]
id = "small"
[labs.lab77]
title = "A small lab"
due = 2027-01-31T12:00:00Z
[limits]
cpu_seconds = 20
wall_seconds = 60
cell_seconds = 5
call_seconds = 1
idle_seconds = 2
memory_mb = 600
"""


def cell(source: str, name: str, *, grade: bool = False, solution: bool = False, points: float | None = None):
    about = {
        "grade": grade,
        "grade_id": name,
        "locked": not solution,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    make = new_markdown_cell if name == "open" else new_code_cell
    return make(source, id=name, metadata={"nbgrader": about | ({} if points is None else {"points": points})})


def notebook():
    return new_notebook(
        cells=[
            cell("import torch\nfrom torch import nn\n\nfrom lecturelib.grading import check", "given"),
            cell(DOUBLE, "write-double", solution=True),
            cell('check("double")', "double", grade=True, points=3),
            cell(LEARN, "write-learn", solution=True),
            cell('check("learn")', "learn", grade=True, points=5),
            new_code_cell("print('nothing depends on this')", id="plain"),
            cell("### BEGIN SOLUTION\nIt is linear.\n### END SOLUTION", "open", grade=True, solution=True, points=4),
        ],
        metadata={"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}},
    )


def make_course(root: Path, spread: bool = True) -> Path:
    """A course in `root` with the small lab released; with `spread`, as measured over 20 seeds once."""
    source = root / "solutions" / LAB
    source.mkdir(parents=True)
    nbformat.write(notebook(), source / f"{LAB}.ipynb")
    (source / "checks.py").write_text(CHECKS)
    if spread:
        values = '{"mean": 0.99, "deviation": 0.09, "low": 0.85, "high": 1.2, "seeds": 20}'
        (source / "spread.json").write_text(f'{{"loss after 60 steps": {values}}}\n')
    shutil.copy(course_root() / "nbgrader_config.py", root)
    (root / "course.toml").write_text(TOML)
    release(root, LAB)
    return root


def submission(root: Path, **sources: str):
    """The released notebook with the right answers, or with `sources` in place of some (- written as _)."""
    found = nbformat.read(root / "labs" / LAB / f"{LAB}.ipynb", as_version=4)
    answers = SOLVED | {name.replace("_", "-"): source for name, source in sources.items()}
    for one in found.cells:
        one.source = answers.get(one.id, one.source)
    return found


def submit(root: Path, folder: Path, student: str, **sources: str) -> Path:
    """Write FOLDER/STUDENT/lab77.ipynb."""
    path = folder / student / f"{LAB}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(submission(root, **sources), path)
    return path
