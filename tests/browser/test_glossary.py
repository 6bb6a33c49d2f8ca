"""The words of the course in JupyterLab: a term's first use says what it means, and leads to its page."""

import pytest

from lecturelib import glossary, notebooks

FIND = """async text => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    const index = notebook.widgets.findIndex(
        cell => cell.model.type === 'markdown' && cell.model.sharedModel.source.includes(text));
    notebook.activeCellIndex = index;
    await notebook.scrollToItem(index, 'start');
}"""
TOP = """word => {
    const heading = [...document.querySelectorAll('.jp-MarkdownViewer h3')].find(e => e.textContent.startsWith(word));
    return heading ? heading.getBoundingClientRect().top : null;
}"""


# JupyterLab's own anchors keep capitals and the like
@pytest.mark.parametrize("word", ["mode collapse", "Fréchet distance", "Jensen's inequality"])
def test_a_term_leads_to_its_page(open_lab, word):
    (term,) = glossary(word).terms
    (path,) = notebooks.FOLDER.glob(f"{term.lecture:02}_*.ipynb")
    lab = open_lab(f"notebooks/{path.name}")
    lab.page.evaluate(FIND, f"README.md#{term.anchor} ")
    link = lab.page.locator(f'a[title="{term.definition}"]')
    link.wait_for(state="visible")
    link.click()
    lab.page.locator(".jp-MarkdownViewer h3").first.wait_for(state="attached")
    lab.page.wait_for_function(f"word => {{ const top = ({TOP})(word); return top > 0 && top < 400; }}", arg=word)
    shown = lab.page.locator(".jp-MarkdownViewer").inner_text()
    assert all(said in shown for said in (term.definition, term.vi, term.pl, term.nl))
    lab.screenshot("glossary")


def test_a_word_is_shown_in_place(open_cells):
    lab = open_cells('from lecturelib import glossary\nglossary("posterior", lang="pl")')
    lab.run_all()
    (output,) = lab.cells()[0]["outputs"]
    assert glossary("posterior").terms[0].pl in "".join(output["data"]["text/markdown"])
    assert lab.show(0).locator(".jp-RenderedMarkdown strong").first.inner_text() == "posterior"
