"""Which of a student's cells is which of the lab's, which one counts where there are several, and what was tampered."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from nbformat import NotebookNode

from lecturelib.grading.reading import Cell, names_in

TOP = re.compile(r"^(?=(?:async[ \t]+)?(?:def|class)[ \t])", re.MULTILINE)  # where a definition begins
METADATA = ("grade_id", "grade", "solution", "locked")


@dataclass(frozen=True, eq=False)
class Part:
    """A cell of the released lab. role: "given" (locked), "check", "solution" (open questions too) or "plain"."""

    cell: NotebookNode
    name: str
    role: str

    @property
    def about(self) -> dict:
        """nbgrader's metadata, {} where there is none."""
        return self.cell.metadata.get("nbgrader", {})

    @property
    def is_open(self) -> bool:
        """Whether a person grades it."""
        return self.role == "solution" and bool(self.about.grade)

    @cached_property
    def asked(self) -> set[str]:
        """The names of what the student is to write: of all that stands there, where nothing is left open."""
        blocks = TOP.split(self.cell.source)
        return set().union(*(names_in(b) for b in blocks if "NotImplementedError" in b)) or names_in(self.cell.source)

    def left_in(self, cell: Cell) -> bool:
        """Whether the student's cell says no more than the lab's."""
        if cell.kind == "code":
            return not has_code(cell.source) or same_code(cell.source, self.cell.source)
        return not cell.source.strip() or cell.source.strip() == self.cell.source.strip()


@dataclass
class Match:
    """The student's cells that are one of the lab's: all, the one that counts, and those that are the student's own."""

    part: Part
    cells: list[Cell] = field(default_factory=list)
    counts: Cell | None = None
    own: list[Cell] = field(default_factory=list)

    @property
    def written(self) -> bool:
        """Whether the student wrote something into the cell that counts."""
        return self.counts is not None and not self.part.left_in(self.counts)


def part(cell: NotebookNode) -> Part:
    """What a cell of the released lab is for."""
    about = cell.metadata.get("nbgrader", {})
    name = about.get("grade_id") or cell.get("id", "")
    if about.get("solution"):
        return Part(cell, name, "solution")
    if about.get("grade") and cell.cell_type == "code":
        return Part(cell, f"check-{name}", "check")
    return Part(cell, name, "given" if about.get("locked") or about.get("task") else "plain")


def match(cells: Sequence[Cell], parts: Sequence[Part]) -> list[Match]:
    """Each part with its cells of the same kind, found by the released text, else grade_id, else the cell's id."""
    found = [Match(one) for one in parts]
    by_text = _unique((m.part.cell.source.strip(), m) for m in found)
    by_name = {m.part.about.grade_id: m for m in found if m.part.about}
    by_id = {m.part.cell.id: m for m in found if "id" in m.part.cell}
    for cell in cells:
        for table, key in ((by_text, cell.source.strip()), (by_name, cell.grade_id), (by_id, cell.id)):
            if key in table and table[key].part.cell.cell_type == cell.kind:
                table[key].cells.append(cell)
                break
    for one in found:
        _choose(one)
    return found


def _unique(pairs: Iterable[tuple[str, Match]]) -> dict[str, Match]:
    """Without the empty text, and without texts that stand in several cells."""
    found: dict[str, list[Match]] = {}
    for text, one in pairs:
        found.setdefault(text, []).append(one)
    return {text: several[0] for text, several in found.items() if text and len(several) == 1}


def _choose(one: Match) -> None:
    """Of several copies that were written in, the last counts, as when all are run from top to bottom; but one that
    defines none of the functions that are asked for is a cell of the student's own."""
    written = [cell for cell in one.cells if not one.part.left_in(cell)]
    as_released = [cell for cell in one.cells if cell not in written]
    if one.part.role in ("given", "check"):
        one.counts = next(iter(as_released or one.cells), None)
        one.own = written if as_released else []
    elif one.part.role == "plain" and one.part.cell.cell_type == "markdown":
        one.counts, one.own = next(iter(one.cells), None), written
    elif written:
        one.counts = next((c for c in reversed(written) if c.defines & one.part.asked), written[-1])
        one.own = [cell for cell in written if cell is not one.counts]
    else:
        one.counts = next(reversed(one.cells), None)


def has_code(source: str) -> bool:
    """Whether there is more than comments and blanks."""
    return bool(_code(source))


def same_code(one: str, other: str) -> bool:
    """Whether two sources differ in comments and blank lines alone."""
    return _code(one) == _code(other)


def _code(source: str) -> list[str]:
    lines = (line.rstrip() for line in source.split("\n"))
    return [line for line in lines if line and not line.lstrip().startswith("#")]


def tampered(matches: Sequence[Match], cells: Sequence[Cell]) -> list[str]:
    """What was done to the lab's cells, for the teacher: one line for each kind of thing."""
    mine = [m for m in matches if m.part.about]
    flags = [
        *_told(mine, lambda m: not m.cells, "the cell {} was deleted", "{} cells were deleted: {}"),
        *_told(
            mine,
            lambda m: m.part.role in ("given", "check") and m.cells and not m.part.left_in(m.counts),
            "the cell {} was changed; the instructor's was used",
            "{} cells were changed, and the instructor's used: {}",
        ),
        *_told(mine, _copied, "the cell {} is there twice", "{} cells are there twice or more: {}"),
        *_told(
            mine,
            lambda m: m.part.role == "solution" and m.own,
            "of the cell {} several copies were written in; the last one counts",
            "{} cells were written in several copies, of which the last one counts: {}",
        ),
        *_told(mine, _points_edited, "the points of {} were edited", "the points of {} cells were edited: {}"),
        *_told(mine, _edited, "the metadata of {} were edited", "the metadata of {} cells were edited: {}"),
    ]
    place = {id(m.counts): i for i, m in enumerate(matches) if m.counts is not None}
    order = [place[id(cell)] for cell in cells if id(cell) in place]
    return [*flags, "the lab's cells are in another order"] if order != sorted(order) else flags


def _copied(one: Match) -> bool:
    return sum(cell.grade_id == one.part.about.grade_id for cell in one.cells) > 1


def _points_edited(one: Match) -> bool:
    return any(cell.about and cell.about.get("points") != one.part.about.get("points") for cell in one.cells)


def _edited(one: Match) -> bool:
    return any(cell.about.get(key) != one.part.about.get(key) for cell in one.cells for key in METADATA)


def _told(matches: Sequence[Match], condition: Callable[[Match], bool], one: str, many: str) -> list[str]:
    names = [m.part.name for m in matches if condition(m)]
    if len(names) <= 1:
        return [one.format(name) for name in names]
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return [many.format(len(names), ", ".join(names[:6]) + more)]
