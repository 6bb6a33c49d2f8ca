"""Grey pictures of one bright disc, from five independent numbers: a network learns them in seconds."""

import torch
from torch import Tensor

from lecturelib.data.chunks import CHUNK, chunks
from lecturelib.data.files import DataError, check_whole
from lecturelib.data.tensors import Data

NAMES = ("place across", "place down", "radius", "ground", "slope")


def discs(*, n: int = 6000, size: int = 16, seed: int = 0, split: str = "train") -> Data:
    """n pictures x (n, 1, size, size) in [0, 1] of a white disc on grey, and factors (n, 5), independent, in [0, 1].

    The factors are told by `data.factor_names`: how far right and how far down the disc lies, its radius, how bright
    the ground is, and how much brighter it is at the right than at the left. The same seed gives the same pictures.
    DataError for bad options.
    """
    check_whole(8, size=size)
    drawn = chunks(n, seed, split)
    factors = torch.cat([torch.rand(CHUNK, len(NAMES), generator=rng)[: n - start] for start, rng in drawn])
    return Data(draw_discs(factors, size=size), factors, names=("x", "factors"), factor_names=list(NAMES),
                about=discs.__doc__)  # fmt: skip


def draw_discs(factors: Tensor, *, size: int = 16) -> Tensor:
    """Pictures (n, 1, size, size) in [0, 1] of these factors (n, 5), each in [0, 1]; DataError for others."""
    if factors.ndim != 2 or factors.shape[1] != len(NAMES) or not ((factors >= 0) & (factors <= 1)).all():
        raise DataError(f"factors are a tensor (n, {len(NAMES)}) of numbers in [0, 1]: {', '.join(NAMES)}")
    across, down, radius, ground, slope = factors.T[:, :, None, None]
    axis = (torch.arange(size, device=factors.device) + 0.5) / size * 2 - 1
    x, y = axis, axis[:, None]
    distance = ((x - across + 0.5).square() + (y - 0.7 * (down - 0.5)).square()).sqrt()
    disc = torch.sigmoid(10 * (0.2 + 0.35 * radius - distance))  # a soft edge, so that small moves change the pixels
    behind = 0.05 + 0.5 * ground + 0.4 * (slope - 0.5) * x
    return (behind + (1 - behind) * disc).clamp(0, 1)[:, None]
