"""Files of drawings: read as they were written, and never believed."""

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from lecturelib.data.pen_files import as_moves, read_drawings
from lecturelib.data.tensors import DataError

REAL = Path(os.environ.get("LECTURELIB_DATA", "")) / "sketch-rnn" / "omniglot" / "omniglot.npz"


def drawings(n: int = 3) -> np.ndarray:
    rng = np.random.default_rng(0)
    out = np.empty(n, dtype=object)
    for i in range(n):
        out[i] = rng.integers(-100, 100, (4 + i, 3)).astype(np.int16)
        out[i][:, 2] = out[i][:, 2] > 0
    return out


def write(path: Path, payload: bytes | None = None, array: np.ndarray | None = None, protocol: int = 2) -> Path:
    """A file with one split: an array, or a head followed by a pickle of our own."""
    array = drawings() if array is None else array
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|O", "fortran_order": False, "shape": array.shape})
    body = pickle.dumps(array, protocol=protocol) if payload is None else payload
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train.npy", head.getvalue() + body)
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_drawings_come_back(tmp_path, protocol):
    found = read_drawings(write(tmp_path / "a.npz", protocol=protocol))
    assert list(found) == ["train"]
    for a, b in zip(found["train"], drawings(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_numpys_own_files_are_read(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", train=drawings(5), test=drawings(2))
    assert {k: len(v) for k, v in read_drawings(tmp_path / "a.npz").items()} == {"train": 5, "test": 2}


class Evil:
    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize("call", [os.system, eval, exec, __import__, getattr, np.load, np.fromfile])
def test_code_in_a_file_is_not_run(tmp_path, call):
    proof = tmp_path / "proof"
    path = write(tmp_path / "a.npz", pickle.dumps(Evil(call, f"touch {proof}")))
    with pytest.raises(DataError, match="no file of drawings needs"):
        read_drawings(path)
    inside = drawings()
    inside[1] = Evil(call, f"touch {proof}")
    with pytest.raises(DataError, match="no file of drawings"):
        read_drawings(write(tmp_path / "a.npz", pickle.dumps(inside)))
    assert not proof.exists()


def test_what_is_no_drawing_is_named(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(DataError, match="there is no file"):
        read_drawings(path)
    path.write_bytes(b"PK no zip")
    with pytest.raises(DataError, match="no file of drawings"):
        read_drawings(path)
    np.savez(path, train=np.zeros((3, 3)))
    with pytest.raises(DataError, match="numbers where one of drawings"):
        read_drawings(path)
    flat = drawings()
    flat[0] = np.zeros((4, 2))
    with pytest.raises(DataError, match="three numbers"):
        read_drawings(write(path, array=flat))
    whole = write(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="no file of drawings"):
        read_drawings(path)


def test_moves_are_scaled_and_padded():
    data = as_moves(list(drawings()))
    assert data.lengths.tolist() == [4, 5, 6]
    here = torch.arange(6) < data.lengths[:, None]
    assert float(data.x[here][:, :2].std(correction=0)) == pytest.approx(1, abs=0.05)
    assert (data.x[~here] == 0).all()
    np.testing.assert_allclose(data.x[1, :5, :2] * data.scale, drawings()[1][:, :2], rtol=1e-5)
    assert as_moves(list(drawings()), scale=2.0, longest=5).lengths.tolist() == [4, 5]
    with pytest.raises(DataError, match="at most 1 moves"):
        as_moves(list(drawings()), longest=1)


@pytest.mark.skipif(not REAL.is_file(), reason="the Omniglot strokes are not here; set LECTURELIB_DATA")
def test_the_real_ones():
    assert {k: len(v) for k, v in read_drawings(REAL).items()} == {"train": 30_000, "valid": 1000, "test": 1000}
