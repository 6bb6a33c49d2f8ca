"""Line drawings of pictures: where colours change sharply, one pixel wide."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecturelib.data.files import DataError, check_real

# rows and columns to the neighbour, for gradients at 0, 45, 90, 135 degrees
ACROSS = ((0, 1), (1, 1), (1, 0), (1, -1))


def edges(x: Tensor, threshold: float = 0.25, chunk: int = 512) -> Tensor:
    """White lines on black, (n, 1, height, width) of 0 and 1, along the outlines in pictures x (n, c, ...) in [0, 1].

    Sobel's gradients of all channels together (the length and direction of the largest change of colour, Di Zenzo
    1986), thinned to the places that no neighbour across the line exceeds, as in Canny (1986), and cut at `threshold`:
    a change of colour from one side of an edge to the other. DataError for other shapes.
    """
    check_real(threshold=threshold)
    if x.ndim != 4 or not x.is_floating_point():
        raise DataError(f"edges needs pictures (n, channels, height, width) in [0, 1], not {x.dtype} {tuple(x.shape)}")
    return torch.cat([_edges(part, threshold) for part in x.split(chunk)])


def _edges(x: Tensor, threshold: float) -> Tensor:
    n, channels, height, width = x.shape
    smooth, slope = x.new_tensor([1.0, 2.0, 1.0]) / 4, x.new_tensor([-1.0, 0.0, 1.0])
    kernels = torch.stack([smooth[:, None] * slope, slope[:, None] * smooth])[:, None]
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate").flatten(0, 1)[:, None]
    across, down = F.conv2d(padded, kernels).view(n, channels, 2, height, width).unbind(2)
    xx, yy, xy = across.square().sum(1), down.square().sum(1), (across * down).sum(1)
    root = ((xx - yy).square() + 4 * xy.square()).sqrt()
    length = ((xx + yy + root) / 2).sqrt()  # along the direction of the largest change
    sector = (torch.atan2(2 * xy, xx - yy) / 2 / (torch.pi / 4)).round().long() % 4
    around = F.pad(length, (1, 1, 1, 1))
    largest = torch.zeros_like(length, dtype=torch.bool)
    for number, (rows, columns) in enumerate(ACROSS):
        ahead, behind = (
            around[:, 1 + side * rows : 1 + side * rows + height, 1 + side * columns : 1 + side * columns + width]
            for side in (1, -1)
        )
        largest |= (sector == number) & (length > ahead) & (length >= behind)
    return (largest & (length > threshold)).float()[:, None]
