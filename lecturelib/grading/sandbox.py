"""The sandbox: bubblewrap around the nursery, and the programs that it forks.

What runs inside has no network, sees the system and this course's library read-only and nothing else of the disk,
is not root, has no capability, and may use what course.toml grants.
"""

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import matplotlib

import lecturelib
from lecturelib.grading.course import Limits
from lecturelib.grading.frames import HEADER, WireError, frame, message
from lecturelib.grading.probe import ATTEMPTS
from lecturelib.grading.walls import SandboxError, bubblewrap, environment

PACKET = 65536


class Ended(Exception):
    """A program that gives no answer: status is `late` or `died`, and the words say why."""

    def __init__(self, status: str, words: str):
        super().__init__(words)
        self.status = status


class Sandbox:
    """A nursery behind its walls; `program` forks a confined program from it, in about 20 ms.

    folder: the files of the released lab, which programs find in their working folder. With confined=False there is
    no wall at all. Use as a context manager.
    """

    def __init__(self, folder: Path | None = None, *, confined: bool = True):
        self.folder, self.confined = folder and folder.resolve(), confined  # its program runs elsewhere
        self.process: subprocess.Popen | None = None
        self.life: int | None = None  # the nursery ends when nobody holds this end of its pipe

    def __enter__(self) -> "Sandbox":
        self.home = tempfile.mkdtemp(prefix="lecturelib-")
        self.address = f"{self.home}/door"
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def start(self) -> None:
        """Start the nursery; it answers once it is warm, after two or three seconds."""
        Path(self.address).unlink(missing_ok=True)
        life, self.life = os.pipe()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door, open(f"{self.home}/log", "w") as log:
            door.bind(self.address)
            door.listen(64)
            walls = bubblewrap(self.folder) if self.confined else []
            fonts = {} if self.confined else {"MPLCONFIGDIR": matplotlib.get_cachedir()}
            self.process = subprocess.Popen(
                [*walls, sys.executable, "-m", "lecturelib.grading.nursery", str(door.fileno()), str(life)],
                pass_fds=[door.fileno(), life], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment() | fonts, cwd="/" if self.confined else Path(lecturelib.__file__).parents[1],
            )  # fmt: skip
        os.close(life)

    def keep_alive(self) -> None:
        """Start the nursery again, at the same address, where it has ended."""
        if self.process is None or self.process.poll() is not None:
            self.stop()
            self.start()

    def stop(self) -> None:
        """End everything inside."""
        self.let_go()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def let_go(self) -> None:
        """In a forked process that only asks for programs: the nursery's life is not tied to this one."""
        if self.life is not None:
            os.close(self.life)
            self.life = None

    def gone(self, why) -> str:
        """The words for a sandbox that is not there."""
        return (
            f"there is no sandbox, and nothing is graded without one: {why}; it said: {self.said()}. "
            "The system must allow user name spaces; `lecturelib doctor` tries it"
        )

    def said(self) -> str:
        """The last words of a nursery that did not start."""
        lines = Path(f"{self.home}/log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no word"

    def program(self, limits: Limits, cpu_seconds: float | None = None) -> "Program":
        """Fork a program; SandboxError when the nursery is not there."""
        mine, theirs = socket.socketpair()
        control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        folder = str(self.folder) if self.folder else None
        wanted = asdict(limits) | {"confined": self.confined, "folder": folder, "home": self.home}
        if cpu_seconds is not None:
            wanted["cpu_seconds"] = cpu_seconds
        try:
            control.connect(self.address)
            socket.send_fds(control, [json.dumps(wanted).encode()], [theirs.fileno()])
        except OSError as error:
            control.close()
            mine.close()
            raise SandboxError(self.gone(error.strerror)) from None
        finally:
            theirs.close()
        return Program(control, mine, int(limits.answer_mb * 1e6))


class Program:
    """A confined program: `request` asks it something; `used` is what its warden last reported."""

    def __init__(self, control: socket.socket, channel: socket.socket, most: int):
        self.control, self.channel, self.most = control, channel, most
        channel.setblocking(False)
        self.used = {"cpu": 0.0, "idle": 0.0, "mb": 0, "peak": 0, "processes": 0}

    def close(self) -> None:
        """End the program and everything that it started."""
        self.control.close()
        self.channel.close()

    def request(self, asked: dict, *, cpu_seconds: float, idle_seconds: float, deadline: float) -> dict:
        """Send a message and return the answer that carries its id; Ended when none comes.

        cpu_seconds and idle_seconds bound this request; deadline is a time.monotonic().
        """
        out, found = memoryview(frame(asked, self.most)), bytearray()
        self._reports(0)
        cpu, idle = self.used["cpu"] + cpu_seconds, self.used["idle"] + idle_seconds
        while True:
            read, write, _ = select.select([self.channel, self.control], [self.channel] if out else [], [], 0.5)
            if self.channel in read:
                if out:
                    raise Ended("died", "it sent something that nobody asked for")
                if not self._read(found):
                    raise Ended("died", self._reports(2.0) or "it closed the channel to the grader")
                if (answer := self._whole(found)) is not None:
                    if answer.get("id") != asked["id"]:
                        raise Ended("died", "its answer was malformed: it belongs to no question")
                    return answer
            if self.channel in write:
                try:
                    out = out[self.channel.send(out):]
                except BlockingIOError:
                    pass
                except OSError:
                    raise Ended("died", self._reports(2.0) or "it closed the channel to the grader") from None
            if self.control in read and (end := self._reports(0)):
                raise Ended("late", "the processor time for the whole notebook was used up") if end == "cpu" else \
                    Ended("died", end)
            if self.used["cpu"] > cpu:
                raise Ended("late", f"no answer within {cpu_seconds:g} s of processor time: an endless loop?")
            if self.used["idle"] > idle:
                raise Ended("late", f"no answer, and nothing was computed for {idle_seconds:g} s: does it wait?")
            if time.monotonic() > deadline:
                raise Ended("late", "the time for the whole notebook was used up")

    def _read(self, found: bytearray) -> bool:
        try:
            more = self.channel.recv(1 << 20)
        except BlockingIOError:
            return True
        except OSError:
            return False
        found += more
        return bool(more)

    def _whole(self, found: bytearray) -> dict | None:
        if len(found) < HEADER.size:
            return None
        (length,) = HEADER.unpack_from(found)
        if length > self.most or len(found) > HEADER.size + length:
            raise Ended("died", "its answer was malformed: " + ("too large" if length > self.most else "more than one"))
        if len(found) < HEADER.size + length:
            return None
        try:
            return message(bytes(found[HEADER.size :]))
        except WireError as error:
            raise Ended("died", f"its answer was malformed: {error}") from None

    def _reports(self, wait: float) -> str:
        """Read what the warden says; the reason when it says that the program has ended, else ""."""
        until = time.monotonic() + wait
        while select.select([self.control], [], [], max(0.0, until - time.monotonic()))[0]:
            try:
                content = self.control.recv(PACKET)
            except OSError:
                content = b""
            if not content:
                return "it was ended from outside"
            report = json.loads(content)
            if "end" in report:
                return report["end"]
            self.used = report
        return ""


def prove(sandbox: Sandbox, limits: Limits, secrets: Sequence[Path] = ()) -> None:
    """SandboxError unless the walls hold: tried from the inside, by a program that behaves badly."""
    program = sandbox.program(limits)
    try:
        for words, code in ATTEMPTS:
            source = code.replace("SECRETS", repr([str(p) for p in secrets]))
            answer = program.request(
                {"do": "cell", "id": words, "source": source}, cpu_seconds=20, idle_seconds=20,
                deadline=time.monotonic() + 60,
            )  # fmt: skip
            if "error" in answer:
                raise SandboxError(f"the sandbox does not hold: {words} ({answer['error'][1]})")
    except Ended as end:
        raise SandboxError(sandbox.gone(end)) from None
    finally:
        program.close()
