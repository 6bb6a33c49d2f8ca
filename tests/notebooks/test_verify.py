"""Each fault that a notebook can have is found, and a sound one has none."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lecturelib import notebooks, stamp


@pytest.fixture
def notebook():
    shown = new_output("display_data", {"image/png": "AAAA"}, metadata={"image/png": {"alt": "A dot."}})
    cells = [
        new_markdown_cell('# Title\n![a dot](dot.png) <img src="a.png" alt="a dot">'),
        new_code_cell("x = 1", execution_count=1, outputs=[shown]),
        new_code_cell("y = 2", execution_count=2),
    ]
    files = ["__init__.py", "claims.py"]
    sound = new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    sound.metadata["lecturelib"] = {
        "profile": "cpu",
        "seconds": 60.0,
        "checks": 0,
        "code_sha256": stamp.code_sha256(sound),
        "lecturelib_sha256": stamp.library_sha256(files),
        "lecturelib_files": files,
    }
    return sound


def problems(notebook, path):
    path.write_text(nbformat.writes(notebook))
    return notebooks.verify([path])


def outputs(*made):
    def change(notebook):
        notebook.cells[1].outputs = list(made)

    return change


def edited(notebook):
    notebook.cells[1].source += " "


def silenced(notebook):
    notebook.cells[2] = new_markdown_cell(notebook.cells[2].source)


def reordered(notebook):
    notebook.cells.reverse()


def cleared(notebook):
    for cell in notebook.cells[1:]:
        cell.outputs, cell.execution_count = [], None


def half_cleared(notebook):
    notebook.cells[2].execution_count = None


def run_again_by_hand(notebook):
    notebook.cells[1].execution_count = 3


def unstamped(notebook):
    del notebook.metadata["lecturelib"]


def stamp_says(**entries):
    return lambda notebook: notebook.metadata["lecturelib"].update(entries)


def nameless(notebook):
    del notebook.metadata["kernelspec"]


def with_state(notebook):
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}


def fresh(cell):
    """Put a cell in and renew the hash, so that only the cell can be at fault."""

    def change(notebook):
        notebook.cells.append(cell)
        notebook.metadata["lecturelib"]["code_sha256"] = stamp.code_sha256(notebook)

    return change


VIEW = {stamp.VIEW: {"model_id": "x", "version_major": 2, "version_minor": 0}, "text/plain": "IntSlider()"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (edited, "stale"),
        (silenced, "stale"),
        (reordered, "stale"),
        (cleared, "a cell has not been run"),
        (half_cleared, "a cell has not been run"),
        (run_again_by_hand, "cells were run again by hand"),
        (stamp_says(checks=2), "0 claims in the outputs, 2 in the stamp"),
        (outputs(new_output("display_data", {stamp.CLAIM: {}})), "1 claims in the outputs, 0 in the stamp"),
        (unstamped, "unstamped"),
        (stamp_says(profile="smoke"), "run in the smoke profile"),
        (stamp_says(seconds=76.0), "it took 76 s"),
        (nameless, "no kernel is named"),
        (with_state, "widget state"),
        (outputs(new_output("display_data", VIEW)), "widget state"),
        (outputs(new_output("error", ename="ValueError", evalue="bad\nworse", traceback=[])), "ValueError: bad"),
        (outputs(new_output("display_data", {"image/png": "AAAA"})), "image/png without alt text"),
        (outputs(new_output("display_data", {"image/gif": "AAAA"})), "image/gif without alt text"),
        (outputs(new_output("stream", name="stderr", text="UserWarning: look out")), "a warning is shown: UserWarning"),
        (outputs(new_output("stream", name="stdout", text="x" * 1_100_000)), "too large: 1.10 MB"),
        (fresh(new_markdown_cell("![](dot.png)")), "no alt text: ![](dot.png)"),
        (fresh(new_markdown_cell('<img src="dot.png">')), "no alt text: <img"),
        (fresh(new_markdown_cell('<img src="dot.png" alt="">')), "no alt text: <img"),
        (fresh(new_code_cell("\n".join(["x = 1"] * 26), execution_count=3)), "26 lines of code"),
    ],
)
def test_each_fault_is_the_only_one_found(notebook, change, words, tmp_path):
    change(notebook)
    found = problems(notebook, tmp_path / "90_x.ipynb")
    assert len(found) == 1, found
    assert words in str(found[0])
    assert str(found[0]).startswith("90_x.ipynb: ")
    assert found[0].serious


def test_a_sound_notebook_has_no_fault(notebook, tmp_path):
    assert problems(notebook, tmp_path / "90_x.ipynb") == []


def test_an_error_that_is_meant_is_no_fault(notebook, tmp_path):
    outputs(new_output("error", ename="ValueError", evalue="bad", traceback=[]))(notebook)
    notebook.cells[1].metadata["tags"] = ["raises-exception"]
    assert problems(notebook, tmp_path / "90_x.ipynb") == []


def test_older_library_code_is_listed_apart(notebook, tmp_path):
    stamp_says(lecturelib_sha256="0" * 64)(notebook)
    (found,) = problems(notebook, tmp_path / "90_x.ipynb")
    assert "older library code" in found.words
    assert not found.serious


def test_a_broken_file_is_a_problem(tmp_path):
    path = tmp_path / "90_x.ipynb"
    path.write_text("{")
    (found,) = notebooks.verify([path])
    assert "not a notebook" in found.words


def test_library_hash_sees_content_and_absence():
    one = stamp.library_sha256(["claims.py"])
    assert one == stamp.library_sha256(["claims.py"])
    assert len({one, stamp.library_sha256(["runtime.py"]), stamp.library_sha256(["gone.py"])}) == 3


def test_a_better_word_in_the_prose_does_not_make_it_stale(notebook, tmp_path):
    notebook.cells[0].source += " And a dot."
    assert problems(notebook, tmp_path / "90_x.ipynb") == []


def test_an_empty_cell_need_not_be_run(notebook, tmp_path):
    fresh(new_code_cell(" \n"))(notebook)
    assert problems(notebook, tmp_path / "90_x.ipynb") == []
