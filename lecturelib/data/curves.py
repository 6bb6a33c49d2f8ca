"""Smooth curves through three points: pictures of 784 pixels that six real numbers decide."""

import torch
from torch import Tensor

from lecturelib.data.chunks import CHUNK, chunks
from lecturelib.data.files import DataError
from lecturelib.data.tensors import Data

NAMES = ("start across", "start down", "middle across", "middle down", "end across", "end down")
SIZE = 28
WIDTH = 1.5  # pixels; its edges are anti-aliased
MARGIN = 0.265  # the points keep away from the edges, the curve bends beyond them
PIECES = 16  # straight ones that a curve is drawn as


def curves(*, n: int = 20_000, seed: int = 0, split: str = "train") -> Data:
    """n pictures x (n, 1, 28, 28) in [0, 1], white on black, of one curve each, and factors (n, 6) in [0, 1].

    The factors are three points, evenly at random, in the order of the curve: the middle one lies across from the
    longest side, and the start is left of the end. The curve is the parabola that is at them at times 0, 1/2 and 1.
    Drawn in the manner of Hinton and Salakhutdinov (2006), Science 313, who do not say how theirs were drawn; the
    width of the line and the margin were chosen so that PCA with 18 numbers and logistic PCA with 6 leave about the
    errors that theirs do.
    The same seed gives the same pictures. DataError for bad options.
    """
    drawn = chunks(n, seed, split)
    factors = torch.cat([_ordered(torch.rand(CHUNK, 3, 2, generator=rng))[: n - start] for start, rng in drawn])
    x = torch.cat([draw_curves(part) for part in factors.split(CHUNK)])
    return Data(x, factors, names=("x", "factors"), factor_names=list(NAMES), about=curves.__doc__)


def draw_curves(factors: Tensor) -> Tensor:
    """Pictures (n, 1, 28, 28) in [0, 1] of these points (n, 6), each number in [0, 1]; DataError for others."""
    if factors.ndim != 2 or factors.shape[1] != len(NAMES) or not ((factors >= 0) & (factors <= 1)).all():
        raise DataError(f"factors are a tensor (n, {len(NAMES)}) of numbers in [0, 1]: {', '.join(NAMES)}")
    points = SIZE * (MARGIN + (1 - 2 * MARGIN) * factors.view(-1, 3, 2))
    t = torch.linspace(0, 1, PIECES + 1, device=factors.device)
    blend = torch.stack([(2 * t - 1) * (t - 1), 4 * t * (1 - t), t * (2 * t - 1)], 1)  # Lagrange's, at 0, 1/2 and 1
    corners = blend @ points  # (n, pieces + 1, 2)
    axis = torch.arange(SIZE, device=factors.device) + 0.5
    pixels = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).view(-1, 2)
    nearest = torch.full((len(factors), SIZE * SIZE), torch.inf, device=factors.device)  # squared distances
    for a, b in zip(corners[:, :-1].unbind(1), corners[:, 1:].unbind(1), strict=True):
        along, out = b - a, pixels - a[:, None]
        share = (out @ along[:, :, None])[:, :, 0] / along.square().sum(1, keepdim=True).clamp(min=1e-9)
        off = out - share.clamp(0, 1)[:, :, None] * along[:, None]
        nearest = torch.minimum(nearest, off.square().sum(2))
    return (WIDTH / 2 + 0.5 - nearest.sqrt()).clamp(0, 1).view(-1, 1, SIZE, SIZE)


def _ordered(points: Tensor) -> Tensor:
    """Points (n, 3, 2) in the order of the curve, as factors (n, 6)."""
    sides = (points.roll(-1, 1) - points.roll(1, 1)).norm(dim=2)  # the side across from each point
    middle = sides.argmax(1, keepdim=True)
    ends = torch.cat([(middle + 1) % 3, (middle + 2) % 3], 1)
    left = points[:, :, 0].gather(1, ends).argsort(1)
    start, end = ends.gather(1, left).unbind(1)
    order = torch.stack([start, middle[:, 0], end], 1)
    return points.gather(1, order[:, :, None].expand(-1, -1, 2)).flatten(1)
