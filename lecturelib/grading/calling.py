"""How a check reaches the student's functions: by name, with plain values in and out.

Everything here stands on the student's side. A check sees plain values alone, so that it runs unchanged
whether the functions live in the notebook's process or behind a channel into a sandbox.
"""

import copy
import io
import traceback
import warnings
from collections.abc import Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lecturelib.grading.mistakes import Mistake, NotWritten, Raised

PLAIN = (bool, int, float, complex, str, bytes)


@dataclass(frozen=True)
class Handle:
    """Stands for something that cannot travel (a module, an optimizer): give it back as an argument."""

    number: int
    kind: str


class Caller:
    """`call(name, *arguments)` runs a function of a namespace and returns its result as plain values.

    Plain values are None, numbers, strings, bytes, tensors, numpy arrays, and lists, tuples and dicts of them;
    anything else stays here and a Handle comes back. Arguments are copies. What the function prints or warns of
    is kept in `printed`. Each call has random numbers of its own, fixed by `seed` and the number of the call.
    A grader outside a sandbox hands its checks something with the same two methods, `__call__` and `gradient`.
    Mistake, with the reason, when the function is missing, raises, or changes its arguments.
    """

    def __init__(self, namespace: Mapping, seed: int = 0):
        self.namespace, self.seed = namespace, seed
        self.kept: list = []
        self.calls = 0
        self.printed = io.StringIO()

    def __call__(self, name: str, *arguments):
        """The function's result, plain and without gradient."""
        given = [self._open(a) for a in arguments]
        before = copy.deepcopy(arguments)
        value = self._run(name, given)
        for i, (new, old) in enumerate(zip(given, before, strict=True)):
            if not isinstance(old, Handle) and not _same(new, old):
                raise Mistake(f"`{name}` changes its argument number {i + 1} in place: work on a copy, x.clone()")
        return self._plain(value)

    def gradient(self, name: str, *arguments, of: int = 0) -> Tensor:
        """The gradient of the sum of the function's result with respect to argument number `of`, by autograd."""
        given = [self._open(a) for a in arguments]
        given[of].requires_grad_(True)
        with torch.enable_grad():
            value = self._run(name, given)
        if not isinstance(value, Tensor):
            kind = type(value).__name__
            raise Mistake(f"`{name}` returns a {kind}, through which no gradient flows; return a tensor")
        if not value.requires_grad:
            raise Mistake(f"`{name}` returns a tensor without gradient: .item(), .detach(), no_grad or numpy cut it")
        (gradient,) = torch.autograd.grad(value.sum(), given[of], allow_unused=True)
        return torch.zeros_like(given[of]) if gradient is None else gradient.detach()

    def _run(self, name: str, given: list):
        function = self.namespace.get(name)
        if function is None:
            raise NotWritten(f"there is no function `{name}`: run the cell that defines it")
        if not callable(function):
            raise Mistake(f"`{name}` is not a function but of type {type(function).__name__}: was the name used again?")
        self.calls += 1
        try:
            with self._quiet():
                return function(*given)
        except (Exception, SystemExit) as error:
            if is_stub(error):
                raise NotWritten(f"`{self._innermost(error) or name}` is not written yet") from None
            raise Raised(f"`{name}` raised {_describe(error)}") from None

    def _innermost(self, error: BaseException) -> str | None:
        """The last of the namespace's own functions on the way to the error, Class.method for a method."""
        codes = [f.f_code for f, _ in traceback.walk_tb(error.__traceback__) if f.f_globals is self.namespace]
        return codes[-1].co_qualname.split(".<locals>")[0] if codes else None

    @contextmanager
    def _quiet(self):
        with (
            torch.random.fork_rng(devices=[]),
            warnings.catch_warnings(record=True) as caught,
            redirect_stdout(self.printed),
            redirect_stderr(self.printed),
        ):
            torch.default_generator.manual_seed(self.seed * 1009 + self.calls)
            yield
        self.printed.writelines(f"{w.category.__name__}: {w.message}\n" for w in caught)

    def _open(self, argument):
        return self.kept[argument.number] if isinstance(argument, Handle) else copy.deepcopy(argument)

    def _plain(self, value):
        if value is None or type(value) in PLAIN:
            return value
        if isinstance(value, Tensor):
            return value.detach().as_subclass(Tensor).cpu().clone()
        if isinstance(value, np.generic) and type(value.item()) in PLAIN:
            return value.item()
        if isinstance(value, np.ndarray) and value.dtype != object:
            return np.array(value)
        if isinstance(value, tuple):
            return tuple(self._plain(v) for v in value)
        if isinstance(value, list):
            return [self._plain(v) for v in value]
        if isinstance(value, dict) and all(type(key) in PLAIN for key in value):
            return {key: self._plain(v) for key, v in value.items()}
        self.kept.append(value)
        return Handle(len(self.kept) - 1, type(value).__name__)


def is_stub(error: BaseException) -> bool:
    """Is it the bare NotImplementedError of a function to be written? Libraries' own carry words."""
    if not isinstance(error, NotImplementedError) or str(error):
        return False
    raised_in, _ = list(traceback.walk_tb(error.__traceback__))[-1]
    return "site-packages" not in raised_in.f_code.co_filename


def check_gradient(call, name: str, *arguments, of: int = 0, step: float = 1e-2, tolerance: float = 3e-2) -> None:
    """Mistake unless autograd's gradient of a scalar function agrees with its finite differences.

    Tried along three random directions of argument number `of`, a float tensor. Differences over `step` and half of
    it are extrapolated (Richardson), so that a function's curvature does not count as an error.
    """
    gradient = call.gradient(name, *arguments, of=of)
    rng = torch.Generator().manual_seed(of)

    def slope(direction: Tensor, step: float) -> float:
        up, down = (
            call(name, *(a + sign * step * direction if i == of else a for i, a in enumerate(arguments)))
            for sign in (1, -1)
        )
        return ((up - down) / (2 * step)).item()

    for _ in range(3):
        direction = torch.randn(gradient.shape, generator=rng)
        right = (4 * slope(direction, step / 2) - slope(direction, step)) / 3
        found = (gradient * direction).sum().item()
        if not abs(found - right) <= tolerance * max(abs(right), gradient.norm().item()):
            raise Mistake(
                f"the value of `{name}` is right but its gradient with respect to argument number {of + 1} is not: "
                "a part of it was cut off by .detach(), .item(), no_grad or numpy"
            )


def _same(a, b) -> bool:
    if isinstance(a, Tensor):
        return a.shape == b.shape and bool(torch.equal(a.detach(), b))
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    return a == b


def _describe(error: BaseException) -> str:
    """ValueError: its words (line 3: `the line`), all on one line."""
    frames = [f for f in traceback.extract_tb(error.__traceback__)[1:] if "site-packages" not in f.filename and f.line]
    where = f" (line {frames[-1].lineno}: `{frames[-1].line}`)" if frames else ""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' if words else ''}{words[:300]}{where}"
