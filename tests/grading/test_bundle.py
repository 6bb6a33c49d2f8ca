"""What students get in one file: all that they need, nothing that they must not see, the same bytes each time."""

import html
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from lecturelib.grading.bundle import Bundle, BundleError, bundle
from lecturelib.grading.course import read_course
from lecturelib.grading.leaks import leaks

ROOT = Path(__file__).parents[2]
TOP = "a-course"
LECTURE = "notebooks/03_autoencoders.ipynb"
KEY = "5ec2e7" * 10
HOME = {"results", "submitted", "autograded", "feedback", "marks", "runs", "pages", "gradebook.db"}
SKIP = re.compile(
    r"\.git|\.venv.*|__pycache__|\..*_cache|\.ipynb_.*|.*\.egg-info|.*\.kept-\d+|\.grading-key.*|\.release-.*"
)
COURSE = """
[course]
id = "a-course"
title = 'With "quotes"'
[labs.lab02]
title = "Autoencoders"
due = 2027-01-31T23:59:00+01:00
weight = 0.5
[labs.lab02.extensions]  # frida broke her arm
frida = 2027-02-28T23:59:00Z
[labs."lab 09"]
[late]
days = 3
[limits]
calls = 999
"""
pytestmark = [
    pytest.mark.slow,  # each a second, many of them
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed"),
]


def git(root: Path, *arguments: str) -> None:
    who = {f"GIT_{role}_{what}": "t@x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | {"GIT_CONFIG_GLOBAL": os.devnull} | who
    subprocess.run(["git", *arguments], cwd=root, env=env, check=True, capture_output=True)


def commit(root: Path) -> None:
    git(root, "add", "--all", "--force")
    git(root, "commit", "--quiet", "--message", "all")


def write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """A committed copy of this course in which a teacher has worked."""

    def stays(folder: str, names: list[str]) -> set[str]:
        if Path(folder) == ROOT / "data":
            return set(names) - {"README.md", "manifest.toml"}
        return {n for n in names if SKIP.fullmatch(n) or (Path(folder) == ROOT and n in HOME)}

    root = Path(shutil.copytree(ROOT, tmp_path_factory.mktemp("teacher") / "my course", ignore=stays))
    write(root, "course.toml", COURSE)
    write(root, "solutions copy/lab02/lab02.ipynb", (ROOT / "solutions/lab02/lab02.ipynb").read_text())
    write(root, "notebooks/plan.md", "ask about the exam")
    write(root, "data/marks.csv", "frida,3")
    write(root, "lecturelib/old solution.py", "")
    git(root, "init", "--quiet")
    commit(root)
    write(root, ".grading-key", f"{KEY}\n")
    write(root, "results/lab02/frida.json", "{}")
    write(root, "submitted/frida/lab02/lab02.ipynb", "{}")
    write(root, "gradebook.db", "")
    write(root, "notebooks/99_draft.ipynb", "{}")
    write(root, "lecturelib/__pycache__/x.py", "")
    return root


@pytest.fixture(scope="module")
def packed(original, tmp_path_factory) -> Bundle:
    return bundle(original, tmp_path_factory.mktemp("students") / "course.zip")


@pytest.fixture(scope="module")
def unpacked(packed) -> Path:
    """What a student has on disk."""
    subprocess.run([sys.executable, "-m", "zipfile", "-e", packed.path, packed.path.parent / "home"], check=True)
    return packed.path.parent / "home" / TOP


@pytest.fixture
def course(original, tmp_path, monkeypatch, unpacked) -> Path:
    """A copy to change; what solutions/ releases is taken from the bundle, since nbgrader needs seconds for it."""

    def release(scratch, lab):
        return SimpleNamespace(folder=Path(shutil.copytree(unpacked / "labs" / lab, Path(scratch, "labs", lab))))

    monkeypatch.setattr(importlib.import_module("lecturelib.grading.bundle"), "release", release)
    return Path(shutil.copytree(original, tmp_path / "my course", symlinks=True))


# What is in it


def test_it_holds_what_students_need(packed):
    lectures = {f"notebooks/{p.name}" for p in (ROOT / "notebooks").glob("[0-9]*.ipynb")}
    library = {p.relative_to(ROOT).as_posix() for p in (ROOT / "lecturelib").rglob("*.py")}
    needed = {
        "Makefile", "pyproject.toml", "constraints.txt", "environment.yml", "postBuild", "README.md", "LICENSE",
        "LICENSE-text.md", "course.toml", "nbgrader_config.py", "tools/environment.py", "docs/front_page.png",
        "data/README.md", "data/manifest.toml", "labs/lab02/lab02.ipynb", "labs/lab02/checks.py",
        "lecturelib/grading/templates/feedback.html", "tests/unit/test_house.py", "tests/contract/test_models.py",
        "tests/notebooks/test_readme.py", "tests/browser/conftest.py", "tests/browser/test_lectures.py",
    }  # fmt: skip
    needed.add("lecturelib/terms/terms.toml")
    assert needed | lectures | library <= set(packed.files)
    assert len([name for name in packed.files if name.startswith("tests/unit/")]) >= 15


def test_it_holds_nothing_else(packed, original):
    with zipfile.ZipFile(packed.path) as file:
        assert sorted(file.namelist()) == sorted(f"{TOP}/{name}" for name in packed.files)
        everything = b"\n".join(file.read(name) for name in file.namelist())
    for word in (b"hidden=True)\ndef pca_elsewhere", b"BEGIN SOLUTION\n", b"frida", KEY.encode(), b"about the exam"):
        assert word not in everything
    tops = {name.split("/")[0] for name in packed.files if "/" in name}
    assert tops == {"notebooks", "labs", "lecturelib", "data", "tools", "docs", "tests"}
    assert {name for name in packed.files if name.startswith("data/")} == {"data/README.md", "data/manifest.toml"}
    docs = {f"docs/{name}.{end}" for name in ("faces", "front_page", "scenes") for end in ("png", "py")}
    docs |= {f"docs/glossary/{name}.md" for name in ("README", "vi", "pl", "nl")}
    assert {name for name in packed.files if name.startswith("docs/")} == docs
    rooms = {name.split("/")[1] for name in packed.files if name.startswith("tests/")}
    assert rooms == {"conftest.py", "unit", "contract", "notebooks", "browser"}
    assert not {"notebooks/plan.md", "notebooks/99_draft.ipynb", "lecturelib/old solution.py"} & set(packed.files)
    assert not any("__pycache__" in name for name in packed.files)


def test_no_test_in_it_needs_what_is_not_in_it(packed, unpacked):
    for path in (unpacked / "tests").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert not re.search("solutions|benchmarks|fake_records", source), path
    assert "tests/unit/test_data_transfer.py" not in packed.files
    assert "tests/browser/test_grading_pages.py" not in packed.files


def test_programs_stay_programs(packed):
    with zipfile.ZipFile(packed.path) as file:
        modes = {entry.filename: entry.external_attr >> 16 for entry in file.infolist()}
    assert modes.pop(f"{TOP}/postBuild") == 0o100755
    assert set(modes.values()) == {0o100644}


def test_the_labs_are_those_that_intake_expects(packed, unpacked):
    def releases(root: Path) -> dict[str, str]:
        found = sorted((root / "labs").glob("lab??/*.ipynb"))
        return {p.parent.name: nbformat.read(p, as_version=4).metadata.lecturelib.sha256 for p in found}

    assert packed.labs == releases(ROOT) == releases(unpacked)
    assert {"lab01", "lab02"} <= set(packed.labs)


def test_students_read_the_dates_and_rules_and_nobodys_extension(original, unpacked):
    teachers, students = read_course(original), read_course(unpacked)
    assert teachers.labs["lab02"].extensions
    plans = {name: replace(plan, extensions={}) for name, plan in teachers.labs.items()}
    assert students == replace(teachers, root=unpacked, labs=plans)


def dead_links(folder: Path) -> list[str]:
    readme = (folder / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)\s#]+)|(?:src|href)=\"([^\"#]+)\"", readme)
    return [t for pair in targets for t in pair if t and "://" not in t and not (folder / t).exists()]


def test_every_link_of_the_readme_leads_to_a_file(unpacked):
    assert dead_links(unpacked) == []
    readme = (unpacked / "README.md").read_text(encoding="utf-8")
    assert "](labs/lab02/lab02.ipynb)" in readme
    assert "![" in readme
    assert readme.split("\n\n")[1].startswith("*This is the students' copy")


def test_a_lab_that_is_left_out_leaves_no_dead_link_and_no_test(course, tmp_path):
    shutil.rmtree(course / "labs")
    with open(course / "README.md", "a") as readme:
        readme.write("\nSee [the guide](CONTRIBUTING.md#a-lab), [a page](https://example.org/x) and [labs](labs/).\n")
    commit(course)
    made = bundle(course, tmp_path / "course.zip")
    assert made.labs == {}
    assert "labs: none" in str(made)
    assert not any(name.startswith("labs/") for name in made.files)
    assert "tests/browser/test_labs.py" not in made.files
    assert "tests/browser/test_lectures.py" in made.files
    with zipfile.ZipFile(made.path) as file:
        file.extractall(tmp_path)
    assert dead_links(tmp_path / TOP) == []
    readme = (tmp_path / TOP / "README.md").read_text(encoding="utf-8")
    assert "See the guide, [a page](https://example.org/x) and labs." in readme


def test_one_lab_of_two(course, tmp_path):
    for top in ("labs", "solutions"):
        shutil.copytree(course / top / "lab02", course / top / "lab98")
        (course / top / "lab98/lab02.ipynb").rename(course / top / "lab98/lab98.ipynb")
    commit(course)
    home = tmp_path / "out"
    assert list(bundle(course, home / "one.zip", ["lab02", "lab02"]).labs) == ["lab02"]
    with pytest.raises(BundleError, match=r"no released lab 'lab99'.*there are: lab01, lab02.*, lab98"):
        bundle(course, home / "two.zip", ["lab99"])
    assert [path.name for path in home.iterdir()] == ["one.zip"]


# The same each time, in a clone and without one


def test_the_same_bytes_twice(course, packed, tmp_path):
    for path in course.rglob("*.py"):
        os.utime(path, (1, 2_000_000_000))
    write(course, "notebooks/another draft.ipynb", "{}")
    assert bundle(course, tmp_path / "again.zip").path.read_bytes() == packed.path.read_bytes()


def test_without_git_the_same_files(course, packed, tmp_path):
    shutil.rmtree(course / ".git")
    (course / "notebooks/99_draft.ipynb").unlink()  # here nobody can tell that it is not a lecture
    shutil.copytree(course / "labs/lab02", course / "labs/lab02.kept-1")
    made = bundle(course, tmp_path / "one.zip")
    assert made.files == packed.files
    assert made.path.read_bytes() == bundle(course, tmp_path / "two.zip").path.read_bytes()


def test_what_git_does_not_know_is_left_out_and_named(course, tmp_path):
    write(course, "lecturelib/new.py", "")
    write(course, "notebooks/notes.txt", "")
    made = bundle(course, tmp_path / "course.zip")
    assert made.left_out == ("lecturelib/new.py", "notebooks/99_draft.ipynb")
    assert "lecturelib/new.py" in str(made)
    assert not set(made.left_out) & set(made.files)


# What is refused


def uncommitted(root: Path) -> None:
    with open(root / LECTURE, "a") as file:
        file.write("\n")


def worked_in(root: Path) -> None:
    with open(root / "labs/lab02/checks.py", "a") as file:
        file.write("\n# mine\n")
    commit(root)


def added_to(root: Path) -> None:
    write(root, "labs/lab02/notes.txt", "")


def linked(root: Path) -> None:
    secret = write(root.parent, "secret.ipynb", "{}")
    (root / "notebooks/04_more.ipynb").symlink_to(secret)
    commit(root)


def no_commit(root: Path) -> None:
    shutil.rmtree(root / ".git")
    (root / ".git").mkdir()


def incomplete(root: Path) -> None:
    git(root, "rm", "--quiet", "Makefile", "tools/environment.py")


def gone(root: Path) -> None:
    (root / LECTURE).unlink()


def climbing(root: Path) -> None:
    write(root, "course.toml", '[course]\nid = "../elsewhere"\n')


def leaking(root: Path) -> None:
    checks = (root / "solutions/lab02/checks.py").read_text()
    write(root, "lecturelib/more.py", checks[checks.index("def pca_elsewhere") : checks.index("def _judge_codes")])
    commit(root)


REFUSED = [
    (uncommitted, rf"not committed: {LECTURE}\. Commit or undo"),
    (worked_in, r"labs/lab02 is not what solutions/lab02 releases \(checks\.py\): run `lecturelib release lab02`"),
    (added_to, r"releases \(notes\.txt\)"),
    (linked, r"notebooks/04_more\.ipynb is a link"),
    (no_commit, r"git cannot say what belongs to the course"),
    (incomplete, r"lacks Makefile, tools/environment\.py"),
    (gone, rf"{LECTURE} cannot be read: No such file"),
    (climbing, r"id is '\.\./elsewhere'"),
    (leaking, r"would give something away: lecturelib/more\.py holds .*'pca_elsewhere'"),
]


@pytest.mark.parametrize(("spoil", "words"), REFUSED, ids=lambda value: getattr(value, "__name__", ""))
def test_what_cannot_be_handed_out_is_refused_in_one_line(spoil, words, course, tmp_path):
    spoil(course)
    target = write(tmp_path, "out/course.zip", "the one before")
    with pytest.raises(BundleError, match=words) as error:
        bundle(course, target)
    assert "\n" not in str(error.value)
    assert target.read_text() == "the one before"
    assert [path.name for path in target.parent.iterdir()] == ["course.zip"]


def test_dates_that_move_need_no_commit(course, tmp_path):
    write(course, "course.toml", COURSE.replace("2027-01-31", "2027-02-03"))
    bundle(course, tmp_path / "course.zip")
    with zipfile.ZipFile(tmp_path / "course.zip") as file:
        assert b"2027-02-03" in file.read(f"{TOP}/course.toml")


def test_a_place_that_cannot_be_written_is_refused(course, tmp_path):
    (tmp_path / "folder.zip").mkdir()
    write(tmp_path, "file", "")
    for target in ("folder.zip", "lab02", "file/course.zip"):
        with pytest.raises(BundleError, match=r"ends in \.zip|cannot be written"):
            bundle(course, tmp_path / target)


# The search for leaks


def solution(name: str) -> str:
    """A solution cell of lab 02 with what was between the marks, without them."""
    cells = nbformat.read(ROOT / "solutions/lab02/lab02.ipynb", as_version=4).cells
    (source,) = (c.source for c in cells if c.metadata.get("nbgrader", {}).get("grade_id") == name)
    return "\n".join(line for line in source.split("\n") if "SOLUTION" not in line)


def body(name: str) -> str:
    return "\n".join(line for line in solution(name).split("\n") if not line.startswith("def") and '"""' not in line)


def cell(text: str, kind: str = "code") -> str:
    """A lecture as a file that holds one cell more."""
    notebook = json.loads((ROOT / LECTURE).read_text(encoding="utf-8"))
    notebook["cells"].append({"cell_type": kind, "metadata": {}, "source": text.splitlines(keepends=True)})
    return json.dumps(notebook)


def output(text: str) -> str:
    page = html.escape(text).replace("return", "<b>return</b>").replace("\n", "<br>\n")
    return json.dumps({"cells": [{"outputs": [{"data": {"text/html": f"<pre>\n{page}\n</pre>"}}]}]})


HIDDEN = (ROOT / "solutions/lab02/checks.py").read_text(encoding="utf-8")
HIDDEN = HIDDEN[HIDDEN.index("def sparse_elsewhere") : HIDDEN.index("# 4. Denoising")]
ANSWERS = (ROOT / "tests/labs/lab02_answers.py").read_text(encoding="utf-8")
ONE_LINE = "return (x - mean) @ components.T"
PLANTED = {
    "a solution in a lecture": (LECTURE, cell(solution("write-pca")), "the solution of lab02, cell 'write-pca'"),
    "its body alone": (LECTURE, cell(body("write-contractive")), "'write-contractive'"),
    "indented and in comments": (
        "lecturelib/more.py",
        "\n".join(f"    #   {line.strip()}" for line in body("write-angles").split("\n")),
        "'write-angles'",
    ),
    "formatted anew": ("lecturelib/more.py", solution("write-denoising").replace(", ", ",\n        "), "-denoising'"),
    "the open answer with other breaks": (LECTURE, cell(solution("open").replace("\n", " "), "markdown"), "'open'"),
    "printed as a page": (LECTURE, output(solution("write-corrupt")), "'write-corrupt'"),
    "a notebook inside a string": ("lecturelib/x.py", f"x = {json.dumps(solution('write-linear'))}", "'write-linear'"),
    "one line in a lab": ("labs/lab02/notes.md", f"    {ONE_LINE}\n", "'write-codes'"),
    "one line with its function": (LECTURE, cell(solution("write-diagnosis")), "'write-diagnosis'"),
    "a hidden check": ("lecturelib/more.py", HIDDEN, "hidden check 'sparse_elsewhere' of lab02"),
    "its body under another name": (
        "lecturelib/more.py",
        HIDDEN.replace("sparse_elsewhere", "more"),
        "the hidden part 'sparse_elsewhere'",
    ),
    "its name": (LECTURE, cell("run sparse_elsewhere", "markdown"), "the name of the hidden check"),
    "the known answers": ("tests/unit/lab02_answers.py", "", "not for students"),
    "under another name": ("tests/unit/helper.py", ANSWERS, "the known answer 'pca_by_eigh' of lab02_answers.py"),
    "the key": ("data/README.md", f"key: {KEY}", "the grading's key"),
    "the key in a picture": ("docs/front_page.png", f"\udcff{KEY}\udc80", "the grading's key"),
    "who has more time": ("course.toml", COURSE, "who has an extension"),
    "a result": ("results/lab02/ada.json", "{}", "not for students"),
    "git's folder": (".git/config", "", "not for students"),
}


def test_nothing_leaks(packed, original):
    assert leaks(packed.path, original) == []


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_planted_is_found(what, original, tmp_path):
    name, text, words = PLANTED[what]
    planted = tmp_path / "planted.zip"
    with zipfile.ZipFile(planted, "w") as file:
        file.writestr(f"{TOP}/{name}", text.encode("utf-8", errors="surrogateescape"))
    found = leaks(planted, original)
    assert found
    assert all(line.startswith(name) for line in found)
    assert any(words in line for line in found), found


def test_what_a_library_may_well_say_is_no_leak(original, tmp_path):
    lines = [ONE_LINE, "return mean, x", "mean = x.mean(0)", "def more(call, rng):", "slope = h * (1 - h)"]
    harmless = {"lecturelib/pca.py": "\n".join(lines), LECTURE: cell("\n".join(lines)), "labs/x/x.py": lines[1]}
    with zipfile.ZipFile(tmp_path / "harmless.zip", "w") as file:
        for name, text in harmless.items():
            file.writestr(f"{TOP}/{name}", text)
    assert leaks(tmp_path / "harmless.zip", original) == []


CHECKS = """
from lecturelib.grading.exercises import exercise

def _helper(x):
    return x + 1, 'nobody sees this'

@exercise('f', points=1)
def f(call, rng):
    _judge_all_of_it(call, 5, rng)

@exercise('f', points=1, hidden=True)
def harder(call, rng):
    _judge_all_of_it(call, 5, rng)

@exercise('f', points=1, hidden=True)
def hardest(call, rng):
    _helper(call('f', 1))
"""


def test_other_ways_of_hiding_are_known(tmp_path):
    """A solution cell without marks, nbgrader's hidden tests, a hidden helper, a name of one word, a repeated call."""
    write(tmp_path, "course.toml", "")
    source = nbformat.v4.new_notebook()
    for grade_id, text in {"whole": "answer = 6 * 7  # as everybody knows", "tests": (
        "assert f(1) == 1\n### BEGIN HIDDEN TESTS\nassert f(2) == 4, 'squares'\nassert f(3) == 9, 'squares'\n"
        "### END HIDDEN TESTS"
    )}.items():  # fmt: skip
        about = {"grade_id": grade_id, "solution": grade_id == "whole"}
        source.cells.append(nbformat.v4.new_code_cell(text, metadata={"nbgrader": about}))
    write(tmp_path, "solutions/lab01/lab01.ipynb", nbformat.writes(source))
    write(tmp_path, "solutions/lab01/checks.py", CHECKS)
    said = {
        "labs/lab01/a.py": "answer = 6 * 7 # as everybody knows",
        "lecturelib/b.py": "assert f(2) == 4, 'squares'\nassert f(3) == 9, 'squares'",
        "labs/lab01/c.py": "    return x + 1, 'nobody sees this'",
        "lecturelib/d.py": "def  harder(x): ...",
        "labs/lab01/e.py": "no harder than that\n_judge_all_of_it(call, 5, rng)",
    }
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        for name, text in said.items():
            file.writestr(f"top/{name}", text)
    assert [line.split(" holds ") for line in leaks(tmp_path / "x.zip", tmp_path)] == [
        ["labs/lab01/a.py", "the solution of lab01, cell 'whole'"],
        ["lecturelib/b.py", "the solution of lab01, cell 'tests'"],
        ["labs/lab01/c.py", "the hidden part '_helper' of lab01's checks"],
        ["lecturelib/d.py", "the name of the hidden check 'harder' of lab01"],
    ]


# In a student's hands


def student(folder: Path, *command: str, **more: str) -> subprocess.CompletedProcess:
    """Run Python in the unpacked bundle, which stands before this repository in the search for modules."""
    env = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"} | more
    return subprocess.run([sys.executable, *command], cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_the_lab_says_what_is_still_to_write(unpacked):
    where = student(unpacked, "-c", "import lecturelib.cli, lecturelib.models.autoencoder as a; print(a.__file__)")
    assert Path(where.stdout.strip()) == unpacked / "lecturelib/models/autoencoder.py"
    done = student(unpacked, "-m", "lecturelib.cli", "validate", "lab02", LECTURELIB_PROFILE="smoke")
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 10
    assert all("`check(" in line and line.endswith("is not written yet") for line in lines)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_two_commands_are_known(unpacked):
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "PYTHON"}
    for target, words in {"lab": "lecturelib.cli lab", "test": "--nbval-lax notebooks", "check": "tests/unit"}.items():
        command = ["make", "-n", target]
        done = subprocess.run(command, cwd=unpacked, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert words in done.stdout
        assert "tools/environment.py .venv" in done.stdout


def test_its_own_tests_that_read_the_course_pass(unpacked):
    """Those that look for files of the course; the others do not care where they stand."""
    tests = [path for path in (unpacked / "tests").glob("*/test_*.py") if path.parent.name != "browser"]
    looks = r"parents\[|course_root|notebooks\.find|written_out"
    reading = [path for path in tests if re.search(looks, path.read_text())]
    assert len(reading) >= 8
    done = student(unpacked, "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider", *map(str, reading))
    assert done.returncode == 0, done.stdout[-3000:]
