"""Submissions that take all they can get: time, memory, disk, processes, output, descriptors."""

from submission import POINTS, PROOF, Case, anything, in_cell, in_functions

# exercise -> the heads of its functions; a hostile body follows
HEADS = {
    "pca": "def pca(x, k):", "sparse": "def sparsity(h, rho):", "corrupt": "def corrupt(x, share):",
    "angles": "def principal_angles(A, B):", "contractive": "def contractive(h, W):",
    "denoising": "def denoising_loss(clean, noisy, W, b, c):", "diagnosis": "def diagnosis():",
    "repair": "def repaired_loss(x, W, b, c):",
}  # fmt: skip


def function(exercise: str, body: str) -> str:
    """The exercise's function with another body."""
    return HEADS[exercise] + "\n    " + body.strip("\n").replace("\n", "\n    ")


def late(name: str, exercise: str, body: str, start: str = "", words: str = "late") -> Case:
    """A function that never answers costs its own exercise and no other."""
    sources = {exercise: function(exercise, body)}
    return in_functions(name, "loops", sources, start=start, earned={exercise: 0}, lost={exercise: words})


def spoiled(name: str, group: str, exercise: str, body: str, words: str = "", start: str = "") -> Case:
    """A function that fails costs its own exercise and no other."""
    sources, lost = {exercise: function(exercise, body)}, {exercise: words} if words else {}
    return in_functions(name, group, sources, start=start, earned={exercise: 0}, lost=lost)


LOOPS = [
    late("endless-loop-in-pca", "pca", "while True:\n    pass"),
    late("sleeps-for-ever", "angles", "import time\ntime.sleep(10**6)"),
    late("ignores-all-signals", "corrupt", """
import signal
for number in range(1, 64):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))
while True:
    pass
"""),
    late("finally-that-never-ends", "sparse", """
try:
    return h
finally:
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue
"""),
    late("one-long-call-into-c", "denoising", "x = torch.rand(3000, 3000)\nreturn torch.linalg.svd(x)[0]"),
    late("sum-of-a-trillion", "contractive", "return sum(range(10**12))"),
    late("raises-its-own-limit", "diagnosis", """
import resource
for what in (resource.RLIMIT_CPU, resource.RLIMIT_DATA, resource.RLIMIT_NPROC):
    try:
        resource.setrlimit(what, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (OSError, ValueError):
        pass
while True:
    pass
"""),
    late("clocks-stand-still", "repair", "while True:\n    pass", """
import time, resource
time.time = time.perf_counter = time.monotonic = time.process_time = lambda: 0.0
resource.getrusage = lambda who: None
"""),
    late("waits-for-a-lock", "angles", "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()"),
    late("loop-when-deleted", "pca", "kept = Endless()\ndel kept", """
class Endless:
    def __del__(self):
        while True:
            pass
"""),
    late("slow-regular-expression", "repair", "import re\nreturn re.match(r'(a+)+$', 'a' * 60 + 'b')"),
    in_cell("endless-loop-in-a-cell", "loops", "while True:\n    pass"),
    in_cell("sleeping-cell", "loops", "import time\ntime.sleep(10**6)", after="imports"),
    in_cell("loop-against-every-exception", "loops", """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""),
    in_cell("endless-loop-in-a-thread", "loops", """
import threading

def burn():
    while True:
        pass

threading.Thread(target=burn).start()
""", earned=anything()),  # every call may be slow, and all time may be used up: its own fault
    in_cell("thread-that-keeps-the-interpreter", "loops", """
import sys, threading
sys.setswitchinterval(10**6)

def burn():
    while True:
        pass

threading.Thread(target=burn).start()
while True:
    pass
"""),
    in_cell("endless-loop-at-exit", "loops", """
import atexit

@atexit.register
def loop():
    while True:
        pass
"""),
    in_cell("endless-loop-in-an-import", "loops", """
open("slow.py", "w").write("while True: pass")
import importlib, sys
sys.path.insert(0, "")
importlib.invalidate_caches()
import slow
"""),
    in_cell("endless-repr", "loops", """
class Endless:
    def __repr__(self):
        while True:
            pass

Endless()
"""),
    in_cell("stops-itself", "loops", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"),
    in_cell("counts-to-a-googol", "loops", "10 ** 10 ** 9"),
    in_cell("never-ending-await", "loops", "import asyncio\nawait asyncio.Event().wait()"),
]  # fmt: skip

MEMORY = [
    spoiled("list-that-grows", "memory", "contractive", "kept = []\nwhile True:\n    kept.append(bytearray(2**22))"),
    spoiled("tensors-that-grow", "memory", "pca", "kept = []\nwhile True:\n    kept.append(torch.ones(2**22))"),
    spoiled("sorted-range", "memory", "sparse", "return sorted(range(10**10))"),
    spoiled("one-enormous-tensor", "memory", "corrupt", "return torch.ones(10**12)", "raised"),
    spoiled("shared-pages", "memory", "repair", """
import mmap
pages = mmap.mmap(-1, 4 * 2**30)
for i in range(0, len(pages), 4096):
    pages[i] = 1
"""),
    in_cell("many-fat-processes", "memory", """
import os, time
for _ in range(10):
    if os.fork() == 0:
        kept = bytearray(3 * 10**8)
        for i in range(0, len(kept), 4096):
            kept[i] = 1
        time.sleep(1000)
        os._exit(0)
""", earned=anything()),  # they grow while the checks ask: which call they fall into is chance, and its own fault
    in_cell("memory-as-a-file", "memory", """
import os
file = os.memfd_create("hostile")
for _ in range(2000):
    os.write(file, bytes(10**6))
"""),
    in_cell("fills-every-folder", "memory", f"""
import os
kept = []
for folder in (".", "/tmp", "/dev/shm", "/var/tmp", "/run", os.path.expanduser("~")):
    for number in range(40):
        try:
            kept.append(open(f"{{folder}}/{PROOF}-{{number}}", "wb"))
            kept[-1].write(bytes(4 * 10**7))
            kept[-1].flush()
        except OSError:
            break
"""),
    in_cell("one-large-file", "memory", f"""
with open("{PROOF}", "wb") as file:
    for _ in range(3000):
        file.write(bytes(10**6))
"""),
    in_cell("a-file-with-a-hole", "memory", f"import os\nopen('{PROOF}', 'w').close()\nos.truncate('{PROOF}', 10**13)"),
    in_cell("many-small-files", "memory", f"for i in range(30000):\n    open(f'{PROOF}-{{i}}', 'w').close()"),
    in_cell("memory-of-system-v", "memory", """
import ctypes
libc = ctypes.CDLL(None)
for _ in range(20):
    number = libc.shmget(0, 10**8, 0o1600)
    if number >= 0:
        libc.shmat.restype = ctypes.c_void_p
        ctypes.memset(libc.shmat(number, None, 0), 1, 10**8)
"""),
]  # fmt: skip

PROCESSES = [
    in_cell("fork-bomb", "processes", """
import os, time
for _ in range(9):  # two to the ninth, where nothing stops it
    try:
        os.fork()
    except OSError:
        pass
time.sleep(0.2)
os._exit(0)
"""),
    in_cell("thread-bomb", "processes", """
import threading, time
for _ in range(3000):
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
"""),
    in_cell("process-that-outlives", "processes", """
import subprocess
subprocess.Popen(["sleep", "31415"], start_new_session=True)
"""),
    in_cell("daemon", "processes", """
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "31415"])
    os._exit(0)
"""),
    in_cell("shell-in-the-background", "processes", "!nohup sleep 31415 >/dev/null 2>&1 &"),
    spoiled("children-that-die-and-come-again", "processes", "diagnosis", """
import os
while True:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
""", "late"),
    in_cell("pushes-itself-forward", "processes", """
import os
for attempt in (
    lambda: os.nice(-20),
    lambda: os.setpriority(os.PRIO_USER, 0, -20),
    lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99)),
    lambda: os.setpgid(0, os.getppid()),
):
    try:
        attempt()
    except OSError:
        pass
"""),
]  # fmt: skip

OUTPUT = [
    in_cell("print-flood", "output", "for _ in range(20000):\n    print('x' * 10000)"),
    in_cell("endless-print", "output", "while True:\n    print('hostile ' * 1000)"),
    in_cell("giant-repr", "output", "'x' * 10**8"),
    in_cell("flood-below-python", "output", """
import os
for handle in (1, 2):
    for _ in range(200):
        os.write(handle, b"x" * 10**6)
"""),
    in_cell("warning-flood", "output", """
import warnings, sys
for i in range(20000):
    warnings.warn(f"warning {i} " + "x" * 1000)
    print("error", "x" * 1000, file=sys.stderr)
"""),
    in_cell("hundred-pictures", "output", """
from IPython.display import HTML, Javascript, display
for _ in range(1000):
    display(HTML("<p>" + "x" * 10**5), Javascript("while (true) {}"))
"""),
    in_functions("prints-much-and-answers-well", "output", {"codes": """
def encode(x, mean, components):
    print("y" * 3 * 10**7)
    return (x - mean) @ components.T

def decode(z, mean, components):
    import sys
    print("y" * 3 * 10**7, file=sys.stderr)
    return z @ components + mean
"""}),
    spoiled("giant-exception", "output", "pca", "raise ValueError('x' * 10**8)", "raised"),
    in_cell("giant-exception-in-a-cell", "output", "raise ValueError('x' * 10**8)"),
    spoiled("deep-recursion", "output", "sparse", """
import sys
sys.setrecursionlimit(10**6)
nest = []
for _ in range(10**6):
    nest = [nest]
return repr(nest)
"""),
    spoiled("exception-that-cannot-be-shown", "output", "angles", "raise Unspeakable", start="""
class Unspeakable(Exception):
    def __str__(self):
        raise self
    __repr__ = __str__
"""),
    spoiled("exception-with-strange-letters", "output", "denoising",
            r"""raise ValueError("\ud800 \x00 \x1b[31m \u202e \r\n" + chr(0x10ffff))""", "raised"),
    in_cell("cell-with-strange-letters", "output", r"""raise ValueError("\ud800 \x00 \x1b[31m \u202e")"""),
    in_cell("all-descriptors-taken", "output", "import os\nkept = []\nwhile True:\n    kept.append(os.dup(1))"),
]  # fmt: skip

CASES = [*LOOPS, *MEMORY, *PROCESSES, *OUTPUT]
assert set(HEADS) < set(POINTS)
