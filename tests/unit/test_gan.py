"""GANs: who moves when, by which optimizer, what is held, and what is passed on."""

import pytest
import torch
from torch import nn

import lecturelib
from lecturelib.data.tensors import Data
from lecturelib.games import R1, GradientPenalty, LeastSquares, NonSaturating, Wasserstein
from lecturelib.layers import mlp
from lecturelib.models.gan import GAN
from lecturelib.training import fit, train


def small(**options) -> GAN:
    lecturelib.seed(0)
    return GAN(mlp((3, 16, 2)), mlp((2, 16, 1)), **({"noise": 3} | options))


@pytest.fixture
def points():
    return Data(torch.randn(200, 2, generator=torch.Generator().manual_seed(0)) * 0.5 + 2)


def test_the_losses_are_those_of_the_game(points):
    gan, x = small(game=LeastSquares()), points.x[:50]
    lecturelib.seed(1)
    fake = gan.generator(torch.randn(50, 3))
    lecturelib.seed(1)
    parts = gan.loss(x)
    real, false = gan.discriminator(x), gan.discriminator(fake)
    torch.testing.assert_close(parts["loss"], ((real - 1).square().mean() + false.square().mean()) / 2)
    torch.testing.assert_close(parts["real"], real.mean())
    torch.testing.assert_close(parts["fake"], false.mean())
    lecturelib.seed(1)
    torch.testing.assert_close(gan.generator_loss(x)["loss"], (false - 1).square().mean() / 2)


def test_the_generator_learns_where_the_data_are(points):
    gan = small(betas=(0.5, 0.9))
    fit(gan, points, 600, batch_size=64, lr=3e-3, progress=False)
    made = gan.sample(1000)
    assert (made.mean(0) - points.x.mean(0)).abs().max() < 0.5  # from 2 away
    assert made.shape == (1000, 2)


def test_the_generator_moves_every_critic_steps(points):
    gan, moved = small(critic_steps=3), []
    before = gan.generator[0].weight.clone()
    for _ in train(gan, points, 7, batch_size=20, lr=1e-2):
        moved.append(not torch.equal(before, gan.generator[0].weight))
        before = gan.generator[0].weight.clone()
    assert moved == [True, False, False, True, False, False, True]


def test_weights_of_a_clipped_critic_are_held(points):
    gan = small(game=Wasserstein(), clip=0.01)
    for _ in train(gan, points, 3, batch_size=20, lr=1e-2):
        assert max(p.abs().max() for p in gan.discriminator.parameters()) <= 0.01
    assert max(p.abs().max() for p in gan.generator.parameters()) > 0.01


def test_a_lazy_penalty_shares_the_discriminators_optimizer(points):
    gan = small(penalty=R1(2.0), lazy=4)
    first, second, third = gan.turns(1e-3)
    assert first.optimizer is second.optimizer
    assert [turn.every for turn in (first, second, third)] == [1, 4, 1]
    group = first.optimizer.param_groups[0]
    assert group["lr"] == pytest.approx(0.8e-3)
    assert group["betas"] == pytest.approx((0.5**0.8, 0.999**0.8))
    assert third.optimizer.param_groups[0]["lr"] == 1e-3
    assert "penalty" not in gan.loss(points.x)
    now = small(penalty=R1(2.0)).loss(points.x)["penalty"]
    torch.testing.assert_close(gan.penalty_loss(points.x)["loss"], 4 * now)
    history = fit(gan, points, 8, batch_size=20, progress=False)
    assert history.steps("penalty.loss").tolist() == [0, 4]


def test_a_penalty_of_each_step_is_part_of_the_loss(points):
    gan = small(game=Wasserstein(), penalty=GradientPenalty(3.0))
    lecturelib.seed(1)
    parts = gan.loss(points.x)
    lecturelib.seed(1)
    plain = small(game=Wasserstein()).loss  # the same players
    lecturelib.seed(1)
    torch.testing.assert_close(parts["loss"] - parts["penalty"], plain(points.x)["loss"])
    assert len(gan.turns(1e-3)) == 2


class Told(nn.Module):
    """Adds a number of its class to what it says."""

    def __init__(self, sizes):
        super().__init__()
        self.net, self.of = mlp(sizes), nn.Embedding(4, sizes[-1])

    def forward(self, x, y):
        return self.net(x) + 100 * self.of(y)


def test_labels_reach_both_players_of_a_conditional_game(points):
    lecturelib.seed(0)
    gan = GAN(Told((3, 8, 2)), Told((2, 8, 1)), noise=3, conditional=True)
    y = torch.arange(200) % 4
    made = gan.sample(200, y)
    centres = torch.stack([made[y == c].mean(0) for c in range(4)])
    torch.testing.assert_close(centres, 100 * gan.generator.of.weight.detach(), atol=2.0, rtol=0)
    before = gan.discriminator.of.weight.clone(), gan.generator.of.weight.clone()
    fit(gan, Data(points.x, y), 2, batch_size=50, progress=False)
    assert not torch.equal(before[0], gan.discriminator.of.weight)
    assert not torch.equal(before[1], gan.generator.of.weight)
    with pytest.raises(ValueError, match="it takes batches of examples and their labels"):
        gan.loss(points.x)
    with pytest.raises(ValueError, match="5 examples need 5 conditions, and none is given"):
        gan.sample(5)
    with pytest.raises(ValueError, match="200 are given"):
        gan.sample(5, y)


def test_labels_are_not_looked_at_without_a_condition(points):
    gan = small()
    lecturelib.seed(1)
    expected = gan.loss(points.x)["loss"]
    lecturelib.seed(1)
    assert torch.equal(gan.loss(points.x, torch.zeros(200))["loss"], expected)


@pytest.mark.parametrize("options", [{"noise": 0}, {"lazy": 0}, {"critic_steps": 0}, {"clip": 0.0}, {"clip": -1.0}])
def test_what_cannot_be_is_refused(options):
    with pytest.raises(ValueError, match="must be at least 1|a positive number"):
        small(**options)


def test_the_usual_game_is_the_non_saturating_one():
    assert small().game == NonSaturating()
