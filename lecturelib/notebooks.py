"""Run, stamp and verify the lecture notebooks."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from nbformat.reader import NotJSONError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lecturelib import runtime, several, stamp
from lecturelib.checkpoint import write_atomically
from lecturelib.launch import QUIET_THREADS

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"


@dataclass
class Report:
    """What one run of a notebook gave: its errors (none is success), its claims in order, and its costs."""

    notebook: Path
    seed: int = 0
    errors: list[str] = field(default_factory=list)
    claims: list[dict] = field(default_factory=list)
    seconds: float = 0.0
    peak_mb: int = 0
    device: str = ""
    lecturelib_files: list[str] = field(default_factory=list)
    written: bool = False

    def __str__(self) -> str:
        judged = [claim for claim in self.claims if claim["judged"]]
        held = sum(claim["holds"] for claim in judged)
        counted = f"claims: {held} of {len(judged)} hold" if judged else f"claims: {len(self.claims)}, not judged"
        costs = f"{self.seconds:6.1f} s  {self.peak_mb:5} MB  {self.device}  {counted}"
        mark, ending = ("✗", "") if self.errors else ("✓", ", written" if self.written else "")
        lines = "".join(f"\n    {error}" for error in self.errors)
        return f"{mark} {self.notebook.name}  {costs}{ending}{lines}"


@dataclass(frozen=True)
class Problem:
    """Why a notebook should not be committed as it is; `serious` is False for older library code alone."""

    notebook: Path
    words: str
    serious: bool = True

    def __str__(self) -> str:
        return f"{self.notebook.name}: {self.words}"


def find(names: Iterable[str | Path] = ()) -> list[Path]:
    """The notebooks of the course, all or by name: "01", "01_learning.ipynb", or a path to any notebook.

    ValueError, naming those that exist, for a name that fits none.
    """
    course = sorted(path for path in FOLDER.glob("*.ipynb") if not path.name.startswith("."))
    found: list[Path] = []
    for name in map(str, names):
        own = [path for path in course if path.name in (name, f"{name}.ipynb") or path.name.startswith(f"{name}_")]
        if not own and name.endswith(".ipynb") and Path(name).is_file():
            own = [Path(name)]
        if not own:
            there = ", ".join(path.stem for path in course) or "none yet"
            raise ValueError(f"there is no notebook {name!r}; the course's are {there}")
        found += own
    return list(dict.fromkeys(found)) if names else course


def read(path: Path) -> NotebookNode:
    """The notebook in a file; ValueError when it is none."""
    try:
        return nbformat.read(path, as_version=4)
    except (NotJSONError, nbformat.ValidationError, AttributeError, UnicodeDecodeError) as error:
        reason = str(error).split("\n")[0]
        raise ValueError(f"{path} is not a notebook that can be read: {reason}") from None


def run(
    names: Sequence[str | Path] = (), profile: str | None = None, jobs: int = 1, seeds: int = 1, write: bool = True
) -> list[Report]:
    """Execute notebooks, print a line for each, and return the reports.

    Only the cpu profile is written back, stamped, and only when nothing failed. `jobs` notebooks run side
    by side, one thread each. With several `seeds` each notebook runs once per seed, shifted by
    LECTURELIB_SEED; the notebook is not written, but the values of every claim are: their spread is printed, and,
    of the course's own notebooks in the cpu profile, kept (`lecturelib.several`). Ctrl-C stops all at once.
    """
    profile = profile or runtime.profile()
    if profile not in runtime.PROFILES:
        raise ValueError(f"there is no profile {profile!r}; choose one of {', '.join(runtime.PROFILES)}")
    if jobs < 1 or seeds < 1:
        raise ValueError(f"jobs is {jobs} and seeds is {seeds}; both must be 1 or more")
    kept = write and profile == "cpu"
    write = kept and seeds == 1
    plan = [(path, seed) for path in find(names) for seed in range(seeds)]
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    console = Console(highlight=False, markup=False, soft_wrap=True)
    with (
        Progress(*columns, console=console, transient=True, disable=not sys.stdout.isatty()) as progress,
        ThreadPoolExecutor(jobs) as pool,
    ):
        reports, clients = [], []
        work = partial(_run_one, profile=profile, single=jobs > 1, write=write, progress=progress, clients=clients)
        futures = [pool.submit(work, *one) for one in plan]
        try:
            for future in futures:
                reports.append(report := future.result())
                console.print(f"{report}  (seed {report.seed})" if seeds > 1 else str(report))
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, KeyboardInterrupt):
                _kill(clients, futures)
                console.print("interrupted")
            raise
    if seeds > 1:
        Console().print(several.spread(reports))
        for path in several.keep([report for report in reports if kept and report.notebook.parent == FOLDER]):
            console.print(f"kept in {path}")
    return reports


def _kill(clients: list[NotebookClient], futures: list[Future]) -> None:
    while not all(future.done() for future in futures):  # again and again: a kernel may just be starting
        for manager in [client.km for client in clients]:
            if manager and manager.provisioner:
                asyncio.run(manager.provisioner.kill())
        time.sleep(0.1)


def _run_one(path: Path, seed: int, *, profile: str, single: bool, write: bool, progress: Progress, clients) -> Report:
    before = path.read_bytes()
    notebook = read(path)
    env = {"LECTURELIB_PROFILE": profile, "LECTURELIB_SEED": str(seed)}
    env |= QUIET_THREADS | ({"OMP_NUM_THREADS": "1"} if single else {})
    task = progress.add_task(path.name, total=len(notebook.cells))
    try:
        report = execute(notebook, path, os.environ | env, clients, step=lambda: progress.advance(task))
    except NoSuchKernel as error:
        report = Report(path, errors=[f"its kernel {error.name!r} is not installed; name python3 in its metadata"])
    finally:
        progress.remove_task(task)
    report.seed = seed
    if not write or report.errors:
        return report
    stamp.clean(notebook)
    notebook.metadata["lecturelib"] = {
        "profile": profile,
        "seconds": round(report.seconds, 1),
        "peak_mb": report.peak_mb,
        "device": report.device,
        "checks": len(report.claims),
        "code_sha256": stamp.code_sha256(notebook),
        "lecturelib_sha256": stamp.library_sha256(report.lecturelib_files),
        "lecturelib_files": report.lecturelib_files,
    }
    if path.read_bytes() != before:
        report.errors.append("the file was changed while it ran, so it was not written; run it again")
        return report
    write_atomically(path, (nbformat.writes(notebook).rstrip("\n") + "\n").encode())
    report.written = True
    return report


def execute(notebook: NotebookNode, path: Path, env: dict[str, str], clients: list, step=lambda: None) -> Report:
    """Run every cell in a fresh kernel, its client added to `clients`; a claim that fails does not stop it."""
    report = Report(path)
    client = NotebookClient(
        notebook,
        timeout=None,
        record_timing=False,
        allow_error_names=["ClaimError"],  # so that one run reports every claim
        extra_arguments=["--IPKernelApp.log_level=40"],  # errors: the kernel warns of what is meant so
        resources={"metadata": {"path": str(path.parent)}},
    )
    clients.append(client)
    probe = nbformat.v4.new_code_cell(stamp.PROBE)
    with client.setup_kernel(env=env):
        start = time.perf_counter()
        try:
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
                step()
            report.seconds = time.perf_counter() - start
            _name_kernel(notebook, client)
            notebook.cells.append(probe)
            client.execute_cell(probe, len(notebook.cells) - 1, store_history=False)
            vars(report).update(json.loads(probe.outputs[0].text))
        except CellExecutionError:
            report.seconds = time.perf_counter() - start  # the error stands in the cell's outputs
        except DeadKernelError:
            report.errors.append(f"the kernel died in cell {index + 1} of the file (did memory run out?)")
    if notebook.cells[-1] is probe:
        notebook.cells.pop()
    report.errors += stamp.errors(notebook)
    report.claims = stamp.claims(notebook)
    return report


def _name_kernel(notebook: NotebookNode, client: NotebookClient) -> None:
    # as JupyterLab would write it, which else takes the notebook for changed as soon as it is open
    spec = client.km.kernel_spec
    named = {"display_name": spec.display_name, "language": spec.language, "name": client.kernel_name}
    notebook.metadata["kernelspec"] = named
    notebook.metadata["language_info"] = client.wait_for_reply(client.kc.kernel_info())["content"]["language_info"]


def verify(names: Sequence[str | Path] = ()) -> list[Problem]:
    """What is wrong with the notebooks as they are; also what ran with older library code (not `serious`)."""
    problems = []
    for path in find(names):
        try:
            notebook = read(path)
        except ValueError as error:
            problems.append(Problem(path, str(error)))
            continue
        problems += [Problem(path, fault) for fault in stamp.faults(notebook, path.stat().st_size)]
        record = notebook.metadata.get("lecturelib")
        if record and record.get("lecturelib_sha256") != stamp.library_sha256(record.get("lecturelib_files", [])):
            problems.append(Problem(path, "ran with older library code; run it again", serious=False))
    return problems
