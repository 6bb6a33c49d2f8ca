"""The perceptual score: a network's eyes, a copy that nothing trains, and no part of the model."""

import pytest
import torch
from torch import nn

from lecturelib.models.classifier import ConvClassifier
from lecturelib.models.likelihoods import Perceptual
from lecturelib.models.vae import dense_vae


def test_the_score_is_the_weighted_squared_distance_of_the_stages():
    first, second = nn.Linear(4, 3), nn.Tanh()
    score = Perceptual([first, second], weights=[2.0, 5.0], pixels=7.0)
    output, x = torch.randn(6, 4), torch.rand(6, 4)
    made = output.sigmoid()
    a, b = first(made), first(x)
    wanted = 2 * (a - b).square().sum(1) + 5 * (a.tanh() - b.tanh()).square().sum(1) + 7 * (made - x).square().sum(1)
    torch.testing.assert_close(score.log_prob(output, x), -wanted / 2)
    torch.testing.assert_close(score.mean(output), made)
    torch.testing.assert_close(score.sample(output), made)


def test_a_perfect_picture_scores_nothing():
    x = torch.rand(5, 1, 8, 8) * 0.9 + 0.05
    score = Perceptual(list(ConvClassifier((1, 8, 8)).blocks)).log_prob(x.logit(), x)
    torch.testing.assert_close(score, torch.zeros(5), atol=1e-6, rtol=0)


def test_the_network_is_a_frozen_copy_beside_the_model():
    network = ConvClassifier((1, 8, 8))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    plain = dense_vae((1, 8, 8), 4, (16,))
    vae = dense_vae((1, 8, 8), 4, (16,), likelihood=Perceptual(list(network.blocks)))
    assert vae.state_dict().keys() == plain.state_dict().keys()
    assert vae.size() == plain.size()
    vae.train()
    turn = vae.turns(1e-2)[0]
    for _ in range(3):
        loss = vae.loss(torch.rand(10, 1, 8, 8))["loss"]
        loss.backward(inputs=turn.parameters)
        turn.optimizer.step()
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("options", [{"stages": []}, {"stages": [nn.Tanh()], "weights": [1.0, 2.0]}])
def test_stages_without_weights_are_refused(options):
    with pytest.raises(ValueError, match="at least one, and as many of both"):
        Perceptual(**options)
