"""Every data set by its name: `load(name)` and `datasets()`."""

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass

from lecturelib.data import downloads
from lecturelib.data.celeba import celeba
from lecturelib.data.curves import curves
from lecturelib.data.digits import digits
from lecturelib.data.discs import discs
from lecturelib.data.documents import documents
from lecturelib.data.facades import facades, files
from lecturelib.data.faces import faces
from lecturelib.data.glyphs import glyphs
from lecturelib.data.lfw import lfw
from lecturelib.data.photos import photos
from lecturelib.data.quickdraw import quickdraw
from lecturelib.data.scenes import scenes
from lecturelib.data.sketches import sketches
from lecturelib.data.tensors import Data, DataError
from lecturelib.data.toys import toys
from lecturelib.data.trajectories import trajectories


@dataclass(frozen=True)
class Entry:
    """What `datasets()` tells about a data set; `nearest` is the closest one that needs no network."""

    name: str
    what: str
    size: str
    origin: str
    licence: str
    kind: str  # drawn, bundled (in an installed package) or download
    present: bool = True
    nearest: str = ""


_OFFLINE = [
    Entry("curves", "smooth curves through three random points, 28 x 28", "any", "drawn", "MIT", "drawn"),
    Entry("digits", "real handwritten digits, 8 x 8", "1,797", "scikit-learn", "CC BY 4.0", "bundled"),
    Entry("discs", "a bright disc on grey from five independent factors, 16 x 16", "any", "drawn", "MIT", "drawn"),
    Entry("documents", "docstrings of installed packages as word counts", "4,000, or more", "installed packages",
          "BSD and similar, of each package", "bundled"),
    Entry("faces", "cartoon faces in colour from 15 named factors, 32 x 32 or larger", "any", "drawn", "MIT", "drawn"),
    Entry("glyphs", "digits and letters in many hands, 28 x 28", "any", "drawn from fonts and pen strokes",
          "MIT; matplotlib's fonts: Bitstream Vera, BaKoMa, STIX", "drawn"),
    Entry("lfw", "faces and crops without one, 25 x 25", "200", "scikit-image", "public domain", "bundled"),
    Entry("photos", "real photographs and patches of them", "10, or any number of patches",
          "scikit-image, scikit-learn", "public domain, CC0 and CC BY", "bundled"),
    Entry("scenes", "landscapes by day or night, in summer or winter, from 12 named factors, 32 x 32 or larger", "any",
          "drawn", "MIT", "drawn"),
    Entry("sketches", "ten kinds of things as the moves of a pen", "any", "drawn", "MIT", "drawn"),
    Entry("toys", "densities in one and two dimensions", "any", "drawn", "MIT", "drawn"),
    Entry("trajectories", "the way of a pen that writes digits or letters", "any", "drawn from pen strokes", "MIT",
          "drawn"),
]  # fmt: skip

_LOADERS: dict[str, Callable[..., Data]] = {
    "celeba": celeba,
    "cifar10": downloads.cifar10,
    "curves": curves,
    "digits": digits,
    "discs": discs,
    "documents": documents,
    "facades": facades,
    "faces": faces,
    "fashion_mnist": downloads.fashion_mnist,
    "glyphs": glyphs,
    "kmnist": downloads.kmnist,
    "lfw": lfw,
    "mnist": downloads.mnist,
    "photos": photos,
    "quickdraw": quickdraw,
    "scenes": scenes,
    "sketches": sketches,
    "toys": toys,
    "trajectories": trajectories,
}


def datasets() -> list[Entry]:
    """All data sets with size, origin and licence, those that need no network first."""
    entries = list(_OFFLINE)
    for row in downloads.status():
        about = downloads.manifest()[row["name"]]
        entries.append(
            Entry(row["name"], row["what"], row["size"], about["origin"], row["licence"], "download", row["present"],
                  about["nearest"])
        )  # fmt: skip
    there = len(files())
    entries.append(Entry("facades", "photographs of facades, each with its plan in plain colours, 256 x 256",
                         str(there or 606), "CMP facade database; put there by hand", "not stated", "download",
                         there > 0, "scenes"))  # fmt: skip
    return entries


def load(name: str, **options) -> Data:
    """A data set by its name; `datasets()` lists them, and the function of each, e.g. `glyphs`, its options.

    DataError for a name or an option that does not exist, and for a download that cannot be had.
    """
    if name not in _LOADERS:
        near = difflib.get_close_matches(name, _LOADERS, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(_LOADERS)}"
        raise DataError(f"there is no data set {name!r}; {hint}")
    accepted = inspect.signature(_LOADERS[name]).parameters.values()
    known = [p.name for p in accepted if p.kind is p.KEYWORD_ONLY]
    open_ended = any(p.kind is p.VAR_KEYWORD for p in accepted)
    unknown = [option for option in options if option not in known and not open_ended]
    if unknown:
        raise DataError(f"{name} has no option {unknown[0]!r}; it has {', '.join(known) or 'none'}")
    return _LOADERS[name](**options)
