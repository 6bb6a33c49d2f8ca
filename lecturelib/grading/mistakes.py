"""Name the mistake: `compare` and `require` say in one line what is wrong with an answer."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor


class Mistake(Exception):
    """What is wrong with an answer, in one line; a notebook shows that line and no traceback."""

    status = "failed"

    def _render_traceback_(self) -> list[str]:
        return [f"✗ {self}"]


class NotWritten(Mistake):
    """The function is missing, or still raises NotImplementedError."""

    status = "not written"


class Raised(Mistake):
    """The student's function ended in an exception of its own."""

    status = "raised"


def require(condition: bool, words: str) -> None:
    """Mistake(words) unless the condition holds."""
    if not condition:
        raise Mistake(words)


def compare(
    value,
    expected,
    mistakes: Mapping[str, object] | None = None,
    *,
    tolerance: float = 1e-4,
    what: str = "the result",
) -> None:
    """Mistake unless `value` is `expected`; what is wrong is named as precisely as possible.

    expected: a tensor (value must agree in type, shape, dtype and entries), a float, a tuple of these, or
    anything else that `==` compares. `mistakes` maps the name of a known mistake to the value it leads to.
    Two numbers agree when they differ by at most `tolerance` times the largest entry of `expected`.
    """
    if value is None:
        raise Mistake(f"{what} is None: is the `return` missing?")
    if isinstance(expected, tuple):
        _compare_items(value, expected, mistakes or {}, tolerance, what)
        return
    if not isinstance(expected, Tensor | float):
        _compare_exactly(value, expected, what)
        return
    value = _tensor(value, expected, what)
    target = torch.as_tensor(expected)
    for name, wrong in (mistakes or {}).items():
        wrong = torch.as_tensor(wrong)
        if close(value, wrong, tolerance) and not close(target, wrong, tolerance):
            raise Mistake(f"{what} is wrong: {name}")
    _check_form(value, target, isinstance(expected, Tensor), what)
    if target.is_complex() and not close(value, target, tolerance):
        raise Mistake(f"{what} is wrong")
    if not close(value, target, tolerance):
        raise Mistake(f"{what} is wrong: {_difference(value.double(), target.double(), tolerance)}")


def require_form(value, like: Tensor, what: str = "the result") -> None:
    """Mistake unless `value` is a tensor with the shape and dtype of `like`, without NaN; its entries are free."""
    require(value is not None, f"{what} is None: is the `return` missing?")
    _check_form(_tensor(value, like, what), like, True, what)


def require_finite(value, what: str, advice: str) -> None:
    """Mistake with this advice when a tensor holds NaN or infinity; whatever is no tensor is left to `compare`."""
    if isinstance(value, Tensor) and not bool(value.isfinite().all()):
        raise Mistake(f"{what} is {'NaN' if value.isnan().any() else 'infinite'}: {advice}")


def close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    """Same shape, and nowhere further apart than `tolerance` times the largest entry of b."""
    if a.shape != b.shape or a.is_complex() != b.is_complex():
        return False
    if b.numel() == 0:
        return True
    wide = torch.complex128 if a.is_complex() else torch.float64
    a, b = a.to(wide), b.to(wide)
    return (a - b).abs().max().item() <= tolerance * (b.abs().max().item() or 1.0)


def _compare_items(value, expected: tuple, mistakes: Mapping, tolerance: float, what: str) -> None:
    if not isinstance(value, tuple | list):
        raise Mistake(f"{what} is {_kind(value)}; {len(expected)} values are expected, as in `return a, b`")
    if len(value) != len(expected):
        raise Mistake(f"{what} holds {len(value)} values; {len(expected)} are expected")
    for i, (one, right) in enumerate(zip(value, expected, strict=True)):
        named = {name: wrong[i] for name, wrong in mistakes.items()}
        compare(one, right, named, tolerance=tolerance, what=f"value {i + 1} of {what}")


def _compare_exactly(value, expected, what: str) -> None:
    if type(value) is not type(expected):
        raise Mistake(f"{what} is {_kind(value)}; {_kind(expected)} is expected")
    if value != expected:
        raise Mistake(f"{what} is {value!r}, which is not right")


def _tensor(value, expected, what: str) -> Tensor:
    if isinstance(expected, Tensor):
        if isinstance(value, np.ndarray):
            raise Mistake(f"{what} is a numpy array; a torch tensor is expected: compute with torch throughout")
        if not isinstance(value, Tensor):
            raise Mistake(f"{what} is {_kind(value)}; a torch tensor of shape {shape(expected)} is expected")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | Tensor):
        raise Mistake(f"{what} is {_kind(value)}; one number is expected")
    return torch.as_tensor(value)


def _check_form(value: Tensor, target: Tensor, typed: bool, what: str) -> None:
    if value.shape != target.shape:
        hint = " (transposed?)" if value.ndim == 2 and value.T.shape == target.shape else ""
        raise Mistake(f"{what} has shape {shape(value)}; {shape(target)} is expected{hint}")
    if typed and value.dtype != target.dtype:
        raise Mistake(f"{what} has dtype {_name(value.dtype)}; {_name(target.dtype)} is expected")
    if value.is_complex() and not target.is_complex():
        raise Mistake(f"{what} is complex; real numbers are expected")
    bad = int((~value.isfinite()).sum())
    if bad:
        kind = "NaN" if value.isnan().any() else "infinite"
        raise Mistake(f"{what} is {kind} in {bad} of {value.numel()} entries: a logarithm of 0 or a division by 0?")


def _difference(value: Tensor, target: Tensor, tolerance: float) -> str:
    """What can be said of a wrong result when no named mistake fits; both (shape), float64."""
    if close(value, -target, tolerance):
        return "its sign is the opposite of the right one"
    if value.ndim == 2 and close(value.T, target, tolerance):
        return "it is transposed"
    if target.numel() > 1:
        factor = ((value * target).sum() / target.square().sum()).item()
        if factor and math.isfinite(factor) and close(value, factor * target, tolerance):
            return f"every entry is {factor:.4g} times what it should be"
    worst = int((value - target).abs().argmax())
    where = [int(i) for i in np.unravel_index(worst, tuple(target.shape))]
    place = f"entry {where}" if where else "it"
    return f"{place} is {value.flatten()[worst]:.4g} and should be {target.flatten()[worst]:.4g}"


def shape(tensor: Tensor) -> str:
    """(3, 2) of a matrix, () of a single number."""
    return str(tuple(tensor.shape))


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _kind(value) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {shape(value)}"
    name = type(value).__name__ if not hasattr(value, "kind") else value.kind
    return f"{'an' if name[0].lower() in 'aeio' else 'a'} {name}"
