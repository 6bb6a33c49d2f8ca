"""Files of pen strokes as Quick, Draw! and Sketch-RNN have them: .npz of pickled arrays, read without trusting them."""

import io
import pickle
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from lecturelib.data.tensors import Data, DataError

# the function that numpy's pickles call, whatever its module is called in this version
_reconstruct = np.empty(0).__reduce__()[0]
LONGEST = 1000  # moves of one drawing


class _Arrays(pickle.Unpickler):
    """Reads pickles that hold numpy arrays and nothing else: any other name is an error, and no code of theirs runs."""

    def find_class(self, module: str, name: str):
        allowed = {
            ("multiarray", "_reconstruct"): _reconstruct, ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype, ("_codecs", "encode"): _latin1,
        }  # fmt: skip
        found = allowed.get((module.rsplit(".", 1)[-1] if module.startswith("numpy.") else module, name))
        if found is None:
            raise DataError(f"its pickle names {module}.{name}, which no file of drawings needs")
        return found


def _latin1(text: str, encoding: str) -> bytes:
    """What protocol 2 needs to hold bytes."""
    if encoding != "latin1":
        raise DataError(f"its pickle asks for the encoding {encoding!r}")
    return text.encode("latin1")


def read_drawings(path: str | Path) -> dict[str, list[np.ndarray]]:
    """The drawings of each split, usually train, valid and test: lists of moves (k, 3), integers dx, dy and lift.

    DataError for files that are missing, cut short, of another kind, or that hold anything but arrays.
    """
    path, splits = Path(path), {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                splits[Path(name).stem] = _drawings(archive.read(name))
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except Exception as error:  # whatever a broken zip file or pickle raises
        raise DataError(f"{path} is no file of drawings: {error}") from None
    if not splits:
        raise DataError(f"{path} is no file of drawings: it is empty")
    return splits


def _drawings(raw: bytes) -> list[np.ndarray]:
    file = io.BytesIO(raw)
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, kind = header(file)
    if not kind.hasobject:
        raise DataError("an array of numbers where one of drawings should be")
    drawings = _Arrays(file, encoding="latin1").load()
    if not isinstance(drawings, np.ndarray) or drawings.shape != shape:
        raise DataError("the array is not of the shape that its head says")
    for drawing in drawings.flat:
        fits = isinstance(drawing, np.ndarray) and drawing.ndim == 2 and drawing.shape[1] == 3
        if not fits or drawing.dtype.kind not in "iuf" or not 1 <= len(drawing) <= LONGEST:
            raise DataError(f"a drawing has to be 1 to {LONGEST} moves of three numbers")
    return list(drawings.flat)


def as_moves(drawings: Sequence[np.ndarray], scale: float | None = None, longest: int | None = None, **about) -> Data:
    """Drawings as the data set `sketches` has them: x (n, moves, 3), lengths (n,).

    All dx and dy are divided by `scale`, their standard deviation where nothing is said (the Data says it: `.scale`).
    Those of more than `longest` moves are left out. DataError where none is left.
    """
    kept = [d for d in drawings if longest is None or len(d) <= longest]
    if not kept:
        raise DataError(f"no drawing has at most {longest} moves")
    if scale is None:
        scale = float(np.concatenate([d[:, :2] for d in kept]).astype(np.float64).std()) or 1.0
    lengths = torch.tensor([len(d) for d in kept])
    x = torch.zeros(len(kept), int(lengths.max()), 3)
    for i, drawing in enumerate(kept):
        x[i, : len(drawing)] = torch.from_numpy(drawing.astype(np.float32))
    x[:, :, :2] /= scale
    data = Data(x, lengths, names=("x", "lengths"), **about)
    data.scale = scale
    return data
