"""Sketch-RNN's parts against torch.distributions, and that it learns to draw."""

import pytest
import torch
from torch.distributions import Categorical, MultivariateNormal

import lecturelib
from lecturelib.data import load
from lecturelib.models.sketch_rnn import SketchRNN, stroke_five
from lecturelib.training import fit


@pytest.fixture(autouse=True)
def seeded():
    lecturelib.seed(0)


def batch(n: int = 4, moves: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(n, moves, 3)
    x[:, :, 2] = (torch.rand(n, moves) < 0.3).float()
    lengths = torch.tensor([moves, 2, 3, 5])[:n]
    return x * (torch.arange(moves) < lengths[:, None])[:, :, None], lengths


def test_five_numbers_say_where_the_sketch_ends():
    x = torch.tensor([[[1.0, 2, 0], [3, 4, 1], [9, 9, 9]]])
    assert stroke_five(x, torch.tensor([2])).tolist() == [
        [[1, 2, 1, 0, 0], [3, 4, 0, 1, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1]]
    ]


def test_the_log_likelihood_is_that_of_a_loop_over_moves():
    model = SketchRNN(latent=3, hidden=8, reader=8, components=4).double()
    x, lengths = batch()
    x, z = x.double(), torch.randn(4, 3).double()
    found = model.log_prob(x, lengths, z)
    five = stroke_five(x, lengths)
    for i in range(4):
        total, state = 0.0, tuple(s[:, i : i + 1] for s in model._state(z))
        seen = torch.tensor([0, 0, 1, 0, 0]).double()
        for t in range(int(lengths[i]) + 1):
            output, state = model.writer(torch.cat([seen, z[i]])[None, None], state)
            weights, means, widths, r, pen = (p[0, 0] for p in model._parts(output))
            if t < lengths[i]:
                covariance = widths[:, :, None] * widths[:, None, :]  # of a correlation of 1
                covariance[:, [0, 1], [1, 0]] *= r[:, None]
                each = MultivariateNormal(means, covariance).log_prob(five[i, t, :2])
                total += (weights.log_softmax(0) + each).logsumexp(0)
            total += Categorical(logits=pen).log_prob(five[i, t, 2:].argmax())
            seen = five[i, t]
        assert torch.allclose(found[i], total)


def test_padding_has_no_say():
    model, (x, lengths) = SketchRNN(latent=3, hidden=8, reader=8), batch()
    longer = torch.cat([x, torch.randn(4, 5, 3)], 1)
    z = torch.randn(4, 3)
    assert torch.allclose(model.log_prob(x, lengths, z), model.log_prob(longer, lengths, z), atol=1e-5)
    assert torch.allclose(model.encode(x, lengths), model.encode(longer, lengths), atol=1e-5)


def test_moves_are_drawn_as_their_density_says():
    model = SketchRNN(latent=0, hidden=4, components=3)
    output = torch.randn(1, 4).expand(40_000, -1)
    with torch.no_grad():
        weights, means, widths, r, pen = (p[0] for p in model._parts(output[:1]))
        drawn = model._next(output, 1.0)
    shares = weights.softmax(0)
    mean = (shares[:, None] * means).sum(0)
    assert torch.allclose(drawn[:, :2].mean(0), mean, atol=0.05)
    cross = (shares * (r * widths.prod(1) + means.prod(1))).sum() - mean.prod()
    assert float(torch.cov(drawn[:, :2].T)[0, 1]) == pytest.approx(float(cross), abs=0.06)
    assert torch.allclose(drawn[:, 2:].mean(0), pen.softmax(0), atol=0.01)
    with torch.no_grad():
        cold = model._next(output[:2000], 1e-4)
    assert cold[:, :2].std(0).max() < 0.05
    assert cold[:, 2:].std(0).max() == 0


def test_a_beginning_is_kept_and_gone_on_from():
    model, (x, lengths) = SketchRNN(latent=3, hidden=8, reader=8, longest=12), batch()
    drawn, count = model.draw(z=torch.randn(4, 3), beginning=(x, lengths))
    for i in range(4):
        assert torch.equal(drawn[i, : lengths[i]], x[i, : lengths[i]])
        assert count[i] >= lengths[i]
        assert (drawn[i, count[i] :] == 0).all()


def test_what_cannot_be_is_named():
    model, (x, lengths) = SketchRNN(latent=0, hidden=4), batch()
    with pytest.raises(ValueError, match="unconditional"):
        model.encode(x, lengths)
    with pytest.raises(ValueError, match="takes no z"):
        model.draw(z=torch.zeros(2, 3))
    with pytest.raises(ValueError, match="temperature is 0"):
        model.draw(2, temperature=0)


def test_it_learns_to_draw_a_house():
    data = load("sketches", n=300, classes=["house"])
    model = SketchRNN(latent=4, hidden=48, reader=24, components=4, longest=30)
    x, lengths = data.x[:100], data.lengths[:100]
    before = model.loss(x, lengths)
    fit(model, data, 200, batch_size=50, lr=5e-3, clip=1.0, progress=False)
    after = model.loss(x, lengths)
    assert after["loss"] < before["loss"] - 20
    _, count = model.draw(100, temperature=0.3)
    assert 12 < count.float().mean() < 30  # it learned when to stop
