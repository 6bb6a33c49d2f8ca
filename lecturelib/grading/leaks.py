"""What students must not see, searched for in a zip file that is made for them."""

import ast
import html
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import nbformat

from lecturelib.grading.course import KEY, read_course
from lecturelib.grading.visible import visible

LONG = 40  # characters of two lines or more that do not stand together by chance
SHORT = 16  # characters of a line that a lab does not hold by chance
MARK = re.compile(r"### (BEGIN|END) (SOLUTION|HIDDEN TESTS)")
TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)
FOLDERS = {"solutions", "submitted", "results", "autograded", "feedback", "marks", "benchmarks", ".git"}
NAMES = re.compile(rf".*_answers\.py|gradebook\.db.*|{re.escape(KEY)}.*|\.git")


@dataclass(frozen=True)
class Secret:
    """Lines that nobody may find: anywhere, or `within_labs` as whole lines under labs/ alone."""

    what: str
    lines: tuple[str, ...]
    within_labs: bool = False

    def stands_in(self, lines: list[str], flat: str) -> bool:
        """Whether a file holds them; `flat` is its lines without the breaks, which a formatter may move."""
        if self.within_labs:
            return "\n".join(["", *self.lines, ""]) in "\n".join(["", *lines, ""])
        return "".join(self.lines) in flat


def leaks(path: str | Path, course_root: str | Path) -> list[str]:
    """What a zip file gives away of the course's solutions, hidden checks, known answers and key; empty when nothing.

    One line for each find: the entry's name and what it holds. Indentation, comment signs and line breaks do not
    count, and notebooks and JSON are read decoded. A solution of one line counts in labs/, and elsewhere together
    with the head of its function. What is compressed or drawn inside an entry, or stands among weights, is not seen.
    """
    root = Path(course_root).resolve()
    secrets, hidden = [*_solutions(root), *_hidden_checks(root), *_known_answers(root)], _hidden_names(root)
    late = any(plan.extensions for plan in read_course(root).labs.values())
    key = (root / KEY).read_text(encoding="ascii").strip() if (root / KEY).is_file() else ""
    found: dict[str, None] = {}
    with zipfile.ZipFile(path) as bundle:
        for entry in bundle.infolist():
            inner = PurePosixPath(*PurePosixPath(entry.filename).parts[1:])  # without the folder that holds all
            if set(inner.parts[:1]) & FOLDERS or NAMES.fullmatch(inner.name):
                found[f"{inner}: it is not for students"] = None
            text = readable(_said(inner, bundle.read(entry)).decode("utf-8", errors="replace"))
            lines = squeezed(text)
            flat, in_labs = "".join(lines), inner.parts[:1] == ("labs",)
            words, defined = set(re.findall(r"\w+", text)), set(re.findall(r"\bdef\s+(\w+)", text))
            holds = [s.what for s in secrets if (in_labs or not s.within_labs) and s.stands_in(lines, flat)]
            holds += [what for name, what in hidden.items() if name in (words if "_" in name else defined)]
            holds += ["the grading's key"] if key and key in text else []
            holds += ["who has an extension"] if late and inner.name == "course.toml" and "extensions" in text else []
            found |= dict.fromkeys(f"{inner} holds {what}" for what in holds)
    return list(found)


def _said(inner: PurePosixPath, raw: bytes) -> bytes:
    """What of a file may be text: of weights the head."""
    return raw[8 : 8 + int.from_bytes(raw[:8], "little")] if inner.suffix == ".safetensors" else raw


def readable(text: str) -> str:
    """The text as it is, and as it reads once JSON, escaped quotes and breaks, and HTML are decoded."""
    try:
        decoded = "\n".join(_strings(json.loads(text))) if text.lstrip()[:1] in ("{", "[") else text
    except ValueError:
        decoded = text
    plain = decoded.replace("\\n", "\n").replace('\\"', '"')
    page = html.unescape(TAG.sub("", plain)) if "</" in plain else plain
    return "\n".join(dict.fromkeys((text, decoded, plain, page)))


def squeezed(text: str) -> list[str]:
    """Its lines without blanks and without the signs of a comment or a quotation; empty ones are left out."""
    lines = ("".join(line.split()).lstrip("#>") for line in text.splitlines())
    return [line for line in lines if line]


def _strings(value) -> Iterator[str]:
    """All strings in decoded JSON; a notebook's source may be a list of lines."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        yield "".join(value)
        yield "\n".join(value)
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def _secrets(what: str, lines: list[str], head: list[str] = ()) -> Iterator[Secret]:
    body = tuple(squeezed("\n".join(lines)))
    size = sum(map(len, body))
    if len(body) > 1 and size >= LONG:
        yield Secret(what, body)
    elif size >= SHORT:
        yield Secret(what, body, within_labs=True)
    if body and head:
        yield Secret(what, (*squeezed("\n".join(head)), *body))


def _solutions(root: Path) -> Iterator[Secret]:
    for path in sorted(root.glob("solutions/*/*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            about = cell.metadata.get("nbgrader", {})
            what = f"the solution of {path.parent.name}, cell {about.get('grade_id', cell.get('id'))!r}"
            if MARK.search(cell.source):
                yield from _between_marks(what, cell.source.split("\n"))
            elif about.get("solution"):
                yield from _secrets(what, cell.source.split("\n"))


def _between_marks(what: str, lines: list[str]) -> Iterator[Secret]:
    head: list[str] = []  # of the function that a solution stands in
    body: list[str] | None = None
    for line in lines:
        mark = MARK.search(line)
        if mark and mark[1] == "BEGIN":
            body = []
        elif mark and body is not None:
            yield from _secrets(what, body, head)
            head, body = [], None
        elif body is not None:
            body.append(line)
        else:
            head = [line] if line[:1].strip() else [*head, line]


def _hidden_checks(root: Path) -> Iterator[Secret]:
    for path in sorted(root.glob("solutions/*/checks.py")):
        source = path.read_text(encoding="utf-8")
        shown = "".join(squeezed(visible(source)))
        for node in _cut(source):
            name = getattr(node, "name", "a constant")
            for secret in _secrets(f"the hidden part {name!r} of {path.parent.name}'s checks", _body(node, source)):
                if "".join(secret.lines) not in shown:  # the same call with other random numbers is no secret
                    yield secret


def _hidden_names(root: Path) -> dict[str, str]:
    """The hidden checks by name; one without an underscore is a word like any other, and counts where it is defined."""
    return {
        node.name: f"the name of the hidden check {node.name!r} of {path.parent.name}"
        for path in sorted(root.glob("solutions/*/checks.py"))
        for node in _cut(path.read_text(encoding="utf-8"))
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


def _cut(source: str) -> list[ast.stmt]:
    """What a release cuts out of a checks.py, but for imports."""
    kept = {ast.dump(node) for node in ast.parse(visible(source)).body}
    return [
        node
        for node in ast.parse(source).body
        if ast.dump(node) not in kept and not isinstance(node, ast.Import | ast.ImportFrom)
    ]


def _known_answers(root: Path) -> Iterator[Secret]:
    for path in sorted(root.glob("tests/labs/*_answers.py")):
        source = path.read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef):
                body = _body(node, source)
                if len(body) > 1:
                    yield from _secrets(f"the known answer {node.name!r} of {path.name}", body)


def _body(node: ast.stmt, source: str) -> list[str]:
    """The lines of a function without its head and docstring, or of another statement."""
    statements = [node]
    if isinstance(node, ast.FunctionDef):
        statements = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return source.split("\n")[statements[0].lineno - 1 : node.end_lineno] if statements else []
