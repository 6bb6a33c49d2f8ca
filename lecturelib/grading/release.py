"""From solutions/ to labs/ by nbgrader, and a lab's notebook tried as a whole."""

import hashlib
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbgrader.converters.base import NbGraderException
from nbgrader.converters.generate_assignment import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import compute_checksum, is_locked
from traitlets.config.loader import load_pyconfig_files

from lecturelib.grading.exercises import exercises_of
from lecturelib.grading.visible import visible
from lecturelib.launch import QUIET_THREADS

SCRATCH = {".ipynb_checkpoints", "__pycache__"}  # left behind by looking, not by working


class ReleaseError(ValueError):
    """A lab that cannot be released or found; the message says why, and nothing was changed."""


class ReleaseChecks(NbGraderPreprocessor):
    """nbgrader's last step of a release: the visible checks beside the notebook, the hash into its metadata.

    nbgrader_config.py appends it to `GenerateAssignment.preprocessors`.
    """

    def preprocess(self, notebook, resources):
        """Called by nbgrader with the notebook as the student will get it."""
        source = Path(resources["metadata"]["path"], "checks.py").read_text(encoding="utf-8")
        checks = visible(source)
        resources.setdefault("outputs", {})["checks.py"] = checks.encode()
        lab = resources["nbgrader"]["assignment"]
        notebook.metadata["lecturelib"] = {"lab": lab, "sha256": fingerprint(notebook, checks)}
        return notebook, resources


@dataclass(frozen=True)
class Release:
    """Where a lab was released to, and where the copy that somebody had worked in was moved, if there was one."""

    folder: Path
    kept: Path | None

    def __str__(self) -> str:
        return f"{self.folder}{f' (what stood there was worked in and is now {self.kept})' if self.kept else ''}"


@dataclass(frozen=True)
class Failure:
    """What went wrong in a notebook: the cell's number from 1 (0: none in particular), its first line, the words."""

    cell: int
    source: str
    message: str

    def __str__(self) -> str:
        return f"cell {self.cell}, `{self.source}`: {self.message}" if self.cell else self.message


def fingerprint(notebook, checks: str) -> str:
    """SHA-256 over the kind, source and outputs of every cell, and over the checks beside the notebook."""
    cells = [
        [cell.cell_type, cell.source, cell.get("outputs", []), cell.get("execution_count")] for cell in notebook.cells
    ]
    return hashlib.sha256(json.dumps([cells, checks], sort_keys=True).encode()).hexdigest()


def release(course: str | Path, lab: str, *, force: bool = False) -> Release:
    """Write labs/LAB from solutions/LAB: no solutions, no hidden checks, the same bytes each time.

    ReleaseError when somebody has worked in labs/LAB; with `force` that copy is moved aside instead.
    """
    course = Path(course).resolve()
    source, target = course / "solutions" / lab, course / "labs" / lab
    if not any(source.glob("*.ipynb")):
        there = ", ".join(sorted(p.name for p in (course / "solutions").glob("*/"))) or "none"
        raise ReleaseError(f"there is no lab {lab!r} in {course / 'solutions'}; there are: {there}")
    work = worked_in(target, source) if target.exists() else []
    if work and not force:
        raise ReleaseError(
            f"{target} holds somebody's work ({'; '.join(work)}). Move it away, or use --force, which keeps a copy"
        )
    with tempfile.TemporaryDirectory(prefix=".release-", dir=course) as scratch:
        _generate(course, lab, Path(scratch).name)
        kept = _aside(target) if work else None
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            target.rename(Path(scratch, "before"))  # so that at no time half a lab stands there
        Path(scratch, lab).rename(target)
    return Release(target, kept)


def worked_in(folder: str | Path, source: str | Path) -> list[str]:
    """Why a released lab is no longer as it was released; empty when it is. Running a cell counts as work."""
    folder, source = Path(folder), Path(source)
    checks = folder / "checks.py"
    checks_text = checks.read_text(encoding="utf-8", errors="replace") if checks.is_file() else ""
    reasons = []
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder)
        if file.is_dir() or SCRATCH & set(name.parts):
            continue
        if not (source / name).exists():
            reasons.append(f"{name} was added")
        elif name.suffix == ".ipynb" and name.parent == Path():  # deeper ones are released as they are
            try:
                notebook = nbformat.read(file, as_version=4)
            except Exception as error:  # nbformat raises whatever its json and schema readers raise
                reasons.append(f"{name} cannot be read: {type(error).__name__}")
                continue
            if notebook.metadata.get("lecturelib", {}).get("sha256") != fingerprint(notebook, checks_text):
                reasons.append(f"{name} or its checks.py was changed or run")
        elif file != checks and file.read_bytes() != (source / name).read_bytes():
            reasons.append(f"{name} is not as it is in {source}")
    return reasons


def validate(lab: str | Path, course: str | Path = ".", *, timeout: float = 120) -> list[Failure]:
    """Run a lab's notebook in a fresh kernel and list what fails, cell by cell; empty when all is well.

    lab: a notebook, its folder, or a lab's name, which means labs/NAME. The notebook's file is not changed.
    `timeout` is in seconds, for each cell.
    """
    path = _find(lab, Path(course))
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    try:
        failures = _tampered(notebook, path.parent / "checks.py")
    except ValueError as error:
        return [Failure(0, "", str(error))]
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        allow_errors=True,
        extra_arguments=["--IPKernelApp.log_level=40"],  # errors: the kernel warns of what is meant so
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute(env=os.environ | QUIET_THREADS)
    except CellTimeoutError:
        failures.append(Failure(0, "", f"a cell took longer than {timeout:g} s: an endless loop?"))
    except DeadKernelError:
        failures.append(Failure(0, "", "the kernel died: out of memory?"))
    for number, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                words = output.traceback[0] if len(output.traceback) == 1 else f"{output.ename}: {output.evalue}"
                failures.append(Failure(number, _first_line(cell), words))
    return failures


def _tampered(notebook, checks: Path) -> list[Failure]:
    failures = []
    for number, cell in enumerate(notebook.cells, 1):
        if is_locked(cell) and cell.metadata.nbgrader.get("checksum", "") not in ("", compute_checksum(cell)):
            failures.append(Failure(number, _first_line(cell), "this cell was changed; copy it from the released lab"))
    sources = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    for name in dict.fromkeys(e.name for e in exercises_of(checks)):
        if f'check("{name}")' not in sources:
            failures.append(Failure(0, "", f'the cell check("{name}") is missing; copy it from the released lab'))
    return failures


def _first_line(cell) -> str:
    return cell.source.strip().split("\n")[0]


def _find(lab: str | Path, course: Path) -> Path:
    path = next((p for p in (Path(lab), course / "labs" / str(lab)) if p.exists()), None)
    if path is None:
        there = ", ".join(sorted(p.parent.name for p in (course / "labs").glob("*/*.ipynb"))) or "none"
        raise ReleaseError(f"there is no lab or notebook {str(lab)!r}; labs here: {there}")
    if path.is_dir():
        found = sorted(path.glob("*.ipynb"))
        if len(found) != 1:
            raise ReleaseError(f"{path} holds {len(found)} notebooks; name the one that is meant")
        path = found[0]
    return path


def _generate(course: Path, lab: str, step: str) -> None:
    config = load_pyconfig_files(["nbgrader_config.py"], str(course))
    config.CourseDirectory.root = str(course)
    config.CourseDirectory.release_directory = step
    config.CourseDirectory.assignment_id = lab
    try:
        GenerateAssignment(coursedir=CourseDirectory(config=config), config=config).start()
    except (NbGraderException, SystemExit) as error:
        raise ReleaseError(f"nbgrader could not generate {lab}: {error}") from None
    if not (course / step / lab / "checks.py").is_file():
        raise ReleaseError(f"{course / 'nbgrader_config.py'} does not append ReleaseChecks to the preprocessors")


def _aside(folder: Path) -> Path:
    number = 1
    while (kept := folder.with_name(f"{folder.name}.kept-{number}")).exists():
        number += 1
    return folder.rename(kept)


def find_programs() -> None:
    """Let nbgrader find `alembic`, which it calls by name, where the environment is not activated."""
    programs = str(Path(sys.executable).parent)
    paths = os.environ.get("PATH", "").split(os.pathsep)
    if programs not in paths:
        os.environ["PATH"] = os.pathsep.join([programs, *paths])
