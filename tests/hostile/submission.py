"""What submissions of lab 02 are made of: the honest one, the ways to spoil it, and what is expected of grading."""

import copy
import functools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

LAB = "lab02"
COURSE = Path(__file__).parents[2]
PROOF = "hostile-was-here"  # the name of every file that a hostile submission tries to leave somewhere
SCRIPT = "<script>hostile()</script>"  # must not stand in a page like this

# what the test hides, as TEXT-<random hexadecimal digits>, and where; paths are relative to the course's folder
MARKERS = {
    "MARKER-SOLUTIONS": "solutions/lab02/checks.py",
    "MARKER-NOTEBOOK": "solutions/lab02/lab02.ipynb",
    "MARKER-GRADEBOOK": "gradebook.db",
    "MARKER-KEY": ".grading-key",
    "MARKER-RESULTS": "results/lab02/other-student.json",
    "MARKER-OTHER": "submitted/other-student/lab02/lab02.ipynb",
    "MARKER-AUTOGRADED": "autograded/other-student/lab02/lab02.ipynb",
    "MARKER-FEEDBACK": "feedback/other-student/lab02/lab02.html",
    "MARKER-ENVIRONMENT": "",  # the environment variable LECTURELIB_MARKER of the process that grades
}


@functools.cache
def _lab() -> tuple[NotebookNode, dict[str, str]]:
    """The released notebook, and what the solution writes into its cells."""
    released = nbformat.read(COURSE / "labs" / LAB / f"{LAB}.ipynb", as_version=4)
    solved = nbformat.read(COURSE / "solutions" / LAB / f"{LAB}.ipynb", as_version=4)
    lines = re.compile(r"^ *### (BEGIN|END) SOLUTION\n?", re.MULTILINE)
    sources = {c.id: lines.sub("", c.source).rstrip() for c in solved.cells if c.id.startswith("write-")}
    return released, sources | {"open": "Copying has no error either. I would measure how far the code moves."}


POINTS = {c.metadata.nbgrader.grade_id: float(c.metadata.nbgrader.points) for c in _lab()[0].cells
          if c.cell_type == "code" and c.metadata.get("nbgrader", {}).get("grade")}  # fmt: skip


def honest(pictures: bool = True) -> NotebookNode:
    """The lab as a good student hands it in; without the cells that only draw, it runs in half a second."""
    released, sources = _lab()
    notebook = copy.deepcopy(released)
    for one in notebook.cells:
        if one.id in sources:
            one.source = sources[one.id]
        elif not pictures and one.cell_type == "code" and "nbgrader" not in one.metadata:
            one.source = "# nothing to draw"
    return notebook


def cell(notebook: NotebookNode, name: str) -> NotebookNode:
    """The cell with this id."""
    return next(c for c in notebook.cells if c.id == name)


def position(notebook: NotebookNode, name: str) -> int:
    """Where the cell with this id stands."""
    return next(i for i, c in enumerate(notebook.cells) if c.id == name)


def add(notebook: NotebookNode, source: str, after: str = "repair-picture", kind: str = "code") -> NotebookNode:
    """Put a cell of the student's own behind another one; returns it."""
    new = getattr(nbformat.v4, f"new_{kind}_cell")(source.strip("\n"), id=f"own-{len(notebook.cells)}")
    notebook.cells.insert(position(notebook, after) + 1, new)
    return new


def root_of(folder: Path) -> Path:
    """The course's folder, as an attacker who knows it would write it."""
    return next((p for p in folder.absolute().parents if (p / "course.toml").is_file()), folder.absolute().parents[1])


def write(folder: Path, content: NotebookNode | str | bytes) -> None:
    """The submission's file; COURSE_ROOT in a code cell stands for the path of the course."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(content, NotebookNode):
        for one in content.cells:
            if one.cell_type == "code":
                one.source = one.source.replace("COURSE_ROOT", repr(str(root_of(folder))))
        content = json.dumps(content, indent=1)  # as it is: nbformat would mend it
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogatepass")
    (folder / f"{LAB}.ipynb").write_bytes(content)


@dataclass(frozen=True)
class Case:
    """One submission, and what is expected of its grading, written down beforehand.

    earned: points by exercise, or (least, most) where the attack harms its author in a way that is nobody's concern;
    exercises that are not listed have full marks; None: nothing can be graded, and Record.failure says why.
    lost: words, in small letters, of the status and hint of a check of that exercise that was not passed.
    leaks_nothing: texts that must stand in no record, page or file, beside all of the planted markers.
    never_in_pages: texts that must not stand in a page as they are. may_fail: nothing being graded is right too.
    """

    name: str
    group: str
    make: Callable[[Path], None]
    earned: Mapping[str, float | tuple[float, float]] | None = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)
    leaks_nothing: tuple[str, ...] = ()
    flagged: str = ""
    never_in_pages: tuple[str, ...] = ()
    may_fail: bool = False


def anything(**earned: float) -> dict[str, float | tuple[float, float]]:
    """From nothing to full marks in every exercise but those that are named."""
    return {name: (0.0, most) for name, most in POINTS.items()} | earned


def nothing() -> dict[str, float]:
    """No point in any exercise."""
    return dict.fromkeys(POINTS, 0.0)


def from_notebook(name: str, group: str, change: Callable[[NotebookNode], None], **expected) -> Case:
    """A case whose notebook is the honest one after `change`."""

    def make(folder: Path) -> None:
        notebook = honest(pictures=False)
        change(notebook)
        write(folder, notebook)

    return Case(name, group, make, **expected)


def in_cell(name: str, group: str, source: str, *, after: str = "repair-picture", **expected) -> Case:
    """A case with one cell more; the last one that runs, where nothing else is said."""
    return from_notebook(name, group, lambda notebook: add(notebook, source, after), **expected)


def in_functions(name: str, group: str, sources: Mapping[str, str], *, start: str = "", **expected) -> Case:
    """A case whose cells that are to be written (exercise -> source) hold something else."""

    def change(notebook: NotebookNode) -> None:
        for exercise, source in sources.items():
            cell(notebook, f"write-{exercise}").source = source.strip("\n")
        if start:
            add(notebook, start, "imports")

    return from_notebook(name, group, change, **expected)


def complaints(case: Case, record) -> list[str]:
    """Where a Record is not what was expected of the case; empty when all is well."""
    if record.failure:
        right = case.earned is None or case.may_fail
        return [] if right else [f"nothing was graded: {record.failure}"]
    if case.earned is None:
        return [f"{record.score} points where nothing can be graded"]
    found, said = record.exercises(), []
    if set(found) != set(POINTS):
        said.append(f"the exercises are {sorted(found)}")
    for name, items in found.items():
        score, most = sum(i.score for i in items), sum(i.maximum for i in items)
        expected = case.earned.get(name, POINTS[name])
        low, high = expected if isinstance(expected, tuple) else (expected, expected)
        if most != POINTS[name] or not low <= score <= high:
            hints = "; ".join(f"{i.status} {i.hint}"[:200] for i in items if i.status != "passed")
            said.append(f"{name}: {score} of {most}, expected {low} to {high} ({hints})")
    for name, words in case.lost.items():
        if not any(words in f"{i.status} {i.hint}".lower() for i in found.get(name, ()) if i.status != "passed"):
            said.append(f"{name}: nobody says {words!r} but {[f'{i.status} {i.hint}'[:200] for i in found[name]]}")
    if case.flagged and case.flagged not in " ".join(record.flags).lower():
        said.append(f"no flag says {case.flagged!r} but {record.flags}")
    return said
