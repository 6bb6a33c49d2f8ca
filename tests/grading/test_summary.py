"""The teacher's page: right numbers for no, one and many submissions, and nothing that runs."""

import re
import statistics
from dataclasses import replace
from datetime import timedelta

import pytest
from fake_records import DUE, HOSTILE, NAMES, PLAN, Page, a_class, cells, record

from lecturelib.grading.records import Item
from lecturelib.grading.similarity import Pair, Part, similar_pairs
from lecturelib.grading.summary import exercises, histogram, write_summary


@pytest.fixture
def page(tmp_path):
    def written(records, plan=PLAN, **options) -> Page:
        seen = Page(write_summary(records, plan, tmp_path / "results" / "summary.html", **options))
        assert seen.harmless()
        return seen

    return written


def tiles(seen: Page) -> dict[str, str]:
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", seen.html)
    return {name.split(",")[0]: re.sub(r"<[^>]*>", "", value) for name, value in found}


def test_no_submission(page):
    seen = page([])
    assert "No submission yet" in seen.words
    assert tiles(seen) == {"submissions": "0", "late": "0", "could not be graded": "0", "flagged": "0"}
    assert seen.tags["table"] == 0


def test_one_submission(page):
    seen = page([record(1, {"pca": 0})])
    assert tiles(seen)["median"] == tiles(seen)["mean"] == "27.0"
    assert "The mean is None: is the return missing?" in seen.words
    assert "points" in seen.titles[0]


@pytest.mark.parametrize("size", [40, 500])
def test_a_class(page, size):
    records = a_class(size)
    scores = [one.score for one in records if not one.failure]
    found = tiles(page(records))
    assert found["submissions"] == str(size)
    assert found["mean"] == f"{statistics.fmean(scores):.1f}"
    assert found["median"] == f"{statistics.median(scores):.1f}"
    low, _, high = statistics.quantiles(scores, method="inclusive")
    assert found["quartiles"] == f"{low:.1f} to –{high:.1f}"
    assert found["could not be graded"] == str(size - len(scores))
    assert found["late"] == str(sum(PLAN.days_late(one.student, one.received_at) > 0 for one in records))


def test_all_students_stand_in_the_table(page):
    records = a_class(60)
    seen = page(records)
    table = seen.html.split('<table class="all">')[1].split("</table>")[0]
    rows = re.findall(r'<tr><th scope="row" title="(.*?)">.*?</th>(.*?)</tr>', table)
    assert [student for student, _ in rows] == [one.student for one in records]
    for one, (_, cells_of) in zip(records, rows, strict=True):
        values = [re.sub(r"<[^>]*>", "", value) for value in re.findall(r"<td.*?</td>", cells_of)]
        if one.failure:
            assert values == ["✗not graded", *[""] * len(NAMES)]
        else:
            shares = [f"{sum(i.score for i in items):g}" for items in one.exercises().values()]
            assert values == [f"{one.score:g}", *shares]


@pytest.mark.parametrize("high", [0.4, 1, 3, 7, 16, 17, 30, 35, 100, 1e-3, 12345])
def test_a_histogram_counts_every_value_once(high):
    values = [0, high / 3, high / 2, high, high]
    bins = histogram(values, high)
    assert sum(bins.counts) == len(values)
    assert 5 <= len(bins.counts) <= 16
    assert bins.edges[0] == 0
    assert bins.edges[-1] >= high * (1 - 1e-9)
    assert not bins.over
    places = [place for place, _ in bins.ticks]
    assert places[0] == 0
    assert places[-1] == 100
    assert len(places) <= 11
    assert sorted(places) == places


def test_a_histogram_keeps_what_lies_above():
    bins = histogram([1, 2, 3, 500], high=12)
    assert bins.over
    assert bins.counts[-1] == 1
    assert bins.ticks[-1] == (100, "12+")
    assert histogram([0, 0], high=0).counts[0] == 2


def test_exercises_are_full_partly_none_or_not_written():
    answers = [{}, {}, {"pca": (0,)}, {"pca": 0}, {"pca": -1}, {"pca": 0}]
    tasks = exercises([record(i, wrong) for i, wrong in enumerate(answers)])
    assert [task.name for task in tasks] == NAMES
    pca = tasks[0]
    assert [number for _, _, number in pca.parts] == [2, 1, 2, 1]
    assert pca.unwritten == ["student04"]
    assert pca.mean_share == pytest.approx((3 + 3 + 2) / 18)
    assert pca.mistakes == [("the mean is None: is the `return` missing?", ["student02", "student03", "student05"])]
    assert tasks[1].mistakes == []


def test_mistakes_that_differ_in_numbers_are_counted_together_and_per_student(page):
    def answer(number, *hints):
        found = [Item("pca", f"pca_{i}", False, 0.0, 1.0, "failed", hint) for i, hint in enumerate(hints)]
        return record(number, items=found)

    records = [
        answer(1, "entry [0] is 3.5. Hint: Centre.", "entry [2] is -1"),
        answer(2, "entry [7] is 1e-3"),
        answer(3, "its sign is the opposite"),
    ]
    (task,) = exercises(records)
    assert task.mistakes == [
        ("entry […] is …", ["student01", "student02"]),
        ("its sign is the opposite", ["student03"]),
    ]
    seen = page(records)
    assert seen.words.index("Entry […] is …") < seen.words.index("Its sign is the opposite")
    assert "student01, student02" in seen.words


def test_the_most_common_mistakes_come_first_and_the_rest_is_kept(page):
    records = [record(i, {"pca": max(0, i - 5)}) for i in range(1, 14)]
    (pca, *_) = exercises(records)
    counts = [len(who) for _, who in pca.mistakes]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 5
    assert "3 rarer mistakes" in page(records).words


def test_whom_to_look_at(page):
    reason = "the notebook is not valid JSON"
    records = [
        record(1, failure=reason, items=[], cells=[]),
        record(2, flags=["the cell `pca` was changed", "a link was followed from /srv/course/x"]),
        record(3, received=(DUE + timedelta(hours=30)).isoformat()),
        record(4, received=(DUE + timedelta(hours=30)).isoformat()),
        record(5, {"repair": -1}, seconds=77.7),
    ]
    seen = page(records, replace(PLAN, extensions={"student03": DUE + timedelta(hours=1)}))
    for words in (
        "student01 The notebook is not valid JSON",
        "student02 The cell pca was changed",
        "…/x",
        "student03 (own date) 2 February 2027, 05:59 UTC 2 days 20\N{NO-BREAK SPACE}%",
        "student04 2 February 2027, 05:59 UTC 2 days",
        "repair 1 student05",
        "student05 77.7",
    ):
        assert " ".join(words.split()) in seen.words


def test_what_changed(page):
    seen = page([record(1)], changes=[("student02", 21.0, 24.5), ("student01", None, 3.0), ("student03", 9.0, 8.0)])
    assert "student01 not graded 3 student02 21 24.5 ▲ +3.5 student03 9 8 ▼ −1" in seen.words


def pair(a="student01", b="student02", share=0.925, source="x = 1\ny = 2\n"):
    return Pair(a, b, share, 3, (Part("write-pca", source, source, (2,), (2,)),))


def test_pairs_stand_side_by_side(page):
    seen = page([record(1), record(2)], pairs=[pair()])
    assert "student01 and student02, 3 lines the same to the letter" in seen.words
    assert "92 %" in seen.words.replace("\N{NO-BREAK SPACE}", " ")
    assert seen.html.count('class="line marked"') == 2
    assert "Similar submissions" not in page([record(1)]).words


def test_pairs_come_as_similarity_finds_them(page):
    own = "\n".join(f"    value_{i} = torch.stack([x[{i}], h[{i + 3}]]).norm() ** {i}" for i in range(20))
    records = [record(i) for i in range(1, 12)]
    for one in records[:2]:
        one.sources = one.sources | {"write-pca": f"\ndef pca(x, k):\n{own}"}
    seen = page(records, pairs=similar_pairs(records))
    assert "student01 and student02" in seen.words
    assert seen.html.count('<details class="pair">') == 1
    marked = re.findall(r'class="line marked">(.*)', seen.html)
    assert len(marked) >= 40
    assert all("value_" in line or "def" in line for line in marked)


def test_many_pairs_do_not_fill_the_page(page):
    seen = page([record(1)], pairs=[pair(source=cells()["write-linear"]) for _ in range(2_000)])
    assert "1,960 less similar pairs" in seen.words
    assert len(seen.html) < 1_000_000


def test_whatever_a_student_writes_is_only_shown(page):
    wrong = [Item("pca", "pca", False, 0.0, 2.0, "raised", f"`pca` raised {HOSTILE}{i}") for i in range(200)]
    records = [
        record(1, items=wrong, flags=[HOSTILE] * 99),
        record(2, failure=HOSTILE),
        replace(record(3), student=HOSTILE),
        record(4, sources={"write-pca": HOSTILE}),
    ]
    seen = page(records, pairs=[pair(HOSTILE, HOSTILE, source=HOSTILE)], changes=[(HOSTILE, 1.0, 2.0)])
    assert "<script>alert(1)</script>" in seen.words
    assert not set(seen.html) & set("\u202e\u2066\x00\x1b")


def test_the_file_is_replaced_whole(tmp_path):
    path = tmp_path / "summary.html"
    assert write_summary(a_class(3), PLAN, path) == path
    before = path.read_bytes()
    assert write_summary(reversed(a_class(3)), PLAN, path).read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["summary.html"]
