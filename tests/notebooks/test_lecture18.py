"""What lecture 18 writes out is what the library does, and what it measures with measures what it says."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from written_out import definitions

from lecturelib import Model
from lecturelib.models import growing


@pytest.fixture(scope="module")
def lecture() -> dict:
    wanted = ("faded", "Equal", "usual", "moved", "pixel_norm", "deviation", "Judge")
    return definitions("18_growing_progressively", *wanted, torch=torch, nn=nn, F=F, math=math, Model=Model,
                       growing=growing)  # fmt: skip


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_a_level_fades_in_as_the_library_has_it(lecture, share):
    torch.manual_seed(0)
    generator, z = growing.GrowingGenerator(8, (8, 6, 4)), torch.randn(3, 8)
    pictures = []
    for level in (1, 2):
        generator.at(level)
        pictures.append(generator(z))
    generator.at(2, fade=share)
    torch.testing.assert_close(lecture["faded"](*pictures, share), generator(z))


def test_both_starts_have_outputs_of_one_scale_and_the_equalised_one_is_the_librarys(lecture):
    torch.manual_seed(0)
    x, scales = torch.randn(500, 400), []
    for kind in (lecture["usual"], lecture["Equal"]):
        layer = kind(400, 300)
        nn.init.zeros_(layer.bias)
        scales.append(layer(x).std().item())
    assert scales[0] == pytest.approx(scales[1], rel=0.03)
    mine, librarys = lecture["Equal"](7, 5), growing.EqualLinear(7, 5)
    librarys.load_state_dict(mine.state_dict())
    torch.testing.assert_close(mine(x[:, :7]), librarys(x[:, :7]))


def test_only_the_usual_start_moves_more_with_more_inputs(lecture):
    torch.manual_seed(0)
    change = {kind: [lecture["moved"](lecture[kind](size, 20)) for size in (10, 1000)] for kind in ("usual", "Equal")}
    assert change["usual"][1] / change["usual"][0] == pytest.approx(10, rel=0.25)  # the root of a hundred
    assert change["Equal"][1] / change["Equal"][0] == pytest.approx(1, rel=0.25)


def test_pixel_norm_forgets_sizes_and_the_deviation_forgets_places(lecture):
    torch.manual_seed(0)
    a = torch.randn(4, 6, 3, 3)
    normed = lecture["pixel_norm"](a)
    torch.testing.assert_close(normed, growing.PixelNorm()(a))
    torch.testing.assert_close(normed, lecture["pixel_norm"](50 * a))
    seen = lecture["deviation"](a)
    torch.testing.assert_close(seen, growing.MinibatchDeviation()(a), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(seen[:, -1:], lecture["deviation"](a.flip(2, 3))[:, -1:])
    assert lecture["deviation"](a[:1].expand(4, -1, -1, -1))[:, -1].abs().max() == 0


def test_a_judge_of_single_pictures_sees_no_difference_in_the_mean(lecture):
    torch.manual_seed(0)
    x = torch.rand(16, 3, 16, 16)
    for sees_the_batch in (False, True):
        judge = lecture["Judge"](sees_the_batch)
        alone = torch.cat([judge(one[None].expand(16, -1, -1, -1))[:1] for one in x])
        assert torch.allclose(judge(x), alone, atol=1e-5) != sees_the_batch
