"""Cartoon faces drawn from named factors, in colour, at any size; drawn once and kept."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from lecturelib.data import features, portrait, sdf
from lecturelib.data.chunks import CHUNK, chunks
from lecturelib.data.face_factors import FACTOR_NAMES, LOOKS, Bias, check_factors, samplers
from lecturelib.data.kept import read_kept, write_kept
from lecturelib.data.painting import as_bytes, check_size, painted
from lecturelib.data.sdf import cover, smooth
from lecturelib.data.tensors import Data, DataError

KEPT = Path(__file__).resolve().parents[2] / "data" / "drawn" / "faces"
MOST_BYTES = 2_000_000_000  # of all that is kept; the oldest goes first


def faces(
    *,
    n: int = 10_000,
    size: int = 32,
    seed: int = 0,
    split: str = "train",
    bias: Bias | None = None,
    vary: Sequence[str] | None = None,
    keep: bool = True,
) -> Data:
    """n cartoon faces: x uint8 (n, 3, size, size), factors (n, 15), looks (n, 8); size from 32 to 256.

    The factors are independent, uniform, and told by `data.factor_names`: skin, age, hair_style, hair_colour,
    eye_colour, eye_spacing, brows, nose, mouth, beard, glasses, yaw, pitch, light, background. What a value means is
    in `face_factors.FACTORS`; choices are stored as the index of their value. The looks (width of the face, parting,
    clothes, gaze, ...) differ too, so that two people with the same factors are not the same person.

    bias says otherwise for a factor: {"skin": (0, 0.3)} a range, {"nose": 0.5} a value, {"beard": "full"} a choice,
    {"glasses": 0.9} the share of glasses, {"hair_colour": [5, 1, 1, 1, 0]} shares, {"yaw": fn} a function of uniform
    numbers in [0, 1]. vary=("skin", "mouth") keeps all other factors, and the looks, where they usually are.

    The same seed gives the same faces, a larger n more of them; split="test" draws other people. About 4,000 a second
    at 32 x 32 on two cores (benchmarks/faces.py); what was drawn is kept under data/drawn/, unless keep=False.
    DataError for bad options.
    """
    drawn = chunks(n, seed, split)
    check_size(size, "faces")
    made = samplers(bias, vary)
    factors, looks = [], []
    for start, rng in drawn:
        u = torch.rand(CHUNK, len(FACTOR_NAMES) + len(LOOKS), generator=rng)[: n - start]
        factors.append(torch.stack([draw(column) for draw, column in zip(made, u.T, strict=False)], 1))
        looks.append(u[:, len(FACTOR_NAMES) :] if vary is None else torch.full_like(u[:, : len(LOOKS)], 0.5))
    parts = (_kept if keep else _drawn)(zip(factors, looks, strict=True), size)
    names = ("x", "factors", "looks")
    return Data(
        torch.cat(list(parts)), torch.cat(factors), torch.cat(looks), names=names, factor_names=list(FACTOR_NAMES),
        about=faces.__doc__,
    )  # fmt: skip


def draw_faces(factors: Tensor, looks: Tensor | None = None, *, size: int = 32) -> Tensor:
    """Pictures (n, 3, size, size) in [0, 1] of faces with these factors (n, 15), on the factors' device.

    looks (n, 8) in [0, 1] are those of a data set, so that a face can be drawn again with one factor changed; without
    them all are in the middle. DataError for values out of range.
    """
    factors = check_factors(factors)
    check_size(size, "faces")
    if looks is None:
        looks = factors.new_full((len(factors), len(LOOKS)), 0.5)
    if looks.shape != (len(factors), len(LOOKS)) or not ((looks >= 0) & (looks <= 1)).all():
        raise DataError(f"looks are a tensor ({len(factors)}, {len(LOOKS)}) of numbers in [0, 1]: {', '.join(LOOKS)}")
    return painted(lambda named: _paint(named, size), (*FACTOR_NAMES, *LOOKS), torch.cat([factors, looks], 1), size)


def _paint(f: dict[str, Tensor], size: int) -> Tensor:
    """All layers, back to front; each works on the part of the picture that it can reach."""
    face = portrait.begin(f, size)
    portrait.background(face)
    portrait.behind(face)
    portrait.body(face.part(-1, 1, 0.35, 1))
    around = face.part(-0.85, 0.85, -0.6, 0.6)
    portrait.ears(around)
    head = face.part(-0.8, 0.8, -0.95, 0.95)
    head.maps["front"] = head.inside * smooth(0.02, 0.12, head.w)
    pixel = face.pixel / 0.5  # in (u, v), where the head is about half as wide as the picture
    for layer in (features.skin, features.lines, features.eyes, features.mouth, features.nose):
        layer(head, pixel)
    near = smooth(0.15, 0.35, -around.X.sign() * around.sy) * cover(-around.head - 0.12, around.pixel)
    portrait.ears(around, near)  # the one that is turned to us, over the head
    portrait.hair(face)
    features.brows(head, pixel)
    features.glasses(head, pixel)
    return face.image.clamp_(0, 1)


def _drawn(chunks, size: int) -> Iterator[Tensor]:
    """The pictures of each chunk as bytes."""
    return as_bytes(lambda *chunk: draw_faces(*chunk, size=size), chunks)


@cache
def version() -> str:
    """Of the renderer: it changes with every change of the files that paint."""
    sources = b"".join(Path(module.__file__).read_bytes() for module in (sdf, portrait, features))
    return hashlib.sha256(sources).hexdigest()[:10]


def _kept(chunks, size: int) -> Iterator[Tensor]:
    """Chunks from their files, drawn and written where there is none; a folder that is read-only is let be."""
    chunks = list(chunks)
    files = []
    for chunk in chunks:
        digest = hashlib.sha256(torch.cat(chunk, 1).numpy().tobytes())
        files.append(KEPT / version() / f"{size}-{digest.hexdigest()[:24]}.npy")
    there = [read_kept(file, (len(chunk[0]), 3, size, size)) for file, chunk in zip(files, chunks, strict=True)]
    missing = _drawn([chunk for chunk, x in zip(chunks, there, strict=True) if x is None], size)
    for file, x in zip(files, there, strict=True):
        if x is None:
            _write(file, x := next(missing))
        yield x


def _write(file: Path, x: Tensor) -> None:
    try:
        if write_kept(file, x):
            _make_room()
    except OSError:
        return


def _make_room() -> None:
    """Take away what older renderers drew, and the oldest files beyond MOST_BYTES."""
    found = sorted((path for path in KEPT.glob("*/*") if path.is_file()), key=lambda path: -path.stat().st_mtime)
    total = 0
    for path in found:
        total += path.stat().st_size
        if total > MOST_BYTES or path.parent.name != version():
            path.unlink(missing_ok=True)
    for folder in KEPT.iterdir():
        if folder.name != version() and not any(folder.iterdir()):
            folder.rmdir()
