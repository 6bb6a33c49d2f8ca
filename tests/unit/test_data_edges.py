"""Line drawings: where colours change, thin, and the same however the picture is turned."""

import pytest
import torch
from skimage.feature import canny

from lecturelib.data import DataError, load
from lecturelib.data.edges import edges


def halves(left, right, size=16):
    x = torch.empty(1, 3, size, size)
    x[0, :, :, : size // 2] = torch.tensor(left)[:, None, None]
    x[0, :, :, size // 2 :] = torch.tensor(right)[:, None, None]
    return x


def test_a_line_one_pixel_wide_between_two_colours():
    for turned in range(4):
        found = edges(halves((0.2, 0.2, 0.2), (0.8, 0.8, 0.8)).rot90(turned, (2, 3)))
        assert found.sum() == 16
        assert found.rot90(-turned, (2, 3))[0, 0, :, 7:9].sum() == 16


def test_a_change_of_colour_alone_is_seen_and_a_small_one_is_not():
    assert edges(halves((0.8, 0.2, 0.5), (0.2, 0.8, 0.5))).sum() == 16  # the same brightness
    assert edges(halves((0.4, 0.4, 0.4), (0.5, 0.5, 0.5))).sum() == 0
    assert edges(halves((0.4, 0.4, 0.4), (0.5, 0.5, 0.5)), threshold=0.1).sum() == 16
    assert edges(torch.rand(1, 3, 1, 1).expand(2, 3, 8, 8)).sum() == 0


def test_faces_have_the_lines_that_another_detector_finds():
    x = load("faces", n=8, size=64, seed=3).x
    mine = edges(x, 0.2)[:, 0] > 0
    others = torch.stack([torch.from_numpy(canny(one.mean(0).numpy(), sigma=0.5, low_threshold=1, high_threshold=1))
                          for one in x])  # fmt: skip
    near = torch.nn.functional.max_pool2d(mine[:, None].float(), 3, 1, 1)[:, 0] > 0
    assert near[others].float().mean() > 0.9
    assert 0.05 < mine.float().mean() < 0.2


def test_parts_do_not_matter():
    x = load("scenes", n=20).x
    assert torch.equal(edges(x, chunk=7), edges(x))


@pytest.mark.parametrize(("x", "threshold", "words"), [
    (torch.zeros(3, 8, 8), 0.2, "pictures"), (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), 0.2, "uint8"),
    (torch.zeros(1, 3, 8, 8), -1.0, "threshold is -1"),
])  # fmt: skip
def test_what_cannot_be_drawn_is_named(x, threshold, words):
    with pytest.raises(DataError, match=words):
        edges(x, threshold)
