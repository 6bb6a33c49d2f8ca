"""How a scene of the data set `scenes` is painted: layers, back to front, by day, then darkened by night.

Lengths are in halves of the picture, x to the right and y down, 0 at its centre. What shines by itself (stars, the
moon, its path on the water, lit windows) is painted after the night has fallen.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lecturelib.data.portrait import choose
from lecturelib.data.sdf import box, cover, ellipse, line, smooth

HOUSES = ((186, 74, 58), (232, 190, 92), (236, 232, 222), (98, 134, 178))
TREES, CLOUDS, STARS = 5, 3, 14
LOOKS = (
    *("ridge", "slope", "roll"),  # where mountains and hills have their tops
    *(f"{what}{i}" for i in range(TREES) for what in ("tree_x", "tree_y", "tree_size", "tree_tone")),
    *(f"{what}{i}" for i in range(CLOUDS) for what in ("cloud_x", "cloud_y")),
    *(f"{what}{i}" for i in range(STARS) for what in ("star_x", "star_y", "star_size")),
)


@dataclass
class Scene:
    """A batch of scenes on their way: pictures, their numbers (n, 1, 1), and where the pixels lie."""

    image: Tensor  # (n, 3, size, size), painted in place
    f: dict[str, Tensor]  # factors and looks
    x: Tensor
    y: Tensor
    pixel: float

    def __getattr__(self, name: str) -> Tensor:
        if name in self.__dict__["f"]:
            return self.__dict__["f"][name]
        raise AttributeError(name)

    def paint(self, share: Tensor, tint: Tensor) -> None:
        """Lay a colour (n or 1, 3, ...) over the share (n, size, size) of each pixel."""
        self.image.lerp_(tint.expand_as(self.image), share[:, None].expand_as(self.image))

    def rgb(self, *bytes_: float) -> Tensor:
        """A colour for all, (1, 3, 1, 1)."""
        return self.x.new_tensor(bytes_).view(1, 3, 1, 1) / 255

    def either(self, summer: tuple, winter: tuple) -> Tensor:
        """The colour of each scene's season, (n, 3, 1, 1)."""
        return torch.lerp(self.rgb(*summer), self.rgb(*winter), self.season[:, None])


def begin(f: dict[str, Tensor], size: int) -> Scene:
    """Empty pictures of scenes with these factors and looks."""
    f = dict(f)
    some = f["season"]
    ticks = (torch.arange(size, device=some.device) + 0.5) * (2 / size) - 1
    f["ground"] = 0.02 + 0.28 * f["horizon"]  # where the land begins
    return Scene(some.new_zeros(len(some), 3, size, size), f, ticks[None, None, :], ticks[None, :, None], 2 / size)


def sky(s: Scene) -> Tensor:
    """From its blue to a pale edge, with clouds, and the sun by day; returns the share that clouds cover."""
    down = ((s.y + 1) / (s.ground + 1)).clamp(0, 1)[:, None]
    top, edge = s.either((74, 144, 222), (138, 174, 214)), s.either((206, 232, 248), (234, 240, 244))
    s.image.copy_(torch.lerp(top, edge, down))
    away = _from_the_lamp(s)[2]
    s.paint(0.55 * (1 - s.time) * smooth(0.55, 0.1, away), s.rgb(255, 246, 204))
    s.paint((1 - s.time) * cover(away - 0.15, s.pixel), s.rgb(255, 220, 92))
    covered = torch.zeros_like(s.image[:, 0])
    for i in range(CLOUDS):
        x, y = s.x - 2.4 * (s.f[f"cloud_x{i}"] - 0.5), s.y + 0.35 + 0.5 * s.f[f"cloud_y{i}"]
        puff = ellipse(x, y, 0.36, 0.07).minimum(ellipse(x + 0.1, y + 0.06, 0.17, 0.1)).minimum(
            ellipse(x - 0.12, y + 0.04, 0.13, 0.08))  # fmt: skip
        there = ((s.clouds * (CLOUDS + 0.5) - i) * 2).clamp(0, 1)  # one after the other
        part = 0.92 * there * cover(puff, s.pixel)
        s.paint(part, s.either((255, 255, 255), (246, 247, 250)))
        covered = torch.maximum(covered, part)
    return covered


def _from_the_lamp(s: Scene) -> tuple[Tensor, Tensor, Tensor]:
    """How far right, how far down, and how far away from the sun or the moon."""
    x, y = s.x - 0.8 * s.lamp, s.y + 0.66
    return x, y, (x * x + y * y).sqrt()


def mountains(s: Scene) -> None:
    """A ridge of three tops; snow lies above a line, in winter further down."""
    height = 0.62 * s.mountains
    place = s.x + 0.8 * (s.ridge - 0.5)
    tops = torch.stack([h - 1.15 * (place - at).abs() for h, at in ((0.72, -0.62), (1.0, 0.05), (0.8, 0.7))]).amax(0)
    edge = s.ground + 0.05 - height * tops.clamp(min=0)
    body = cover((edge - s.y) * 0.75, s.pixel)
    s.paint(body, s.either((112, 124, 148), (150, 162, 184)))
    zigzag = 0.05 * ((place * 7.3).sin() + (place * 12.1 + 1).sin() * 0.6)
    line_of_snow = s.ground - height * (0.66 - 0.36 * s.season)
    s.paint(body * cover(s.y - line_of_snow - zigzag * height * 2, s.pixel), s.rgb(246, 248, 252))


def land(s: Scene) -> None:
    """Two rows of hills, and a meadow that is lighter far away; in winter all lies under snow."""
    for depth, wave, swing, summer, winter in (
        (0.0, 2.6, s.slope, (128, 172, 110), (214, 222, 234)),
        (0.05, 1.9, s.roll, (98, 156, 84), (228, 233, 241)),
    ):
        swell = (1 - 4 * depth) * (0.5 + 0.5 * (wave * s.x + 6.3 * swing).sin())
        top = s.ground + depth - (0.05 + 0.24 * s.hills) * swell
        s.paint(cover((top - s.y) * 0.9, s.pixel), s.either(summer, winter))
    near = ((s.y - s.ground) / (1 - s.ground)).clamp(0, 1)[:, None]
    meadow = torch.lerp(s.either((134, 186, 92), (240, 243, 248)), s.either((84, 142, 60), (214, 222, 236)), near)
    s.paint(cover(s.ground + 0.08 - s.y, s.pixel), meadow)


def lake(s: Scene) -> Tensor:
    """Water in the meadow, ice in winter; returns its share of each pixel."""
    x, y = s.x - 0.55 * (1 - 2 * s.roll), s.y - 0.68
    there = s.water * cover(ellipse(x, y, 0.58, 0.17), s.pixel)
    s.paint(s.water * cover(ellipse(x, y, 0.64, 0.21), s.pixel), s.either((196, 182, 120), (198, 208, 224)))
    s.paint(there, s.either((70, 142, 196), (176, 206, 226)))
    ripples = line((y * 3.2 + 0.05 * (9 * x).sin()).remainder(0.22) - 0.11, 0.03, s.pixel * 3.2)
    s.paint(0.35 * there * ripples, s.either((168, 212, 236), (226, 238, 246)))
    return there


def house(s: Scene) -> tuple[Tensor, Tensor]:
    """A house with a door and two windows; returns the share of each pixel that it covers, and that of its windows."""
    x, y = s.x - 0.62 * s.house_place, s.y - s.ground - 0.14
    body = s.house * cover(box(x, y, 0.2, 0.15, 0.01), s.pixel)
    s.paint(body, choose(HOUSES, s.house_colour)[:, :, None, None] / 255)
    roof = torch.maximum((y + 0.36).neg() + 0.72 * x.abs(), y + 0.12)
    s.paint(s.house * cover(roof * 0.8, s.pixel), s.rgb(112, 60, 50))
    snow = torch.maximum(roof, (y + 0.36) - 0.72 * x.abs() - 0.11)
    s.paint(s.house * s.season * cover(snow * 0.8, s.pixel), s.rgb(248, 250, 253))
    s.paint(s.house * cover(box(x, y - 0.075, 0.035, 0.075, 0.005), s.pixel), s.rgb(84, 54, 42))
    panes = s.house * cover(box(x.abs() - 0.115, y + 0.01, 0.042, 0.05, 0.005), s.pixel)
    s.paint(panes, s.rgb(92, 116, 140))
    return torch.maximum(body, s.house * cover(roof * 0.8, s.pixel)), panes


def trees(s: Scene, front: bool) -> Tensor:
    """Round ones, bare in winter, or firs; those behind the house, or those in front of it. What they cover."""
    covered = torch.zeros_like(s.image[:, 0])
    for i in range(TREES):
        if (i > 1) != front:
            continue
        there = (s.trees * TREES > i + 0.5).float()
        near = 0.16 + 0.08 * i if front else 0.10 + 0.02 * i
        foot = (s.ground + near * (0.7 + 0.3 * s.f[f"tree_y{i}"])).clamp(max=0.46)  # before the shore
        high = (0.26 + 0.16 * s.f[f"tree_size{i}"]) * (0.8 + 0.6 * (foot - s.ground))
        x, y = (s.x - 1.8 * (s.f[f"tree_x{i}"] - 0.5)) / high, (s.y - foot) / high
        pixel = s.pixel / high
        trunk = there * cover(box(x, y + 0.4, 0.06, 0.42, 0.02), pixel)
        s.paint(trunk, s.rgb(92, 66, 48))
        crown = (_firs if i % 2 else _round)(s, there, x, y, pixel, s.f[f"tree_tone{i}"])
        covered = torch.maximum(covered, torch.maximum(trunk, crown))
    return covered


def _firs(s: Scene, there: Tensor, x: Tensor, y: Tensor, pixel: Tensor, tone: Tensor) -> Tensor:
    """Three triangles, one over the other, with snow on their upper edges."""
    covered = torch.zeros_like(s.image[:, 0])
    green = s.either((34, 92, 62), (44, 88, 74)) * (0.85 + 0.3 * tone[:, None])
    for low, top, wide in ((-0.25, -0.95, 0.42), (-0.62, -1.2, 0.34), (-0.95, -1.45, 0.25)):
        slant = x.abs() * ((low - top) / wide) - (y - top)
        edge = torch.maximum(slant * 0.5, y - low)
        part = there * cover(edge, pixel)
        s.paint(part, green)
        s.paint(part * s.season * cover(-slant * 0.5 - 0.10 - 0.05 * (x * 20).sin(), pixel), s.rgb(244, 247, 251))
        covered = torch.maximum(covered, part)
    return covered


def _round(s: Scene, there: Tensor, x: Tensor, y: Tensor, pixel: Tensor, tone: Tensor) -> Tensor:
    """A crown of three balls in summer; in winter three branches with a little snow."""
    crown = ellipse(x, y + 0.98, 0.42, 0.40).minimum(ellipse(x + 0.26, y + 0.76, 0.28, 0.26)).minimum(
        ellipse(x - 0.27, y + 0.78, 0.27, 0.27))  # fmt: skip
    leaves = there * cover(crown, pixel) * (1 - s.season)
    green = torch.lerp(s.rgb(58, 124, 48), s.rgb(104, 152, 54), tone[:, None])
    s.paint(leaves, green)
    light = there * cover(ellipse(x - 0.12 * s.lamp.sign(), y + 1.08, 0.24, 0.2), pixel) * (1 - s.season)
    s.paint(0.5 * light, green * 1.25)
    twigs = torch.zeros_like(leaves)
    for lean, start, end in ((0.0, -0.75, -1.30), (0.62, -0.62, -1.15), (-0.62, -0.66, -1.18)):
        along = torch.maximum(y - start, end - y)
        part = there * s.season * cover(torch.maximum((x - lean * (start - y)).abs() - 0.045, along), pixel)
        s.paint(part, s.rgb(98, 76, 62))
        twigs = torch.maximum(twigs, part)
        s.paint(0.8 * there * s.season * cover(ellipse(x - lean * (start - end), y - end - 0.02, 0.16, 0.09), pixel),
                s.rgb(244, 247, 251))  # fmt: skip
    return torch.maximum(leaves, twigs)


def night(s: Scene) -> None:
    """Everything is darker and bluer, the sky most of all; snow stays the brightest."""
    land_ = s.image * s.rgb(76, 92, 138) + s.rgb(2, 5, 16)
    down = ((s.y + 1) / (s.ground + 1)).clamp(0, 1)[:, None]
    dark = 0.3 * land_ + 0.7 * torch.lerp(s.rgb(9, 13, 42), s.rgb(52, 62, 110), down)
    blue = torch.lerp(land_, dark, smooth(0.18, -0.18, s.y - s.ground)[:, None])
    s.image.lerp_(blue, s.time[:, None].expand_as(s.image))


def shine(s: Scene, hidden: Tensor, water: Tensor, panes: Tensor, lamps: bool) -> None:
    """By night: lit windows; stars and the moon where nothing stands before them, and its path on the water."""
    s.paint(s.time * panes, s.rgb(255, 206, 104))
    if not lamps:
        return
    open_ = s.time * (1 - hidden)
    for i in range(STARS):
        across, down = 2 * s.f[f"star_x{i}"] - 1, -0.98 + 0.75 * s.f[f"star_y{i}"]
        far = ((s.x - across).square() + (s.y - down).square()).sqrt()
        s.paint(open_ * cover(far - 0.016 - 0.02 * s.f[f"star_size{i}"], s.pixel), s.rgb(236, 238, 255))
    x, y, away = _from_the_lamp(s)
    s.paint(open_ * 0.4 * smooth(0.42, 0.1, away), s.rgb(150, 160, 200))
    bite = ((x - 0.09).square() + (y + 0.05).square()).sqrt()
    s.paint(open_ * cover(torch.maximum(away - 0.15, 0.13 - bite), s.pixel), s.rgb(250, 246, 220))
    path = line(x + 0.02 * (40 * s.y).sin(), 0.09, s.pixel)
    s.paint(0.5 * s.time * water * path, s.rgb(226, 228, 224))
