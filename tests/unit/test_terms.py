"""The words of the course: the file, what `glossary` finds, the pages, and the links in the notebooks."""

import importlib.util
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from lecturelib import glossary
from lecturelib.terms import LANGUAGES, in_table, pieces, terms

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("tools_glossary", ROOT / "tools" / "glossary.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_enough_and_each_is_whole():
    assert len(terms()) >= 150
    assert f"\n{len(terms())} technical terms" in (ROOT / "README.md").read_text(encoding="utf-8")
    for term in terms():
        assert all(term.said(lang).strip() for lang in LANGUAGES), term
        assert term.definition.endswith("."), term
        assert len(term.definition) <= 120, term
        assert '"' not in term.definition, term
        assert not set("\n$`[]") & set(term.definition), term
        assert len([*(ROOT / "notebooks").glob(f"{term.lecture:02}_*.ipynb")]) == 1, term
    assert {term.lecture for term in terms()} == set(range(1, 24))


def test_no_word_stands_for_two_terms():
    words = Counter(word.lower() for term in terms() for word in {term.en, *term.forms})
    assert not [word for word, count in words.items() if count > 1]
    assert len({term.anchor for term in terms()}) == len(terms())


def test_the_words_are_written_in_their_languages():
    """Most Vietnamese, and many Polish words, have marks; a column in the wrong place would not."""
    marked = {lang: sum(not term.said(lang).isascii() for term in terms()) / len(terms()) for lang in LANGUAGES}
    assert marked["vi"] > 0.8
    assert 0.3 < marked["pl"] < 0.9
    assert marked["nl"] < 0.15
    assert marked["en"] < 0.05


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_word_is_found_in_every_language(lang):
    shared = Counter(part for term in terms() for part in pieces(term.said(lang)))
    for term in terms():
        whole = term.said(lang)
        for word in (whole, f" {whole.upper()} ", *(part for part in pieces(whole) if shared[part] == 1)):
            assert glossary(word).terms == (term,), word
    assert sum(count > 1 for count in shared.values()) < 5


def test_a_word_is_shown_in_the_language_that_was_asked_for():
    (term,) = glossary("posterior").terms
    shown = glossary("Posterior", lang="pl")
    assert repr(shown) == f"posterior; {term.pl} (polski): {term.definition} (lecture {term.lecture:02})"
    assert term.vi not in shown._repr_markdown_()
    assert all(
        word in glossary("posterior")._repr_markdown_()
        for word in (term.vi, term.pl, term.nl, in_table(term.definition))
    )
    assert term.nl in repr(glossary("posteriors", lang=["vi", "nl"]))
    assert repr(glossary("posterior", lang="en")).startswith("posterior: ")
    table = glossary(lang="nl")._repr_markdown_().splitlines()
    assert len(table) == len(terms()) + 2
    assert {row.count(" | ") for row in table} == {3}


def test_marks_may_be_left_out():
    assert glossary("rozklad a posteriori").terms == glossary("posterior").terms


def test_other_spellings_are_found():
    assert glossary("batch normalization").terms == glossary("batch normalisation").terms
    assert glossary("độ chính xác").terms == glossary("accuracy").terms
    assert glossary("RNN").terms == glossary("recurrent network").terms


def test_what_is_not_there_is_said_with_what_is_near():
    with pytest.raises(ValueError, match="did you mean .*posterior"):
        glossary("posteriour")
    with pytest.raises(ValueError, match="shows all") as error:
        glossary("qqqqqqqqqqqq")
    assert len(str(error.value)) < 200
    with pytest.raises(ValueError, match="language of the glossary 'de'"):
        glossary("posterior", lang="de")


def test_pages_are_those_of_the_file(tool):
    for path, text in tool.pages().items():
        assert path.read_text(encoding="utf-8") == text, f"run `python tools/glossary.py`: {path} differs"


def test_links_are_those_of_the_file(tool):
    texts, lost = tool.notebooks()
    assert not lost
    linked = Counter()
    for path, text in texts.items():
        assert path.read_text(encoding="utf-8") == text, f"run `python tools/glossary.py`: {path} differs"
        sources = ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
        linked.update(anchor for source in sources for _, anchor, _ in tool.LINK.findall(source))
    assert linked == Counter(term.anchor for term in terms())  # each once


def test_headings_of_the_page_have_the_anchors(tool):
    (page,) = (text for path, text in tool.pages().items() if path.name == "README.md")
    headings = re.findall(r"^### (.+)$", page, re.MULTILINE)
    assert headings == [term.en for term in terms()]


def test_no_link_stands_in_mathematics_code_or_links(tool):
    (term,) = glossary("posterior").terms
    for closed in (
        "$posterior$",
        "$$\nposterior\n$$",
        "`posterior`",
        "[a posterior](there)",
        "# posterior",
        "<posterior>",
        '[a](b "p(x) and the posterior")',
    ):
        assert tool.place(term, closed) is None
        found = tool.place(term, f"{closed}\n\nthe Posterior is")
        assert found[0] == "Posterior"
    assert tool.place(term, "a-posterior and posteriorly") is None


def test_a_link_can_be_taken_away_again(tool):
    cell = {"cell_type": "markdown", "source": ["The **posterior** of\n", "x.\n", "\n", "## References\n", "posterior"]}
    notebook = {"cells": [json.loads(json.dumps(cell))]}
    (term,) = glossary("posterior").terms
    assert tool.relinked(notebook, [term]) == []
    text = "".join(notebook["cells"][0]["source"])
    assert text.startswith(
        f'The **[posterior](../docs/glossary/README.md#posterior "{in_table(term.definition)}")** of\nx.'
    )
    assert text.endswith("References\nposterior")
    assert tool.relinked(notebook, [term]) == []
    assert "".join(notebook["cells"][0]["source"]) == text
    assert tool.relinked(notebook, []) == []
    assert notebook["cells"][0] == cell
    assert tool.relinked({"cells": [cell]}, [glossary("encoder").terms[0]]) == [glossary("encoder").terms[0]]
