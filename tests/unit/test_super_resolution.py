"""Small pictures made large: what the network adds, what its loss is made of, and what the discriminator is told."""

from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lecturelib import fit, seed
from lecturelib.data import Data
from lecturelib.games import R1
from lecturelib.models.super_resolution import (
    SRGAN,
    FeatureDistance,
    Residual,
    SuperResolution,
    enlarged,
    squared_error,
)
from lecturelib.models.translation import PatchDiscriminator


def quarters(n: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures of 16 x 16, and the means of their blocks of 4 x 4."""
    x = torch.rand(n, 3, 16, 16)
    return x, F.avg_pool2d(x, 4)


def enlarger(**options) -> SRGAN:
    return SRGAN(SuperResolution(4, width=8, blocks=1), PatchDiscriminator(3, (8,)), **options)


@pytest.mark.parametrize("options", [{"factor": 2}, {"factor": 4}, {"factor": 8, "blocks": 0}, {"norm": nn.BatchNorm2d},
                                     {"channels": 1}])  # fmt: skip
def test_sides_grow_by_the_factor_and_values_stay_in_0_to_1(options):
    seed(0)
    network = SuperResolution(**{"width": 8, "blocks": 1} | options).eval()
    with torch.no_grad():
        network.up[-1].weight.mul_(50)  # so that the change leaves the range
        made = network(torch.rand(2, options.get("channels", 3), 4, 6))
    factor = options.get("factor", 4)
    assert made.shape == (2, options.get("channels", 3), 4 * factor, 6 * factor)
    assert made.min() == 0
    assert made.max() == 1


def test_without_a_change_it_is_the_bicubic_enlargement():
    network, (_, low) = SuperResolution(4, width=8, blocks=1).eval(), quarters()
    nn.init.zeros_(network.up[-1].weight)
    nn.init.zeros_(network.up[-1].bias)
    torch.testing.assert_close(network(low), F.interpolate(low, (16, 16), mode="bicubic").clamp(0, 1))
    grey = torch.full((1, 3, 4, 4), 0.3)
    torch.testing.assert_close(enlarged(grey, 4), torch.full((1, 3, 16, 16), 0.3))


def test_outside_of_the_range_there_are_gradients_while_it_trains():
    network = SuperResolution(2, width=8, blocks=1)
    nn.init.constant_(network.up[-1].bias, 3.0)
    made = network(torch.rand(2, 3, 4, 4))
    assert made.min() > 1
    made.mean().backward()
    assert network.up[-1].bias.grad.abs().sum() > 0


@pytest.mark.parametrize("factor", [0, 1, 3, 6, -4])
def test_a_factor_that_is_no_power_of_two_is_named(factor):
    with pytest.raises(ValueError, match=f"factor is {factor}"):
        SuperResolution(factor)


def test_it_is_a_network_of_short_cuts():
    x, block = torch.rand(2, 4, 5, 5), Residual(4)
    nn.init.zeros_(block.change[-1].weight)
    nn.init.zeros_(block.change[-1].bias)
    torch.testing.assert_close(block(x), x)
    network = SuperResolution(2, width=8, blocks=3)
    nn.init.zeros_(network.blocks[-1].weight)  # what the blocks find out is lost, but not what they were given
    nn.init.zeros_(network.blocks[-1].bias)
    (low,) = (torch.rand(1, 3, 4, 4, requires_grad=True),)
    (network(low) - enlarged(low, 2)).sum().backward()
    assert low.grad.abs().sum() > 0


def test_it_learns_what_bicubic_interpolation_cannot_know():
    seed(0)
    x = F.interpolate(torch.rand(300, 1, 4, 4).round(), (16, 16))  # every picture is of squares of 4 x 4
    low = F.avg_pool2d(x, 4)
    alone = SRGAN(SuperResolution(4, 1, 8, 1), PatchDiscriminator(1, (8,)), adversarial=False)
    fit(alone, Data(x[:250], low[:250]), 150, batch_size=25, lr=5e-3, progress=False)
    rest = slice(250, None)
    before = squared_error(enlarged(low[rest], 4).clamp(0, 1), x[rest])
    assert squared_error(alone.enlarge(low[rest]), x[rest]) < 0.5 * before


def test_the_generators_loss_is_content_and_a_share_of_the_game():
    seed(0)
    x, low = quarters()
    srgan = enlarger(weight=0.25)
    made = srgan.generator(low)
    parts = srgan.generator_loss(x, low)
    torch.testing.assert_close(parts["content"], (made - x).square().mean())
    scores = srgan.discriminator.network(made)
    torch.testing.assert_close(parts["game"], -scores.sigmoid().log().mean())
    torch.testing.assert_close(parts["loss"], parts["content"] + 0.25 * parts["game"])
    assert [turn.name for turn in srgan.turns(1e-3)] == ["discriminator", "generator"]
    alone = enlarger(adversarial=False)
    assert [turn.name for turn in alone.turns(1e-3)] == ["generator"]
    assert alone.generator_loss(x, low).keys() == {"loss", "content"}
    other = enlarger(content=lambda made, x: (made - x).abs().max())
    torch.testing.assert_close(other.generator_loss(x, low)["content"], (other.generator(low) - x).abs().max())
    with pytest.raises(ValueError, match="weight is -1"):
        enlarger(weight=-1)


def test_the_discriminator_is_not_told_the_small_picture():
    seed(0)
    x, low = quarters()
    srgan, seen = enlarger(penalty=R1(1.0)), []
    srgan.discriminator.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
    srgan.loss(x, low)
    srgan.generator_loss(x, low)
    assert len(seen) == 4  # real, fake, the penalty's real, and the generator's
    assert all(len(inputs) == 1 and inputs[0].shape == x.shape for inputs in seen)


def test_enlarging_takes_the_network_as_it_is_used():
    x, low = quarters()
    srgan = enlarger().train()
    made = srgan.enlarge(low)
    assert srgan.training
    assert srgan.generator.training
    torch.testing.assert_close(made, deepcopy(srgan).eval().generator(low))
    assert made.shape == x.shape


def test_distances_are_means_over_each_stage():
    seed(0)
    stages = [nn.Conv2d(3, 4, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(4, 5, 3, 2))]
    made, x = torch.rand(2, 5, 3, 12, 12).unbind()
    distance = FeatureDistance(stages, (2.0, 3.0), pixels=5.0, middle=0.25)
    first, both = stages[0], nn.Sequential(*stages)
    wanted = 5 * (made - x).square().mean() + sum(
        weight * (network(made - 0.25) - network(x - 0.25)).square().mean()
        for weight, network in ((2, first), (3, both))
    )
    torch.testing.assert_close(distance(made, x), wanted.detach())
    assert distance(x, x) == 0


def test_a_content_of_features_is_no_part_of_the_model():
    x, low = quarters()
    stages = [nn.Conv2d(3, 4, 3)]
    srgan = enlarger(content=FeatureDistance(stages))
    srgan.generator_loss(x, low)["loss"].backward()
    assert stages[0].weight.grad is None
    assert not list(srgan.content.parameters())
    assert srgan.state_dict().keys() == enlarger().state_dict().keys()
    assert all(p.grad is not None for p in srgan.generator.parameters())
