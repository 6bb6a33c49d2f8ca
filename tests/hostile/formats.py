"""Submissions whose notebook is not what a notebook should be: its metadata, its cells, its format, its bytes."""

import json
from collections.abc import Callable
from pathlib import Path

import nbformat
from submission import LAB, SCRIPT, Case, add, anything, cell, from_notebook, honest, in_functions, position, write


def _each_graded(change: Callable) -> Callable:
    def do(notebook) -> None:
        for one in notebook.cells:
            if "nbgrader" in one.metadata:
                change(one)

    return do


def _points(one) -> None:
    one.metadata.nbgrader.update(points=1000, grade=True)


def _renamed(one) -> None:
    if one.metadata.nbgrader.grade:
        one.metadata.nbgrader.grade_id = "pca"


def _unlocked(one) -> None:
    if one.metadata.nbgrader.locked:
        one.metadata.nbgrader.locked = False
        one.source = "pass" if one.cell_type == "code" else "nothing"


def _strange_values(one) -> None:
    one.metadata.nbgrader.update(schema_version=99, points="many", checksum=[], task="yes", grade=1.5)


def _strange_names(one) -> None:
    if one.id.startswith("check-"):
        one.metadata.nbgrader.grade_id = {"pca": [1], "codes": {}, "linear": "../../../x", "angles": None}.get(
            one.id.removeprefix("check-"), "x" * 10**5)  # fmt: skip


def _no_dict(one) -> None:
    if one.id.startswith("check-"):
        one.metadata["nbgrader"] = ["pca", 1000]


def _stripped(one) -> None:
    del one.metadata["nbgrader"]


def _all_stripped(notebook) -> None:
    notebook.metadata.clear()
    for one in notebook.cells:
        one.metadata.clear()


def _without_checks(notebook) -> None:
    notebook.cells = [c for c in notebook.cells if not c.id.startswith("check-")]


def _checks_everywhere(notebook) -> None:
    checks = [c for c in notebook.cells if c.id.startswith("check-")]
    notebook.cells = [*checks, *notebook.cells, *checks[::-1]]


def _copied(notebook) -> None:
    notebook.cells.insert(position(notebook, "write-pca"), cell(notebook, "write-pca").copy())


def _copied_and_emptied(notebook) -> None:
    second = cell(notebook, "write-pca").copy()
    second["source"] = "def pca(x, k):\n    raise NotImplementedError"
    notebook.cells.insert(position(notebook, "write-pca") + 1, second)


def _pasted_from_another(notebook) -> None:
    """The code of `codes` stands in a cell that claims to be pca's, beside the real one."""
    second = cell(notebook, "write-codes").copy()
    second["metadata"] = cell(notebook, "write-pca").metadata
    notebook.cells.insert(position(notebook, "write-codes"), second)


def _exchanged(notebook) -> None:
    one, other = cell(notebook, "write-pca"), cell(notebook, "write-codes")
    one.metadata, other.metadata = other.metadata, one.metadata


def _without(name: str) -> Callable:
    def do(notebook) -> None:
        del notebook.cells[position(notebook, name)]

    return do


def _as(kind: str) -> Callable:
    def do(notebook) -> None:
        at = position(notebook, "write-sparse")
        new = getattr(nbformat.v4, f"new_{kind}_cell")(notebook.cells[at].source)
        new.metadata, new.id = notebook.cells[at].metadata, notebook.cells[at].id
        notebook.cells[at] = new

    return do


def _given_changed(notebook) -> None:
    cell(notebook, "layers").source = "hidden = output = None"
    cell(notebook, "imports").source = "import os"


def _same_numbers(notebook) -> None:
    for one in notebook.cells:
        one.id = "same"


def _reversed(notebook) -> None:
    notebook.cells.reverse()


def _script_everywhere(notebook) -> None:
    """Text of the student's wherever a page might show it."""
    cell(notebook, "open").source = (
        f"{SCRIPT} <img src=x onerror=hostile()> [a](javascript:hostile()) ![p](http://192.0.2.1/hostile.png)\n"
        f"</pre></code></textarea></title>{SCRIPT}\n<iframe src='file:///etc/passwd'></iframe> $\\href{{data:}}{{x}}$"
    )
    notebook.metadata["title"] = notebook.metadata["authors"] = SCRIPT
    notebook.metadata["kernelspec"] = {"name": SCRIPT, "display_name": SCRIPT, "language": SCRIPT}
    new = add(notebook, f"raise ValueError({SCRIPT!r})  # {SCRIPT}", "imports")
    new.metadata["tags"] = [SCRIPT]
    new.outputs = [
        nbformat.v4.new_output("display_data", {"text/html": SCRIPT, "application/javascript": "hostile()",
                                                "image/svg+xml": f"<svg>{SCRIPT}</svg>", "text/markdown": SCRIPT}),
        nbformat.v4.new_output("error", ename=SCRIPT, evalue=SCRIPT, traceback=[SCRIPT]),
    ]  # fmt: skip


METADATA = [
    from_notebook("thousand-points", "metadata", _each_graded(_points)),
    from_notebook("all-checks-are-one", "metadata", _each_graded(_renamed)),
    from_notebook("unlocked-and-emptied", "metadata", _each_graded(_unlocked),
                  earned=anything()),  # the answers' cells are not locked, so they stay; which are given is the lab's
    from_notebook("values-of-strange-types", "metadata", _each_graded(_strange_values)),
    from_notebook("names-of-strange-types", "metadata", _each_graded(_strange_names), may_fail=True),
    from_notebook("no-dict", "metadata", _each_graded(_no_dict), may_fail=True),
    from_notebook("stripped-of-nbgrader", "metadata", _each_graded(_stripped)),
    from_notebook("stripped-of-everything", "metadata", _all_stripped, may_fail=True),
    from_notebook("without-check-cells", "metadata", _without_checks),
    from_notebook("check-cells-everywhere", "metadata", _checks_everywhere),
    from_notebook("copied-cell", "metadata", _copied),
    from_notebook("copied-cell-emptied", "metadata", _copied_and_emptied, earned={"pca": (0.0, 3.0)}),
    from_notebook("pasted-from-another", "metadata", _pasted_from_another),
    from_notebook("exchanged-cells", "metadata", _exchanged),
    from_notebook("deleted-cell", "metadata", _without("write-linear"), earned={"linear": 0},
                  lost={"linear": "not written"}),
    from_notebook("deleted-open-question", "metadata", _without("open")),
    from_notebook("answer-as-markdown", "metadata", _as("markdown"), earned={"sparse": 0},
                  lost={"sparse": "not written"}),
    from_notebook("answer-as-raw-text", "metadata", _as("raw"), earned={"sparse": 0}, lost={"sparse": "not written"}),
    from_notebook("given-cells-changed", "metadata", _given_changed),
    from_notebook("cells-with-one-id", "metadata", _same_numbers),
    from_notebook("cells-in-reverse", "metadata", _reversed, earned=anything()),
    from_notebook("scripts-everywhere", "pages", _script_everywhere, never_in_pages=(SCRIPT, "src=\"http://192.0.2.1")),
    in_functions("scripts-in-hints", "pages", {
        "pca": f"def pca(x, k):\n    raise ValueError({SCRIPT!r})",
        "diagnosis": f"def diagnosis():\n    return {{'A': {SCRIPT!r}, 'B': 'x', 'C': 'y'}}",
        "repair": f"repaired_loss = type({SCRIPT!r}, (), {{}})()",
    }, earned={"pca": 0, "diagnosis": 0, "repair": 0}, lost={"pca": "raised"}, never_in_pages=(SCRIPT,)),
    in_functions("formulas-in-hints", "pages", {
        "pca": "def pca(x, k):\n    raise ValueError('=HYPERLINK(\"http://192.0.2.1\")')",
        "diagnosis": "def diagnosis():\n    return {'A': '=1+1', 'B': '@x', 'C': '+y'}",
    }, earned={"pca": 0, "diagnosis": 0}, lost={"pca": "raised"}),
]  # fmt: skip


def from_content(name: str, content: Callable[[], str | bytes], earned=None, **expected) -> Case:
    """A case whose file holds what `content` gives, by default something that cannot be graded."""
    return Case(name, "format", lambda folder: write(folder, content()), earned, **expected)


def _text(change: Callable[[dict], object] | None = None) -> str:
    """The honest notebook as JSON, after `change` of what it holds; what that returns, if anything, stands for it."""
    values = json.loads(nbformat.writes(honest(pictures=False), version=4))
    changed = change(values) if change else None
    return json.dumps(values if changed is None else changed)


def _set(*path_and_value) -> Callable[[], str]:
    """Sets values[a][b]... = value."""
    *path, last, value = path_and_value

    def change(values: dict) -> None:
        for key in path:
            values = values[key]
        values[last] = value

    return lambda: _text(change)


def _deep_metadata(depth: int) -> str:
    nest = '{"a":' * depth + "1" + "}" * depth
    return _text().replace('"metadata": {}', f'"metadata": {{"deep": {nest}}}', 1)


def _bomb(cells: int) -> str:
    one = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": "pass"}
    return _text(lambda values: values["cells"].extend({**one, "id": f"c{i}"} for i in range(cells)))


def _older() -> str:
    return nbformat.writes(honest(pictures=False), version=3)


def _surrogates() -> str:
    text = _text().replace("import torch", r"x = '\ud800'  # \udfff\nimport torch")
    return text.replace("Copying", r"\ud800 \u0000 ")


FORMAT = [
    from_content("empty-file", lambda: ""),
    from_content("one-byte", lambda: b"\0"),
    from_content("zeros", lambda: bytes(10**5)),
    from_content("truncated", lambda: _text()[:5000]),
    from_content("no-json", lambda: _text().replace(":", "=", 5)),
    from_content("a-page-instead", lambda: f"<!DOCTYPE html><html>{SCRIPT}</html>", never_in_pages=(SCRIPT,)),
    from_content("a-program-instead", lambda: "import torch\n\ndef pca(x, k):\n    return x.mean(0), x[:k]\n"),
    from_content("a-zip-instead", lambda: b"PK\x03\x04" + bytes(2000)),
    from_content("top-level-list", lambda: _text(lambda values: values["cells"])),
    from_content("top-level-text", lambda: '"notebook"'),
    from_content("top-level-null", lambda: "null"),
    from_content("cells-are-a-dict", _set("cells", {"a": 1})),
    from_content("cells-are-null", _set("cells", None)),
    from_content("no-cells", lambda: _text(lambda values: values.pop("cells") and None)),
    from_content("no-cell-at-all", _set("cells", []), dict.fromkeys(anything(), 0.0), may_fail=True),
    from_content("a-cell-is-text", lambda: _text(lambda values: values["cells"].insert(0, "pass")), {}, may_fail=True),
    from_content("source-is-a-number", _set("cells", 1, "source", 5), {}, may_fail=True),
    from_content("source-is-a-list-of-numbers", _set("cells", 1, "source", [1, None, ["x"]]), {}, may_fail=True),
    from_content("cell-type-is-a-list", _set("cells", 1, "cell_type", []), {}, may_fail=True),
    from_content("cell-metadata-is-null", _set("cells", 1, "metadata", None), anything(), may_fail=True),
    from_content("metadata-is-text", _set("metadata", "x"), {}, may_fail=True),
    from_content("outputs-are-a-number", _set("cells", 1, "outputs", 3), {}, may_fail=True),
    from_content("format-2", _set("nbformat", 2), anything(), may_fail=True),
    from_content("format-3", _older, {}, may_fail=True),
    from_content("format-5", _set("nbformat", 5), {}, may_fail=True),
    from_content("format-is-text", _set("nbformat", "4"), {}, may_fail=True),
    from_content("format-is-huge", lambda: _text().replace('"nbformat": 4', '"nbformat": ' + "4" * 5000)),
    from_content("format-is-infinite", lambda: _text().replace('"nbformat": 4', '"nbformat": 1e999')),
    from_content("another-lab", _set("metadata", "lecturelib", {"lab": "lab01", "sha256": "0" * 64})),
    from_content("lab-of-strange-type", _set("metadata", "lecturelib", ["lab02"]), {}, may_fail=True),
    from_content("lab-is-a-path", _set("metadata", "lecturelib", "lab", "../lab02"), {}, may_fail=True),
    from_content("release-of-another-year", _set("metadata", "lecturelib", "sha256", "0" * 64), {}, may_fail=True),
    from_content("utf-16", lambda: _text().encode("utf-16"), {}, may_fail=True),
    from_content("byte-order-mark", lambda: b"\xef\xbb\xbf" + _text().encode(), {}, may_fail=True),
    from_content("latin-1", lambda: _text().encode().replace(b"Copying", b"K\xf6pfe")),
    from_content("zero-bytes-within", lambda: _text().replace("Copying", "\0\0\0").replace("\\u0000", "\0")),
    from_content("lone-surrogates", _surrogates, {}, may_fail=True),
    from_content("too-large", lambda: _text() + " " * 30 * 10**6),
    from_content("large-pictures-within", lambda: _text(lambda values: values["cells"][1]["outputs"].append(
        {"output_type": "display_data", "metadata": {}, "data": {"image/png": "A" * 10**7}})), {}),
    from_content("many-cells", lambda: _bomb(20_000), anything(), may_fail=True),
    from_content("metadata-nested-deeply", lambda: _deep_metadata(100_000)),
    from_content("metadata-nested-a-little", lambda: _deep_metadata(800), {}, may_fail=True),
    from_content("names-given-twice", lambda: _text()[:-1] + ', "cells": []}', anything(), may_fail=True),
    from_content("one-long-line", lambda: _text(lambda values: values["cells"].append(
        {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "id": "long",
         "source": "x = 1" + " + 1" * 10**5})), {}),
    from_content("one-deep-expression", lambda: _text(lambda values: values["cells"].append(
        {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "id": "deep",
         "source": "x = " + "(" * 10**5 + "1" + ")" * 10**5})), {}),
]  # fmt: skip


def _beside(folder: Path) -> None:
    """Files that would take over an import, a start-up or the checks, were they laid beside the notebook."""
    write(folder, honest(pictures=False))
    for name in ("torch.py", "json.py", "numpy.py", "checks.py", "sitecustomize.py", "ipython_config.py", "conftest.py",
                 "lecturelib.py", "nbgrader_config.py", "x.pth", "pyproject.toml", "course.toml", f"{LAB}.py"):
        (folder / name).write_text("import os\nos._exit(0)\n")


CASES = [*METADATA, *FORMAT, Case("files-beside-the-notebook", "format", _beside)]
