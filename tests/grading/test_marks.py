"""Marks are what records, a person and the dates say; they land with the right student, and harm no spreadsheet."""

import csv
import io
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from gradebook_cases import CHECKS, DUE, OPEN, POINTS, a_course, failed, record

from lecturelib.grading.export import ExportError, marks, write_marks
from lecturelib.grading.records import Item, Open

ALL = CHECKS + OPEN


@pytest.fixture
def course(tmp_path):
    return a_course(tmp_path / "course")


def read(path: Path, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), delimiter=delimiter))


def one_mark(course, given: float | None = None, **entries):
    one = record(**entries)
    (mark,) = marks([one], course, "lab02", {} if given is None else {one.student: {"open": given}})
    return mark


def graded(course, *students: str, wrong=()) -> list:
    """Final marks: 30 for the checks, 4 by hand."""
    records = [record(name, wrong=wrong) for name in students]
    return marks(records, course, "lab02", {name: {"open": 4} for name in students})


def test_a_mark_is_checks_and_open_questions(course):
    mark = one_mark(course, 4, wrong=("pca",))
    assert list(mark.points) == [*POINTS, "open"]
    assert mark.points["pca"] == 1.5
    assert (mark.total, mark.maximum, mark.status, mark.final) == (32.5, ALL, "graded", True)
    assert mark.percent == pytest.approx(100 * 32.5 / 35)


def test_an_open_question_not_graded_is_no_zero(course):
    mark = one_mark(course)
    assert (mark.points["open"], mark.status, mark.final) == (None, "open questions missing", False)
    assert mark.total == CHECKS
    assert one_mark(course, 0).final


def test_points_of_an_older_submission_are_not_final(course):
    (mark,) = marks([record("a")], course, "lab02", {"a": {"open": 4}}, {"a": {"open"}})
    assert (mark.total, mark.status) == (34, "open questions missing")
    (mark,) = marks([record("a")], course, "lab02", {"a": {"open": 4}}, {"b": {"open"}})
    assert mark.final


def test_a_person_goes_before_a_check(course):
    (mark,) = marks([record("a", wrong=("pca",))], course, "lab02", {"a": {"open": 4, "pca": 3}})
    assert mark.total == 34


@pytest.mark.parametrize(
    ("days", "late", "penalty", "total"),
    [(-1, 0, 0, 34), (0.5, 1, 3.5, 30.5), (4.5, 5, 17.5, 16.5), (9, 9, 34, 0)],
)
def test_being_late(days, late, penalty, total, course):
    mark = one_mark(course, 4, days_late=days)
    assert (mark.days_late, mark.penalty, mark.total) == (late, penalty, total)


def test_an_extension_counts(course, tmp_path):
    extended = a_course(tmp_path / "course", {"student01": DUE + timedelta(days=3)})
    assert one_mark(extended, 4, days_late=2.5).penalty == 0


def test_what_could_not_be_graded_has_no_mark_and_says_why(course):
    broken = failed("b", failure="the notebook is\nnot valid JSON")
    _, mark = marks([record("a"), broken], course, "lab02", {"b": {"open": 2}})
    assert (mark.total, mark.percent) == (None, None)
    assert mark.status == "failed: the notebook is not valid JSON"
    assert mark.maximum == ALL
    by_hand = dict.fromkeys([*POINTS, "open"], 2.0)
    _, mark = marks([record("a"), broken], course, "lab02", {"b": by_hand})
    assert (mark.total, mark.status) == (22, "graded")
    (mark,) = marks([failed("alone")], course, "lab02")
    assert not mark.final


@pytest.mark.parametrize(
    ("records", "manual", "words"),
    [
        ([replace(record("a"), lab="lab03")], {}, "a's record is one of lab03"),
        (
            [record("a"), replace(record("b"), items=[Item("pca", "pca", False, 1, 1, "passed", "")])],
            {},
            "'pca' is worth 1 points in b's record and 3 in another: grade lab02 again",
        ),
        ([record("a"), record("b", open=[Open("open", 6, True)])], {}, "'open' is worth 6"),
        ([record("a")], {"a": {"essay": 3}}, "'essay', which lab02 does not ask"),
    ],
)
def test_records_that_do_not_agree(records, manual, words, course):
    with pytest.raises(ExportError, match=words):
        marks(records, course, "lab02", manual)


def test_the_csv(course, tmp_path):
    rows = marks(
        [record("b", days_late=0.5), record("a", wrong=("pca",)), failed("c")], course, "lab02", {"b": {"open": 3.25}}
    )
    written = write_marks(rows, "csv", tmp_path / "out" / "marks.csv")
    assert written.path.read_bytes().startswith(b"\xef\xbb\xbf")
    header, a, b, c = read(written.path)
    assert header == [
        "student",
        "lab",
        *POINTS,
        "open",
        "late days",
        "penalty",
        "total",
        "maximum",
        "percent",
        "status",
    ]
    assert dict(zip(header, a, strict=True))["pca"] == "1.5"
    assert a[-7:] == ["", "0", "0", "28.5", "35", "81.43", "open questions missing"]
    assert b[-7:] == ["3.25", "1", "3.5", "29.75", "35", "85", "graded"]
    assert c == ["c", "lab02", *[""] * 11, "0", "0", "", "35", "", "failed: the notebook is not valid JSON"]


def test_points_are_rounded_once_and_halves_up(course, tmp_path):
    items = [Item("x", f"x{i}", False, 0.335, 1, "failed", "") for i in range(3)]
    items += [Item("y", "y", False, 2.675, 3, "failed", ""), Item("z", "z", False, 1 / 3, 94, "failed", "")]
    (mark,) = marks([record("a", items=items, open=[])], course, "lab02")
    row = read(write_marks([mark], "csv", tmp_path / "marks.csv").path)[1]
    assert row[2:] == ["1.01", "2.68", "0.33", "0", "0", "4.01", "100", "4.01", "graded"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " ="])
def test_no_text_is_a_formula(start, course, tmp_path):
    evil = f'{start}HYPERLINK("http://x","y")'
    rows = [
        replace(graded(course, "a")[0], student=evil, status=f"{evil}"),
        replace(graded(course, "b")[0], student="-3"),
    ]
    table = read(write_marks(rows, "csv", tmp_path / "marks.csv").path)
    assert (table[1][0], table[1][-1]) == (f"'{evil}", f"'{evil}")
    assert table[2][0] == "-3"
    table = read(write_marks([replace(rows[0], status="graded")], "canvas", tmp_path / "canvas.csv").path)
    assert table[2][3] == f"'{evil}"


def test_several_labs_in_one_table(course, tmp_path):
    rows = graded(course, "a")
    other = replace(rows[0], lab="lab03", title="VAE", points={"kl": 2.0, "open": 1.0}, maxima={"kl": 2, "open": 5})
    header, first, second = read(write_marks([*rows, other], "csv", tmp_path / "marks.csv").path)
    assert dict(zip(header, first, strict=True))["kl"] == ""
    there = dict(zip(header, second, strict=True))
    assert [there[name] for name in ("lab", "pca", "kl", "open", "maximum")] == ["lab03", "", "2", "1", "7"]
    for to in ("canvas", "moodle"):
        with pytest.raises(ExportError, match="for one lab, and these marks are of lab02, lab03"):
            write_marks([*rows, other], to, tmp_path / "x.csv")


CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,Notes,Quiz (11),Lab 02 (22),Lab 02 Final Score
,,,,,,,Manual Posting,
    Points Possible,,,,,,10.00,35.00,(read only)
"Doe, Jane",123,S-1,jane@uni.example,A and B,likes tea,9.00,,90.1
"Müller, Jürgen",456,S-2,jm12,A,,8.00,12.50,20
"Nobody, At All",789,S-3,nobody,A,,,7.00,
"Silent, Sam",790,S-4,sam,A,,,,
"Ill, Ida",791,S-5,ida,A,,,EX,
"Student, Test",800,,f3a9,A,,,,
"""


@pytest.fixture
def canvas(tmp_path) -> Path:
    path = tmp_path / "Grades export.csv"
    path.write_text(CANVAS, encoding="utf-8")
    return path


def test_canvas_own_export_is_filled_in(course, canvas, tmp_path):
    rows = graded(course, "doejane-123", "jm12") + marks([record("nobody-789")], course, "lab02")
    written = write_marks(rows, "canvas", tmp_path / "import.csv", canvas)
    assert not written.path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert read(written.path) == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Lab 02 (22)"],
        ["", "", "", "", "", "Manual Posting"],
        ["    Points Possible", "", "", "", "", "35.00"],
        ["Doe, Jane", "123", "S-1", "jane@uni.example", "A and B", "34"],
        ["Müller, Jürgen", "456", "S-2", "jm12", "A", "34"],
        ["Nobody, At All", "789", "S-3", "nobody", "A", "7.00"],  # not final: as it was
        ["Silent, Sam", "790", "S-4", "sam", "A", ""],  # nothing handed in: no zero
        ["Ill, Ida", "791", "S-5", "ida", "A", "EX"],
        ["Student, Test", "800", "", "f3a9", "A", ""],
    ]
    assert written.warnings == ["nobody-789, lab02: no final mark, open questions missing"]


def test_canvas_students_are_never_guessed(course, canvas, tmp_path):
    rows = graded(
        course, "smith-123", "doejane-999", "mullerjurgen-456", "JM12", "stranger", "S-4", "790", "ida", "Nobody-789"
    )
    written = write_marks(rows, "canvas", tmp_path / "import.csv", canvas)
    filled = {row[1]: row[5] for row in read(written.path)[3:]}
    assert filled == {"123": "", "456": "12.50", "789": "34", "790": "", "791": "EX", "800": ""}
    assert sorted(written.warnings) == [
        "790 and S-4, lab02: the same person in the roster, both left out",
        "JM12 and mullerjurgen-456, lab02: the same person in the roster, both left out",
        "doejane-999, lab02: not in the roster, left out",
        "ida, lab02: excused in Canvas, and left so",
        "smith-123, lab02: 123 is Doe, Jane in the roster, left out",
        "stranger, lab02: not in the roster, left out",
    ]


@pytest.mark.parametrize(
    "title", ["Lab 02 (22)", "lab02 (22)", "Autoencoders (22)", "Lab 2: Autoencoders (22)", "LAB-02"]
)
def test_canvas_column_is_found_by_the_labs_name_or_title(title, course, canvas, tmp_path):
    canvas.write_text(CANVAS.replace("Lab 02 (22)", title))
    written = write_marks(graded(course, "jm12"), "canvas", tmp_path / "import.csv", canvas)
    assert read(written.path)[0][5:] == [title]
    assert written.warnings == []


def test_canvas_without_such_an_assignment_makes_one_and_that_is_said(course, canvas, tmp_path):
    canvas.write_text(CANVAS.replace("Lab 02 (22)", "Homework (22)"))
    written = write_marks(graded(course, "jm12"), "canvas", tmp_path / "import.csv", canvas)
    table = read(written.path)
    assert (table[0][5], table[1][0].strip(), table[1][5]) == ("Autoencoders", "Points Possible", "35")
    assert "Canvas has no assignment 'Autoencoders'" in written.warnings[0]


def test_a_semicolon_a_bom_and_two_columns_of_names(course, canvas, tmp_path):
    canvas.write_text(
        "\ufeffLastName;FirstName;ID;SIS Login ID;Section;Lab 02 (22)\n"
        "    Points Possible;;;;;35,00\n"
        "Doe;Jane;123;jane@uni.example;A;\n",
        encoding="utf-8",
    )
    written = write_marks(graded(course, "doejane-123"), "canvas", tmp_path / "import.csv", canvas)
    assert written.path.read_bytes().startswith(b"\xef\xbb\xbf")
    table = read(written.path, ";")
    assert table[0] == ["LastName", "FirstName", "ID", "SIS Login ID", "Section", "Lab 02 (22)"]
    assert table[2] == ["Doe", "Jane", "123", "jane@uni.example", "A", "34"]


def test_several_labs_into_canvas(course, canvas, tmp_path):
    rows = graded(course, "jm12", "ida")
    quiz = replace(rows[0], lab="quiz", title="Quiz", points={"q": 9.5}, maxima={"q": 10})
    written = write_marks([*rows, replace(quiz, student="doejane-123")], "canvas", tmp_path / "import.csv", canvas)
    table = {row[1]: row[5:] for row in read(written.path)}
    assert table["ID"] == ["Lab 02 (22)", "Quiz (11)"]
    assert table["123"] == ["", "9.5"]
    assert table["456"] == ["34", "8.00"]


def test_canvas_without_a_roster(course, tmp_path):
    rows = graded(course, "doejane-123", "müller") + marks([record("late")], course, "lab02")
    written = write_marks(rows, "canvas", tmp_path / "import.csv")
    assert read(written.path) == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Autoencoders"],
        ["    Points Possible", "", "", "", "", "35"],
        ["doejane", "123", "", "", "", "34"],
        ["müller", "", "", "müller", "", "34"],
    ]
    assert written.warnings == ["late, lab02: no final mark, open questions missing"]


MOODLE = """\
Identifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed",\
"Last modified (submission)","Online text","Last modified (grade)","Feedback comments"
"Participant 123456","Jane Doe",jane@uni.example,Submitted,,35.00,Yes,"Friday, 29 January 2027, 3:04 PM",,-,
"Participant 123457","Jürgen Müller",jm@uni.example,Submitted,12.00,35.00,Yes,-,,"Friday, 29 January 2027","- well done"
"Participant 123458","Sam Silent",sam@uni.example,"No submission",,35.00,Yes,-,"<p>=1+1</p>",-,
"Participant 123459","Lara Locked",lara@uni.example,"Submitted for grading",,35.00,No,-,,-,
"""


@pytest.fixture
def moodle(tmp_path) -> Path:
    path = tmp_path / "Grades-lab.csv"
    path.write_text(MOODLE, encoding="utf-8")
    return path


def test_moodles_worksheet_is_filled_in(course, moodle, tmp_path):
    rows = graded(course, "Jane_Doe-123456", "JM@uni.example", "Lara_Locked-123459", "Sam_Silent-123457", "x-1")
    written = write_marks(rows, "moodle", tmp_path / "import.csv", moodle)
    header, jane, jurgen, sam, lara = read(written.path)
    before = read(moodle)
    assert header == [name for name in before[0] if name not in ("Online text", "Feedback comments")]
    assert jane == [*before[1][:4], "34", *before[1][5:8], "-"]
    assert jurgen == [*before[2][:4], "34", *before[2][5:8], "Friday, 29 January 2027"]
    assert (sam[4], lara[4]) == ("", "")
    assert written.warnings == [
        "Sam_Silent-123457, lab02: 123457 is Jürgen Müller in the roster, left out",
        "x-1, lab02: not in the roster, left out",
        "Lara_Locked-123459, lab02: Moodle does not let this grade be changed, and it was left",
    ]


def test_moodle_with_names_hidden(course, moodle, tmp_path):
    lines = [
        "Identifier,Status,Grade,Last modified (grade)",
        "Participant 7,Submitted,,-",
        "Participant 8,Submitted,,-",
    ]
    moodle.write_text("\n".join(lines))
    written = write_marks(graded(course, "Participant-7"), "moodle", tmp_path / "import.csv", moodle)
    assert read(written.path)[1:] == [
        ["Participant 7", "Submitted", "34", "-"],
        ["Participant 8", "Submitted", "", "-"],
    ]


def test_moodle_without_a_worksheet(course, tmp_path):
    written = write_marks(graded(course, "a", "müller"), "moodle", tmp_path / "import.csv")
    assert read(written.path) == [["Username", "Autoencoders"], ["a", "34"], ["müller", "34"]]
    assert written.warnings == []
    written = write_marks(graded(course, "Jane_Doe-123456"), "moodle", tmp_path / "import.csv")
    assert "comes from a download and is no username" in written.warnings[0]


WRONG_ROSTERS = {
    "another kind": ("canvas", "name,mark\nx,1\n", "needs the columns ID and Section"),
    "another language": ("moodle", MOODLE.replace("Identifier", "ID"), "no column 'Identifier'. Set Moodle's language"),
    "points of Canvas": ("canvas", CANVAS.replace("35.00", "100.00"), "out of 100.00, and it is out of 35: set the"),
    "points of Moodle": ("moodle", MOODLE.replace("35.00", "100.00"), "out of 100.00, and it is out of 35: set the"),
    "two columns": ("canvas", CANVAS.replace("Quiz (11)", "Autoencoders (11)"), "Autoencoders (11), Lab 02 (22)"),
    "nobody": ("canvas", CANVAS.split("\n")[0], "lists nobody"),
    "nothing": ("moodle", "", "lists nobody"),
    "not UTF-8": ("canvas", CANVAS.encode("latin-1"), "cannot be read as a CSV in UTF-8"),
    "not text": ("canvas", b"\x00\xff\xfe", "cannot be read as a CSV"),
    "cells too many": ("canvas", CANVAS + "a,1,,,,,,,,,,\n", "row 10: it has more cells"),
}


@pytest.mark.parametrize("kind", WRONG_ROSTERS)
def test_a_roster_that_cannot_be_used(kind, course, tmp_path):
    to, content, words = WRONG_ROSTERS[kind]
    roster, path = tmp_path / "roster.csv", tmp_path / "import.csv"
    roster.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.write_text("as before")
    with pytest.raises(ExportError) as caught:
        write_marks(graded(course, "jm12", "Jane_Doe-123456"), to, path, roster)
    assert words in str(caught.value)
    assert path.read_text() == "as before"


def test_what_cannot_be_written(course, canvas, tmp_path):
    rows, path = graded(course, "a"), tmp_path / "x.csv"
    for wrong, words in (
        ((rows, "excel", path), "csv, canvas or moodle, not as 'excel'"),
        (([], "csv", path), "no marks to write"),
        ((rows, "csv", path, canvas), "a roster is filled in for canvas or moodle"),
        ((rows, "canvas", path, tmp_path / "none.csv"), "none.csv cannot be read"),
        ((marks([record("a")], course, "lab02"), "canvas", path), "no final mark yet.*a, lab02"),
    ):
        with pytest.raises(ExportError, match=words):
            write_marks(*wrong)
    assert not path.exists()
