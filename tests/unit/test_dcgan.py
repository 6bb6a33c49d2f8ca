"""DCGAN's networks: their sizes, the guidelines one by one, conditions, and a game on pictures."""

import pytest
import torch
from torch import nn

import lecturelib
from lecturelib.data.tensors import Data
from lecturelib.models.convolutional import pooled, resized
from lecturelib.models.dcgan import Discriminator, Generator, ProjectionDiscriminator
from lecturelib.models.gan import GAN
from lecturelib.training import fit

SHAPE = (3, 16, 24)
KINDS = (nn.BatchNorm2d, nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.MaxPool2d, nn.Linear, nn.ConvTranspose2d)


def kinds(network: nn.Module) -> dict[str, int]:
    found = [type(module).__name__ for module in network.modules() if isinstance(module, KINDS)]
    return {name: found.count(name) for name in set(found)}


def test_pictures_are_made_and_scored():
    lecturelib.seed(0)
    make, judge = Generator(SHAPE, 7, (32, 16)), Discriminator(SHAPE, (16, 32))
    x = make(torch.randn(5, 7))
    assert x.shape == (5, *SHAPE)
    assert 0 <= x.min() < 0.5 < x.max() <= 1
    assert judge(x).shape == (5,)
    assert judge.features(x).shape == (5, 32 * 4 * 6)
    torch.testing.assert_close(judge.score(judge.features(x))[:, 0], judge(x))


def test_the_guidelines_hold_as_they_stand():
    assert kinds(Generator(SHAPE, 7, (32, 16))) == {
        "Linear": 1, "BatchNorm2d": 2, "ReLU": 2, "ConvTranspose2d": 2, "Tanh": 1}  # fmt: skip
    assert kinds(Discriminator(SHAPE, (16, 32))) == {"BatchNorm2d": 1, "LeakyReLU": 2, "Linear": 1}


def test_each_guideline_can_be_left_out():
    make = Generator(SHAPE, 7, (32, 16), up=resized, norm=False, hidden=20, activation=nn.LeakyReLU, output=nn.Identity)
    assert kinds(make) == {"Linear": 2, "LeakyReLU": 3}
    judge = Discriminator(SHAPE, (16, 32), down=pooled, norm=False, hidden=20, activation=nn.ReLU)
    assert kinds(judge) == {"Linear": 2, "ReLU": 3, "MaxPool2d": 2}
    assert judge(make(torch.randn(4, 7))).shape == (4,)


def test_the_first_weights_are_small_and_normal():
    make = Generator((1, 16, 16), 100, (64, 32))
    weights = make.project[0].weight
    assert weights.std().item() == pytest.approx(0.02, rel=0.05)
    assert make.project[0].bias.abs().max() == 0
    scale = make.blocks[0].weight
    assert scale.mean().item() == pytest.approx(1, abs=0.02)
    own = Generator((1, 16, 16), 100, (64, 32), spread=None)
    assert own.project[0].weight.abs().max() <= 0.1  # uniform within 1 / sqrt(100)
    assert own.project[0].weight.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.05)


def test_conditions_are_channels_and_entries_of_the_noise():
    lecturelib.seed(0)
    make = Generator((1, 8, 8), 7, (16,), conditions=3, norm=False)
    judge = Discriminator((1, 8, 8), (16,), conditions=3)
    z, one, other = torch.randn(4, 7), torch.eye(3)[[0] * 4], torch.eye(3)[[1] * 4]
    assert not torch.allclose(make(z, one), make(z, other), atol=1e-4)
    x = torch.rand(4, 1, 8, 8)
    assert not torch.allclose(judge(x, one), judge(x, other), atol=1e-4)


def test_a_projection_adds_the_fit_of_features_and_condition():
    lecturelib.seed(0)
    judge = ProjectionDiscriminator((1, 8, 8), (16,), conditions=3, norm=False)
    x, y = torch.rand(5, 1, 8, 8), torch.eye(3)[[0, 1, 2, 1, 0]]
    features, vectors = judge.features(x), judge.embed.weight.T  # (3, features), one for each class
    wanted = judge.score(features)[:, 0] + (vectors[[0, 1, 2, 1, 0]] * features).sum(1)
    torch.testing.assert_close(judge(x, y), wanted)
    assert vectors.std().item() == pytest.approx(0.02, rel=0.1)
    half = torch.full((5, 3), 1 / 3)  # a mixture of conditions has the mean of their logits
    torch.testing.assert_close(judge(x, half), torch.stack([judge(x, torch.eye(3)[[c] * 5]) for c in range(3)]).mean(0))


@pytest.mark.parametrize("channels", [(8, 8, 8, 8), ()])
def test_sides_that_cannot_be_halved_are_named(channels):
    for kind in (Generator, Discriminator):
        with pytest.raises(ValueError, match=f"pictures of 16 x 24 cannot be halved {len(channels)} times"):
            kind(SHAPE, channels=channels)


def test_a_game_on_pictures_moves_towards_them():
    """Bright squares on the left: after some steps the fakes are brighter there too."""
    lecturelib.seed(0)
    x = torch.zeros(200, 1, 8, 8)
    x[:, :, :, :4] = 0.8 + 0.2 * torch.rand(200, 1, 8, 4)
    gan = GAN(Generator((1, 8, 8), 5, (16,)), Discriminator((1, 8, 8), (16,)), noise=5)
    fit(gan, Data(x), 150, batch_size=50, lr=2e-3, progress=False)
    made = gan.sample(100)
    assert made[:, :, :, :4].mean() - made[:, :, :, 4:].mean() > 0.4


def test_a_margin_is_made_and_cut_off_and_laid_around():
    torch.manual_seed(0)
    wide, cut = (Generator((1, size, size), 6, (8, 4, 2), margin=margin) for size, margin in ((32, 0), (28, 2)))
    cut.load_state_dict(wide.state_dict())
    z = torch.randn(5, 6)
    torch.testing.assert_close(cut.eval()(z), wide.eval()(z)[:, :, 2:-2, 2:-2])
    whole = Discriminator((1, 32, 32), (2, 4, 8), conditions=3)
    laid = Discriminator((1, 28, 28), (2, 4, 8), conditions=3, margin=2)
    laid.load_state_dict(whole.state_dict())
    x, y = torch.rand(5, 1, 28, 28), torch.rand(5, 3)
    padded = torch.nn.functional.pad(x, (2, 2, 2, 2))  # black, as the background of the pictures
    torch.testing.assert_close(laid.eval()(x, y), whole.eval()(padded, y))


def test_margins_count_when_sides_are_halved():
    with pytest.raises(ValueError, match=r"30 x 30 cannot be halved 3 times.*margins included"):
        Generator((1, 28, 28), 6, (8, 4, 2), margin=1)
