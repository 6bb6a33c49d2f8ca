"""What of a student's notebook a teacher's browser may show: markdown without HTML and links, pictures, plain text.

nbconvert renders markdown with raw HTML and any link in it, and formgrader does the same. Its SanitizeHTML is no
remedy: it cleans the text before markdown is read, so `[x](javascript:...)` and what a mermaid block holds pass.
"""

import base64
import binascii
import re
import struct

from nbformat import NotebookNode
from nbformat.v4 import new_output

from lecturelib.grading.pages import cut, visible
from lecturelib.grading.reading import Cell, mended

LONGEST_CODE, LONGEST_TEXT, LONGEST_OUTPUT = 100_000, 20_000, 20_000  # characters that are shown
MOST_OUTPUTS = 30  # of a cell
PICTURE, ALL_PICTURES, MOST_PIXELS = 10**6, 10**7, 3 * 10**7  # bytes of one and of all; width times height
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
LEFT_OUT = "[a picture was left out: too large, or no PNG]\n"

ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
# tags, entities, links (inline, by reference, and their definitions), commands of TeX that make HTML or other commands
OPENINGS = re.compile(
    r"<(?=[^\s=])|&(?=[#\w])|\](?=[(\[:])"
    r"|\\(?=(?:href|url|html\w*|class|cssId|style|data|require|unicode|bbox|mmlToken|includegraphics|def|let"
    r"|(?:re)?newcommand|(?:re)?newenvironment|DeclareMathOperator|Newextarrow)(?![A-Za-z]))"
)
BULLETS = r"^([ \t>*+\-:.)\d]*)"  # what may stand before a heading within lists and quotations
HEADING = re.compile(BULLETS + r"(#{1,6})(?!#)[ \t]*", re.MULTILINE)
UNDERLINE = re.compile(BULLETS + r"([=-]+)[ \t]*$", re.MULTILINE)


def code(source: str) -> str:
    """Source to be looked at, not run."""
    return visible(cut(source, LONGEST_CODE))


def markdown(source: str) -> str:
    """Markdown that renders to text, lists, tables, math and pictures that are attached, and to nothing else.

    Where HTML, a link or an entity would begin, a space comes between. A heading's words get a sign before them:
    nbconvert makes them its id, and formgrader finds the fields for points by ids.
    """
    text = OPENINGS.sub(lambda match: f"{match[0]} ", visible(cut(source, LONGEST_TEXT)))
    text = HEADING.sub(r"\1\2 § ", UNDERLINE.sub(r"\1\\\2", text))
    return text.replace("mermaid", "Mermaid")  # nbconvert puts such a block into the page as it is


class Pictures:
    """Takes a notebook's outputs and attached pictures, as long as all together are not too many bytes."""

    def __init__(self):
        self.left = ALL_PICTURES

    def outputs(self, cell: Cell) -> list[NotebookNode]:
        """A code cell's outputs: streams, tracebacks and plain text as text, PNG pictures, and no other."""
        kept = [self._output(output) for output in cell.outputs[:MOST_OUTPUTS] if isinstance(output, dict)]
        return [output for output in kept if output is not None]

    def text_cell(self, cell: Cell) -> tuple[str, dict]:
        """A markdown cell's source with its pictures at the end, and its attachments."""
        found = {}
        for bundle in list(cell.attachments.values())[:MOST_OUTPUTS]:
            if isinstance(bundle, dict) and (picture := self._png(bundle.get("image/png"))):
                found[f"picture-{len(found) + 1}.png"] = {"image/png": picture}
        shown = [f"![{name}](attachment:{name})" for name in found]
        return "\n\n".join([markdown(cell.source), *shown]), found

    def _output(self, output: dict) -> NotebookNode | None:
        kind, data = output.get("output_type"), output.get("data")
        if kind == "stream":
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            return _stream(name, _joined(output.get("text")))
        if kind == "error":
            return _stream("stderr", _joined(output.get("traceback"), "\n"))
        if kind not in ("display_data", "execute_result") or not isinstance(data, dict):
            return None
        if "image/png" in data:
            picture = self._png(data["image/png"])
            return new_output("display_data", {"image/png": picture}) if picture else _stream("stdout", LEFT_OUT)
        return _stream("stdout", _joined(data.get("text/plain")))

    def _png(self, value) -> str | None:
        """A picture in base64, written anew; None when it is none."""
        text = "".join(_joined(value).split())
        if not text or len(text) * 3 // 4 > min(PICTURE, self.left):
            return None
        try:
            content = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return None
        if not content.startswith(PNG) or len(content) < 33:
            return None
        width, height = struct.unpack(">II", content[16:24])
        if not 0 < width * height <= MOST_PIXELS:
            return None
        self.left -= len(content)
        return base64.b64encode(content).decode()


def _stream(name: str, text: str) -> NotebookNode | None:
    """Text as a terminal would show it: no colours, and of a line that was written over the last version."""
    lines = ESCAPES.sub("", text[: 10 * LONGEST_OUTPUT]).replace("\r\n", "\n").split("\n")
    shown = visible(cut(mended("\n".join(line.rpartition("\r")[2] for line in lines)), LONGEST_OUTPUT)).rstrip()
    return new_output("stream", name=name, text=f"{shown}\n") if shown else None


def _joined(value, between: str = "") -> str:
    """A text, which notebooks may hold as a list of lines."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return between.join(value)
    return value if isinstance(value, str) else ""
