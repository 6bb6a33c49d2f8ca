"""Notebooks as single web pages that ask nothing of the network: pictures inside, formulas as MathML."""

import copy
import html
import re
from collections.abc import Sequence
from pathlib import Path

from jinja2 import DictLoader, pass_context
from math_core import LatexError, LatexToMathML
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from lecturelib.checkpoint import write_atomically
from lecturelib.notebooks import find, read
from lecturelib.stamp import PICTURES, clean
from lecturelib.terms import PAGE

# JupyterLab's template without what it would fetch: require.js, MathJax, Mermaid.
TEMPLATE = """{% extends "lab/index.html.j2" %}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
"""


def mathml(tex: str, block: bool) -> str:
    """A formula as MathML, which browsers draw by themselves; TeX that is not understood stays readable TeX."""
    try:
        return LatexToMathML(annotation=True).convert_with_local_state(tex.strip(), displaystyle=block)
    except LatexError:
        return f"<code>{html.escape(tex.strip())}</code>"


class _Renderer(IPythonRenderer):
    def inline_math(self, body: str) -> str:
        return mathml(body, block=False)

    def block_math(self, body: str) -> str:
        return mathml(body, block=True)

    def latex_environment(self, name: str, body: str) -> str:
        return mathml(f"\\begin{{{name}}}{body}\\end{{{name}}}", block=True)

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """A word of the glossary, whose page is not at hand, says what it means."""
        if url.startswith(PAGE):
            return f'<abbr title="{html.escape(html.unescape(title or ""))}">{text}</abbr>'
        return super().link(text, url, title)


def _without_bars(row: str) -> str:
    # in a row of a table the converter takes every bar for the end of a cell; JupyterLab does not
    return re.sub(r"\$[^$]+\$", lambda tex: tex[0].replace(r"\|", r"\Vert ").replace("|", r"\vert "), row)


@pass_context
def _markdown(context, source: str) -> str:
    source = re.sub(r"^\|.*$", lambda row: _without_bars(row[0]), source, flags=re.MULTILINE)
    cell, resources = context.get("cell", {}), context.get("resources", {})
    renderer = _Renderer(
        escape=False, embed_images=True, path=resources["metadata"]["path"], attachments=cell.get("attachments", {})
    )
    return MarkdownWithMath(renderer=renderer).render(source)


def page(notebook: NotebookNode, title: str, folder: str | Path = ".") -> str:
    """One HTML page of a notebook with its outputs; `folder` is where its markdown finds pictures."""
    notebook = copy.deepcopy(notebook)
    clean(notebook)
    notebook.metadata["title"] = title
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for kind in [kind for kind in output.get("data", {}) if kind in PICTURES and kind != "image/svg+xml"]:
                alt = html.escape(output.metadata.get(kind, {}).get("alt", ""))
                # the template knows neither GIFs nor alt texts
                output.data["text/html"] = f'<img alt="{alt}" src="data:{kind};base64,{output.data[kind].strip()}">'
    exporter = HTMLExporter(extra_loaders=[DictLoader({"offline.html.j2": TEMPLATE})], template_file="offline.html.j2")
    exporter.register_filter("markdown2html", _markdown)
    resources = {"metadata": {"name": title, "path": str(folder)}}
    return exporter.from_notebook_node(notebook, resources)[0]


def export(names: Sequence[str | Path] = (), folder: str | Path = "pages") -> list[Path]:
    """Write notebooks as they are, named as for `find`, to `folder`/NAME.html; returns the files."""
    written = []
    for path in find(names):
        target = Path(folder) / f"{path.stem}.html"
        write_atomically(target, page(read(path), path.stem, path.parent).encode())
        written.append(target)
    return written
