"""Characters as points along strokes: curves through a pen's control points, and the bones of printed type."""

from functools import cache
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

POINTS = 96  # along a character, evenly spread over its strokes


def _spline(n: int, corners: set[int], steps: int = 32) -> np.ndarray:
    """Weights (rows, n) of the Catmull-Rom curve through n control points, broken at the corners."""
    t = np.linspace(0, 1, steps, endpoint=False)
    four = np.stack([
        -0.5 * t + t**2 - 0.5 * t**3,
        1 - 2.5 * t**2 + 1.5 * t**3,
        0.5 * t + 2 * t**2 - 1.5 * t**3,
        -0.5 * t**2 + 0.5 * t**3,
    ])  # fmt: skip
    ends = sorted({0, n - 1} | corners)
    weights = np.zeros(((n - 1) * steps + 1, n))
    weights[-1, -1] = 1
    for first, last in pairwise(ends):
        for i in range(first, last):  # beyond an end its own point stands in for the missing neighbour
            for index, column in zip((max(i - 1, first), i, i + 1, min(i + 2, last)), four, strict=True):
                weights[i * steps : (i + 1) * steps, index] += column
    return weights


def read_shape(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Control points (c, 2) in a unit box, and weights (POINTS, c): weights @ control lies along the strokes.

    `text` is as in shapes.py. The strokes share the points by their lengths.
    """
    strokes = []
    for stroke in text.split("/"):
        marks = stroke.split()
        control = np.array([[float(v) for v in mark.rstrip("*").split(",")] for mark in marks]) / 10
        weights = _spline(len(control), {i for i, mark in enumerate(marks) if mark.endswith("*")})
        steps = np.linalg.norm(np.diff(weights @ control, axis=0), axis=1)
        strokes.append((control, weights, np.concatenate([[0], steps.cumsum()])))
    total = sum(along[-1] for _, _, along in strokes)
    shares = [max(2, round(POINTS * along[-1] / total)) for _, _, along in strokes]
    shares[int(np.argmax(shares))] += POINTS - sum(shares)
    out, row, column = np.zeros((POINTS, sum(len(c) for c, _, _ in strokes))), 0, 0
    for (control, weights, along), share in zip(strokes, shares, strict=True):
        place = np.interp(np.linspace(0, along[-1], share), along, np.arange(len(along)))
        low = place.astype(int).clip(0, len(weights) - 2)
        part = (place - low)[:, None]
        even = (1 - part) * weights[low] + part * weights[low + 1]
        out[row : row + share, column : column + len(control)] = even
        row, column = row + share, column + len(control)
    return np.concatenate([control for control, _, _ in strokes]), out


def stroke_numbers(text: str) -> np.ndarray:
    """Which stroke of the shape each of its POINTS points lies on, from 0: (POINTS,)."""
    marks = [len(stroke.split()) for stroke in text.split("/")]
    _, weights = read_shape(text)
    return np.repeat(np.arange(len(marks)), marks)[np.abs(weights).argmax(1)]


@cache
def bones(font: str, character: str) -> np.ndarray:
    """POINTS points (POINTS, 2) along the skeleton of a character in one of matplotlib's fonts, in a unit box."""
    from skimage.morphology import skeletonize  # half a second to import

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
    image = Image.new("L", (96, 96))
    ImageDraw.Draw(image).text((48, 48), character, fill=255, font=ImageFont.truetype(str(path), 56), anchor="mm")
    pixels = np.argwhere(skeletonize(np.asarray(image) > 127))[:, ::-1].astype(np.float32)  # x, y
    pixels = (pixels - pixels.min(0)) / np.ptp(pixels, axis=0).max()
    chosen, distance = [0], np.square(pixels - pixels[0]).sum(1)
    while len(chosen) < POINTS:  # evenly: again and again the one farthest from those chosen
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.square(pixels - pixels[chosen[-1]]).sum(1))
    return pixels[chosen]
