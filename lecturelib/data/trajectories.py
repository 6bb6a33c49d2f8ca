"""The way of a pen over paper and through the air: sequences of different lengths, drawn in any number."""

from functools import cache

import torch
from torch import Tensor

from lecturelib.data.chunks import CHUNK, chunks
from lecturelib.data.files import check_whole
from lecturelib.data.glyphs import KINDS, SHAPES, pen_points, warp
from lecturelib.data.strokes import stroke_numbers
from lecturelib.data.tensors import Data, DataError

LONGEST = 9.0  # of a path, in units where the larger side of a character is 2; longer ones take longer steps


def trajectories(
    *, n: int = 4000, seed: int = 0, kind: str = "digits", steps: int = 36, split: str = "train"
) -> Data:
    """n characters as a pen writes them, step by step: x (n, steps, 3), lengths (n,), y the class.

    One step is (horizontal, vertical, ink): the place in a box from -1 to 1, downwards positive as in pictures,
    and 1 where the pen touches the paper, 0 where it moves through the air to its next stroke. The steps lie evenly
    along the path, 9 / steps apart (farther in a path longer than 9), so a long path has many; what follows
    after `lengths` steps is 0.
    kind: "digits" (10 classes), "letters" (26) or "all" (36). The same seed gives the same paths, a larger n
    more of them; split="test" draws others of the same hands.

    The hands are those of `glyphs`, without its printed type: shapes designed for this course, control points
    moved at random, proportions, waves, aspect, slant and turn.
    """
    if kind not in KINDS:
        raise DataError(f"kind is {kind!r}; choose one of {', '.join(KINDS)}")
    drawn = chunks(n, seed, split)
    check_whole(8, steps=steps)
    parts = []
    for start, rng in drawn:
        label = torch.randint(len(KINDS[kind]), (CHUNK,), generator=rng)
        points, shape = pen_points(kind, label, rng)
        points, _ = warp(points, rng)
        low, high = points.amin(1, keepdim=True), points.amax(1, keepdim=True)
        points = (2 * points - low - high) / (high - low).amax(2, keepdim=True)
        x, lengths = _walk(points, _strokes(kind)[shape], steps)
        parts.append([t[: n - start] for t in (x, lengths, label)])
    x, lengths, y = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    about = {"classes": list(KINDS[kind]), "about": trajectories.__doc__}
    return Data(x, lengths, y, names=("x", "lengths", "y"), **about)


@cache
def _strokes(kind: str) -> Tensor:
    """The number of the stroke that each point of each shape lies on, (shapes, POINTS)."""
    return torch.stack([torch.from_numpy(stroke_numbers(text)) for c in KINDS[kind] for text in SHAPES[c]])


def _walk(points: Tensor, stroke: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Even steps along points (n, p, 2) on strokes (n, p): (n, steps, 3) with ink, and how many of them there are."""
    legs = points.diff(dim=1).norm(dim=2)
    along = torch.cat([torch.zeros(len(points), 1), legs.cumsum(1)], 1)
    total = along[:, -1:]
    lengths = (total[:, 0] * steps / LONGEST).round().long().add(1).clamp(2, steps)
    step = torch.arange(steps).expand(len(points), -1)
    place = (step / (lengths[:, None] - 1)).clamp(max=1) * total
    right = torch.searchsorted(along, place.contiguous()).clamp(1, points.shape[1] - 1)
    before, after = along.gather(1, right - 1), along.gather(1, right)
    part = ((place - before) / (after - before).clamp(min=1e-9))[:, :, None].clamp(0, 1)
    left, right = ((right + i)[:, :, None].expand(-1, -1, 2) for i in (-1, 0))
    where = (1 - part) * points.gather(1, left) + part * points.gather(1, right)
    ink = (stroke.gather(1, left[:, :, 0]) == stroke.gather(1, right[:, :, 0])).float()[:, :, None]
    return torch.cat([where, ink], 2) * (step < lengths[:, None])[:, :, None], lengths
