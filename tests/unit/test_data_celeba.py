"""CelebA from files of its form: a handful of small pictures, their tables, and what can be wrong with them."""

import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lecturelib.data import DataError, celeba, downloads, load
from lecturelib.data.fetch import md5_of

NAMES = [f"{i:06d}.jpg" for i in range(1, 8)]
COLUMNS = ["Eyeglasses", "Male", "Smiling", *(f"Other_{i}" for i in range(37))]
SIGNS = np.where(np.arange(7 * 40).reshape(7, 40) % 3 == 0, 1, -1)
PARTS = [0, 0, 0, 1, 2, 2, 0]


def picture(i: int, size=(178, 218)) -> bytes:
    """Grey above and below the middle square, which has a colour of its own."""
    image = Image.new("RGB", size, (128, 128, 128))
    image.paste((30 * i, 200 - 20 * i, 60), (0, 20, 178, 198))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95)
    return file.getvalue()


def write(folder: Path) -> None:
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for i, name in enumerate(NAMES):
            archive.writestr(f"img_align_celeba/{name}", picture(i))
    rows = [f"{name} " + " ".join(f"{v:2d}" for v in row) for name, row in zip(NAMES, SIGNS, strict=True)]
    (folder / "list_attr_celeba.txt").write_text("\n".join(["7", " ".join(COLUMNS) + " ", *rows]) + "\n")
    (folder / "identity_CelebA.txt").write_text("".join(f"{name} {100 + i}\n" for i, name in enumerate(NAMES)))
    (folder / "list_eval_partition.txt").write_text("".join(f"{n} {p}\n" for n, p in zip(NAMES, PARTS, strict=True)))
    marks = "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
    rows = [f"{name}  69  109  106  113   77  142   73  152  108  154" for name in NAMES]
    (folder / "list_landmarks_align_celeba.txt").write_text("\n".join(["7", marks, *rows]) + "\n")


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """The files, with their own sums taken for the known ones, and a place for what is kept."""
    place = tmp_path / "sets" / "celeba"
    write(place)
    sums = {path.name: md5_of(path) for path in place.iterdir()}
    monkeypatch.setattr(downloads, "_torchvisions", lambda name: sums)
    monkeypatch.setenv("LECTURELIB_DATA", str(place.parent))
    monkeypatch.setattr(celeba, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(celeba, "CHUNK", 3)
    return place


def rewrite(path: Path, old: str, new: str, monkeypatch) -> None:
    """Another text whose sum is taken for the right one."""
    path.write_text(path.read_text().replace(old, new))
    sums = downloads._torchvisions("celeba") | {path.name: md5_of(path)}
    monkeypatch.setattr(downloads, "_torchvisions", lambda name: sums)


def test_pictures_and_tables(folder):
    data = load("celeba", size=32)
    assert data.names == ("x", "y", "factors", "identity", "landmarks")
    assert data.stored[0].shape == (4, 3, 32, 32)
    assert data.stored[0].dtype == torch.uint8
    for x, i in zip(data.stored[0], (0, 1, 2, 6), strict=True):  # the crop shows the middle square alone
        assert (x.float().mean((1, 2)) - torch.tensor([30.0 * i, 200 - 20 * i, 60])).abs().max() < 4
    assert data.factor_names == COLUMNS
    assert torch.equal(data.factors, torch.from_numpy(SIGNS[[0, 1, 2, 6]] > 0).float())
    assert torch.equal(data.y, data.factors[:, 2].long())
    assert data.classes == ["not Smiling", "Smiling"]
    assert data.identity.tolist() == [100, 101, 102, 106]
    expected = torch.tensor([69, 89, 106, 93, 77, 122, 73, 132, 108, 134]) * 32 / 178
    torch.testing.assert_close(data.landmarks[0], expected)


def test_splits_labels_and_few(folder):
    assert {split: len(load("celeba", split=split)) for split in celeba.SPLITS} == {"train": 4, "valid": 1, "test": 2}
    male = load("celeba", label="Male", n=2)
    assert male.y.tolist() == male.factors[:, 1].tolist()
    assert len(male) == 2


def test_crops_are_kept_and_the_files_left_alone(folder, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    first = load("celeba", size=32).stored[0]
    assert len(list(celeba.KEPT.iterdir())) == 2  # chunks of three
    monkeypatch.setattr(celeba, "_pictures", None)  # from now on no picture can be read
    assert torch.equal(load("celeba", size=32).stored[0], first)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_what_was_interrupted_goes_on(folder, monkeypatch):
    read, seen = celeba._crop, []

    def stop(pictures, name, size):
        if name == NAMES[6]:
            raise KeyboardInterrupt
        return read(pictures, name, size)

    monkeypatch.setattr(celeba, "_crop", stop)
    with pytest.raises(KeyboardInterrupt):
        load("celeba", size=32)
    monkeypatch.setattr(celeba, "_crop", lambda pictures, name, size: seen.append(name) or read(pictures, name, size))
    assert len(load("celeba", size=32)) == 4
    assert seen == [NAMES[6]]
    for path in celeba.KEPT.iterdir():  # half a file is not believed
        path.write_bytes(path.read_bytes()[:200])
    assert len(load("celeba", size=32)) == 4


@pytest.mark.parametrize("inner", ["", "img_align_celeba"])
def test_an_unpacked_folder(folder, inner):
    zipped = load("celeba", size=16).stored[0]
    with zipfile.ZipFile(folder / "img_align_celeba.zip") as archive:
        archive.extractall(folder / "img_align_celeba" if inner else folder)
    (folder / "img_align_celeba.zip").unlink()
    assert downloads.present("celeba")
    assert downloads.verify(["celeba"]) == []
    assert torch.equal(load("celeba", size=16).stored[0], zipped)
    found = next(folder.rglob(NAMES[4]))
    found.write_bytes(found.read_bytes()[:100])
    with pytest.raises(DataError, match=rf"{NAMES[4]} cannot be read as a picture"):
        load("celeba", size=16, split="test")
    found.unlink()
    with pytest.raises(DataError, match=rf"{NAMES[4]} cannot be read as a picture \(it is missing\)"):
        load("celeba", size=16, split="test")
    found.write_bytes(picture(1, (100, 100)))
    with pytest.raises(DataError, match=rf"{NAMES[4]} is 100 x 100"):
        load("celeba", size=16, split="test")


@pytest.mark.parametrize("file", ["list_attr_celeba.txt", "identity_CelebA.txt", "img_align_celeba.zip"])
def test_a_wrong_sum_is_named(folder, file):
    path = folder / file
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=rf"{file} is damaged or another file \(md5 .*fetch it from https://mmlab"):
        load("celeba")
    assert len(downloads.verify(["celeba"])) == 1
    assert path.is_file()


def test_a_missing_file_says_what_to_do(folder):
    (folder / "identity_CelebA.txt").unlink()
    with pytest.raises(DataError) as error:
        load("celeba")
    for words in ("celeba has to be fetched by hand: identity_CelebA.txt not in", str(folder.resolve()),
                  "LECTURELIB_DATA", "non-commercial research only", "https://mmlab", "load('faces')"):  # fmt: skip
        assert words in str(error.value)
    assert not downloads.present("celeba")
    assert len(downloads.verify(["celeba"])) == 1
    shutil.rmtree(folder)
    with pytest.raises(DataError, match=r"img_align_celeba\.zip, list_attr_celeba\.txt, "):
        downloads.get("celeba")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("list_attr_celeba.txt", "7\n", "8\n", "a picture and 40 numbers in each line"),
        ("list_attr_celeba.txt", "000003.jpg", "000003.jpg 1", "a picture and 40 numbers"),
        ("identity_CelebA.txt", "000002.jpg 101", "000002.jpg who", "could not convert"),
        ("identity_CelebA.txt", "000002.jpg", "000009.jpg", "do not name the same pictures"),
        ("list_eval_partition.txt", " 2\n", " 0\n", "no picture of the split 'test'"),
    ],
)
def test_tables_of_another_form(folder, monkeypatch, file, old, new, words):
    rewrite(folder / file, old, new, monkeypatch)
    with pytest.raises(DataError, match=words):
        load("celeba", split="test")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 7}, "size is 7"),
        ({"size": 200}, "178 pixels wide"),
        ({"n": 0}, "n is 0"),
        ({"split": "dev"}, "choose one of"),
        ({"label": "Smile"}, "no attribute 'Smile'; there are Eyeglasses, Male"),
    ],
)
def test_bad_options(folder, options, words):
    with pytest.raises(DataError, match=words):
        load("celeba", **options)


def test_the_sums_are_torchvisions():
    from torchvision.datasets import CelebA  # a second to import

    known = {file: md5 for _, md5, file in CelebA.file_list}
    files = [file["name"] for file in downloads.manifest()["celeba"]["files"]]
    assert set(files) <= set(known)
    assert downloads._torchvisions("celeba") == known
    assert downloads.manifest()["celeba"]["folder"] == CelebA.base_folder
