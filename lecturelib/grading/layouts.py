"""Whose is what in a folder of submissions, and which of a student's files counts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from lecturelib.grading.containers import Entry, is_notebook
from lecturelib.grading.lms import Owner, attempt, is_another_lab, owner_of_file, owner_of_folder, printable


@dataclass(frozen=True)
class File:
    """Something that a student handed in: `path` is where it stands in the student's folder, () for the folder."""

    entry: Entry
    path: tuple[str, ...]
    name: str
    late: bool = False


@dataclass
class Student:
    """Somebody's files."""

    owner: Owner
    files: list[File] = field(default_factory=list)


@dataclass
class Choice:
    """The file that counts for a student, or why none does, and what the teacher should know."""

    student: Student
    file: File
    problem: str = ""
    flags: list[str] = field(default_factory=list)


def unwrapped(entries: list[Entry], lab: str) -> tuple[int, list[Entry]]:
    """How many folders stand around those of the students, and what is in the innermost of them."""
    for depth in range(3):
        tops = {e.parts[depth] for e in entries if e.folder or len(e.parts) > depth + 1}
        below = {top: [e for e in entries if e.parts[depth] == top and len(e.parts) > depth + 1] for top in tops}
        if any(len(e.parts) > depth + 2 for e in below.get("submitted", ())):
            return depth + 1, below["submitted"]
        alone = not any(len(e.parts) == depth + 1 and is_notebook(e.parts[depth]) and not e.folder for e in entries)
        if not (alone and len(tops) == 1):
            return depth, entries
        ((name, inside),) = below.items()
        if not _is_wrapper(name, [e.parts[depth + 1 :] for e in inside], lab):
            return depth, entries
        entries = inside
    return 3, entries


def _is_wrapper(name: str, inside: Sequence[tuple[str, ...]], lab: str) -> bool:
    """Whether a folder that stands alone holds students, not one student's files."""
    if owner_of_folder(name).system or any(path[0] == lab for path in inside):
        return False
    direct = [owner_of_file(path[0], lab) for path in inside if len(path) == 1 and is_notebook(path[0])]
    if not direct:
        return any(is_notebook(path[-1]) for path in inside)
    return all(direct) and (len(direct) > 1 or direct[0].system != "")


def students_in(entries: list[Entry], depth: int, lab: str) -> list[Student]:
    """Everybody there, with all files; a notebook that names nobody is one of its own where all others stand so."""
    students: dict[tuple[str, str], Student] = {}
    strangers = []
    for entry in entries:
        top, *path = entry.parts[depth:]
        flat = None if path or entry.folder else owner_of_file(top, lab)
        if flat:
            student = students.setdefault((flat.system, flat.label), Student(flat))
            student.files.append(File(entry, (flat.file,), flat.file, flat.late))
        elif path or entry.folder or (entry.problem and not is_notebook(top)):  # a link in place of a folder, perhaps
            owner = owner_of_folder(top)
            student = students.setdefault((owner.system, owner.label), Student(owner))
            student.files.append(File(entry, tuple(path), entry.parts[-1]))
        elif is_notebook(top) and not is_another_lab(top.rpartition(".")[0].rpartition("_")[2], lab):
            strangers.append(Student(Owner(top.rpartition(".")[0], system="nobody"), [File(entry, (top,), top)]))
    found = list(students.values())
    return found + strangers if any(s.owner.file for s in found) else found


def choose(student: Student, lab: str) -> Choice | None:
    """What counts of a student's files; None for a student who handed in nothing, or other labs alone."""
    if student.owner.system == "nobody":
        words = f"nobody knows whose it is: rename the file to NAME_ID_{lab}.ipynb, or remove it"
        return Choice(student, student.files[0], words)
    notebooks = [f for f in student.files if is_notebook(f.name) and f.path and not f.entry.folder]
    mine = [f for f in notebooks if not _of_another_lab(f, lab)]
    named = [f for f in mine if attempt(f.name, lab, student.owner.system) is not None]
    blocked = [f for f in student.files if f.entry.problem and f.path in ((), (lab,))]
    if named:
        choice = _best(student, named, lab)
        if others := [f.name for f in mine if f not in named]:
            choice.flags.append(f"there are other notebooks beside it: {listed(others)}")
    elif blocked:
        return Choice(student, blocked[0], blocked[0].entry.problem)
    elif len({_without_number(f) if student.owner.system == "canvas" else f.path for f in mine}) == 1:
        file = max(mine, key=lambda f: (len(f.name), f.name))
        choice = Choice(student, file, flags=[f"its name is {file.name}, not {lab}.ipynb"])
    elif mine:
        names = listed([f.name for f in mine])
        return Choice(student, mine[0], f"there are several notebooks and none is named {lab}.ipynb: {names}")
    else:
        return _without_notebook(student, notebooks, lab)
    choice.problem = choice.file.entry.problem
    if zips := _zips(student):
        choice.flags.append(f"a zip file beside it was not opened: {listed(zips)}")
    if choice.file.late:
        choice.flags.append("Canvas says that it was late")
    return choice


def _best(student: Student, named: list[File], lab: str) -> Choice:
    def rank(file: File) -> tuple:
        return not file.entry.problem, attempt(file.name, lab, student.owner.system), -len(file.path)

    best = max(named, key=rank)
    best = [f for f in named if f.path == best.path and rank(f) == rank(best)][-1]  # a zip may hold one path twice
    if len(named) == 1:
        return Choice(student, best)
    return Choice(student, best, flags=[f"{len(named)} files; {_which(named, best)} was taken"])


def _which(named: list[File], best: File) -> str:
    paths = [f.path for f in named]
    return f"the later {best.path[-1]}" if paths.count(best.path) > 1 else "/".join(best.path)


def _without_notebook(student: Student, notebooks: list[File], lab: str) -> Choice | None:
    files = [f for f in student.files if f.path and not f.entry.folder and f.path[:-1] in ((), (lab,))]
    here = files or [f for f in student.files if f.path == (lab,)]
    if notebooks and student.owner.system:
        names = listed([f.name for f in notebooks])
        return Choice(student, notebooks[0], f"there is no notebook of {lab} but another one: {names}")
    if notebooks or not here or student.owner.label.startswith("."):
        return None
    if zips := _zips(student):
        return Choice(student, here[0], f"there is no notebook but a zip file, to be unpacked first: {listed(zips)}")
    return Choice(student, here[0], "there is no notebook")


def _zips(student: Student) -> list[str]:
    return [f.name for f in student.files if f.name.lower().endswith(".zip") and not f.entry.folder]


def _without_number(file: File) -> str:
    return re.sub(r"-[0-9]+(?=\.[^.]*$)", "", file.name)


def _of_another_lab(file: File, lab: str) -> bool:
    stem = file.name.rpartition(".")[0]
    return any(is_another_lab(name, lab) for name in (stem, *file.path[:-1])) or (file.path[-2:-1] == (stem,) != (lab,))


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names that others chose, as printable words."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(printable(name, 60) for name in names[:most]) + more
