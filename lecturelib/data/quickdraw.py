"""Quick, Draw!: what people drew in 20 seconds, as the moves of a pen."""

import re
from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
import torch

from lecturelib.data.downloads import get
from lecturelib.data.files import check_whole
from lecturelib.data.pen_files import as_moves, read_drawings
from lecturelib.data.tensors import Data, DataError

SPLITS = ("train", "valid", "test")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 \-]*")  # "cat", "ice cream", "t-shirt", "The Eiffel Tower"


def quickdraw(
    *, classes: Sequence[str] = ("cat",), n: int | None = None, split: str = "train", longest: int = 250
) -> Data:
    """Sketches of people as a pen moves: x (n, moves, 3), lengths (n,), y the class, as the data set `sketches`.

    classes: names of Quick, Draw!, one file each, fetched where it is missing: "cat", "face", "ice cream". n: so many
    in all, the classes in turn; where nothing is said all, 70,000 a class (2,500 for split="valid" and "test").
    Drawings of more than `longest` moves are left out. All dx and dy are divided by `data.scale`, their standard
    deviation over the training drawings of these classes.

    No md5 sum of these files is published. A fetched file is compared with the sum that the server sends with it, or,
    where it sends none, with the CRC-32 sums inside it: this finds a broken download, not another file of the same
    form. A file that lies there is read by an unpickler that knows arrays only, so none of its code can run.
    CC BY 4.0. DataError for a class without a file, damaged files and bad options. Ha and Eck (2017), arXiv 1704.03477.
    """
    classes = [classes] if isinstance(classes, str) else list(classes)
    wrong = [c for c in classes if not isinstance(c, str) or not NAME.fullmatch(c)]
    if wrong or not classes or len(set(classes)) < len(classes):
        about = f"{wrong[0]!r} is none" if wrong else "each once, at least one"
        raise DataError(f"classes are names of Quick, Draw! such as 'cat' or 'ice cream'; {about}")
    if split not in SPLITS:
        raise DataError(f"split is {split!r}; choose one of {', '.join(SPLITS)}")
    check_whole(longest=longest, **({} if n is None else {"n": n}))
    drawings, squares, sums, count = [], 0.0, 0.0, 0
    for name in classes:
        splits = _read(name)
        moves = np.concatenate([d[:, :2] for d in _short(splits["train"], longest, name)]).astype(np.float64)
        squares, sums, count = squares + (moves**2).sum(), sums + moves.sum(), count + moves.size
        drawings.append(_short(splits[split], longest, name))
    scale = float(max(squares / count - (sums / count) ** 2, 0.0)) ** 0.5 or 1.0
    turns = [(d, y) for row in zip_longest(*drawings) for y, d in enumerate(row) if d is not None][:n]
    moves = as_moves([d for d, _ in turns], scale=scale)
    y = torch.tensor([label for _, label in turns])
    names = ("x", "lengths", "y")
    data = Data(moves.x, moves.lengths, y, names=names, classes=classes, about=quickdraw.__doc__)
    data.scale = scale
    return data


def _read(name: str) -> dict[str, list[np.ndarray]]:
    """The splits of one class, fetched where its file is missing."""
    path = get("quickdraw", [f"{name}.npz"]) / f"{name}.npz"
    try:
        splits = read_drawings(path)
    except DataError as error:
        raise DataError(f"{error}; delete it and load it again") from None
    missing = [split for split in SPLITS if not splits.get(split)]
    if missing:
        raise DataError(f"{path} has no drawings of the split {missing[0]!r}: delete it and load it again")
    return splits


def _short(drawings: list[np.ndarray], longest: int, name: str) -> list[np.ndarray]:
    kept = [d for d in drawings if len(d) <= longest]
    if not kept:
        raise DataError(f"no drawing of {name!r} has at most {longest} moves")
    return kept
