"""Marks filled into what Canvas and Moodle export of their gradebooks, for the students found there.

Nobody is guessed: whoever does not fit without doubt is left out, and named in the warnings.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lecturelib.grading.marks import ExportError, Mark

POINTS_POSSIBLE = "Points Possible"  # the row of Canvas that says what the assignments are worth
# Feedback and all else is left out: Moodle would set it back to what it was when the worksheet was taken.
MOODLE = ("Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade", "Grade can be changed",
          "Last modified (submission)", "Last modified (grade)")  # fmt: skip


@dataclass(frozen=True)
class Person:
    """A row of a roster: names that are this person's alone, the number given by Canvas or Moodle, the full name."""

    row: int
    names: Sequence[str]
    number: str
    called: str


@dataclass(frozen=True)
class Roster:
    """A table with its header, every row as long as that, and how the file was written."""

    rows: list[list[str]]
    delimiter: str
    bom: bool


def read_roster(path: str | Path) -> Roster:
    """Read a CSV in UTF-8, separated by commas, semicolons or tabs; ExportError when it is none."""
    try:
        text = Path(path).read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ExportError(f"{path} cannot be read as a CSV in UTF-8: {error}; export it again") from None
    bom, text = text.startswith("\ufeff"), text.removeprefix("\ufeff")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    except csv.Error as error:
        raise ExportError(f"{path} cannot be read as a CSV: {error}; export it again") from None
    if len(rows) < 2:
        raise ExportError(f"{path} lists nobody; export it again")
    width = len(rows[0])
    if long := next((number for number, row in enumerate(rows, 1) if len(row) > width), None):
        raise ExportError(f"{path}, row {long}: it has more cells than the header; export it again")
    return Roster([row + [""] * (width - len(row)) for row in rows], delimiter, bom)


def fill_canvas(rows: list[Mark], table: list[list[str]], warnings: list[str]) -> list[list]:
    """The columns up to the section and those of the labs: other assignments may have changed since the export."""
    header = table[0]
    if not {"ID", "Section"} <= set(header):
        raise ExportError("the roster is not what Canvas exports: it needs the columns ID and Section")
    end = header.index("Section") + 1
    people = []
    for number, row in enumerate(table):
        about = dict(zip(header[:end], row, strict=False))
        if number and row[0].strip() != POINTS_POSSIBLE:
            names = [about.get(key, "") for key in ("ID", "SIS User ID", "SIS Login ID")]
            called = " ".join(filter(None, (about.get(key) for key in ("Student", "FirstName", "LastName"))))
            people.append(Person(number, names, about["ID"].strip(), called))
    found = find(rows, people, warnings)
    filled: list[list] = [row[:end] for row in table]
    for lab, mark in {mark.lab: mark for mark in rows}.items():
        column = _column(header[end:], mark, warnings)
        for number, (row, new) in enumerate(zip(table, filled, strict=True)):
            there, mine = "" if column is None else row[end + column].strip(), found.get((number, lab))
            if number == 0:
                new.append(there or mark.title)
            elif row[0].strip() == POINTS_POSSIBLE:
                _check_maximum(there, mark, "Canvas")
                new.append(there or mark.maximum)
            elif mine and there.upper() == "EX":
                warnings.append(f"{mine.student}, {lab}: excused in Canvas, and left so")
                new.append(there)
            else:
                new.append(mine.total if mine else there)
    return [row for row in filled if any(cell not in ("", None) for cell in row)]


def fill_moodle(rows: list[Mark], table: list[list[str]], warnings: list[str]) -> list[list]:
    """The worksheet's own columns; Moodle takes a grade only with the time when the last one was given."""
    header = table[0]
    if missing := [name for name in ("Identifier", "Grade", "Last modified (grade)") if name not in header]:
        raise ExportError(
            f"the roster is not Moodle's grading worksheet: it has no column {missing[0]!r}. "
            "Set Moodle's language to English before you download it"
        )
    entries: list[dict] = [dict(zip(header, row, strict=True)) for row in table[1:]]
    people = []
    for number, entry in enumerate(entries):
        names = [entry.get(key, "") for key in ("Email address", "ID number", "Username")]
        people.append(Person(number, names, entry["Identifier"].split(" ")[-1], entry.get("Full name", "")))
    for (number, _), mark in find(rows, people, warnings).items():
        _check_maximum(entries[number].get("Maximum Grade", ""), mark, "Moodle")
        if entries[number].get("Grade can be changed") == "No":
            warnings.append(f"{mark.student}, {mark.lab}: Moodle does not let this grade be changed, and it was left")
        else:
            entries[number]["Grade"] = mark.total
    kept = [name for name in header if name in MOODLE]
    return [kept, *([entry[name] for name in kept] for entry in entries)]


def find(rows: list[Mark], people: list[Person], warnings: list[str]) -> dict[tuple[int, str], Mark]:
    """(row of the roster, lab) -> mark. A number counts only where the name beside it fits too."""
    by_name: dict[str, list[Person]] = {}
    by_number: dict[str, list[Person]] = {}
    for person in people:
        for name in {_same(name) for name in person.names} - {""}:
            by_name.setdefault(name, []).append(person)
        by_number.setdefault(person.number, []).append(person)
    found: dict[tuple[int, str], list[Mark]] = {}
    for mark in rows:
        name, number = name_and_number(mark.student)
        fits = by_name.get(_same(mark.student)) or (by_number.get(number, []) if number else [])
        if len(fits) != 1:
            warnings.append(f"{mark.student}, {mark.lab}: {'several times' if fits else 'not'} in the roster, left out")
        elif fits[0].number == number and not _alike(name, fits[0].called):
            warnings.append(f"{mark.student}, {mark.lab}: {number} is {fits[0].called} in the roster, left out")
        else:
            found.setdefault((fits[0].row, mark.lab), []).append(mark)
    for (_, lab), several in found.items():
        if len(several) > 1:
            names = " and ".join(mark.student for mark in several)
            warnings.append(f"{names}, {lab}: the same person in the roster, both left out")
    return {place: several[0] for place, several in found.items() if len(several) == 1}


def name_and_number(student: str) -> tuple[str, str]:
    """("doejane", "123") of doejane-123, as downloads from Canvas and Moodle are named; else the name and ""."""
    match = re.fullmatch(r"(.+)-(\d+)", student)
    return match.groups() if match else (student, "")


def _column(assignments: list[str], mark: Mark, warnings: list[str]) -> int | None:
    """Which of Canvas' assignments, "TITLE (NUMBER)", the lab is; None where there is none yet."""
    wanted = {_letters(name) for name in (mark.lab, mark.title, mark.lab + mark.title)}
    found = [i for i, name in enumerate(assignments) if _letters(re.sub(r"\s*\(\d+\)\s*$", "", name)) in wanted]
    if len(found) > 1:
        there = ", ".join(assignments[i] for i in found)
        raise ExportError(f"{mark.lab} may be any of these assignments: {there}. Set its title in course.toml to one")
    if not found:
        warnings.append(
            f"{mark.lab}: Canvas has no assignment {mark.title!r} and will make one. If it should be another, set the "
            "lab's title in course.toml to that one's name"
        )
    return found[0] if found else None


def _check_maximum(there: str, mark: Mark, where: str) -> None:
    if not there:
        return
    if not re.fullmatch(r"\d+([.,]\d+)?", there) or abs(float(there.replace(",", ".")) - mark.maximum) > 0.005:
        raise ExportError(
            f"{where} counts {mark.lab} out of {there}, and it is out of {mark.maximum:g}: set the assignment's "
            f"maximum in {where} to {mark.maximum:g}, and export the roster again"
        )


def _same(name: str) -> str:
    """Equal for what is one login."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _letters(name: str) -> str:
    """Letters and digits alone, without accents and leading zeros: lab2 of "Lab 02"."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name).casefold() if c.isalnum())
    return re.sub(r"(?<!\d)0+(?=\d)", "", plain)


def _alike(name: str, called: str) -> bool:
    """Whether a word of the full name is in the other one; where there are no names nothing speaks against it."""
    words = [_letters(word) for word in re.findall(r"\w+", called)]
    words = [word for word in words if len(word) > 1 or not word.isascii()]
    return not words or any(word in _letters(name) for word in words)
