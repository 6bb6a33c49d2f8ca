"""Judge a submission from outside: the checks stay here, and only calls and values pass the sandbox's wall."""

import hashlib
import os
import platform
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

import nbformat
import torch
from torch import Tensor

import lecturelib
from lecturelib.grading import exercises
from lecturelib.grading.course import Limits
from lecturelib.grading.exercises import Exercise, Result
from lecturelib.grading.frames import WireError
from lecturelib.grading.mistakes import Mistake, NotWritten, Raised
from lecturelib.grading.records import CellRun, Item, Open, Record
from lecturelib.grading.sandbox import Ended, Program, Sandbox
from lecturelib.grading.transplant import LabSource, Step, Transplant, TransplantError, transplant
from lecturelib.grading.wire import Decoder, encode

MOST_STARTS = 60


class Late(Mistake):
    """No answer came in time."""

    status = "late"


class Died(Mistake):
    """The program ended, or what it sent was no answer."""

    status = "died"


TOLD = {kind.status: kind for kind in (Mistake, NotWritten, Raised)}  # what the student's side may say
SEEN = {kind.status: kind for kind in (Late, Died)}


@dataclass(frozen=True)
class Job:
    """One submission to be graded, as it travels to a worker."""

    lab: str
    student: str
    file: str
    data: bytes
    received: str | None
    seed: str
    problem: str = ""
    flags: tuple[str, ...] = ()


class Session:
    """The student's notebook in a sandbox. A program that dies or is late is replaced by a fresh one in which all
    cells ran again, except those that had brought one down. Processor time is counted over all of them."""

    def __init__(self, steps: Sequence[Step], sandbox: Sandbox, limits: Limits):
        self.steps, self.sandbox, self.limits = steps, sandbox, limits
        self.cells: dict[str, CellRun] = {}
        self.program: Program | None = None
        self.starts, self.spent, self.peak = 0, 0.0, 0
        crowd = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
        self.deadline = time.monotonic() + limits.wall_seconds * crowd

    def ask(self, do: str, seconds: float, **words) -> dict:
        """Ask the running program, or a new one; Ended when there is no answer."""
        while self.program is None:
            self._start()
        return self._request(self.program, do, seconds, words)

    def close(self) -> None:
        """End the program, if one runs."""
        if self.program is not None:
            self.program.close()
            self.spent += self.program.used["cpu"]
            self.peak = max(self.peak, self.program.used["peak"])
            self.program = None

    def cpu(self) -> float:
        """Processor seconds so far."""
        return self.spent + (self.program.used["cpu"] if self.program else 0)

    def _start(self) -> None:
        left = self.limits.cpu_seconds - self.spent
        if left <= 0 or time.monotonic() > self.deadline:
            raise Ended("late", "the time for the whole notebook was used up before this")
        if self.starts >= MOST_STARTS:
            raise Ended("died", f"the program had to be started {MOST_STARTS} times already")
        self.starts += 1
        self.program = self.sandbox.program(self.limits, left)
        for step in self.steps:
            if self.cells.get(step.id, CellRun(step.id, "ok")).status in ("late", "died"):
                continue
            try:
                answer = self._request(self.program, "cell", self.limits.cell_seconds, {"source": step.source})
            except Ended as end:
                self.cells[step.id] = CellRun(step.id, end.status, _line(end))
                return
            status, words = _error(answer) or ("ok", "")
            self.cells[step.id] = CellRun(step.id, "ok" if status == "ok" else "error", words)

    def _request(self, program: Program, do: str, seconds: float, words: dict) -> dict:
        try:
            return program.request(
                {"do": do, "id": secrets.token_hex(8), **words},
                cpu_seconds=seconds, idle_seconds=self.limits.idle_seconds, deadline=self.deadline,
            )  # fmt: skip
        except Ended:
            self.close()
            raise


class RemoteCaller:
    """What a check gets as `call`: the same as `Caller`, with the student's functions behind the wall."""

    def __init__(self, session: Session, seed: int):
        self.session, self.seed, self.calls = session, seed, 0
        self._ask("check", 5.0, seed=seed)

    def __call__(self, name: str, *arguments):
        """The function's result, plain and without gradient."""
        return self._call(name, arguments, None)

    def gradient(self, name: str, *arguments, of: int = 0) -> Tensor:
        """The gradient of the sum of the result with respect to argument number `of`."""
        value = self._call(name, arguments, of)
        if not isinstance(value, Tensor) or value.shape != arguments[of].shape or value.dtype != arguments[of].dtype:
            raise Died("the answer was malformed: it is no gradient")
        return value

    def _call(self, name: str, arguments: Sequence, of: int | None):
        self.calls += 1
        if self.calls > self.session.limits.calls:
            raise RuntimeError(f"the check calls more than {self.session.limits.calls} times")
        given = [encode(a) for a in arguments]
        answer = self._ask("call", self.session.limits.call_seconds, name=name, arguments=given, of=of)
        if error := _error(answer):
            status, words = error
            raise TOLD.get(status, Raised)(words + self._why_missing(name, status))
        try:
            return Decoder()(answer.get("value"))
        except WireError as error:
            self.session.close()  # nobody knows what else it has done
            raise Died(f"the answer of `{name}` was malformed: {error}") from None

    def _ask(self, do: str, seconds: float, **words) -> dict:
        try:
            return self.session.ask(do, seconds, **words)
        except Ended as end:
            about = f"`{words['name']}`: " if "name" in words else ""
            raise SEEN[end.status](f"{about}{_line(end)}") from None

    def _why_missing(self, name: str, status: str) -> str:
        """A function may be missing because its cell failed."""
        if status != "not written":
            return ""
        for step in self.session.steps:
            cell = self.session.cells.get(step.id)
            if f"def {name}" in step.source and cell is not None and cell.status != "ok":
                return f" (its cell failed: {cell.words})"
        return ""


def _error(answer: dict) -> tuple[str, str] | None:
    """Status and words of an answer's error, whatever was sent as such."""
    if "error" not in answer:
        return None
    error = answer["error"]
    if type(error) is not list or len(error) != 2 or not all(type(e) is str for e in error):
        return "raised", "it reported an error that cannot be read"
    return error[0], _line(error[1])


def _line(words) -> str:
    """Somebody else's words as one printable line."""
    line = " ".join(str(words).split())
    return "".join(c if c.isprintable() else "�" for c in line)[:600]


def judge(checks: Sequence[Exercise], session: Session, seed: str) -> list[Item]:
    """Try every check, each with random numbers of its own that `seed` fixes."""
    items = []
    for check in checks:
        name = check.test.__name__
        number = int.from_bytes(hashlib.sha256(f"{seed}/{check.name}/{name}".encode()).digest()[:4], "big")
        rng = exercises.generator(check.name, name, check.hidden, seed)
        try:
            caller = RemoteCaller(session, number % 2**31)
        except Mistake as mistake:
            result = Result(0.0, check.points, mistake.status, str(mistake))
        else:
            result = exercises.run(check, caller, rng)
        items.append(Item(check.name, name, check.hidden, result.score, result.maximum, result.status,
                          _line(result.hint)))  # fmt: skip
    return items


def grade(job: Job, lab: LabSource, checks: Sequence[Exercise], sandbox: Sandbox, limits: Limits) -> tuple[Record, str]:
    """The record of one submission, and its notebook for formgrader as JSON ("" when it cannot be graded).

    Whatever the submission is or does, a record comes back; SandboxError when the sandbox itself is gone.
    """
    start = time.monotonic()
    record = Record(job.lab, job.student, job.file, hashlib.sha256(job.data).hexdigest(), job.received, seed=job.seed)
    record.flags += job.flags
    record.versions = {"python": platform.python_version(), "torch": torch.__version__,
                       "lecturelib": lecturelib.__version__}  # fmt: skip
    record.open = [Open(name, points, False) for name, points in lab.open_questions.items()]
    try:
        if job.problem:
            raise TransplantError(job.problem)
        graft = transplant(job.data, lab)
    except TransplantError as error:
        record.failure = _line(error)
        record.items = [Item(c.name, c.test.__name__, c.hidden, 0.0, c.points, "not graded", record.failure)
                        for c in checks]  # fmt: skip
        return record, ""
    record.flags += [_line(flag) for flag in graft.flags]
    record.sources = graft.sources
    record.open = [Open(name, points, graft.answered.get(name, False)) for name, points in lab.open_questions.items()]
    session = Session(graft.steps, sandbox, limits)
    try:
        record.items = judge(checks, session, job.seed)
    finally:
        session.close()
    record.cells = [session.cells.get(s.id, CellRun(s.id, "not run")) for s in graft.steps]
    record.flags += [f"the check {i.check} broke: {i.hint}" for i in record.items if i.status == "broken"]
    record.seconds = round(time.monotonic() - start, 2)
    record.cpu_seconds, record.peak_mb = round(session.cpu(), 2), session.peak
    return record, _with_results(graft, record)


def _with_results(graft: Transplant, record: Record) -> str:
    """The student's notebook, with what each check said below its cell."""
    found = record.exercises()
    for cell in graft.notebook.cells:
        items = found.get(cell.metadata.get("nbgrader", {}).get("grade_id"), [])
        if items and cell.cell_type == "code":
            lines = [f"{'✓' if i.score == i.maximum else '✗'} {i.score:g} of {i.maximum:g}"
                     f"{' (other inputs)' if i.hidden else ''}  {i.hint}".rstrip() for i in items]  # fmt: skip
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="\n".join(lines) + "\n")]
    return nbformat.writes(graft.notebook)
