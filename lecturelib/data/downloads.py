"""The standard data sets: found in a folder or downloaded into it, checked each time they are read."""

import gzip
import io
import os
import pickle
import tarfile
import tomllib
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lecturelib.data.fetch import fetch, md5_of
from lecturelib.data.files import check_split
from lecturelib.data.tensors import Data, DataError

REPOSITORY = Path(__file__).resolve().parents[2]


def folder() -> Path:
    """Where downloads lie: the folder that LECTURELIB_DATA names, else data/ of this repository."""
    named = os.environ.get("LECTURELIB_DATA")
    return Path(named).expanduser() if named else REPOSITORY / "data"


@cache
def manifest() -> dict[str, dict]:
    """data/manifest.toml: for each data set its files, md5 sums, mirrors and licence."""
    with open(REPOSITORY / "data" / "manifest.toml", "rb") as file:
        return tomllib.load(file)


def _entry(name: str) -> dict:
    if name not in manifest():
        raise DataError(f"there is no download {name!r}; there are {', '.join(manifest())}")
    return manifest()[name]


def _paths(name: str) -> list[tuple[Path, str]]:
    entry = _entry(name)
    return [(folder() / entry["folder"] / file["name"], file["md5"]) for file in entry["files"]]


def present(name: str) -> bool:
    """Do all files of this data set lie in the folder? (Their sums are compared when they are read.)"""
    return all(path.is_file() for path, _ in _paths(name))


def status() -> list[dict]:
    """One row a data set, for a table: name, present, folder, megabytes, what, licence, page."""
    rows = []
    for name, entry in manifest().items():
        size = sum(file["bytes"] for file in entry["files"]) / 1e6
        where = (folder() / entry["folder"]).resolve()
        about = {key: entry[key] for key in ("what", "licence", "page")}
        rows.append({"name": name, "present": present(name), "folder": where, "megabytes": round(size, 1), **about})
    return rows


def get(name: str) -> Path:
    """Download what is missing of a data set; returns its folder. DataError, within 10 s, without a network."""
    entry = _entry(name)
    for path, md5 in _paths(name):
        if path.is_file():
            continue
        try:
            fetch([mirror + path.name for mirror in entry["mirrors"]], path, md5)
        except (DataError, OSError) as error:
            files = ", ".join(file["name"] for file in entry["files"])
            raise DataError(
                f"{name} is not in {path.parent.resolve()} and could not be downloaded ({error}).\n"
                f"By hand: fetch {files} from {entry['mirrors'][0]} or {entry['page']} into that folder, or set "
                f"LECTURELIB_DATA to a folder that has {entry['folder']}/{path.name}.\n"
                f"Offline, load({entry['nearest']!r}) is the closest data set."
            ) from None
    return folder() / entry["folder"]


def verify(names: list[str] | None = None) -> list[str]:
    """Compare the md5 sums of the files that are there (of these data sets, or all); returns the problems."""
    problems = []
    for name in manifest() if names is None else names:
        for path, md5 in _paths(name):
            if path.is_file():
                problems += _problem(path, md5, name)
            elif names is not None or any(p.is_file() for p, _ in _paths(name)):
                problems.append(f"{name}: {path} is missing; `lecturelib data get {name}` fetches it")
    return problems


def _problem(path: Path, md5: str, name: str) -> list[str]:
    found = md5_of(path)
    if found == md5:
        return []
    return [f"{name}: {path} is damaged or another file (md5 {found}, should be {md5}); delete it and run "
            f"`lecturelib data get {name}`"]  # fmt: skip


def _whole(name: str, file: str) -> Path:
    get(name)
    path, md5 = next((path, md5) for path, md5 in _paths(name) if path.name == file)
    for problem in _problem(path, md5, name):
        raise DataError(problem)
    return path


def read_idx(path: Path) -> Tensor:
    """A tensor of bytes from a (gzipped) IDX file; DataError when it is truncated or of another kind.

    The format is described at the end of MNIST's page: 0, 0, 8 (bytes), the number of dimensions, the
    sizes as big-endian integers, then the values.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            raw = file.read()
    except (OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    dimensions = raw[3] if len(raw) > 3 else 0
    shape = np.frombuffer(raw[4 : 4 + 4 * dimensions], dtype=">i4").astype(int).tolist()
    values = np.frombuffer(raw, dtype=np.uint8, offset=min(len(raw), 4 + 4 * dimensions))
    if raw[:3] != b"\0\0\x08" or len(shape) != dimensions or len(values) != np.prod(shape):
        raise DataError(f"{path} is not a whole IDX file of bytes")
    return torch.from_numpy(values.reshape(shape).copy())


def _mnist_like(name: str, split: str, classes: str) -> Data:
    check_split(split)
    start = "train" if split == "train" else "t10k"
    x = read_idx(_whole(name, f"{start}-images-idx3-ubyte.gz"))[:, None]
    y = read_idx(_whole(name, f"{start}-labels-idx1-ubyte.gz")).long()
    return Data(x, y, classes=classes.split("|"), about=_entry(name)["what"])


def mnist(*, split: str = "train") -> Data:
    """Handwritten digits: x uint8 (60000 or 10000, 1, 28, 28), y. LeCun et al. (1998), Proceedings of the IEEE 86."""
    return _mnist_like("mnist", split, "0|1|2|3|4|5|6|7|8|9")


def fashion_mnist(*, split: str = "train") -> Data:
    """Pictures of clothes: x uint8 (60000 or 10000, 1, 28, 28), y. Xiao et al. (2017), arXiv 1708.07747."""
    classes = "T-shirt|trousers|pullover|dress|coat|sandal|shirt|sneaker|bag|ankle boot"
    return _mnist_like("fashion_mnist", split, classes)


def kmnist(*, split: str = "train") -> Data:
    """Handwritten hiragana: x uint8 (60000 or 10000, 1, 28, 28), y. Clanuwat et al. (2018), arXiv 1812.01718."""
    return _mnist_like("kmnist", split, "o|ki|su|tsu|na|ha|ma|ya|re|wo")


def cifar10(*, split: str = "train") -> Data:
    """Colour photographs: x uint8 (50000 or 10000, 3, 32, 32), y. Krizhevsky (2009), technical report, Toronto."""
    check_split(split)
    parts = [f"data_batch_{i}" for i in range(1, 6)] if split == "train" else ["test_batch"]
    x, y = [], []
    with tarfile.open(_whole("cifar10", "cifar-10-python.tar.gz")) as archive:
        for part in parts:  # pickles, read only after the archive's sum was compared
            raw = archive.extractfile(f"cifar-10-batches-py/{part}").read()
            batch = pickle.load(io.BytesIO(raw), encoding="bytes")
            x.append(torch.from_numpy(batch[b"data"]).reshape(-1, 3, 32, 32))
            y += batch[b"labels"]
    classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    return Data(torch.cat(x), torch.tensor(y), classes=classes, about=_entry("cifar10")["what"])
