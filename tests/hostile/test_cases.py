"""The generators of hostile and honest submissions: every one makes what it says, the same each time."""

import collections
import io
import json
import os
import random
import re

import nbformat
import pytest
import submission
from cases import CASES, MARKERS, POINTS, PROOF, Case, complaints
from cases import honest as solved
from honest import as_file, edited, failures, honest_submissions
from planted import leaks, plant
from variants import renamed, variants

from lecturelib.grading.calling import Caller
from lecturelib.grading.exercises import exercises_of, generator, run
from lecturelib.grading.records import Item, Record

CHECKS = exercises_of(submission.COURSE / "solutions" / "lab02" / "checks.py")
GROUPS = collections.Counter(case.group for case in CASES)


@pytest.fixture
def course(tmp_path):
    (tmp_path / "course.toml").touch()
    return tmp_path


def record(**scores: float) -> Record:
    items = [Item(name, name, False, scores.get(name, most), most, "late" if name in scores else "passed", "no answer")
             for name, most in POINTS.items()]  # fmt: skip
    return Record("lab02", "x", items=items)


def test_names_are_unique_and_groups_are_large():
    assert len({case.name for case in CASES}) == len(CASES) >= 75
    assert min(GROUPS.values()) >= 3
    assert len(GROUPS) >= 15


@pytest.mark.parametrize("group", GROUPS)
def test_every_case_writes_something(group, course):
    for case in (c for c in CASES if c.group == group):
        folder = course / "submitted" / case.name / "lab02"
        case.make(folder)
        assert os.path.lexists(folder)
        if group not in ("special", "links"):
            assert (folder / "lab02.ipynb").is_file(), case.name


def test_a_hostile_notebook_holds_its_attack_beside_the_solution(course):
    released = nbformat.read(submission.COURSE / "labs" / "lab02" / "lab02.ipynb", as_version=4)
    for case in CASES:
        if case.group in ("format", "special", "links", "names", "metadata"):
            continue
        case.make(course / case.name)
        cells = json.loads((course / case.name / "lab02.ipynb").read_text())["cells"]
        assert {c.id for c in released.cells} <= {c["id"] for c in cells}, case.name
        assert [c["source"] for c in cells] != [c.source for c in solved(pictures=False).cells], case.name
        assert "COURSE_ROOT" not in "".join(c["source"] for c in cells), case.name


def test_hostile_code_can_be_compiled():
    """A slip in an attack would make it harmless; those that are no Python are broken on purpose."""
    from IPython.core.inputtransformer2 import TransformerManager

    broken = set()
    for case in CASES:
        if case.group in ("format", "special", "links", "names", "metadata"):
            continue
        notebook = made(case)
        for one in notebook.cells:
            if one.cell_type == "code":
                source = TransformerManager().transform_cell(one.source)
                try:
                    compile(source, case.name, "exec", flags=0x2000)  # a top-level await is no slip
                except (SyntaxError, ValueError):
                    broken.add(case.name)
    assert broken == {"syntax-error-in-a-cell", "syntax-error-in-an-answer"}


def made(case: Case):
    found = []
    real, submission.Path.write_bytes = submission.Path.write_bytes, lambda path, content: found.append(content)
    try:
        case.make(submission.COURSE / ".nowhere")
    finally:
        submission.Path.write_bytes = real
        (submission.COURSE / ".nowhere").rmdir()
    return nbformat.from_dict(json.loads(found[-1]))


def test_expectations_name_exercises_and_points():
    for case in CASES:
        for name, points in (case.earned or {}).items():
            low, high = points if isinstance(points, tuple) else (points, points)
            assert 0 <= low <= high <= POINTS[name], case.name
        assert set(case.lost) <= set(POINTS)
        assert not case.lost or all(case.earned[name] == 0 or case.earned[name] < POINTS[name] for name in case.lost)


def test_complaints_are_made_of_what_is_not_as_expected():
    case = Case("x", "x", lambda folder: None, {"pca": 0}, {"pca": "late"})
    assert complaints(case, record(pca=0)) == []
    assert "pca: 3.0 of 3.0" in complaints(case, record())[0]
    assert any("codes: 1 of 2.0" in words for words in complaints(case, record(pca=0, codes=1)))
    assert "nothing was graded" in complaints(case, Record("lab02", "x", failure="no JSON"))[0]
    assert complaints(Case("x", "x", lambda folder: None, None), record())
    assert not complaints(Case("x", "x", lambda folder: None, None), Record("lab02", "x", failure="no JSON"))
    assert "nobody says" in complaints(Case("x", "x", lambda f: None, {"pca": 0}, {"pca": "died"}), record(pca=0))[0]


def test_markers_are_planted_where_it_is_said(course):
    for name in ("checks.py", "lab02.ipynb"):
        path = course / "solutions" / "lab02" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((submission.COURSE / "solutions" / "lab02" / name).read_bytes())
    texts = plant(course)
    for name, place in MARKERS.items():
        if place:
            assert leaks([texts[name]], [course / place]), place
            assert not leaks([t for n, t in texts.items() if n != name], [course / place])
    assert len(exercises_of(course / "solutions" / "lab02" / "checks.py")) == len(CHECKS)
    nbformat.validate(nbformat.read(course / "solutions" / "lab02" / "lab02.ipynb", as_version=4))


def test_no_attack_holds_a_marker_itself():
    """Else the record of its own source would count as a leak."""
    for case in CASES:
        if case.group == "theft":
            text = json.dumps(made(case))
            assert PROOF in text
            assert not re.search("MARKER-[A-Z]+-[0-9a-f]{8}", text), case.name


# honest ones


def test_honest_ones_are_the_same_each_time_and_differ():
    first, again = (list(honest_submissions(40, seed=3)) for _ in range(2))
    assert first == again
    assert len({name for name, _ in first}) == 40
    assert len({json.dumps(notebook) for _, notebook in first}) >= 39
    assert list(honest_submissions(5, seed=4)) != first[:5]


def test_every_edit_is_made():
    counts = collections.Counter(edit for _, _, done in edited(200, seed=0) for edit in done)
    assert len(counts) == 17
    assert min(counts.values()) >= 8


def test_honest_ones_are_notebooks():
    for number, (_, notebook) in enumerate(honest_submissions(40, seed=3)):
        content = as_file(notebook, number)
        nbformat.validate(nbformat.reads(io.StringIO(content.decode(), newline=None).read(), as_version=4))
        assert json.loads(content)["nbformat"] == 4


def test_renaming_changes_names_alone():
    for name in POINTS:
        for source in variants(name):
            new = renamed(source, random.Random(0))
            compile(new, name, "exec")
            assert len(new.split("\n")) == len(source.split("\n"))
    new = renamed("def f(x):\n    y = x  # y\n    return y", random.Random(0))
    assert "x  # y" in new
    assert "return y" not in new


@pytest.mark.parametrize("name", POINTS)
def test_every_variant_is_right(name):
    base: dict = {}
    for one in solved().cells:
        if one.id in ("imports", "layers") or one.id.startswith("write-"):
            exec(one.source, base)
    for number, source in enumerate(variants(name)):
        for text in (source, renamed(source, random.Random(number))):
            namespace = dict(base)
            exec(text, namespace)
            for check in (c for c in CHECKS if c.name == name):
                for seed in range(2):
                    result = run(check, Caller(namespace, seed), generator(check.name, check.hidden, seed))
                    assert result.status == "passed", (result.hint, text)


@pytest.mark.slow
def test_a_sample_of_honest_ones_is_right(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    for name, notebook, done in edited(10, seed=5, pictures=0.1):
        assert failures(notebook, CHECKS) == [], (name, done)
