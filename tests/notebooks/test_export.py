"""Exported pages show text, formulas and pictures without asking the network for anything."""

import re
from html.parser import HTMLParser

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lecturelib import glossary
from lecturelib.export import export, mathml, page
from lecturelib.stamp import VIEW
from lecturelib.terms import PAGE, in_table


class Tags(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def html():
    picture = {"image/gif": "R0lG", "text/plain": "A dot.", VIEW: {"model_id": "x"}}
    outputs = [
        new_output("display_data", picture, metadata={"image/gif": {"alt": 'A "dot".'}}),
        new_output("display_data", {"text/html": "<script src='https://cdn.example/x.js'></script>"}),
    ]
    text = "# Title\n*so* $x < 5$ and `$code$` cost \\$5\n\n$$\\frac{1}{2}$$\n\n\\begin{align}a &= b\\end{align}"
    cells = [new_markdown_cell(text), new_code_cell("x = '$1'", outputs=outputs)]
    return page(new_notebook(cells=cells), "90_small")


def test_nothing_is_fetched(html):
    tags = Tags(html)
    sources = [a[key] for _, a in tags.found for key in ("src", "srcset", "data") if key in a]
    assert all(source.startswith("data:") for source in sources)
    assert not tags.of("link")
    assert not tags.of("script")
    assert not re.search(r"@import|url\((?![\"']?data:)", html)


def test_formulas_are_mathml_and_code_stays_code(html):
    assert [a.get("display") for a in Tags(html).of("math")] == [None, "block", "block"]
    assert "<code>$code$</code>" in html
    assert "cost $5" in html
    assert "<em>so</em>" in html


def test_a_norm_in_a_table_ends_no_cell():
    table = "| a | b |\n|---|---|\n| $|h|$ | $\\|J\\|_F$ |"
    tags = Tags(page(new_notebook(cells=[new_markdown_cell(table)]), "90_small"))
    assert len(tags.of("td")) == 2
    assert len(tags.of("math")) == 2


def test_a_term_says_what_it_means_and_leads_nowhere():
    (term,) = glossary("posterior").terms
    link = f'[**posterior**]({PAGE}#{term.anchor} "{in_table(term.definition)}")'
    html = page(new_notebook(cells=[new_markdown_cell(f"the {link} of $z$\n\n| a |\n|---|\n| {link} |")]), "90_small")
    assert [a["title"] for a in Tags(html).of("abbr")] == 2 * [term.definition]
    assert html.count("<strong>posterior</strong></abbr>") == 2
    assert "glossary" not in html


def test_a_picture_keeps_its_alt_text(html):
    assert Tags(html).of("img") == [{"alt": 'A "dot".', "src": "data:image/gif;base64,R0lG"}]


def test_tex_that_is_not_understood_stays_readable():
    assert mathml(r"\nonsense{x < y}", block=False) == r"<code>\nonsense{x &lt; y}</code>"


def test_export_writes_a_page_per_notebook(tmp_path):
    path = tmp_path / "90_small.ipynb"
    path.write_text(nbformat.writes(new_notebook(cells=[new_markdown_cell("hello there")])))
    (written,) = export([path], tmp_path / "pages")
    assert written == tmp_path / "pages" / "90_small.html"
    assert "hello there" in written.read_text()
    assert "<title>90_small</title>" in written.read_text()
