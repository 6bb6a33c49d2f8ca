"""Both players in one turn: the same gradients as in two, at the same place, and where that cannot be."""

import pytest
import torch
from torch import nn

import lecturelib
from lecturelib.data.tensors import Data
from lecturelib.games import R1, Hinge, LeastSquares, Minimax, NonSaturating, Wasserstein
from lecturelib.layers import mlp
from lecturelib.models.dcgan import Discriminator, Generator, ProjectionDiscriminator
from lecturelib.models.gan import GAN
from lecturelib.models.simultaneous import Simultaneous
from lecturelib.training import fit


def digits(kind, labelled=False, projected=False, **options):
    lecturelib.seed(0)
    told = {"conditions": 3 if labelled else 0}
    critic = ProjectionDiscriminator if projected else Discriminator
    return kind(
        Generator((1, 8, 8), 4, (8, 6), spread=None, **told),
        critic((1, 8, 8), (6, 8), norm=False, spread=None, **told),
        noise=4, conditional=labelled, **options,
    )  # fmt: skip


def slopes(gan, loss, player, *batch):
    lecturelib.seed(1)
    return torch.autograd.grad(loss(*batch)["loss"], list(player.parameters()))


@pytest.mark.parametrize("game", [NonSaturating(), NonSaturating(0.9), Minimax(), Wasserstein()])
@pytest.mark.parametrize(("labelled", "projected"), [(False, False), (True, False), (True, True)])
def test_one_pass_has_the_gradients_of_two(game, labelled, projected):
    x = torch.rand(20, 1, 8, 8)
    batch = (x, torch.eye(3)[torch.arange(20) % 3]) if labelled else (x,)
    both, apart = (digits(kind, labelled, projected, game=game) for kind in (Simultaneous, GAN))
    for part, loss in (("discriminator", apart.loss), ("generator", apart.generator_loss)):
        wanted = slopes(apart, loss, getattr(apart, part), *batch)
        found = slopes(both, both.loss, getattr(both, part), *batch)
        for a, b in zip(found, wanted, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-6 + 1e-3 * b.abs().max().item())


def test_a_critic_that_is_sure_still_teaches():
    both, apart = (digits(kind) for kind in (Simultaneous, GAN))
    for gan in (both, apart):
        gan.discriminator.score[0].bias.data.fill_(-60.0)
    x = torch.rand(20, 1, 8, 8)
    wanted = slopes(apart, apart.generator_loss, apart.generator, x)
    found = slopes(both, both.loss, both.generator, x)
    most = max(b.abs().max().item() for b in wanted)
    assert most > 1e-5
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-2, atol=1e-3 * most)
    both.discriminator.score[0].bias.data.fill_(-500.0)  # far beyond what a float can say
    assert all((a == 0).all() for a in slopes(both, both.loss, both.generator, x))


def test_rates_of_a_lazy_penalty_are_corrected_and_it_moves_the_critic_only():
    gan = digits(Simultaneous, penalty=R1(1.0), lazy=4)
    both, penalty = gan.turns(1e-3)
    assert both.optimizer is penalty.optimizer
    critic, maker = both.optimizer.param_groups
    assert (critic["lr"], maker["lr"]) == (pytest.approx(0.8e-3), 1e-3)
    assert critic["betas"] == pytest.approx((0.0, 0.999**0.8))
    assert digits(Simultaneous, betas=(0.5, 0.9)).turns(1.0)[0].optimizer.param_groups[1]["betas"] == (0.5, 0.9)
    before = [p.clone() for p in gan.generator.parameters()]
    penalty.optimizer.zero_grad(set_to_none=True)
    gan.penalty_loss(torch.rand(20, 1, 8, 8))["loss"].backward(inputs=penalty.parameters)
    penalty.optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(before, gan.generator.parameters(), strict=True))
    history = fit(gan, Data(torch.rand(40, 1, 8, 8)), 8, batch_size=20, progress=False)
    assert history.steps("penalty.loss").tolist() == [0, 4]


def test_a_penalty_of_each_step_is_part_of_the_loss():
    x = torch.rand(20, 1, 8, 8)
    one, lazy = digits(Simultaneous, penalty=R1(2.0)), digits(Simultaneous, penalty=R1(2.0), lazy=4)
    torch.testing.assert_close(4 * one.loss(x)["penalty"], lazy.penalty_loss(x)["loss"])
    assert "penalty" not in lazy.loss(x)


def test_the_generator_learns_where_the_data_are():
    lecturelib.seed(0)
    points = Data(torch.randn(200, 2, generator=torch.Generator().manual_seed(0)) * 0.5 + 2)
    gan = Simultaneous(mlp((3, 16, 2)), mlp((2, 16, 1)), noise=3, penalty=R1(0.3), betas=(0.5, 0.9))
    fit(gan, points, 600, batch_size=64, lr=3e-3, progress=False)
    made = gan.sample(1000)
    assert (made.mean(0) - points.x.mean(0)).abs().max() < 0.5  # from 2 away


@pytest.mark.parametrize("game", [Hinge(), LeastSquares()])
def test_games_without_a_slope_everywhere_are_refused(game):
    with pytest.raises(ValueError, match="cannot serve both"):
        digits(Simultaneous, game=game)


def test_critics_whose_scores_depend_on_one_another_are_refused():
    players = Generator((1, 8, 8), 4, (8, 6)), Discriminator((1, 8, 8), (6, 8))
    with pytest.raises(ValueError, match="BatchNorm2d"):
        Simultaneous(*players, noise=4)
    with pytest.raises(ValueError, match="together"):
        digits(Simultaneous, critic_steps=2)
    patches = Simultaneous(players[0], nn.Conv2d(1, 1, 4), noise=4)
    with pytest.raises(ValueError, match="one for each"):
        patches.loss(torch.rand(5, 1, 8, 8))
