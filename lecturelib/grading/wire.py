"""Values between grader and student's code: JSON, arrays as base64, and never a pickle.

Plain JSON stands for None, bool, int, float, str and list; everything else is an object whose "!" says what it is.
What comes from the student's side is believed in nothing: `Decoder` builds values of exact types, or WireError says
what is wrong.
"""

import base64
import binascii
import math

import numpy as np
import torch
from torch import Tensor

from lecturelib.grading.calling import Handle
from lecturelib.grading.frames import WireError

DEEPEST = 30
MOST_VALUES = 200_000
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128),
    )
}


def encode(value):
    """A plain value as JSON; WireError for what cannot travel."""
    if value is None or type(value) in (bool, str, float):
        return value
    if type(value) is int:
        if value.bit_length() > 256:
            raise WireError("an integer is too large to travel")
        return value
    if type(value) is complex:
        return {"!": "complex", "v": [value.real, value.imag]}
    if type(value) is bytes:
        return {"!": "bytes", "b": _text(value)}
    if type(value) is Handle:
        return {"!": "handle", "n": value.number, "k": value.kind}
    if type(value) is list:
        return [encode(v) for v in value]
    if type(value) is tuple:
        return {"!": "tuple", "v": [encode(v) for v in value]}
    if type(value) is dict:
        return {"!": "dict", "v": [[encode(k), encode(v)] for k, v in value.items()]}
    if isinstance(value, Tensor):
        return _encode_tensor(value)
    if type(value) is np.ndarray and value.dtype.kind in "biufc" and value.dtype.itemsize <= 16:
        native = np.ascontiguousarray(value, value.dtype.newbyteorder("="))
        return {"!": "array", "d": native.dtype.str, "s": list(value.shape), "b": _text(native.tobytes())}
    raise WireError(f"a value of type {type(value).__name__} cannot travel")


def _encode_tensor(value: Tensor) -> dict:
    name = str(value.dtype).removeprefix("torch.")
    if value.layout != torch.strided or name not in DTYPES or value.device.type == "meta":
        raise WireError(f"a {value.layout} tensor of {value.dtype} on {value.device} cannot travel")
    flat = value.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
    return {"!": "tensor", "d": name, "s": list(value.shape), "b": _text(flat.view(torch.uint8).numpy().tobytes())}


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


class Decoder:
    """Builds values from JSON that somebody else wrote; one for each message, since it counts what it builds."""

    def __init__(self):
        self.count = 0

    def __call__(self, value, depth: int = 0):
        """The value; WireError for whatever does not follow the format exactly."""
        self.count += 1
        if depth > DEEPEST or self.count > MOST_VALUES:
            raise WireError("it is nested too deeply or holds too many values")
        if value is None or type(value) in (bool, str, float):
            return value
        if type(value) is int:
            if value.bit_length() > 256:
                raise WireError("an integer is too large")
            return value
        if type(value) is list:
            return [self(v, depth + 1) for v in value]
        kind = value.get("!")
        build = getattr(self, f"_{kind}", None) if type(kind) is str and kind in _KINDS else None
        if build is None:
            raise WireError("it holds an object of no known kind")
        return build(value, depth)

    def _complex(self, value, depth):
        parts = value.get("v")
        if type(parts) is not list or len(parts) != 2 or not all(type(p) is float for p in parts):
            raise WireError("a complex number is malformed")
        return complex(*parts)

    def _bytes(self, value, depth):
        return _unpack(value)

    def _handle(self, value, depth):
        number, kind = value.get("n"), value.get("k")
        if type(number) is not int or not 0 <= number < 2**31 or type(kind) is not str:
            raise WireError("a handle is malformed")
        return Handle(number, kind[:80])

    def _tuple(self, value, depth):
        return tuple(self(v, depth + 1) for v in _list(value))

    def _dict(self, value, depth):
        found = {}
        for pair in _list(value):
            if type(pair) is not list or len(pair) != 2:
                raise WireError("a dict is malformed")
            key = self(pair[0], depth + 1)
            if key is not None and type(key) not in (bool, int, float, complex, str, bytes):
                raise WireError("a dict has a key that is no plain value")
            found[key] = self(pair[1], depth + 1)
        return found

    def _tensor(self, value, depth):
        dtype = DTYPES.get(value.get("d")) if type(value.get("d")) is str else None
        if dtype is None:
            raise WireError("a tensor has no known dtype")
        shape, content = _shape(value), _unpack(value)
        if len(content) != math.prod(shape) * dtype.itemsize:
            raise WireError("a tensor's content does not fit its shape")
        if not content:
            return torch.empty(shape, dtype=dtype)
        if dtype is torch.bool and max(content) > 1:
            raise WireError("a tensor of bool holds other bytes than 0 and 1")
        return torch.frombuffer(bytearray(content), dtype=dtype).reshape(shape)

    def _array(self, value, depth):
        try:
            dtype = np.dtype(value.get("d")) if type(value.get("d")) is str else None
        except Exception:  # numpy parses the text, and raises whatever it likes
            dtype = None
        if dtype is None or dtype.kind not in "biufc" or dtype.shape or not dtype.isnative:
            raise WireError("an array has no known dtype")
        shape, content = _shape(value), _unpack(value)
        if len(content) != math.prod(shape) * dtype.itemsize:
            raise WireError("an array's content does not fit its shape")
        if dtype.kind == "b" and content and max(content) > 1:
            raise WireError("an array of bool holds other bytes than 0 and 1")
        return np.frombuffer(content, dtype=dtype).reshape(shape).copy()


_KINDS = {"complex", "bytes", "handle", "tuple", "dict", "tensor", "array"}


def _list(value: dict) -> list:
    found = value.get("v")
    if type(found) is not list:
        raise WireError("a tuple or dict is malformed")
    return found


def _shape(value: dict) -> tuple[int, ...]:
    shape = value.get("s")
    if type(shape) is not list or len(shape) > 16 or not all(type(s) is int and 0 <= s < 2**31 for s in shape):
        raise WireError("an array's shape is malformed")
    if math.prod(max(s, 1) for s in shape) > 2**31:
        raise WireError("an array's shape is too large")
    return tuple(shape)


def _unpack(value: dict) -> bytes:
    text = value.get("b")
    if type(text) is not str:
        raise WireError("an array has no content")
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise WireError("an array's content is no base64") from None
