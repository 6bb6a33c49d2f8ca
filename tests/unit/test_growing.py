"""Layers with equal learning rates, and networks that grow."""

import math

import pytest
import torch
import torch.nn.functional as F

import lecturelib
from lecturelib.data import Data
from lecturelib.models.growing import (
    EqualConv2d,
    EqualDown,
    EqualLinear,
    EqualUp,
    GrowingDiscriminator,
    GrowingGAN,
    GrowingGenerator,
    MinibatchDeviation,
    PixelNorm,
    pyramid,
)
from lecturelib.training import train

CHANNELS = (12, 8, 4)


@pytest.fixture(autouse=True)
def _seeded():
    lecturelib.seed(0)


def same_weights(one: EqualConv2d, other: EqualConv2d) -> None:
    """And biases that are not 0."""
    one.bias.data.normal_()
    other.load_state_dict(one.state_dict())


def test_down_is_a_convolution_and_a_mean():
    plain, down, x = EqualConv2d(3, 5), EqualDown(3, 5), torch.randn(2, 3, 8, 6)
    same_weights(plain, down)
    torch.testing.assert_close(down(x), F.avg_pool2d(plain(x), 2), rtol=1e-4, atol=1e-5)


def test_up_is_an_enlargement_and_a_convolution():
    plain, up, x = EqualConv2d(3, 5), EqualUp(3, 5), torch.randn(2, 3, 4, 6)
    same_weights(plain, up)
    torch.testing.assert_close(up(x), plain(F.interpolate(x, scale_factor=2)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [4, 400])
def test_equal_layers_keep_the_scale(size):
    x = torch.randn(2000, size)
    for rate in (1.0, 0.01):
        layer = EqualLinear(size, 300, rate=rate)
        kept = F.leaky_relu(layer(x), 0.2).square().mean()
        assert 0.9 < kept < 1.1
    maps = EqualConv2d(size, 50)(torch.randn(4, size, 16, 16))
    assert 0.8 < F.leaky_relu(maps[..., 1:-1, 1:-1], 0.2).square().mean() < 1.2


def test_a_rate_slows_what_adam_does_to_the_output():
    def moved(rate: float) -> float:
        layer, x = EqualLinear(20, 30, rate=rate, bias=0.5), torch.randn(50, 20)
        before, adam = layer(x).detach(), torch.optim.Adam(layer.parameters(), lr=1e-3)
        layer(x).square().sum().backward()
        adam.step()
        return (layer(x) - before).norm().item()

    assert 50 < moved(1.0) / moved(0.01) < 200


def test_bias_starts_where_it_should():
    assert EqualLinear(4, 6, rate=0.01, bias=0.5)(torch.zeros(1, 4)).tolist() == [pytest.approx([0.5] * 6)]


def test_pixel_norm_and_deviation_against_their_definitions():
    x = torch.randn(5, 7, 3, 3)
    torch.testing.assert_close(PixelNorm()(x).square().mean(1), torch.ones(5, 3, 3))
    seen = MinibatchDeviation()(x)
    assert torch.equal(seen[:, :7], x)
    expected = x.numpy().std(0).mean()
    torch.testing.assert_close(seen[:, 7], torch.full((5, 3, 3), float(expected)))
    alike = MinibatchDeviation()(x[:1].expand(4, -1, -1, -1))[:, 7]
    assert alike.max() < 1e-3


def test_a_generator_fades_from_the_picture_of_the_level_below():
    generator, z = GrowingGenerator(6, CHANNELS), torch.randn(3, 6)
    generator.at(1)
    small = generator(z)
    generator.at(2)
    large = generator(z)
    assert small.shape == (3, 3, 8, 8)
    assert large.shape == (3, 3, 16, 16)
    for share in (0.0, 0.25, 1.0):
        generator.at(2, share)
        expected = torch.lerp(F.interpolate(small, scale_factor=2), large, share)
        torch.testing.assert_close(generator(z), expected)


def test_a_discriminator_fades_from_that_of_the_level_below():
    discriminator, x = GrowingDiscriminator(CHANNELS), torch.rand(4, 3, 16, 16)
    new = discriminator(x)
    discriminator.at(2, 0.0)
    unfaded = discriminator(x)
    discriminator.at(1)
    torch.testing.assert_close(unfaded, discriminator(F.avg_pool2d(x, 2)))
    assert (unfaded - new).abs().max() > 1e-3


def test_levels_that_are_not_in_use_stay_as_they_are():
    gan = GrowingGAN(GrowingGenerator(6, CHANNELS), GrowingDiscriminator(CHANNELS), noise=6)
    gan.at(1)
    before = {name: p.clone() for name, p in gan.named_parameters()}
    for _ in train(gan, Data(torch.rand(16, 3, 8, 8), names=("x",)), 3, batch_size=8):
        pass
    moved = {name for name, p in gan.named_parameters() if not torch.equal(p, before[name])}
    resting = {name for name in before if name.startswith((
        "generator.blocks.1", "generator.to_colours.2", "generator.to_colours.0",
        "discriminator.blocks.1", "discriminator.from_colours.2", "discriminator.from_colours.0"))}  # fmt: skip
    assert moved == before.keys() - resting
    assert math.isclose(float(gan.generator.fade), 1.0)


def test_bad_levels_and_sides_are_named():
    discriminator = GrowingDiscriminator(CHANNELS)
    with pytest.raises(ValueError, match="level is 3; there are 0 to 2"):
        discriminator.at(3)
    with pytest.raises(ValueError, match="pictures are 8 x 8, but level 2 sees 16 x 16"):
        discriminator(torch.rand(2, 3, 8, 8))
    with pytest.raises(ValueError, match="one number for each level"):
        GrowingGenerator(6, ())


def test_a_pyramid_averages_down():
    x = (torch.rand(10, 3, 16, 16) * 255).to(torch.uint8)
    levels = pyramid(Data(x, names=("x",)), 3)
    assert [level.x.shape[-1] for level in levels] == [4, 8, 16]
    assert levels[0].stored[0].dtype == torch.uint8
    torch.testing.assert_close(levels[0].x, F.avg_pool2d(x / 255, 4), rtol=0, atol=0.003)
    with pytest.raises(ValueError, match="16 pixels cannot be averaged down to 32"):
        pyramid(Data(x, names=("x",)), 4)
