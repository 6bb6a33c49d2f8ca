"""The games on a ring of Gaussians: that each setting changes what it says, and what is measured."""

from dataclasses import replace

import pytest
import torch

from lecturelib.experiments import HingeRing, LeastSquaresRing, MinimaxRing, Ring, WassersteinRing, run
from lecturelib.experiments.ring import falling
from lecturelib.games import R1, GradientPenalty, Hinge, LeastSquares, Minimax, NonSaturating, Wasserstein

KINDS = {
    Ring: NonSaturating, MinimaxRing: Minimax, LeastSquaresRing: LeastSquares, HingeRing: Hinge,
    WassersteinRing: Wasserstein,
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_each_plays_its_game(kind):
    assert type(kind().gan().game) is KINDS[kind]


def test_the_rate_falls_at_the_end_alone():
    assert [falling(t) for t in (0, 0.3, 0.69)] == [1, 1, 1]
    assert [falling(t) for t in (0.7, 0.85, 1.0)] == pytest.approx([1, 0.5, 0])


def test_settings_reach_the_players():
    gan = Ring(r1=0.3, beta1=0.1, beta2=0.7, clip=0.2, critic_steps=4, latent=3, width=5).gan()
    assert gan.penalty == R1(0.3)
    assert (gan.betas, gan.clip, gan.critic_steps) == ((0.1, 0.7), 0.2, 4)
    assert gan.generator[0].weight.shape == (5, 3)
    assert Ring(gradient_penalty=2.0).gan().penalty == GradientPenalty(2.0)
    assert Ring().gan().penalty is None


def test_a_normalised_critic_has_the_slope_of_its_stretch():
    gan = Ring(spectral=True, stretch=20.0).gan().train()
    x = torch.randn(500, 2)
    for _ in range(50):  # the power iteration needs a few looks
        gan.discriminator(x)
    gan.eval()
    x.requires_grad_()
    (slope,) = torch.autograd.grad(gan.discriminator(x).sum(), x)
    assert 0.5 < slope.norm(dim=1).max() < 20.2


def test_the_figures_are_of_the_averaged_weights_and_of_the_last(tmp_path):
    outcome = run(Ring(steps=30, beta1=0.5), tmp_path, progress=False)
    assert list(outcome.figures) == [
        "modes covered", "near a mode", "modes covered, last step", "near a mode, last step"]  # fmt: skip
    assert outcome.models["gan"].sample(10).shape == (10, 2)
    late = run(replace(Ring(steps=30, beta1=0.5), ema=0.0), progress=False).figures  # the average is the last
    assert late["near a mode"] == pytest.approx(late["near a mode, last step"], abs=0.03)
