"""course.toml: dates, penalties, limits, the key, and one clear error for what cannot be meant."""

import os
import stat
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest

from lecturelib.grading.course import KEY, CourseError, Late, Limits, Plan, read_course
from lecturelib.launch import course_root

DUE = datetime(2027, 1, 31, 23, 59, tzinfo=UTC)
PLAN = Plan(
    "lab02",
    due=DUE,
    late=Late(grace_minutes=15, penalty_per_day=0.1, days=3),
    extensions={"student02": DUE + timedelta(7)},
)


def write(folder, text: str):
    (folder / "course.toml").write_text(text)
    return folder


def test_the_courses_own_file_is_read():
    course = read_course(course_root())
    assert course.plan("lab02").due == DUE
    assert course.limits == Limits()  # what the file says is what the code takes without it
    assert course.plan("lab99").due is None


@pytest.mark.parametrize(
    ("after", "days", "share"),
    [
        (timedelta(days=-3), 0, 0.0), (timedelta(0), 0, 0.0), (timedelta(minutes=15), 0, 0.0),
        (timedelta(minutes=15, seconds=1), 1, 0.1), (timedelta(days=1, minutes=15), 1, 0.1),
        (timedelta(days=1, minutes=16), 2, 0.2), (timedelta(days=3), 3, 0.3), (timedelta(days=3, minutes=16), 4, 1.0),
    ],
)  # fmt: skip
def test_each_day_begun_costs_its_share(after, days, share):
    assert PLAN.days_late("student01", DUE + after) == days
    assert PLAN.penalty("student01", DUE + after) == pytest.approx(share)


def test_an_extension_moves_the_date_for_one_student():
    late = DUE + timedelta(days=2)
    assert PLAN.penalty("student02", late) == 0
    assert PLAN.penalty("student01", late) == pytest.approx(0.2)
    assert PLAN.penalty("student02", DUE + timedelta(days=7, hours=1)) == pytest.approx(0.1)


def test_an_unknown_time_and_a_lab_without_date_cost_nothing():
    assert PLAN.penalty("student01", None) == 0
    assert Plan("x").penalty("student01", DUE) == 0


def test_zones_are_minded():
    east = (DUE + timedelta(minutes=10)).astimezone(timezone(timedelta(hours=9)))
    assert PLAN.days_late("student01", east) == 0


def test_a_penalty_is_never_more_than_all():
    plan = Plan("x", due=DUE, late=Late(penalty_per_day=0.4, days=10))
    assert plan.penalty("s", DUE + timedelta(days=5)) == 1.0


def test_settings_of_a_lab_overrule_the_common_ones(tmp_path):
    write(tmp_path, "[late]\npenalty_per_day = 0.2\ndays = 2\n[labs.a]\nlate = { days = 9 }\n[labs.b]\n")
    course = read_course(tmp_path)
    assert course.plan("a").late == Late(15, 0.2, 9)
    assert course.plan("b").late == Late(15, 0.2, 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[limits]\ncpu = 3", "no setting 'cpu'"),
        ("[limits]\ncpu_seconds = 0", "cpu_seconds is 0"),
        ("[limits]\ncpu_seconds = true", "cpu_seconds is True"),
        ("[limits]\nfiles = 'many'", "files is 'many'"),
        ("[late]\ndays = -1", "days is -1"),
        ("[labs.a]\ndue = 2027-01-31", "date, time and zone"),
        ("[labs.a]\ndue = 2027-01-31T23:59:00", "date, time and zone"),
        ("[labs.a]\ndue = 'soon'", "date, time and zone"),
        ("[labs.a]\npoints = 3", "no setting 'points'"),
        ("[labs.a]\nweight = -1", "weight is -1"),
        ("[labs.a.extensions]\ns = 3", "extension of s"),
        ("[labs", "cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_named(tmp_path, text, words):
    with pytest.raises(CourseError, match=words) as caught:
        read_course(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_folder_without_course_is_named(tmp_path):
    with pytest.raises(CourseError, match="no course.toml in"):
        read_course(tmp_path)


def test_seeds_differ_between_students_labs_and_courses(tmp_path):
    one, two = (read_course(write(p, "")) for p in (tmp_path / "a", tmp_path / "b") if not p.mkdir())
    seeds = [c.seed(lab, s) for c in (one, two) for lab in ("lab01", "lab02") for s in ("student01", "student02")]
    assert len(set(seeds)) == 8
    assert one.seed("lab01", "student01") == seeds[0]
    assert one.seed("lab0", "1student01") != one.seed("lab01", "student01")


def test_the_key_is_the_owners_alone_and_stays(tmp_path):
    course = read_course(write(tmp_path, ""))
    seeds: list[str] = []
    threads = [threading.Thread(target=lambda: seeds.append(course.seed("a", "b"))) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(set(seeds)) == 1
    assert stat.S_IMODE(os.stat(tmp_path / KEY).st_mode) == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == [KEY, "course.toml"]
    (tmp_path / KEY).write_text("")
    with pytest.raises(CourseError, match="damaged"):
        course.seed("a", "b")


def test_git_ignores_what_grading_leaves():
    ignored = (course_root() / ".gitignore").read_text().split()
    assert {KEY, "results/", "submitted/", "autograded/", "feedback/", "gradebook.db"} <= set(ignored)
