"""A user's own arrays, files and pictures, and the errors for what cannot be used."""

import numpy as np
import pytest
import torch
from PIL import Image

from lecturelib.data import Data, DataError


def picture(path, size=(6, 4), mode="L", value=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode == "L" else (value, 0, 0)).save(path)


def test_rows_and_labels():
    data = Data.from_arrays(np.eye(3), ["cat", "dog", "cat"])
    assert data.x.dtype == torch.float32
    assert data.y.tolist() == [0, 1, 0]
    assert data.classes == ["cat", "dog"]
    assert Data.from_arrays([[1, 2], [3, 4]], [0.5, 1.5]).y.tolist() == [0.5, 1.5]


def test_words_keep_the_order_of_the_classes():
    data = Data.from_arrays(np.eye(3), ["dog", "cat", "dog"], classes=["dog", "cat", "eel"])
    assert data.y.tolist() == [0, 1, 0]
    assert data.classes == ["dog", "cat", "eel"]
    with pytest.raises(DataError, match="'cow', which is not among the classes dog, cat"):
        Data.from_arrays(np.eye(2), ["dog", "cow"], classes=["dog", "cat"])


def test_words_may_come_as_objects_or_bytes():
    for words in (np.array(["dog", "cat"], dtype=object), np.array([b"dog", b"cat"])):
        data = Data.from_arrays(np.eye(2), words)
        assert data.y.tolist() == [1, 0]
        assert data.classes == ["cat", "dog"]
    with pytest.raises(DataError, match="y holds object values"):
        Data.from_arrays(np.eye(2), np.array(["dog", None], dtype=object))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((5, 8, 9), (5, 1, 8, 9)), ((5, 3, 8, 9), (5, 3, 8, 9)), ((5, 8, 9, 3), (5, 3, 8, 9)), ((5, 7), (5, 7))],
)
def test_shapes_of_pictures(shape, expected):
    data = Data.from_arrays(np.zeros(shape, dtype=np.uint8))
    assert tuple(data.x.shape) == expected


def test_channels_last_is_turned_not_reshaped():
    array = np.random.default_rng(0).integers(0, 255, (2, 8, 9, 3), dtype=np.uint8)
    assert np.array_equal(Data.from_arrays(array).stored[0][1, 2].numpy(), array[1, :, :, 2])


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (np.zeros(5), None, "one row an example"),
        (np.zeros((5, 8, 9, 7)), None, "channels, h, w"),
        ([np.zeros((2, 3)), np.zeros((2, 4))], None, r"example 1 is \(2, 4\)"),
        (np.array([["a"]]), None, "numbers are needed"),
        (np.full((2, 8, 8), 255.0), None, "divide by 255"),
        (np.full((2, 3), np.nan), None, "NaN"),
        (np.zeros((0, 3)), None, "empty"),
        (np.zeros((3, 2)), [0, 1], "3 examples, but y"),
        (np.zeros((3, 2)), 1, "3 examples, but y"),
        (np.zeros((3, 2)), [[0], [0, 1], [1]], "y mixes shapes"),
        (np.zeros((2, 3, 4, 4, 4)), None, r"shape \(2, 3, 4, 4, 4\)"),
        (np.zeros((3, 0)), None, r"shape \(3, 0\)"),
        (None, None, "x is a NoneType"),
        ([[[1], [1, 2]]], None, "x is a list that is no array"),
    ],
)
def test_refused_arrays(x, y, words):
    with pytest.raises(DataError, match=words):
        Data.from_arrays(x, y)


def test_refused_tensors():
    x = torch.zeros(2, 1)
    for wrong in ((np.zeros((2, 1)),), (x, np.zeros(2))):
        with pytest.raises(DataError, match=r"type ndarray.*use Data\.from_arrays"):
            Data(*wrong)
    with pytest.raises(DataError, match="the same name: x, x"):
        Data(x, x, names=("x", "x"))
    for name in ("classes", "about", "stored", "names", "split"):
        with pytest.raises(DataError, match=f"cannot be called '{name}'"):
            Data(x, x, names=("x", name))


def test_class_names_must_cover_the_labels():
    with pytest.raises(DataError, match="runs from 0 to 2"):
        Data.from_arrays(np.zeros((3, 2)), [0, 1, 2], classes=["a", "b"])


def test_npz(tmp_path):
    np.savez(tmp_path / "mine.npz", x=np.ones((4, 2)), y=np.arange(4), faces=np.zeros((4, 3, 3), np.uint8))
    assert Data.from_npz(tmp_path / "mine.npz").y.tolist() == [0, 1, 2, 3]
    assert Data.from_npz(tmp_path / "mine.npz", x="faces", y=None).names == ("x",)
    with pytest.raises(DataError, match="holds x, y, faces"):
        Data.from_npz(tmp_path / "mine.npz", x="images")
    with pytest.raises(DataError, match="no file"):
        Data.from_npz(tmp_path / "none.npz")
    whole = (tmp_path / "mine.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    np.savez(tmp_path / "objects.npz", x=np.array([{"code": 1}], dtype=object))
    for name in ("half.npz", "objects.npz"):
        with pytest.raises(DataError, match=rf"{name} is not a readable"):
            Data.from_npz(tmp_path / name)


def test_folder_of_pictures(tmp_path):
    for i in range(3):
        picture(tmp_path / f"{i}.png", value=i)
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden.png").write_bytes(b"neither")
    data = Data.from_folder(tmp_path)
    assert data.names == ("x",)
    assert data.stored[0].shape == (3, 1, 4, 6)
    assert data.stored[0][:, 0, 0, 0].tolist() == [0, 1, 2]


def test_subfolders_are_classes_and_grey_joins_colour(tmp_path):
    picture(tmp_path / "dog" / "a.png")
    picture(tmp_path / "cat" / "a.JPG", mode="RGB")
    data = Data.from_folder(tmp_path)
    assert data.classes == ["cat", "dog"]
    assert data.y.tolist() == [0, 1]
    assert data.x.shape == (2, 3, 4, 6)
    assert Data.from_folder(tmp_path, channels=1).x.shape == (2, 1, 4, 6)
    picture(tmp_path / "loose.png")
    with pytest.raises(DataError, match=r"loose\.png"):
        Data.from_folder(tmp_path)


def test_mixed_sizes_are_named_or_resized(tmp_path):
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png", size=(7, 4))
    with pytest.raises(DataError, match=r"a\.png is 4 x 6.*b\.png is 4 x 7.*size="):
        Data.from_folder(tmp_path)
    assert Data.from_folder(tmp_path, size=5).x.shape == (2, 1, 5, 5)
    assert Data.from_folder(tmp_path, size=(3, 8)).x.shape == (2, 1, 3, 8)


def test_refused_folders(tmp_path):
    with pytest.raises(DataError, match="no folder"):
        Data.from_folder(tmp_path / "none")
    with pytest.raises(DataError, match="no pictures"):
        Data.from_folder(tmp_path)
    picture(tmp_path / "good.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "good.png").read_bytes()[:40])
    with pytest.raises(DataError, match=r"half\.png cannot be read"):
        Data.from_folder(tmp_path)
    with pytest.raises(DataError, match="channels is 2"):
        Data.from_folder(tmp_path, channels=2)


def test_sixteen_bits_keep_their_range(tmp_path):
    Image.fromarray(np.full((4, 4), 65535, dtype=np.uint16)).save(tmp_path / "deep.png")
    assert Data.from_folder(tmp_path).x.max() == 1
