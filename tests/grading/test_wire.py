"""Values cross the channel unchanged, and whatever is malformed is refused in one line."""

import base64
import json
import math
import socket
import threading

import numpy as np
import pytest
import torch

from lecturelib.grading.calling import Handle
from lecturelib.grading.frames import HEADER, WireError, frame, message, receive
from lecturelib.grading.wire import DEEPEST, DTYPES, Decoder, encode


def across(value):
    return Decoder()(json.loads(json.dumps(encode(value))))


PLAIN = [
    None, True, False, 0, -(2**200), 1.5, -0.0, math.inf, "", "ä\x00😀", b"\x00\xff", 1 + 2j,
    [], (), {}, [1, [2, (3,)]],
    (1, "a", None), {"a": 1, 2: [3], None: (), b"k": {"x": 1.0}}, Handle(3, "Linear"),
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_keep_value_and_type(value):
    found = across(value)
    assert type(found) is type(value)
    assert found == value
    assert math.copysign(1, found) == math.copysign(1, value) if type(value) is float else True


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3)])
def test_tensors_keep_dtype_shape_and_bits(name, shape):
    value = (torch.rand(shape) * 3).to(DTYPES[name])
    found = across(value)
    assert (found.dtype, found.shape) == (value.dtype, value.shape)
    assert torch.equal(found, value)
    assert not found.requires_grad


def test_a_tensor_may_be_strided_or_need_a_gradient():
    value = torch.randn(4, 3, requires_grad=True).T[::2]
    assert torch.equal(across(value), value.detach())
    z = torch.randn(3, dtype=torch.complex64)
    assert torch.equal(across(z.conj()), z.conj())


@pytest.mark.parametrize("dtype", ["float64", "float32", "int16", "uint8", "bool", "complex128", ">f4"])
def test_arrays_keep_kind_and_values(dtype):
    value = np.arange(6).reshape(2, 3).astype(dtype)
    found = across(value)
    assert type(found) is np.ndarray
    assert found.dtype == value.dtype.newbyteorder("=")
    assert np.array_equal(found, value)


def test_nan_survives():
    assert math.isnan(across(math.nan))
    assert torch.isnan(across(torch.tensor([math.nan]))).all()


class Odd(str):
    pass


@pytest.mark.parametrize(
    "value",
    [object(), Odd("x"), {1, 2}, np.array(["a"]), np.array([object()]), 2**300, torch.empty(2, device="meta"),
     torch.eye(2).to_sparse(), lambda: 1, [object()]],
    ids=lambda v: type(v).__name__,
)  # fmt: skip
def test_what_cannot_travel_is_refused(value):
    with pytest.raises(WireError):
        encode(value)


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


MALFORMED = [
    {}, {"!": "module"}, {"!": "__call__"}, {"!": "tuple"}, {"!": "tuple", "v": {}}, {"!": ["tuple"]}, {"!": None},
    {"!": "dict", "v": [[1]]}, {"!": "dict", "v": [[[], 1]]}, {"!": "dict", "v": [[{"!": "tuple", "v": []}, 1]]},
    {"!": "handle", "n": -1, "k": "x"}, {"!": "handle", "n": True, "k": "x"}, {"!": "handle", "n": 1, "k": 2},
    {"!": "complex", "v": [1, 2]}, {"!": "complex", "v": [1.0]}, {"!": "bytes", "b": "?"}, {"!": "bytes", "b": "ä"},
    {"!": "bytes"}, {"!": "tensor"}, {"!": "tensor", "d": "float32", "s": [2], "b": b64(bytes(4))},
    {"!": "tensor", "d": "float32", "s": [-1], "b": ""}, {"!": "tensor", "d": "float32", "s": [2**40, 0], "b": ""},
    {"!": "tensor", "d": "float32", "s": [2**30, 2**30, 0], "b": ""}, {"!": "tensor", "d": [], "s": [0], "b": ""},
    {"!": "tensor", "d": "qint8", "s": [0], "b": ""}, {"!": "tensor", "d": "float32", "s": [True], "b": b64(bytes(4))},
    {"!": "tensor", "d": "float32", "s": "1", "b": b64(bytes(4))},
    {"!": "tensor", "d": "bool", "s": [1], "b": b64(b"\x02")},
    {"!": "tensor", "d": "float32", "s": [0] * 17, "b": ""}, {"!": "array", "d": "O", "s": [1], "b": b64(bytes(8))},
    {"!": "array", "d": "f4,f4", "s": [1], "b": b64(bytes(8))},
    {"!": "array", "d": "(2,)f4", "s": [1], "b": b64(bytes(8))},
    {"!": "array", "d": "nonsense", "s": [1], "b": ""}, {"!": "array", "d": ">f4", "s": [1], "b": b64(bytes(4))},
    {"!": "array", "d": "<U1", "s": [1], "b": b64(bytes(4))}, {"!": "array", "d": "|b1", "s": [1], "b": b64(b"\x07")},
    2**300, nested(DEEPEST + 1), [0] * 300_000,
]  # fmt: skip


@pytest.mark.parametrize("value", MALFORMED, ids=lambda v: repr(v)[:60])
def test_malformed_values_are_refused(value):
    with pytest.raises(WireError) as caught:
        Decoder()(value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b"1", b"{", b"\xff\xfe", b'{"a":' + b"[" * 200_000, b'{"a":' + b"9" * 10_000 + b"}"],
    ids=lambda c: repr(c[:12]),
)  # fmt: skip
def test_a_frame_that_holds_no_json_object_is_refused(content):
    with pytest.raises(WireError):
        message(content)


def test_frames_cross_a_socket_in_pieces():
    one, other = socket.socketpair()
    content = frame({"x": "y" * 3_000_000}, 10**7)
    sender = threading.Thread(
        target=lambda: [one.sendall(content[i : i + 999_999]) for i in range(0, len(content), 999_999)]
    )
    sender.start()
    assert len(receive(other, 10**7)["x"]) == 3_000_000
    sender.join()
    one.close()
    with pytest.raises(EOFError):
        receive(other, 10**7)


def test_too_large_a_frame_is_neither_sent_nor_read():
    with pytest.raises(WireError, match="too large"):
        frame({"x": "y" * 2_000_000}, 10**6)
    one, other = socket.socketpair()
    one.sendall(HEADER.pack(2**31))
    with pytest.raises(WireError, match="claims 2147 MB"):
        receive(other, 10**6)
