"""Read a user's own arrays and pictures into tensors, with errors that say which file or value is wrong."""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

PICTURES = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}


class DataError(ValueError):
    """Data that cannot be used as it is; the message says which and what to do."""


def check_whole(least: int = 1, **options) -> None:
    """DataError unless each of these options is a whole number of at least `least`."""
    for name, value in options.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise DataError(f"{name} is {value!r}; a whole number of at least {least} is needed")


def check_split(split: str) -> None:
    """DataError unless it is "train" or "test"."""
    if split not in ("train", "test"):
        raise DataError(f"split is {split!r}; choose 'train' or 'test'")


def check_real(*, zero: bool = False, **options) -> None:
    """DataError unless each of these options is a finite number above 0, or 0 itself where `zero` allows it."""
    for name, value in options.items():
        if not isinstance(value, Real) or not math.isfinite(value) or value < 0 or (value == 0 and not zero):
            raise DataError(f"{name} is {value!r}; a number {'of at least' if zero else 'above'} 0 is needed")


def as_tensor(values, name: str) -> Tensor:
    """A tensor of an array, a list of equal arrays or a tensor; DataError for shapes that differ."""
    if isinstance(values, Tensor):
        return values.detach()
    if np.isscalar(values):
        values = np.asarray(values)
    if not isinstance(values, np.ndarray):
        try:
            values = [np.asarray(v) for v in values]
        except (TypeError, ValueError) as error:
            kind = type(values).__name__
            raise DataError(f"{name} is a {kind} that is no array ({error}); give numbers of one shape") from None
        for i, value in enumerate(values):
            if value.shape != values[0].shape:
                raise DataError(
                    f"{name} mixes shapes: example 0 is {values[0].shape}, example {i} is {value.shape}; "
                    "crop, pad or resize them to one shape"
                )
        values = np.array(values)
    if values.dtype.kind not in "biuf":
        raise DataError(f"{name} holds {values.dtype} values; numbers are needed")
    if (values.dtype.kind == "u" and values.dtype.itemsize > 1) or not values.dtype.isnative:
        values = values.astype(np.int64 if values.dtype.kind in "iu" else np.float64)
    return torch.from_numpy(np.ascontiguousarray(values))


def check_x(x, name: str = "x") -> Tensor:
    """Examples as (n, features) float32, or images as (n, c, h, w) in uint8 or float32.

    Images may come as (n, h, w) or with their channels last. DataError for other shapes, and for
    float images that look like 0 to 255.
    """
    x = as_tensor(x, name)
    if x.ndim < 2:
        raise DataError(f"{name} has shape {tuple(x.shape)}: one row an example is needed, e.g. x.reshape(-1, 1)")
    if x.ndim > 4 or 0 in x.shape[1:]:
        raise DataError(f"{name} has shape {tuple(x.shape)}: (n, features) or images (n, channels, h, w) are needed")
    if x.ndim == 3:
        x = x[:, None]
    if x.ndim == 4 and x.shape[1] > 4:
        if x.shape[3] > 4:
            raise DataError(f"{name} has shape {tuple(x.shape)}: images are (n, channels, h, w), 1 to 4 channels")
        x = x.permute(0, 3, 1, 2).contiguous()
    if x.dtype == torch.uint8 and x.ndim == 4:
        return x
    x = x.float()
    if x.ndim == 4 and x.numel() and x.min() >= 0 and x.max() > 2:
        raise DataError(
            f"{name} holds images with values up to {x.max():g}: pass them as uint8 (0 to 255), or divide by 255"
        )
    return x


def check_y(y, n: int, classes: Sequence[str] | None) -> tuple[Tensor, list[str] | None]:
    """Labels as int64 or targets as float32, and the names of the classes.

    Words become the numbers of their places in `classes`, or in alphabetical order; DataError for others.
    """
    words = _words(y)
    if words is not None:
        used = sorted(set(words.ravel().tolist()))
        classes = used if classes is None else list(classes)
        strange = [word for word in used if word not in classes]
        if strange:
            raise DataError(f"y holds {strange[0]!r}, which is not among the classes {', '.join(map(str, classes))}")
        y = np.array([classes.index(word) for word in words.flat], dtype=np.int64).reshape(words.shape)
    y = as_tensor(y, "y")
    if y.ndim == 0 or len(y) != n:
        raise DataError(f"x holds {n} examples, but y has shape {tuple(y.shape)}: one label an example is needed")
    y = y.float() if y.is_floating_point() else y.long()
    if classes is not None and not y.is_floating_point() and y.numel() and not 0 <= y.min() <= y.max() < len(classes):
        raise DataError(f"y runs from {y.min()} to {y.max()}, but there are {len(classes)} class names (0 to n - 1)")
    return y, None if classes is None else list(classes)


def _words(y) -> np.ndarray | None:
    """y as an array of str if it holds words, which pandas gives as objects; None if it does not."""
    try:
        array = None if isinstance(y, Tensor) else np.asarray(y)
    except ValueError:  # ragged: as_tensor says so
        return None
    if array is None or array.dtype.kind not in "USTO":
        return None
    if array.dtype.kind == "O" and not all(isinstance(v, str) for v in array.flat):
        return None
    return array.astype(str)


def read_npz(path: str | Path, x: str, y: str | None) -> tuple[np.ndarray, np.ndarray | None]:
    """The arrays called x and y of an .npz file (y may be missing); pickled objects are refused."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if x not in arrays:
                raise DataError(f"{path} holds no array {x!r}; it holds {', '.join(arrays)}: name one with x=...")
            return arrays[x], arrays.get(y)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except DataError:
        raise
    except Exception as error:  # whatever a broken zip file raises
        raise DataError(f"{path} is not a readable .npz file of plain arrays: {error}") from None


def read_picture(path: Path, size: tuple[int, int] | None, channels: int | None) -> np.ndarray:
    """One picture as uint8 (h, w, channels), cropped to the shape of `size` (h, w) and resized to it."""
    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file)
            if channels is None:
                channels = 1 if image.mode in ("1", "L", "LA", "I", "I;16", "F") else 3
            if image.mode.startswith("I"):  # 16 bits
                image = Image.fromarray((np.asarray(image) // 256).clip(0, 255).astype(np.uint8))
            image = image.convert("L" if channels == 1 else "RGB")
    except Exception as error:  # PIL raises many kinds
        raise DataError(f"{path} cannot be read as a picture ({error}); repair it or take it away") from None
    if size is not None:
        image = ImageOps.fit(image, (size[1], size[0]), Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(image.height, image.width, channels)


def read_folder(folder: str | Path, size, channels: int | None) -> tuple[Tensor, Tensor | None, list[str] | None]:
    """All pictures of a folder, uint8 (n, c, h, w), with labels when they lie in subfolders."""
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}")
    if channels not in (None, 1, 3):
        raise DataError(f"channels is {channels}; choose 1 (grey) or 3 (colour)")
    files = sorted(
        path for path in folder.rglob("*")
        if path.suffix.lower() in PICTURES and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    )  # fmt: skip
    if not files:
        raise DataError(f"{folder} holds no pictures ({', '.join(sorted(PICTURES))}), nor do its subfolders")
    size = (size, size) if isinstance(size, int) else size
    images = [read_picture(path, size, channels) for path in files]
    for path, image in zip(files, images, strict=True):
        if image.shape[:2] != images[0].shape[:2]:
            raise DataError(
                "the pictures differ in size: {} is {} x {}, {} is {} x {} (height x width); size=... resizes them "
                "all".format(files[0], *images[0].shape[:2], path, *image.shape[:2])
            )
    most = max(image.shape[2] for image in images)  # grey among colour: repeated
    x = torch.from_numpy(np.stack([np.broadcast_to(i, (*i.shape[:2], most)) for i in images])).permute(0, 3, 1, 2)
    labels = [path.relative_to(folder).parts[0] if path.parent != folder else None for path in files]
    if None in labels and len(set(labels)) > 1:
        loose = files[labels.index(None)]
        raise DataError(f"{folder} holds pictures beside its subfolders ({loose.name}): which class are they of?")
    if None in labels:
        return x.contiguous(), None, None
    classes = sorted(set(labels))
    return x.contiguous(), torch.tensor([classes.index(label) for label in labels]), classes
