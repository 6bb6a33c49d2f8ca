"""Many networks at once are what each would be alone."""

from itertools import islice

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import lecturelib
from lecturelib.data.tensors import Data
from lecturelib.games import R1
from lecturelib.layers import mlp
from lecturelib.models.gan import GAN
from lecturelib.models.many import Classifiers, Denoisers, MLPs, RBMs, he, uniform
from lecturelib.models.rbm import RBM
from lecturelib.models.stacked import pretrain
from lecturelib.models.units import Bernoulli
from lecturelib.runtime import shifted
from lecturelib.training import fit

X, Y = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 10


def alone(nets: Classifiers, number: int) -> nn.Sequential:
    """One of the nets, made of torch's layers."""
    layers = [nn.Flatten()]
    for W, b in zip(nets.W, nets.b, strict=True):
        layers += [nn.Linear(*W.shape[1:]), nn.Sigmoid()]
        with torch.no_grad():
            layers[-2].weight.copy_(W[number].T)
            layers[-2].bias.copy_(b[number, 0])
    return nn.Sequential(*layers[:-1])


def test_each_net_trains_as_it_would_alone():
    lecturelib.seed(0)
    nets, data = Classifiers(3, (16, 8, 6, 10)), Data(X, Y)
    for W in nets.W:
        nn.init.normal_(W)
    singles = [alone(nets, number) for number in range(3)]
    fit(nets, data, 10, batch_size=40, lr=0.3, progress=False)
    for number, single in enumerate(singles):
        optimizer = torch.optim.SGD(single.parameters(), lr=0.3)
        for _ in range(10):
            optimizer.zero_grad()
            F.cross_entropy(single(X), Y).backward()
            optimizer.step()
        assert torch.allclose(nets(X)[number], single(X), atol=1e-5)
        assert nets.mean_errors(data)[number].item() == pytest.approx(F.cross_entropy(single(X), Y).item(), abs=1e-5)
        right = (single(X).argmax(1) == Y).float().mean().item()
        assert nets.accuracies(data)[number].item() == pytest.approx(right)


def test_contrastive_divergence_is_that_of_one_rbm(monkeypatch):
    lecturelib.seed(0)
    many, one = RBMs(2, 16, 8), RBM(16, 8)
    with torch.no_grad():
        many.W.normal_(), many.a.normal_(), many.b.normal_()
        one.W.copy_(many.W[1]), one.a.copy_(many.a[1, 0]), one.b.copy_(many.b[1, 0])
    monkeypatch.setattr(torch, "bernoulli", torch.round)  # the same states in both
    monkeypatch.setattr(Bernoulli, "sample", lambda self, t: t.sigmoid().round())
    (many.loss(X)["loss"]).backward()
    (one.loss(X)["loss"]).backward()
    assert torch.allclose(many.W.grad[1], one.W.grad, atol=1e-6)
    assert torch.allclose(many.a.grad[1, 0], one.a.grad, atol=1e-6)
    assert torch.allclose(many.b.grad[1, 0], one.b.grad, atol=1e-6)


def test_layers_are_pretrained_and_handed_over():
    lecturelib.seed(0)
    layers = [RBMs(2, 16, 8), Denoisers(2, 8, 8)]
    pretrain(layers, Data(X), 5, batch_size=20, lr=0.1, progress=False)
    nets = Classifiers(2, (16, 8, 8, 10)).start_from(layers)
    h = layers[1].encode(layers[0].encode(X))
    assert h.shape == (40, 2, 8)
    with torch.no_grad():
        nets.W[2].copy_(torch.eye(8, 10).expand(2, -1, -1))
    assert torch.allclose(nets(X)[..., :8], h.transpose(0, 1), atol=1e-6)


def test_weights_start_as_wide_as_they_should():
    lecturelib.seed(0)
    assert uniform(torch.empty(3, 100, 200)).abs().max().item() == pytest.approx(0.1, rel=0.01)
    assert he(torch.empty(3, 100, 200)).std().item() == pytest.approx(0.02**0.5, rel=0.02)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="it takes one net and two sizes at least"):
        Classifiers(0, (16, 10))
    with pytest.raises(ValueError, match="it takes one net and two sizes at least"):
        MLPs(0, (3, 1))
    with pytest.raises(ValueError, match="a batch of 7 cannot be shared out among 3 nets"):
        MLPs(3, (4, 1))(torch.zeros(7, 4))
    with pytest.raises(ValueError, match="it takes at least one"):
        RBMs(0, 16, 8)
    with pytest.raises(ValueError, match="it is a share of the inputs"):
        Denoisers(2, 16, 8, masked=1.0)


def mlp_of(nets: MLPs, number: int, activation: nn.Module) -> nn.Sequential:
    single = mlp([nets.W[0].shape[1], *[W.shape[2] for W in nets.W]], lambda: activation)
    with torch.no_grad():
        for layer, W, b in zip(single[::2], nets.W, nets.b, strict=True):
            layer.weight.copy_(W[number].T)
            layer.bias.copy_(b[number, 0])
    return single


def test_a_batch_is_shared_out_among_the_nets():
    lecturelib.seed(0)
    nets, x = MLPs(3, (4, 8, 6, 2)), torch.randn(15, 4)
    assert nets(x).shape == (15, 2)
    for number in range(3):
        mine = slice(5 * number, 5 * (number + 1))
        assert torch.allclose(nets(x)[mine], mlp_of(nets, number, nn.ReLU())(x[mine]), atol=1e-6)
    assert MLPs(3, (4, 8, 1))(x).shape == (15,)


def test_many_games_under_one_gan_go_as_each_would_alone(monkeypatch):
    lecturelib.seed(0)
    shape, options = dict(nets=2, activation=torch.tanh), dict(noise=2, penalty=R1(0.5), lazy=2, betas=(0.5, 0.99))
    together = GAN(MLPs(sizes=(2, 8, 2), **shape), MLPs(sizes=(2, 8, 1), **shape), **options)
    alone = [
        GAN(mlp_of(together.generator, n, nn.Tanh()), mlp_of(together.discriminator, n, nn.Tanh()), **options)
        for n in range(2)
    ]
    noise = torch.randn(40, 2)
    x = torch.randn(40, 2)
    monkeypatch.setattr(torch, "randn", lambda n, *_, **__: noise[:n])
    fit(together, Data(x), 5, batch_size=40, lr=1e-2, progress=False)  # the whole is one batch, in some order
    order = [batch for (batch,) in islice(Data(x).batches(40, seed=shifted(0)), 5)]
    for number, one in enumerate(alone):
        mine = slice(20 * number, 20 * (number + 1))
        monkeypatch.setattr(torch, "randn", lambda n, *_, mine=mine, **__: noise[mine])
        turns = one.turns(1e-2)
        for step, batch in enumerate(order):
            for turn in turns:
                if step % turn.every == 0:
                    turn.optimizer.zero_grad()
                    turn.loss(batch[mine])["loss"].backward(inputs=turn.parameters)
                    turn.optimizer.step()
        got = together.generator(noise)[mine]
        assert torch.allclose(got, one.generator(noise[mine]), atol=1e-4)
