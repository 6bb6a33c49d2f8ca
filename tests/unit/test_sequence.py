"""The sequence autoencoder against cells run one by one, and that padding and order are what they are said to be."""

import pytest
import torch
from torch import nn

import lecturelib
from lecturelib import fit, load
from lecturelib.models.sequence import SequenceAutoencoder, reversed_steps, valid_steps
from lecturelib.training import cosine


@pytest.fixture(autouse=True)
def seeded():
    lecturelib.seed(0)


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(4, 9, 3)


LENGTHS = torch.tensor([9, 1, 6, 4])
KINDS = [{}, {"reverse": False}, *({"feedback": True, "forcing": share} for share in (0.0, 0.5, 1.0))]


def cell_of(lstm: nn.LSTM) -> nn.LSTMCell:
    cell = nn.LSTMCell(lstm.input_size, lstm.hidden_size)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in lstm.state_dict().items()})
    return cell


def test_valid_and_reversed_steps():
    x = torch.tensor([[1, 2, 3, 0], [4, 0, 0, 0], [5, 6, 7, 8]])[:, :, None]
    lengths = torch.tensor([3, 1, 4])
    assert valid_steps(x, lengths).int().tolist() == [[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]]
    back = reversed_steps(x, lengths)
    assert back[:, :, 0].tolist() == [[3, 2, 1, 0], [4, 0, 0, 0], [8, 7, 6, 5]]
    assert torch.equal(reversed_steps(back, lengths), x)


def test_the_code_is_that_of_a_cell_run_over_each_sequence_alone(x):
    model = SequenceAutoencoder(3, 5, 8)
    cell, codes = cell_of(model.reader), []
    for sequence, length in zip(x, LENGTHS, strict=True):
        state = (torch.zeros(1, 8), torch.zeros(1, 8))
        for step in sequence[:length]:
            state = cell(step[None], state)
        codes.append(model.to_code(state[0])[0])
    torch.testing.assert_close(model.encode(x, LENGTHS), torch.stack(codes))


@pytest.mark.parametrize("feedback", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_free_running_is_a_cell_that_sees_code_and_own_output(feedback, reverse):
    model = SequenceAutoencoder(3, 5, 8, feedback=feedback, reverse=reverse)
    cell, h, before, written = cell_of(model.writer), torch.randn(1, 5), torch.zeros(1, 3), []
    state = model.start(h).tanh().chunk(2, dim=1)
    for _ in range(6):
        state = cell(torch.cat([h, before], 1) if feedback else h, state)
        before = model.to_step(state[0])
        written.append(before[0])
    expected = torch.stack(written[::-1] if reverse else written)
    torch.testing.assert_close(model.decode(h, torch.tensor([6]))[0], expected)
    padded = model.decode(h, torch.tensor([6]), steps=9)[0]
    torch.testing.assert_close(padded[:6], expected)
    assert padded[6:].abs().sum() == 0


def test_a_teacher_who_says_what_the_decoder_wrote_changes_nothing(x):
    model = SequenceAutoencoder(3, 5, 8, feedback=True)
    h = model.encode(x, LENGTHS)
    free = model._write(h, 9)
    torch.testing.assert_close(model._write(h, 9, free, 1.0), free)
    torch.testing.assert_close(model._write(h, 9, free, 0.5), free)
    taught = model._write(h, 9, x, 1.0)
    assert (taught - free).abs().max() > 1e-2
    torch.testing.assert_close(model._write(h, 9, x, 1 - 1e-9), taught)  # step by step, but nearly always the truth
    torch.testing.assert_close(model._write(h, 9, x, 1e-9), free)


def test_without_feedback_the_truth_is_not_seen(x):
    model = SequenceAutoencoder(3, 5, 8)
    torch.testing.assert_close(model.forced(x, LENGTHS), model(x, LENGTHS), rtol=0, atol=0)


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("rubbish", [1e6, torch.nan])
def test_padding_has_no_influence_on_code_loss_and_gradient(x, options, rubbish):
    model = SequenceAutoencoder(3, 5, 8, **options)
    found = []
    for fill in (0.0, rubbish):
        lecturelib.seed(1)  # a share of forced steps is drawn
        padded = torch.where(valid_steps(x, LENGTHS)[:, :, None], x, fill)
        model.zero_grad()
        loss = model.loss(padded, LENGTHS)["loss"]
        loss.backward()
        gradients = torch.cat([p.grad.flatten() for p in model.parameters()])
        with torch.no_grad():
            found.append((loss, gradients, model.encode(padded, LENGTHS), model(padded, LENGTHS)))
    for clean, dirty in zip(*found, strict=True):
        assert torch.equal(clean, dirty)


@pytest.mark.parametrize("reverse", [False, True])
def test_more_padding_and_other_sequences_in_the_batch_change_nothing(x, reverse):
    model = SequenceAutoencoder(3, 5, 8, reverse=reverse)
    wide = torch.cat([x, torch.randn(4, 5, 3)], 1)
    torch.testing.assert_close(model.loss(wide, LENGTHS)["loss"], model.loss(x, LENGTHS)["loss"])
    for i, length in enumerate(LENGTHS):
        alone = model(x[i : i + 1, :length], LENGTHS[i : i + 1])
        torch.testing.assert_close(model(x, LENGTHS)[i : i + 1, :length], alone)


@pytest.mark.parametrize("feedback", [False, True])
def test_the_loss_is_the_mean_over_real_steps(x, feedback):
    model = SequenceAutoencoder(3, 5, 8, feedback=feedback)
    output = model.forced(x, LENGTHS)
    expected = sum((output[i, :n] - x[i, :n]).square().sum() for i, n in enumerate(LENGTHS)) / LENGTHS.sum()
    torch.testing.assert_close(model.loss(x, LENGTHS)["loss"], expected)
    torch.testing.assert_close(model.loss(x, LENGTHS, torch.arange(4))["loss"], expected)


def test_own_outputs_and_forced_ones_train_differently(x):
    losses = {}
    for forcing in (0.0, 0.5, 1.0):
        lecturelib.seed(0)
        losses[forcing] = SequenceAutoencoder(3, 5, 8, feedback=True, forcing=forcing).loss(x, LENGTHS)["loss"].item()
    assert len(set(losses.values())) == 3


def test_batches_that_do_not_fit_are_refused(x):
    model = SequenceAutoencoder(3, 5, 8)
    for batch in ((x[:, :, :2], LENGTHS), (x[0], LENGTHS), (x, LENGTHS[:3])):
        with pytest.raises(ValueError, match=r"a batch is x \(n, steps, 3\) with lengths"):
            model.loss(*batch)
    for lengths in ([9, 1, 6, 10], [0, 1, 6, 4]):
        with pytest.raises(ValueError, match="lengths run from .* they must be 1 to 9"):
            model.encode(x, torch.tensor(lengths))
        with pytest.raises(ValueError, match="lengths run from .* they must be 1 to 9"):
            model.decode(torch.rand(4, 5), torch.tensor(lengths), steps=9)


def test_unseen_paths_come_back_free_running_with_a_third_of_the_error_of_the_mean_per_step():
    data, unseen = load("trajectories", n=4000, steps=24), load("trajectories", n=300, steps=24, split="test")
    going = valid_steps(data.x, data.lengths)[:, :, None]
    mean = (data.x * going).sum(0) / going.sum(0).clamp_min(1)
    model = SequenceAutoencoder(3, 16)
    fit(model, data, 300, batch_size=16, lr=1e-2, schedule=cosine(warmup=0.2), clip=0.5, progress=False)
    real = valid_steps(unseen.x, unseen.lengths)[:, :, None]
    with torch.no_grad():
        left, all_of_it = (((y - unseen.x) * real).square().sum() for y in (model(unseen.x, unseen.lengths), mean))
    assert left < all_of_it / 3
