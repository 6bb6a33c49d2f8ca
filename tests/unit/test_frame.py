"""The two commands: what is pinned, how the environment is built, how JupyterLab is started."""

import contextlib
import errno
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from lecturelib import launch

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEPENDENCIES = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]


def tool(name: str):
    """A script of tools/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


# What is pinned


def test_constraints_pin_all_that_is_installed():
    installed = tool("constraints").installed((ROOT / "pyproject.toml").read_text())
    assert len(installed) > 100
    different = {name: version for name, version in installed.items() if pins().get(name) != version}
    assert not different, "installed, but pinned otherwise or not at all; `make constraints` writes the file anew"


def test_constraints_hold_names_and_versions_and_no_addresses():
    for line in (ROOT / "constraints.txt").read_text().splitlines()[1:]:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line), line


@pytest.mark.parametrize("dependency", DEPENDENCIES)
def test_every_dependency_admits_its_pin(dependency):
    requirement = Requirement(dependency)
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_conda_gets_the_same_environment():
    python, pip, packages = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python=") + ".0")
    assert pip == "pip"
    assert packages == {"pip": ["--constraint constraints.txt", "--editable .[test]"]}


def test_the_oldest_environment_is_the_lower_bound_of_every_dependency():
    lines = tool("environment").oldest((ROOT / "pyproject.toml").read_text()).splitlines()
    assert len(lines) == len(DEPENDENCIES)
    for line, dependency in zip(lines, DEPENDENCIES, strict=True):
        exact, admitted = Requirement(line), Requirement(dependency)
        assert [s.operator for s in exact.specifier] == ["=="]
        assert admitted.specifier.contains(next(iter(exact.specifier)).version)


# How the environment is built


@pytest.fixture
def builder(tmp_path, monkeypatch):
    """tools/environment.py in an empty folder; it makes no real environment, and pip does as it is told."""
    monkeypatch.chdir(tmp_path)
    builder = tool("environment")
    builder.pip_fails, builder.calls = False, []
    monkeypatch.setattr(builder.venv, "create", lambda folder, with_pip: (folder / "new").touch())
    monkeypatch.setattr(builder.subprocess, "call", lambda command: builder.calls.append(command) or builder.pip_fails)
    monkeypatch.setattr(builder.shutil, "disk_usage", lambda path: SimpleNamespace(free=50e9))
    return builder


def test_a_complete_build_says_where_it_stands(builder, tmp_path):
    builder.build(Path(".venv"), Path("constraints.txt"))
    assert Path(".venv/.ready").read_text() == str(tmp_path)
    assert not Path(".venv/.begun").exists()
    assert "constraints.txt" in map(str, builder.calls[0])


def test_an_interrupted_build_is_not_done_and_is_built_again(builder):
    builder.pip_fails = True
    with pytest.raises(SystemExit, match="not complete"):
        builder.build(Path(".venv"), Path("constraints.txt"))
    assert not Path(".venv/.ready").exists()
    Path(".venv/half").touch()
    builder.pip_fails = False
    builder.build(Path(".venv"), Path("constraints.txt"))
    assert not Path(".venv/half").exists()
    assert Path(".venv/.ready").exists()


def test_an_update_and_an_environment_made_by_hand_are_left_in_place(builder):
    Path(".venv").mkdir()
    Path(".venv/mine").touch()
    builder.build(Path(".venv"), Path("constraints.txt"))  # made by hand
    builder.build(Path(".venv"), Path("constraints.txt"))  # an update
    assert Path(".venv/mine").exists()
    assert not Path(".venv/new").exists()


def test_a_failed_update_leaves_the_old_environment(builder):
    builder.build(Path(".venv"), Path("constraints.txt"))
    before = Path(".venv/.ready").stat().st_mtime_ns
    builder.pip_fails = True
    with pytest.raises(SystemExit):
        builder.build(Path(".venv"), Path("constraints.txt"))
    assert Path(".venv/new").exists()
    assert Path(".venv/.ready").stat().st_mtime_ns == before  # older than what changed: tried again next time


def test_a_moved_environment_is_built_again(builder):
    builder.build(Path(".venv"), Path("constraints.txt"))
    Path(".venv/.ready").write_text("/where/it/was")
    Path(".venv/stale").touch()
    builder.build(Path(".venv"), Path("constraints.txt"))
    assert not Path(".venv/stale").exists()


def test_a_full_disk_is_one_clear_line(builder, monkeypatch):
    monkeypatch.setattr(builder.shutil, "disk_usage", lambda path: SimpleNamespace(free=1.25e9))
    with pytest.raises(SystemExit, match=r"Not enough disk space.* 10 GB; 1\.2 GB are free\. Free some") as error:
        builder.build(Path(".venv"), Path("constraints.txt"))
    assert "\n" not in error.value.code
    assert not Path(".venv").exists()


# The Makefile


@pytest.fixture
def course(tmp_path):
    """The Makefile in a folder with a space, with an environment that is up to date."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    folder = tmp_path / "my course"
    (folder / ".venv").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
        os.utime(folder / name, (1, 1))
    (folder / ".venv/.ready").write_text(str(folder.resolve()))
    return folder


def make(folder: Path, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess:
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHON", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}
    env["PATH"] = str(path) if path else env["PATH"]
    command = [shutil.which("make"), *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_an_environment_that_is_up_to_date_is_not_built(course):
    done = make(course, "-n", "lab")
    assert done.returncode == 0
    assert "environment.py" not in done.stdout
    assert ".venv/bin/python -m lecturelib.cli lab" in done.stdout


@pytest.mark.parametrize("changed", ["pyproject.toml", "constraints.txt"])
def test_it_is_built_again_when_what_it_is_made_of_changes(course, changed):
    later = time.time() + 60
    os.utime(course / changed, (later, later))
    assert "tools/environment.py .venv" in make(course, "-n", "lab").stdout


def test_it_is_built_again_when_the_course_was_moved(course):
    moved = course.rename(course.with_name("elsewhere"))
    assert "tools/environment.py .venv" in make(moved, "-n", "lab").stdout


@pytest.mark.parametrize(
    ("version", "found"), [("2.7", "2.7"), ("3.9", "3.9"), (None, "none")], ids=["python 2", "too old", "missing"]
)
def test_a_python_that_will_not_do_is_one_clear_line(course, version, found):
    tools = course / "only these"
    tools.mkdir()
    for name in ("sh", "cat"):
        (tools / name).symlink_to(shutil.which(name))
    if version:  # refuses to be taken, and tells its version
        script = f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; *) echo {version};; esac\n'
        (tools / "python3").write_text(script)
        (tools / "python3").chmod(0o755)
    (course / ".venv/.ready").unlink()
    done = make(course, "lab", path=tools)
    assert done.returncode != 0
    assert len((done.stdout + done.stderr).strip().splitlines()) == 1
    assert f"Python 3.11 or newer with its venv module is needed; found: {found}." in done.stderr
    assert "PYTHON=" in done.stderr


def test_the_first_python_that_fits_is_taken(course):
    tools = course / "some pythons"
    tools.mkdir()
    for name, works in (("python3.13", False), ("python3.12", True), ("python3.11", True)):
        (tools / name).write_text(f"#!/bin/sh\nexit {0 if works else 127}\n")
        (tools / name).chmod(0o755)
    (tools / "sh").symlink_to(shutil.which("sh"))
    (tools / "cat").symlink_to(shutil.which("cat"))
    (course / ".venv/.ready").unlink()
    assert '"python3.12" tools/environment.py .venv' in make(course, "-n", "lab", path=tools).stdout
    named = make(course, "-n", "lab", f"PYTHON={tools}/python3.11", path=tools)
    assert f'"{tools}/python3.11" tools/environment.py .venv' in named.stdout


def test_a_course_without_lectures_can_be_checked(course):
    for target in ("check", "test"):
        done = make(course, "-n", target)
        assert done.returncode == 0
        assert "nbval" not in done.stdout
        assert "notebooks run" not in done.stdout


# How JupyterLab is started


def test_prepare_writes_what_jupyter_reads_and_keeps_the_rest(tmp_path):
    kernel = tmp_path / "share/jupyter/kernels/python3/kernel.json"
    overrides = tmp_path / "share/jupyter/lab/settings/overrides.json"
    for file, content in ((kernel, {"argv": ["python"], "env": {"MINE": "1"}}), (overrides, {"theme": "dark"})):
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(content))
    for _ in range(2):
        launch.prepare(tmp_path)
        assert json.loads(kernel.read_text()) == {"argv": ["python"], "env": {"MINE": "1", **launch.QUIET_THREADS}}
        assert json.loads(overrides.read_text()) == {"theme": "dark", **launch.SETTINGS}
    assert launch.kernel_environment(tmp_path)["GOMP_SPINCOUNT"] == "0"


def test_prepare_copes_without_a_kernel(tmp_path):
    launch.prepare(tmp_path)
    assert (tmp_path / "share/jupyter/lab/settings/overrides.json").exists()
    assert launch.kernel_environment(tmp_path) == {}


@pytest.fixture
def busy():
    """A port on which somebody listens, with a free one behind it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_busy_port_is_passed_over(busy):
    assert busy < launch.free_port(busy) < busy + 50
    with pytest.raises(OSError, match=f"ports {busy} to {busy} are in use: .*--port"):
        launch.free_port(busy, tries=1)


def test_a_port_that_is_busy_in_ipv6_alone_is_passed_over():
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    with server:
        port = server.getsockname()[1]
        assert launch.free_port(port) > port


def test_a_machine_without_ipv6_has_free_ports(monkeypatch):
    create = socket.create_server

    def create_ipv4(address, *, family):
        if family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return create(address, family=family)

    with create(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setattr(launch.socket, "create_server", create_ipv4)
    assert port <= launch.free_port(port) < port + 50


def test_there_is_no_port_behind_the_last():
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # somebody else's: busy all the same
            stack.enter_context(socket.create_server(("127.0.0.1", 65535)))
        with pytest.raises(OSError, match="ports 65535 to 65535 are in use"):
            launch.free_port(65535)


@pytest.mark.parametrize("root", [True, False])
def test_the_command_names_root_page_and_port(tmp_path, monkeypatch, root):
    monkeypatch.setattr(launch.os, "geteuid", lambda: 0 if root else 1000)
    assert launch.first_page(tmp_path) == "/lab"
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/01_learning.ipynb").touch()
    command = launch.command(tmp_path, 8890)
    assert f"--ServerApp.root_dir={tmp_path}" in command
    assert "--LabApp.default_url=/lab/tree/notebooks/01_learning.ipynb" in command
    assert "--ServerApp.port=8890" in command
    assert "--no-browser" in command
    assert "--no-browser" not in launch.command(tmp_path, 8890, browser=True)
    assert ("--allow-root" in command) == root


def test_without_a_display_no_browser_is_opened_and_the_address_is_printed(monkeypatch, capfd, busy):
    started = []
    monkeypatch.setattr(launch, "prepare", lambda: None)
    monkeypatch.setattr(launch.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTER_TOKEN", "secret")
    monkeypatch.chdir(Path.cwd())
    monkeypatch.setattr(launch.os, "execve", lambda *arguments: started.append(arguments))
    launch.lab(busy)
    (program, command, env) = started[0]
    text = capfd.readouterr().out
    port = int(re.search(r"http://localhost:(\d+)/lab\S*\?token=secret", text)[1])
    assert f"Port {busy} is in use, taking {port}." in text
    assert program == sys.executable
    assert f"--ServerApp.port={port}" in command
    assert "--no-browser" in command
    assert env["OMP_WAIT_POLICY"] == "passive"
    assert env["PATH"].startswith(str(Path(sys.executable).parent))
    assert Path.cwd() == ROOT
    monkeypatch.setenv("DISPLAY", ":0")
    launch.lab(busy)
    assert "--no-browser" not in started[1][1]


@pytest.mark.slow
def test_jupyterlab_answers_on_the_address_that_is_printed(tmp_path, busy):
    if sys.platform == "win32":
        pytest.skip("stopped by a signal")
    command = [sys.executable, "-m", "lecturelib.cli", "lab", "--port", str(busy), "--no-browser"]
    env = {**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    with open(tmp_path / "log", "w+") as log:
        lab = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
        try:
            page, limit = "", time.monotonic() + 90
            while "JupyterLab" not in page:
                text = (tmp_path / "log").read_text()
                assert lab.poll() is None, text
                assert time.monotonic() < limit, text
                time.sleep(0.3)
                address = re.search(r"http://\S+", text)
                try:
                    page = urllib.request.urlopen(address[0], timeout=30).read().decode() if address else ""
                except OSError:
                    continue
            assert f"Port {busy} is in use" in text
        finally:
            lab.send_signal(signal.SIGTERM)
            lab.wait(60)


def test_no_two_modules_of_the_tests_share_a_name():
    """pytest puts each test folder on the path: of two modules with one name, whoever asks gets the first."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name not in ("__init__.py", "conftest.py")]
    assert sorted(names) == sorted(set(names))
