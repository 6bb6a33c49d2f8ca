"""Small changes that leave a picture what it is: a digit that is moved, turned or slanted is the same digit."""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from lecturelib.data.files import check_real


class RandomAffine:
    """Shifts, turns, slants and stretches each picture by amounts of its own, drawn anew in each call.

    Each amount is uniform between minus and plus: `shift` as a share of the picture's side, `turn` in degrees, `shear`
    as the sideways shift per unit of height, `stretch` as the logarithm of the scale, for width and height alike
    but drawn apart. What comes in from outside is 0. The random numbers are those of `lecturelib.seed`.
    DataError for negative amounts.
    """

    def __init__(self, shift: float = 0.1, turn: float = 10.0, shear: float = 0.2, stretch: float = 0.1):
        check_real(zero=True, shift=shift, turn=turn, shear=shear, stretch=stretch)
        self.shift, self.turn, self.shear, self.stretch = shift, turn, shear, stretch

    def __call__(self, x: Tensor) -> Tensor:
        """x (n, channels, h, w) -> the same shape."""
        n = len(x)
        shift, turn, shear, stretch = (2 * torch.rand(4, 2, n, device=x.device) - 1).unbind(0)
        angle, slant = turn[0] * self.turn * math.pi / 180, shear[0] * self.shear
        wide, high = (stretch * self.stretch).exp()
        cos, sin = angle.cos(), angle.sin()
        # rows of rotation @ shear @ stretch; the grid has the picture from -1 to 1, so a side is 2
        row_x = torch.stack([cos * wide, (cos * slant - sin) * high, 2 * self.shift * shift[0]], 1)
        row_y = torch.stack([sin * wide, (sin * slant + cos) * high, 2 * self.shift * shift[1]], 1)
        grid = affine_grid(torch.stack([row_x, row_y], 1), list(x.shape), align_corners=False)
        return grid_sample(x, grid, align_corners=False)
