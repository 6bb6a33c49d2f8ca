"""A folder or a zip file that others filled, listed and read without following or believing what is in it."""

import lzma
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MOST_ENTRIES = 20_000  # in a zip file
DEEPEST = 7  # folders within folders that are looked into
IGNORED = {"__MACOSX", ".DS_Store", ".ipynb_checkpoints"}
NO_LINK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
KINDS = {
    stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device", stat.S_IFDIR: "a folder",
}  # fmt: skip
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, EOFError, OSError,
              ValueError, OverflowError, struct.error)  # fmt: skip


class IntakeError(ValueError):
    """Submissions that cannot be taken in at all; the message says what is wrong and what to do."""


class Unreadable(ValueError):
    """One file that cannot be read; the message says why, in a few words."""


@dataclass(frozen=True)
class Entry:
    """A file or folder inside, by the parts of its path; `problem` says why it cannot be read."""

    parts: tuple[str, ...]
    folder: bool = False
    problem: str = ""
    info: zipfile.ZipInfo | None = None


class Folder:
    """A folder on the disk."""

    def __init__(self, root: Path):
        self.root = root

    def entries(self) -> list[Entry]:
        """All that is in it, sorted by path."""
        try:
            return list(self._walk(()))
        except OSError as error:
            raise IntakeError(f"{self.root} cannot be read: {error.strerror}") from None

    def _walk(self, above: tuple[str, ...]) -> Iterator[Entry]:
        with os.scandir(self.root.joinpath(*above)) as found:
            names = sorted(one.name for one in found)
        for name in names:
            parts = (*above, name)
            if _ignored(parts):
                continue
            try:
                kind = stat.S_IFMT(os.lstat(self.root.joinpath(*parts)).st_mode)
            except OSError as error:
                yield Entry(parts, problem=f"it cannot be read ({error.strerror})")
                continue
            if kind == stat.S_IFREG:
                yield Entry(parts)
            elif kind != stat.S_IFDIR or (above and name.lower().endswith(".ipynb")):
                yield Entry(parts, problem=f"it is {KINDS.get(kind, 'no file')}")
            elif len(parts) <= DEEPEST:
                try:
                    below = list(self._walk(parts))
                except OSError as error:
                    yield Entry(parts, True, f"it cannot be read ({error.strerror})")
                else:
                    yield Entry(parts, True)
                    yield from below

    def read(self, entry: Entry, most: int) -> bytes:
        """A file's content; Unreadable when it is no plain file or has more than `most` bytes.

        Each folder on the way is opened from the one above it, so that none can be exchanged for a link meanwhile.
        """
        handle = -1
        try:
            handle = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            for i, part in enumerate(entry.parts):
                last = i == len(entry.parts) - 1
                inner = os.open(part, NO_LINK | (0 if last else os.O_DIRECTORY), dir_fd=handle)
                os.close(handle)
                handle = inner
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable(f"it is {KINDS.get(stat.S_IFMT(status.st_mode), 'no file')}")
            check_size(status.st_size, most)
            content = bytearray()
            while len(content) <= most and (more := os.read(handle, min(most + 1 - len(content), 1 << 20))):
                content += more
        except OSError as error:
            raise Unreadable(f"it cannot be read ({error.strerror})") from None
        finally:
            if handle >= 0:
                os.close(handle)
        check_size(len(content), most)
        return bytes(content)


class Zip:
    """A zip file; nothing of it is ever written to the disk."""

    def __init__(self, archive: zipfile.ZipFile):
        self.archive = archive

    def entries(self) -> list[Entry]:
        """All that is in it, in its own order."""
        found = self.archive.infolist()
        if len(found) > MOST_ENTRIES:
            raise IntakeError(f"the zip file has {len(found):,} entries, at most {MOST_ENTRIES:,} are read: unpack it")
        entries = (self._entry(info) for info in found)
        return [e for e in entries if e.parts and len(e.parts) <= DEEPEST + 1 and not _ignored(e.parts)]

    def _entry(self, info: zipfile.ZipInfo) -> Entry:
        path = info.filename.replace("\\", "/")  # which some programs write between folders
        drive = re.match(r"[A-Za-z]:", path)
        parts = (path[2:] if drive else path).split("/")
        kind, problem = stat.S_IFMT(info.external_attr >> 16), ""
        if drive or path.startswith("/") or ".." in parts:
            problem = "its path leads out of the zip file"
        elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            problem = f"it is {KINDS.get(kind, 'no file')}"
        elif info.flag_bits & 1:
            problem = "it is encrypted"
        return Entry(tuple(p for p in parts if p not in ("", ".", "..")), path.endswith("/"), problem, info)

    def read(self, entry: Entry, most: int) -> bytes:
        """A file's content; Unreadable when it is damaged, encrypted, or larger than `most` bytes, whatever it says."""
        check_size(entry.info.file_size, most)
        try:
            with self.archive.open(entry.info) as file:
                content = file.read(most + 1)
        except BROKEN_ZIP as error:
            raise Unreadable(f"it is damaged in the zip file ({type(error).__name__})") from None
        check_size(len(content), most)
        return content


@contextmanager
def opened(source: Path) -> Iterator[Folder | Zip]:
    """The folder or zip file at `source`; IntakeError when it is neither."""
    if source.is_dir():
        yield Folder(source)
        return
    if not source.exists():
        raise IntakeError(f"there is no {source}: name the folder or zip file that holds the submissions")
    try:
        archive = zipfile.ZipFile(source) if source.is_file() else None
    except BROKEN_ZIP as error:
        raise IntakeError(f"{source} is neither a folder nor a zip file that can be read: {_line(error)}") from None
    if archive is None:
        raise IntakeError(f"{source} is neither a folder nor a zip file")
    with archive:
        yield Zip(archive)


def check_size(size: int, most: int) -> None:
    """Unreadable when there is more than may be."""
    if size > most:
        raise Unreadable(f"it is too large: {size / 1e6:,.1f} MB, and at most {most / 1e6:g} MB are taken in")


def is_notebook(name: str) -> bool:
    """By its name."""
    return name.lower().endswith(".ipynb")


def _ignored(parts: Sequence[str]) -> bool:
    """What programs leave behind; a student's own folder, on top, may have any other name."""
    hidden = any(p.startswith(".") for p in parts[1:])
    return hidden or bool(IGNORED & set(parts)) or parts[0].startswith("._")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
