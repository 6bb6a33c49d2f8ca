"""Shapes as signed distances, negative inside, and what of a pixel they cover."""

from torch import Tensor


def cover(distance: Tensor, pixel: float) -> Tensor:
    """The share of each pixel inside a shape, from the signed distance of its centre; exact for a straight edge."""
    return (0.5 - distance / pixel).clamp_(0, 1)


def line(distance: Tensor, width: Tensor | float, pixel: float) -> Tensor:
    """The share of each pixel under a line of this width along distance = 0; right for lines thinner than a pixel."""
    return cover(distance - width / 2, pixel) - cover(distance + width / 2, pixel)


def ellipse(x: Tensor, y: Tensor, a: Tensor | float, b: Tensor | float) -> Tensor:
    """Distance to an ellipse with half axes a and b, to first order."""
    x, y = x / a, y / b
    k = (x * x + y * y).add_(1e-9).sqrt_()
    return k * (k - 1) / ((x / a).square_() + (y / b).square_()).add_(1e-9).sqrt_()


def box(x: Tensor, y: Tensor, a: Tensor | float, b: Tensor | float, r: Tensor | float) -> Tensor:
    """Distance to a box with half sides a and b and corners rounded with radius r."""
    dx, dy = x.abs() - (a - r), y.abs() - (b - r)
    outside = (dx.clamp(min=0).square_() + dy.clamp(min=0).square_()).sqrt_()
    return outside + dx.maximum(dy).clamp_(max=0) - r


def smooth(low: float, high: float, x: Tensor) -> Tensor:
    """0 below low, 1 above high, a smooth step between; falling where low > high."""
    t = ((x - low) / (high - low)).clamp_(0, 1)
    return t * t * (3 - 2 * t)
