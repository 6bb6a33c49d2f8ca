"""What lecture 10 writes out is what lecturelib.models.sketch_rnn does."""

import math

import pytest
import torch
from written_out import definitions

import lecturelib
from lecturelib.models.sketch_rnn import SketchRNN, stroke_five


@pytest.fixture(scope="module")
def lecture() -> dict:
    wanted = "five_numbers", "heads", "move_log_prob", "decoder_outputs", "log_likelihood", "next_move"
    return definitions("10_sketch_rnn", *wanted, torch=torch, math=math, stroke_five=stroke_five)


@pytest.fixture
def drawn() -> tuple[SketchRNN, torch.Tensor, torch.Tensor]:
    lecturelib.seed(0)
    x, lengths = torch.randn(4, 6, 3), torch.tensor([6, 2, 3, 5])
    x[:, :, 2] = (x[:, :, 2] > 0).float()
    return SketchRNN(latent=3, hidden=8, reader=8, components=4), x, lengths


@torch.no_grad()
def test_the_log_likelihood_is_the_librarys(lecture, drawn):
    model, x, lengths = drawn
    z = torch.randn(4, 3)
    torch.testing.assert_close(lecture["log_likelihood"](model, x, lengths, z), model.log_prob(x, lengths, z))


@torch.no_grad()
def test_unfinished_only_the_end_is_missing(lecture, drawn):
    model, x, lengths = drawn
    z = torch.randn(4, 3)
    whole = lecture["log_likelihood"](model, x, lengths, z)
    unfinished = lecture["log_likelihood"](model, x, lengths, z, finished=False)
    pen = lecture["heads"](lecture["decoder_outputs"](model, stroke_five(x, lengths), z), 4)[4].log_softmax(-1)
    torch.testing.assert_close(whole - unfinished, pen[torch.arange(4), lengths, 2])


def test_stroke_five_is_the_librarys(lecture, drawn):
    _, x, lengths = drawn
    for i, length in enumerate(lengths.tolist()):
        assert torch.equal(lecture["five_numbers"](x[i], length), stroke_five(x, lengths)[i, : length + 1])


@torch.no_grad()
@pytest.mark.parametrize("temperature", [0.2, 1.0])
def test_a_move_is_drawn_as_the_library_draws(lecture, drawn, temperature):
    model, output = drawn[0], torch.randn(3000, 8)
    lecturelib.seed(1)
    library = model._next(output, temperature)
    lecturelib.seed(2)
    move, pen = lecture["next_move"](*lecture["heads"](model.to_move(output), 4), temperature)
    torch.testing.assert_close(move.mean(0), library[:, :2].mean(0), atol=0.2, rtol=0)
    torch.testing.assert_close(move.std(0), library[:, :2].std(0), atol=0.2, rtol=0)
    shares = torch.nn.functional.one_hot(pen, 3).float().mean(0)
    torch.testing.assert_close(shares, library[:, 2:].mean(0), atol=0.05, rtol=0)
