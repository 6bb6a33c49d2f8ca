"""What this machine has, and what it lacks, for the course."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal, NamedTuple

from packaging.requirements import Requirement
from rich.console import Console
from rich.table import Table

from lecturelib.launch import QUIET_THREADS, course_root, kernel_environment

try:  # a broken installation is what a doctor must be able to speak about
    import torch

    from lecturelib import runtime
    from lecturelib.data import datasets
    from lecturelib.data.downloads import verify
    from lecturelib.grading.walls import SandboxError, bubblewrap
except (ImportError, OSError) as error:  # OSError: a library of torch that cannot be loaded
    broken: str | None = str(error)
else:
    broken = None

INSTALL = "make .venv/.ready, or: pip install -e '.[test]' -c constraints.txt"
MARKS = {"ok": "[green]✓[/]", "warn": "[yellow]![/]", "bad": "[red]✗[/]"}


class Finding(NamedTuple):
    """One thing that was looked at; `bad` means that the course does not work without the remedy."""

    what: str
    value: str
    verdict: Literal["ok", "warn", "bad"] = "ok"
    remedy: str = ""


def diagnose() -> list[Finding]:
    """Everything that was looked at, in the order in which it matters."""
    findings = [_python(), *_packages()]
    if broken is not None:
        return [*findings, Finding("lecturelib", f"cannot be imported: {broken}", "bad", INSTALL)]
    return [*findings, *_machine(), _disk(), _widgets(), _threads(), _profile(), *_data(), _sandbox()]


def report(findings: list[Finding]) -> bool:
    """Print the findings as a table, remedies below it; True when nothing needed is missing."""
    console, table = Console(highlight=False), Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        table.add_row(MARKS[finding.verdict], finding.what, finding.value)
    console.print(table)
    for finding in findings:
        if finding.remedy:
            console.print(f"\n{MARKS[finding.verdict]} {finding.what}: ", end="")
            console.print(finding.remedy, markup=False, soft_wrap=True)
    return all(finding.verdict != "bad" for finding in findings)


def _python() -> Finding:
    return Finding("Python", f"{platform.python_version()} in {sys.prefix}, {platform.system()} {platform.machine()}")


def _packages() -> Iterator[Finding]:
    """Are the required packages there, new enough, and those that were tested?"""
    try:
        wanted = [Requirement(line) for line in requires("lecturelib") or []]
    except PackageNotFoundError:
        yield Finding("packages", "lecturelib itself is not installed", "bad", INSTALL)
        return
    wrong = []
    for requirement in wanted:
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            try:
                found = version(requirement.name)
            except PackageNotFoundError:
                wrong.append(f"{requirement.name} is missing")
                continue
            if not requirement.specifier.contains(found, prereleases=True):
                wrong.append(f"{requirement.name} is {found}, needed is {requirement.specifier}")
    if wrong:
        yield Finding("packages", "; ".join(wrong), "bad", INSTALL)
        return
    shown = ", ".join(f"{name} {version(name)}" for name in ("torch", "jupyterlab", "ipywidgets", "nbgrader"))
    other = _untested()
    if other:
        shown += f"; not the tested version: {', '.join(other[:4])}{', …' if len(other) > 4 else ''}"
        yield Finding("packages", shown, "warn", f"expected to work, but not tested. For the tested ones: {INSTALL}")
    else:
        yield Finding("packages", shown)


def _untested() -> list[str]:
    """What is installed in another version than constraints.txt pins."""
    other = []
    for line in (course_root() / "constraints.txt").read_text().splitlines():
        name, equals, pinned = line.partition("==")
        try:
            if equals and version(name).split("+")[0] != pinned:
                other.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue  # pinned for another platform or Python
    return other


def _machine() -> Iterator[Finding]:
    try:
        where = runtime.device()
    except ValueError as error:
        yield Finding("device", str(error), "bad", "unset LECTURELIB_DEVICE, or name one that is there, such as cpu")
    else:
        yield from _device(where)
    if hasattr(os, "sysconf"):
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
        few = memory < 3.5
        remedy = "close other programs; lectures need up to 2 GB each" if few else ""
        yield Finding("memory", f"{memory:.0f} GB", "warn" if few else "ok", remedy)


def _device(where: "torch.device") -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    gain = runtime.bfloat16_gain(where)
    used = "used where asked for with precision='auto'" if runtime.autocast_dtype("auto", where) else "not worth using"
    name = torch.cuda.get_device_name(where) if where.type == "cuda" else "one GPU" if where.type == "mps" else ""
    yield Finding("device", f"{where.type} {name}".strip() + f", {cores} CPU cores, {torch.get_num_threads()} threads")
    yield Finding("bfloat16", f"{gain:.1f} times as fast as float32 in a matrix product: {used}")


def _disk() -> Finding:
    free = shutil.disk_usage(course_root()).free / 1e9
    if free < 0.5:
        return Finding("disk", f"{free:.1f} GB free", "bad", "free some disk space: notebooks and data cannot be saved")
    return Finding("disk", f"{free:.0f} GB free")


def _widgets() -> Finding:
    extension = Path(sys.prefix, "share/jupyter/labextensions/@jupyter-widgets/jupyterlab-manager/package.json")
    if not extension.exists():
        remedy = "pip install --force-reinstall jupyterlab-widgets -c constraints.txt"
        return Finding("widgets", "JupyterLab has no extension that shows them", "bad", remedy)
    return Finding("widgets", f"shown by jupyterlab-widgets {version('jupyterlab-widgets')}")


def _threads() -> Finding:
    kernel = kernel_environment()
    if any(kernel.get(name) != value for name, value in QUIET_THREADS.items()):
        remedy = "start JupyterLab with `lecturelib lab`, which sets up the kernel"
        return Finding("threads", "waiting threads of the kernel spin and slow down their neighbours", "warn", remedy)
    return Finding("threads", "the kernel runs with " + " ".join(f"{k}={v}" for k, v in QUIET_THREADS.items()))


def _profile() -> Finding:
    try:
        return Finding("profile", runtime.profile())
    except ValueError as error:
        return Finding("profile", str(error), "bad", "unset LECTURELIB_PROFILE, or give it one of these")


def _data() -> Iterator[Finding]:
    entries = datasets()
    yield Finding("data, offline", ", ".join(entry.name for entry in entries if entry.kind != "download"))
    damaged = verify()
    here = [entry.name for entry in entries if entry.kind == "download" and entry.present]
    value = f"{', '.join(here) or 'none'} present" + (" and verified" if here and not damaged else "")
    yield Finding("data, downloads", value, "bad" if damaged else "ok", "\n".join(damaged))


def _sandbox() -> Finding:
    """Do the walls stand that students' code is marked behind? Marking needs them, nothing else does."""
    try:
        trial = [*bubblewrap(), "unshare", "--user", "true"]  # name spaces inside too: each submission gets its own
        subprocess.run(trial, check=True, capture_output=True, timeout=20, text=True)
    except SandboxError as error:
        remedy = "only teachers need it, to mark submissions: sudo apt install bubblewrap (Linux)"
        return Finding("grading sandbox", str(error).split(",")[0], "warn", remedy)
    except (subprocess.SubprocessError, OSError) as error:
        reason = (getattr(error, "stderr", None) or str(error)).strip()
        remedy = "only teachers need it, to mark submissions: the system must allow user namespaces"
        return Finding("grading sandbox", f"bubblewrap does not work here: {reason}", "warn", remedy)
    return Finding("grading sandbox", f"{trial[0]} works")
