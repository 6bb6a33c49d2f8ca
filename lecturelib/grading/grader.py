"""Grade a lab: from a folder of submissions to records, gradebook, pages and a summary; resumable at any moment.

The records in results/LAB are the truth, each written whole; all else is made from them. results/LAB/.run.json
says which run is under way, so that the same command goes on where one was cut short.
"""

import fcntl
import json
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from lecturelib.checkpoint import write_atomically
from lecturelib.grading import gradebook, records
from lecturelib.grading.course import KEY, Course
from lecturelib.grading.intake import Submission, collect, find
from lecturelib.grading.materials import Materials, read_materials
from lecturelib.grading.oracle import Job
from lecturelib.grading.pool import Graded, Pool, run_on_cluster
from lecturelib.grading.records import Record
from lecturelib.grading.sandbox import Sandbox
from lecturelib.grading.similarity import Pair, similar_pairs
from lecturelib.grading.spread import require_full_marks, solution
from lecturelib.grading.summary import write_summary

RUN = ".run.json"
Change = tuple[str, float | None, float | None]  # student, score before, score now


class GraderError(ValueError):
    """A grading run that cannot start or go on; the message says why."""


@dataclass
class Outcome:
    """What a run came to. `changes` are those whose score is another than before."""

    records: list[Record]
    graded: int
    skipped: int
    changes: list[Change] = field(default_factory=list)
    summary: Path | None = None

    @property
    def failed(self) -> list[Record]:
        """Those that could not be graded."""
        return [record for record in self.records if record.failure]

    def __str__(self) -> str:
        """The lines that the command ends with."""
        scores = sorted(r.score for r in self.records if not r.failure)
        most = max((r.maximum for r in self.records), default=0)
        middle = f"; median {scores[len(scores) // 2]:g} of {most:g} points" if scores else ""
        skipped = f", {self.skipped} were graded before" if self.skipped else ""
        lines = [f"{self.graded} graded{skipped}; {len(self.failed)} could not be graded{middle}."]
        moved = [(s, a, b) for s, a, b in self.changes if a is not None]
        lines += [f"  score changed: {s} {a:g} -> {b:g}" for s, a, b in moved]
        lines.append(f"Summary: {self.summary}")
        return "\n".join(lines)


def grade_lab(
    course: Course,
    lab: str,
    source: Path | None = None,
    *,
    jobs: int | None = None,
    changed: bool = False,
    students: Sequence[str] = (),
    confined: bool = True,
    scheduler: str | None = None,
    db: str | None = None,
    console: Console | None = None,
    sandbox: Sandbox | None = None,
) -> Outcome:
    """Grade the submissions of a lab in `source`, by default those collected in submitted/.

    changed: leave out what was graded from the same bytes by the same checks. students: only these. confined=False
    runs students' code without a sandbox. scheduler: a Dask cluster's address. db: the gradebook's URL. sandbox: one
    that was started before, with the released lab in it.
    A ValueError, before anything is graded, for whatever is missing or broken.
    """
    console = console or Console(highlight=False, soft_wrap=True)
    materials = read_materials(course, lab)
    source = Path(source) if source is not None else course.root / "submitted"
    found = [s for s in find(source, lab, course.limits) if not students or s.student in students]
    if missing := sorted(set(students) - {s.student for s in found}):
        raise GraderError(f"{source} holds no submission of {', '.join(missing)} for {lab}")
    folder = course.results(lab)
    with _alone(folder):
        _sweep(course, lab)
        before = {r.student: r for r in records.read_all(folder)}
        run = _begin(folder, before)
        todo = [s for s in found if not _done(before.get(s.student), s, materials, run["id"], changed)]
        if source.resolve() != (course.root / "submitted").resolve():
            collect(found, course, lab)
        if left := run["left"]:
            console.print(f"Going on with the run that was cut short ({left} were graded in it).")
        if todo:
            work = _graded(course, todo, materials, jobs, confined, scheduler, sandbox)
            _write_all(work, course, lab, run["id"], materials, len(todo), console)
        everyone = records.read_all(folder)
        changes = [(r.student, run["before"].get(r.student), r.score) for r in everyone
                   if run["before"].get(r.student) != r.score]  # fmt: skip
        gradebook.sync(everyone, course, lab, materials.nodes(), db)
        outcome = Outcome(everyone, len(todo), len(found) - len(todo), changes)
        outcome.summary = write_summary(
            everyone, course.plan(lab), folder / "summary.html",
            pairs=similar(course, lab), changes=[c for c in changes if c[1] is not None],
        )  # fmt: skip
        _write_run(folder, run | {"finished": True})
    return outcome


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One grading of a lab at a time; the lock goes with the process, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GraderError(f"another process is grading into {folder}: wait for it, or stop it") from None
        yield


def _sweep(course: Course, lab: str) -> None:
    """Take away what a killed run was just writing."""
    for place in (f"results/{lab}", f"autograded/*/{lab}", f"submitted/*/{lab}"):
        for half in course.root.glob(f"{place}/.*.tmp"):
            half.unlink(missing_ok=True)


def _begin(folder: Path, before: dict[str, Record]) -> dict:
    """The run that was cut short, or a new one. `before` holds every score from before it."""
    try:
        run = json.loads((folder / RUN).read_text(encoding="utf-8"))
        if not run["finished"]:
            return run | {"left": sum(r.run == run["id"] for r in before.values())}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass
    run = {"id": secrets.token_hex(8), "finished": False, "before": {s: r.score for s, r in before.items()}}
    _write_run(folder, run)
    return run | {"left": 0}


def _write_run(folder: Path, run: dict) -> None:
    kept = {name: run[name] for name in ("id", "finished", "before")}
    write_atomically(folder / RUN, json.dumps(kept, ensure_ascii=False).encode())


def _done(record: Record | None, submission: Submission, materials: Materials, run: str, changed: bool) -> bool:
    if record is None or (record.run != run and not changed):
        return False
    return (record.sha256, record.checks_sha256) == (submission.sha256, materials.sha256)


def _graded(course, todo: Sequence[Submission], materials, jobs, confined, scheduler, sandbox) -> Iterator[Graded]:
    lab = materials.lab
    work = [
        Job(lab, s.student, s.file, s.data, s.received.isoformat() if s.received else None, course.seed(lab, s.student),
            s.problem, s.flags)
        for s in todo
    ]  # fmt: skip
    if scheduler:
        for record, _ in run_on_cluster(scheduler, [solution(course, lab)], materials, confined=confined):
            require_full_marks(record)
        yield from run_on_cluster(scheduler, work, materials, confined=confined)
        return
    secret = [course.root / name for name in ("solutions", "submitted", "results", "gradebook.db", KEY)]
    jobs = jobs or os.cpu_count() or 1
    with Pool(materials, jobs, confined=confined, secrets=secret, sandbox=sandbox) as pool:
        for record, _ in pool.run([solution(course, lab)]):
            require_full_marks(record)
        yield from pool.run(work)


def _write_all(work, course: Course, lab: str, run: str, materials: Materials, total: int, console: Console) -> None:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True, auto_refresh=False,  # no thread: we fork
        disable=not sys.stdout.isatty(),
    ) as progress:  # fmt: skip
        task = progress.add_task(lab, total=total)
        progress.refresh()
        for record, notebook in work:
            record.run, record.checks_sha256 = run, materials.sha256
            gradebook.publish(record, course, nbformat.reads(notebook, as_version=4) if notebook else None)
            records.save(record, course.results(lab))
            for line in _problems(record):
                console.print(Text(line))
            progress.advance(task)
            progress.refresh()


def _problems(record: Record) -> list[str]:
    """At most one line on a submission that a teacher should look at."""
    if record.failure:
        return [f"✗ {record.student}: {record.failure}"]
    ended = [f"cell {c.id} {c.status}: {c.words}" for c in record.cells if c.status in ("late", "died")]
    ended += [f"{i.exercise} {i.status}: {i.hint}" for i in record.items if i.status in ("late", "died", "broken")]
    said = [*ended[:1], *record.flags]
    if not said:
        return []
    more = len(ended) + len(record.flags) - 1
    return [f"! {record.student}: {said[0]}{f' (and {more} more)' if more else ''}"]


def similar(course: Course, lab: str, at_least: float | None = None) -> list[Pair]:
    """Pairs of the lab's records that share more than chance."""
    found = records.read_all(course.results(lab))
    if not found:
        raise GraderError(f"nothing of {lab} was graded yet: lecturelib grade --lab {lab} comes first")
    return similar_pairs(found, given(course, lab), **({} if at_least is None else {"at_least": at_least}))


def given(course: Course, lab: str) -> dict[str, list[str]]:
    """What of every cell comes from the teacher: the released text and the solution."""
    texts: dict[str, list[str]] = {}
    for folder in ("labs", "solutions"):
        for cell in nbformat.read(course.root / folder / lab / f"{lab}.ipynb", as_version=4).cells:
            if name := cell.metadata.get("nbgrader", {}).get("grade_id"):
                texts.setdefault(name, []).append(cell.source)
    return texts
