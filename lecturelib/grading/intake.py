"""Find the submissions of a lab in a folder or zip file, whatever its layout, and copy them into submitted/.

Layouts: STUDENT/LAB.ipynb; nbgrader's STUDENT/LAB/LAB.ipynb, with or without submitted/ above it; what Canvas and
Moodle let a teacher download, unpacked or not; flat files NAME_ID_LAB.ipynb. Whatever is wrong with one submission
is that submission's problem. The times of files are those of the download, so they count for nothing.
"""

import csv
import hashlib
import io
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lecturelib.grading.containers import Entry, Folder, IntakeError, Unreadable, Zip, is_notebook, opened
from lecturelib.grading.course import Course, Limits
from lecturelib.grading.layouts import Choice, choose, listed, students_in, unwrapped
from lecturelib.grading.lms import printable, unique

TIMES, TIMESTAMP = "submitted.csv", "timestamp.txt"
MOST_ALTOGETHER = 4 * 10**9  # bytes of all submissions: they are held in memory


@dataclass(frozen=True)
class Submission:
    """One student's notebook. `problem` says why it cannot be graded; flags are what the teacher should know."""

    student: str  # safe as a file's name, and nobody else's in this run
    file: str  # how it was found, as one printable line
    data: bytes
    received: datetime | None
    problem: str = ""
    flags: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Of the notebook's bytes."""
        return hashlib.sha256(self.data).hexdigest()


def find(source: Path, lab: str, limits: Limits) -> list[Submission]:
    """All submissions of the lab, sorted by student; `source` is a folder or a zip file.

    IntakeError when there is none, with what was found instead, and when source or its submitted.csv cannot be read.
    """
    source, found, size = Path(source), [], 0
    with opened(source) as box:
        everything = box.entries()
        entries = {entry.parts: entry for entry in everything}
        depth, inside = (0, everything) if source.name == "submitted" else unwrapped(everything, lab)
        choices = [c for student in students_in(inside, depth, lab) if (c := choose(student, lab))]
        if all(c.student.owner.system == "nobody" for c in choices):
            raise IntakeError(f"{source} holds no submission of {lab}{_instead(everything)}")
        times = {}
        for place in {(TIMES,), (*inside[0].parts[:depth], TIMES)} & entries.keys():
            times |= _times(box, entries[place])
        for student, choice in zip(unique([c.student.owner.label for c in choices]), choices, strict=True):
            found.append(_read(box, student, choice, entries, times, lab, int(limits.submission_mb * 1e6)))
            size += len(found[-1].data)
            if size > MOST_ALTOGETHER:
                raise IntakeError(f"{source} holds more than {MOST_ALTOGETHER / 1e9:g} GB of notebooks: split it")
    return sorted(found, key=lambda submission: submission.student)


def _read(
    box: Folder | Zip, student: str, choice: Choice, entries: Mapping, times: Mapping, lab: str, most: int
) -> Submission:
    file, problem, flags, data = choice.file, choice.problem, choice.flags, b""
    if not problem:
        try:
            data = box.read(file.entry, most)
        except Unreadable as error:
            problem = str(error)
    owner = choice.student.owner
    received = times.get(owner.label, times.get(student))
    beside = entries.get((*file.entry.parts[:-1], TIMESTAMP))
    if received is None and beside and not owner.system and file.path[:-1] == (lab,):
        try:  # nbgrader wrote it; in a download from an LMS such a file would be the student's own
            received = parse_time(read_text(box, beside, 1000))
        except ValueError as error:
            flags = [*flags, f"{TIMESTAMP} cannot be read: {error}"]
    path = printable("/".join(file.entry.parts))
    return Submission(student, path, data, received, printable(problem), tuple(printable(flag) for flag in flags))


def _instead(entries: list[Entry]) -> str:
    names = sorted({e.parts[-1] for e in entries if is_notebook(e.parts[-1]) and not e.folder})
    if not names:
        return ": there is no notebook in it"
    return f"; there are {listed(names)} (a notebook belongs into its student's folder, or is named NAME_ID_LAB.ipynb)"


def read_text(box: Folder | Zip, entry: Entry, most: int) -> str:
    """A small text file; Unreadable or UnicodeDecodeError when it is none."""
    if entry.problem or entry.folder:
        raise Unreadable(entry.problem or "it is a folder")
    return box.read(entry, most).decode("utf-8-sig")


def parse_time(text: str) -> datetime:
    """A time as nbgrader writes it (2027-01-31 23:59:00.000000 UTC) or in ISO 8601 with its zone; ValueError else."""
    try:
        moment = datetime.fromisoformat(re.sub(r"\s*(UTC|GMT)$", "+00:00", text.strip()))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{printable(text.strip(), 40)!r} is no time with its zone, as in 2027-01-31T23:59:00Z")


def _times(box: Folder | Zip, table: Entry) -> dict[str, datetime]:
    """What submitted.csv says, by student; IntakeError, naming the line, for what cannot be meant."""
    try:
        rows = csv.DictReader(io.StringIO(read_text(box, table, 10**7), newline=""), strict=True)
        if not {"student", "time"} <= set(rows.fieldnames or ()):
            raise IntakeError(f"{TIMES} needs the columns student and time")
        return {(row["student"] or "").strip(): _row_time(row["time"] or "", rows.line_num) for row in rows}
    except (Unreadable, UnicodeDecodeError, csv.Error) as error:
        raise IntakeError(f"{TIMES} cannot be read as a CSV in UTF-8: {error}") from None


def _row_time(text: str, line: int) -> datetime:
    try:
        return parse_time(text)
    except ValueError as error:
        raise IntakeError(f"{TIMES}, line {line}: {error}") from None


def collect(submissions: Sequence[Submission], course: Course, lab: str) -> None:
    """Copy what can be read to submitted/STUDENT/LAB/LAB.ipynb, with timestamp.txt where the time is known.

    A link is never followed. IntakeError, when all others are done, where one or something else stands in the way.
    """
    failures = []
    for one in submissions:
        if not one.problem:
            try:
                _copy(one, course.root, lab)
            except OSError as error:
                failures.append(f"submitted/{one.student}/{lab} cannot be written ({error.strerror})")
    if failures:
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise IntakeError(f"{failures[0]}{more}: remove what stands there, a link perhaps, and collect again")


def _copy(submission: Submission, root: Path, lab: str) -> None:
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in ("submitted", submission.student, lab):
            with suppress(FileExistsError):
                os.mkdir(part, dir_fd=handle)
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
            os.close(handle)
            handle = inner
        with suppress(FileNotFoundError):
            os.unlink(TIMESTAMP, dir_fd=handle)  # it belongs to the file that stood here
        _write(handle, f"{lab}.ipynb", submission.data)
        if submission.received is not None:
            moment = submission.received.astimezone(UTC)
            _write(handle, TIMESTAMP, f"{moment:%Y-%m-%d %H:%M:%S.%f} UTC\n".encode())
    finally:
        os.close(handle)


def _write(folder: int, name: str, content: bytes) -> None:
    """Whole or not at all; what stood there under this name is replaced, a link too."""
    temporary = f".{name}.{secrets.token_hex(4)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, 0o644, dir_fd=folder), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
