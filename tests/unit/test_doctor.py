"""The doctor: every ailment is found, and told with its remedy."""

import os
import re
import subprocess
import sys

import pytest
import torch

from lecturelib import doctor
from lecturelib.doctor import Finding, diagnose, report


def found(what: str) -> Finding:
    return next(finding for finding in diagnose() if finding.what == what)


@pytest.fixture(autouse=True)
def no_data(monkeypatch, tmp_path):
    monkeypatch.setenv("LECTURELIB_DATA", str(tmp_path))


def test_nothing_needed_is_missing_here(capsys):
    findings = diagnose()
    assert {f.what for f in findings} >= {"Python", "packages", "device", "bfloat16", "disk", "widgets", "threads"}
    assert {f.what for f in findings} >= {"profile", "data, offline", "data, downloads", "grading sandbox"}
    assert [f for f in findings if f.verdict == "bad"] == []
    assert report(findings)
    assert "bfloat16" in capsys.readouterr().out


def test_every_ailment_has_a_remedy():
    assert all(finding.remedy for finding in diagnose() if finding.verdict != "ok")


def test_a_report_with_something_bad_is_false_and_shows_the_remedy(capsys):
    assert not report([Finding("Python", "3.11"), Finding("widgets", "none", "bad", "pip install 'x[test]'")])
    assert "pip install 'x[test]'" in capsys.readouterr().out
    assert report([Finding("grading sandbox", "none", "warn", "apt")])


@pytest.mark.parametrize(
    ("requirement", "words"),
    [("no-such-package>=1", "no-such-package is missing"), ("torch>=99", "torch is .*, needed is >=99")],
)
def test_a_package_missing_or_too_old(monkeypatch, requirement, words):
    monkeypatch.setattr(doctor, "requires", lambda name: [requirement])
    packages = found("packages")
    assert packages.verdict == "bad"
    assert packages.remedy == doctor.INSTALL
    assert re.search(words, packages.value)


def test_an_import_that_fails(monkeypatch):
    monkeypatch.setattr(doctor, "broken", "libcudart.so is missing")
    last = diagnose()[-1]
    assert last.verdict == "bad"
    assert "libcudart.so is missing" in last.value


@pytest.mark.parametrize("error", ["ImportError", "OSError"])
def test_the_command_speaks_where_torch_cannot_be_loaded(tmp_path, error):
    (tmp_path / "torch.py").write_text(f"raise {error}('libcudart.so.12: cannot open shared object file')")
    (tmp_path / "tornado.py").write_text("raise ImportError('nor can the packages of JupyterLab')")
    command = [sys.executable, "-m", "lecturelib.cli", "doctor"]
    env = os.environ | {"PYTHONPATH": str(tmp_path), "COLUMNS": "200"}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "cannot be imported: libcudart.so.12" in done.stdout
    assert doctor.INSTALL in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("name", ["cuda", "no-such-device"])
def test_a_device_that_is_not_there(monkeypatch, name):
    if name == "cuda" and torch.cuda.is_available():
        pytest.skip("CUDA is there")
    monkeypatch.setenv("LECTURELIB_DEVICE", name)
    device = found("device")
    assert device.verdict == "bad"
    assert name in device.value
    assert "LECTURELIB_DEVICE" in device.remedy
    assert found("memory")  # and what comes after it is still looked at


def test_versions_that_were_not_tested_are_named(monkeypatch):
    monkeypatch.setattr(doctor, "_untested", lambda: ["torch 2.6.0", "numpy 2.0.0"])
    packages = found("packages")
    assert packages.verdict == "warn"
    assert "torch 2.6.0, numpy 2.0.0" in packages.value


def test_a_profile_that_does_not_exist(monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "quick")
    assert found("profile").verdict == "bad"
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    assert found("profile") == Finding("profile", "smoke")


def test_a_damaged_download(monkeypatch):
    monkeypatch.setattr(doctor, "verify", lambda: ["mnist: t10k is damaged; delete it"])
    data = found("data, downloads")
    assert data.verdict == "bad"
    assert data.remedy == "mnist: t10k is damaged; delete it"


def test_widgets_and_threads_that_jupyterlab_does_not_know(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.sys, "prefix", str(tmp_path))
    assert doctor._widgets().verdict == "bad"
    monkeypatch.setattr(doctor, "kernel_environment", dict)
    assert doctor._threads().verdict == "warn"


def test_a_full_disk(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1e8}))
    assert found("disk").verdict == "bad"


@pytest.mark.parametrize(
    ("script", "verdict", "words"),
    [(None, "warn", "not installed"), ("exit 0", "ok", "works"), ("echo denied >&2; exit 1", "warn", "denied")],
)
def test_the_sandbox_is_tried_and_never_needed(monkeypatch, tmp_path, script, verdict, words):
    if script:
        (tmp_path / "bwrap").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: str(tmp_path / "bwrap") if script else None)
    sandbox = found("grading sandbox")
    assert sandbox.verdict == verdict
    assert words in sandbox.value
