"""Fetch one file from one of several mirrors: bounded waiting, resumed when interrupted, never half a file.

torchvision's own download neither times out nor resumes, which is why this is here.
"""

import base64
import binascii
import fcntl
import hashlib
import os
import threading
import urllib.error
import urllib.request
import zipfile
from http.client import HTTPException
from pathlib import Path

from tqdm import tqdm

from lecturelib.data.files import DataError

PATIENCE = 8.0  # seconds in all without a byte before a file is given up


def md5_of(path: Path) -> str:
    """The md5 sum of a file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def whole_zip(path: Path) -> bool:
    """Is it a zip file (an .npz is one) whose parts all have the CRC-32 sums that it names?"""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except Exception:  # whatever a broken zip file raises
        return False


def fetch(urls: list[str], path: Path, md5: str | None, patience: float = PATIENCE) -> None:
    """Download into PATH.part, continue what lies there, compare the md5 sum, and only then rename to PATH.

    md5: the published sum. None where nobody publishes one: then the sum that the server itself sends is compared
    (Google's x-goog-hash), and where it sends none, the CRC-32 sums inside the file, which has to be a zip file.
    Both find a broken download; neither tells that the server has what it should.
    `patience`: seconds without an answer before the file is given up, shared by the mirrors.
    DataError when no mirror gives the whole file: it tells what each of them answered.
    """
    made = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    part, failures = path.with_name(path.name + ".part"), []
    with open(part, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataError(f"{part} is being written by another process: wait for it, then try again") from None
        for url in urls:
            problem = _from_mirror(url, file, part, md5, patience / len(urls))
            if problem is None:
                os.fsync(file.fileno())
                os.replace(part, path)
                return
            failures.append(f"{url}: {problem}")
    if part.stat().st_size == 0:  # leave nothing behind
        part.unlink()
        for folder in made:
            folder.rmdir()
    raise DataError("; ".join(failures))


def _from_mirror(url: str, file, part: Path, md5: str | None, patience: float) -> str | None:
    """Read from one mirror as long as it sends something; what went wrong, or None when the file is whole."""
    problem = "it breaks off again and again"
    for _ in range(20):
        before = file.seek(0, os.SEEK_END)
        try:
            ended, announced = _read(url, file, before, patience)
        except (OSError, HTTPException, ValueError) as error:  # no network, time-outs, broken connections, bad urls
            ended, problem = False, str(getattr(error, "reason", error) or type(error).__name__)
        file.flush()
        wanted = md5 or (announced if ended else None)
        if ended and (md5_of(part) == wanted if wanted else whole_zip(part)):
            return None
        if ended:  # something else, or a beginning that does not belong to it: once more from the start
            about = f"the md5 sum should be {wanted}" if wanted else "it is no whole zip file"
            problem = f"it sent another file ({about})"
            file.truncate(0)
            if before == 0:
                return problem
        elif file.seek(0, os.SEEK_END) <= before:
            return problem
    return problem


def _announced(headers) -> str | None:
    """The md5 sum of the whole file that Google's servers send, as hexadecimal digits: x-goog-hash: md5=BASE64."""
    for entry in ",".join(headers.get_all("x-goog-hash") or []).split(","):
        kind, _, value = entry.strip().partition("=")
        if kind == "md5":
            try:
                return base64.b64decode(value, validate=True).hex()
            except binascii.Error:
                return None
    return None


def _read(url: str, file, start: int, patience: float) -> tuple[bool, str | None]:
    """Append what the server sends after byte `start`; True when it has sent all that it announced, and its md5."""
    request = urllib.request.Request(url, headers={"User-Agent": "lecturelib"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = _open(request, patience)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing lies beyond: it is whole, or longer than it should be
            return True, _announced(error.headers)
        raise OSError(f"HTTP {error.code} {error.reason}") from None
    with response:
        if response.status != 206:  # the server starts from the beginning
            start = 0
            file.truncate(start)
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        with tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=Path(url).name, disable=None) as bar:
            while block := response.read1(1 << 16):
                file.write(block)
                bar.update(len(block))
    return total is None or file.seek(0, os.SEEK_END) == total, _announced(response.headers)


def _open(request, patience: float):
    """urlopen in a thread: its own timeout bounds neither the look-up of the name nor a list of addresses."""
    result = []

    def work():
        try:
            result.append(urllib.request.urlopen(request, timeout=patience))
        except Exception as error:
            result.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(patience)
    if not result:
        raise TimeoutError(f"no answer within {patience:g} s")
    if isinstance(result[0], Exception):
        raise result[0]
    return result[0]
