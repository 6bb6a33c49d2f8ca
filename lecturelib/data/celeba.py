"""CelebA: photographs of faces with 40 attributes, from files that were fetched by hand; cropped once and kept."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from lecturelib.data.downloads import REPOSITORY, get, whole
from lecturelib.data.files import check_whole
from lecturelib.data.kept import read_kept, write_kept
from lecturelib.data.tensors import Data, DataError

KEPT = REPOSITORY / "data" / "drawn" / "celeba"
SPLITS = ("train", "valid", "test")
PICTURE = (178, 218)  # width and height of the aligned pictures
CHUNK = 4096  # pictures in one kept file


def celeba(*, size: int = 64, n: int | None = None, split: str = "train", label: str = "Smiling") -> Data:
    """Photographs of faces: x uint8 (n, 3, size, size), y, factors (n, 40), identity (n,), landmarks (n, 10).

    The middle square of each aligned picture, resized. y is the attribute that `label` names, 0 or 1; the factors are
    all 40, told by `data.factor_names`. identity: a number for each person. landmarks: eyes, nose and corners of the
    mouth, x and y in pixels of x. n: the first so many; all where nothing is said. split: train (162,770 pictures),
    valid (19,867) or test (19,962).

    The files cannot be fetched for you: the DataError says which, from where, and where to put them. The md5 sums
    (torchvision's) of the text files are compared each time, that of img_align_celeba.zip when pictures are read from
    it; pictures that you unpacked have no sums. The crops are kept under data/drawn/celeba/ in chunks, so that what
    was interrupted goes on there, and stay until you delete them (2 GB for all of size 64). Non-commercial research
    only. Liu et al. (2015), ICCV, arXiv 1411.7766.
    """
    check_whole(8, size=size)
    check_whole(**({} if n is None else {"n": n}))
    if size > PICTURE[0]:
        raise DataError(f"size is {size}; the pictures are {PICTURE[0]} pixels wide")
    if split not in SPLITS:
        raise DataError(f"split is {split!r}; choose one of {', '.join(SPLITS)}")
    folder = get("celeba")
    part, names = _table("list_eval_partition.txt", 1, header=False)
    attributes, files, columns = *_table("list_attr_celeba.txt", 40), _columns("list_attr_celeba.txt")
    identity, people = _table("identity_CelebA.txt", 1, header=False)
    landmarks, marked = _table("list_landmarks_align_celeba.txt", 10)
    if not names == files == people == marked:
        raise DataError(f"the text files in {folder} do not name the same pictures: fetch all of them again")
    if label not in columns:
        raise DataError(f"there is no attribute {label!r}; there are {', '.join(columns)}")
    chosen = (part[:, 0] == SPLITS.index(split)).nonzero()[:n, 0]
    if not len(chosen):
        raise DataError(f"list_eval_partition.txt names no picture of the split {split!r}")
    x = torch.empty(len(chosen), 3, size, size, dtype=torch.uint8)  # filled in chunks: all of it is 2 GB
    for part, crops in zip(x.split(CHUNK), _crops(folder, [names[i] for i in chosen.tolist()], size), strict=True):
        part.copy_(crops)
    factors = (attributes[chosen] > 0).float()
    corner = torch.tensor([0, (PICTURE[1] - PICTURE[0]) / 2]).repeat(5)
    places = (landmarks[chosen] - corner) * (size / PICTURE[0])
    y = factors[:, columns.index(label)].long()
    return Data(
        x, y, factors, identity[chosen, 0].long(), places, names=("x", "y", "factors", "identity", "landmarks"),
        classes=[f"not {label}", label], factor_names=columns, about=celeba.__doc__,
    )  # fmt: skip


def _lines(file: str) -> list[str]:
    return whole("celeba", file).read_text(encoding="utf-8").splitlines()


def _columns(file: str) -> list[str]:
    return _lines(file)[1].split()


def _table(file: str, width: int, header: bool = True) -> tuple[Tensor, list[str]]:
    """Numbers (n, width) and the pictures they belong to; with a header, its first line says how many."""
    lines = _lines(file)
    rows = [line for line in (lines[2:] if header else lines) if line.strip()]
    counted = not header or (lines and lines[0].strip() == str(len(rows)))
    values, names = np.empty((len(rows), width), np.float32), []
    try:
        for i, row in enumerate(rows):
            name, *numbers = row.split()
            counted = counted and len(numbers) == width
            values[i] = numbers if counted else 0
            names.append(name)
    except ValueError as error:
        raise DataError(f"{file} is not what it should be: {error}") from None
    if not counted or not rows:
        raise DataError(f"{file} is not what it should be: a picture and {width} numbers in each line")
    return torch.from_numpy(values), names


def _crops(folder: Path, names: list[str], size: int) -> Iterator[Tensor]:
    """Chunks of pictures (k, 3, size, size), from what is kept or, for the first time, from the files."""
    pictures = None
    source = folder / "img_align_celeba.zip"
    source = source if source.is_file() else source.with_suffix("")
    stamp = f"{source.resolve()} {source.stat().st_mtime_ns} {source.stat().st_size}"
    for start in range(0, len(names), CHUNK):
        part = names[start : start + CHUNK]
        key = hashlib.sha256("\n".join([stamp, str(size), *part]).encode()).hexdigest()[:24]
        kept = KEPT / f"{size}-{key}.npy"
        x = read_kept(kept, (len(part), 3, size, size))
        if x is None:
            pictures = _pictures(folder) if pictures is None else pictures
            x = torch.from_numpy(np.stack([_crop(pictures, name, size) for name in part]))
            write_kept(kept, x)
        yield x


def _pictures(folder: Path):
    """name -> bytes, from the zip file (its sum compared first) or the folder that it unpacks to."""
    if (folder / "img_align_celeba.zip").is_file():
        path = whole("celeba", "img_align_celeba.zip")
        try:
            archive = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            raise DataError(f"{path} cannot be read: {error}") from None
        return lambda name: archive.read(f"img_align_celeba/{name}")
    unpacked = folder / "img_align_celeba"
    inner = unpacked / "img_align_celeba"  # some tools put a folder of the zip file's name around it
    place = inner if inner.is_dir() else unpacked
    return lambda name: (place / name).read_bytes()


def _crop(pictures, name: str, size: int) -> np.ndarray:
    try:
        image = Image.open(io.BytesIO(pictures(name))).convert("RGB")
    except Exception as error:  # PIL and zipfile raise many kinds
        reason = "it is missing" if isinstance(error, KeyError | FileNotFoundError) else error
        raise DataError(f"celeba: {name} cannot be read as a picture ({reason}): unpack or fetch the pictures again") \
            from None  # fmt: skip
    if image.size != PICTURE:
        raise DataError(f"celeba: {name} is {image.width} x {image.height}; the aligned pictures are 178 x 218")
    return np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)).transpose(2, 0, 1)
