"""What runs inside: the notebook's cells, and the answers to a check's calls.

Everything here shares a process with the student's code, which may change all of it. So nothing that it says is
believed: an answer is worth what its value is worth.
"""

import builtins
import inspect
import io
import os
import shutil
import socket
import sys
import tempfile
import warnings

import numpy as np
import torch
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.figure import Figure
from torch import nn
from traitlets.config import Config

import lecturelib.show
from lecturelib import load
from lecturelib.grading.calling import Caller, is_stub
from lecturelib.grading.frames import WireError, frame, receive
from lecturelib.grading.mistakes import Mistake
from lecturelib.grading.walls import LAB
from lecturelib.grading.wire import Decoder, encode
from lecturelib.show import plots
from lecturelib.show.output import png


class Nowhere(io.TextIOBase):
    """Where prints go: nobody reads them while grading."""

    encoding = "utf-8"

    def __setattr__(self, *_) -> None:
        """Ignored: IPython would put a `write` here that keeps a copy of all that is printed."""

    def write(self, text) -> int:
        """The number of characters, as a file's write does."""
        return len(text)

    def writable(self) -> bool:
        """Always."""
        return True


def warm_up() -> InteractiveShell:
    """Import and use once what labs use, so that every fork has it; the shell that will run the cells."""
    torch.set_num_threads(1)
    weight = nn.Linear(2, 2)
    weight(torch.zeros(1, 2)).sum().backward()
    torch.optim.Adam(weight.parameters()).step()
    torch.linalg.svd(torch.eye(3))
    torch.func.jacrev(torch.sin)(torch.ones(2))
    load("digits")
    png(plots.images(torch.zeros(1, 2, 2)))
    _draw_nothing()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.showtraceback = shell.showsyntaxerror = lambda *_, **__: None
    shell.ask_exit = lambda: None
    shell.enable_gui = lambda gui=None: None  # %matplotlib
    shell.run_cell("import torch, numpy; torch.zeros(1)", store_history=False)
    shell.reset(new_session=False)
    return shell


def _draw_nothing() -> None:
    """Pictures are for people, and half of a lab's time; here nobody looks. What matplotlib is asked for is drawn."""
    for name, item in vars(plots).items():
        if inspect.isfunction(item) and item.__module__ == plots.__name__:
            setattr(plots, name, lambda *_, **__: Figure())
    lecturelib.show.show = lecturelib.show.animate = lambda *_, **__: None


def move_in(confined: bool, folder: str | None, place: str) -> None:
    """A fresh working folder that holds the released lab's files; in `place` where there are no walls."""
    source = LAB if confined else folder
    home = "/tmp/work" if confined else tempfile.mkdtemp(prefix="grading-", dir=place)
    os.makedirs(home, exist_ok=True)
    if source and os.path.isdir(source):
        shutil.copytree(source, home, dirs_exist_ok=True)
    os.chdir(home)
    os.environ["HOME"] = os.environ["IPYTHONDIR"] = home
    sys.stdin = open(os.devnull)  # noqa: SIM115 - stays open
    sys.stdout = sys.stderr = Nowhere()
    warnings.simplefilter("ignore")
    builtins.input = _no_input


def _no_input(*_):
    raise EOFError("nobody answers an input() while a notebook is graded")


def serve(channel: socket.socket, shell: InteractiveShell, most: int) -> None:
    """Do what the grader asks until it hangs up."""
    caller = Caller(shell.user_ns)
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - the student's code may draw from it
    while True:
        try:
            asked = receive(channel, most)
        except (EOFError, OSError):
            return
        try:
            if asked["do"] == "cell":
                reply = _run(shell, asked["source"])
            elif asked["do"] == "check":
                caller, reply = Caller(shell.user_ns, asked["seed"]), {}
                caller.printed = Nowhere()
            else:
                reply = _answer(caller, asked)
        except BaseException as error:  # whatever the student's code raises, the next question comes
            reply = {"error": ["raised", _words(error)]}
        try:
            content = frame(reply | {"id": asked["id"]}, most)
        except WireError as error:
            words = f"what `{asked.get('name')}` returns cannot be judged: {error}"
            content = frame({"id": asked["id"], "error": ["failed", words]}, most)
        channel.sendall(content)


def _run(shell: InteractiveShell, source: str) -> dict:
    done = shell.run_cell(source, store_history=False)
    error = done.error_before_exec or done.error_in_exec
    if error is None or is_stub(error):
        return {}
    return {"error": ["error", _words(error)]}


def _answer(caller: Caller, asked: dict) -> dict:
    decode, name = Decoder(), asked["name"]
    arguments = [decode(a) for a in asked["arguments"]]
    try:
        of = asked["of"]
        value = caller(name, *arguments) if of is None else caller.gradient(name, *arguments, of=of)
    except Mistake as mistake:
        return {"error": [mistake.status, str(mistake)[:600]]}
    try:
        return {"value": encode(value)}
    except (WireError, RuntimeError, ValueError, TypeError) as error:
        return {"error": ["failed", f"what `{name}` returns cannot be judged: {error}"[:600]]}


def _words(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:300]
    except BaseException:  # a __str__ of the student's own
        return "an exception that cannot be shown"

