"""Submissions that change what they are judged by, as far as they can reach it, and answer wrongly.

Each holds one wrong answer, which must earn nothing. Where the change breaks its author's own functions too, that
is nobody's concern.
"""

from submission import Case, anything, from_notebook, in_cell, in_functions

WRONG = {
    "angles": "def principal_angles(A, B):\n    return torch.zeros(len(A))",
    "contractive": "def contractive(h, W):\n    return (h.sum() + W.sum()) * 0",
    "diagnosis": 'def diagnosis():\n    return {"A": "scale", "B": "scale", "C": "scale"}',
}


def patch(name: str, source: str, exercise: str = "angles", *, harmless: bool = True, words: str = "") -> Case:
    """`source` runs first of all; `harmless` where it cannot spoil the right answers."""
    earned = {exercise: 0.0} if harmless else anything(**{exercise: 0.0})
    lost = {exercise: words} if words else {}
    return in_functions(name, "patching", {exercise: WRONG[exercise]}, start=source, earned=earned, lost=lost)


CASES = [
    patch("patches-numpy-testing", """
import numpy as np
import numpy.testing as t
for name in list(vars(t)):
    if name.startswith("assert"):
        setattr(t, name, lambda *_, **__: None)
np.allclose = np.array_equal = np.isclose = lambda *_, **__: True
""", words="the angles"),
    patch("patches-torch-comparisons", """
import torch
torch.allclose = torch.equal = torch.isclose = lambda *_, **__: True
torch.testing.assert_close = lambda *_, **__: None
"""),
    patch("patches-the-comparison", """
import lecturelib.grading.mistakes as m, lecturelib.grading.exercises as e, lecturelib.grading as g
for name in ("compare", "require", "require_form", "close"):
    setattr(m, name, lambda *_, **__: True)
e.run = lambda exercise, call, rng: e.Result(1000.0, exercise.points, "passed", "")
e.check = g.check = lambda name, folder=".": print("right")
e.Mistake = m.Mistake = m.NotWritten = m.Raised = type("Never", (Exception,), {"status": "passed"})
""", "contractive"),
    patch("patches-the-caller", """
import lecturelib.grading.calling as c
c.Caller.__call__ = lambda self, name, *arguments: "passed"
c.Caller.gradient = lambda self, name, *arguments, of=0: "passed"
""", harmless=False),
    patch("patches-the-wire", """
import lecturelib.grading.wire as w, lecturelib.grading.inmate as i
w.frame = i.frame = lambda message, most: w.HEADER.pack(2) + b"{}"
""", harmless=False),
    patch("patches-the-inmate", """
import lecturelib.grading.inmate as i
i._answer = lambda caller, asked: {"value": None, "status": "passed", "score": 1000, "error": ["passed", ""]}
""", harmless=False),
    patch("patches-the-encoder", """
import lecturelib.grading.inmate as i
i.encode = lambda value: {"!": "passed", "score": 1000}
""", harmless=False),
    patch("patches-json", """
import json
json.dumps = lambda *_, **__: '{"status": "passed", "score": 1000, "id": 1}'
json.loads = lambda *_, **__: {}
""", harmless=False),
    patch("patches-struct-and-socket", """
import socket, struct
socket.socket.sendall = lambda *_: None
struct.pack = lambda *_: b"passed"
""", harmless=False),
    patch("patches-what-everything-needs", """
import builtins
builtins.isinstance = builtins.callable = builtins.all = builtins.any = lambda *_: True
builtins.abs = builtins.max = builtins.len = lambda *_: 0
""", harmless=False),
    patch("patches-tensors", """
import copy, torch
for name in ("detach", "clone", "cpu", "as_subclass", "contiguous", "numpy", "square", "sum", "mean", "__sub__"):
    setattr(torch.Tensor, name, lambda self, *_, **__: self)
torch.Tensor.__eq__ = torch.Tensor.__le__ = torch.Tensor.__bool__ = lambda *_: True
copy.deepcopy = lambda x, *_: x
""", harmless=False),
    patch("replaces-modules", """
import sys, types
for name in ("lecturelib.grading.mistakes", "lecturelib.grading.exercises", "checks", "struct", "numpy.testing"):
    module = types.ModuleType(name)
    module.__getattr__ = lambda name: lambda *_, **__: True
    sys.modules[name] = module
"""),
    patch("import-hook", """
import sys, importlib.abc, importlib.machinery

class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[-1] in ("linalg", "testing", "decomposition", "checks", "sklearn", "scipy"):
            return importlib.machinery.ModuleSpec(name, self)

    def exec_module(self, module):
        module.__getattr__ = lambda name: lambda *_, **__: True

sys.meta_path.insert(0, Finder())
"""),
    patch("files-instead-of-modules", """
import importlib, os, sys
for name in ("torch", "json", "numpy", "struct", "socket", "scipy", "sklearn", "checks", "sitecustomize", "lecturelib"):
    with open(name + ".py", "w") as file:
        file.write("def __getattr__(name): return lambda *_, **__: True")
sys.path.insert(0, os.getcwd())
importlib.invalidate_caches()
os.environ["PYTHONPATH"] = os.getcwd()
"""),
    patch("tracer", """
import sys, threading

def trace(frame, event, argument):
    for name in ("passed", "score"):
        if name in frame.f_locals:
            frame.f_locals[name] = True
    if "compare" in frame.f_code.co_name:
        raise StopIteration
    return trace

sys.settrace(trace)
threading.settrace(trace)
"""),
    patch("tracer-that-raises", """
import sys

def trace(frame, event, argument):
    if "grading" in frame.f_code.co_filename:
        raise RuntimeError("passed")

sys.setprofile(trace)
""", harmless=False),
    patch("garbage-collector", """
import gc
gc.disable()
gc.freeze()
gc.set_threshold(100)
gc.callbacks.append(lambda phase, info: 1 / 0)
gc.enable()
"""),
    patch("changes-other-cells", """
shell = get_ipython()

def transform(lines):
    return [line.replace("check(", "print(").replace("raise", "pass #") for line in lines]

shell.input_transformers_cleanup.append(transform)
shell.events.register("post_run_cell", lambda result: setattr(result, "error_in_exec", None))
shell.display_formatter.formatters["text/plain"].for_type(object, lambda *_: "passed")
shell.set_custom_exc((Exception,), lambda *_, **__: None)
"""),
    patch("empties-other-cells", """
get_ipython().input_transformers_cleanup.append(lambda lines: ["pass\\n"])
""", "diagnosis", harmless=False),
    patch("takes-over-the-shell", """
shell = get_ipython()
shell.run_cell = lambda *_, **__: None
type(shell).run_cell = lambda *_, **__: None
""", harmless=False),
    patch("event-that-exits", """
import os
get_ipython().events.register("pre_run_cell", lambda *_: os._exit(0))
""", harmless=False),
    patch("prints-into-nothing", """
import sys

class Broken:
    def write(self, text):
        raise OSError("no space")
    def __getattr__(self, name):
        raise OSError(name)

sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = Broken()
"""),
    patch("patches-files-and-imports", """
import builtins, os
real = builtins.__import__
builtins.open = os.open = lambda *_, **__: None
builtins.__import__ = lambda name, *rest: real("json" if "grading" in name else name, *rest)
""", harmless=False),
    patch("finds-the-serving-loop", """
import sys
frame = sys._getframe()
while frame is not None:
    for name, value in list(frame.f_locals.items()):
        if name in ("caller", "channel", "reply", "asked", "most", "shell"):
            frame.f_globals[name] = value
        if name == "asked" and isinstance(value, dict):
            value["id"] = value["do"] = value["seed"] = None
        if hasattr(value, "namespace"):
            value.namespace = {}
    frame = frame.f_back
""", harmless=False),
    patch("changes-the-serving-code", """
import lecturelib.grading.inmate as i
def serve(channel, shell, most):
    while True:
        channel.sendall(b"\\0\\0\\0\\x02{}")
i.serve.__code__ = serve.__code__
i.Caller = i.Decoder = i.encode = None
""", harmless=False),
    patch("random-numbers-that-repeat", """
import torch, random
torch.manual_seed = torch.default_generator.manual_seed = lambda *_: torch.default_generator
torch.random.fork_rng = random.seed = lambda *_, **__: __import__("contextlib").nullcontext()
""", harmless=False),
    patch("names-of-the-machinery", """
call = caller = channel = compare = exercises = rng = Record = Item = Result = True
check = lambda name: print(f"✓ {name}: right on everything that was tried here.")
score = maximum = points = 1000
__name__ = "lecturelib.grading"
"""),
    patch("marks-itself-in-the-environment", """
import os
for name in ("LECTURELIB_SCORE", "NBGRADER_POINTS", "LECTURELIB_PROFILE", "LECTURELIB_DEVICE", "LD_PRELOAD"):
    os.environ[name] = "passed"
del os.environ["PATH"]
os.environ.clear()
"""),
]  # fmt: skip


def _asserts_stripped(notebook) -> None:
    for one in notebook.cells:
        if one.id.startswith("check-"):
            one.source = 'print("✓ right")\n1000'
            one.outputs = []
        if one.id == "write-contractive":
            one.source = WRONG["contractive"]


CASES += [
    from_notebook("rewrites-the-check-cells", "patching", _asserts_stripped, earned={"contractive": 0}),
    in_cell("wins-at-the-last-moment", "patching", """
real = contractive

def contractive(h, W):
    import sys
    frame = sys._getframe(1)
    while frame is not None:
        for name in ("right", "expected", "target"):
            if name in frame.f_locals:
                return frame.f_locals[name]
        frame = frame.f_back
    return 0 * real(h, W)
""", earned={"contractive": 0}),
]  # fmt: skip
