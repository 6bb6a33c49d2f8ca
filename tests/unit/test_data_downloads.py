"""Downloads: whole or not at all, resumed, and a clear word when there is no network."""

import fcntl
import gzip
import hashlib
import os
import re
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from lecturelib.data import DataError, downloads, load
from lecturelib.data.fetch import fetch, md5_of

CONTENT = bytes(range(256)) * 1000
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT on loopback, in the way that the path names; `asked` lists (path, Range)."""

    daemon_threads = True

    def __init__(self):
        self.asked, self.half_served = [], False
        super().__init__(("127.0.0.1", 0), Handler)

    def url(self, way: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{way}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        wanted, way = self.headers.get("Range"), self.path.strip("/")
        self.server.asked.append((way, wanted))
        start = int(re.match(r"bytes=(\d+)-", wanted)[1]) if wanted and way != "noranges" else 0
        body = b"<html>log in to the network</html>" if way == "wrong" else CONTENT
        if way == "missing":
            return self.send_error(404)
        if start >= len(body):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        if way == "stall":
            time.sleep(3)
        elif way == "cut" or (way == "breaks" and not self.server.half_served):
            self.server.half_served = True
            self.wfile.write(body[start : (start + len(body)) // 2] if not start else b"")
        else:
            self.wfile.write(body[start:])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "set" / "raw" / "file.gz"


def part_of(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def test_whole_file(server, target):
    fetch([server.url("good")], target, MD5)
    assert target.read_bytes() == CONTENT
    assert os.listdir(target.parent) == ["file.gz"]


def test_broken_connection_is_resumed(server, target):
    fetch([server.url("breaks")], target, MD5)
    assert target.read_bytes() == CONTENT
    assert server.asked == [("breaks", None), ("breaks", f"bytes={len(CONTENT) // 2}-")]


def test_interrupted_run_is_resumed(server, target):
    target.parent.mkdir(parents=True)
    part_of(target).write_bytes(CONTENT[:1234])
    fetch([server.url("good")], target, MD5)
    assert target.read_bytes() == CONTENT
    assert server.asked == [("good", "bytes=1234-")]


def test_server_without_ranges_starts_anew(server, target):
    target.parent.mkdir(parents=True)
    part_of(target).write_bytes(CONTENT[:1234])
    fetch([server.url("noranges")], target, MD5)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("left", [b"x" * 1234, CONTENT + b"more", b"x" * len(CONTENT)])
def test_foreign_beginning_is_thrown_away(server, target, left):
    target.parent.mkdir(parents=True)
    part_of(target).write_bytes(left)
    fetch([server.url("good")], target, MD5)
    assert target.read_bytes() == CONTENT


def test_whole_part_needs_only_its_name(server, target):
    target.parent.mkdir(parents=True)
    part_of(target).write_bytes(CONTENT)
    fetch([server.url("good")], target, MD5)
    assert target.read_bytes() == CONTENT


def test_half_a_file_keeps_what_it_has(server, target):
    with pytest.raises(DataError):
        fetch([server.url("cut")], target, MD5)
    assert not target.exists()
    assert part_of(target).read_bytes() == CONTENT[: len(CONTENT) // 2]
    fetch([server.url("good")], target, MD5)
    assert target.read_bytes() == CONTENT


def test_wrong_file_leaves_nothing(server, target, tmp_path):
    with pytest.raises(DataError, match="another file"):
        fetch([server.url("wrong")], target, MD5)
    assert os.listdir(tmp_path) == []


def test_next_mirror_is_asked(server, target):
    fetch([server.url("missing"), server.url("wrong"), server.url("good")], target, MD5)
    assert [way for way, _ in server.asked] == ["missing", "wrong", "good"]
    assert target.read_bytes() == CONTENT


def test_all_answers_are_told(server, target):
    with pytest.raises(DataError, match=r"missing: HTTP 404.*wrong: it sent another file"):
        fetch([server.url("missing"), server.url("wrong")], target, MD5)


def test_silent_server_is_given_up(server, target):
    with pytest.raises(DataError, match="stall"):
        fetch([server.url("stall")], target, MD5, patience=0.3)
    assert not target.exists()


def test_two_processes_do_not_write_one_file(server, target):
    target.parent.mkdir(parents=True)
    with open(part_of(target), "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another process"):
            fetch([server.url("good")], target, MD5)
    assert server.asked == []


def refuse(*_, **__):
    raise socket.gaierror(-2, "Name or service not known")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "kmnist", "cifar10", "quickdraw"])
def test_no_network_is_explained(monkeypatch, tmp_path, name):
    monkeypatch.setenv("LECTURELIB_DATA", str(tmp_path))
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(DataError) as error:
        load(name)
    words = str(error.value)
    assert words.startswith(f"{name} is not in {tmp_path.resolve()}")
    assert "By hand: fetch" in words
    assert downloads.manifest()[name]["mirrors"][0] in words
    assert f"load({downloads.manifest()[name]['nearest']!r})" in words
    assert os.listdir(tmp_path) == []


def test_name_server_that_never_answers_is_given_up(monkeypatch, target):
    silence = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: silence.wait(30))
    with pytest.raises(DataError, match=r"no answer within 0\.2 s"):
        fetch(["http://data.example/a", "http://data.example/b"], target, MD5, patience=0.4)
    silence.set()


def idx(values: torch.Tensor) -> bytes:
    head = struct.pack(f">BBBB{values.ndim}i", 0, 0, 8, values.ndim, *values.shape)
    return gzip.compress(head + values.numpy().tobytes())


@pytest.fixture
def small_mnist(monkeypatch, tmp_path):
    """A folder with a little MNIST in it, and a manifest that knows its sums."""
    images, labels = torch.arange(5 * 4 * 4, dtype=torch.uint8).view(5, 4, 4), torch.arange(5, dtype=torch.uint8)
    entry = dict(downloads.manifest()["mnist"], mirrors=["http://127.0.0.1:9/"], files=[])
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in downloads.manifest()["mnist"]["files"]:
        (raw / file["name"]).write_bytes(idx(images if "images" in file["name"] else labels))
        entry["files"].append(file | {"md5": md5_of(raw / file["name"])})
    monkeypatch.setattr(downloads, "manifest", lambda: {"mnist": entry})
    monkeypatch.setenv("LECTURELIB_DATA", str(tmp_path))
    return raw


def test_files_that_are_there_are_read_and_left_alone(small_mnist):
    before = {path: path.stat().st_mtime_ns for path in small_mnist.iterdir()}
    data = load("mnist", split="test")
    assert data.stored[0].shape == (5, 1, 4, 4)
    assert data.stored[0].flatten().tolist() == list(range(80))
    assert data.y.tolist() == [0, 1, 2, 3, 4]
    assert {path: path.stat().st_mtime_ns for path in small_mnist.iterdir()} == before
    assert downloads.verify() == []
    assert downloads.status()[0]["present"]
    with pytest.raises(DataError, match="split is 'dev'"):
        load("mnist", split="dev")


def test_damaged_file_is_named_and_kept(small_mnist):
    path = small_mnist / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"t10k-images.*is damaged.*lecturelib data get mnist"):
        load("mnist", split="test")
    assert path.exists()
    assert len(downloads.verify()) == 1
    assert "t10k-images" in downloads.verify(["mnist"])[0]


def test_verify_says_what_is_missing(small_mnist):
    (small_mnist / "t10k-labels-idx1-ubyte.gz").unlink()
    assert "t10k-labels-idx1-ubyte.gz is missing" in downloads.verify()[0]
    assert not downloads.present("mnist")
    with pytest.raises(DataError, match="no download 'glyphs'"):
        downloads.verify(["glyphs"])


@pytest.mark.parametrize("raw", [b"", b"\0\0\x08\x01", b"\0\0\x0d\x01\0\0\0\x01\0", b"\0\0\x08\x01\0\0\0\x05abc"])
def test_idx_files_must_be_whole(tmp_path, raw):
    path = tmp_path / "file-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(raw))
    with pytest.raises(DataError, match="not a whole IDX file"):
        downloads.read_idx(path)
    path.write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x01a" * 100)[:-12])
    with pytest.raises(DataError, match="cannot be read"):
        downloads.read_idx(path)


def test_manifest_agrees_with_torchvision():
    from torchvision import datasets as known  # a second to import

    theirs = {"mnist": known.MNIST, "fashion_mnist": known.FashionMNIST, "kmnist": known.KMNIST}
    for name, source in theirs.items():
        files = {file["name"]: file["md5"] for file in downloads.manifest()[name]["files"]}
        assert files == dict(source.resources)
    assert downloads.manifest()["cifar10"]["files"][0]["md5"] == known.CIFAR10.tgz_md5


@pytest.mark.skipif(not downloads.present("mnist"), reason="MNIST is not here; set LECTURELIB_DATA or fetch it")
def test_the_real_mnist():
    data = load("mnist", split="test")
    assert data.x.shape == (10000, 1, 28, 28)
    assert data.y[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert data.x.mean().item() == pytest.approx(0.1325, abs=1e-4)
