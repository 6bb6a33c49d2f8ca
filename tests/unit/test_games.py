"""Games: their fixed points and slopes by hand, penalties on networks whose slope is known."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lecturelib.games import (
    R1,
    GradientPenalty,
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    Wasserstein,
    spectral,
    squared_slopes,
)

LOGITS = torch.linspace(-4, 4, 17)


def slope(function, t: torch.Tensor) -> torch.Tensor:
    t = t.clone().requires_grad_()
    return torch.autograd.grad(function(t).sum(), t)[0]


@pytest.mark.parametrize("game", [Minimax(), NonSaturating()])
def test_the_best_discriminator_is_p_over_p_plus_q(game):
    p, q = 0.7, 0.2
    best = torch.tensor([math.log(p / q)])  # sigma of it: p / (p + q)
    real = slope(lambda t: game.discriminator(t, 0 * t), best)
    fake = slope(lambda t: game.discriminator(0 * t, t), best)
    assert (p * real + q * fake).item() == pytest.approx(0, abs=1e-6)
    assert game.discriminator(torch.zeros(1), torch.zeros(1)).item() == pytest.approx(math.log(4))


def test_where_the_discriminator_is_sure_one_gradient_vanishes_and_the_other_does_not():
    D = LOGITS.sigmoid()
    saturating = torch.stack([slope(Minimax().generator, t[None])[0] for t in LOGITS])
    other = torch.stack([slope(NonSaturating().generator, t[None])[0] for t in LOGITS])
    torch.testing.assert_close(saturating, -D)
    torch.testing.assert_close(other, D - 1)


def test_the_losses_are_means_over_scores_of_any_shape():
    real, fake = torch.randn(5, 1, 3, 3), torch.randn(4, 1)
    for game in (Minimax(), NonSaturating(), LeastSquares(), Hinge(), Wasserstein()):
        assert game.discriminator(real, fake) == pytest.approx(game.discriminator(real.flatten(), fake[:, 0]).item())
        assert game.generator(fake).shape == ()
    assert Minimax().discriminator(real, fake).item() == pytest.approx(
        F.binary_cross_entropy_with_logits(real, torch.ones_like(real)).item()
        + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake)).item()
    )


def test_smoothing_is_of_real_labels_alone():
    real, fake = torch.randn(50), torch.randn(50)
    expected = F.binary_cross_entropy_with_logits(real, torch.full_like(real, 0.9))
    expected += F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
    assert NonSaturating(smooth=0.9).discriminator(real, fake).item() == pytest.approx(expected.item(), rel=1e-5)
    assert NonSaturating(0.9).generator(fake) == NonSaturating().generator(fake)


def test_least_squares_hinge_and_wasserstein_at_known_scores():
    real, fake = torch.tensor([2.0, 0.0]), torch.tensor([-2.0, 1.0])
    assert LeastSquares().discriminator(real, fake).item() == pytest.approx((1 + 1) / 4 + (4 + 1) / 4)
    assert LeastSquares().generator(fake).item() == pytest.approx((9 + 0) / 4)
    assert Hinge().discriminator(real, fake).item() == pytest.approx((0 + 1) / 2 + (0 + 2) / 2)
    assert Wasserstein().discriminator(real, fake).item() == pytest.approx(-0.5 - 1.0)
    assert Hinge().generator(fake) == Wasserstein().generator(fake) == 0.5


def test_penalties_of_a_linear_discriminator():
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 1))
    norm = net[1].weight.norm()
    real, fake = torch.randn(6, 3, 4), torch.randn(6, 3, 4)
    torch.testing.assert_close(squared_slopes(net, real), norm.square().expand(6))
    torch.testing.assert_close(R1(4.0)(net, real, fake), 2 * norm.square())
    torch.testing.assert_close(GradientPenalty(5.0)(net, real, fake), 5 * (norm - 1).square())
    (gradient,) = torch.autograd.grad(R1(4.0)(net, real, fake), net[1].weight)
    torch.testing.assert_close(gradient, 4 * net[1].weight)


def test_penalties_know_the_condition_and_where_they_look():
    places = []

    def scores(x, y):
        places.append(x.detach())
        return (x * y[:, None]).sum(1)

    real, fake, y = torch.ones(100, 2), torch.zeros(100, 2), torch.arange(100.0)
    torch.testing.assert_close(R1(2.0)(scores, real, fake, y), (2 * y.square()).mean())
    assert torch.equal(places[0], real)
    GradientPenalty()(scores, real, fake, y)
    assert 0 <= places[1].min() < 0.2 < 0.8 < places[1].max() <= 1
    assert torch.equal(places[1][:, 0], places[1][:, 1])  # one place on the line for each pair


def test_spectral_normalisation_makes_each_layer_1_lipschitz():
    torch.manual_seed(0)
    net = spectral(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4)))
    with torch.no_grad():
        net[0].parametrizations.weight.original.mul_(30)
    for _ in range(100):
        net(torch.randn(2, 6))
    for layer in (net[0], net[2]):
        assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1, abs=1e-3)
