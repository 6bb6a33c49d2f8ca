"""What lecture 05 writes out is what torch and lecturelib do."""

from itertools import product

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, conv_transpose2d
from written_out import definitions

from lecturelib.models.convolutional import transposed


@pytest.fixture(scope="module")
def lecture() -> dict:
    return definitions("05_convolutional_and_recurrent_autoencoders", "matrix_of", "overlap", "lstm_step", torch=torch,
                       nn=nn, conv2d=conv2d, conv_transpose2d=conv_transpose2d)  # fmt: skip


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


CASES = [(3, 1, 0), (3, 2, 1), (4, 2, 1), (5, 3, 2), (2, 2, 0)]


@pytest.mark.parametrize(("kernel", "stride", "padding"), CASES)
def test_the_matrix_is_the_convolution_and_its_transpose_the_transposed_one(lecture, kernel, stride, padding):
    w, x = torch.randn(kernel, kernel).double(), torch.randn(9, 9).double()
    M = lecture["matrix_of"](w, 9, stride, padding)
    y = conv2d(x[None, None], w[None, None], stride=stride, padding=padding)
    torch.testing.assert_close(M @ x.flatten(), y.flatten())
    out = y.shape[-1]
    rest = 9 - ((out - 1) * stride + kernel - 2 * padding)  # pixels that the stride does not reach
    back = torch.randn(1, 1, out, out).double()
    T = conv_transpose2d(back, w[None, None], stride=stride, padding=padding, output_padding=rest)
    torch.testing.assert_close(M.T @ back.flatten(), T.flatten())
    torch.testing.assert_close(y.flatten() @ back.flatten(), x.flatten() @ T.flatten())


@pytest.mark.parametrize("kernel", [2, 3, 4, 5])
def test_the_transposed_matrix_is_the_librarys_way_up(lecture, kernel):
    up = transposed(1, 1, kernel).double()
    y = torch.randn(1, 1, 6, 6).double()
    M = lecture["matrix_of"](up.weight[0, 0].detach(), 12, 2, (kernel - 1) // 2)
    torch.testing.assert_close(M.T @ y.flatten() + up.bias.detach(), up(y).flatten().detach())


@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (4, 2), (5, 3), (2, 3), (6, 1)])
def test_the_overlap_counts_the_copies_on_each_pixel(lecture, kernel, stride):
    numbers = 12
    count = torch.zeros(2 * [(numbers - 1) * stride + kernel])
    for i, j in product(range(numbers), repeat=2):
        count[i * stride : i * stride + kernel, j * stride : j * stride + kernel] += 1
    inside = slice(kernel, (numbers - 1) * stride)
    assert torch.equal(lecture["overlap"](kernel, stride), count[inside, inside])


def test_the_lstm_step_is_torchs(lecture):
    cell = nn.LSTMCell(3, 7)
    x, h, c = torch.randn(5, 3), torch.randn(5, 7), torch.randn(5, 7)
    ours = lecture["lstm_step"](x, h, c, cell.weight_ih, cell.weight_hh, cell.bias_ih + cell.bias_hh)
    for mine, its in zip(ours, cell(x, (h, c)), strict=True):
        torch.testing.assert_close(mine, its)
