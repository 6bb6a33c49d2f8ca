"""Real photographs, and patches of them, that come with scikit-image and scikit-learn."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from lecturelib.data.files import check_real, check_whole
from lecturelib.data.tensors import Data, DataError

COLOUR = ("astronaut", "chelsea", "china", "coffee", "flower", "rocket")
GREY = ("brick", "camera", "grass", "gravel")


def photos(
    *,
    size: int = 128,           # of the whole photographs, pixels
    patch: int | None = None,  # with it: random patches of this many pixels instead
    n: int = 10_000,           # how many patches
    channels: int = 1,
    scale: float = 0.5,        # photographs are shrunk to this before patches are cut
    whiten: bool = False,
    which: Sequence[str] | None = None,
    seed: int = 0,
) -> Data:  # fmt: skip
    """Ten photographs (n, c, size, size), centre-cropped, or n patches (n, c, patch, patch) from random places.

    x is uint8 (read as [0, 1]), y the photograph, `classes` their names. Six are in colour; the four others
    are only there with channels=1. `which` names the photographs wanted, so that training and test patches
    can come from different ones. Patches take part in proportion to a photograph's area.
    `whiten=True` (patches, channels=1) filters each photograph with R(f) = f exp(-(f/f0)^4), f0 at 0.8 of
    the highest frequency, and scales it to unit variance; x is then float32 around 0.
    Olshausen and Field (1996), Nature 381, and (1997), Vision Research 37, equation 13 (the filter).
    """
    names = _names(channels, which)
    check_whole(n=n, size=size, **({} if patch is None else {"patch": patch}))
    check_real(scale=scale)
    if whiten and (patch is None or channels != 1):
        raise DataError("whiten=True works on grey patches: give patch=... and channels=1")
    pictures = [_read(name, channels) for name in names]
    if patch is None:
        x = torch.stack([_square(picture, size) for picture in pictures])
        return Data(_as_uint8(x), torch.arange(len(x)), classes=list(names), about=photos.__doc__)
    smallest = int(scale * min(min(p.shape[-2:]) for p in pictures))
    if patch > smallest:
        raise DataError(f"patch is {patch}; at scale {scale} the smallest photograph has {smallest} pixels a side")
    pictures = [_shrink(picture, scale) for picture in pictures]
    pictures = [_whiten(p) for p in pictures] if whiten else [_as_uint8(p) for p in pictures]
    rng = torch.Generator().manual_seed(seed)
    areas = torch.tensor([float(p.shape[-1] * p.shape[-2]) for p in pictures])
    y = torch.multinomial(areas, n, replacement=True, generator=rng)
    place = torch.rand(n, 2, generator=rng)
    x = torch.empty(n, channels, patch, patch, dtype=pictures[0].dtype)
    for label, picture in enumerate(pictures):
        mine = (y == label).nonzero()[:, 0]
        room = torch.tensor([side - patch + 1 for side in picture.shape[-2:]])
        top, left = (place[mine] * room).long().unbind(1)
        windows = picture.unfold(1, patch, 1).unfold(2, patch, 1)  # (c, rows, columns, patch, patch), a view
        x[mine] = windows[:, top, left].transpose(0, 1)
    return Data(x, y, classes=list(names), about=photos.__doc__)


def _names(channels: int, which: Sequence[str] | None) -> tuple[str, ...]:
    if channels not in (1, 3):
        raise DataError(f"channels is {channels}; choose 1 (grey) or 3 (colour)")
    there = COLOUR if channels == 3 else tuple(sorted(COLOUR + GREY))
    names = there if which is None else (which,) if isinstance(which, str) else tuple(which)
    missing = [name for name in names if name not in there]
    if missing or not names:
        raise DataError(f"no photograph {missing} with {channels} channel(s); choose from {', '.join(there)}")
    return names


def _read(name: str, channels: int) -> Tensor:
    if name in ("china", "flower"):
        from sklearn.datasets import load_sample_image  # a second to import

        array = load_sample_image(f"{name}.jpg")
    else:
        from skimage import data

        array = getattr(data, name)()
    picture = torch.from_numpy(np.atleast_3d(array).astype(np.float32) / 255).permute(2, 0, 1)
    if channels == 1 and len(picture) == 3:
        weights = torch.tensor([0.299, 0.587, 0.114])  # luma, ITU-R BT.601
        picture = (picture * weights[:, None, None]).sum(0, keepdim=True)
    return picture


def _shrink(picture: Tensor, scale: float) -> Tensor:
    if scale == 1:
        return picture
    return interpolate(picture[None], scale_factor=scale, mode="bicubic", antialias=True)[0].clamp(0, 1)


def _square(picture: Tensor, size: int) -> Tensor:
    h, w = picture.shape[-2:]
    side = min(h, w)
    top, left = (h - side) // 2, (w - side) // 2
    crop = picture[None, :, top : top + side, left : left + side]
    return interpolate(crop, size=(size, size), mode="bicubic", antialias=True)[0].clamp(0, 1)


def _whiten(picture: Tensor) -> Tensor:
    h, w = picture.shape[-2:]
    f = torch.sqrt(torch.fft.fftfreq(h)[:, None] ** 2 + torch.fft.rfftfreq(w)[None] ** 2)  # cycles a pixel
    spectrum = torch.fft.rfft2(picture - picture.mean())
    filtered = torch.fft.irfft2(spectrum * f * torch.exp(-((f / 0.4) ** 4)), s=(h, w))
    return filtered / filtered.std()


def _as_uint8(x: Tensor) -> Tensor:
    return (x * 255).round().to(torch.uint8)
