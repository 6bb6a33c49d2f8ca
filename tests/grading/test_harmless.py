"""What a teacher's browser sees of a student's notebook: text, tables, formulas and pictures, and nothing that acts."""

import base64
import copy
import random
import re
from html.parser import HTMLParser
from pathlib import Path

import nbgrader
import pytest
from handed_in import LAB, ROOT, at, bare, cell, graft, handed_in
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat.v4 import new_markdown_cell, new_output, new_raw_cell

from lecturelib.grading import harmless, reading
from lecturelib.grading.transplant import lab_source

TEMPLATES = Path(nbgrader.__file__).parent / "server_extensions" / "formgrader" / "templates"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PNG64 = base64.b64encode(PNG).decode()


def output(kind: str = "display_data", **data):
    return new_output(kind, {key.replace("_", "/", 1): value for key, value in data.items()})


def shown(*outputs, name: str = "write-pca") -> list:
    notebook = handed_in()
    cell(notebook, name).outputs = list(outputs)
    return cell(graft(notebook).notebook, name).outputs


def test_outputs_of_the_students_cells_are_text_and_pictures():
    trace = ["\x1b[31mE\x1b[0m", "  \x1b]8;;http://x\x07line\x1b]8;;\x07"]
    error = new_output("error", ename="E", evalue="x", traceback=trace)
    stream = new_output("stream", name="stderr", text="\x1b[1;32m 10%\r 20%\r100%\x1b[K\nend\x08\x1b(B\u202e")
    plain = output("execute_result", text_plain=["a\n", "b"])
    found = shown(output(image_png=PNG64, text_html="<b>"), error, stream, plain)
    assert found[0] == new_output("display_data", {"image/png": PNG64})
    assert [(o.name, o.text) for o in found[1:]] == [
        ("stderr", "E\n  line\n"), ("stderr", "100%\nend⟦U+0008⟧⟦U+001B⟧(B⟦U+202E⟧\n"), ("stdout", "a\nb\n"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["text_html", "image_svg+xml", "application_javascript", "text_latex", "text_markdown", "image_jpeg",
     "application_json", "application_vnd.jupyter.widget-view+json"],
)  # fmt: skip
def test_outputs_of_other_kinds_are_dropped(name):
    assert shown(output(**{name: "<script>x</script>"})) == []
    assert shown(output(**{name: "<script>x</script>", "text_plain": "x"})) == [new_output("stream", text="x\n")]


def wide(width: int, height: int) -> bytes:
    return PNG[:16] + width.to_bytes(4, "big") + height.to_bytes(4, "big") + PNG[24:]


@pytest.mark.parametrize(
    "picture",
    ["", "no base64!", base64.b64encode(b"GIF89a" + PNG).decode(), base64.b64encode(PNG[:20]).decode(), 5, {}, [1],
     f'{PNG64}"><script>', base64.b64encode(wide(10**5, 10**5)).decode(), base64.b64encode(wide(0, 9)).decode(),
     base64.b64encode(PNG + bytes(10**6)).decode(), "é" * 40],
    ids=range(12),
)  # fmt: skip
def test_pictures_that_are_none_are_left_out(picture):
    notebook = handed_in()
    cell(notebook, "write-pca").outputs = [{"output_type": "display_data", "data": {"image/png": picture}}]
    assert cell(graft(notebook).notebook, "write-pca").outputs == [new_output("stream", text=harmless.LEFT_OUT)]


def test_pictures_are_kept_up_to_a_sum():
    big = base64.b64encode(PNG + bytes(900_000)).decode()
    kept = [o for o in shown(*[output(image_png=big)] * 20) if o.output_type == "display_data"]
    assert len(kept) == 11


def test_long_outputs_and_sources_are_cut():
    found = shown(new_output("stream", text="x" * 10**6), *[new_output("stream", text="y")] * 100)
    assert len(found) == harmless.MOST_OUTPUTS
    assert len(found[0].text) < 21_000
    notebook = handed_in()
    cell(notebook, "write-pca").source = "x = 1\n" * 100_000
    result = graft(notebook)
    assert len(cell(result.notebook, "write-pca").source) < 101_000
    assert result.sources["write-pca"] == cell(notebook, "write-pca").source


@pytest.mark.parametrize(
    ("name", "kept"),
    [("write-pca", True), ("pca-picture", True), ("own", True), ("imports", False), ("check-pca", False)],
)
def test_whose_outputs_are_kept(name, kept):
    notebook = handed_in()
    own = bare("1")
    own.id = "own"
    notebook.cells.append(own)
    cell(notebook, name).outputs = [output(image_png=PNG64)]
    cell(notebook, name).execution_count = 7
    result = graft(notebook)
    assert [c.id.replace("extra-1", "own") for c in result.notebook.cells if c.get("outputs")] == [name] * kept


TAGS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "a", "em", "strong", "del", "code", "pre", "ul", "ol", "li", "hr",
        "br", "blockquote", "table", "thead", "tbody", "tr", "td", "th", "div", "span", "dl", "dt", "dd", "input",
        "img"}  # fmt: skip


class Page(HTMLParser):
    """Collects what of a page could do anything."""

    def __init__(self, html: str):
        super().__init__()
        self.bad: list = []
        self.ids: list[str] = []
        self.images: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        allowed = {"id", "class", "href", "start", "style", "type", "disabled", "checked", "src", "alt"}
        if tag not in TAGS or set(attributes) - allowed:
            self.bad.append((tag, attrs))
        if not re.match(r"https?://|#%C2%A7|data:image/png;base64,[A-Za-z0-9+/=]+$",
                        attributes.get("href", attributes.get("src", "#%C2%A7"))):  # fmt: skip
            self.bad.append((tag, attrs))
        if not re.match(r"(text-align:(left|right|center))?$", attributes.get("style", "")):
            self.bad.append((tag, attrs))
        if attributes.get("class", "").lower() == "mermaid":
            self.bad.append((tag, attrs))
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.images += [attributes["src"]] if tag == "img" else []

    def handle_comment(self, data):
        self.bad.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def rendered(source: str, attachments: dict | None = None) -> Page:
    """As HTMLExporter renders a markdown cell."""
    one = reading.Cell("markdown", source, "", "", {}, [], attachments or {})
    text, kept = harmless.Pictures().text_cell(one)
    renderer = IPythonRenderer(escape=False, attachments=kept)
    return Page(MarkdownWithMath(renderer=renderer).render(text))


HOSTILE = [
    "<script>hostile()</script>", "<img src=x onerror=hostile()>", "x <b onclick='hostile()'>y</b>",
    "<svg/onload=hostile()>", "<iframe src=//x.y></iframe>", "<object data=x></object>",
    "<form action=//x.y><button>go</button></form>", "<style>*{display:none}</style>", "<base href=//x.y>",
    "<meta http-equiv=refresh content='0;url=//x.y'>", "<!--[if IE]><script>x</script><![endif]-->", "<?php x ?>",
    "<![CDATA[<script>]]>", "<!DOCTYPE x>", "<SCRIPT\n>x</SCRIPT>", "<a href='javascript:hostile()'>x</a>",
    "[a](javascript:hostile())", "[a](JaVaScRiPt:hostile())", "[a](java\nscript:x)",
    "[a](&#106;avascript:hostile())", "[a](javascript&colon;hostile())", "[a](data:text/html,<script>x</script>)",
    "[a](vbscript:x)", "[a][b]\n\n[b]: javascript:hostile()", "[b]\n\n[b]: javascript:hostile() 'title'",
    "[a][]\n\n[a]: data:x", "> [a]: javascript:x\n\n[a]", "- [a]: javascript:x\n- [a]", "[a\\](x)](javascript:x)",
    "[`a`](javascript:x)", "<javascript:hostile()>", "<a@b.c>", "![x](javascript:hostile())",
    "![x](http://192.0.2.1/x.png)", "![x][y]\n\n[y]: //x.y/z", "![x](attachment:none.png)",
    "[![x](a)](javascript:x)", "![a](data:image/svg+xml;base64,AAAA)", "[x](file:///etc/passwd)",
    "```mermaid\n<img src=x onerror=hostile()>\n```", "~~~ mermaid\n&lt;script>\n~~~",
    "- ```mermaid\n  <script>\n  ```", "```<script>\nx\n```", "```\"><script>\nx\n```", "`<script>`",
    "```html\n<script>x</script>\n```", "    <script>x</script>", "$<script>x</script>$",
    "$$<img src=x onerror=x>$$", "\\begin{a}<script>\\end{a}", "\\\\[<script>\\\\]", "$\\href{javascript:x}{y}$",
    "# pca", "#open", "# <script>", "pca\n===", "pca\n---", "> # pca", "- # pca", "1. pca\n   =-=",
    "# [a](javascript:x)", "| <script> | [a](javascript:x) |\n|---|---|\n| <img src=x onerror=x> | b |",
    "a\n: <script>x</script>", "- [ ] <script>", "&lt;script&gt;", "&#60;script&#62;x&#60;/script&#62;",
    "**<script>**", "*[a](javascript:x)*", "~~<script>~~", "http://x.y/\"onmouseover=x", "https://x.y/<script>",
    "http://x.y/'><img src=x onerror=x>", "</pre></div></body><script>", "\u2028<script>", "<\u200bscript>",
    "<\x00script>", "<scr<script>ipt>", "<<script>", "\\<script>", "<script\\>", "＜script＞",
]  # fmt: skip


@pytest.mark.parametrize("source", HOSTILE, ids=ascii)
def test_hostile_markdown_renders_to_harmless_html(source):
    page = rendered(source)
    assert page.bad == []
    assert page.images == []
    assert all(one.startswith("%C2%A7") for one in page.ids)  # no id that formgrader looks for


def test_random_mixtures_of_markdown_render_to_harmless_html():
    pieces = [*HOSTILE, "<", ">", "&", "[", "](", ")", "][", "]:", "`", "```", "~~~", "$", "$$", "\\", "#", "=", "-",
              "\n", "\n\n", "    ", "\t", "> ", "- ", "1. ", "|", "*", "_", '"', "'", ":", "javascript:", "(", "{",
              "}", " "]  # fmt: skip
    rng = random.Random(0)
    for _ in range(1500):
        source = "".join(rng.choice(pieces) for _ in range(rng.randint(2, 12)))
        page = rendered(source)
        assert (page.bad, page.images) == ([], []), source
        assert all(one.startswith("%C2%A7") for one in page.ids), source


def test_commands_of_tex_that_make_links_or_commands_are_broken():
    for word in ("href", "style", "class", "cssId", "require", "def", "let", "newcommand", "renewcommand", "htmlClass",
                 "includegraphics", "mmlToken", "unicode"):  # fmt: skip
        assert f"\\{word}" not in harmless.markdown(f"$\\{word}{{x}}$ \\{word}1")
    for word in ("hbar", "left", "leftarrow", "classic", "text{a}", "frac12", "delta", "definition"):
        assert f"\\{word}" in harmless.markdown(f"$\\{word}$")


def test_honest_markdown_stays_readable():
    source = (
        "## Answer\n\nThe *error* is **0.5**, as in `x[0]`:\n\n- a\n- b\n\n"
        "$$\\frac{1}{n} \\sum_i x_i \\le \\rho$$\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
        "```python\nif a < b and c > d:\n    print(1)\n```\n"
    )
    html = MarkdownWithMath(renderer=IPythonRenderer(escape=False)).render(harmless.markdown(source))
    for piece in ("<h2", "Answer", "<em>error</em>", "<strong>0.5</strong>", "<code>x[0]</code>", "<li>a</li>",
                  "<table>", "\\frac{1}{n} \\sum_i x_i \\le \\rho", '<span class="k">if</span>'):  # fmt: skip
        assert piece in html


def test_attached_pictures_are_shown_and_nothing_else():
    picture = f"data:image/png;base64,{PNG64}"
    page = rendered("See ![image.png](attachment:image.png)", {"image.png": {"image/png": PNG64}})
    assert (page.bad, page.images) == ([], [picture])
    for name, bundle in [("x", {"image/svg+xml": "<svg>"}), ("x", {"text/html": "<script>"}), ("x", 3),
                         ("x", {"image/png": "<script>"}), ("x", {"image/png": 3}), ('"><script>', {})]:  # fmt: skip
        page = rendered(f"![x](attachment:{name})", {name: bundle})
        assert (page.bad, page.images) == ([], [])


def exporters():
    formgrader = HTMLExporter(template_name="formgrade", extra_template_basedirs=[str(TEMPLATES)])
    return {"nbconvert": HTMLExporter(), "formgrader": formgrader}


@pytest.mark.parametrize("name", exporters())
def test_a_hostile_notebook_shows_nothing_of_it_in_a_teachers_page(name):
    words = "hostile-words"
    evil = f"</pre></div><script>{words}</script><img src=x onerror='{words}'><iframe src='{words}'>"
    notebook = handed_in()
    for number, source in enumerate(HOSTILE):
        notebook.cells.insert(at(notebook, "write-pca"), bare(source, new_markdown_cell))
        notebook.cells.insert(at(notebook, "write-pca"), bare(f"{source}\n{number}"))
    for one in notebook.cells:
        one.metadata.update(tags=[evil], magics_language=evil, slideshow={"slide_type": evil})
        if one.cell_type == "code":
            one.source += f"\n# {evil}"
            one.outputs = [new_output("stream", name="stdout", text=evil), output(text_html=evil, text_plain=evil),
                           new_output("error", ename=evil, evalue=evil, traceback=[evil, "\x1b[3;4;5m" + evil]),
                           {"output_type": "display_data", "metadata": {"image/png": {"width": evil}},
                            "data": {"image/png": PNG64}}]  # fmt: skip
    open_ = cell(notebook, "open")
    open_.source, open_.attachments = f"{evil}\n\n[x](javascript:{words})", {evil: {"text/html": evil}}
    notebook.cells.append(new_raw_cell(evil, metadata={"raw_mimetype": "text/html"}))
    notebook.metadata.update(title=evil, kernelspec={"name": evil, "display_name": evil}, language_info={"name": evil},
                             widgets={"application/vnd.jupyter.widget-state+json": {"state": evil}})  # fmt: skip
    resources = {"base_url": "", "submission_id": "x", "index": 0, "total": 1, "notebook_path": "x", "student": "x"}
    resources |= {"notebook_id": "lab02", "assignment_id": "lab02", "first_name": "", "last_name": ""}
    exporter = exporters()[name]
    html, _ = exporter.from_notebook_node(graft(notebook).notebook, resources=dict(resources))
    plain, _ = exporter.from_notebook_node(copy.deepcopy(LAB.notebook), resources=dict(resources))

    class Tags(HTMLParser):
        def __init__(self, html):
            super().__init__()
            self.found: dict[str, int] = {}
            self.attributes: list[tuple] = []
            self.feed(html)

        def handle_starttag(self, tag, attrs):
            self.found[tag] = self.found.get(tag, 0) + 1
            self.attributes += [(tag, key, value) for key, value in attrs]

    mine, theirs = Tags(html), Tags(plain)
    for tag in ("script", "iframe", "object", "embed", "form", "style", "base", "meta", "link", "svg", "body"):
        assert mine.found.get(tag, 0) == theirs.found.get(tag, 0), tag
    allowed = {key for _, key, _ in theirs.attributes} | {"start", "disabled", "alt", "src", "checked"}
    assert {key for _, key, _ in mine.attributes} <= allowed
    handlers = [a for a in mine.attributes if a[1].startswith("on")]
    assert handlers == [a for a in theirs.attributes if a[1].startswith("on")]
    for tag, key, value in mine.attributes:
        assert words not in (value or ""), (tag, key)
        if key in ("href", "src", "action", "data") and (tag, key, value) not in theirs.attributes:
            assert re.match(r"https?://(x\.y|192\.0\.2\.1)/|#%C2%A7|data:image/png;base64,", value), (tag, key, value)
    assert words in html  # it is there to be read


def test_the_notebook_for_formgrader_is_the_instructors():
    notebook = handed_in()
    for one in notebook.cells:
        one.metadata.clear()
        one.source += "\n#" if one.cell_type == "code" else ""
    result = graft(notebook)
    assert result.notebook.metadata == LAB.notebook.metadata
    for mine, theirs in zip(LAB.notebook.cells, result.notebook.cells, strict=True):
        assert (mine.id, mine.cell_type, mine.metadata) == (theirs.id, theirs.cell_type, theirs.metadata)
    assert LAB.notebook == lab_source(ROOT, "lab02").notebook  # which is used again
