"""Photographs of facades, each with a plan of its windows, doors and balconies in plain colours."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lecturelib.data.downloads import folder
from lecturelib.data.files import DataError, check_split, check_whole
from lecturelib.data.tensors import Data

SIDE = 256  # pixels of a photograph in its file; the plan stands at its right
TRAINED_ON = 0.8  # share of files that lie in one folder, in the order of their names, that is the training part


def facades(*, size: int = 64, split: str = "train") -> Data:
    """Photographs x and plans `drawing`, each uint8 (n, 3, size, size), made smaller by averaging.

    Read from facades/train/*.jpg or facades/test/*.jpg in the data folder, as the pairs of Isola et al. (2017) come:
    512 x 256 pixels, the photograph at the left and its plan at the right. Where all lie in facades/ itself, the first
    four fifths by name are the training part. The pictures are those of the CMP
    facade database: Tyleček and Šára (2013), "Spatial pattern templates for recognition of objects with regular
    structure", GCPR. DataError when they are missing or have another size.
    """
    check_split(split)
    check_whole(16, size=size)
    if SIDE % size:
        raise DataError(f"size is {size}; choose one of 16, 32, 64, 128, 256")
    there = folder() / "facades"
    if not files():
        raise DataError(
            f"there are no facades in {there}. Put pairs there as JPEG files of 512 x 256 pixels, the photograph at "
            "the left and the plan at the right (the data set `facades` of pix2pix comes so), or set LECTURELIB_DATA "
            "to a folder that has facades/. Scenes and faces, with lecturelib.data.edges, need no download"
        )
    chosen = sorted((there / split).glob("*.jpg"))
    if not chosen:
        flat = sorted(there.glob("*.jpg"))
        first = max(1, int(TRAINED_ON * len(flat)))
        chosen = flat[:first] if split == "train" else flat[first:]
    if not chosen:
        raise DataError(f"{there} has {len(files())} pictures, too few for a {split} part")
    both = torch.stack([_read(file, size) for file in chosen])
    photographs, drawings = both.split(size, dim=3)
    return Data(photographs.contiguous(), drawings.contiguous(), names=("x", "drawing"), about=facades.__doc__)


def files() -> list[Path]:
    """The pairs that are there, in folders of their own or not."""
    return sorted((folder() / "facades").rglob("*.jpg"))


def _read(file: Path, size: int) -> Tensor:
    try:
        with Image.open(file) as image:
            found = image.size
            pixels = np.asarray(image.convert("RGB").reduce(SIDE // size))
    except Exception as error:  # whatever a broken file raises
        raise DataError(f"{file} is no picture: {error}") from None
    if found != (2 * SIDE, SIDE):
        raise DataError(f"{file} has {found[0]} x {found[1]} pixels; pairs have {2 * SIDE} x {SIDE}")
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)
