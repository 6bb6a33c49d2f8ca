"""The features of a face of the data set `faces`: eyes, brows, nose, mouth, beard, glasses and the lines of age."""

import torch
from torch import Tensor

from lecturelib.data.portrait import Face, choose, colour, hue
from lecturelib.data.sdf import box, cover, ellipse, line, smooth

IRIS = ((104, 60, 28), (46, 128, 220), (52, 150, 72), (150, 84, 190))
BEARDS = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 0, 1))  # moustache, goatee, full


def skin(face: Face, pixel: float) -> None:
    """The head itself, with rosy cheeks."""
    face.paint(face.inside, face.lit(face.skin_))
    rosy = (-((face.au - 0.52) / 0.22).square() - ((face.v - 0.28) / 0.17).square()).exp()
    share = rosy * face.inside * (0.28 + 0.25 * face.young) * (1 - 0.4 * face.old)
    face.paint(share, face.skin_ * colour(1.0, 0.66, 0.62, face.x))


def eyes(face: Face, pixel: float) -> None:
    """Both at once: mirrored about u = 0, but for the light in them and where they look."""
    side = torch.where(face.u < 0, -1.0, 1.0)
    x, y = face.au - face.spread, face.v - face.eye_v
    wide, tall = 0.19 * face.big, 0.150 * face.big * (1 - 0.10 * face.mouth.clamp(min=0))
    face.paint(cover(ellipse(x, y, wide * 1.25, tall * 1.45), 0.12) * face.front * 0.28, face.dark)
    white = ellipse(x, y, wide, tall)
    eye = cover(white, pixel) * face.front
    face.paint(eye, (0.97 - 0.22 * smooth(0.0, -0.14, y))[:, None].expand_as(face.image))
    x = x * side - 0.05 * (face.gaze - 0.5)  # from here on to the right, in both eyes
    iris = choose(IRIS, face.eye_colour)[:, :, None, None] / 255
    away = (x * x + (y + 0.008).square()).sqrt_()
    radius = 0.128 * face.big
    face.paint(cover(away - radius, pixel) * eye, iris * 0.5)
    face.paint(cover(away - 0.85 * radius, pixel) * eye, iris * (1.05 + 1.6 * y)[:, None])
    face.paint(cover(away - 0.45 * radius, pixel) * eye, colour(0.05, 0.05, 0.06, x))
    light = ((x - 0.04 * face.lx).square() + (y + 0.052).square()).sqrt_()
    face.paint(cover(light - 0.034 * face.big, pixel) * eye, colour(1, 1, 1, x))
    lid = line(white - 0.004, 0.045 + 0.025 * face.lashes, pixel) * smooth(0.03, -0.05, y) * face.front
    face.paint(lid, 0.25 * face.hair + 0.05)


def brows(face: Face, pixel: float) -> None:
    """Low at the nose in anger, high and round when raised; seen through the hair, as in many cartoons."""
    x = face.au - face.spread
    low, high = face.brows.clamp(max=0), face.brows.clamp(min=0)
    height = face.eye_v - 0.33 - 0.105 * face.brows - 0.03 * face.young
    arc = height - (0.42 * low + 0.18 * high) * (x - 0.02) + (0.9 + 0.5 * high) * (x - 0.03).square()
    thick = 0.100 * (1 - 0.25 * face.lashes) * smooth(0.28, 0.12, x.abs())
    share = line(face.v - arc, thick, pixel) * cover(x.abs() - 0.24, pixel) * face.front
    face.paint(share, face.hair * 0.40)


def lines(face: Face, pixel: float) -> None:
    """What age draws: bags and crow's feet at the eyes, folds beside the mouth, furrows on the forehead."""
    x, y, au, v = face.au - face.spread, face.v - face.eye_v, face.au, face.v
    wide = 0.19 * face.big
    bag = line(ellipse(x, y - 0.03, wide * 0.95, 0.2 * face.big), 0.024, pixel) * smooth(0.06, 0.14, y)
    fold = line(au - (0.24 + 0.30 * (v - 0.30)), 0.026, pixel) * smooth(0.24, 0.34, v) * smooth(0.62, 0.5, v)
    bow = 0.05 * (face.u / 0.5).square()
    furrows = sum(line(v - h - bow, 0.024, pixel) for h in (-0.47, -0.56, -0.65)) * smooth(0.42, 0.28, au)
    out = x - wide
    crow = line((y - 0.01).abs() - 0.4 * out, 0.02, pixel) * smooth(0.02, 0.05, out) * smooth(0.18, 0.13, out)
    share = (bag * (0.12 + 0.7 * face.old) + fold * (0.08 + 0.8 * face.old) + (furrows + 0.8 * crow) * 0.8 * face.old)
    face.paint((share * face.front).clamp_(max=1), face.dark * 0.90)


def mouth(face: Face, pixel: float) -> None:
    """Lips along a parabola, open in a broad smile; a beard grows round it, a moustache over it."""
    u, v, smile = face.u, face.v, face.mouth
    wide = 0.29 + 0.08 * smile.clamp(min=0) - 0.02 * face.young
    centre = 0.60 + 0.02 * face.young
    t = (u / wide).square().clamp_(max=1.7)
    upper = centre + smile * (0.090 - 0.25 * t)
    gape = (0.08 + 0.16 * face.opening) * smile.clamp(min=0) * smooth(0.2, 0.6, face.opening)
    lower = upper + gape * (1 - t).clamp_(min=0)
    here = cover(face.au - wide, pixel) * face.front
    _beard(face, pixel, ellipse(u, v - centre - 0.01, wide * 0.92, 0.105 + 0.4 * gape))
    lips = torch.lerp(face.skin_, colour(0.72, 0.20, 0.24, u), 0.55)
    face.paint(line(upper - v, 0.02 + 0.05 * (1.05 - t).clamp_(min=0), pixel) * here, lips * 0.92)
    face.paint(line(v - lower - 0.03, 0.08 * (1.02 - t).clamp_(min=0), pixel) * here, lips)
    gap = torch.maximum(upper - v, v - lower)
    opened = here * (gape / pixel).clamp(max=1)
    face.paint(cover(gap, pixel) * opened, colour(0.34, 0.08, 0.10, u))
    teeth = torch.maximum(gap, v - upper - 0.62 * gape)
    face.paint(cover(teeth, pixel) * opened, colour(0.97, 0.97, 0.97, u))
    face.paint(line(v - upper, 0.036, pixel) * here, face.dark * 0.35)
    moustache = choose(BEARDS, face.beard)[:, :1, None]
    curl = (v - 0.49 + 0.02 * smile - 0.05 * (face.au / 0.30).square()).abs()
    curl = curl - 0.06 * (1.05 - (face.au / 0.34).square()).clamp_(min=0)
    share = cover(curl, pixel) * cover(face.au - 0.34, pixel) * face.front * moustache
    face.paint(share, face.lit(face.hair * 0.86, 0.30))


def _beard(face: Face, pixel: float, lips: Tensor) -> None:
    """A full one along the jaw up to the ears, or a goatee; never over the lips."""
    _, goatee, full = choose(BEARDS, face.beard).T[:, :, None, None]
    strands = 0.92 + 0.05 * (34 * face.u + 5 * (3 * face.v).sin()).sin() - 0.10 * smooth(0.55, 1.0, face.v)
    tint = face.lit(face.hair * 0.9, 0.34) * strands[:, None]
    on_head = cover(face.head - 0.03, face.pixel)
    jaw = torch.maximum(0.50 - 0.60 * smooth(0.48, 0.95, face.au) - face.v, -lips)
    face.paint(cover(jaw, 0.05) * on_head * smooth(-0.25, 0.0, face.w) * full, tint)
    chin = torch.maximum(ellipse(face.u, face.v - 0.86, 0.28, 0.20), -lips)
    face.paint(cover(chin, pixel) * on_head * goatee, tint)


def nose(face: Face, pixel: float) -> None:
    """It stands off the face: turned, it moves farther than what lies behind it. Lit from one side."""
    half, tall = 0.08 + 0.125 * face.nose, 0.18 + 0.20 * face.nose
    x = face.X / face.a - 1.17 * face.sy
    y = face.Y / face.b - 1.17 * face.sp * face.cy - 0.20 - 0.10 * face.nose - 0.05 * face.young
    fall = -face.lx / (face.lx.square() + 0.02).sqrt().sqrt()  # where the shadow falls: its side, and how far
    dark_side = -(face.lx / 0.3).clamp(-1, 1)
    cast = ellipse(x - 0.06 * fall, y - 0.05, half * 1.45, half * 0.85)
    face.paint(cover(cast, 0.09) * face.inside * 0.50, face.dark)
    slope = (half * (1 + 0.75 * (y / tall).clamp(-1, 0))).clamp_(min=0.03)
    ridge = torch.maximum(x.abs() - slope * 0.80, torch.maximum(-y - tall, y))
    shaded = cover(ridge, 0.06) * smooth(0.0, 0.05, x * dark_side + slope * 0.2) * smooth(-1.0, -0.3, y / tall)
    face.paint(shaded * face.inside * 0.55, face.dark)
    ball = ellipse(x, y, half * 1.05, half * 0.78)
    wings = ellipse(x.abs() - half * 0.82, y + half * 0.02, half * 0.52, half * 0.50)
    shade = 1.02 - 0.25 * x * dark_side / (half * 1.6) - 0.30 * (y / half).clamp(min=0)
    tint = face.lit(face.skin_ * colour(1.02, 0.90, 0.87, x), 0.25) * shade[:, None]
    face.paint(cover(torch.minimum(ball, wings), pixel) * face.inside, tint)
    nostrils = ellipse(x.abs() - half * 0.50, y - half * 0.42, half * 0.34, half * 0.18)
    face.paint(cover(nostrils, pixel) * face.inside * 0.85, face.dark * 0.55)
    gloss = -((x + 0.25 * half * fall) / (0.45 * half)).square() - ((y + 0.30 * half) / (0.38 * half)).square()
    face.paint(gloss.exp_() * face.inside * 0.40, colour(1, 1, 1, x))


def glasses(face: Face, pixel: float) -> None:
    """Round or square frames, a bridge, and arms towards the ears."""
    x, y = face.au - face.spread, face.v - face.eye_v - 0.015
    lens = box(x, y, 0.28, 0.24, 0.08 + 0.15 * face.frame)
    frame = hue((face.clothes + 0.5) % 1, 0.6, 0.12 + 0.25 * face.tone)
    face.paint(cover(lens, pixel) * face.front * face.glasses * 0.14, colour(1, 1, 1, x))
    bridge = line(y + 0.045, 0.05, pixel) * cover(face.au - face.spread + 0.28, pixel)
    arms = line(y + 0.065, 0.045, pixel) * cover(0.28 - x, pixel) * face.inside * smooth(-0.05, 0.05, face.w)
    share = (line(lens, 0.052, pixel) + bridge).clamp_(max=1) * face.front
    face.paint(torch.maximum(share, arms) * face.glasses, frame)
