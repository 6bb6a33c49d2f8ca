"""The ways down and up against their matrices, the autoencoders made of them, and the measure of the checkerboard."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

import lecturelib
from lecturelib.metrics import checkerboard
from lecturelib.models.autoencoder import CrossEntropy
from lecturelib.models.convolutional import (
    UnpoolingAutoencoder,
    convolutional,
    evened,
    pooled,
    resized,
    strided,
    transposed,
)


@pytest.fixture(autouse=True)
def seeded():
    lecturelib.seed(0)


def linear_part(block: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return block(x) - block(torch.zeros_like(x))


def board(n: int, stride: int = 2) -> torch.Tensor:
    """1 at every stride-th pixel, else 0, turned so that the mean is 0: (n, n)."""
    line = (torch.arange(n) % stride == 0).double()
    line -= line.mean()
    return line * line[:, None]


@pytest.mark.parametrize(
    ("down", "up", "kernel"),
    [*((strided, transposed, k) for k in (1, 2, 3, 4, 5, 6)), *((pooled, resized, k) for k in (1, 3, 5))],
)
def test_down_halves_and_up_doubles_the_sides(down, up, kernel):
    assert down(2, 3, kernel)(torch.rand(5, 2, 12, 8)).shape == (5, 3, 6, 4)
    assert up(3, 2, kernel)(torch.rand(5, 3, 6, 4)).shape == (5, 2, 12, 8)


@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 6])
def test_transposed_is_the_transpose_of_strided(kernel):
    down, up = strided(2, 3, kernel).double(), transposed(3, 2, kernel).double()
    up.weight.data = down.weight.data  # both (3, 2, kernel, kernel)
    x, y = torch.zeros(1, 2, 8, 6, dtype=torch.float64), torch.zeros(1, 3, 4, 3, dtype=torch.float64)
    M, T = (torch.autograd.functional.jacobian(partial(linear_part, f), z) for f, z in ((down, x), (up, y)))
    torch.testing.assert_close(T.reshape(96, 36), M.reshape(36, 96).T, rtol=0, atol=0)


def test_resized_is_a_transposed_convolution_whose_phases_share_their_weights():
    up, twin = resized(3, 2).double(), transposed(3, 2, 4).double()
    w = up[1].weight.flip(2, 3).transpose(0, 1)  # torch's transposed convolution turns the window around
    twin.weight.data = sum(nn.functional.pad(w, (j, 1 - j, i, 1 - i)) for i in (0, 1) for j in (0, 1)).data
    twin.bias.data = up[1].bias.data
    x = torch.randn(4, 3, 5, 7, dtype=torch.float64)
    torch.testing.assert_close(up(x), twin(x))


@pytest.mark.parametrize("kernel", [2, 4, 6])
def test_an_even_start_paints_a_flat_picture_flat(kernel):
    flat = torch.ones(1, 3, 9, 9)
    inside = slice(kernel, 18 - kernel)
    assert linear_part(evened(3, 2, kernel), flat)[0, :, inside, inside].flatten(1).std(1).max() < 1e-6
    assert linear_part(transposed(3, 2, kernel), flat)[0, :, inside, inside].flatten(1).std(1).max() > 0.01


def test_an_even_start_needs_an_even_window():
    with pytest.raises(ValueError, match="kernel is 3: only a multiple of the stride"):
        evened(3, 2, 3)


def test_the_decoder_mirrors_the_encoder():
    model = convolutional((3, 16, 24), 5, (4, 6, 8), error=CrossEntropy())
    x = torch.rand(2, 3, 16, 24)
    assert model.encode(x).shape == (2, 5)
    assert model(x).shape == x.shape
    assert 0 <= model(x).min() <= model(x).max() <= 1
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert [m.in_channels for m in layers] == [3, 4, 6, 8, 6, 4]
    assert [m.out_channels for m in layers] == [4, 6, 8, 6, 4, 3]


def test_any_way_down_goes_with_any_way_up():
    for down in (strided, pooled, partial(strided, kernel=3)):
        for up in (transposed, evened, resized, partial(transposed, kernel=3)):
            assert convolutional((1, 8, 8), 3, down=down, up=up)(torch.rand(2, 1, 8, 8)).shape == (2, 1, 8, 8)


def test_features_move_with_the_input_by_multiples_of_all_strides():
    features = convolutional((1, 32, 32), 3).encoder[:-2].double()  # before the linear layer
    x = torch.zeros(1, 1, 32, 32, dtype=torch.float64)
    x[0, 0, 12:18, 13:17] = torch.rand(6, 4)
    middle = (..., slice(2, 6), slice(2, 6))  # away from what padding changes
    torch.testing.assert_close(features(x.roll(4, 3))[middle], features(x).roll(1, 3)[middle])
    assert (features(x.roll(2, 3)) - features(x))[middle].abs().max() > 1e-3


@pytest.mark.parametrize("make", [convolutional, UnpoolingAutoencoder])
@pytest.mark.parametrize(("shape", "channels"), [((1, 28, 28), (4, 4, 4)), ((1, 27, 28), (4,)), ((1, 28, 28), ())])
def test_pictures_that_cannot_be_halved_are_refused(make, shape, channels):
    with pytest.raises(ValueError, match=f"pictures of {shape[1]} x 28 cannot be halved {len(channels)} times"):
        make(shape, 8, channels)


def test_unpooling_puts_each_maximum_back_where_it_was():
    model = UnpoolingAutoencoder((1, 6, 4), 3, (2,))
    x = torch.rand(3, 2, 6, 4)
    largest, places = model.pool(x)
    expected = np.zeros(x.shape, dtype=np.float32)
    for n, c, i, j in np.ndindex(3, 2, 3, 2):
        window = x[n, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].numpy()
        a, b = np.unravel_index(window.argmax(), (2, 2))
        expected[n, c, 2 * i + a, 2 * j + b] = window.max()
    torch.testing.assert_close(model.unpool(largest, places), torch.from_numpy(expected), rtol=0, atol=0)


def test_the_unpooling_decoder_hears_code_and_places():
    model, x = UnpoolingAutoencoder((1, 8, 8), 3, (4, 6)), torch.rand(5, 1, 8, 8)
    h, places = model.encode(x)
    assert h.shape == (5, 3)
    assert [p.shape for p in places] == [(5, 4, 4, 4), (5, 6, 2, 2)]
    y = model.decode(h, places)
    small = model.unpool(model.from_code(h).view(5, 6, 2, 2).relu(), places[1])
    torch.testing.assert_close(y, model.up[1](model.unpool(model.up[0](small).relu(), places[0])))
    torch.testing.assert_close(y, model(x))
    torch.testing.assert_close(model.loss(x)["loss"], 64 * mse_loss(y, x))
    assert (model.decode(h.roll(1, 0), places) - y).abs().max() > 1e-4
    assert (model.decode(h, [p.roll(1, 0) for p in places]) - y).abs().max() > 1e-4


def test_the_checkerboard_of_noise_is_one():
    noise = torch.randn(500, 1, 24, 36)
    assert checkerboard(noise) == pytest.approx(1, abs=0.08)
    assert checkerboard(noise, 3) == pytest.approx(1, abs=0.08)


@pytest.mark.parametrize("height", [0.2, 0.5, 1.0])
def test_the_checkerboard_follows_its_formula(height):
    signs = (-1.0) ** torch.arange(28)
    x = torch.randn(600, 1, 28, 28) + height * signs * signs[:, None]
    assert checkerboard(x) == pytest.approx(1 + 28 * height**2, rel=0.08)
    rows_only = torch.randn(600, 1, 28, 28) + height * signs  # each column is noise and a constant
    assert checkerboard(rows_only) == pytest.approx(1 + 14 * height**2, rel=0.08)


@pytest.mark.parametrize(("stride", "other"), [(2, 3), (3, 2), (3, 4), (4, 3), (5, 2)])
def test_a_board_is_seen_at_its_own_stride_only(stride, other):
    x = torch.randn(300, 2, 60, 60, dtype=torch.float64) + 3 * board(60, stride)
    assert checkerboard(x, stride) > 3
    assert checkerboard(x, other) == pytest.approx(1, abs=0.1)


def test_a_board_of_stride_four_may_alternate_every_pixel():
    x = torch.randn(300, 1, 40, 40) + (-1.0) ** torch.arange(40)
    assert checkerboard(x, 4) > 3


def test_brightness_contrast_and_slow_waves_are_no_board():
    x = torch.randn(300, 1, 28, 28)
    assert checkerboard(5 * x + 7) == pytest.approx(checkerboard(x), rel=1e-4)
    assert checkerboard(x + 3 * torch.cos(2 * torch.pi * 3 * torch.arange(28) / 28)) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("shape", "stride"), [((2, 28, 28), 2), ((2, 1, 28, 27), 2), ((2, 1, 8, 8), 2), ((2, 1, 9, 9), 1)]
)
def test_pictures_in_which_no_board_can_be_measured_are_refused(shape, stride):
    with pytest.raises(ValueError, match=rf"with stride={stride}, near=2: they must be"):
        checkerboard(torch.rand(shape), stride)
