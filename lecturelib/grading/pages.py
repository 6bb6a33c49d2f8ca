"""What the pages of grading share: templates, text made safe to look at, source code, numbers and dates."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String, Text

from lecturelib.checkpoint import write_atomically
from lecturelib.grading.records import Item

MOST_LINES, LONGEST_LINE, LONGEST_WORDS, MOST_COLOURED = 400, 300, 600, 30_000
KINDS = {Comment: "c", String: "s", Number: "n", Keyword: "k", Operator.Word: "k", Name.Function: "f", Name.Class: "f"}
JOINERS = "\u200c\u200d"  # Persian, Indian scripts and emoji need them; they hide nothing
UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # control, format (bidirectional too), lone surrogates, separators
_VARYING = re.compile(r"(`[^`]*`|(?<![\w^])-?\d+(?:[.x]\d+)*(?:e[+-]?\d+)?\b)")
BROKEN = "the check itself could not judge this answer; the fault is not in the answer"
WITHOUT_WORDS = {
    "not written": "the function is not written yet",
    "raised": "the code ended in an error",
    "late": "the code took longer than it may",
    "died": "the program ended in the middle of the work",
    "not graded": "this could not be tried",
}


class PageError(ValueError):
    """A page that cannot be written; the message says why."""


def visible(text: str) -> str:
    """The text with each character that hides, or that turns the direction of reading, written as ⟦U+202E⟧."""
    return "".join(
        f"⟦U+{ord(c):04X}⟧" if unicodedata.category(c) in UNSEEN and c not in "\n\t" + JOINERS else c for c in text
    )


def without_folders(text: str) -> str:
    """The text with every absolute path cut down to its last part."""
    return re.sub(r"(?<![\w.~/])(?:/[\w.@+~-]+)+/(?=[\w.@+~-])", "…/", text)


def cut(text: str, most: int = LONGEST_WORDS) -> str:
    """At most so many characters; a note says how many are left out."""
    return text if len(text) <= most else f"{text[:most]} … ({len(text) - most:,} characters more)"


def words(text: str) -> Markup:
    """Somebody's words as HTML, `code` in them set as code."""
    parts = visible(without_folders(cut(text))).split("`")
    if len(parts) % 2 == 0:  # the last one was never closed
        parts[-2:] = ["`".join(parts[-2:])]
    return Markup("").join(Markup("<code>{}</code>").format(p) if i % 2 else escape(p) for i, p in enumerate(parts))


def sentence(text: str) -> Markup:
    """As `words`, beginning with a capital letter."""
    return words(re.sub(r"^[a-z]+(?=[\s,:;])", lambda first: first[0].capitalize(), text))


def alike(text: str) -> tuple[str, ...]:
    """What is left without numbers and `code`: mistakes that differ in these alone are the same mistake."""
    return tuple(_VARYING.split(text)[::2])


def in_common(texts: Collection[str]) -> str:
    """One text for several that are alike, with … where they differ."""
    pieces = zip(*(_VARYING.split(text) for text in texts), strict=True)
    return "".join(same[0] if len(set(same)) == 1 else "…" for same in pieces)


def code(source: str, marked: Collection[int] = ()) -> Markup:
    """Python as numbered lines of HTML, those in `marked` (from 1) marked; what is too long is cut, and says so."""
    lines = re.split(r"\r\n|\r|\n", source.rstrip("\r\n"))
    kept = [visible(cut(line, LONGEST_LINE).expandtabs(4)) for line in lines[:MOST_LINES]]
    html = [""]
    for token, text in _tokens("\n".join(kept)):
        kind = next((name for group, name in KINDS.items() if token in group), "")
        for number, piece in enumerate(text.split("\n")):
            if number:
                html.append("")
            if piece:
                html[-1] += f'<span class="{kind}">{escape(piece)}</span>' if kind else str(escape(piece))
    numbered = (
        Markup(f'<span class="{"line marked" if number in marked else "line"}">{line}\n</span>')
        for number, line in enumerate(html, 1)
    )
    left = len(lines) - len(kept)
    note = Markup('<span class="cut">… {} more lines are not shown here</span>').format(f"{left:,}") if left else ""
    return Markup("").join([*numbered, note])


def _tokens(source: str) -> Iterable[tuple]:
    """Pieces of Python with their kind; what is very large stays one piece, since the lexer is slow."""
    if len(source) > MOST_COLOURED:
        return [(Text, source)]
    return PythonLexer(stripnl=False, ensurenl=False).get_tokens(source)


def answer(text: str) -> str:
    """An answer in words; what is too long is cut, and says so."""
    lines = text.replace("\r\n", "\n").strip().split("\n")
    more = [f"… {len(lines) - MOST_LINES:,} more lines are not shown here"] if len(lines) > MOST_LINES else []
    return cut("\n".join(lines[:MOST_LINES] + more), 20_000)


def points(number: float) -> str:
    """2, 2.5 or 0.33."""
    return f"{number:.2f}".rstrip("0").rstrip(".").replace("-", "−")


def percent(share: float) -> str:
    """20 %, with a space that does not break."""
    return f"{points(100 * share)}\N{NO-BREAK SPACE}%"


def count(number: int, one: str, many: str = "") -> str:
    """1 day, 2 days."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def when(moment: datetime) -> str:
    """31 January 2027, 23:59 UTC."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def mistake(item: Item) -> tuple[str, str]:
    """What is wrong with an answer, and the exercise's hint, which may be empty. Both are empty for a right one."""
    if item.score >= item.maximum and item.status == "passed":
        return "", ""
    if item.status == "broken":  # its words are those of the check, which may be a hidden one
        return BROKEN, ""
    said = item.hint or WITHOUT_WORDS.get(item.status, "the answer is not right")
    wrong, mark, hint = said.rpartition(". Hint: ")
    return (wrong, hint) if mark else (said, "")


def write_page(path: Path, template: str, values: Mapping) -> Path:
    """Fill templates/TEMPLATE and write it, whole or not at all."""
    html = _ENVIRONMENT.get_template(template).render(values)
    write_atomically(path, html.encode())
    return path


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) or not isinstance(value, str) else visible(value),
    )
    filters = (words, sentence, code, answer, points, percent, count, when)
    environment.filters |= {function.__name__: function for function in filters}
    return environment


_ENVIRONMENT = _environment()
