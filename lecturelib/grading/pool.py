"""Grade many submissions side by side: worker processes here, or a Dask cluster; only the caller writes files.

A worker that dies or hangs is replaced and its submission tried once more. What was late is tried once more alone,
when nothing else runs, before it counts.
"""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait

import torch

from lecturelib.grading.exercises import Exercise
from lecturelib.grading.materials import Materials
from lecturelib.grading.oracle import Job, grade
from lecturelib.grading.records import Record
from lecturelib.grading.sandbox import Sandbox, prove
from lecturelib.grading.transplant import LabSource
from lecturelib.grading.walls import SandboxError

PATIENCE = 120  # seconds that a worker has for a submission beyond the submission's own
DIE_WITH_PARENT = 1  # prctl's PR_SET_PDEATHSIG

Graded = tuple[Record, str]  # and the notebook for formgrader


def was_late(record: Record) -> bool:
    """Whether something in it ran out of time, which a busy machine may have caused."""
    return any(one.status == "late" for one in [*record.items, *record.cells])


class Worker:
    """A process that grades one submission after the other."""

    def __init__(self, lab: LabSource, checks: Sequence[Exercise], sandbox: Sandbox, materials: Materials):
        self.pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")  # what is imported already need not be imported again
        parts = (theirs, os.getpid(), lab, checks, sandbox, materials)
        self.process = context.Process(target=_work, args=parts, daemon=True)
        self.process.start()
        theirs.close()
        self.job: Job | None = None
        self.since, self.gone = 0.0, False

    def give(self, job: Job) -> None:
        """Start on a submission."""
        self.job, self.since = job, time.monotonic()
        self.pipe.send(job)

    def stop(self) -> None:
        """End the process and give back its handles."""
        self.process.kill()
        self.process.join()
        self.process.close()
        self.pipe.close()
        self.gone = True


def _work(pipe: Connection, parent: int, lab, checks, sandbox: Sandbox, materials: Materials) -> None:
    """A worker's life: a job in, a record out, until the grader goes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader, who ends its workers
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    sandbox.let_go()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # what strange values make libraries say helps nobody
    while os.getppid() == parent:
        try:
            job = pipe.recv()
        except EOFError:
            return
        try:
            answer = grade(job, lab, checks, sandbox, materials.limits)
        except SandboxError as error:
            answer = error
        except Exception as error:  # a fault of ours must not end the run
            answer = RuntimeError(f"the grader failed: {type(error).__name__}: {error}")
        pipe.send(answer)


class Pool:
    """`run` yields a record for every job, in the order in which they are done. Use as a context manager."""

    def __init__(
        self, materials: Materials, jobs: int, *, confined: bool = True, secrets: Sequence = (), sandbox=None
    ):  # fmt: skip
        self.materials, self.size, self.confined, self.secrets = materials, jobs, confined, secrets
        self.sandbox: Sandbox | None = sandbox  # one that is warming already
        self.lab = LabSource(materials.lab, materials.nodes())
        self.workers: list[Worker] = []
        self.stack = contextlib.ExitStack()

    def __enter__(self) -> "Pool":
        self.checks, folder = self.stack.enter_context(self.materials.unpacked())
        if self.sandbox is None:
            self.sandbox = self.stack.enter_context(Sandbox(folder, confined=self.confined))
        if self.confined:
            prove(self.sandbox, self.materials.limits, self.secrets)
        return self

    def __exit__(self, *_) -> None:
        for worker in self.workers:
            if not worker.gone:
                worker.stop()
        self.stack.close()

    def run(self, jobs: Sequence[Job]) -> Iterator[Graded]:
        """Grade all jobs; every one comes back once."""
        queue, again, tries = deque(jobs), deque(), dict.fromkeys((job.student for job in jobs), 0)
        while queue or again or any(w.job for w in self.workers):
            self._fill(queue, again, len(jobs))
            busy = [w for w in self.workers if w.job]
            ready = wait([w.pipe for w in busy] + [w.process.sentinel for w in busy], timeout=1.0)
            for worker in busy:
                job, alone = worker.job, tries[worker.job.student] > 0
                answer = self._answer(worker, ready)
                if answer is None:
                    continue
                worker.job = None
                if isinstance(answer, Exception):
                    if tries[job.student] >= 2:
                        yield _failed(job, self.checks, self.lab, str(answer)), ""
                        continue
                    tries[job.student] += 1
                    again.append(job)
                elif was_late(answer[0]) and not alone:
                    tries[job.student] += 1
                    again.append(job)
                else:
                    if alone and was_late(answer[0]):
                        answer[0].flags.append("something was late, and late again when it was graded alone")
                    yield answer

    def _fill(self, queue: deque[Job], again: deque[Job], most: int) -> None:
        """Hand out what there is: second tries only when nothing else runs, and one at a time."""
        self.sandbox.keep_alive()
        self.workers = [w for w in self.workers if not w.gone]
        while len(self.workers) < min(self.size, most):
            self.workers.append(Worker(self.lab, self.checks, self.sandbox, self.materials))
        idle = [w for w in self.workers if not w.job]
        for worker in idle:
            if queue:
                worker.give(queue.popleft())
            elif again and len(idle) == len(self.workers):
                worker.give(again.popleft())
                return

    def _answer(self, worker: Worker, ready: list) -> Graded | Exception | None:
        """What a worker came to; None while it is at work."""
        try:
            if worker.pipe in ready or worker.pipe.poll():
                return worker.pipe.recv()
        except (EOFError, OSError):
            pass  # it died while it spoke
        limits = self.materials.limits
        crowd = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
        if worker.process.is_alive():
            if time.monotonic() - worker.since < limits.wall_seconds * crowd + PATIENCE:
                return None
            worker.stop()
            return TimeoutError("a check did not come to an end with what this submission answered")
        code = worker.process.exitcode
        worker.stop()
        return RuntimeError(f"the process that graded it ended with status {code}")


def _failed(job: Job, checks: Sequence[Exercise], lab: LabSource, words: str) -> Record:
    """The record of a submission that brought the grader itself down."""
    record, _ = grade(Job(**{**vars(job), "problem": words}), lab, checks, None, None)
    return record


_HERE: dict[str, Pool] = {}  # a cluster's worker keeps its nursery warm between submissions


def grade_elsewhere(job: Job, materials: Materials, confined: bool) -> tuple[dict, str]:
    """Runs on a cluster's worker: the record as a dict, and the notebook."""
    key = f"{materials.sha256} {confined}"
    if key not in _HERE:
        for old in _HERE.values():
            old.__exit__()
        _HERE.clear()
        _HERE[key] = Pool(materials, 1, confined=confined).__enter__()
    here = _HERE[key]
    here.sandbox.keep_alive()
    for _ in range(2):  # what was late may be late once; a worker of a cluster should have one thread
        record, notebook = grade(job, here.lab, here.checks, here.sandbox, materials.limits)
        if not was_late(record):
            break
    return record.to_dict(), notebook


def run_on_cluster(address: str, jobs: Sequence[Job], materials: Materials, *, confined: bool) -> Iterator[Graded]:
    """Grade all jobs on the Dask cluster whose scheduler is at `address`; ValueError when there is none."""
    from distributed import Client, as_completed

    try:
        client = Client(address, timeout="10s")
    except (OSError, TimeoutError, ValueError) as error:
        raise ValueError(f"there is no Dask scheduler at {address} ({error}); start one: dask scheduler") from None
    with client:
        lab, where = LabSource(materials.lab, materials.nodes()), client.scatter(materials, broadcast=True)
        futures = {client.submit(grade_elsewhere, job, where, confined, pure=False, retries=1): job for job in jobs}
        for future in as_completed(futures):
            if future.status == "finished":
                values, notebook = future.result()
                yield Record.from_dict(values), notebook
            elif isinstance(error := future.exception(), SandboxError):
                raise error
            else:
                with materials.unpacked() as (checks, _):
                    yield _failed(futures[future], checks, lab, f"the cluster failed: {error}"), ""
            future.release()
