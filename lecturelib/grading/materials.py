"""What grading a lab needs besides the submissions, in one value that can travel to another machine."""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat

from lecturelib.grading.course import Course, Limits
from lecturelib.grading.exercises import Exercise, exercises_of


class MaterialsError(ValueError):
    """A lab that cannot be graded as it stands; the message says what to mend."""


@dataclass(frozen=True)
class Materials:
    """The released notebook, all checks, and the files beside each of them."""

    lab: str
    notebook: str  # JSON of labs/LAB/LAB.ipynb
    checks: dict[str, bytes]  # checks.py and what it reads, from solutions/LAB
    files: dict[str, bytes]  # what students find beside the notebook
    limits: Limits

    @property
    def sha256(self) -> str:
        """Of everything that a score depends on."""
        digest = hashlib.sha256(json.dumps([self.lab, self.notebook, asdict(self.limits)]).encode())
        for name, content in [*sorted(self.checks.items()), *sorted(self.files.items())]:
            digest.update(f"{name} {len(content)} ".encode() + content)
        return digest.hexdigest()

    @contextmanager
    def unpacked(self) -> Iterator[tuple[list[Exercise], Path]]:
        """The exercises, and a folder with the released files, as long as the context lasts."""
        with tempfile.TemporaryDirectory(prefix="lecturelib-") as home:
            secret, released = Path(home, "checks"), Path(home, "released")
            for folder, files in ((secret, self.checks), (released, self.files)):
                folder.mkdir()
                for name, content in files.items():
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    (folder / name).write_bytes(content)
            Path(home).chmod(0o755)
            yield exercises_of(secret / "checks.py"), released

    def nodes(self) -> nbformat.NotebookNode:
        """The released notebook."""
        return nbformat.reads(self.notebook, as_version=4)


def read_materials(course: Course, lab: str) -> Materials:
    """Read solutions/LAB and labs/LAB; MaterialsError when they are missing, broken or do not fit each other."""
    source, released = course.root / "solutions" / lab, course.root / "labs" / lab
    if not (source / "checks.py").is_file():
        there = ", ".join(sorted(p.parent.name for p in (course.root / "solutions").glob("*/checks.py"))) or "none"
        raise MaterialsError(f"there are no checks for lab {lab!r} in {source}; labs with checks: {there}")
    if not (released / f"{lab}.ipynb").is_file():
        raise MaterialsError(f"{lab} is not released: there is no notebook in {released}; lecturelib release {lab}")
    materials = Materials(
        lab,
        notebook=(released / f"{lab}.ipynb").read_text(encoding="utf-8"),
        checks={p.name: p.read_bytes() for p in sorted(source.iterdir()) if p.is_file() and p.suffix != ".ipynb"},
        files={
            str(p.relative_to(released)): p.read_bytes()
            for p in sorted(released.rglob("*"))
            if p.is_file() and p.suffix != ".ipynb" and not any(q.startswith((".", "__")) for q in p.parts)
        },
        limits=course.limits,
    )
    try:
        with materials.unpacked() as (exercises, _):
            _agree(exercises, materials)
    except (MaterialsError, FileNotFoundError):
        raise
    except Exception as error:  # whatever the teacher's own file raises
        words = " ".join(str(error).split())
        raise MaterialsError(f"{source / 'checks.py'} cannot be used: {type(error).__name__}: {words}") from None
    return materials


def _agree(exercises: list[Exercise], materials: Materials) -> None:
    """Do checks and notebook name the same exercises and points?"""
    if not exercises:
        raise MaterialsError(f"checks.py of {materials.lab} holds no @exercise")
    points: dict[str, float] = {}
    for exercise in exercises:
        points[exercise.name] = points.get(exercise.name, 0) + exercise.points
    asked = {
        cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader.points
        for cell in materials.nodes().cells
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade")
    }
    for name in [*points, *asked]:
        if points.get(name) != asked.get(name):
            raise MaterialsError(
                f"{materials.lab}: exercise {name!r} has {points.get(name, 0):g} points in checks.py and "
                f"{asked.get(name, 0):g} in the released notebook; make them agree and release the lab again"
            )


def solved_in(notebook) -> dict[str, list[str]]:
    """Exercise -> grade_ids of the solution cells since the check before it."""
    found, since = {}, []
    for cell in notebook.cells:
        about = cell.metadata.get("nbgrader", {})
        if about.get("solution") and not about.get("grade"):
            since.append(about["grade_id"])
        elif about.get("grade") and cell.cell_type == "code":
            found[about["grade_id"]], since = since, []
    return found
