"""The instructor's notebook with the student's sources: what is run, what counts, and what is flagged."""

import copy
import json
import re

import nbformat
import pytest
from handed_in import ANSWERS, LAB, ROOT, at, bare, cell, graft, handed_in
from nbformat.v4 import new_markdown_cell, new_raw_cell
from nbgrader.utils import compute_checksum

from lecturelib.grading.reading import names_in
from lecturelib.grading.transplant import LabError, LabSource, TransplantError, lab_source, transplant

STUB = {c.id: c.source for c in LAB.notebook.cells}
GIVEN = [c.metadata.nbgrader.grade_id for c in LAB.notebook.cells if c.metadata.get("nbgrader", {}).get("locked")
         and not c.metadata.nbgrader.grade]  # fmt: skip


def steps(result, *kinds: str) -> dict[str, str]:
    return {step.id: step.source for step in result.steps if step.kind in kinds}


def test_the_released_lab_is_read():
    assert LAB.open_questions == {"open": 5.0}
    assert LAB.release == LAB.notebook.metadata.lecturelib.sha256 != ""
    with pytest.raises(LabError, match="there is no lab 'lab99' in .*; there are: lab01, lab02"):
        lab_source(ROOT, "lab99")


def test_a_lab_that_is_not_released_is_named(tmp_path):
    (tmp_path / "solutions" / "lab02").mkdir(parents=True)
    (tmp_path / "solutions" / "lab02" / "lab02.ipynb").write_text("{}")
    with pytest.raises(LabError, match="run `lecturelib release lab02`"):
        lab_source(tmp_path, "lab02")
    (tmp_path / "labs" / "lab02").mkdir(parents=True)
    (tmp_path / "labs" / "lab02" / "lab02.ipynb").write_text("{")
    with pytest.raises(LabError, match="cannot be read"):
        lab_source(tmp_path, "lab02")


def test_the_untouched_lab_changes_nothing():
    result = graft(LAB.notebook)
    assert result.flags == []
    assert result.notebook == LAB.notebook
    assert result.answered == {"open": False}
    assert result.sources == {name: STUB[name] for name in ANSWERS}
    assert result.release == LAB.release
    assert [s.id for s in result.steps if s.kind == "given"] == GIVEN
    assert all(s.kind in ("given", "solution") for s in result.steps)


def test_the_honest_submission():
    result = graft(handed_in())
    assert result.flags == []
    assert result.answered == {"open": True}
    assert result.sources == ANSWERS
    assert steps(result, "solution") == {k: v for k, v in ANSWERS.items() if k != "open"}
    order = [s.id for s in result.steps]
    names = [c.metadata.get("nbgrader", {}).get("grade_id") for c in LAB.notebook.cells]
    assert order == [name for name in names if name in order]
    assert not any("check(" in s.source for s in result.steps)


def test_the_teachers_own_notebook_is_a_submission():
    result = transplant((ROOT / "solutions" / "lab02" / "lab02.ipynb").read_bytes(), LAB)
    assert result.flags == ["the notebook does not say which lab it is"]
    assert result.answered == {"open": True}
    assert result.release == ""
    assert len(result.steps) == len(graft(LAB.notebook).steps)


def test_cells_of_the_students_own_stay_where_they_were():
    notebook = handed_in()
    placed = ("write-pca", "a = 1"), ("write-pca", "# only words\n\n"), ("pca-text", "b = 2"), ("title", "")
    for after, source in placed:
        notebook.cells.insert(at(notebook, after) + 1, bare(source))
    notebook.cells.insert(0, bare("%matplotlib inline"))
    notebook.cells.append(bare("c = 3"))
    cell(notebook, "pca-picture").source += "\nd = 4"
    cell(notebook, "sparse-picture").source += "\n# said and not done"
    result = graft(notebook)
    order = [s.source for s in result.steps if s.kind != "given"]
    assert order[:4] == ["%matplotlib inline", "b = 2", ANSWERS["write-pca"], "a = 1"]
    assert order[-1] == "c = 3"
    assert list(steps(result, "changed")) == ["pca-picture"]
    assert len(steps(result, "extra")) == 4
    assert result.flags == []
    sources = [c.source for c in result.notebook.cells]
    assert sources.index("a = 1") == sources.index(ANSWERS["write-pca"]) + 2  # the comment stands between
    assert cell(result.notebook, "sparse-picture").source.endswith("# said and not done")
    nbformat.validate(result.notebook)
    assert len({c.id for c in result.notebook.cells}) == len(result.notebook.cells)


def test_an_extra_cell_takes_no_id_that_the_lab_has():
    lab = LabSource("lab02", copy.deepcopy(LAB.notebook))
    cell(lab.notebook, "pca-picture").id = "extra-1"
    notebook = handed_in()
    notebook.cells.append(bare("a = 1"))
    assert list(steps(graft(notebook, lab), "extra")) == ["extra-2"]


def tampered(change) -> list[str]:
    notebook = handed_in()
    change(notebook)
    result = graft(notebook)
    assert {k: v for k, v in result.sources.items() if k != "open"} == {k: v for k, v in ANSWERS.items() if k != "open"}
    assert steps(result, "given") == steps(graft(LAB.notebook), "given")
    for mine, theirs in zip(LAB.notebook.cells, result.notebook.cells, strict=True):
        assert mine.metadata == theirs.metadata
        if mine.metadata.get("nbgrader", {}).get("locked"):
            assert mine.source == theirs.source
            assert theirs.metadata.nbgrader.checksum == compute_checksum(theirs)
    return result.flags


def renamed(notebook):
    cell(notebook, "check-pca").metadata.nbgrader.grade_id = "codes"


def without(*names):
    def change(notebook):
        notebook.cells = [c for c in notebook.cells if c.id not in names]

    return change


def edited(name, **values):
    return lambda notebook: cell(notebook, name).metadata.nbgrader.update(values)


def sourced(name, source):
    return lambda notebook: cell(notebook, name).update(source=source)


def doubled(name):
    return lambda notebook: notebook.cells.insert(0, copy.deepcopy(cell(notebook, name)))


def all_stripped(notebook):
    for one in notebook.cells:
        one.metadata.clear()


TAMPERED = [
    (without("check-pca"), ["the cell check-pca was deleted"]),
    (without("check-pca", "open"), ["2 cells were deleted: check-pca, open"]),
    (without("title", "pca-picture", "references"), []),
    (sourced("check-pca", "pass"), ["the cell check-pca was changed; the instructor's was used"]),
    (sourced("imports", "import os"), ["the cell given-imports was changed; the instructor's was used"]),
    (edited("check-pca", points=1000), ["the points of check-pca were edited"]),
    (edited("check-pca", points=[{}]), ["the points of check-pca were edited"]),
    (edited("write-pca", locked=True), ["the metadata of write-pca were edited"]),
    (edited("write-pca", grade="yes", checksum=3, schema_version=None), ["the metadata of write-pca were edited"]),
    (edited("write-pca", grade_id="nothing"), ["the metadata of write-pca were edited"]),
    (edited("write-pca", grade_id={"a": []}), ["the metadata of write-pca were edited"]),
    (renamed, ["the metadata of check-pca were edited"]),
    (doubled("check-pca"), ["the cell check-pca is there twice"]),
    (doubled("write-pca"), ["the cell write-pca is there twice"]),
    (lambda notebook: notebook.cells.reverse(), ["the lab's cells are in another order"]),
]


@pytest.mark.parametrize(("change", "flags"), TAMPERED)
def test_tampering_changes_nothing_and_is_flagged(change, flags):
    if change.__qualname__.startswith("doubled"):  # two of the same: one is run as a cell of the student's own
        notebook = handed_in()
        change(notebook)
        result = graft(notebook)
        assert result.sources == ANSWERS
        assert set(flags) <= set(result.flags)
    else:
        assert tampered(change) == flags


def test_stripped_metadata_are_made_up_for_by_ids():
    (flag,) = tampered(all_stripped)
    assert re.match(r"the metadata of 29 cells were edited: given-imports, .* and 23 more", flag)


def test_a_cell_without_its_id_is_known_by_its_metadata():
    def change(notebook):
        for one in notebook.cells:
            del one["id"]

    assert tampered(change) == []


STUBS = "def encode(x, mean, components):\n    raise NotImplementedError"


def with_cells(*placed: tuple[str, str], left: tuple[str, ...] = (), gone: tuple[str, ...] = ()):
    """Handed in with bare cells behind others; some solution cells left as released, some deleted."""
    notebook = handed_in(*(set(ANSWERS) - set(left)))
    for after, source in placed[::-1]:
        notebook.cells.insert(at(notebook, after) + 1, bare(source))
    without(*gone)(notebook)
    return graft(notebook)


def run(result) -> dict:
    """What the steps define, one after the other, each def standing for its first line of body."""
    defined = {}
    for step in result.steps:
        for name in names_in(step.source):
            defined[name] = step.source
    return defined


def test_a_deleted_solution_cell_leaves_the_stub():
    result = with_cells(gone=("write-pca",))
    assert steps(result, "solution")["write-pca"] == STUB["write-pca"] == result.sources["write-pca"]
    assert result.flags == ["the cell write-pca was deleted"]
    assert cell(result.notebook, "write-pca").source == STUB["write-pca"]


@pytest.mark.parametrize("after", ["title", "pca-text", "pca-picture", "references"])
@pytest.mark.parametrize("how", ["gone", "left"])
def test_functions_in_a_cell_of_the_students_own_are_not_hidden_by_the_stub(after, how):
    result = with_cells((after, ANSWERS["write-pca"]), **{how: ("write-pca",)})
    assert run(result)["pca"] == ANSWERS["write-pca"]
    assert steps(result, "solution")["write-pca"] == STUB["write-pca"]  # what else the stub holds is there
    assert result.sources["write-pca"] == ANSWERS["write-pca"]
    assert "what belongs into the cell write-pca stands in another one" in result.flags


def test_functions_in_other_cells_of_the_lab_count_too():
    notebook = handed_in(*(set(ANSWERS) - {"write-codes"}))
    cell(notebook, "write-pca").source += "\n\n\n" + ANSWERS["write-codes"]
    result = graft(notebook)
    assert run(result)["encode"] == run(result)["decode"] == cell(notebook, "write-pca").source
    assert result.sources["write-codes"] == cell(notebook, "write-pca").source


def test_a_cell_split_in_two_is_one_answer():
    encode, decode = ANSWERS["write-codes"].split("\n\n\n")
    notebook = handed_in()
    first = cell(notebook, "write-codes")
    second = copy.deepcopy(first)
    first.source, second.source, second.id = encode, decode, "other"
    notebook.cells.insert(at(notebook, "write-codes") + 1, second)
    result = graft(notebook)
    assert (run(result)["encode"], run(result)["decode"]) == (encode, decode)
    assert result.sources["write-codes"] == ANSWERS["write-codes"]
    del second.metadata["nbgrader"]
    result = graft(notebook)
    assert (run(result)["encode"], run(result)["decode"]) == (encode, decode)
    assert result.sources["write-codes"] == f"{decode}\n\n\n{encode}"


@pytest.mark.parametrize(
    ("copies", "counts", "extra"),
    [
        ([STUB["write-pca"], "R"], "R", []),
        (["R", STUB["write-pca"]], "R", []),
        (["R", "S"], "S", ["R"]),
        (["R", STUB["write-pca"], "S", "# nothing"], "S", ["R"]),
        (["h", "R"], "R", ["h"]),
        (["R", "h"], "R", ["h"]),
        (["h", "g"], "g", ["h"]),
        (["", STUB["write-pca"]], STUB["write-pca"], []),
    ],
)
def test_of_several_copies_the_last_that_was_written_counts(copies, counts, extra):
    texts = {"R": "def pca(x, k):\n    return 1", "S": "def pca(x, k):\n    return 2", "h": "def helper():\n    pass",
             "g": "def other():\n    pass"}  # fmt: skip
    notebook = handed_in()
    place = at(notebook, "write-pca")
    original = notebook.cells.pop(place)
    for source in copies[::-1]:
        one = copy.deepcopy(original)
        one.source = texts.get(source, source)
        notebook.cells.insert(place, one)
    result = graft(notebook)
    assert steps(result, "solution")["write-pca"] == texts.get(counts, counts)
    assert list(steps(result, "extra").values()) == [texts[e] for e in extra]
    order = [s.source for s in result.steps if s.source in texts.values()]
    assert order == [texts[c] for c in copies if c in texts]  # as run from top to bottom
    assert any("write-pca is there twice" in flag for flag in result.flags)
    assert any("several copies" in flag for flag in result.flags) == bool(extra)


def test_a_copy_of_a_given_cell_is_the_students_own_once_written_in():
    notebook = handed_in()
    second = copy.deepcopy(cell(notebook, "imports"))
    second.source, second.id = "import math", "mine"
    notebook.cells.insert(at(notebook, "imports") + 1, second)
    assert list(steps(graft(notebook), "extra").values()) == ["import math"]


def test_the_open_question():
    def answer(change):
        notebook = handed_in()
        change(notebook)
        result = graft(notebook)
        return result.answered["open"], result.sources["open"]

    for source in ("", "  \n", STUB["open"], f"\n{STUB['open']}  "):
        assert answer(sourced("open", source))[0] is False
    assert answer(sourced("open", "Yes.")) == (True, "Yes.")
    assert answer(without("open")) == (False, STUB["open"])

    def below(notebook):
        cell(notebook, "open").source = STUB["open"]
        notebook.cells.insert(at(notebook, "open") + 1, bare("Below.", new_markdown_cell))

    assert answer(below) == (True, "Below.")

    def instead(notebook):
        notebook.cells[at(notebook, "open")] = bare("Instead.", new_markdown_cell)

    assert answer(instead) == (True, "Instead.")

    def raw(notebook):
        one = new_raw_cell("Raw.", metadata=cell(notebook, "open").metadata)
        notebook.cells[at(notebook, "open")] = one

    assert answer(raw) == (True, "Raw.")


def broken(change) -> bytes:
    values = json.loads(json.dumps(handed_in()))
    changed = change(values)
    return json.dumps(values if changed is None else changed).encode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"\0", "no valid JSON"),
        (b"<html>", "no valid JSON"),
        (b"{", "no valid JSON"),
        ('{"a": "é"}'.encode("latin-1"), "not written in UTF-8"),
        (b'{"a": 1}', "its JSON is something else"),
        (b"[]", "its JSON is something else"),
        (b"null", "its JSON is something else"),
        (b'"notebook"', "its JSON is something else"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"nbformat":4,"metadata":' + b'{"a":' * 99_999 + b"1" + b"}" * 99_999 + b"}", "nested too deeply"),
        (broken(lambda v: v.update(nbformat=3)), "a notebook of format 3: save it from JupyterLab, as format 4"),
        (broken(lambda v: v.update(nbformat=5)), "a notebook of format 5"),
        (broken(lambda v: v.update(nbformat="4")), "unknown format"),
        (broken(lambda v: v.update(nbformat=True)), "unknown format"),
        (broken(lambda v: v.update(nbformat=float("inf"))), "format inf"),
        (json.dumps(handed_in()).encode().replace(b'"nbformat": 4', b'"nbformat": ' + b"4" * 9999), "format inf"),
        (broken(lambda v: v.update(cells=None)), "without cells"),
        (broken(lambda v: v.update(cells={"a": 1})), "without cells"),
        (broken(lambda v: v.update(cells=[])), "without cells"),
        (broken(lambda v: v["cells"].extend([{}] * 2000)), "at most 2,000 are read"),
        (broken(lambda v: v["cells"].append({"cell_type": "code", "source": "x" * 1_000_001})), "more than 1 million"),
        (broken(lambda v: v["cells"].extend([{"cell_type": "raw", "source": "x" * 900_000}] * 6)), "than 5 million"),
        (broken(lambda v: v["metadata"].update(lecturelib={"lab": "lab01"})), "not lab02: .* it is 'lab01'"),
        (broken(lambda v: v["metadata"].update(lecturelib={"lab": "a\n" * 99})), r"not lab02: .* it is 'a\\\\n"),
        (broken(lambda v: v.update(metadata={}, cells=v["cells"][:5])), "this is not lab02"),
        (json.dumps(new_markdown_cell("x") | {"nbformat": 4, "cells": [bare("x")]}).encode(), "this is not lab02"),
    ],
)
def test_what_is_no_notebook_of_the_lab_gets_one_line(data, words):
    with pytest.raises(TransplantError, match=words) as caught:
        transplant(data, LAB)
    assert "\n" not in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


TOLERATED = {
    "no metadata": (lambda v: v.update(metadata={}), "the notebook does not say which lab it is"),
    "metadata is text": (lambda v: v.update(metadata="x"), "the notebook does not say which lab it is"),
    "lab is a list": (lambda v: v["metadata"].update(lecturelib=["lab02"]), "does not say which lab"),
    "another release": (lambda v: v["metadata"]["lecturelib"].update(sha256="0"), "made from another release of the"),
    "release is a number": (lambda v: v["metadata"]["lecturelib"].update(sha256=7), "made from another release"),
    "cells of no type": (
        lambda v: v["cells"].extend(["x", None, [], {}, {"cell_type": [], "source": ""}, {"cell_type": "code"},
                                     {"cell_type": "code", "source": 5}, {"cell_type": "x", "source": ""},
                                     {"cell_type": "code", "source": ["a", 1]}]),
        "cells that are none, and were left out: 9",
    ),
    "sources as lists": (
        lambda v: [c.update(source=c["source"].splitlines(keepends=True)) for c in v["cells"]] and None, ""),
    "carriage returns": (
        lambda v: [c.update(source=c["source"].replace("\n", "\r\n")) for c in v["cells"]] and None, ""),
    "unknown keys": (lambda v: [c.update(x={"y": [1]}, id=7) for c in v["cells"]] and v.update(orig_nbformat=3), ""),
    "metadata of cells": (lambda v: v["cells"].append({"cell_type": "code", "source": "", "metadata": None}), ""),
    "outputs": (lambda v: [c.update(outputs=x) for c, x in zip(v["cells"], [3, "x", {}, None, [1, [], {}]] * 9,
                                                               strict=False)] and None, ""),
    "attachments": (lambda v: [c.update(attachments=3) for c in v["cells"]] and None, ""),
    "numbers": (lambda v: v["metadata"].update(a=float("nan"), b=float("-inf"), c=10**15), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLERATED)
def test_what_does_not_matter_is_tolerated(name):
    change, flag = TOLERATED[name]
    for data in (broken(change), b"\xef\xbb\xbf" + broken(change)):
        result = transplant(data, LAB)
        assert result.sources == ANSWERS
        assert [flag in said for said in result.flags] == [True] * bool(flag)


def test_numbers_and_characters_that_cannot_be_written_do_no_harm():
    notebook = handed_in()
    cell(notebook, "open").source = "\ud800 \0 \U0001f600"
    notebook.cells.append({"cell_type": "code", "source": "x = '\ud800\0'", "metadata": {}})
    text = json.dumps(notebook).replace("{", '{"number": ' + "9" * 5000 + ",", 1)
    result = transplant(text.encode(), LAB)
    assert result.steps[-1].source == "x = '\ufffd\ufffd'"
    assert result.sources["open"] == "\ufffd \ufffd \U0001f600"
    nbformat.writes(result.notebook).encode()
    json.dumps(result.sources, ensure_ascii=False).encode()


def test_names_are_read_from_lines_not_parsed():
    source = "a, b = 1, 2\nc: int = 3\nif a == b:\n    d = 4\nasync def e(): pass\nclass F:\n    def g(self): pass\n"
    source += "h == i\nj += 1"
    assert names_in(source) == {"a", "b", "c", "e", "F"}
    assert names_in("(" * 10**5 + "\ndef f(:\n" + "x" * 10**5) == {"f"}


def test_what_was_added_to_a_locked_cell_is_there_and_its_own_definitions_are_the_instructors():
    notebook = handed_in()
    cell(notebook, "layers").source = "import math\n\n\ndef hidden(x, W, b):\n    return 0"
    found = [step for step in graft(notebook).steps if step.id.endswith("given-layers")]
    assert [(step.id, step.kind) for step in found] == [("changed-given-layers", "changed"), ("given-layers", "given")]
    names: dict = {}
    for step in found:
        exec("import torch\nfrom torch import Tensor\n" + step.source, names)
    assert "math" in names
    assert names["hidden"].__annotations__  # the instructor's has them
