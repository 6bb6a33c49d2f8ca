"""Deep belief networks against enumeration; the unrolled autoencoder; what a unit looks for."""

import pytest
import torch
from torch import nn

import lecturelib
from lecturelib.activation import activation_maximisation
from lecturelib.data import Data, DataError
from lecturelib.models.autoencoder import CrossEntropy, SquaredError
from lecturelib.models.dbn import DBN, unroll
from lecturelib.models.rbm import RBM
from lecturelib.models.stacked import Stack, pretrain
from lecturelib.models.units import Gaussian, Labelled
from lecturelib.partition import log_partition, states
from lecturelib.training import fit


def wild(rbm: RBM, scale: float = 1.0) -> RBM:
    with torch.no_grad():
        for parameter in rbm.parameters():
            parameter.normal_(0, scale)
    return rbm


@pytest.fixture(autouse=True)
def seeded():
    lecturelib.seed(0)


def tiny() -> DBN:
    """Of 4, 3, 3 and 2 units."""
    return DBN([wild(RBM((1, 2, 2), 3)), wild(RBM(3, 3)), wild(RBM(3, 2))])


def labelled() -> DBN:
    """Of 4 and 3 units and 3 labels, under 2 hidden units."""
    return DBN([wild(RBM(4, 3)), wild(RBM(6, 2, visible_units=Labelled(3)))], classes=3)


def shares(x: torch.Tensor) -> torch.Tensor:
    """How often each of the 16 states of four binary units is there."""
    numbers = torch.bernoulli(x.flatten(1)) @ torch.tensor([8.0, 4, 2, 1])
    return torch.bincount(numbers.long(), minlength=16) / len(x)


def of_x(h: torch.Tensor, p: torch.Tensor, rbm: RBM) -> torch.Tensor:
    """p(s) = sum_h p(h) p(s | h) over all states s of the visible layer, one by one."""
    s = states(len(rbm.a))
    on = rbm.decode(h).flatten(1)
    return p @ torch.stack([(on * one + (1 - on) * (1 - one)).prod(1) for one in s], 1)


@torch.no_grad()
def test_samples_have_the_distribution_of_the_directed_model():
    dbn = tiny()
    h = states(3)
    p = of_x(h, (-dbn.top.free_energy(h)).softmax(0), dbn.layers[1])
    expected = of_x(h, p, dbn.layers[0])
    assert (shares(dbn.sample(60_000, 60)) - expected).abs().max() < 0.01
    alone = (-dbn.layers[0].free_energy(states(4))).softmax(0)  # the lowest RBM by itself is another model
    assert (alone - expected).abs().max() > 0.03


@torch.no_grad()
def test_of_one_layer_it_is_that_rbm():
    rbm = wild(RBM(4, 3))
    assert (shares(DBN([rbm]).sample(60_000, 60)) - (-rbm.free_energy(states(4))).softmax(0)).abs().max() < 0.01
    x = torch.rand(5, 4)
    torch.testing.assert_close(DBN([rbm])(x), rbm(x))


@torch.no_grad()
def test_a_label_that_is_held_conditions_the_sample():
    dbn = labelled()
    h = states(3)
    for label in range(3):
        pairs = torch.cat([h, torch.eye(3)[label].expand(8, 3)], 1)
        expected = of_x(h, (-dbn.top.free_energy(pairs)).softmax(0), dbn.layers[0])
        found = shares(dbn.sample(40_000, 60, torch.full((40_000,), label)))
        assert (found - expected).abs().max() < 0.012


@torch.no_grad()
def test_labels_are_one_hot_on_the_free_chain_and_weighed_by_free_energy():
    dbn = labelled()
    s = dbn.top.gibbs(dbn.top.visible_units.sample(torch.zeros(40_000, 6)), 60)
    assert (s[:, 3:].sum(1) == 1).all()
    every = torch.cat([torch.cat([states(3), torch.eye(3)[label].expand(8, 3)], 1) for label in range(3)])
    exact = (-dbn.top.free_energy(every)).softmax(0).view(3, 8)
    torch.testing.assert_close(s[:, 3:].mean(0), exact.sum(1), atol=0.012, rtol=0)
    total = (-dbn.top.free_energy(every)).logsumexp(0).item()
    assert log_partition(dbn.top) == pytest.approx(total, abs=1e-4)  # by the hidden states
    x = torch.rand(7, 4)
    pairs = torch.stack([dbn.joined(x, torch.full((7,), label)) for label in range(3)], 1)
    energies = torch.stack([dbn.top.free_energy(pairs[:, label]) for label in range(3)], 1)
    torch.testing.assert_close(dbn.label_energy(x), energies)
    assert torch.equal(dbn.predict(x), energies.argmin(1))


def test_it_learns_to_tell_and_to_draw_classes():
    y = torch.arange(400) % 4
    kinds = torch.tensor([[1.0, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1], [1, 0, 1, 0, 1, 0]])
    data = Data((kinds[y] - (torch.rand(400, 6) < 0.05).float()).abs(), y)
    dbn = DBN([RBM(6, 12, momentum=0.9), RBM(16, 20, visible_units=Labelled(4), momentum=0.9)], classes=4)
    pretrain(dbn.layers[:-1], data, 800, batch_size=40, lr=0.1, progress=False)
    fit(dbn.top, dbn.to_top(data), 1500, batch_size=40, lr=0.1, progress=False)
    assert (dbn.predict(data.x) == y).float().mean() > 0.95
    drawn = dbn.sample(200, 100, torch.arange(200) % 4)
    nearest = torch.cdist(drawn, kinds).argmin(1)
    assert (nearest == torch.arange(200) % 4).float().mean() > 0.7


@torch.no_grad()
def test_up_and_down_are_the_layers_one_after_the_other():
    dbn, x = tiny(), torch.rand(5, 1, 2, 2)
    low, middle, top = dbn.layers
    h = top.encode(middle.encode(low.encode(x)))
    torch.testing.assert_close(dbn.encode(x), h)
    torch.testing.assert_close(dbn.encode(x), Stack(dbn.layers)(x))
    torch.testing.assert_close(dbn.decode(h), low.decode(middle.decode(top.decode(h))))
    assert dbn(x).shape == x.shape


@torch.no_grad()
@pytest.mark.parametrize("code", [None, Gaussian()])
def test_unrolled_it_is_the_up_and_down_pass_and_then_its_own(code):
    dbn = DBN([wild(RBM((1, 3, 3), 7)), wild(RBM(7, 6)), wild(RBM(6, 2, hidden_units=code), 0.5)])
    network, x = unroll(dbn.layers), torch.rand(20, 1, 3, 3)
    assert isinstance(network.error, CrossEntropy)
    torch.testing.assert_close(network.encode(x), dbn.encode(x))
    torch.testing.assert_close(network(x), dbn(x))
    assert (dbn.encode(x).max() > 1) == bool(code)  # the code is linear
    before = dbn(x)
    for parameter in network.encoder.parameters():
        parameter.zero_()
    torch.testing.assert_close(dbn(x), before)  # copies
    torch.testing.assert_close(network.decode(dbn.encode(x)), before)  # untied
    assert network.size() == sum(2 * rbm.W.numel() + rbm.a.numel() + rbm.b.numel() for rbm in dbn.layers)


def test_unrolled_it_is_fine_tuned():
    x = torch.rand(60, 9).round()
    rbms = [RBM(9, 12, momentum=0.9), RBM(12, 4, hidden_units=Gaussian(), momentum=0.9)]
    histories = pretrain(rbms, Data(x), 300, batch_size=20, lr=0.02, progress=False)
    assert histories[0]["error"][-1] < histories[0]["error"][0]
    network = unroll(rbms)
    before = network.loss(x)["loss"].item()
    fit(network, Data(x), 600, batch_size=20, lr=1e-2, progress=False)
    assert network.loss(x)["loss"].item() < 0.7 * before


@torch.no_grad()
def test_real_values_below_are_rebuilt_by_squared_error():
    rbms = [wild(RBM((1, 2, 2), 5, visible_units=Gaussian())), wild(RBM(5, 2, hidden_units=Gaussian()))]
    network, x = unroll(rbms), torch.randn(6, 1, 2, 2)
    assert isinstance(network.error, SquaredError)
    torch.testing.assert_close(network(x), DBN(rbms)(x))


@pytest.mark.parametrize(("make", "match"), [
    (lambda: DBN([]), "at least one RBM"),
    (lambda: DBN([RBM(4, 3), RBM(4, 2)]), "layer 1 sees 4 units, but layer 0 has 3 hidden ones"),
    (lambda: DBN([RBM(4, 3), RBM(5, 2, visible_units=Labelled(3))], 3), "and there are 3 classes"),
    (lambda: DBN([RBM(4, 3), RBM(6, 2)], 3), r"visible_units=Labelled\(3\)"),
    (lambda: DBN([RBM(6, 2, visible_units=Labelled(3))], 3), "need a layer below"),
    (lambda: unroll([RBM(4, 3), RBM(3, 2, visible_units=Labelled(3))]), "cannot be unrolled"),
    (lambda: Labelled(1), "classes is 1"),
    (lambda: labelled().encode(torch.rand(2, 4)), "give the labels y"),
    (lambda: tiny().predict(torch.rand(2, 4)), "no label units"),
    (lambda: tiny().sample(2, 3, torch.zeros(2).long()), "0 label units"),
    (lambda: labelled().sample(2, 3, torch.zeros(3).long()), "2 are drawn"),
])  # fmt: skip
def test_what_does_not_fit_is_said(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_data_for_a_top_with_labels_need_labels():
    with pytest.raises(DataError, match="y from 0 to 2"):
        labelled().to_top(Data(torch.rand(5, 4)))
    with pytest.raises(DataError, match="y from 0 to 2"):
        labelled().to_top(Data(torch.rand(5, 4), torch.tensor([0, 1, 2, 3, 0])))
    assert tiny().to_top(Data(torch.rand(5, 1, 2, 2), torch.arange(5))).names == ("x",)


def test_a_linear_unit_looks_for_its_weights():
    network = nn.Linear(12, 5)
    found = activation_maximisation(lambda x: network(x.flatten(1)), [3, 0], (3, 4), norm=2.5)
    expected = 2.5 * nn.functional.normalize(network.weight[[3, 0]], dim=1).view(2, 3, 4)
    torch.testing.assert_close(found, expected.detach(), atol=1e-4, rtol=1e-3)
    assert all(p.grad is None for p in network.parameters())


def test_the_maximum_is_that_of_a_search_over_the_circle():
    network = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 3))
    nn.init.normal_(network[0].weight, 0, 2)
    angle = torch.linspace(0, 2 * torch.pi, 5000)
    circle = 1.5 * torch.stack([angle.cos(), angle.sin()], 1)
    best = network(circle).max(0).values
    x = activation_maximisation(network, range(3), (2,), norm=1.5, steps=500, rate=0.02, starts=16)
    torch.testing.assert_close(x.norm(dim=1), torch.full((3,), 1.5))
    torch.testing.assert_close(network(x).diagonal(), best, atol=2e-3, rtol=0)
    one = activation_maximisation(network, range(3), (2,), norm=1.5, steps=500, rate=0.02, starts=1)
    assert (network(one).diagonal() <= best + 1e-3).all()


@pytest.mark.parametrize(("options", "match"), [
    ({"units": [5]}, "units 0 to 4, not 5"), ({"units": [0], "norm": 0.0}, "norm 0.0"),
    ({"units": [0], "starts": 0}, "starts 0")])  # fmt: skip
def test_units_that_are_not_there_are_named(options, match):
    with pytest.raises(ValueError, match=match):
        activation_maximisation(nn.Linear(4, 5), shape=(4,), **options)
