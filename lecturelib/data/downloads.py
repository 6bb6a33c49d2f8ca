"""The standard data sets: found in a folder or downloaded into it, checked each time they are read."""

import gzip
import io
import os
import pickle
import tarfile
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from urllib.parse import quote

import numpy as np
import torch
from torch import Tensor

from lecturelib.data.fetch import fetch, md5_of, whole_zip
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


def _paths(name: str) -> list[tuple[Path, str | None]]:
    """The files of a data set that has a fixed list of them, or those of its pattern that are there."""
    entry = _entry(name)
    place = folder() / entry["folder"]
    if "pattern" in entry:
        return [(path, None) for path in sorted(place.glob(entry["pattern"]))]
    sums = _torchvisions(name) if entry.get("sums") == "torchvision" else {}
    return [(place / file["name"], file.get("md5") or sums[file["name"]]) for file in entry["files"]]


@cache
def _torchvisions(name: str) -> dict[str, str]:
    """File -> md5 of a data set whose sums are torchvision's own to tell."""
    from torchvision import datasets as known

    return {file: md5 for _, md5, file in {"celeba": known.CelebA}[name].file_list}


def _there(path: Path) -> bool:
    """Is the file there, or, of a zip file, the folder that it unpacks to?"""
    return path.is_file() or (path.suffix == ".zip" and path.with_suffix("").is_dir())


def present(name: str) -> bool:
    """Do all files of this data set lie in the folder? (Their sums are compared when they are read.)"""
    entry = _entry(name)
    if "pattern" in entry:
        return bool(_paths(name))
    return all(_there(folder() / entry["folder"] / file["name"]) for file in entry["files"])


def status() -> list[dict]:
    """One row a data set, for a table: name, present, folder, size, what, licence, page."""
    rows = []
    for name, entry in manifest().items():
        megabytes = sum(file.get("bytes", 0) for file in entry["files"]) / 1e6
        size = entry.get("size") or f"{round(megabytes, 1):g} MB to download"
        where = (folder() / entry["folder"]).resolve()
        about = {key: entry[key] for key in ("what", "licence", "page")}
        rows.append({"name": name, "present": present(name), "folder": where, "size": size, **about})
    return rows


def get(name: str, files: Sequence[str] | None = None) -> Path:
    """Download what is missing of a data set (or of these files of it); returns its folder.

    DataError, within 10 s, without a network, and for what nobody may download without a reader: it says what to do.
    """
    entry = _entry(name)
    place = folder() / entry["folder"]
    named = [file["name"] for file in entry["files"]] if files is None else list(files)
    missing = [file for file in named if not _there(place / file)]
    if missing and not entry["mirrors"]:
        raise DataError(_by_hand(name, place, missing))
    for file in missing:
        md5 = next((f.get("md5") for f in entry["files"] if f["name"] == file), None)
        try:
            fetch([mirror + quote(file) for mirror in entry["mirrors"]], place / file, md5)
        except (DataError, OSError) as error:
            raise DataError(
                f"{name} is not in {place.resolve()} and could not be downloaded ({error}).\n"
                f"By hand: fetch {', '.join(named)} from {entry['mirrors'][0]} or {entry['page']} into that folder, or "
                f"set LECTURELIB_DATA to a folder that has {entry['folder']}/{file}.\n"
                f"Offline, load({entry['nearest']!r}) is the closest data set."
            ) from None
    return place


def _by_hand(name: str, place: Path, missing: list[str]) -> str:
    entry = _entry(name)
    return (
        f"{name} has to be fetched by hand: {', '.join(missing)} not in {place.resolve()}.\n"
        f"Read its terms ({entry['licence']}) on {entry['page']}, fetch the files from the link there into that folder "
        f"(a zip file may stay as it is or be unpacked), or set LECTURELIB_DATA to a folder that has "
        f"{entry['folder']}/{missing[0]}.\n"
        f"Until then, load({entry['nearest']!r}) is the closest data set."
    )


def verify(names: list[str] | None = None) -> list[str]:
    """Compare the md5 sums of the files that are there (of these data sets, or all); returns the problems.

    Where no sum is published, the CRC-32 sums inside the file. Pictures that were unpacked have none.
    """
    problems = []
    for name in manifest() if names is None else names:
        files = [folder() / _entry(name)["folder"] / file["name"] for file in _entry(name)["files"]]
        if names is None and "pattern" not in _entry(name) and not any(map(_there, files)):
            continue
        for path, md5 in _paths(name):
            if path.is_file():
                problems += _problem(path, md5, name)
            elif not _there(path):
                problems.append(f"{name}: {path} is missing; {_again(name)}")
    return problems


def _again(name: str) -> str:
    entry = _entry(name)
    if not entry["mirrors"]:
        return f"fetch it from {entry['page']}"
    return f'load("{name}", ...) fetches it' if "pattern" in entry else f"`lecturelib data get {name}` fetches it"


def _problem(path: Path, md5: str | None, name: str) -> list[str]:
    found = md5_of(path) if md5 else None
    if whole_zip(path) if md5 is None else found == md5:
        return []
    about = f"md5 {found}, should be {md5}" if md5 else "no whole zip file"
    return [f"{name}: {path} is damaged or another file ({about}); delete it, then {_again(name)}"]


def whole(name: str, file: str) -> Path:
    """The path of a file of a data set, fetched where it is missing; DataError when its sum is not the right one."""
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
    x = read_idx(whole(name, f"{start}-images-idx3-ubyte.gz"))[:, None]
    y = read_idx(whole(name, f"{start}-labels-idx1-ubyte.gz")).long()
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
    with tarfile.open(whole("cifar10", "cifar-10-python.tar.gz")) as archive:
        for part in parts:  # pickles, read only after the archive's sum was compared
            raw = archive.extractfile(f"cifar-10-batches-py/{part}").read()
            batch = pickle.load(io.BytesIO(raw), encoding="bytes")
            x.append(torch.from_numpy(batch[b"data"]).reshape(-1, 3, 32, 32))
            y += batch[b"labels"]
    classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    return Data(torch.cat(x), torch.tensor(y), classes=classes, about=_entry("cifar10")["what"])
