"""A lab graded from end to end: scores and reasons, resumed after kills, graded anew, and every bad input refused."""

import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import small_lab
from small_lab import LAB, SOLVED, SQUARED, make_course, submit
from typer.testing import CliRunner

from lecturelib import cli
from lecturelib.grading import records
from lecturelib.grading.course import read_course
from lecturelib.grading.grader import grade_lab
from lecturelib.launch import course_root

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
]

CLASS = {
    "right": {},
    "squared": {"write_double": SQUARED},
    "raises": {"write_double": "def double(x):\n    return x * y"},
    "loops": {"write_double": "def double(x):\n    while True:\n        pass"},
    "exits": {"write_double": "import os\n\n\ndef double(x):\n    os._exit(7)"},
    "learns-nothing": {"write_learn": SOLVED["write-learn"].replace("game.optimizer.step()", "pass")},
    "forgets-zero-grad": {"write_learn": SOLVED["write-learn"].replace("game.optimizer.zero_grad()", "pass")},
    "untouched": {"write_double": "def double(x):\n    raise NotImplementedError", "open": ""},
    "bad-cell": {"write_double": "import os\nos._exit(1)\n\n\ndef double(x):\n    return 2 * x"},
}
SCORES = {"right": 8, "squared": 5, "raises": 5, "loops": 5, "exits": 5, "learns-nothing": 5, "forgets-zero-grad": 5,
          "untouched": 5, "bad-cell": 5}  # fmt: skip


def grade(course: Path, *arguments: str):
    return CliRunner().invoke(cli.app, ["grade", "--lab", LAB, "--course", str(course), *arguments])


def read(course: Path) -> dict[str, records.Record]:
    return {r.student: r for r in records.read_all(course / "results" / LAB)}


def alive(processes: list[psutil.Process], timeout: float) -> list[psutil.Process]:
    """Those that still run when the time is over; one that ended counts as ended, whether or not its new parent
    (in a container often a shell that never asks) has taken note."""
    end = time.monotonic() + timeout

    def runs(process: psutil.Process) -> bool:
        try:
            return process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    while (left := [p for p in processes if p.is_running() and runs(p)]) and time.monotonic() < end:
        time.sleep(0.1)
    return left


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The class graded once, undisturbed; tests must leave it as it is."""
    root = make_course(tmp_path_factory.mktemp("a course"))
    for student, sources in CLASS.items():
        submit(root, root / "in", student, **sources)
    done = grade(root, "--submissions", str(root / "in"), "-j", "2")
    assert done.exit_code == 0, done.output
    return root, done


@pytest.fixture
def course(graded, tmp_path) -> Path:
    return Path(shutil.copytree(graded[0], tmp_path / "course", copy_function=shutil.copy))


@pytest.fixture
def fresh(tmp_path) -> Path:
    return make_course(tmp_path / "fresh")


def test_everybody_gets_what_is_due(graded):
    assert {s: r.score for s, r in read(graded[0]).items()} == SCORES


REASONS = {
    "squared": ("failed", "it was squared. Hint: Twice."),
    "raises": ("raised", "NameError: name 'y' is not defined"),
    "loops": ("late", "endless loop"),
    "exits": ("died", "ended with status 7"),
    "learns-nothing": ("failed", "the loss does not fall as it should"),
    "untouched": ("not written", "`double` is not written yet"),
    "bad-cell": ("not written", "its cell failed: it ended with status 1"),
}


@pytest.mark.parametrize("student", REASONS)
def test_every_lost_point_has_its_reason(graded, student):
    lost = [i for i in read(graded[0])[student].items if i.score < i.maximum]
    status, words = REASONS[student]
    assert lost
    assert lost[0].status == status
    assert words in lost[0].hint


def test_partial_credit_is_given_by_check(graded):
    items = {i.check: i.score for i in read(graded[0])["learns-nothing"].items}
    assert items == {"double": 2, "double_elsewhere": 1, "learn": 2, "learns": 0}


def test_records_say_what_was_graded_and_what_it_took(graded):
    record = read(graded[0])["right"]
    assert record.failure == ""
    assert record.flags == []
    assert record.sources["write-double"] == SOLVED["write-double"]
    assert [(o.question, o.maximum, o.answered) for o in record.open] == [("open", 4, True)]
    assert not read(graded[0])["untouched"].open[0].answered
    assert record.seconds > 0 < record.cpu_seconds
    assert len({r.seed for r in read(graded[0]).values()}) == len(CLASS)


def test_the_command_names_problems_and_sums_up(graded):
    said = graded[1].stdout
    assert "! loops: double late" in said
    assert "! bad-cell: cell write-double died" in said
    assert "right" not in said
    assert f"{len(CLASS)} graded; 0 could not be graded" in said


def test_what_is_made_of_the_records(graded):
    root = graded[0]
    assert (root / "results" / LAB / "summary.html").is_file()
    for student in CLASS:
        assert (root / "autograded" / student / LAB / f"{LAB}.ipynb").is_file()
    assert not list(root.glob("results/*/*.tmp"))
    runner = CliRunner()
    assert runner.invoke(cli.app, ["feedback", "--lab", LAB, "--course", str(root)]).exit_code == 0
    page = (root / "feedback" / "squared" / LAB / f"{LAB}.html").read_text()
    assert "it was squared" in page
    done = runner.invoke(cli.app, ["marks", "--lab", LAB, "--course", str(root)])
    assert done.exit_code == 0, done.output
    assert "squared" in Path(done.output.split("\n")[0].strip()).read_text()
    assert runner.invoke(cli.app, ["similarity", "--lab", LAB, "--course", str(root)]).exit_code == 0


def test_changed_leaves_out_what_was_graded(course):
    submit(course, course / "in", "right", write_double=SQUARED)
    submit(course, course / "in", "new")
    done = grade(course, "--submissions", str(course / "in"), "--changed")
    assert f"2 graded, {len(CLASS) - 1} were graded before" in done.stdout, done.output
    assert "score changed: right 8 -> 5" in done.stdout
    assert read(course)["new"].score == 8
    again = grade(course, "--changed")  # from submitted/, where all were collected
    assert f"0 graded, {len(CLASS) + 1} were graded before" in again.stdout


def test_a_corrected_check_is_one_command(course):
    checks = course / "solutions" / LAB / "checks.py"
    text = checks.read_text()
    checks.write_text(text.replace('compare(call("double", x), 2 * x, {"it was squared": x * x})', 'call("double", x)'))
    done = grade(course, "--changed", "-j", "2")
    assert f"{len(CLASS)} graded" in done.stdout, done.output
    assert "score changed: squared 5 -> 7" in done.stdout
    assert "score changed: right" not in done.stdout
    assert read(course)["squared"].score == 7


def test_the_course_may_be_named_from_where_one_is(course, monkeypatch):
    monkeypatch.chdir(course.parent)
    submit(course, course / "in", "squared")
    done = grade(Path("course"), "--submissions", "course/in", "--student", "squared")
    assert done.exit_code == 0, done.output
    assert read(course)["squared"].score == 8


def test_one_student_alone(course):
    submit(course, course / "in", "right", write_double=SQUARED)
    submit(course, course / "in", "squared")
    assert grade(course, "--submissions", str(course / "in"), "--student", "right").exit_code == 0
    assert {s: read(course)[s].score for s in ("right", "squared")} == {"right": 5, "squared": 5}
    done = grade(course, "--student", "nobody")
    assert done.exit_code == 1
    assert "holds no submission of nobody" in done.stderr


def test_killed_at_random_points_it_ends_as_if_undisturbed(course, graded):
    shutil.rmtree(course / "results")
    shutil.rmtree(course / "submitted")
    (course / "gradebook.db").unlink()
    random.seed(0)
    command = [sys.executable, "-m", "lecturelib.cli", "grade", "--lab", LAB, "--course", str(course),
               "--submissions", str(course / "in"), "-j", "2"]  # fmt: skip
    for after in (0, 2, 5, 8):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=course_root())
        while process.poll() is None and len(list((course / "results" / LAB).glob("[!.]*.json"))) < after:
            time.sleep(0.02)
        time.sleep(random.uniform(0, 1.0))
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        assert alive(family, timeout=10) == []
    done = subprocess.run(command, capture_output=True, text=True, cwd=course_root())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Going on with the run that was cut short" in done.stdout
    before = read(graded[0])
    assert {s: r.same_grade(before[s]) for s, r in read(course).items()} == dict.fromkeys(CLASS, True)
    assert (course / "gradebook.db").is_file()
    assert not list(course.rglob("*.tmp"))


def test_a_killed_worker_and_a_killed_sandbox_cost_nobody_a_point(course):
    process = subprocess.Popen(
        [sys.executable, "-m", "lecturelib.cli", "grade", "--lab", LAB, "--course", str(course), "-j", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=course_root(),
    )  # fmt: skip
    shutil.rmtree(course / "results")
    results = course / "results" / LAB
    while not list(results.glob("[!.]*.json")):
        assert process.poll() is None
        time.sleep(0.02)
    main = psutil.Process(process.pid)
    workers = [p for p in main.children() if "bwrap" not in p.name()]
    workers[0].kill()
    while len(list(results.glob("[!.]*.json"))) < 4:
        time.sleep(0.02)
    next(p for p in main.children() if "bwrap" in p.name()).kill()
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert {s: r.score for s, r in read(course).items()} == SCORES


def test_ctrl_c_ends_all_and_keeps_what_is_done(course):
    process = subprocess.Popen(
        [sys.executable, "-m", "lecturelib.cli", "grade", "--lab", LAB, "--course", str(course), "-j", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=course_root(), start_new_session=True,
    )  # fmt: skip
    old = {s: r.run for s, r in read(course).items()}
    while all(r.run == old[s] for s, r in read(course).items()):
        assert process.poll() is None
        time.sleep(0.05)
    family = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "Traceback" not in said
    assert alive(family, timeout=10) == []
    assert {s: r.score for s, r in read(course).items()} == SCORES


def test_a_cluster_gives_the_same_results(course, graded):
    env = os.environ | {"OMP_NUM_THREADS": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": env}
    folder = course / "cluster"
    folder.mkdir()
    place = folder / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    processes = [subprocess.Popen([*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                                   "--scheduler-file", str(place)], cwd=folder, **quiet)]  # fmt: skip
    try:
        for _ in range(2):
            worker = [*dask, "worker", "--scheduler-file", str(place), "--nthreads", "1", "--host", "127.0.0.1"]
            processes.append(subprocess.Popen([*worker, "--no-dashboard"], cwd=folder, **quiet))
        while not place.exists():
            assert processes[0].poll() is None
            time.sleep(0.1)
        address = json.loads(place.read_text())["address"]
        shutil.rmtree(course / "results")
        done = grade(course, "--scheduler", address)
        assert done.exit_code == 0, done.output
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)
    before = read(graded[0])
    assert {s: r.score for s, r in read(course).items()} == SCORES
    flags = {s: r.flags for s, r in read(course).items() if r.flags != before[s].flags}
    assert set(flags) <= {"loops"}  # what was late is not tried alone there


def test_a_scheduler_that_is_not_there_is_named(course):
    done = grade(course, "--scheduler", "tcp://127.0.0.1:9")
    assert done.exit_code == 1
    assert "there is no Dask scheduler at tcp://127.0.0.1:9" in done.stderr


def refused(course: Path, words: str, *arguments: str, lab: str = LAB) -> None:
    """One line on stderr, exit status 1, and nothing graded."""
    result = CliRunner().invoke(cli.app, ["grade", "--lab", lab, "--course", str(course), *arguments])
    assert result.exit_code == 1
    lines = result.output.strip().splitlines()
    assert len(lines) == 1, result.output
    assert words in lines[0]
    assert not list(course.glob("results/*/[!.]*.json"))


def test_bad_input_gets_one_line(fresh, tmp_path):
    folder = tmp_path / "in"
    refused(fresh, "in", "--submissions", str(folder))
    folder.mkdir()
    refused(fresh, "in", "--submissions", str(folder))
    submit(fresh, folder, "right")
    refused(fresh, "no checks for lab 'lab99'", "--submissions", str(folder), lab="lab99")
    refused(tmp_path, "no course.toml", "--submissions", str(folder))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("def double(call, rng):", "def double(call rng):", "checks.py"),
        ("import torch", "import torch\nraise RuntimeError('no')", "checks.py cannot be used: RuntimeError: no"),
        ("points=2, hint", "points=4, hint", "exercise 'double' has 5 points in checks.py and 3"),
        ("2 * x, {", "3 * x, {", "the solution itself does not pass the check double"),
        ("outcome(", "missing(", "the solution itself does not pass the check learns"),
    ],
)
def test_checks_that_are_broken_stop_the_run(fresh, old, new, words):
    submit(fresh, fresh / "in", "right")
    checks = fresh / "solutions" / LAB / "checks.py"
    checks.write_text(checks.read_text().replace(old, new, 1))
    refused(fresh, words, "--submissions", str(fresh / "in"))


def test_a_lab_without_checks_or_release_is_named(fresh):
    submit(fresh, fresh / "in", "right")
    shutil.rmtree(fresh / "labs" / LAB)
    refused(fresh, "is not released", "--submissions", str(fresh / "in"))
    (fresh / "solutions" / LAB / "checks.py").write_text("")
    refused(fresh, "is not released", "--submissions", str(fresh / "in"))


def test_an_unmeasured_spread_is_named(tmp_path):
    course = make_course(tmp_path / "c", spread=False)
    submit(course, course / "in", "right")
    refused(course, "lecturelib spread measures it", "--submissions", str(course / "in"))


def test_results_that_cannot_be_written_are_named(fresh):
    submit(fresh, fresh / "in", "right")
    (fresh / "results").write_text("in the way")
    refused(fresh, "results", "--submissions", str(fresh / "in"))


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can make a small disk")
def test_a_full_disk_is_named_and_the_run_goes_on_later(fresh):
    submit(fresh, fresh / "in", "right")
    results = fresh / "results" / LAB
    results.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(results)]).returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        refused(fresh, "No space left on device", "--submissions", str(fresh / "in"))
        assert not list(results.glob("*.tmp"))
    finally:
        subprocess.run(["umount", "--lazy", str(results)], check=True)
    assert grade(fresh, "--submissions", str(fresh / "in")).exit_code == 0
    assert read(fresh)["right"].score == 8


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can make a disk that is read-only")
def test_results_that_are_read_only_are_named(fresh):
    submit(fresh, fresh / "in", "right")
    results = fresh / "results" / LAB
    results.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(results)]).returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        refused(fresh, "Read-only file system", "--submissions", str(fresh / "in"))
        assert not (fresh / "autograded").exists()
    finally:
        subprocess.run(["umount", "--lazy", str(results)], check=True)


def test_a_damaged_result_is_named(course):
    (course / "results" / LAB / "right.json").write_text("{")
    done = grade(course)
    assert done.exit_code == 1
    assert "right.json is not a result of grading" in done.stderr


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare (util-linux) is not installed")
def test_where_the_kernel_allows_no_user_name_spaces_grading_does_not_start(fresh):
    """In a user name space of its own, in which the kernel refuses to make more."""
    submit(fresh, fresh / "in", "right")
    command = [sys.executable, "-m", "lecturelib.cli", "grade", "--lab", LAB, "--course", str(fresh)]
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    inside = ["unshare", "--user", "--map-root-user", "sh", "-c"]
    if subprocess.run([*inside, forbid, "sh", "true"], capture_output=True).returncode:
        pytest.skip("the kernel lets nobody forbid name spaces here")
    done = subprocess.run(
        [*inside, forbid, "sh", *command, "--submissions", str(fresh / "in")], capture_output=True, text=True,
        cwd=course_root(),
    )  # fmt: skip
    assert done.returncode == 1
    assert "there is no sandbox, and nothing is graded without one" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(fresh.glob("results/*/[!.]*.json"))


def test_two_gradings_at_once_are_refused(fresh):
    submit(fresh, fresh / "in", "right")
    (fresh / "results" / LAB).mkdir(parents=True)
    with open(fresh / "results" / LAB / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(fresh, "another process is grading", "--submissions", str(fresh / "in"))


def test_the_spread_of_the_solution_is_measured(tmp_path):
    course = make_course(tmp_path / "c", spread=False)
    done = CliRunner().invoke(cli.app, ["spread", "--lab", LAB, "--course", str(course)])
    assert done.exit_code == 0, done.output
    spread = json.loads((course / "solutions" / LAB / "spread.json").read_text())["loss after 60 steps"]
    assert 0.85 < spread["mean"] < 1.1  # the noise that nobody can learn has variance 1
    assert 0.02 < spread["deviation"] < 0.2
    assert spread["seeds"] == 20


def test_without_a_sandbox_there_is_a_warning(fresh):
    submit(fresh, fresh / "in", "right")
    done = CliRunner().invoke(
        cli.app, ["grade", "--lab", LAB, "--course", str(fresh), "--submissions", str(fresh / "in"), "--no-sandbox"]
    )
    assert done.exit_code == 0, done.output
    assert "Without a sandbox students' code can read and change all that you can" in done.output
    assert read(fresh)["right"].score == 8


def test_grading_goes_through_the_functions_too(fresh):
    submit(fresh, fresh / "in", "right")
    outcome = grade_lab(read_course(fresh), small_lab.LAB, fresh / "in", jobs=1)
    assert (outcome.graded, outcome.skipped, outcome.failed) == (1, 0, [])
