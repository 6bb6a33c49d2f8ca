"""Submissions that are no plain file in a folder of a plain name."""

import os
import shutil
import socket
import stat
from collections.abc import Callable
from pathlib import Path

from submission import LAB, SCRIPT, Case, honest, root_of, write

NAME = f"{LAB}.ipynb"


def other_students(folder: Path, name: str = "other-student") -> Path:
    """Another student's submission, made where there is none."""
    other = root_of(folder) / "submitted" / name / LAB
    if not (other / NAME).exists():
        write(other, honest(pictures=False))
    return other / NAME


def link(name: str, target: Callable[[Path], str | Path]) -> Case:
    """The notebook is a symbolic link."""

    def make(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / NAME).symlink_to(target(folder))

    return Case(name, "links", make, None)


def _linked_folder(folder: Path) -> None:
    other = other_students(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
    folder.symlink_to(other.parent, target_is_directory=True)


def _hard_link(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    os.link(other_students(folder, "another-student"), folder / NAME)  # its content is the student's own now


def _loop(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).symlink_to("again.ipynb")
    (folder / "again.ipynb").symlink_to(NAME)


def special(name: str, put: Callable[[Path], None], **expected) -> Case:
    """The notebook is something else than a file."""

    def make(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        put(folder / NAME)

    return Case(name, "special", make, **({"earned": None} | expected))


def _device(path: Path) -> None:
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 5))  # what /dev/zero is
    except OSError:  # nobody but root can, and not in every container
        os.mkfifo(path)


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the address of a socket is a short one
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(here)


def _directory(path: Path) -> None:
    path.mkdir()
    write(path, honest(pictures=False))


def _unreadable(path: Path) -> None:
    write(path.parent, honest(pictures=False))
    path.chmod(0)


def _hole(path: Path) -> None:
    path.touch()
    os.truncate(path, 10**12)


def _another_name(path: Path) -> None:
    write(path.parent, honest(pictures=False))
    path.rename(path.with_name("my solution (final) v2.ipynb"))


def _two(path: Path) -> None:
    write(path.parent, honest(pictures=False))
    shutil.copy(path, path.with_name("lab02-Copy1.ipynb"))


def _many_files(path: Path) -> None:
    write(path.parent, honest(pictures=False))
    for i in range(2000):
        (path.parent / f"file {i}").touch()


def named(name: str, **expected) -> Case:
    """An honest submission in a folder of a strange name."""
    return Case(name, "names", lambda folder: write(folder, honest(pictures=False)), **({"may_fail": True} | expected))


CASES = [
    link("link-to-another-student", lambda folder: other_students(folder)),
    link("relative-link-to-another-student", lambda folder: os.path.relpath(other_students(folder), folder)),
    link("link-to-the-solution", lambda folder: root_of(folder) / "solutions" / LAB / NAME),
    link("link-to-zeros", lambda folder: "/dev/zero"),
    link("link-to-standard-input", lambda folder: "/dev/stdin"),
    link("link-to-the-process", lambda folder: "/proc/self/environ"),
    link("link-to-nowhere", lambda folder: "nowhere.ipynb"),
    Case("link-to-itself", "links", _loop, None),
    Case("linked-folder", "links", _linked_folder, None),
    Case("hard-link-to-another-student", "links", _hard_link, may_fail=True),
    special("fifo", os.mkfifo),
    special("device", _device),
    special("socket", _socket),
    special("directory", _directory),
    special("unreadable", _unreadable, earned={}, may_fail=True),  # root reads it all the same
    special("file-with-a-hole", _hole),
    special("file-of-another-name", _another_name, earned={}, may_fail=True),
    special("two-notebooks", _two, earned={}, may_fail=True),
    special("two-thousand-files-beside", _many_files, earned={}),
    named("Ævar Ünïcode-学生-παράδειγμα"),
    named("Zoë", may_fail=False),
    named("Zoe\u0308"),  # looks the same
    named("new\nline"),
    named("n" * 200),
    named("ü" * 120),  # 240 bytes
    named("-rf", may_fail=False),
    named("--student=all", may_fail=True),
    named("..."),
    named(".hidden"),
    named("two  words "),
    named("🎓"),
    named("$(touch hostile-was-he''re)`touch hostile-was-he''re`;touch hostile-was-he''re"),
    named("'; drop table student; --"),
    named(f"{SCRIPT.replace('/', '')}", never_in_pages=(SCRIPT.replace("/", ""),)),
    named("=HYPERLINK(1)"),
    named("a\\b\\..\\c"),
    named("%2e%2e%2fother-student"),
    named("tab\there"),
    named("\u202egnorw"),
    named("nul\x01\x1b[31m"),
    named("not-\udcff-utf-8"),  # the byte 0xff, as Python reads it from the disk
    named("lab02.ipynb"),
    named("con.aux"),
]  # fmt: skip
