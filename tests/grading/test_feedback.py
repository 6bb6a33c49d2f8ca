"""The student's page: a mistake behind every lost point, nothing of anybody else, nothing that runs."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fake_records import CELLS, CHECKS, DUE, HOSTILE, NAMES, PLAN, Page, items, record

from lecturelib.grading.course import Course, Limits, Plan
from lecturelib.grading.feedback import write_feedback
from lecturelib.grading.marks import marks
from lecturelib.grading.pages import PageError, alike, sentence
from lecturelib.grading.records import CellRun, Item, Open

HIDDEN = {check.test.__name__ for check in CHECKS if check.hidden}


@pytest.fixture
def page(tmp_path):
    def written(one, plan=PLAN, **options) -> Page:
        return Page(write_feedback(one, plan, tmp_path, **{"cells": CELLS, **options}))

    return written


def plain(words: str) -> str:
    """As a reader sees a mistake."""
    return " ".join(sentence(words).striptags().split())


@pytest.mark.parametrize("which", [-1, 0, 2, 4])
def test_every_lost_point_has_its_mistake(page, which):
    one = record(1, dict.fromkeys(NAMES, which))
    seen = page(one)
    assert seen.harmless()
    for item in one.items:
        mistake, _, hint = item.hint.partition(". Hint: ")
        assert item.score == 0
        named = [plain(other.hint.partition(". Hint: ")[0]) for other in one.exercises()[item.exercise]
                 if alike(other.hint.partition(". Hint: ")[0]) == alike(mistake)]  # fmt: skip
        assert any(words in seen.words for words in named), mistake
        assert plain(hint) in seen.words
    assert seen.html.count('<li class="wrong">') == len(CHECKS)
    assert "✓" not in seen.words


def test_a_full_score(page):
    seen = page(record(1), manual={"open": 4.5})
    assert "34.5 of 35 points" in seen.words
    assert "so far" not in seen.words
    assert "✗" not in seen.words
    assert seen.html.count('<li class="right">') == len(CHECKS)


def test_hidden_checks_are_other_inputs_and_no_more(page):
    one = record(1, dict.fromkeys(NAMES, 1))
    broken = replace(one.items[1], status="broken", hint="NameError: _judge_pca in pca_elsewhere is not defined")
    flags = [f"the check {broken.check} broke: {broken.hint}", "late in sparse_elsewhere"]
    flags += ["the check pca broke: KeyError", "the check cell `pca` was changed"]
    seen = page(replace(one, items=[one.items[0], broken, *one.items[2:]], flags=flags))
    for name in HIDDEN | {"_judge", "NameError", "KeyError", "broke"}:
        assert name not in seen.html
    assert seen.words.count("Other inputs") == len(HIDDEN)
    assert "fault is not in the answer" in seen.words
    assert "The check cell pca was changed" in seen.words


def test_several_checks_of_one_kind_are_numbered(page):
    visible, hidden = items("pca", None)
    more = [replace(hidden, check=f"pca_{i}", score=0.0, status="failed", hint=f"it is wrong at {i}") for i in "ab"]
    seen = page(record(1, items=[visible, hidden, *more]))
    for what in (
        "The check in the lab:",
        "Other inputs 1: right",
        "Other inputs 2: not right",
        "Other inputs 3: not right",
    ):
        assert what in seen.words
    assert "Other inputs:" not in seen.words


def test_the_same_mistake_is_named_once(page):
    seen = page(record(1, {"sparse": 0}))
    assert seen.words.count("the divergence is the other way round") == 1
    assert seen.words.count("The same mistake as above.") == 1


def test_code_stands_beside_its_exercise(page):
    seen = page(record(1, {"pca": -1}))
    part = seen.html.split('id="exercise-1"')[1].split('id="exercise-2"')[0]
    assert "write-pca" in part
    assert "NotImplementedError" in part
    assert "<details>" not in seen.html


def test_without_cells_all_code_stands_at_the_end(page):
    seen = page(record(1), cells=None)
    assert "Your code (10 cells)" in seen.words
    assert "write-pca" not in seen.html.split("<details>")[0]
    assert "write-pca" in seen.html.split("<details>")[1]


HOURS = {
    "in time": -1,
    "within the grace": 0.2,
    "1 day late": 5,
    "2 days late": 30,
    "5 days late": 120,
    "6 days late": 140,
}


@pytest.mark.parametrize("manual", [{}, {"open": 3.0}, {"open": 0.0, "pca": 1.5}])
@pytest.mark.parametrize("hours", HOURS.values(), ids=HOURS)
def test_the_total_is_the_one_in_the_marks(page, tmp_path, hours, manual):
    one = record(3, {"linear": 0, "repair": (1,)}, received=(DUE + timedelta(hours=hours)).isoformat())
    course = Course(tmp_path, "c", "C", {"lab02": PLAN}, Limits())
    (mark,) = marks([one], course, "lab02", {one.student: manual})
    seen = page(one, manual=manual)
    assert f"{mark.total:g} of {mark.maximum:g} points{'' if manual else ' so far'}" in seen.words
    if mark.penalty:
        assert f"{mark.days_late} day{'s' if mark.days_late > 1 else ''} late" in seen.words
        assert f"−{mark.penalty:g}" in seen.words
    else:
        assert "in time" in seen.words


def test_an_own_date_and_no_date_at_all(page):
    late = record(1, received=(DUE + timedelta(days=3)).isoformat())
    own = page(late, replace(PLAN, extensions={"student01": DUE + timedelta(days=7), "student99": DUE}))
    assert "7 February 2027, 23:59 UTC (your own date)" in own.words
    assert "in time" in own.words
    assert "Due" not in page(late, Plan("lab02")).words
    assert "Received not known" in page(replace(late, received=None)).words


def test_open_questions(page):
    one = record(1)
    seen = page(one)
    assert "30 of 35 points so far" in seen.words
    assert "Read by a person, not graded yet." in seen.words
    assert "it may have learned to copy" in seen.words
    graded = page(one, manual={"open": 2.5}, comments={"open": "Say how you would <i>see</i> it."})
    assert "2.5 of 5" in graded.words
    assert "Say how you would <i>see</i> it." in graded.words
    assert "not graded yet" not in graded.words
    unanswered = page(replace(one, open=[Open("open", 5, False)]))
    assert "There is no answer." in unanswered.words
    assert "learned to copy" not in unanswered.words


def test_comments_stand_where_they_belong_and_none_is_lost(page):
    said = {"pca": "to the exercise", "write-pca": "to its cell", "elsewhere": "to something else", "linear": ""}
    seen = page(record(1), comments=said)
    part = seen.html.split('id="exercise-1"')[1].split('id="exercise-2"')[0]
    assert "to the exercise" in part
    assert "to its cell" in part
    assert "More comments elsewhere. to something else" in seen.words
    assert seen.words.count("Comment.") == 2


def test_points_given_in_place_of_the_checks(page):
    seen = page(record(1, {"pca": 0}), manual={"pca": 2.0})
    assert "A person gave these points" in seen.words
    assert "29 of 35 points so far" in seen.words


def test_points_for_nothing_are_refused(page, tmp_path):
    with pytest.raises(PageError, match="no question 'opne'.*open"):
        page(record(1), manual={"opne": 3.0})
    assert list(tmp_path.iterdir()) == []


def test_a_submission_that_could_not_be_graded(page):
    reason = "the notebook is not valid JSON"
    none = [replace(i, score=0.0, status="not graded", hint=reason) for i in record(1).items]
    seen = page(record(1, failure=reason, items=none, open=[Open("open", 5, False)], cells=[], sources={}))
    assert "This submission could not be graded. The notebook is not valid JSON" in seen.words
    assert seen.words.count("not valid JSON") == 1
    assert " of 35" not in seen.words
    page(record(1, failure=reason, items=[], open=[], cells=[], sources={}, received=None, sha256=""))


def test_cells_that_failed(page):
    ends = {
        "a": ("error", "NameError: x"),
        "b": ("late", ""),
        "c": ("died", "no memory"),
        "d": ("not run", ""),
        "e": ("ok", ""),
    }
    seen = page(record(1, cells=[CellRun(cell, *how) for cell, how in ends.items()]))
    for words in (
        "a ended in an error: NameError: x",
        "b took longer than it may",
        "c ended the whole program: no memory",
        "1 cell was not run: d",
    ):
        assert words in seen.words


def test_nothing_of_the_machine_or_the_grading_is_told(page):
    one = record(7, {"pca": 3}, flags=["/srv/course/submitted/x.ipynb was a link"])
    one.cells[0] = CellRun("a", "error", "OSError: /tmp/lecturelib-x/home/data.csv is not there")
    seen = page(one)
    for secret in ("/srv", "/tmp", one.seed, one.checks_sha256, one.sha256[:9], "grader", "410"):
        assert secret not in seen.html
    assert one.sha256[:8] in seen.html
    assert "…/data.csv" in seen.words


def test_whatever_a_student_writes_is_only_shown(page):
    wrong = [Item("pca", "pca", False, 0.0, 2.0, "raised", f"`pca` raised {HOSTILE}")]
    one = record(
        1, items=wrong, failure="", flags=[HOSTILE] * 99, file=HOSTILE, open=[Open("open", 5, True)],
        sources={"write-pca": HOSTILE, "open": HOSTILE, "write-\u202e": "x" * 10**6 + "\n" * 10**5},
        cells=[CellRun(HOSTILE, "error", HOSTILE)] * 99,
    )  # fmt: skip
    seen = page(one, comments={"open": HOSTILE, HOSTILE: HOSTILE})
    assert seen.harmless()
    assert seen.words.count("<script>alert(1)</script>") > 60
    assert "{{ 7*7 }} ⟦U+202E⟧⟦U+2066⟧⟦U+0000⟧⟦U+001B⟧[31m⟦U+D800⟧" in seen.words
    assert not set(seen.html) & set("\u202e\u2066\x00\x1b")
    assert len(seen.html) < 200_000
    assert "… and 69 more" in seen.words


def test_the_file_is_where_it_belongs_and_replaces_the_one_before(tmp_path):
    path = write_feedback(record(5), PLAN, tmp_path)
    assert path == tmp_path / "student05" / "lab02" / "lab02.html"
    before = path.read_bytes()
    assert write_feedback(record(5), PLAN, tmp_path).read_bytes() == before
    write_feedback(record(5, {"pca": 0}), PLAN, tmp_path)
    assert path.read_bytes() != before
    assert [p.name for p in path.parent.iterdir()] == ["lab02.html"]


@pytest.mark.parametrize("name", ["", ".", "..", "../student02", "a/b", "a\\b", "/etc", "a\0b"])
def test_a_name_chooses_no_path(tmp_path, name):
    for one in (replace(record(1), student=name), replace(record(1), lab=name)):
        with pytest.raises(PageError, match="cannot be the name of a folder"):
            write_feedback(one, PLAN, tmp_path / "feedback")
    assert list(tmp_path.iterdir()) == []


def test_pages_of_two_students_hold_nothing_of_each_other(page):
    plan = replace(PLAN, extensions={"student02": DUE + timedelta(days=1)})
    mine, theirs = page(record(1), plan), page(record(2), plan)
    assert "student02" not in mine.html
    assert "student01" not in theirs.html
    assert mine.tags["h1"] == 1
    assert "<title>Autoencoders: feedback for student01</title>" in mine.html
