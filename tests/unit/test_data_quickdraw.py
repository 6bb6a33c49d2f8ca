"""Quick, Draw!: fetched from a server on loopback, compared with what it says of its files, read as sketches are."""

import base64
import hashlib
import io
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
import torch

from lecturelib.data import DataError, downloads, load
from lecturelib.data.fetch import fetch, whole_zip

COUNTS = {"train": 6, "valid": 2, "test": 3}


def drawings(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    out = np.empty(n, dtype=object)
    for i in range(n):
        out[i] = rng.integers(-100, 100, (4 + i, 3)).astype(np.int16)
        out[i][:, 2] = out[i][:, 2] > 0
    return out


def content(seed: int = 0, **counts: int) -> bytes:
    """A file of a class as the bucket has it."""
    file = io.BytesIO()
    np.savez_compressed(file, **{k: drawings(n, seed + i) for i, (k, n) in enumerate((counts or COUNTS).items())})
    return file.getvalue()


FILES = {"cat": content(1), "ice cream": content(2), "half": content(3, train=3, test=2)}


class Bucket(ThreadingHTTPServer):
    """Serves FILES in a way: what it says of their sums, and whether it breaks off once."""

    daemon_threads = True

    def __init__(self, says: str = "both"):
        self.says, self.asked, self.breaks, self.body = says, [], False, None
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        name, wanted = unquote(self.path).strip("/").removesuffix(".npz"), self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        if name not in FILES:
            return self.send_error(404)
        whole, start = FILES[name], int(re.match(r"bytes=(\d+)-", wanted)[1]) if wanted else 0
        body = whole if self.server.body is None else self.server.body
        if start >= len(body):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        md5 = base64.b64encode(hashlib.md5(whole, usedforsecurity=False).digest()).decode()
        for line in {"both": ["crc32c=AAAAAA==", f"md5={md5}"], "one line": [f"crc32c=AAAAAA==,md5={md5}"],
                     "crc": ["crc32c=AAAAAA=="], "nonsense": ["md5=???"], "nothing": []}[self.server.says]:  # fmt: skip
            self.send_header("x-goog-hash", line)
        self.end_headers()
        if self.server.breaks:
            self.server.breaks = False
            self.wfile.write(body[start : len(body) // 2])
        else:
            self.wfile.write(body[start:])

    def log_message(self, *_):
        pass


@pytest.fixture
def bucket(monkeypatch, tmp_path):
    server = Bucket()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    known = downloads.manifest()["quickdraw"] | {"mirrors": [server.address]}
    monkeypatch.setattr(downloads, "manifest", lambda: {"quickdraw": known})
    monkeypatch.setenv("LECTURELIB_DATA", str(tmp_path))
    yield server
    server.shutdown()
    server.server_close()


def test_the_same_form_as_sketches(bucket, tmp_path):
    data, like = load("quickdraw", classes=["cat", "ice cream"]), load("sketches", n=10)
    assert data.names == like.names
    assert data.classes == ["cat", "ice cream"]
    assert [t.dtype for t in data.stored] == [t.dtype for t in like.stored]
    assert data.y.tolist() == [0, 1] * 6
    assert data.lengths.tolist() == [n for k in range(6) for n in (4 + k, 4 + k)]
    right = drawings(6, 2)[5]
    np.testing.assert_allclose(data.x[11, :9, :2] * data.scale, right[:, :2], rtol=1e-5)
    np.testing.assert_array_equal(data.x[11, :9, 2], right[:, 2])
    moves = torch.cat([x[:n, :2] for x, n in zip(data.x, data.lengths, strict=True)])
    assert float(moves.std(correction=0)) == pytest.approx(1, abs=1e-5)
    assert bucket.asked == [("/cat.npz", None), ("/ice%20cream.npz", None)]
    assert sorted(p.name for p in (tmp_path / "quickdraw").iterdir()) == ["cat.npz", "ice cream.npz"]


def test_all_splits_have_the_scale_of_the_training_drawings(bucket):
    parts = {split: load("quickdraw", split=split) for split in COUNTS}
    assert {split: len(part) for split, part in parts.items()} == COUNTS
    assert len({part.scale for part in parts.values()}) == 1
    assert load("quickdraw", n=4).lengths.tolist() == [4, 5, 6, 7]
    assert load("quickdraw", classes="cat", longest=5).lengths.tolist() == [4, 5]
    assert len(bucket.asked) == 1


@pytest.mark.parametrize("says", ["both", "one line", "crc", "nonsense", "nothing"])
def test_what_breaks_off_goes_on(bucket, says):
    bucket.says, bucket.breaks = says, True
    assert len(load("quickdraw")) == 6
    assert [wanted for _, wanted in bucket.asked] == [None, f"bytes={len(FILES['cat']) // 2}-"]


@pytest.mark.parametrize("says", ["both", "crc"])
@pytest.mark.parametrize("left", [b"x" * 100, b"x" * len(FILES["cat"])])
def test_a_foreign_beginning_is_thrown_away(bucket, says, left, tmp_path):
    bucket.says = says
    (tmp_path / "quickdraw").mkdir()
    (tmp_path / "quickdraw" / "cat.npz.part").write_bytes(left)
    assert len(load("quickdraw")) == 6
    assert [p.name for p in (tmp_path / "quickdraw").iterdir()] == ["cat.npz"]


@pytest.mark.parametrize(("says", "words"), [("both", "md5 sum should be"), ("nothing", "it is no whole zip file")])
@pytest.mark.parametrize("body", [b"<html>log in to the network</html>", FILES["cat"][:-9], FILES["cat"][:200] + b"!" +
                                  FILES["cat"][201:]], ids=["page", "cut", "damaged"])  # fmt: skip
def test_what_is_not_the_file_is_not_kept(bucket, says, words, body, tmp_path):
    bucket.says, bucket.body = says, body
    with pytest.raises(DataError, match=f"(?s)could not be downloaded.*{words}.*By hand: fetch cat.npz"):
        load("quickdraw")
    assert list(tmp_path.iterdir()) == []


def test_another_whole_file_is_found_by_the_servers_sum_alone(bucket):
    bucket.body = FILES["ice cream"]
    with pytest.raises(DataError, match="it sent another file"):
        load("quickdraw")
    bucket.says = "nothing"  # as the docstring says
    assert len(load("quickdraw")) == 6


def test_a_class_that_is_not_there(bucket, tmp_path):
    with pytest.raises(DataError, match=r"(?s)catt\.npz: HTTP 404.*load\('sketches'\)"):
        load("quickdraw", classes=["catt"])
    assert list(tmp_path.iterdir()) == []


def test_damaged_files_are_named_and_kept(bucket, tmp_path):
    load("quickdraw", classes=["cat", "ice cream"])
    assert downloads.present("quickdraw")
    assert downloads.verify() == []
    path = tmp_path / "quickdraw" / "ice cream.npz"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"ice cream\.npz is no file of drawings.*delete it and load it again"):
        load("quickdraw", classes=["ice cream"])
    assert path.is_file()
    (problem,) = downloads.verify()
    assert "ice cream.npz is damaged or another file (no whole zip file)" in problem
    with pytest.raises(DataError, match="no drawings of the split 'valid'"):
        load("quickdraw", classes=["half"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"classes": []}, "at least one"),
        ({"classes": ["../cat"]}, "'../cat' is none"),
        ({"classes": ["cat", "cat"]}, "each once"),
        ({"classes": [3]}, "3 is none"),
        ({"split": "dev"}, "choose one of train, valid, test"),
        ({"n": 0}, "n is 0"),
        ({"longest": 0}, "longest is 0"),
        ({"longest": 3}, "no drawing of 'cat' has at most 3 moves"),
    ],
)
def test_bad_options(bucket, options, words):
    with pytest.raises(DataError, match=re.escape(words)):
        load("quickdraw", **options)


def test_status_and_the_listing(bucket):
    (row,) = downloads.status()
    assert not row["present"]
    assert "each class" in row["size"]
    assert downloads.verify(["quickdraw"]) == []


def test_a_zip_file_is_whole_or_not(tmp_path, bucket):
    path = Path(tmp_path) / "a.npz"
    fetch([bucket.address + "cat.npz"], path, None)
    assert whole_zip(path)
    path.write_bytes(b"PK")
    assert not whole_zip(path)
    assert not whole_zip(tmp_path / "none.npz")
