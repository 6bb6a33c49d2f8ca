"""Restricted Boltzmann machines against enumeration, autograd and scikit-learn; the partition function by AIS."""

import math

import pytest
import torch

import lecturelib
from lecturelib.data.tensors import Data
from lecturelib.models.rbm import RBM
from lecturelib.models.units import Bernoulli, Gaussian, Labelled
from lecturelib.partition import _estimate, ais, exact_gradient, log_likelihood, log_partition, states
from lecturelib.training import fit


def tiny(visible: int = 6, hidden: int = 4, scale: float = 1.0, **options) -> RBM:
    lecturelib.seed(0)
    rbm = RBM(visible, hidden, **options)
    with torch.no_grad():
        for parameter in rbm.parameters():
            parameter.normal_(0, scale)
    return rbm


def joint(rbm: RBM) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """All pairs of states and their exact probabilities."""
    x, h = states(len(rbm.a)), states(len(rbm.b))
    pairs_x, pairs_h = x.repeat_interleave(len(h), 0), h.repeat(len(x), 1)
    p = (-rbm.energy(pairs_x, pairs_h).double()).softmax(0)
    return p.view(len(x), len(h)), x, h


def test_states_are_all_different_and_counted_up():
    assert states(2).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert len(states(5).unique(dim=0)) == 32
    with pytest.raises(ValueError, match="use ais"):
        states(21)


def test_the_energy_is_the_formula():
    rbm = tiny()
    x, h = torch.rand(6), torch.rand(4)
    expected = -(rbm.a @ x) - rbm.b @ h - x @ rbm.W @ h
    torch.testing.assert_close(rbm.energy(x[None], h[None])[0], expected)


@torch.no_grad()
def test_free_energy_and_conditionals_are_those_of_the_joint():
    rbm = tiny()
    p, x, h = joint(rbm)
    log_z = log_partition(rbm)
    torch.testing.assert_close((-rbm.free_energy(x).double() - log_z).exp(), p.sum(1), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(rbm.encode(x).double(), (p / p.sum(1, True)) @ h.double(), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(rbm.decode(h).double(), (p / p.sum(0)).T @ x.double(), atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_gibbs_sampling_keeps_the_distribution_of_the_model():
    rbm = tiny(4, 3)
    p, x, _ = joint(rbm)
    start = x[torch.multinomial(p.sum(1).float(), 60_000, replacement=True)]
    ends = rbm.gibbs(start, 3)
    share = torch.bincount((ends @ torch.tensor([8.0, 4, 2, 1])).long(), minlength=16) / len(ends)
    assert (share - p.sum(1)).abs().max() < 0.01
    from_zero = rbm.gibbs(torch.zeros(60_000, 4), 60)
    share = torch.bincount((from_zero @ torch.tensor([8.0, 4, 2, 1])).long(), minlength=16) / len(ends)
    assert (share - p.sum(1)).abs().max() < 0.01


@pytest.mark.parametrize("options", [{}, {"sample_visible": True}, {"sample_positive": True}, {"k": 3}, {
    "sample_positive": True, "sample_visible": True, "sample_negative": True}, {"chains": 64, "k": 2}])  # fmt: skip
def test_the_gradient_is_the_difference_of_the_statistics(options, monkeypatch):
    """The textbook's update, written out, on the same random numbers."""
    rbm = tiny(**options)
    x = torch.rand(64, 6).round()
    chains = rbm.chains.clone()
    lecturelib.seed(5)
    rbm.loss(x)["loss"].backward()
    lecturelib.seed(5)
    with torch.no_grad():
        h = (x @ rbm.W + rbm.b).sigmoid()
        positive = torch.bernoulli(h) if rbm.sample_positive else h
        start, mean_field = (chains, False) if len(chains) else (x, not rbm.sample_visible)
        h_k = positive if rbm.sample_positive else torch.bernoulli((start @ rbm.W + rbm.b).sigmoid())
        for step in range(rbm.k):
            x_k = (h_k @ rbm.W.T + rbm.a).sigmoid()
            x_k = x_k if mean_field else torch.bernoulli(x_k)
            negative = (x_k @ rbm.W + rbm.b).sigmoid()
            if step < rbm.k - 1:
                h_k = torch.bernoulli(negative)
        negative = torch.bernoulli(negative) if rbm.sample_negative else negative
    torch.testing.assert_close(rbm.W.grad, (x_k.T @ negative - x.T @ positive) / 64, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(rbm.a.grad, x_k.mean(0) - x.mean(0), atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(rbm.b.grad, negative.mean(0) - positive.mean(0), atol=1e-6, rtol=1e-4)
    if len(chains):
        torch.testing.assert_close(rbm.chains, x_k)


def test_long_chains_come_to_the_exact_gradient():
    rbm = tiny(scale=0.5, k=200, sample_visible=True)
    x = torch.rand(20_000, 6).round()
    exact = exact_gradient(rbm, x)
    rbm.loss(x)["loss"].backward()
    for name, gradient in exact.items():
        assert (getattr(rbm, name).grad - gradient).abs().max() < 0.02, name


def test_the_exact_gradient_is_that_of_the_likelihood():
    rbm = tiny()
    x = torch.rand(10, 6).round()
    exact, step = exact_gradient(rbm, x), 1e-2
    with torch.no_grad():
        rbm.W[2, 1] += step
        above = -log_likelihood(rbm, x).mean()
        rbm.W[2, 1] -= 2 * step
        below = -log_likelihood(rbm, x).mean()
    assert ((above - below) / (2 * step)).item() == pytest.approx(exact["W"][2, 1].item(), abs=1e-3)


@pytest.mark.parametrize("sizes", [(6, 4), (4, 6)])
def test_either_layer_may_be_the_one_that_is_enumerated(sizes):
    rbm = tiny(*sizes)
    everything = -rbm.free_energy(states(sizes[0])).double()
    assert log_partition(rbm) == pytest.approx(everything.logsumexp(0).item(), abs=1e-4)


def test_training_raises_the_likelihood():
    lecturelib.seed(0)
    rbm = RBM(9, 6, momentum=0.9)
    lines = torch.eye(3).repeat_interleave(3, 1)
    x = torch.cat([lines, lines.view(3, 3, 3).transpose(1, 2).flatten(1)])  # rows and columns of 3 x 3
    before = log_likelihood(rbm, x).mean().item()
    fit(rbm, Data(x.repeat(20, 1)), 1500, batch_size=20, lr=0.05, progress=False)
    after = log_likelihood(rbm, x).mean().item()
    assert before < -5.5  # nearly uniform over 512 states, -6.2
    assert after > -2.8  # at best log 1/6 = -1.8


@torch.no_grad()
def test_gaussian_units_that_are_seen_are_a_mixture_of_gaussians():
    """Enumerated over h: x is normal around a + W h, and log Z integrates it."""
    rbm = tiny(2, 3, visible_units=Gaussian())
    h = states(3)
    means = rbm.a + h @ rbm.W.T
    log_weights = h @ rbm.b + means.square().sum(1) / 2
    assert log_partition(rbm) == pytest.approx(log_weights.logsumexp(0).item(), abs=1e-4)
    x = torch.randn(50, 2) * 3
    each = torch.distributions.Normal(means[:, None], 1.0).log_prob(x).sum(2)
    expected = (log_weights.log_softmax(0)[:, None] + each).logsumexp(0)
    torch.testing.assert_close(log_likelihood(rbm, x), expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(rbm.decode(h), means)


@torch.no_grad()
def test_gaussian_hidden_units_send_and_receive_means():
    rbm = tiny(4, 2, hidden_units=Gaussian(), scale=0.5)
    x = states(4)
    torch.testing.assert_close(rbm.encode(x), x @ rbm.W + rbm.b)
    grid = torch.cartesian_prod(*[torch.linspace(-8, 8, 161)] * 2)
    for one in x[[3, 12]]:
        summed = (-rbm.energy(one.expand(len(grid), -1), grid)).double().logsumexp(0) + math.log(0.1**2)
        assert summed.item() == pytest.approx(-rbm.free_energy(one[None]).item(), abs=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("visible", [12, 8])
def test_annealing_finds_the_partition_function(visible):
    rbm = tiny(visible, 20 - visible)
    found = ais(rbm, chains=200, steps=1000)
    assert found.log_z == pytest.approx(log_partition(rbm), abs=0.1)
    assert found.low < found.log_z < found.high
    assert 2 < found.effective <= 200
    from_elsewhere = ais(rbm, chains=200, steps=1000, base=torch.linspace(-1, 1, visible), schedule=lambda t: t**2)
    assert from_elsewhere.log_z == pytest.approx(log_partition(rbm), abs=0.15)


def test_annealing_is_exact_where_units_are_independent():
    rbm = tiny(5, 3)
    with torch.no_grad():
        rbm.W.zero_()
        rbm.b.zero_()
    found = ais(rbm, chains=3, steps=2, base=rbm.a.detach())
    assert found.log_z == pytest.approx(log_partition(rbm), abs=1e-4)


def test_sparse_units_come_to_their_target():
    lecturelib.seed(0)
    x = torch.rand(200, 16).round()
    on = {}
    for cost in (0.0, 2.0):
        rbm = RBM(16, 8, sparsity=0.1, sparsity_cost=cost)
        fit(rbm, Data(x), 400, batch_size=50, lr=0.05, progress=False)
        on[cost] = rbm.encode(x).mean().item()
    assert on[2.0] == pytest.approx(0.1, abs=0.05)
    assert on[0.0] > 0.3


def test_weight_decay_and_momentum_are_the_optimizers():
    optimizer = RBM(4, 3, momentum=0.7, weight_decay=1e-3).turns(0.1)[0].optimizer
    weights, biases = optimizer.param_groups
    assert (weights["weight_decay"], biases["weight_decay"], weights["momentum"]) == (1e-3, 0, 0.7)


@torch.no_grad()
def test_biases_start_at_the_means():
    x = torch.rand(1000, 1, 2, 2).round() * torch.tensor([1.0, 1, 0, 1]).view(1, 2, 2)
    rbm = RBM((1, 2, 2), 3).start_at(x)
    torch.testing.assert_close(rbm.a.sigmoid(), x.mean(0).flatten().clamp(0.01, 0.99))
    seen = RBM(2, 3, visible_units=Gaussian()).start_at(torch.tensor([[1.0, 5], [3, 5]]))
    assert seen.a.tolist() == [2, 5]


@torch.no_grad()
def test_fantasies_are_of_the_model():
    rbm = tiny(4, 3)
    p, x, _ = joint(rbm)
    fantasies = rbm.sample(20_000, 40)
    torch.testing.assert_close(fantasies.mean(0), (p.sum(1) @ x.double()).float(), atol=0.02, rtol=0)
    assert RBM((1, 2, 3), 2, chains=10).sample(4, 2).shape == (4, 1, 2, 3)


@torch.no_grad()
def test_completing_samples_the_rest_given_what_is_known():
    rbm = tiny(4, 3)
    p, x, _ = joint(rbm)
    known = torch.tensor([True, False, False, True])
    given = torch.tensor([1.0, 0, 0, 0])
    agrees = (x[:, 0] == 1) & (x[:, 3] == 0)
    expected = (p.sum(1) * agrees / (p.sum(1) * agrees).sum()) @ x.double()
    filled = rbm.complete(given.expand(40_000, 4), known, 30)
    assert (filled[:, known] == given[known]).all()
    torch.testing.assert_close(filled.mean(0).double(), expected, atol=0.02, rtol=0)


@pytest.mark.parametrize(("options", "match"), [
    ({"k": 0}, "k is 0"), ({"chains": -1}, "chains is -1"), ({"sparsity": 10.0}, "between 0 and 1")])  # fmt: skip
def test_settings_without_a_sense_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        RBM(4, 3, **options)


def test_what_cannot_be_enumerated_or_annealed_says_so():
    both = RBM(3, 2, visible_units=Gaussian(), hidden_units=Gaussian())
    with pytest.raises(ValueError, match="neither layer is binary"):
        log_partition(both)
    with pytest.raises(ValueError, match="not binary"):
        exact_gradient(both, torch.randn(2, 3))
    with pytest.raises(ValueError, match="two layers of Bernoulli units"):
        ais(both)
    with pytest.raises(ValueError, match="at least 2 chains"):
        ais(RBM(3, 2), chains=1)
    assert isinstance(RBM(3, 2).hidden_units, Bernoulli)


@pytest.mark.parametrize("sparsity", [None, 0.3])
def test_bfloat16_changes_the_gradient_little(sparsity):
    """Both phases may be nearly alike, and what is left of their difference must not be rounding."""
    rbm = RBM(784, 100, sparsity=sparsity)
    x = torch.rand(100, 784).round()
    gradients = []
    for enabled in (False, True):
        rbm.zero_grad()
        lecturelib.seed(2)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            rbm.loss(x)["loss"].backward()
        gradients.append([p.grad.clone() for p in rbm.parameters()])
    for name, exact, rounded in zip(("W", "a", "b"), *gradients, strict=True):
        assert (rounded - exact).norm() < 0.05 * exact.norm(), name


@torch.no_grad()
def test_biases_of_label_units_start_at_the_shares_of_the_classes():
    x = torch.cat([torch.rand(1000, 2).round(), torch.eye(3)[[0] * 700 + [1] * 200 + [2] * 100]], 1)
    rbm = RBM(5, 2, visible_units=Labelled(3)).start_at(x)
    torch.testing.assert_close(rbm.visible_units.mean(rbm.a), x.mean(0))


@pytest.mark.parametrize("schedule", [lambda t: t / 2, lambda t: t[:5], lambda t: 1 - t, lambda t: (4 * t).sin().abs()])
def test_a_schedule_that_does_not_rise_from_0_to_1_is_refused(schedule):
    with pytest.raises(ValueError, match="11 values that rise from 0 to 1"):
        ais(RBM(3, 2), steps=10, schedule=schedule)


def test_the_error_of_weights_that_spread_is_finite():
    found = _estimate(torch.tensor([0.0, 0, 0, 10]))
    assert found.low == -math.inf
    assert 0 < found.error < 2


def test_only_binary_units_have_a_share_of_the_time():
    with pytest.raises(ValueError, match="takes binary units"):
        RBM(3, 2, hidden_units=Gaussian(), sparsity=0.1)
