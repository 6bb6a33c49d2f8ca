"""A warm process that forks one confined program for each request: `python -m lecturelib.grading.nursery`.

It has imported what labs use and runs no student's code itself. For every connection to its socket it forks three
times: a warden, who measures and ends the program; the first process of the new name spaces; and the program that
the student's code runs in (`inmate.serve`).
"""

import gc
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import lecturelib
from lecturelib.grading import confine, inmate

PACKET = 65536
EVERY = 0.05  # seconds between two looks of a warden
TICKS = os.sysconf("SC_CLK_TCK")


def main(listening: int, life: int) -> None:
    """Fork a warden for every connection until the other end of the pipe `life` is closed."""
    shell = inmate.warm_up()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the grader's to handle
    gc.collect()
    gc.freeze()  # so that a fork's garbage collection touches, and copies, no old page
    door = socket.socket(fileno=listening)
    while True:
        ready, _, _ = select.select([door, life], [], [], 1.0)
        _reap()
        if life in ready:
            os._exit(0)
        if door in ready:
            control, _ = door.accept()
            if os.fork() == 0:
                door.close()
                _or_exit(_warden, control, shell)
            control.close()


def _or_exit(do: Callable, *arguments) -> None:
    """A fork must never come back to its parent's loop."""
    try:
        do(*arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _warden(control: socket.socket, shell) -> None:
    """Start the program and watch it; every message on `control` is one packet of JSON."""
    content, handles, _, _ = socket.recv_fds(control, PACKET, 1)
    wanted, channel = json.loads(content), socket.socket(fileno=handles[0])
    try:
        if wanted["confined"]:
            confine.enter_namespaces()
        first = os.fork()
        if first == 0:
            control.close()
            _or_exit(_first, channel, wanted, shell)
    except OSError as error:
        control.send(json.dumps({"end": f"it could not be started: {error}"}).encode())
        os._exit(1)
    channel.close()
    end = _watch(control, Watch(first), wanted)
    # the first process of a name space takes all others with it; what is not confined has a group of its own
    stop = os.kill if wanted["confined"] else os.killpg
    with suppress(ProcessLookupError):
        stop(first, signal.SIGKILL)
    with suppress(OSError):  # the grader may have what it wanted, and be gone
        control.send(json.dumps({"end": end}).encode())
    os._exit(0)


def _watch(control: socket.socket, watch: "Watch", wanted: dict) -> str:
    """Report what is used until the program ends, uses too much, or is no longer wanted."""
    while True:
        ready, _, _ = select.select([control], [], [], EVERY)
        if ready:
            return "no longer wanted"
        ended = os.waitid(os.P_PID, watch.first, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # its number stays taken
        if ended is not None:
            code = ended.si_status if ended.si_code == os.CLD_EXITED else 128 + ended.si_status
            return f"it ended with status {code}" if code < 128 else f"it was ended by signal {code - 128}"
        try:
            used = watch.look()
            control.send(json.dumps(used).encode(), socket.MSG_DONTWAIT)
        except BlockingIOError:
            continue  # the grader is busy and has enough reports to read
        except OSError:
            return "no longer wanted"
        if used["mb"] > wanted["memory_mb"]:
            return f"it used more than {wanted['memory_mb']} MB of memory"
        if used["cpu"] > wanted["cpu_seconds"]:
            return "cpu"


class Watch:
    """What a process and all that descend from it use, read from /proc."""

    def __init__(self, first: int):
        self.first = first
        self.held = _memory(first) or 0  # shared with the nursery: nobody's own
        self.cpu, self.idle, self.peak, self.last = 0.0, 0.0, 0.0, time.monotonic()

    def look(self) -> dict:
        """Processor seconds so far, seconds in which nothing ran, memory now, the most, and processes."""
        family, cpu, memory, runs = self._family(), 0.0, 0, False
        for pid, fields in family.items():
            cpu += sum(map(int, fields[11:15])) / TICKS
            runs = runs or fields[0] in "RD"
            memory += max(0, (_memory(pid) or 0) - self.held)
        now = time.monotonic()
        if cpu - self.cpu < 0.02 * (now - self.last) and not runs and not any(map(_some_thread_runs, family)):
            self.idle += min(now - self.last, 2 * EVERY)  # a machine that stood still is no idle program
        self.cpu, self.last, self.peak = max(self.cpu, cpu), now, max(self.peak, memory / 1000)
        return {"cpu": round(self.cpu, 2), "idle": round(self.idle, 2), "mb": round(memory / 1000),
                "peak": round(self.peak), "processes": len(family)}  # fmt: skip

    def _family(self) -> dict[int, list[str]]:
        found, children = {}, {}
        for entry in os.listdir("/proc"):
            if entry.isdigit() and (fields := _stat(f"/proc/{entry}/stat")):
                found[int(entry)] = fields
                children.setdefault(int(fields[1]), []).append(int(entry))
        family, todo = {}, [self.first]
        while todo:
            pid = todo.pop()
            if pid in found:
                family[pid] = found[pid]
                todo += children.get(pid, [])
        return family


def _stat(path: str) -> list[str] | None:
    """The fields behind the name, which may hold anything: state, parent, ...; None when the process is gone."""
    try:
        return Path(path).read_bytes().decode("latin-1").rpartition(")")[2].split()
    except OSError:
        return None


def _some_thread_runs(pid: int) -> bool:
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return False
    return any((fields := _stat(f"/proc/{pid}/task/{t}/stat")) and fields[0] in "RD" for t in threads)


def _memory(pid: int) -> int | None:
    """The process's own memory in kB, with what it shares by mmap; None when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
    except OSError:
        return None
    return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:")))


def _first(channel: socket.socket, wanted: dict, shell) -> None:
    """Number 1 of the new process name space: starts the program, buries orphans, and ends with the program."""
    if wanted["confined"]:
        wanted["data_mb"] = confine.data_mb() + wanted["memory_mb"]  # read while there is a /proc
        confine.private_files(wanted["file_mb"], keep=(sys.base_prefix, sys.prefix, *lecturelib.__path__))
    else:
        os.setpgid(0, 0)
    program = os.fork()
    if program == 0:
        _or_exit(_program, channel, wanted, shell)
    channel.close()
    while True:
        pid, status = os.wait()
        if pid == program:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def _program(channel: socket.socket, wanted: dict, shell) -> None:
    if wanted["confined"]:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for handle in range(3, 256):
            if handle != channel.fileno():
                with suppress(OSError):
                    os.close(handle)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for handle in range(3):
        os.dup2(nowhere, handle)
    os.close(nowhere)
    inmate.move_in(wanted["confined"], wanted["folder"], wanted["home"])
    if wanted["confined"]:
        names = ("cpu_seconds", "data_mb", "processes", "files", "file_mb")
        confine.limit(**{name: wanted[name] for name in names})
        confine.give_up_privileges()
        confine.filter_system_calls()
    inmate.serve(channel, shell, int(wanted["answer_mb"] * 1e6))
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
