"""The up-down algorithm against enumeration and the delta rule of the paper."""

import pytest
import torch
import torch.nn.functional as F

import lecturelib
from lecturelib.data import Data
from lecturelib.models.dbn import DBN
from lecturelib.models.rbm import RBM
from lecturelib.models.stacked import pretrain
from lecturelib.models.units import Gaussian, Labelled
from lecturelib.models.up_down import UpDown
from lecturelib.partition import log_likelihood, states
from lecturelib.training import fit

LINES = torch.eye(3).repeat_interleave(3, 1)
LINES = torch.cat([LINES, LINES.view(3, 3, 3).transpose(1, 2).flatten(1)])  # rows and columns of 3 x 3


@pytest.fixture(autouse=True)
def seeded():
    lecturelib.seed(0)


def layers(scale: float = 1.0) -> list[RBM]:
    """Of 4, 5 and 3 units and 2 labels, under 3 hidden units."""
    rbms = [RBM((1, 2, 2), 5), RBM(5, 3), RBM(5, 3, visible_units=Labelled(2))]
    with torch.no_grad():
        for rbm in rbms:
            for parameter in rbm.parameters():
                parameter.normal_(0, scale)
    return rbms


@torch.no_grad()
def test_it_begins_as_the_network_that_it_is_made_of():
    rbms, x = layers(), torch.rand(20, 1, 2, 2)
    before, after = DBN(rbms, 2), UpDown(rbms, 2)
    torch.testing.assert_close(after.features(x), before.features(x))
    torch.testing.assert_close(after.decode(after.encode(x, torch.arange(20) % 2)),
                               before.decode(before.encode(x, torch.arange(20) % 2)))  # fmt: skip
    assert torch.equal(after.predict(x), before.predict(x))


def test_wake_and_sleep_are_delta_rules():
    """The way down learns from states of the way up and the other way round, each by input times difference."""
    rbms = [RBM(4, 3), RBM(3, 2)]
    with torch.no_grad():
        rbms[0].W.normal_()
    model, x = UpDown(rbms, k=2), torch.rand(64, 4).round()
    lecturelib.seed(3)
    parts = model.loss(x)
    (parts["wake"] + parts["sleep"]).backward()
    lecturelib.seed(3)
    with torch.no_grad():
        units, below, generate = rbms[0].hidden_units, rbms[0], model.generative[0]
        h = units.sample(below.to_hidden(x))
        dreamt_h = model.top.gibbs(h, 2)
        dreamt_x = generate(dreamt_h).sigmoid()
        down = (generate(h).sigmoid() - x).T @ h / 64
        up = dreamt_x.T @ (below.encode(dreamt_x) - dreamt_h) / 64
    torch.testing.assert_close(generate.weight.grad, down)
    torch.testing.assert_close(below.W.grad, up)
    assert below.a.grad is None


@torch.no_grad()
def likelihood(model: DBN, x: torch.Tensor) -> float:
    """Exact, of a network of two layers, in nats."""
    h = states(len(model.top.a))
    log_p = log_likelihood(model.top, h)
    t = torch.logit(model.down(h), eps=1e-6)
    error = F.binary_cross_entropy_with_logits(t[None].expand(len(x), -1, -1), x[:, None].expand(-1, len(h), -1),
                                               reduction="none").sum(2)  # fmt: skip
    return (log_p - error).logsumexp(1).mean().item()


def test_fine_tuning_raises_the_likelihood_of_what_was_pretrained():
    rbms, data = [RBM(9, 6, momentum=0.9), RBM(6, 8, momentum=0.9)], Data(LINES.repeat(50, 1))
    pretrain(rbms, data, 600, batch_size=50, lr=0.05, progress=False)
    model = UpDown(rbms, k=5)
    before = likelihood(model, LINES)
    fit(model, data, 1500, batch_size=50, lr=0.03, progress=False)
    after = likelihood(model, LINES)
    assert after > before + 0.15, (before, after)
    assert after > -2.1  # at best log 1/6 = -1.8


def test_labels_are_learned():
    x, y = LINES.repeat(40, 1), torch.arange(6).repeat(40) // 3
    data = Data(x, y)
    rbms = [RBM(9, 12, momentum=0.9), RBM(14, 16, visible_units=Labelled(2), momentum=0.9)]
    fit(rbms[0], data, 400, batch_size=40, lr=0.1, progress=False)
    dbn = DBN(rbms, 2)
    fit(rbms[1], dbn.to_top(data), 400, batch_size=40, lr=0.1, progress=False)
    model = UpDown(rbms, 2)
    fit(model, data, 600, batch_size=40, lr=0.03, progress=False)
    assert (model.predict(LINES) == torch.arange(6) // 3).all()
    drawn = torch.bernoulli(model.sample(400, 100, y=torch.zeros(400, dtype=torch.int64)).flatten(1))
    distance = (drawn[:, None] - LINES).abs().sum(2)
    assert (distance.argmin(1) < 3).float().mean() > 0.75  # rows were asked for


def test_a_chain_needs_a_step():
    with pytest.raises(ValueError, match="k is 0"):
        UpDown(layers(), 2, k=0)


def test_only_binary_layers_go_up_and_down():
    with pytest.raises(ValueError, match="layers of Bernoulli units"):
        UpDown([RBM(4, 3, visible_units=Gaussian()), RBM(3, 2)])
    with pytest.raises(ValueError, match="give the labels y"):
        UpDown(layers(), 2).loss(torch.rand(3, 4))
