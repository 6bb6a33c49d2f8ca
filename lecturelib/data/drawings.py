"""How the things of the data set `sketches` are drawn: strokes of a pen in a box from -1 to 1, y down.

A drawing is a list of strokes for n sketches at once: points (n, k, 2), and whether each sketch has that stroke (n,).
"""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

Stroke = tuple[Tensor, Tensor]


class Hand:
    """A hand that draws n sketches at once, each with its own proportions."""

    def __init__(self, n: int, rng: torch.Generator):
        self.n, self.rng, self.strokes = n, rng, []

    def between(self, low: float, high: float) -> Tensor:
        """A number for each sketch, (n,)."""
        return low + (high - low) * torch.rand(self.n, generator=self.rng)

    def chance(self, p: float) -> Tensor:
        """Which sketches do so, (n,)."""
        return torch.rand(self.n, generator=self.rng) < p

    def add(self, points: Tensor, where: Tensor | None = None) -> None:
        """One stroke: points (n, k, 2); `where` says in which sketches it is drawn, all where nothing is said."""
        everywhere = torch.ones(self.n, dtype=torch.bool)
        self.strokes.append((points, everywhere if where is None else where))

    def line(self, *places, bow: float = 0.0, where: Tensor | None = None) -> None:
        """Straight from place to place, each (x, y) of numbers or (n,); with a bow, one bent point between each two."""
        points = [torch.stack([torch.as_tensor(c, dtype=torch.float32).expand(self.n) for c in p], 1) for p in places]
        out = [points[0]]
        for before, after in pairwise(points):
            if bow:
                across = (after - before).flip(1) * torch.tensor([1.0, -1.0])
                out.append((before + after) / 2 + self.between(0.3 * bow, bow)[:, None] * across)
            out.append(after)
        self.add(torch.stack(out, 1), where)

    def oval(self, x, y, a, b, k: int = 11, start: float | None = None, turns: float = 1.0, where=None) -> None:
        """Round about (x, y), half axes a and b; it ends a little before or beyond its start, as ovals of hands do."""
        first = self.between(-math.pi, math.pi) if start is None else self.between(start - 0.25, start + 0.25)
        full = 2 * math.pi * (turns + (self.between(-0.02, 0.06) if turns == 1 else 0 * first))
        angle = first[:, None] + full[:, None] * torch.linspace(0, 1, k)
        x, y, a, b = (torch.as_tensor(v, dtype=torch.float32).expand(self.n)[:, None] for v in (x, y, a, b))
        self.add(torch.stack([x + a * angle.cos(), y + b * angle.sin()], 2), where)

    def curve(self, f: Callable[[Tensor], tuple[Tensor, Tensor]], k: int, where=None) -> None:
        """Points f(t) for t (1, k) from 0 to 1: x and y, each (n, k)."""
        x, y = f(torch.linspace(0, 1, k)[None])
        self.add(torch.stack([x.expand(self.n, k), y.expand(self.n, k)], 2), where)


def cat(h: Hand) -> None:
    """A head with ears, eyes, a nose, a mouth and whiskers."""
    a, b = h.between(0.65, 0.85), h.between(0.55, 0.75)
    h.oval(0, 0.1, a, b, 13, start=-math.pi / 2)
    tip, width = h.between(0.75, 1.0), h.between(0.25, 0.38)
    for side in (-1, 1):
        h.line((side * a * 0.92, 0.1 - 0.35 * b), (side * a * 0.85, -tip), (side * (a * 0.85 - width), 0.1 - b * 0.85))
    eye = h.between(0.07, 0.13)
    for side in (-1, 1):
        h.oval(side * a * 0.42, -0.05, eye, eye * h.between(1.0, 1.5), 7)
    h.line((-0.09, 0.22), (0.09, 0.22), (0, 0.32), (-0.09, 0.22))
    h.curve(lambda t: ((2 * t - 1) * 0.24, 0.42 + 0.09 * (2 * math.pi * t).sin().abs()), 7)
    long = h.between(0.4, 0.7)
    whiskers = h.chance(0.85)
    for side in (-1, 1):
        for drop in (-0.08, 0.06):
            h.line((side * 0.3, 0.3 + drop / 2), (side * (0.35 + long), 0.3 + 2 * drop), where=whiskers)


def face(h: Hand) -> None:
    """An oval, eyes, perhaps a nose and hair, a mouth from frown to smile."""
    a, b = h.between(0.65, 0.85), h.between(0.75, 0.95)
    h.oval(0, 0, a, b, 14, start=-math.pi / 2)
    eye = h.between(0.06, 0.12)
    for side in (-1, 1):
        h.oval(side * 0.42 * a, -0.2, eye, eye, 7)
    nose = h.chance(0.7)
    h.line((0, -0.1), (h.between(-0.12, -0.04), 0.16), (0.04, 0.18), where=nose)
    bend, wide = h.between(-0.1, 0.25), h.between(0.25, 0.42)
    h.curve(lambda t: ((2 * t - 1) * wide[:, None], 0.42 + bend[:, None] * (1 - (2 * t - 1) ** 2)), 6)
    hair = h.chance(0.5)
    for x in (-0.3, -0.1, 0.1, 0.3):
        h.line((x * a, -b * 0.95), (x * a + 0.06, -b - h.between(0.1, 0.25)), where=hair)


def flower(h: Hand) -> None:
    """A middle, five to eight petals in one stroke, a stem with leaves."""
    r, petals = h.between(0.14, 0.22), (h.between(5, 8.99)).floor()
    h.oval(0, -0.4, r, r, 9)
    big = h.between(0.28, 0.4)

    def around(t: Tensor) -> tuple[Tensor, Tensor]:
        angle = 2 * math.pi * t
        reach = r[:, None] + big[:, None] * (petals[:, None] * angle / 2).sin().abs() ** 0.7
        return reach * angle.cos(), -0.4 + reach * angle.sin()

    h.curve(around, 41)
    lean = h.between(-0.15, 0.15)
    h.curve(lambda t: (lean[:, None] * (math.pi * t).sin(), (r[:, None] - 0.4) + (1.4 - r[:, None]) * t), 5)
    for side, share in ((-1, 0.8), (1, 0.6)):
        y, leaf = h.between(0.5, 0.8), h.chance(share)
        h.line((0, y), (side * 0.3, y - 0.25), (side * 0.4, y - 0.2), (side * 0.22, y - 0.02), (0, y), where=leaf)


def fish(h: Hand) -> None:
    """A body of two arcs that cross at the tail, an eye, a gill, perhaps bubbles."""
    b, tail = h.between(0.35, 0.5), h.between(0.3, 0.42)

    def whole(t: Tensor) -> tuple[Tensor, Tensor]:
        s = 2 * t - 1  # from the tail's upper end along the belly round the nose and back along the back
        x = 0.95 - 1.85 * (math.pi / 2 * s).cos().clamp(min=0) ** 0.9
        y = torch.where(s.abs() > 0.8, (s.abs() - 0.8) * 5 * tail[:, None] * s.sign(),
                        -b[:, None] * (math.pi * s / 0.8).sin())  # fmt: skip
        return x, y

    h.curve(whole, 23)
    h.line((0.95, -tail), (0.80, 0.0), (0.95, tail))
    h.oval(-0.6, -0.1, 0.06, 0.06, 6)
    h.curve(lambda t: (-0.38 + 0.1 * (math.pi * t).sin(), (2 * t - 1) * 0.2), 5, where=h.chance(0.7))
    bubbles = h.chance(0.4)
    for x, y, r in ((-0.95, -0.35, 0.05), (-0.9, -0.6, 0.08)):
        h.oval(x, y, r, r, 7, where=bubbles)


def house(h: Hand) -> None:
    """Walls, a roof, a door, one or two windows, perhaps a chimney."""
    a, wall, top = h.between(0.55, 0.8), h.between(-0.2, 0.05), h.between(-0.9, -0.7)
    h.line((-a, wall), (-a, 0.85), (a, 0.85), (a, wall), (-a, wall))
    over = h.between(0.0, 0.18)
    h.line((-a - over, wall), (h.between(-0.08, 0.08), top), (a + over, wall))
    x, w, high = h.between(-0.35, 0.1), h.between(0.12, 0.18), h.between(0.4, 0.55)
    h.line((x - w, 0.85), (x - w, 0.85 - high), (x + w, 0.85 - high), (x + w, 0.85))
    r, wx = h.between(0.09, 0.14), a * 0.62
    h.line((wx - r, 0.2 - r), (wx + r, 0.2 - r), (wx + r, 0.2 + r), (wx - r, 0.2 + r), (wx - r, 0.2 - r))
    cross = h.chance(0.5)
    h.line((wx, 0.2 - r), (wx, 0.2 + r), where=cross)
    h.line((wx - r, 0.2), (wx + r, 0.2), where=cross)
    slope = (wall - top) / a
    chimney, cx = h.chance(0.5), a * 0.55
    h.line((cx - 0.09, top + slope * (cx - 0.09)), (cx - 0.09, top + 0.1), (cx + 0.09, top + 0.1),
           (cx + 0.09, top + slope * (cx + 0.09)), where=chimney)  # fmt: skip


def tree(h: Hand) -> None:
    """A trunk under a cloud of leaves, in some the leaves of a fir."""
    w, fork = h.between(0.08, 0.14), h.between(0.1, 0.25)
    fir = h.chance(0.35)
    h.line((-w, fork), (-w * 1.3, 0.95), (w * 1.3, 0.95), (w, fork))
    a, b, lobes = h.between(0.5, 0.75), h.between(0.45, 0.6), h.between(6, 9.99).floor()

    def cloud(t: Tensor) -> tuple[Tensor, Tensor]:
        angle = 2 * math.pi * t + math.pi / 2
        reach = 1 + 0.18 * (lobes[:, None] * (angle - math.pi / 2) / 2).sin().abs()
        return a[:, None] * reach * angle.cos(), -0.35 + b[:, None] * reach * angle.sin()

    h.curve(cloud, 37, where=~fir)
    steps = [(0.0, -0.95), (0.3, -0.5), (0.14, -0.5), (0.48, -0.1), (0.22, -0.1), (0.65, 0.3)]
    wide = h.between(0.8, 1.1)
    h.line(*((wide * x, y) for x, y in steps), *((-wide * x, y) for x, y in reversed(steps)), where=fir)


def car(h: Hand) -> None:
    """A body with a cabin in one stroke, two wheels, windows."""
    roof, front, back = h.between(-0.55, -0.35), h.between(0.35, 0.55), h.between(0.45, 0.65)
    h.line((-0.95, 0.35), (-0.95, 0.0), (-front - 0.15, -0.05), (-front + 0.1, roof), (back - 0.2, roof), (back, -0.05),
           (0.95, 0.0), (0.95, 0.35), (-0.95, 0.35), where=h.chance(1.0))  # fmt: skip
    r = h.between(0.17, 0.24)
    hub = h.chance(0.5)
    for x in (-0.52, 0.52):
        h.oval(x, 0.38, r, r, 10)
        h.oval(x, 0.38, r * 0.4, r * 0.4, 6, where=hub)
    middle = (back - front) / 2
    h.line((-front - 0.02, -0.06), (-front + 0.16, roof + 0.09), (middle - 0.05, roof + 0.09), (middle - 0.05, -0.06),
           (-front - 0.02, -0.06))  # fmt: skip
    h.line((middle + 0.05, -0.06), (middle + 0.05, roof + 0.09), (back - 0.24, roof + 0.09), (back - 0.1, -0.06),
           (middle + 0.05, -0.06))  # fmt: skip


def sun(h: Hand) -> None:
    """A disc, eight to twelve rays one after the other, perhaps a smile."""
    r, rays = h.between(0.35, 0.5), h.between(8, 12.99).floor()
    h.oval(0, 0, r, r, 13)
    turn, long = h.between(0, 1), h.between(0.25, 0.45)
    for i in range(12):
        angle = 2 * math.pi * (i + turn) / rays
        near, far = r + 0.1, r + 0.1 + long * h.between(0.85, 1.15)
        h.line((near * angle.cos(), near * angle.sin()), (far * angle.cos(), far * angle.sin()), where=rays > i)
    happy = h.chance(0.4)
    for side in (-1, 1):
        h.oval(side * 0.15, -0.08, 0.04, 0.05, 5, where=happy)
    h.curve(lambda t: ((2 * t - 1) * 0.2, 0.1 + 0.1 * (1 - (2 * t - 1) ** 2)), 5, where=happy)


def snowman(h: Hand) -> None:
    """Two or three balls, eyes, a carrot, arms, perhaps a hat."""
    three = h.chance(0.6)
    low, high = h.between(0.38, 0.48), h.between(0.2, 0.26)
    middle = torch.where(three, h.between(0.28, 0.34), torch.zeros(h.n))
    y_low = 0.95 - low
    y_middle = y_low - low - middle
    y_head = torch.where(three, y_middle - middle, y_low - low) - high
    h.oval(0, y_low, low, low, 13, start=-math.pi / 2)
    h.oval(0, y_middle, middle, middle, 11, start=math.pi / 2, where=three)
    h.oval(0, y_head, high, high, 11, start=math.pi / 2)
    for side in (-1, 1):
        h.oval(side * 0.09, y_head - 0.05, 0.03, 0.03, 5)
    h.line((0, y_head + 0.02), (h.between(0.18, 0.3), y_head + 0.07), (0, y_head + 0.09))
    shoulder = torch.where(three, y_middle, y_low - 0.6 * low)
    arms = h.chance(0.8)
    for side in (-1, 1):
        h.line((side * 0.3, shoulder), (side * h.between(0.65, 0.9), shoulder - h.between(0.1, 0.35)), where=arms)
    hat, top = h.chance(0.6), y_head - 0.85 * high
    h.line((-1.1 * high, top), (1.1 * high, top), where=hat)
    h.line((-0.7 * high, top), (-0.65 * high, top - 0.28), (0.65 * high, top - 0.28), (0.7 * high, top), where=hat)


def boat(h: Hand) -> None:
    """A hull, a mast, one or two sails, waves."""
    a, deep = h.between(0.6, 0.85), h.between(0.25, 0.38)
    h.line((-a, 0.35), (-a * 0.65, 0.35 + deep), (a * 0.65, 0.35 + deep), (a, 0.35), (-a, 0.35))
    mast, top = h.between(-0.1, 0.1), h.between(-0.95, -0.8)
    h.line((mast, 0.35), (mast, top))
    h.line((mast + 0.04, top + 0.06), (mast + h.between(0.45, 0.65), 0.2), (mast + 0.04, 0.2), bow=0.06)
    jib = h.chance(0.6)
    h.line((mast - 0.05, top + 0.2), (mast - h.between(0.3, 0.5), 0.2), (mast - 0.05, 0.2), bow=0.06, where=jib)
    sea = h.chance(0.5)
    level = 0.4 + deep
    h.curve(lambda t: ((2 * t - 1) * 0.95, level[:, None] + 0.06 * (8 * math.pi * t).sin()), 17, where=sea)


DRAWINGS: dict[str, Callable[[Hand], None]] = {
    "boat": boat, "car": car, "cat": cat, "face": face, "fish": fish, "flower": flower, "house": house,
    "snowman": snowman, "sun": sun, "tree": tree,
}  # fmt: skip
