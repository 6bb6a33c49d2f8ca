"""What a test hides in a course before it grades hostile submissions, and where it looks for harm afterwards."""

import hashlib
import json
import os
import re
import secrets
import sqlite3
import tempfile
from collections.abc import Iterable
from pathlib import Path

from submission import MARKERS, PROOF, honest, write

import lecturelib

SLEEPER = b"31415"  # the argument of every sleep that should not outlive its submission


def plant(root: Path) -> dict[str, str]:
    """Write a marker into each of the places of MARKERS below a copy of the course; returns name -> text.

    Files that are there are added to, the others are made. The caller sets LECTURELIB_MARKER in the environment.
    """
    texts = {name: f"{name}-{secrets.token_hex(16)}" for name in MARKERS}
    for name, place in MARKERS.items():
        path, text = root / place, texts[name]
        if not place:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".db":
            with sqlite3.connect(path) as book:
                book.execute("create table if not exists planted (words text)")
                book.execute("insert into planted values (?)", (text,))
            book.close()
        elif path.name == ".grading-key":
            path.write_text(text + "\n")  # as good a key as any
        elif path.suffix == ".py":
            path.write_text(f"{path.read_text()}\n\n_PLANTED = {text!r}\n")
        elif name == "MARKER-NOTEBOOK":
            content = path.read_text(encoding="utf-8")
            begin = "### BEGIN SOLUTION\\n"
            path.write_text(content.replace(begin, f"{begin}    # {text}\\n", 1), encoding="utf-8")
        elif path.suffix == ".ipynb":
            notebook = honest(pictures=False)
            notebook.cells[-2].source += f" {text}"
            write(path.parent, notebook)
        elif path.suffix == ".json":
            path.write_text(json.dumps({"planted": text}))
        else:
            path.write_text(f"<p>{text}</p>")
    return texts


def leaks(texts: Iterable[str], files: Iterable[Path]) -> list[str]:
    """Which of the texts stand in which of the files."""
    found, wanted = [], [text.encode() for text in texts]
    for file in files:
        content = file.read_bytes()
        found += [f"{text.decode()} in {file}" for text in wanted if text in content]
    return found


def state(root: Path) -> dict[str, str]:
    """File -> hash, of all that a submission must leave as it is: the course without what grading writes."""
    kept = [p for p in sorted(root.rglob("*")) if p.is_file() and not p.is_symlink()]
    written = ("results", "autograded", "feedback", "submitted", "incoming", "gradebook.db")
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in kept
            if p.relative_to(root).parts[0] not in written and "__pycache__" not in p.parts}  # fmt: skip


def traces(root: Path) -> list[Path]:
    """Files named PROOF in the course and wherever else they could have been left."""
    library = Path(lecturelib.__file__).parent
    deep = [root, library]
    flat = [Path(p) for p in ("/", "/tmp", "/var/tmp", "/dev/shm", "/run", "/etc", Path.home(), Path.cwd(),
                              tempfile.gettempdir(), library.parent, Path(os.__file__).parent)]  # fmt: skip
    found = [p for folder in deep for p in folder.rglob(f"*{PROOF}*") if not {"submitted", "incoming"} & set(p.parts)]
    found += [p for folder in flat if folder.is_dir() for p in folder.glob(f"*{PROOF}*")]
    return sorted(set(found))


def survivors() -> list[int]:
    """Processes that a submission left behind."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if SLEEPER in command and command[0].endswith(b"sleep"):
                found.append(int(entry.name))
    return found


def raw_in_pages(texts: Iterable[str], pages: Iterable[Path]) -> list[str]:
    """Which of the texts stand in a page as they are, outside of its own <script> elements' content."""
    found = []
    for page in pages:
        content = page.read_text(encoding="utf-8", errors="replace")
        found += [f"{text} in {page}" for text in texts if re.search(re.escape(text), content, re.IGNORECASE)]
    return found
