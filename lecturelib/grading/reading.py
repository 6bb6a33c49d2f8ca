"""A submitted notebook, read with belief in nothing: cells of checked types, or one line that says what is wrong."""

import json
import re
from dataclasses import dataclass
from functools import cached_property

from lecturelib.grading.lms import printable

MOST_CELLS, LONGEST_SOURCE, LONGEST_NOTEBOOK = 2_000, 10**6, 5 * 10**6  # cells, and characters of source
KINDS = {"code": "code", "markdown": "markdown", "raw": "markdown"}  # some answer in a raw cell

DEFINITIONS = re.compile(r"^(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)", re.MULTILINE)
ASSIGNMENTS = re.compile(r"^(\w+(?:[ \t]*,[ \t]*\w+)*)[ \t]*(?::[^=\n]*)?=(?!=)", re.MULTILINE)


class TransplantError(ValueError):
    """A submission that cannot be graded; the message says why, in one line."""


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell of the student's. kind: "code" or "markdown"; about: nbgrader's metadata, of whatever it holds."""

    kind: str
    source: str
    id: str
    grade_id: str
    about: dict
    outputs: list
    attachments: dict

    @cached_property
    def defines(self) -> set[str]:
        """As `names_in` its source."""
        return names_in(self.source)


@dataclass(frozen=True)
class Submitted:
    """What was read: the cells, how many were left out, which lab and release the notebook says it is."""

    cells: list[Cell]
    left_out: int
    lab: str
    release: str


def read_notebook(data: bytes) -> Submitted:
    """Read a notebook of format 4; TransplantError when it is none, or larger than a notebook may be."""
    values = _json(data)
    if not isinstance(values, dict) or "nbformat" not in values:
        raise TransplantError("it is no notebook: its JSON is something else")
    version = values["nbformat"]
    if type(version) is not int or version != 4:
        said = f"format {printable(str(version), 10)}" if type(version) in (int, float) else "an unknown format"
        raise TransplantError(f"it is a notebook of {said}: save it from JupyterLab, as format 4")
    found = values.get("cells")
    if not isinstance(found, list) or not found:
        raise TransplantError("it is a notebook without cells")
    if len(found) > MOST_CELLS:
        raise TransplantError(f"it has {len(found):,} cells, and at most {MOST_CELLS:,} are read")
    cells = [cell for cell in map(_cell, found) if cell is not None]
    if sum(len(cell.source) for cell in cells) > LONGEST_NOTEBOOK:
        raise TransplantError(f"its cells hold more than {LONGEST_NOTEBOOK / 1e6:g} million characters")
    about = _dict(_dict(values.get("metadata")).get("lecturelib"))
    return Submitted(cells, len(found) - len(cells), _text(about.get("lab")), _text(about.get("sha256")))


def _json(data: bytes):
    if not data.strip():
        raise TransplantError("it is empty")
    try:
        return json.loads(data.decode("utf-8-sig"), parse_int=_integer)
    except UnicodeDecodeError:
        raise TransplantError("it is no notebook: it is not written in UTF-8") from None
    except json.JSONDecodeError as error:
        raise TransplantError(f"it is no notebook: it is no valid JSON ({error.msg}, line {error.lineno})") from None
    except RecursionError:
        raise TransplantError("it is no notebook: it is nested too deeply") from None


def _integer(digits: str) -> int | float:
    """Python takes long to read a number of many digits, and refuses one of too many."""
    return int(digits) if len(digits) < 20 else float("inf")


def _cell(found) -> Cell | None:
    """None for what has another type than a cell has."""
    if not isinstance(found, dict):
        return None
    kind, source = found.get("cell_type"), found.get("source")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(kind, str) or kind not in KINDS or not isinstance(source, str):
        return None
    if len(source) > LONGEST_SOURCE:
        raise TransplantError(f"a cell holds more than {LONGEST_SOURCE / 1e6:g} million characters")
    about = _dict(_dict(found.get("metadata")).get("nbgrader"))
    outputs = found.get("outputs")
    return Cell(
        KINDS[kind],
        mended(source),
        _text(found.get("id")),
        _text(about.get("grade_id")),
        about,
        outputs if isinstance(outputs, list) else [],
        _dict(found.get("attachments")),
    )


def names_in(source: str) -> set[str]:
    """What a cell defines at its top level: read from its lines, since hostile code should not even be parsed."""
    assigned = (name.strip() for match in ASSIGNMENTS.finditer(source) for name in match[1].split(","))
    return {*DEFINITIONS.findall(source), *assigned}


def mended(text: str) -> str:
    """One kind of line break, and no character that cannot be written to a file."""
    return re.sub("[\0\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", re.sub(r"\r\n?", "\n", text))


def _dict(value) -> dict:
    return value if isinstance(value, dict) else {}


def _text(value) -> str:
    return value if isinstance(value, str) else ""
