"""From picture to picture: the U-Net's short cuts, what a patch sees, and the two parts of the generator's loss."""

import pytest
import torch
from torch import nn

from lecturelib import fit, seed
from lecturelib.data import Data
from lecturelib.models.convolutional import resized
from lecturelib.models.translation import PatchDiscriminator, Pix2Pix, UNet


def seen_by(network, x, *condition):
    """Rows and columns of x on which one entry in the middle of the network's map depends."""
    x = x.clone().requires_grad_()
    scores = network(x, *condition)
    scores[0, scores.shape[1] // 2, scores.shape[2] // 2].backward()
    rows, columns = (x.grad[0].abs().sum(0) > 0).nonzero().unbind(1)
    return (rows.max() - rows.min() + 1).item(), (columns.max() - columns.min() + 1).item()


@pytest.mark.parametrize(("channels", "field"), [((8,), 10), ((8, 8), 22), ((8, 8, 8), 46)])
def test_a_logit_sees_a_patch(channels, field):
    network = PatchDiscriminator(4, channels).eval()
    assert network.field == field
    assert seen_by(network, torch.rand(1, 3, 96, 96), torch.rand(1, 1, 96, 96)) == (field, field)


def test_the_papers_patch_has_70_pixels():
    network = PatchDiscriminator(6, (4, 8, 16, 32), strides=(2, 2, 2, 1))
    assert network.field == 70
    assert network(torch.rand(1, 3, 256, 256), torch.rand(1, 3, 256, 256)).shape == (1, 30, 30)


def test_with_short_cuts_what_is_fine_passes_through():
    """The innermost map of a U-Net for 16 x 16 pictures is 2 x 2: without short cuts no place keeps its own detail."""
    x = torch.rand(8, 1, 16, 16).round()
    errors = {}
    for skip in (True, False):
        seed(0)
        game = Pix2Pix(UNet(1, 1, (8, 8, 8), skip=skip), PatchDiscriminator(2, (8,)), adversarial=False)
        for turn in range(2):  # other pictures than those that it learned from
            data = torch.rand(512, 1, 16, 16).round() if not turn else x
            if not turn:
                fit(game, Data(data, data, names=("x", "drawing")), 150, batch_size=32, lr=5e-3, progress=False)
        errors[skip] = (game.translate(x) - x).abs().mean().item()
    assert errors[True] < 0.05
    assert errors[False] > 0.3


@pytest.mark.parametrize("options", [
    {}, {"skip": False}, {"up": resized}, {"dropout": 0.5}, {"channels": (8,)}, {"norm": nn.InstanceNorm2d},
])  # fmt: skip
def test_any_picture_becomes_one_of_its_size_in_0_to_1(options):
    network = UNet(2, 3, **{"channels": (8, 16)} | options)
    made = network(torch.rand(5, 2, 16, 24))
    assert made.shape == (5, 3, 16, 24)
    assert made.min() >= 0
    assert made.max() <= 1


def test_half_precision_does_not_flatten_the_end_of_the_range():
    network = UNet(1, 1, (8,))
    with torch.autocast("cpu", torch.bfloat16):
        made = network(torch.rand(2, 1, 8, 8))
    assert made.dtype == torch.float32


def test_dropout_is_the_only_noise():
    seed(0)
    network, x = UNet(1, 1, (8, 16), dropout=0.5, spread=0.2), torch.rand(4, 1, 16, 16)
    assert not torch.equal(network(x), network(x))
    assert torch.equal(network.eval()(x), network(x))


def test_the_generators_loss_is_the_games_and_the_distance():
    seed(0)
    game = Pix2Pix(UNet(1, 3, (8, 16)), PatchDiscriminator(4, (8,)), weight=7.0)
    x, drawing = torch.rand(6, 3, 16, 16), torch.rand(6, 1, 16, 16)
    fake = game.generator(drawing)
    parts = game.generator_loss(x, drawing)
    torch.testing.assert_close(parts["away"], (fake - x).abs().mean())
    scores = game.discriminator(fake, drawing)
    torch.testing.assert_close(parts["game"], -scores.sigmoid().log().mean())
    torch.testing.assert_close(parts["loss"], parts["game"] + 7 * 2 * parts["away"])  # of pictures in [-1, 1]
    assert [turn.name for turn in game.turns(1e-3)] == ["discriminator", "generator"]
    alone = Pix2Pix(game.generator, game.discriminator, adversarial=False)
    assert [turn.name for turn in alone.turns(1e-3)] == ["generator"]
    assert alone.generator_loss(x, drawing).keys() == {"loss", "away"}


def test_translating_leaves_the_training_as_it_was():
    game, drawings = Pix2Pix(UNet(1, 3, (8, 16)), PatchDiscriminator(4, (8,))), torch.rand(5, 1, 16, 16)
    before = [buffer.clone() for buffer in game.buffers()]
    made = game.train().translate(drawings)
    assert game.training
    assert all(torch.equal(a, b) for a, b in zip(before, game.buffers(), strict=True))
    torch.testing.assert_close(made, game.eval().generator(drawings))


def test_what_cannot_be_is_named():
    with pytest.raises(ValueError, match="20 x 16 cannot be halved 3 times"):
        UNet(1, 1, (8, 8, 8))(torch.rand(1, 1, 20, 16))
    with pytest.raises(ValueError, match="channels is empty"):
        UNet(1, 1, ())
    with pytest.raises(ValueError, match="2 channels and 1 strides"):
        PatchDiscriminator(1, (8, 8), strides=(2,))
    with pytest.raises(ValueError, match="nothing to learn"):
        Pix2Pix(UNet(1, 1), PatchDiscriminator(2), weight=0, adversarial=False)
    with pytest.raises(ValueError, match="weight is -1"):
        Pix2Pix(UNet(1, 1), PatchDiscriminator(2), weight=-1)
