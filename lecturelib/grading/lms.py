"""What learning management systems make of file names, and what students are called here."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

LONGEST_NAME, MOST_BYTES = 80, 160  # of a student's name: it becomes part of the names of files
SIGNS = "._-@+"
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # by Windows

CANVAS = re.compile(r"(?P<name>.+?)(?P<late>_LATE)?_(?P<id>[0-9]+)_[0-9]+_(?P<file>.+)", re.DOTALL)
MOODLE = re.compile(r"(?P<name>.+)_(?P<id>[0-9]+)_assignsubmission_[a-z]+_(?P<file>.+)", re.DOTALL)
MOODLE_FOLDER = re.compile(r"(?P<name>.+)_(?P<id>[0-9]+)_assignsubmission_[a-z]+_?", re.DOTALL)


@dataclass(frozen=True)
class Owner:
    """Whose a file or folder is: a label, not yet safe; the file's own name; "canvas", "moodle" or "" for neither."""

    label: str
    file: str = ""
    system: str = ""
    late: bool = False


def owner_of_file(name: str, lab: str) -> Owner | None:
    """Read the name of a file that lies beside those of other students; None when it names nobody."""
    if match := MOODLE.fullmatch(name):
        return Owner(f"{match['name']}-{match['id']}", match["file"], "moodle")
    if match := CANVAS.fullmatch(name):
        return Owner(f"{match['name']}-{match['id']}", match["file"], "canvas", bool(match["late"]))
    if match := re.fullmatch(rf"(.+?)_({re.escape(lab)}(?![A-Za-z0-9]).*\.ipynb)", name, re.IGNORECASE | re.DOTALL):
        person, _, number = match[1].rpartition("_")
        return Owner(f"{person}-{number}" if person else number, match[2])
    if match := re.fullmatch(r"(.+?)_([0-9]+)_(.+\.ipynb)", name, re.IGNORECASE | re.DOTALL):
        return Owner(f"{match[1]}-{match[2]}", match[3])
    return None


def owner_of_folder(name: str) -> Owner:
    """Read the name of a student's folder."""
    if match := MOODLE_FOLDER.fullmatch(name):
        return Owner(f"{match['name']}-{match['id']}", system="moodle")
    return Owner(name)


def attempt(file: str, lab: str, system: str) -> int | None:
    """0 for the lab's own name, n for Canvas' nth resubmission of it (lab02-n.ipynb), None for another name."""
    stem, dot, suffix = file.rpartition(".")
    if not dot or suffix.lower() != "ipynb":
        return None
    if stem.casefold() == lab.casefold():
        return 0
    start, _, number = stem.rpartition("-")
    if system == "canvas" and start.casefold() == lab.casefold() and re.fullmatch("[0-9]{1,9}", number):
        return int(number)
    return None


def is_another_lab(name: str, lab: str) -> bool:
    """Whether a name differs from the lab's in its numbers alone: lab01, where lab02 is asked for."""
    pattern = re.sub(r"\d+", r"\\d+", re.escape(lab))
    return name.casefold() != lab.casefold() and bool(re.fullmatch(pattern, name, re.IGNORECASE))


def safe(name: str) -> str:
    """A name of letters, digits and . _ - @ + that can be a folder's everywhere, at most 80 characters."""
    letters = (c if c in SIGNS or unicodedata.category(c) in ("Nd", *_LETTERS) else " " for c in _composed(name))
    kept = "_".join("".join(letters).split()).strip(SIGNS)
    if RESERVED.fullmatch(kept):
        kept = f"student-{kept}"
    return _cut(kept, LONGEST_NAME) or "student"


def unique(labels: Sequence[str]) -> list[str]:
    """A safe name for each label. Of those that come out alike, in whatever case, one that is safe as it is keeps its
    name, and the others get -2, -3, ... in the order of the alphabet."""
    names, taken = [""] * len(labels), set()
    order = sorted(range(len(labels)), key=lambda i: (safe(labels[i]) != labels[i], labels[i], i))
    for again in (False, True):
        for i in order:
            name, number = safe(labels[i]), 1
            while again and _alike(name) in taken:
                number += 1
                name = f"{_cut(safe(labels[i]), LONGEST_NAME - len(f'-{number}'))}-{number}"
            if not names[i] and _alike(name) not in taken:
                names[i] = name
                taken.add(_alike(name))
    return names


def printable(text: str, most: int = 300) -> str:
    """Somebody else's text on one line, what cannot be printed written as \\n or \\udcff, its middle cut out."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    if len(line) <= most:
        return line
    return f"{line[: most // 2 - 2]} … {line[len(line) - most // 2 + 2 :]}"[:most]


_LETTERS = ("Lu", "Ll", "Lt", "Lm", "Lo")


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _alike(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _cut(name: str, most: int) -> str:
    name = name[:most]
    while len(name.encode()) > MOST_BYTES:
        name = name[:-1]
    return name.rstrip(SIGNS)
