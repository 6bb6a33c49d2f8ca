"""The walls hold, limits bind, and a program that misbehaves ends without harm to the next."""

import os
import secrets
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from lecturelib.grading import sandbox as rooms
from lecturelib.grading import walls
from lecturelib.grading.course import Limits
from lecturelib.grading.sandbox import Ended, Sandbox, prove
from lecturelib.grading.walls import SandboxError
from lecturelib.grading.wire import Decoder, encode

LIMITS = Limits(cpu_seconds=30, call_seconds=1, idle_seconds=1, memory_mb=600, processes=24, file_mb=8)

needs_walls = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    folder = tmp_path_factory.mktemp("released")
    folder.chmod(0o755)
    (folder / "checks.py").write_text("# visible\n")
    with Sandbox(folder) as made:
        yield made


@pytest.fixture
def program(sandbox):
    made = sandbox.program(LIMITS)
    yield made
    made.close()


def run(program, source: str, seconds: float = 5, idle: float = 3, name: str | None = None) -> str:
    """ "" when the cell runs, else its error."""
    asked = {"do": "cell", "id": name or secrets.token_hex(4), "source": source}
    deadline = time.monotonic() + 60
    answer = program.request(asked, cpu_seconds=seconds, idle_seconds=idle, deadline=deadline)
    return answer["error"][1] if "error" in answer else ""


def call(program, name: str, *arguments):
    answer = program.request(
        {"do": "call", "id": "2", "name": name, "arguments": [encode(a) for a in arguments], "of": None},
        cpu_seconds=5, idle_seconds=3, deadline=time.monotonic() + 60,
    )  # fmt: skip
    return Decoder()(answer["value"]) if "value" in answer else answer["error"]


def test_the_probe_holds(sandbox):
    prove(sandbox, LIMITS, [Path(__file__)])


def test_cells_share_names_and_answer_calls(program):
    assert run(program, "import torch\nk = 3") == ""
    assert run(program, "def f(x):\n    print('noise')\n    return k * x, {'a': [x]}") == ""
    assert call(program, "f", 2) == (6, {"a": [2]})
    assert call(program, "g") == ["not written", "there is no function `g`: run the cell that defines it"]
    assert run(program, "1 / 0") == "ZeroDivisionError: division by zero"
    assert "SyntaxError" in run(program, "def f(:")
    assert call(program, "f", 1)[0] == 3


def test_notebook_language_works(program):
    for source in ("%timeit -n1 -r1 1", "!true", "import asyncio\nawait asyncio.sleep(0)", "%matplotlib inline",
                   "from IPython.display import display; display(1)",
                   "import matplotlib.pyplot as plt\nplt.plot([1]); plt.show()",
                   "exit", "quit()", "get_ipython().run_line_magic('pwd', '')"):  # fmt: skip
        assert run(program, source) == "", source
    assert "EOFError" in run(program, "input()")
    assert "SystemExit" in run(program, "import sys; sys.exit(1)")


def test_what_students_find_there(program):
    assert run(program, "import os; assert sorted(os.listdir()) == ['checks.py'], os.listdir()") == ""
    assert run(program, "open('mine', 'w').write('x'); assert os.getcwd() == '/tmp/work'") == ""
    assert run(program, "assert not [k for k in os.environ if 'TOKEN' in k or 'SECRET' in k]") == ""
    assert run(program, "from lecturelib import load; assert len(load('digits')) == 1797") == ""


def test_one_program_leaves_nothing_to_the_next(sandbox):
    one = sandbox.program(LIMITS)
    for folder in ("/tmp", "/tmp/work", "/dev/shm"):
        assert run(one, f"open('{folder}/left', 'w').write('x')") == ""
    assert run(one, "import subprocess\np = subprocess.Popen(['sleep', '60'], start_new_session=True)") == ""
    two = sandbox.program(LIMITS)
    for folder in ("/tmp", "/tmp/work", "/dev/shm"):
        assert "FileNotFoundError" in run(two, f"open('{folder}/left')")
    assert run(two, "import os\nos.kill(1, 0)\nassert os.getpid() < 9") == ""
    assert "ProcessLookupError" in run(two, "os.kill(30, 9)")
    one.close()
    two.close()


ENDS = {
    "busy": ("while True: pass", "late", "endless loop"),
    "asleep": ("import time; time.sleep(1000)", "late", "nothing was computed"),
    "deaf": ("import signal\nfor s in (2, 14, 15): signal.signal(s, signal.SIG_IGN)\nwhile True: pass", "late",
             "endless"),
    "thread": ("import threading\nt = threading.Thread(target=lambda: [0 for _ in iter(int, 1)])\nt.start(); t.join()",
               "late", "endless"),
    "children": ("import os\nfor _ in range(4):\n    if os.fork() == 0:\n        while True: pass\nos.wait()",
                 "late", "endless"),
    "gone": ("import os; os._exit(3)", "died", "status 3"),
    "killed": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "died", "signal 9"),
    "crashed": ("import ctypes; ctypes.string_at(0)", "died", "signal 11"),
    "everybody": ("import os, signal; os.kill(-1, signal.SIGKILL)", "", "ProcessLookupError"),
    "deafened": ("import os\nfor i in range(3, 256):\n    try: os.close(i)\n    except OSError: pass", "died", ""),
    "memory": ("import numpy as np\nkept = []\nwhile True: kept.append(np.ones(10**6))", "", "MemoryError"),
    "many": ("import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        x = bytearray(b'x') * 300_000_000\n"
             "        time.sleep(9)\ntime.sleep(9)", "died", "memory"),
    "disk": ("for i in range(100): open(f'f{i}', 'wb').write(b'x' * 10**6)", "", "No space"),
    "file": ("import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nopen('f', 'wb').write(b'x' * 10**8)", "",
             "Error"),
    "inodes": ("for i in range(10000): open(f'i{i}', 'w')", "", "OSError"),
    "forks": ("import os, time\nwhile os.fork(): pass\ntime.sleep(1000)", "", "BlockingIOError"),
    "threads": ("import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(99,), daemon=True)"
                ".start()", "", "can't start new thread"),
    "handles": ("kept = []\nwhile True: kept.append(open('/dev/null'))", "", "Too many open files"),
    "prints": ("for _ in range(3): print('x' * 10**7)", "", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
def test_limits_bind(program, name):
    source, status, words = ENDS[name]
    try:
        said = run(program, source, seconds=1.5, idle=1.5)
    except Ended as end:
        found = end.status, str(end)
    else:
        found = "", said
    assert found[0] == status
    assert words in found[1]


FORBIDDEN = {
    "network": "import socket; socket.create_connection(('127.0.0.1', 9), 2)",
    "abstract socket": "import socket; s = socket.socket(socket.AF_UNIX); s.connect('\\0anything')",
    "remount": "import ctypes; assert ctypes.CDLL(None).mount(b'x', b'/tmp', b'tmpfs', 0, None) == 0",
    "unmount": "import ctypes; assert ctypes.CDLL(None).umount2(b'/proc', 0) == 0",
    "name space": "import ctypes; assert ctypes.CDLL(None).unshare(0x10000000) == 0",
    "new user by clone": "import ctypes; assert ctypes.CDLL(None).syscall(56, 0x10000011, 0, 0, 0, 0) >= 0",
    "ptrace": "import ctypes; assert ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0",
    "others' memory": "open('/proc/1/mem')",
    "set user": "import os; os.setuid(0)",
    "chroot": "import os; os.chroot('/tmp')",
    "device": "import os; os.mknod('/tmp/d', 0o60644, os.makedev(8, 0))",
    "change the library": "import lecturelib; open(lecturelib.__file__, 'a')",
    "change a package": "import os, torch; os.chmod(torch.__file__, 0o777)",
    "write to /dev": "open('/dev/left', 'w')",
    "memory file": "import os; os.memfd_create('x')",
    "raise a limit": "import resource; resource.setrlimit(resource.RLIMIT_NPROC, (9999, 9999))",
    "nice": "import os; os.nice(-5)",
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_is_forbidden_fails(program, name):
    said = run(program, FORBIDDEN[name])
    kinds = {"OSError", "PermissionError", "FileNotFoundError", "ConnectionRefusedError", "AssertionError"}
    assert said.split(":")[0] in kinds | {"ValueError"}, said


def test_answers_to_nothing_and_forged_ones_are_refused(sandbox):
    find = """
import os, socket, struct, json
import stat
channel = next(socket.socket(fileno=os.dup(i)) for i in range(3, 256) if stat.S_ISSOCK(os.fstat(i).st_mode))
def send(content, length=None):
    channel.sendall(struct.pack('>I', len(content) if length is None else length) + content)
"""
    for forged, words in {
        'send(b\'{"id": "0", "value": 1}\')': "no question|more than one",
        "send(b'[1]')": "malformed",
        "send(b'x', 2**32 - 1)": "too large",
        'send(b\'{"id": "1"}\')': "nobody asked for|no question|more than one",  # seen with the next one
        "send(b'{\"a\": ' + b'[' * 10**6)": "malformed",
    }.items():
        program = sandbox.program(LIMITS)
        try:
            assert run(program, find) == ""
            with pytest.raises(Ended, match=words):
                run(program, forged, name="1"), run(program, "1")
        finally:
            program.close()


def test_nothing_is_left_behind(sandbox):
    before = len(os.listdir("/proc/self/fd"))
    for source in ("while True: pass", "import os\nwhile os.fork(): pass\nwhile True: pass", "x = 1"):
        program = sandbox.program(LIMITS)
        with suppress(Ended):
            run(program, source, seconds=0.3)
        program.close()
    assert len(os.listdir("/proc/self/fd")) == before
    for _ in range(100):
        inside = subprocess.run(["ps", "-o", "pid=", "--ppid", str(_nursery(sandbox))], capture_output=True, text=True)
        if not inside.stdout.split():
            break
        time.sleep(0.05)
    assert inside.stdout.split() == []


def _nursery(sandbox) -> int:
    """The process with most to its name under the sandbox's own: the one that forks."""
    pid = sandbox.process.pid
    while True:
        children = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True).stdout
        first = children.strip().splitlines()[0].split(None, 1)
        if "bwrap" not in first[1] and "nursery" in first[1]:
            return int(first[0])
        pid = int(first[0])


def test_without_bubblewrap_there_is_no_grading(monkeypatch):
    monkeypatch.setattr(walls.shutil, "which", lambda name: None)
    with pytest.raises(SandboxError, match=r"apt install bubblewrap"), Sandbox():
        pass


@needs_walls
def test_without_user_name_spaces_grading_refuses(tmp_path, monkeypatch):
    """A bubblewrap that may not make name spaces, as where the system forbids them."""
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with Sandbox() as sandbox:
        sandbox.process.wait(10)
        with pytest.raises(SandboxError, match="No permissions to create new namespace"):
            prove(sandbox, LIMITS)


HOLES = {
    "files": ("--hostname", ["--ro-bind", "/usr", "/var", "--hostname"], "files of this machine"),
    "writable": ("--remount-ro", ["--dir"], "can be changed"),
}


@needs_walls
@pytest.mark.parametrize("hole", HOLES)
def test_the_probe_finds_a_hole(monkeypatch, hole):
    word, instead, words = HOLES[hole]
    whole = walls.bubblewrap

    def holed(folder):
        found = whole(folder)
        start = found.index("--unshare-all")
        tail = found[start:]
        return found[:start] + [w for v in tail for w in (instead if v == word else [v])]

    monkeypatch.setattr(rooms, "bubblewrap", holed)
    with Sandbox() as sandbox, pytest.raises(SandboxError, match=words):
        prove(sandbox, replace(LIMITS, processes=100))


def test_without_walls_programs_run_too(tmp_path):
    (tmp_path / "data.txt").write_text("x")
    with Sandbox(tmp_path, confined=False) as sandbox:
        program = sandbox.program(LIMITS)
        assert run(program, "import os; assert os.listdir() == ['data.txt'], os.listdir()") == ""
        with pytest.raises(Ended, match="endless"):
            run(program, "while True: pass", seconds=0.3)
        program.close()
    assert not os.path.exists(sandbox.home)  # and with it the programs' folders
