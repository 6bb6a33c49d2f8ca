"""What lecture 16 writes out is what the library does."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from written_out import definitions

from lecturelib.data.face_factors import FACTORS
from lecturelib.experiments.translation import sharpness
from lecturelib.games import Hinge
from lecturelib.models.translation import PatchDiscriminator, Pix2Pix, UNet


@pytest.fixture(scope="module")
def lecture() -> dict:
    wanted = ("SmallUNet", "groups", "field", "seen_by", "generators_loss", "background", "saturation", "patchwork",
              "sharpness", "scores", "shuffle", "small")  # fmt: skip
    return definitions("16_from_image_to_image", *wanted, torch=torch, nn=nn, F=F, FACTORS=FACTORS)


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("widths", [(16, 32, 64, 64, 64), (8, 24)])
def test_the_u_net_is_the_librarys(skip, widths, lecture):
    torch.manual_seed(1)
    mine = lecture["SmallUNet"](widths, skip)
    librarys = UNet(1, 3, widths, skip=skip, norm=lecture["groups"], spread=None)
    mine.load_state_dict(dict(zip(mine.state_dict(), librarys.state_dict().values(), strict=True)))
    lines = torch.rand(6, 1, 32, 32)
    made = mine(lines)
    torch.testing.assert_close(made, librarys(lines))
    assert made.shape == (6, 3, 32, 32)
    assert 0 <= made.min() < made.max() <= 1


def test_without_skips_the_last_block_sees_what_comes_from_the_code_alone(lecture):
    ways = {skip: lecture["SmallUNet"]((8, 16), skip).up[-1][1].in_channels for skip in (True, False)}
    assert ways == {True: 16, False: 8}


@pytest.mark.parametrize("strides", [(2,), (2, 2), (2, 2, 2), (2, 2, 2, 1), (1, 2)])
def test_the_field_is_the_librarys_and_what_a_derivative_says(strides, lecture):
    network = PatchDiscriminator(4, (8,) * len(strides), strides=strides, norm=None)
    by_hand = lecture["field"]([*((4, stride) for stride in strides), (4, 1)])
    assert by_hand == network.field
    with torch.no_grad():
        place = network(torch.rand(1, 4, 96, 96)).shape[-1] // 2
    seen = lecture["seen_by"](network, 96, place)
    rows, columns = (seen.amax(k).nonzero()[:, 0] for k in (1, 0))
    assert rows[-1] - rows[0] + 1 == columns[-1] - columns[0] + 1 == by_hand


@pytest.mark.parametrize("weight", [1, 100])
def test_the_generators_loss_is_the_librarys(weight, lecture):
    generator, discriminator = lecture["SmallUNet"]((8, 16)), PatchDiscriminator(4, (8,), norm=None)
    x, lines = torch.rand(5, 3, 16, 16), torch.rand(5, 1, 16, 16)
    mine = lecture["generators_loss"](generator, discriminator, x, lines, weight)
    torch.testing.assert_close(mine, Pix2Pix(generator, discriminator, weight=weight).generator_loss(x, lines)["loss"])
    other = Pix2Pix(generator, discriminator, Hinge(), weight=weight).generator_loss(x, lines)["loss"]
    assert not torch.allclose(mine, other)


def test_colours_of_a_background(lecture):
    red = torch.tensor([0.9, 0.5, 0.5])[None, :, None, None].expand(4, 3, 32, 32)
    halves = red.clone()
    halves[:, :, :, 16:] = red.flip(1)[:, :, :, 16:]
    assert lecture["saturation"](torch.full((4, 3, 32, 32), 0.3)) == 0
    assert lecture["saturation"](red) == lecture["saturation"](halves) == pytest.approx(0.4)
    assert lecture["patchwork"](red) == 0
    assert lecture["patchwork"](halves) > 0.1


def test_sharpness_is_the_librarys_and_falls_with_blur(lecture):
    x = torch.rand(5, 3, 20, 20)
    assert lecture["sharpness"](x) == pytest.approx(sharpness(x))
    assert lecture["sharpness"](F.avg_pool2d(x, 3, 1)) < 0.5 * sharpness(x)


def test_scores_are_one_for_the_truth_and_none_for_not_looking(lecture):
    n = 400
    columns = [torch.randint(len(f.values), (n,)).float() if f.values else torch.rand(n) for f in FACTORS]
    factors = torch.stack(columns, 1)
    blind = torch.stack([c.mode().values if f.values else c.mean() for f, c in zip(FACTORS, columns, strict=True)])
    use = lecture["scores"].__globals__
    use["reader"] = SimpleNamespace(predict=lambda pictures: pictures)
    right, none = lecture["scores"](factors, factors), lecture["scores"](blind.expand(n, -1), factors)
    assert list(right) == [f.name for f in FACTORS]
    assert right == pytest.approx(dict.fromkeys(right, 1.0))
    assert none == pytest.approx(dict.fromkeys(none, 0.0), abs=0.01)


@pytest.mark.parametrize("r", [1, 2, 4])
def test_the_shuffle_is_torchs_and_loses_nothing(r, lecture):
    maps = torch.randn(3, 2 * r**2, 5, 7)
    large = lecture["shuffle"](maps, r)
    assert torch.equal(large, nn.PixelShuffle(r)(maps))
    assert torch.equal(nn.functional.pixel_unshuffle(large, r), maps)


def test_a_small_picture_is_the_mean_of_squares(lecture):
    x = torch.rand(2, 3, 8, 8)
    assert lecture["small"](x).shape == (2, 3, 2, 2)
    torch.testing.assert_close(lecture["small"](x)[0, 1, 1, 0], x[0, 1, 4:, :4].mean())
