"""Records: written whole, read back the same, and nothing else is taken for one."""

import json

import pytest

from lecturelib.grading.records import CellRun, Item, Open, Record, RecordError, read, read_all, save

RECORD = Record(
    "lab02", "student01", "student01/lab02.ipynb", "ab" * 32, "2027-01-30T10:00:00+00:00", "cd" * 32, "ef" * 16, "run",
    flags=["the cell x was changed"],
    items=[Item("pca", "pca", False, 2, 2, "passed", ""),
                                             Item("pca", "pca_elsewhere", True, 0, 1, "failed", "wrong: ä\u202e")],
   
    open=[Open("open", 5, True)], cells=[CellRun("a", "error", "NameError: x")],
    sources={"write-pca": "def pca(): ..."},
    seconds=0.8, cpu_seconds=0.5, peak_mb=30, versions={"torch": "2"},
)  # fmt: skip


def test_a_record_comes_back_as_it_was(tmp_path):
    path = save(RECORD, tmp_path)
    assert path == tmp_path / "student01.json"
    assert read(path) == RECORD
    assert (RECORD.score, RECORD.maximum) == (2, 3)
    assert json.loads(path.read_text())["score"] == 2
    assert read_all(tmp_path) == [RECORD]
    assert [len(items) for items in RECORD.exercises().values()] == [2]


def test_a_grade_is_the_same_whatever_it_cost():
    other = Record.from_dict(RECORD.to_dict())
    other.seconds, other.run, other.peak_mb = 9.0, "another", 5
    assert RECORD.same_grade(other)
    other.flags = []
    assert not RECORD.same_grade(other)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"schema": 99}', '{"schema": 1}', '{"schema": 1, "items": [1]}']
)
def test_anything_else_is_refused_by_name(tmp_path, content):
    path = tmp_path / "student01.json"
    path.write_text(content)
    with pytest.raises(RecordError, match=r"student01\.json is not a result") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_hidden_files_are_no_records(tmp_path):
    save(RECORD, tmp_path)
    (tmp_path / ".run.json").write_text("{}")
    assert len(read_all(tmp_path)) == 1
