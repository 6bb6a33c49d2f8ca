"""Submissions found in every layout that is known, and read safely whatever lies there."""

import os
import re
import socket
import stat
import unicodedata
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lecturelib.grading import containers, intake
from lecturelib.grading.course import Course, Limits
from lecturelib.grading.intake import IntakeError, Submission, collect, find, parse_time
from lecturelib.grading.lms import printable, safe, unique

LAB = "lab02"
LIMITS = Limits(submission_mb=0.01)
WHEN = datetime(2027, 1, 31, 23, 59, tzinfo=UTC)


def write(root: Path, *names: str, text: str = "{}") -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def zipped(path: Path, entries: dict[str, str] | list[tuple[str, str]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries.items() if isinstance(entries, dict) else entries:
            archive.writestr(name, text)
    return path


def found(source: Path, limits: Limits = LIMITS) -> dict[str, Submission]:
    return {one.student: one for one in find(source, LAB, limits)}


LAYOUTS = {
    "a folder each": (["anna/lab02.ipynb", "bob/lab02.ipynb"], ["anna", "bob"]),
    "nbgrader": (["submitted/anna/lab02/lab02.ipynb", "submitted/bob/lab02/lab02.ipynb"], ["anna", "bob"]),
    "nbgrader, one student": (["submitted/anna/lab02/lab02.ipynb"], ["anna"]),
    "inside submitted": (["anna/lab02/lab02.ipynb", "bob/lab02/lab02.ipynb"], ["anna", "bob"]),
    "the course's folder": (["submitted/anna/lab02/lab02.ipynb", "labs/lab02/lab02.ipynb", "course.toml"], ["anna"]),
    "other labs beside": (["anna/lab01/lab01.ipynb", "anna/lab02/lab02.ipynb", "bob/lab01/lab01.ipynb"], ["anna"]),
    "other labs in one folder": (["anna/lab01.ipynb", "anna/lab02.ipynb", "bob/lab01.ipynb"], ["anna"]),
    "another lab of another name": (["anna/vae/vae.ipynb", "anna/lab02/lab02.ipynb"], ["anna"]),
    "flat": (["anna_17_lab02.ipynb", "jane_doe_18_lab02.ipynb"], ["anna-17", "jane_doe-18"]),
    "flat, in a folder": (["all/anna_17_lab02.ipynb", "all/bob_18_lab02.ipynb"], ["anna-17", "bob-18"]),
    "Canvas": (["doejane_123_4567_lab02.ipynb", "doejane_124_4568_lab02.ipynb"], ["doejane-123", "doejane-124"]),
    "Canvas, in a folder": (["submissions/doejane_123_4567_lab02.ipynb"], ["doejane-123"]),
    "Canvas, late": (["doejane_LATE_123_4567_lab02.ipynb"], ["doejane-123"]),
    "Moodle's folders": (
        ["Jane Doe_123_assignsubmission_file_/lab02.ipynb", "Jane Doe_124_assignsubmission_file/lab02.ipynb"],
        ["Jane_Doe-123", "Jane_Doe-124"],
    ),
    "Moodle, one student": (["Jane Doe_123_assignsubmission_file_/lab02.ipynb"], ["Jane_Doe-123"]),
    "Moodle, a folder deeper": (["Jane Doe_123_assignsubmission_file_/work/lab02.ipynb"], ["Jane_Doe-123"]),
    "Moodle with comments": (
        ["Al Li_5_assignsubmission_file_/lab02.ipynb", "Al Li_5_assignsubmission_onlinetext_/onlinetext.html"],
        ["Al_Li-5"],
    ),
    "Moodle, flat": (["Jürgen Groß_9_assignsubmission_file_lab02.ipynb"], ["Jürgen_Groß-9"]),
    "left behind": (
        ["anna/lab02.ipynb", "anna/.ipynb_checkpoints/lab02.ipynb", "__MACOSX/anna/._lab02.ipynb", ".DS_Store",
         "anna/.DS_Store", "._anna/lab02.ipynb", "empty/.DS_Store", ".git/config"],
        ["anna"],
    ),
    "a wrapper around folders": (["downloads/anna/lab02.ipynb", "downloads/bob/lab02.ipynb"], ["anna", "bob"]),
    "one student alone": (["anna/lab02.ipynb"], ["anna"]),
    "in capitals": (["anna/LAB02.IPYNB"], ["anna"]),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_layouts(tmp_path, layout, packed):
    files, students = LAYOUTS[layout]
    if packed:
        source = zipped(tmp_path / "download.zip", dict.fromkeys(files, "{}"))
    else:
        source = write(tmp_path / "source", *files)
    submissions = find(source, LAB, LIMITS)
    assert [one.student for one in submissions] == sorted(students)
    for one in submissions:
        assert (one.problem, one.data, one.received) == ("", b"{}", None)
        assert one.flags == (("Canvas says that it was late",) if "LATE" in one.file else ())
        assert one.file in files
        assert len(one.sha256) == 64


def test_canvas_keeps_the_highest_resubmission(tmp_path):
    write(tmp_path, "doejane_1_10_lab02.ipynb", "doejane_1_11_lab02-2.ipynb", "doejane_1_12_lab02-10.ipynb")
    write(tmp_path, "roe_2_13_lab02-1.ipynb")
    one = found(tmp_path)["doejane-1"]
    assert one.file == "doejane_1_12_lab02-10.ipynb"
    assert one.flags == ("3 files; lab02-10.ipynb was taken",)
    assert found(tmp_path)["roe-2"].flags == ()


def test_a_notebook_of_another_name_is_taken_when_it_is_the_only_one(tmp_path):
    write(tmp_path, "anna/my_lab02_final.ipynb", "bob/a.ipynb", "bob/b.ipynb")
    write(tmp_path, "eva/lab02.ipynb", "eva/lab02-Copy1.ipynb", "ida/notes.pdf", "leo/lab02.zip")
    write(tmp_path, "mia/lab02.ipynb", "mia/data.zip")
    here = found(tmp_path)
    assert here["anna"].flags == ("its name is my_lab02_final.ipynb, not lab02.ipynb",)
    assert here["anna"].data == b"{}"
    assert here["bob"].problem == "there are several notebooks and none is named lab02.ipynb: a.ipynb, b.ipynb"
    assert here["bob"].data == b""
    assert here["eva"].flags == ("there are other notebooks beside it: lab02-Copy1.ipynb",)
    assert here["ida"].problem == "there is no notebook"
    assert "a zip file, to be unpacked first: lab02.zip" in here["leo"].problem
    assert here["mia"].flags == ("a zip file beside it was not opened: data.zip",)


def test_other_names_in_downloads(tmp_path):
    write(tmp_path, "doejane_1_10_final.ipynb", "roe_2_11_final.ipynb", "roe_2_12_final-1.ipynb", "poe_3_13_text.pdf")
    write(tmp_path, "loe_4_14_lab01.ipynb", "Ann Li_5_assignsubmission_file_x.ipynb", "max_6_work.ipynb", "whose.ipynb")
    here = found(tmp_path)
    assert here["doejane-1"].flags == ("its name is final.ipynb, not lab02.ipynb",)
    assert here["roe-2"].file == "roe_2_12_final-1.ipynb"
    assert here["poe-3"].problem == "there is no notebook"
    assert here["loe-4"].problem == "there is no notebook of lab02 but another one: lab01.ipynb"
    assert here["Ann_Li-5"].flags == ("its name is x.ipynb, not lab02.ipynb",)
    assert here["max-6"].flags == ("its name is work.ipynb, not lab02.ipynb",)
    assert here["whose"].problem.startswith("nobody knows whose it is: rename the file to NAME_ID_lab02.ipynb")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "holds no submission of lab02: there is no notebook in it"),
        (["anna/lab01.ipynb", "bob/lab01/lab01.ipynb"], "holds no submission of lab02; there are lab01.ipynb"),
        (["lab02.ipynb"], r"there are lab02.ipynb \(a notebook belongs into its student's folder"),
        (["readme.txt"], "there is no notebook"),
    ],
)
def test_nothing_found_says_what_there_is_instead(tmp_path, files, words):
    (tmp_path / "in").mkdir()
    with pytest.raises(IntakeError, match=words) as caught:
        find(write(tmp_path / "in", *files), LAB, LIMITS)
    assert "\n" not in str(caught.value)


def test_sources_that_are_none(tmp_path):
    with pytest.raises(IntakeError, match="there is no .*nowhere: name the folder or zip file"):
        find(tmp_path / "nowhere", LAB, LIMITS)
    for content in (b"", b"no zip", b"PK\x03\x04" + bytes(50), b"PK\x05\x06" + b"\xff" * 18):
        (tmp_path / "bad.zip").write_bytes(content)
        with pytest.raises(IntakeError, match="neither a folder nor a zip file that can be read") as caught:
            find(tmp_path / "bad.zip", LAB, LIMITS)
        assert "\n" not in str(caught.value)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(IntakeError, match="neither a folder nor a zip file"):
        find(tmp_path / "pipe", LAB, LIMITS)


def test_times_come_from_timestamps_and_the_teachers_table_alone(tmp_path):
    write(tmp_path, "anna/lab02/lab02.ipynb", "bob/lab02/lab02.ipynb", "eva/lab02/lab02.ipynb", "ida/lab02.ipynb")
    write(tmp_path, "anna/lab02/timestamp.txt", "bob/lab02/timestamp.txt", text="2027-01-31 23:59:00.000000 UTC\n")
    write(tmp_path, "eva/lab02/timestamp.txt", text="yesterday\n")
    write(tmp_path, "ida/timestamp.txt", text="2020-01-01 00:00:00 UTC\n")  # nbgrader puts none there
    write(tmp_path, "submitted.csv", text="\ufefftime,student,note\n2027-02-01T12:00:00+01:00,bob,\n")
    here = found(tmp_path)
    assert here["anna"].received == WHEN
    assert here["bob"].received == datetime(2027, 2, 1, 11, tzinfo=UTC)
    assert here["eva"].received is None
    assert here["eva"].flags[0].startswith("timestamp.txt cannot be read: 'yesterday' is no time with its zone")
    assert here["ida"].received is None


def test_a_student_cannot_bring_a_time_along(tmp_path):
    folder = "Jane Doe_1_assignsubmission_file_/lab02"
    write(tmp_path, f"{folder}/lab02.ipynb")
    write(tmp_path, f"{folder}/timestamp.txt", text="2020-01-01 00:00:00 UTC")
    write(tmp_path, f"{folder}/submitted.csv", text="student,time\nJane Doe-1,2020-01-01T00:00:00Z\n")
    assert found(tmp_path)["Jane_Doe-1"].received is None


def test_the_table_of_times_knows_both_names(tmp_path):
    write(tmp_path, "doejane_1_10_lab02.ipynb", "Jöe Li_2_assignsubmission_file_/lab02.ipynb", "roe_3_1_lab02.ipynb")
    write(tmp_path, "submitted.csv", text="student,time\ndoejane-1,2027-01-31 23:59Z\nJöe Li-2,2027-01-31T23:59:00Z\n")
    here = found(tmp_path)
    assert [here[name].received for name in ("doejane-1", "Jöe_Li-2", "roe-3")] == [WHEN, WHEN, None]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("student,time\nanna,2027-01-31T23:59:00\n", "line 2: '2027-01-31T23:59:00' is no time with its zone"),
        ("student,time\nanna,\n", "line 2: '' is no time"),
        ("student,time\nanna\n", "line 2: '' is no time"),
        ("name,when\nanna,x\n", "needs the columns student and time"),
        ("", "needs the columns"),
        ('student,time\n"anna', "cannot be read as a CSV"),
        ("student,time\nanna,0001-01-01T00:00:00+14:00\n", "line 2"),
        (b"\xff\xfe", "cannot be read as a CSV in UTF-8"),
    ],
)
def test_a_table_of_times_that_cannot_be_meant_is_named(tmp_path, table, words):
    write(tmp_path, "anna/lab02.ipynb")
    (tmp_path / "submitted.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    with pytest.raises(IntakeError, match=f"submitted.csv.*{words}") as caught:
        find(tmp_path, LAB, LIMITS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["2027-01-31 23:59:00.000000 UTC", "2027-01-31T23:59:00Z", "2027-02-01 00:59+01:00", "2027-01-31 23:59:00 GMT\n"],
)
def test_times(text):
    assert parse_time(text) == WHEN


@pytest.mark.parametrize("text", ["", "2027-01-31", "2027-01-31 23:59", "now", "9999-12-31T23:59:00-14:00", "\0" * 9])
def test_what_is_no_time(text):
    with pytest.raises(ValueError, match="is no time with its zone"):
        parse_time(text)


def special_files(root: Path) -> dict[str, str]:
    """One student for each thing that is no file; student -> words of the problem."""
    write(root, "secret/lab02.ipynb", text="SECRET")
    names = ("link", "loop", "dangling", "pipe", "socket", "dir")
    folder = {name: write(root, f"in/{name}/readme.txt") / "in" / name for name in names}
    (folder["link"] / "lab02.ipynb").symlink_to(root / "secret" / "lab02.ipynb")
    (folder["loop"] / "lab02.ipynb").symlink_to("lab02.ipynb")
    (folder["dangling"] / "lab02.ipynb").symlink_to("nowhere")
    os.mkfifo(folder["pipe"] / "lab02.ipynb")
    here = Path.cwd()
    os.chdir(folder["socket"])
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("lab02.ipynb")
    os.chdir(here)
    write(root, "in/dir/lab02.ipynb/lab02.ipynb")
    (root / "in" / "linked").symlink_to(root / "secret")
    write(root, "in/lablink/readme.txt")
    (root / "in" / "lablink" / "lab02").symlink_to(root / "secret")
    (root / "in" / "flat_1_lab02.ipynb").symlink_to(root / "secret" / "lab02.ipynb")
    write(root, "in/large/lab02.ipynb", text="x" * 10_001)
    write(root, "in/hole/lab02.ipynb")
    os.truncate(root / "in" / "hole" / "lab02.ipynb", 10**12)
    link, large = "it is a symbolic link", "it is too large: .* MB, and at most 0.01 MB are taken in"
    return {"link": link, "loop": link, "dangling": link, "linked": link, "lablink": link, "flat-1": link,
            "pipe": "it is a pipe", "socket": "it is a socket", "dir": "it is a folder", "large": large,
            "hole": large}  # fmt: skip


def test_what_is_no_plain_file_is_never_opened_and_harms_nobody(tmp_path):
    problems = special_files(tmp_path)
    write(tmp_path, "in/good/lab02.ipynb", "in/exact/lab02.ipynb", text="x" * 10_000)
    here = found(tmp_path / "in")
    assert set(here) == {*problems, "good", "exact"}
    for student, words in problems.items():
        assert re.fullmatch(words, here[student].problem), here[student]
        assert here[student].data == b""
    assert here["good"].data == here["exact"].data == b"x" * 10_000


def test_a_file_exchanged_for_a_link_after_it_was_listed_is_not_followed(tmp_path):
    write(tmp_path, "in/anna/lab02/lab02.ipynb", "secret/lab02/lab02.ipynb")
    box = containers.Folder(tmp_path / "in")
    (entry,) = [e for e in box.entries() if not e.folder]
    for name in ("anna/lab02/lab02.ipynb", "anna/lab02", "anna"):
        path, kept = tmp_path / "in" / name, tmp_path / "kept"
        path.rename(kept)
        path.symlink_to(tmp_path / "secret" / "/".join(name.split("/")[1:]))
        with pytest.raises(containers.Unreadable, match="cannot be read"):
            box.read(entry, 100)
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(containers.Unreadable):
            box.read(entry, 100)
        path.unlink()
        kept.rename(path)
    assert box.read(entry, 100) == b"{}"


def test_a_hard_link_is_a_file(tmp_path):
    write(tmp_path, "anna/lab02.ipynb", "bob/x.txt")
    os.link(tmp_path / "anna" / "lab02.ipynb", tmp_path / "bob" / "lab02.ipynb")
    assert found(tmp_path)["bob"].data == b"{}"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_a_problem(tmp_path):
    write(tmp_path, "anna/lab02.ipynb", "bob/lab02.ipynb", "eva/lab02.ipynb")
    (tmp_path / "anna" / "lab02.ipynb").chmod(0)
    (tmp_path / "bob").chmod(0)
    here = found(tmp_path)
    (tmp_path / "bob").chmod(0o700)
    assert here["anna"].problem == here["bob"].problem == "it cannot be read (Permission denied)"
    assert here["eva"].data == b"{}"


def test_errors_of_the_disk_are_that_submissions_problem(tmp_path, monkeypatch):
    write(tmp_path, "anna/lab02.ipynb", "bob/lab02.ipynb")
    opened = os.open

    def failing(path, *args, **kwargs):
        if path == "anna":
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", failing)
    here = found(tmp_path)
    assert here["anna"].problem == "it cannot be read (Permission denied)"
    assert here["bob"].data == b"{}"


NAMES = {
    "anna": "anna",
    "Ævar Ünïcode-学生-παράδειγμα": "Ævar_Ünïcode-学生-παράδειγμα", "Zoe\u0308": "Zoë", "new\nline": "new_line",
    "a" * 200: "a" * 80, "-rf": "rf", "--student=all": "student_all", ".": "student", "...": "student", "": "student",
    ".hidden": "hidden", "two  words ": "two_words", "=HYPERLINK(1)": "HYPERLINK_1", "@sum": "sum", "+1": "1",
    "a\\b\\..\\c": "a_b_.._c", "../x": "x", "a/b": "a_b", "not-\udcff-utf-8": "not-_-utf-8", "con": "student-con",
    "CON.txt": "student-CON.txt", "console": "console", "lpt1": "student-lpt1", "\u202egnorw": "gnorw", "🎓": "student",
    "x.": "x", "jane@uni.org": "jane@uni.org", "a\tb\x01\x1b[31m": "a_b_31m", "<script>": "script", "_": "student",
    "\U00020000" * 80: "\U00020000" * 40, "۱۲": "۱۲", "a\u200bb": "a_b",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_safe_names(name):
    assert safe(name) == NAMES[name]
    assert safe(safe(name)) == safe(name)
    assert len(safe(name).encode()) <= 160
    for c in safe(name):
        assert c in "._-@+" or unicodedata.category(c)[0] in "LN"


def test_names_that_come_out_alike_are_told_apart_the_same_way_each_time():
    labels = ["anna!", "Anna", "anna", "anna-2", "anna?", "...", "🎓", "a" * 90, "a" * 91, "ﬁn", "fin"]
    names = unique(labels)
    by_label = dict(zip(labels, names, strict=True))
    assert by_label["Anna"] == "Anna"
    assert by_label["anna"] == "anna-3"  # the next that is nobody's
    assert by_label["anna!"] == "anna-4"
    assert by_label["anna-2"] == "anna-2"
    assert sorted(names) == sorted(unique(labels[::-1]))
    assert dict(zip(labels[::-1], unique(labels[::-1]), strict=True)) == by_label
    assert len({unicodedata.normalize("NFKC", name).casefold() for name in names}) == len(names)
    assert max(map(len, names)) == 80
    assert unique(sorted(names)) == sorted(names)  # collected once, they stay


def test_strange_folders_give_strange_but_safe_submissions(tmp_path):
    folders = [n for n in NAMES if n not in ("", ".", "..") and "/" not in n and len(os.fsencode(n)) < 250]
    write(tmp_path / "in", *(f"{name}/lab02.ipynb" for name in folders))
    submissions = find(tmp_path / "in", LAB, LIMITS)
    assert len(submissions) == len(folders)
    assert len({one.student.casefold() for one in submissions}) == len(folders)
    for one in submissions:
        assert one.data == b"{}"
        assert one.file.isprintable()
        one.file.encode()


def test_words_from_outside_become_one_printable_line():
    assert printable("a\nb\udcff\x1b\u202e") == "a\\nb\\udcff\\x1b\\u202e"
    long = printable("start" + "\n" * 5000 + "end")
    assert len(long) <= 300
    assert long.startswith("start")
    assert long.endswith("end")


def entry(name: str, mode: int = 0, **attributes) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.create_system = 3
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def test_bad_entries_of_a_zip_are_their_students_problem(tmp_path):
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good/lab02.ipynb", "{}")
        archive.writestr("windows\\lab02.ipynb", "{}")
        archive.writestr(entry("link/lab02.ipynb", stat.S_IFLNK | 0o777), "/etc/passwd")
        archive.writestr(entry("pipe/lab02.ipynb", stat.S_IFIFO | 0o644), "")
        archive.writestr("/absolute/lab02.ipynb", "{}")
        archive.writestr("up/../../lab02.ipynb", "{}")
        archive.writestr("C:\\drive\\lab02.ipynb", "{}")
        archive.writestr("../good/lab02.ipynb", "bad")
        archive.writestr("bomb/lab02.ipynb", "0" * 10**7)
        archive.writestr("nested/lab02.ipynb", "{}")
        archive.writestr("nested/more.zip", "PK")
        archive.writestr("damaged/lab02.ipynb", "DAMAGED" * 20, zipfile.ZIP_STORED)
        archive.writestr("secret/lab02.ipynb", "{}")
        archive.writestr("twice/lab02.ipynb", "first")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("twice/lab02.ipynb", "second")
    content = path.read_bytes().replace(b"DAMAGEDDAMAGED", b"DAMAGEDdamaged")
    at = content.rindex(b"secret/lab02.ipynb") - 46  # its entry in the directory at the end
    content = content[: at + 8] + b"\1\0" + content[at + 10 :]  # says that it is encrypted
    path.write_bytes(content)
    here = found(path)
    assert here["good"].data == here["windows"].data == here["nested"].data == b"{}"
    assert here["link"].problem == "it is a symbolic link"
    assert here["pipe"].problem == "it is a pipe"
    assert {here[name].problem for name in ("absolute", "up", "drive")} == {"its path leads out of the zip file"}
    assert here["bomb"].problem.startswith("it is too large: 10.0 MB")
    assert here["damaged"].problem == "it is damaged in the zip file (BadZipFile)"
    assert here["secret"].problem == "it is encrypted"
    assert here["nested"].flags == ("a zip file beside it was not opened: more.zip",)
    assert here["twice"].data == b"second"
    assert here["twice"].flags == ("2 files; the later lab02.ipynb was taken",)
    assert all(one.data == b"" for one in here.values() if one.problem)


def test_a_zip_that_lies_about_sizes_is_not_believed(tmp_path):
    path = zipped(tmp_path / "all.zip", {"liar/lab02.ipynb": "0" * 10**6, "good/lab02.ipynb": "{}"})
    size = (10**6).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (100).to_bytes(4, "little")))
    here = found(path)
    assert here["good"].data == b"{}"
    assert here["liar"].data == b""
    assert here["liar"].problem == "it is damaged in the zip file (BadZipFile)"


def test_a_zip_of_too_many_entries_is_refused(tmp_path, monkeypatch):
    path = zipped(tmp_path / "all.zip", {f"s{i}/lab02.ipynb": "{}" for i in range(20)})
    monkeypatch.setattr(containers, "MOST_ENTRIES", 19)
    with pytest.raises(IntakeError, match="has 20 entries, at most 19 are read: unpack it"):
        find(path, LAB, LIMITS)
    monkeypatch.setattr(intake, "MOST_ALTOGETHER", 39)
    monkeypatch.setattr(containers, "MOST_ENTRIES", 20)
    with pytest.raises(IntakeError, match="more than .* GB of notebooks"):
        find(path, LAB, LIMITS)


def test_a_zip_cut_short_or_changed_anywhere_never_ends_in_another_error(tmp_path):
    whole = zipped(tmp_path / "all.zip", {f"s{i}/lab02.ipynb": "{}" * 50 for i in range(3)}).read_bytes()
    path = tmp_path / "changed.zip"
    outcomes = set()
    for i in range(0, len(whole), 3):
        for content in (whole[:i], whole[:i] + bytes([whole[i] ^ 0xFF]) + whole[i + 1 :]):
            path.write_bytes(content)
            try:
                outcomes.add(len(find(path, LAB, LIMITS)))
            except IntakeError:
                outcomes.add("refused")
    assert {3, "refused"} <= outcomes


def course(root: Path) -> Course:
    return Course(root, "x", "x", {}, LIMITS)


def test_collect_copies_what_can_be_read_and_find_finds_it_again(tmp_path):
    submissions = [
        Submission("anna", "a", b"one", datetime(2027, 2, 1, 0, 59, tzinfo=UTC)),
        Submission("bob", "b", b"two", None),
        Submission("eva", "c", b"", None, "it is a symbolic link"),
    ]
    for _ in range(2):
        collect(submissions, course(tmp_path), LAB)
        files = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
        assert files == ["submitted/anna/lab02/lab02.ipynb", "submitted/anna/lab02/timestamp.txt",
                         "submitted/bob/lab02/lab02.ipynb"]  # fmt: skip
    assert (tmp_path / files[1]).read_text() == "2027-02-01 00:59:00.000000 UTC\n"
    again = found(tmp_path / "submitted")
    assert {s.student: (s.data, s.received) for s in submissions[:2]} == {
        name: (s.data, s.received) for name, s in again.items()
    }
    collect([Submission("anna", "a", b"three", None)], course(tmp_path), LAB)
    assert found(tmp_path / "submitted")["anna"].received is None  # the old time was the old file's
    assert found(tmp_path / "submitted")["anna"].data == b"three"


def test_collect_follows_no_link_in_its_way(tmp_path):
    outside = write(tmp_path, "outside/lab02/lab02.ipynb", "outside/lab02.ipynb", text="mine") / "outside"
    root = tmp_path / "course"
    write(root, "submitted/file/x", "submitted/eva/lab02", "submitted/dir/lab02/lab02.ipynb/x")
    (root / "submitted" / "anna").symlink_to(outside)
    write(root, "submitted/bob/x")
    (root / "submitted" / "bob" / "lab02").symlink_to(outside)
    write(root, "submitted/ida/lab02/x")
    (root / "submitted" / "ida" / "lab02" / "lab02.ipynb").symlink_to(outside / "lab02.ipynb")
    (root / "submitted" / "ida" / "lab02" / "timestamp.txt").symlink_to(outside / "lab02.ipynb")
    submissions = [Submission(name, "x", b"new", WHEN) for name in ("anna", "bob", "dir", "eva", "ida", "leo")]
    with pytest.raises(IntakeError, match=r"submitted/anna/lab02 cannot be written .* \(and 3 more\)") as caught:
        collect(submissions, course(root), LAB)
    assert "\n" not in str(caught.value)
    assert {p.read_text() for p in outside.rglob("*.ipynb")} == {"mine"}
    assert not list(outside.rglob("*.t*"))
    for name in ("ida", "leo"):
        path = root / "submitted" / name / "lab02" / "lab02.ipynb"
        assert path.read_text() == "new"
        assert not path.is_symlink()
    assert not list(root.rglob("*.tmp"))
