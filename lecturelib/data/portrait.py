"""How a face of the data set `faces` is painted: layers, back to front, on an ellipsoid that is turned.

Lengths are in halves of the picture, x to the right and y down, 0 at its centre. What lies on the face (eyes, mouth,
beard, lines) is drawn in (u, v), the place on the ellipsoid that a pixel shows: far sides foreshorten by themselves.
What stands off it (nose, ears, hair behind) moves by its depth.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lecturelib.data.sdf import box, cover, ellipse, line, smooth

SKIN = ((255, 226, 203), (243, 196, 160), (219, 160, 118), (171, 112, 74), (122, 76, 50), (84, 51, 36))
HAIR = ((38, 32, 36), (106, 66, 40), (234, 194, 108), (208, 92, 36), (86, 104, 214))
GREY = (204, 204, 210)
# for each hair style: how far the cap stands off, where it begins on the forehead, how that line bends, how far down it
# comes at the sides; half width and lower end of the hair behind; how curly; spikes; a bun; tails
STYLES = (
    (0.015, -0.58, 0.30, -0.10, 0.00, -0.5, 0.0, 0.0, 0.0, 0.0),  # buzz
    (0.10, -0.50, 0.10, 0.05, 0.00, -0.5, 0.0, 0.0, 0.0, 0.0),  # short
    (0.10, -0.50, 0.25, -0.05, 0.00, -0.5, 0.0, 1.0, 0.0, 0.0),  # spiky
    (0.24, -0.42, 0.25, 0.35, 0.76, 0.25, 1.0, 0.0, 0.0, 0.0),  # curly
    (0.12, -0.34, 0.05, 0.62, 0.70, 0.62, 0.0, 0.0, 0.0, 0.0),  # bob
    (0.10, -0.62, 0.75, 0.75, 0.68, 1.60, 0.0, 0.0, 0.0, 0.0),  # long
    (0.07, -0.60, 0.45, 0.05, 0.00, -0.5, 0.0, 0.0, 1.0, 0.0),  # bun
    (0.09, -0.42, 0.20, 0.15, 0.00, -0.5, 0.0, 0.0, 0.0, 1.0),  # pigtails
)
ZOOM = 1.12  # how much of the picture the head takes


def colour(red: float, green: float, blue: float, like: Tensor) -> Tensor:
    """A colour (1, 3, 1, 1) of numbers in [0, 1]."""
    return like.new_tensor([red, green, blue])[None, :, None, None]


def choose(table, index: Tensor) -> Tensor:
    """Rows of a table for indices (n, 1, 1): (n, columns)."""
    return index.new_tensor(table)[index.flatten().long()]


def blend(palette, place: Tensor) -> Tensor:
    """Colours (n, 3, 1, 1) at places (n, 1, 1) in [0, 1] along a palette of bytes."""
    colours = place.new_tensor(palette) / 255
    at = place.flatten() * (len(colours) - 1)
    low = at.long().clamp(max=len(colours) - 2)
    return torch.lerp(colours[low], colours[low + 1], (at - low)[:, None])[:, :, None, None]


def hue(turns: Tensor, saturation: Tensor | float, value: Tensor | float) -> Tensor:
    """RGB (n, 3, 1, 1) of a hue (n, 1, 1) in turns, with its saturation and value (HSV)."""
    k = (colour(5, 3, 1, turns) + turns[:, None] * 6) % 6
    s, v = (q[:, None] if isinstance(q, Tensor) else q for q in (saturation, value))
    return v - v * s * torch.minimum(k, 4 - k).clamp(0, 1)


@dataclass
class Face:
    """A batch of faces on their way: pictures, the people's numbers, and where each pixel lies on the head.

    All numbers are (n, 1, 1), all maps (n, height, width) of a part of the picture.
    """

    image: Tensor  # (n, 3, height, width), painted in place
    f: dict[str, Tensor]  # factors and looks
    x: Tensor  # of the pixels' centres
    y: Tensor
    pixel: float
    maps: dict[str, Tensor]

    def __getattr__(self, name: str) -> Tensor:
        for numbers in (self.__dict__["maps"], self.__dict__["f"]):
            if name in numbers:
                return numbers[name]
        raise AttributeError(name)

    def paint(self, share: Tensor, tint: Tensor) -> None:
        """Lay a colour (n, 3, ...) over the share (n, height, width) of each pixel."""
        self.image.lerp_(tint.expand_as(self.image), share[:, None].expand_as(self.image))

    def lit(self, tint: Tensor, strength: float = 0.42) -> Tensor:
        """A colour as the light shows it on the head."""
        return tint * (1 - 0.45 * strength - 0.2 + strength * self.lambert)[:, None]

    def part(self, left: float, right: float, top: float, bottom: float) -> "Face":
        """The same faces where only this part of the picture is painted."""
        size = self.image.shape[-1]
        rows, columns = (
            slice(max(0, int((a + 1) / 2 * size)), min(size, int((b + 1) / 2 * size) + 1))
            for a, b in ((top, bottom), (left, right))
        )

        def cut(t: Tensor) -> Tensor:
            return t[..., rows if t.shape[-2] > 1 else slice(None), columns if t.shape[-1] > 1 else slice(None)]

        maps = {name: cut(t) for name, t in self.maps.items()}
        return replace(self, image=cut(self.image), x=cut(self.x), y=cut(self.y), maps=maps)


def begin(f: dict[str, Tensor], size: int) -> Face:
    """Empty pictures of faces with these factors and looks, and all numbers that several parts need."""
    f = dict(f)
    age = f["age"]
    ticks = ((torch.arange(size, device=age.device) + 0.5) * (2 / size) - 1) / ZOOM
    x, y = ticks[None, None, :], ticks[None, :, None] + 0.03
    f["young"], f["old"] = (1 - age * 2.5).clamp(min=0), ((age - 0.40) / 0.60).clamp(min=0)
    yaw, pitch, turn = 0.55 * f["yaw"], 0.32 * f["pitch"], 1.1 * f["light"]
    f |= {"sy": yaw.sin(), "cy": yaw.cos(), "sp": pitch.sin(), "cp": pitch.cos()}
    f |= {"lx": 0.9 * turn.sin(), "lz": 0.9 * turn.cos()}
    f["a"] = 0.50 + 0.05 * (f["shape"] - 0.5) + 0.03 * f["young"]
    f["b"] = 0.64 - 0.05 * f["young"] - 0.04 * (f["shape"] - 0.5)
    f["spread"] = 0.36 + 0.075 * f["eye_spacing"]  # of the eyes, in u
    f["eye_v"], f["big"] = 0.02 + 0.08 * f["young"], 1.04 + 0.20 * f["young"] - 0.10 * f["old"]
    f["skin_"] = blend(SKIN, f["skin"])
    f["dark"] = f["skin_"] * colour(0.72, 0.62, 0.60, age)
    hair = choose(HAIR, f["hair_colour"])[:, :, None, None] / 255
    f["hair"] = torch.lerp(hair, colour(*(c / 255 for c in GREY), age), (0.60 * f["old"])[:, None])
    face = Face(age.new_zeros(len(age), 3, size, size), f, x, y, 2 / size / ZOOM, {})
    face.maps |= _on_the_head(face)
    return face


def _on_the_head(face: Face) -> dict[str, Tensor]:
    """Where each pixel lies: beside the head (X, Y), in units of the head (p, q), on the turned face (u, v, w)."""
    X, Y = face.x - 0.05 * face.sy, face.y - 0.06 - 0.05 * face.sp
    q = Y / face.b
    taper = 1 - (0.24 - 0.14 * face.shape) * q.clamp(min=0).square()  # narrower at the chin
    p = X / (face.a * taper)
    far = (p * p + q * q).clamp_(min=1).rsqrt_()  # beyond the outline: the nearest place on it
    p1, q1 = p * far, q * far
    z = (1 - p1 * p1 - q1 * q1).clamp_(min=1e-6).sqrt_()
    v, depth = q1 * face.cp - z * face.sp, q1 * face.sp + z * face.cp
    u, w = p1 * face.cy - depth * face.sy, p1 * face.sy + depth * face.cy  # w > 0: the front half
    head = ellipse(X / taper, Y, face.a, face.b)
    lambert = p1 * face.lx + z * face.lz - 0.42 * q1
    maps = {"X": X, "Y": Y.expand_as(p), "p": p, "q": q.expand_as(p), "u": u, "v": v, "w": w, "au": u.abs()}
    return maps | {"head": head, "inside": cover(head, face.pixel), "lambert": lambert}


def background(face: Face) -> None:
    """A wall with light on it, and a lighter disc behind the head."""
    turns = 0.02 + 0.80 * face.background
    glow = 1.10 - 0.20 * ((face.x - 0.5 * face.lx).square() + (face.y + 0.3).square())
    face.image.copy_(hue(turns, 0.40, 0.86) * glow[:, None])
    disc = cover(((face.x + 0.15 * face.sy).square() + (face.y - 0.05).square()).sqrt() - 0.80, face.pixel)
    face.paint(0.35 * disc, hue(turns, 0.18, torch.ones_like(turns)))


def behind(face: Face) -> None:
    """The hair behind the head, a bun, tails: farther away, they move against the turn."""
    _, _, _, _, half, low, curly, _, bun, tails = choose(STYLES, face.hair_style).T[:, :, None, None]
    bx, by = face.X + 0.14 * face.sy, face.Y + 0.10 * face.sp
    high = -face.b * 1.12 - 0.06 * curly
    centre, tall = (low + high) / 2, (low - high) / 2
    angle = torch.atan2(by - 0.3 * centre, bx)
    wave = curly * (0.030 * (13 * angle + 6 * face.parting).cos() + 0.018 * (22 * angle + 9 * face.parting).sin())
    d = box(bx, by - centre, half + wave, tall + wave, torch.minimum(half, tall) * 0.95)
    strands = 0.70 + 0.05 * (bx * 45).sin() * (1 - curly) + 0.05 * curly * (bx * 40).sin() * (by * 40).sin()
    face.paint(cover(d, face.pixel) * (half > 0), face.hair * strands[:, None])
    d = ellipse(bx, by + face.b * 1.10, 0.24 + 0.012 * (9 * angle).cos(), 0.20)
    face.paint(cover(d, face.pixel) * bun, face.lit(face.hair * 0.9, 0.3))
    d = ellipse(bx.abs() - face.a * 1.20 - 0.12 * by, by - 0.12, 0.16 + 0.012 * (30 * by).sin(), 0.40)
    face.paint(cover(d, face.pixel) * tails, face.hair * (0.84 + 0.06 * (by * 40 + bx * 20).sin())[:, None])


def body(face: Face) -> None:
    """Neck, shoulders and a round collar."""
    x, y, px = face.x - 0.02 * face.sy, face.y, face.pixel
    shadow = smooth(0.30, -0.05, face.Y - 0.86 * face.b)[:, None]
    skin = torch.lerp(face.skin_ * 0.90, face.dark * 0.92, shadow)
    neck = box(x, y - 0.75, 0.22 - 0.02 * face.young, 0.45, 0.08)
    face.paint(cover(neck, px), skin)
    shoulders = ellipse(x, y - 1.30, 0.84 - 0.06 * face.young, 0.48)
    cloth = hue(face.clothes, 0.55, 0.35 + 0.5 * face.tone)
    cloth = cloth * (1.0 + 0.18 * x * face.lx - 0.10 * (y - 0.8))[:, None]
    face.paint(cover(shoulders, px), cloth)
    collar = ellipse(x, y - 0.80, 0.26, 0.16)
    face.paint(cover(collar, px), skin)
    face.paint(line(collar, 0.05, px) * cover(shoulders, px), cloth * 0.78)


def ears(face: Face, share: Tensor | float = 1.0) -> None:
    """Both ears; the head, painted later, hides what is behind it."""
    x, y = face.X.abs() - face.a * 1.01 * face.cy, face.Y - 0.02 - 0.05 * face.sp
    face.paint(cover(ellipse(x, y, 0.09, 0.135), face.pixel) * share, face.lit(face.skin_ * 0.96, 0.30))
    face.paint(cover(ellipse(x - 0.01, y, 0.045, 0.08), face.pixel) * share * 0.5, face.dark)


def hair(face: Face) -> None:
    """The hair on the head: all that lies above a line over the forehead, down the temples and round the back."""
    off, start, bend, side, _, _, curly, spiky, _, _ = choose(STYLES, face.hair_style).T[:, :, None, None]
    around = torch.atan2(face.p, 1e-6 - face.q)
    teeth = 0.20 * ((around * 3.2 + face.parting) % 1 - 0.5).abs()
    waves = 0.030 * (11 * around + 6 * face.parting).cos() + 0.018 * (19 * around).sin()
    off = 1 + off + spiky * teeth + curly * waves * smooth(0.9, 0.2, face.q)
    cap = ellipse(face.X / off, face.Y / off, face.a, face.b)
    edge = start + bend * (face.u - 0.5 * (face.parting - 0.5)).square()
    edge = edge + 0.05 * spiky * (16 * face.u).sin() + 0.03 * curly * (20 * face.u).cos()
    edge = torch.lerp(edge, side.expand_as(edge), smooth(0.72, 0.92, face.au))
    edge = torch.lerp(edge, side.expand_as(edge), smooth(0.12, -0.02, face.w))
    over = (face.v - edge) * face.b
    face.paint(cover(over - 0.03, 0.06) * face.inside * 0.35, face.dark)
    gloss = (-((face.q + 0.62 - 0.1 * face.p) / 0.12).square()).exp()
    strands = 1 + 0.05 * (24 * around + 3 * face.q + curly * 4 * (9 * face.q).sin()).sin() + 0.16 * gloss
    face.paint(cover(cap, face.pixel) * cover(over, face.pixel), face.lit(face.hair * 0.95, 0.40) * strands[:, None])
