"""The command line: what it hands on, what it prints, and its exit status."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

import lecturelib
from lecturelib import cli, doctor, export, launch, notebooks
from lecturelib.data import DataError, downloads
from lecturelib.doctor import Finding
from lecturelib.grading import release
from lecturelib.notebooks import Problem, Report


def run(*arguments: str):
    return CliRunner().invoke(cli.app, list(arguments))


@pytest.fixture
def told(monkeypatch):
    """Put a function in a module that notes what it is called with and returns a value."""

    def tell(module, name: str, value=None) -> list:
        calls = []
        monkeypatch.setattr(module, name, lambda *args, **kwargs: calls.append((args, kwargs)) or value)
        return calls

    return tell


def test_version():
    done = run("--version")
    assert done.exit_code == 0
    assert done.output.strip() == lecturelib.__version__


@pytest.mark.parametrize("room", [[], ["notebooks"], ["data"]])
def test_help_says_what_every_command_does(room):
    done = run(*room, "--help")
    assert done.exit_code == 0
    group = {"notebooks": cli.notebooks, "data": cli.data}.get(*room) if room else cli.app
    for command in group.registered_commands:
        assert (command.name or command.callback.__name__) in done.output
        assert command.callback.__doc__


@pytest.mark.parametrize("error", [DataError, ValueError, FileNotFoundError, release.ReleaseError])
def test_an_error_of_ours_is_one_line(monkeypatch, error):
    def get(name):
        raise error("no such data set: try mnist")

    monkeypatch.setattr(downloads, "get", get)
    done = run("data", "get", "nope")
    assert done.exit_code == 1
    assert done.output == "lecturelib: no such data set: try mnist\n"
    assert isinstance(run("--traceback", "data", "get", "nope").exception, error)


def test_a_fault_of_ours_is_not_hidden(monkeypatch):
    monkeypatch.setattr(downloads, "get", lambda name: 1 / 0)
    assert isinstance(run("data", "get", "mnist").exception, ZeroDivisionError)


def test_lab_takes_port_and_browser(told):
    calls = told(launch, "lab")
    run("lab")
    run("lab", "--port", "9000", "--no-browser")
    assert calls == [((8888, None), {}), ((9000, False), {})]
    assert run("lab", "--port", "99999").exit_code == 2


@pytest.mark.parametrize(("verdict", "status"), [("ok", 0), ("warn", 0), ("bad", 1)])
def test_doctor_fails_when_something_needed_is_missing(told, verdict, status):
    told(doctor, "diagnose", [Finding("widgets", "none", verdict, "get some")])
    done = run("doctor")
    assert done.exit_code == status
    assert "get some" in done.output


def test_notebooks_run_hands_on_and_fails_with_a_notebook(told):
    calls = told(notebooks, "run", [Report(Path("01.ipynb"))])
    assert run("notebooks", "run").exit_code == 0
    assert run("notebooks", "run", "01", "02", "--profile", "smoke", "-j", "2", "--seeds", "3").exit_code == 0
    assert calls == [
        (((),), {"profile": None, "jobs": 1, "seeds": 1}),
        ((["01", "02"],), {"profile": "smoke", "jobs": 2, "seeds": 3}),
    ]
    told(notebooks, "run", [Report(Path("01.ipynb")), Report(Path("02.ipynb"), errors=["cell 3"])])
    assert run("notebooks", "run").exit_code == 1


def test_notebooks_verify_lists_and_fails_on_what_is_serious(told):
    told(notebooks, "verify", [])
    assert run("notebooks", "verify").exit_code == 0
    told(notebooks, "verify", [Problem(Path("01.ipynb"), "ran with older library code", serious=False)])
    done = run("notebooks", "verify")
    assert (done.exit_code, done.output) == (0, "01.ipynb: ran with older library code\n")
    assert run("notebooks", "verify", "--strict").exit_code == 1
    told(notebooks, "verify", [Problem(Path("01.ipynb"), "no stamp")])
    assert run("notebooks", "verify").exit_code == 1


def test_notebooks_export_names_the_files(told):
    calls = told(export, "export", [Path("pages/01.html")])
    done = run("notebooks", "export", "01", "--to", "pages")
    assert (done.exit_code, done.output) == (0, "pages/01.html\n")
    assert calls == [((["01"], Path("pages")), {})]


def test_release_and_validate(told):
    calls = told(release, "release", "labs/lab02")
    assert run("release", "lab02", "--force").output == "released labs/lab02\n"
    assert calls == [((launch.course_root(), "lab02"), {"force": True})]
    told(release, "validate", [])
    assert run("validate", "lab02").exit_code == 0
    told(release, "validate", ["cell 3: wrong sign"])
    done = run("validate", "lab02")
    assert (done.exit_code, done.output) == (1, "cell 3: wrong sign\n")


def test_data_list_shows_what_needs_no_network_and_what_does():
    done = run("data", "list")
    assert done.exit_code == 0
    for name in ("digits", "glyphs", "mnist"):
        assert name in done.output


def test_data_get_and_verify(told):
    told(downloads, "get", Path("data/mnist"))
    assert run("data", "get", "mnist").output == "mnist: in data/mnist\n"
    calls = told(downloads, "verify", [])
    assert run("data", "verify").exit_code == 0
    told(downloads, "verify", ["mnist: damaged"])
    assert run("data", "verify", "mnist").exit_code == 1
    assert calls == [((None,), {})]


def test_a_notebook_that_does_not_exist_is_one_line():
    done = run("notebooks", "run", "nope")
    assert done.exit_code == 1
    assert done.output.startswith("lecturelib: there is no notebook 'nope'")
    assert done.output.count("\n") == 1
