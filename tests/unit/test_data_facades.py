"""Pairs of photographs and plans from a folder, and what is said when they are not there."""

import numpy as np
import pytest
import torch
from PIL import Image

from lecturelib.data import DataError, datasets, load
from lecturelib.data.downloads import folder


@pytest.fixture
def pairs(tmp_path, monkeypatch):
    monkeypatch.setenv("LECTURELIB_DATA", str(tmp_path))
    (tmp_path / "facades").mkdir()
    for number in range(5):
        pixels = np.zeros((256, 512, 3), np.uint8)
        pixels[:, :256] = 50 * number  # the photograph
        pixels[:, 256:, 2] = 255  # the plan
        Image.fromarray(pixels).save(tmp_path / "facades" / f"image_{number}.jpg", quality=95)
    return tmp_path / "facades"


@pytest.mark.parametrize("size", [32, 256])
def test_photographs_and_plans(size, pairs):
    train, test = load("facades", size=size), load("facades", size=size, split="test")
    assert train.names == ("x", "drawing")
    assert train.x.shape == train.drawing.shape == (4, 3, size, size)
    assert len(test) == 1
    assert [(entry.size, entry.present) for entry in datasets() if entry.name == "facades"] == [("5", True)]
    shades = torch.cat([train.x, test.x]).mean((1, 2, 3)) * 255
    torch.testing.assert_close(shades, 50 * torch.arange(5.0), atol=4, rtol=0)
    assert (train.drawing[:, 2, :, 2:].mean() - train.drawing[:, 0, :, 2:].mean()) > 0.9


def test_folders_of_their_own_are_the_parts(pairs):
    for number in range(5):
        part = pairs / ("train" if number < 2 else "val" if number < 3 else "test")
        part.mkdir(exist_ok=True)
        (pairs / f"image_{number}.jpg").rename(part / f"{number}.jpg")
    assert [len(load("facades", size=32, split=split)) for split in ("train", "test")] == [2, 2]
    assert load("facades", size=32, split="test").x.mean().item() == pytest.approx(175 / 255, abs=0.02)


def test_what_is_missing_or_broken_is_named(pairs):
    with pytest.raises(DataError, match="size is 48; choose one of 16"):
        load("facades", size=48)
    Image.fromarray(np.zeros((10, 10, 3), np.uint8)).save(pairs / "image_0.jpg")
    with pytest.raises(DataError, match=r"image_0.jpg has 10 x 10 pixels; pairs have 512 x 256"):
        load("facades")
    (pairs / "image_0.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"image_0.jpg is no picture"):
        load("facades")
    for file in list(pairs.glob("*.jpg"))[1:]:
        file.unlink()
    with pytest.raises(DataError, match="has 1 pictures, too few for a test part"):
        load("facades", split="test")
    for file in pairs.glob("*.jpg"):
        file.unlink()
    with pytest.raises(DataError, match="there are no facades in"):
        load("facades")


def test_the_real_ones():
    if not any((folder() / "facades").glob("*.jpg")):
        pytest.skip(f"no facades in {folder()}: set LECTURELIB_DATA to a folder that has facades/")
    train, test = load("facades"), load("facades", split="test")
    assert len(train) > 3 * len(test)
    # a plan has plain colours, strong ones
    assert train.drawing.flatten(2).std(2).mean() > train.x.flatten(2).std(2).mean()
