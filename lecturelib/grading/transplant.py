"""The instructor's own notebook with the student's sources in it: what is run, judged and shown to a person.

Nothing else of a submission counts, so that deleted, relabelled, copied or rewritten cells of the lab change nothing.
"""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from lecturelib.grading.harmless import Pictures, code
from lecturelib.grading.lms import printable
from lecturelib.grading.matching import Match, Part, has_code, match, part, tampered
from lecturelib.grading.reading import Cell, Submitted, TransplantError, read_notebook

__all__ = ["LabError", "LabSource", "Step", "Transplant", "TransplantError", "lab_source", "transplant"]


class LabError(ValueError):
    """A lab that is not there or not released; the message says what to do."""


@dataclass(frozen=True)
class Step:
    """A cell to run. kind: "given" (the instructor's, locked), "solution", "extra" (one of the student's own) or
    "changed" (the instructor's, not locked, as the student left it)."""

    id: str
    source: str
    kind: str


@dataclass(frozen=True)
class LabSource:
    """A released lab: its name and its notebook, of nbformat 4."""

    name: str
    notebook: NotebookNode

    @property
    def release(self) -> str:
        """The hash that the release wrote into the notebook."""
        return self.notebook.metadata.get("lecturelib", {}).get("sha256", "")

    @cached_property
    def parts(self) -> list[Part]:
        """Its cells and what each is for."""
        return [part(cell) for cell in self.notebook.cells]

    @property
    def open_questions(self) -> dict[str, float]:
        """The cells that a person grades -> their points."""
        return {one.about.grade_id: float(one.about.points) for one in self.parts if one.is_open}


def lab_source(course_root: str | Path, lab: str) -> LabSource:
    """Read labs/LAB/LAB.ipynb; LabError when there is no such lab, or it is not released."""
    root = Path(course_root)
    path = root / "labs" / lab / f"{lab}.ipynb"
    try:
        return LabSource(lab, nbformat.reads(path.read_text(encoding="utf-8"), as_version=4))
    except FileNotFoundError:
        if (root / "solutions" / lab / f"{lab}.ipynb").is_file():
            raise LabError(f"{lab} is not released yet: run `lecturelib release {lab}`") from None
        there = ", ".join(sorted(p.parent.name for p in (root / "labs").glob("*/*.ipynb"))) or "none"
        raise LabError(f"there is no lab {lab!r} in {root / 'labs'}; there are: {there}") from None
    except (ValueError, AttributeError) as error:
        raise LabError(f"{path} cannot be read ({type(error).__name__}): run `lecturelib release {lab}`") from None


@dataclass
class Transplant:
    """What came of a submission.

    steps: what to run, in order. notebook: the lab with the student's sources and pictures, for a person to look at;
    it is safe to show. sources: grade_id -> what the student wrote for it. answered: open question -> whether there
    is an answer. release: which release of the lab the submission says it was made from.
    """

    steps: list[Step]
    notebook: NotebookNode
    sources: dict[str, str]
    answered: dict[str, bool]
    flags: list[str] = field(default_factory=list)
    release: str = ""


def transplant(data: bytes, lab: LabSource) -> Transplant:
    """Put a submission's sources into the lab; TransplantError, in one line, when it cannot be graded."""
    submitted = read_notebook(data)
    matches = match(submitted.cells, lab.parts)
    flags = _identity(submitted, matches, lab) + tampered(matches, submitted.cells)
    if submitted.left_out:
        flags.append(f"cells that are none, and were left out: {submitted.left_out}")
    own = _own_cells(submitted.cells, matches)
    names = _numbered((cell for cells in own for cell in cells), lab)
    notebook = copy.deepcopy(lab.notebook)
    notebook.cells = []
    steps, sources, answered, pictures = [], {}, {}, Pictures()
    authored = [c for cells in own for c in cells if c.kind == "code"]
    authored += [m.counts for m in matches if m.part.role in ("plain", "solution") and m.written]
    for i, one in enumerate([None, *matches]):
        if one is not None:
            if one.part.role == "given" and one.part.cell.cell_type == "code" and one.written:
                # what somebody added to it, such as an import, is there; what it defines is the instructor's
                steps.append(Step(f"changed-{one.part.name}", one.counts.source, "changed"))
            if step := _step(one):
                steps.insert(_place(one, steps, authored), step)
            if one.part.role == "solution":
                near = own[i] if one.cells else own[i - 1]
                name = one.part.about.grade_id
                sources[name], elsewhere = _source(one, authored, near)
                if elsewhere:
                    flags.append(f"what belongs into the cell {name} stands in another one")
                if one.part.is_open:
                    answered[name] = one.written or elsewhere
            notebook.cells.append(_shown(one, pictures))
        for cell in own[i]:
            if cell.kind == "code" and has_code(cell.source):
                steps.append(Step(names[cell], cell.source, "extra"))
            notebook.cells.append(_shown_own(cell, names[cell], pictures))
    return Transplant(steps, notebook, sources, answered, flags, submitted.release)


def _identity(submitted: Submitted, matches: Sequence[Match], lab: LabSource) -> list[str]:
    """Flags on what the notebook says it is; TransplantError when it is not this lab."""
    if submitted.lab and submitted.lab != lab.name:
        raise TransplantError(f"this is not {lab.name}: the notebook says that it is {printable(submitted.lab, 40)!r}")
    if not submitted.lab and not any(one.cells for one in matches if one.part.role == "solution"):
        raise TransplantError(f"this is not {lab.name}: no cell of it is there to be filled in")
    if not submitted.lab:
        return ["the notebook does not say which lab it is"]
    return [] if submitted.release == lab.release else ["made from another release of the lab"]


def _own_cells(cells: Sequence[Cell], matches: Sequence[Match]) -> list[list[Cell]]:
    """The student's own cells behind each of the lab's; the first list holds those before all of them."""
    known = {cell for one in matches for cell in one.cells} - {cell for one in matches for cell in one.own}
    place = {one.counts: i for i, one in enumerate(matches, 1) if one.counts is not None}
    found: list[list[Cell]] = [[] for _ in range(len(matches) + 1)]
    at = 0
    for cell in cells:
        at = place.get(cell, at)
        if cell not in known and cell.source.strip():
            found[at].append(cell)
    return found


def _numbered(cells: Iterable[Cell], lab: LabSource) -> dict[Cell, str]:
    taken = {cell.get("id") for cell in lab.notebook.cells} | {one.name for one in lab.parts}
    free = (name for number in count(1) if (name := f"extra-{number}") not in taken)
    return dict(zip(cells, free, strict=False))


def _step(one: Match) -> Step | None:
    """How a cell of the lab is run, if it is."""
    if one.part.cell.cell_type != "code" or one.part.role == "check":
        return None
    if one.part.role == "given":
        return Step(one.part.name, one.part.cell.source, "given")
    if one.written:
        return Step(one.part.name, one.counts.source, "changed" if one.part.role == "plain" else "solution")
    return None if one.part.role == "plain" else Step(one.part.name, one.part.cell.source, "solution")


def _place(one: Match, steps: Sequence[Step], authored: Sequence[Cell]) -> int:
    """Where its step comes among those before it: last, but a stub never hides what the student defined elsewhere."""
    if one.part.role != "solution" or one.written:
        return len(steps)
    sources = {cell.source for cell in _others(one, authored)}
    return next((i for i, step in enumerate(steps) if step.kind != "given" and step.source in sources), len(steps))


def _others(one: Match, authored: Sequence[Cell]) -> list[Cell]:
    """The student's other cells that define what this one should and does not."""
    missing = one.part.asked - (one.counts.defines if one.written else set())
    return [cell for cell in authored if cell is not one.counts and missing & cell.defines]


def _source(one: Match, authored: Sequence[Cell], near: Sequence[Cell]) -> tuple[str, bool]:
    """What the student wrote for a solution cell, and whether it stands in other cells alone."""
    if one.part.cell.cell_type == "code":
        others = _others(one, authored)
    else:  # an answer below the cell that was meant for it
        others = [] if one.written else [cell for cell in near if cell.kind == "markdown"]
    texts = [cell.source for cell in others]
    if one.written or not others:
        texts.append(one.part.cell.source if one.counts is None else one.counts.source)
    return "\n\n\n".join(texts), not one.written and bool(others)


def _shown(one: Match, pictures: Pictures) -> NotebookNode:
    """A cell of the lab as a person will see it."""
    cell = copy.deepcopy(one.part.cell)
    if one.counts is None or one.part.role not in ("solution", "plain"):
        return cell
    if cell.cell_type == "code":
        cell.source, cell.outputs = code(one.counts.source), pictures.outputs(one.counts)
    elif one.part.role == "solution":
        _set_text(cell, one.counts, pictures)
    return cell


def _shown_own(own: Cell, name: str, pictures: Pictures) -> NotebookNode:
    if own.kind == "code":
        return new_code_cell(code(own.source), id=name, outputs=pictures.outputs(own))
    cell = new_markdown_cell(id=name)
    _set_text(cell, own, pictures)
    return cell


def _set_text(cell: NotebookNode, own: Cell, pictures: Pictures) -> None:
    cell.source, attachments = pictures.text_cell(own)
    cell.pop("attachments", None)
    if attachments:
        cell.attachments = attachments
