"""Submissions that end their process or others, and that leave something running behind them."""

from exhaustion import spoiled
from submission import Case, anything, from_notebook, in_cell, in_functions, nothing

# outside a sandbox some of these would end more than is meant: nothing that runs as root may try
CAREFUL = "import os\nassert os.getuid() != 0, 'this is meant for a sandbox'\n"

ANSWER_LATER = CAREFUL + """
import json, socket, struct, time

def channels():
    for number in range(3, 64):
        try:
            yield socket.socket(fileno=os.dup(number))
        except OSError:
            pass
"""

KILLED_CELLS = [
    in_cell("exit-in-a-cell", "killed", "import os\nos._exit(0)", after="imports"),
    in_cell("exit-status-of-its-own", "killed", "import os\nos._exit(137)"),
    in_cell("system-exit-in-a-cell", "killed", "import sys\nsys.exit('done')", after="imports"),
    in_cell("quit-in-a-cell", "killed", "quit()", after="imports"),
    in_cell("shuts-the-kernel-down", "killed", "get_ipython().kernel.do_shutdown(restart=True)", after="imports"),
    in_cell("keyboard-interrupt-in-a-cell", "killed", "raise KeyboardInterrupt", after="imports"),
    in_cell("kills-itself", "killed", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", after="imports"),
    in_cell("kills-all", "killed", CAREFUL + "os.kill(-1, 9)", after="imports"),
    in_cell("kills-its-parent", "killed", CAREFUL + "os.kill(os.getppid(), 9)\nos.kill(os.getppid(), 19)"),
    in_cell("kills-number-one", "killed", CAREFUL + "for n in (1, 2, 3, 6, 9, 11, 15, 19):\n    os.kill(1, n)"),
    in_cell("kills-its-group", "killed", CAREFUL + "os.killpg(0, 9)"),
    in_cell("reads-from-nowhere", "killed", "import ctypes\nctypes.string_at(8)"),
    in_cell("aborts", "killed", "import os\nos.abort()"),
    in_cell("closes-all-descriptors", "killed", "import os\nos.closerange(0, 65536)", after="imports"),
    in_cell("puts-others-over-the-descriptors", "killed", """
import os
nowhere = os.open(os.devnull, os.O_RDWR)
for number in range(256):
    os.dup2(nowhere, number)
"""),
    in_cell("becomes-another-program", "killed", "import os\nos.execv('/bin/true', ['true'])"),
    in_cell("becomes-another-python", "killed", "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', ''])"),
    in_cell("lost-garbage", "killed", """
import ctypes, sys
ctypes.memset(id(None), 0, 16)
ctypes.memset(id(sys.modules), 255, 64)
sys.modules.clear()
"""),
    in_cell("dies-a-little-later", "killed", """
import signal
signal.setitimer(signal.ITIMER_REAL, 0.02)
""", earned=anything()),  # whichever cell or call comes next gets the blame
]  # fmt: skip

KILLED_FUNCTIONS = [
    spoiled("exit-in-a-function", "killed", "pca", "import os\nos._exit(0)", "died"),
    spoiled("kills-itself-in-a-function", "killed", "sparse", "import os\nos.kill(os.getpid(), 9)", "died"),
    spoiled("segmentation-fault", "killed", "angles", "import ctypes\nctypes.string_at(0)", "died"),
    spoiled("closes-the-channel", "killed", "repair", "import os\nos.closerange(0, 65536)", "died"),
    spoiled("keyboard-interrupt-in-a-function", "killed", "denoising", "raise KeyboardInterrupt", "raised"),
    spoiled("system-exit-in-a-function", "killed", "diagnosis", "import sys\nsys.exit(0)", "raised"),
    spoiled("exception-of-the-highest-kind", "killed", "contractive", "raise Highest", "raised", start="""
class Highest(BaseException):
    pass
"""),
    spoiled("asks-somebody", "killed", "corrupt", "return x * float(input('how much? '))", "raised"),
    spoiled("breakpoint-left-behind", "killed", "pca", "breakpoint()\nreturn x.mean(0), x[:k]"),
    spoiled("exits-by-system-call", "killed", "corrupt", "import ctypes\nctypes.CDLL(None)._exit(0)", "died"),
    in_functions("dies-at-the-second-call", "killed", {"codes": """
calls = []

def encode(x, mean, components):
    calls.append(x)
    if len(calls) > 1:
        import os
        os._exit(0)
    return (x - mean) @ components.T

def decode(z, mean, components):
    return z @ components + mean
"""}, earned={"codes": 1}, lost={"codes": "died"}),
]  # fmt: skip

ORPHANS = [
    in_cell("fork-in-a-cell", "orphans", "import os\nos.fork()", earned=anything()),  # two answer, from one namespace
    in_cell("orphan-that-answers-later", "orphans", ANSWER_LATER + """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        body = json.dumps({"id": 1, "value": None, "status": "passed", "score": 1000}).encode()
        for _ in range(50):
            for channel in channels():
                try:
                    channel.send(struct.pack(">I", len(body)) + body)
                except OSError:
                    pass
            time.sleep(0.02)
    os._exit(0)
""", earned=anything()),  # its noise spoils its author's own answers
    in_cell("orphan-that-steals-the-questions", "orphans", ANSWER_LATER + """
if os.fork() == 0:
    os.setsid()
    while True:
        for channel in channels():
            channel.setblocking(False)
            try:
                channel.recv(1 << 20)
            except OSError:
                pass
        time.sleep(0.01)
""", earned=anything()),
    in_cell("child-that-goes-on-alone", "orphans", "import os\nif os.fork():\n    os._exit(0)", earned=anything()),
    in_cell("stopped-child", "orphans", """
import os, signal
if os.fork() == 0:
    for number in range(1, 64):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        os.kill(os.getpid(), signal.SIGSTOP)
"""),
]  # fmt: skip


def _nothing_left(notebook) -> None:
    for one in notebook.cells:
        if one.id.startswith("write-"):
            one.source = "# I did nothing"


BROKEN = [
    in_cell("clears-the-namespace-last", "broken", "globals().clear()", earned=nothing(), lost={"pca": "not written"}),
    in_cell("resets-the-shell-last", "broken", "%reset -f", earned=nothing(), lost={"pca": "not written"}),
    from_notebook("empty-answers", "broken", _nothing_left, earned=nothing(), lost={"pca": "not written"}),
    in_cell("asks-in-a-cell", "broken", "name = input('Your name? ')", after="imports"),
    in_cell("installs-a-package", "broken", "%pip install --quiet --retries 0 --timeout 1 einops", after="imports"),
    in_cell("mounts-a-drive", "broken", "from google.colab import drive\ndrive.mount('/content/drive')"),
    in_cell("syntax-error-in-a-cell", "broken", "def half(x:\n  return x", after="imports"),
    in_cell("other-language-in-a-cell", "broken", "%%javascript\nwhile (true) { alert(1) }", after="imports"),
    in_functions("syntax-error-in-an-answer", "broken", {"codes": "def encode(x, mean, components)\n    return x"},
                 earned={"codes": 0}, lost={"codes": "not written"}),
    in_functions("answer-of-another-shape", "broken", {"pca": "def pca(x):\n    return x.mean(0)"},
                 earned={"pca": 0}, lost={"pca": "raised"}),
    in_functions("a-name-misspelt", "broken", {"corrupt": "def corupt(x, share):\n    return x"},
                 earned={"corrupt": 0}, lost={"corrupt": "not written"}),
    in_cell("a-name-used-again", "broken", "pca = 3", earned={"pca": 0}, lost={"pca": "is not a function"}),
    in_functions("coroutine-for-an-answer", "broken", {"diagnosis": """
async def diagnosis():
    return {"A": "symmetric", "B": "noisy target", "C": "two sigmoids"}
"""}, earned={"diagnosis": 0}, lost={"diagnosis": "give a dict"}),
    in_functions("changes-its-argument", "broken", {"corrupt": """
def corrupt(x, share):
    x[torch.rand_like(x) < share] = 0
    return x
"""}, earned={"corrupt": 0}, lost={"corrupt": "in place"}),
]  # fmt: skip

CASES: list[Case] = [*KILLED_CELLS, *KILLED_FUNCTIONS, *ORPHANS, *BROKEN]
