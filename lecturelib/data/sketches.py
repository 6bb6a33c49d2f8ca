"""Sketches of things, as the moves of a pen; drawn in any number."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lecturelib.data.chunks import CHUNK, chunks
from lecturelib.data.drawings import DRAWINGS, Hand
from lecturelib.data.tensors import Data, DataError

LONGEST = 96  # moves; no drawing of drawings.py needs more
SCALE = 0.305  # the standard deviation of a move in the box of a drawing, over all classes


def sketches(
    *, n: int = 5000, seed: int = 0, classes: Sequence[str] | None = None, split: str = "train"
) -> Data:
    """n sketches as a pen moves: x (n, moves, 3), lengths (n,), y the class.

    A move is (dx, dy, lift), "stroke-3" of Ha and Eck (2017): the way from the point before, y down, and 1 where the
    pen leaves the paper after it. The first move starts in the middle of the picture. All dx and dy are divided by
    one number so that their standard deviation is about 1; what follows after `lengths` moves is 0.
    classes: some of boat, car, cat, face, fish, flower, house, snowman, sun, tree; all where nothing is said. The same
    seed gives the same sketches, a larger n more of them; split="test" draws others of the same hands.

    Each drawing has its own proportions, parts that may be missing, an unsteady hand, slow waves, slant, turn and
    aspect; half of the people begin at the other side. About 40,000 a second on one core.
    """
    classes = sorted(DRAWINGS) if classes is None else list(classes)
    unknown = [name for name in classes if name not in DRAWINGS]
    if unknown or not classes:
        wrong = f"there is no class {unknown[0]!r}" if unknown else "no class is named"
        raise DataError(f"{wrong}; choose some of {', '.join(sorted(DRAWINGS))}")
    drawn = chunks(n, seed, split)
    parts = []
    for start, rng in drawn:
        label = torch.randint(len(classes), (CHUNK,), generator=rng)
        x, lengths = torch.zeros(CHUNK, LONGEST, 3), torch.zeros(CHUNK, dtype=torch.long)
        for number, name in enumerate(classes):
            of_class = (label == number).nonzero()[:, 0]
            if len(of_class):
                moves, count = _drawn(name, len(of_class), rng)
                x[of_class, : moves.shape[1]], lengths[of_class] = moves, count
        parts.append([t[: n - start] for t in (x, lengths, label)])
    x, lengths, y = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    x = x[:, : int(lengths.max())].contiguous()
    return Data(x, lengths, y, names=("x", "lengths", "y"), classes=classes, about=sketches.__doc__)


def _drawn(name: str, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """n sketches of one class: moves (n, most, 3) and how many each has."""
    hand = Hand(n, rng)
    DRAWINGS[name](hand)
    points = torch.cat([p for p, _ in hand.strokes], 1)
    there = torch.cat([w[:, None].expand(-1, p.shape[1]) for p, w in hand.strokes], 1)
    lift = torch.cat([torch.arange(p.shape[1]) == p.shape[1] - 1 for p, _ in hand.strokes]).float().expand(n, -1)
    points = _by_hand(points, rng)
    order = (~there).long().argsort(dim=1, stable=True)  # strokes that are not drawn go to the end
    points, lift = points.gather(1, order[:, :, None].expand(-1, -1, 2)), lift.gather(1, order)
    lengths = there.sum(1)
    before = torch.cat([torch.zeros(n, 1, 2), points[:, :-1]], 1)
    moves = torch.cat([(points - before) / SCALE, lift[:, :, None]], 2)
    used = torch.arange(moves.shape[1]) < lengths[:, None]
    return (moves * used[:, :, None])[:, : int(lengths.max())], lengths


def _by_hand(points: Tensor, rng: torch.Generator) -> Tensor:
    """The unsteadiness of a hand: jitter, slow waves, aspect, slant, turn, size, and a mirror for half of them."""
    n = len(points)
    points = points + (0.004 + 0.016 * torch.rand(n, 1, 1, generator=rng)) * torch.randn(points.shape, generator=rng)
    for _ in range(2):
        wave = 2 * torch.randn(n, 2, 1, generator=rng)
        phase = 2 * math.pi * torch.rand(n, 1, 1, generator=rng)
        points = points + 0.03 * torch.randn(n, 1, 2, generator=rng) * torch.sin(points @ wave + phase)
    stretch = torch.exp(0.12 * torch.randn(n, generator=rng))
    slant, turn = 0.08 * torch.randn(n, generator=rng), 0.08 * torch.randn(n, generator=rng)
    size = torch.exp(0.15 * torch.randn(n, generator=rng))
    mirror = torch.where(torch.rand(n, generator=rng) < 0.5, -1.0, 1.0)
    cos, sin = turn.cos(), turn.sin()
    shear = torch.stack([stretch * mirror, torch.zeros(n), slant, 1 / stretch], 1).view(n, 2, 2)
    rotate = torch.stack([cos, sin, -sin, cos], 1).view(n, 2, 2)
    return points @ (shear @ rotate) * size[:, None, None]


def pen_path(x: Tensor, length: int | Tensor | None = None) -> list[Tensor]:
    """The strokes of one sketch x (moves, 3) as lines to draw: a list of points (k, 2), y down."""
    x = x[: None if length is None else int(length)].detach().cpu()
    places = x[:, :2].cumsum(0)
    ends = [int(i) + 1 for i in (x[:, 2] > 0.5).nonzero()[:, 0]]
    starts = [0, *ends]
    return [places[a:b] for a, b in zip(starts, [*ends, len(x)], strict=True) if b > a]
