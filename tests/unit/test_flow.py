"""Flows can be undone, and say by how much they stretch space, as the Jacobian does."""

import math

import pytest
import torch
from torch import nn

from lecturelib import fit
from lecturelib.data import Data
from lecturelib.layers import mlp
from lecturelib.models.bijections import ActNorm, Coupling, Linear, Squeeze
from lecturelib.models.flow import Flow, PictureFlow, dense_flow, picture_flow


def network(channels_in: int, channels_out: int) -> nn.Module:
    return mlp((channels_in, 8, channels_out), nn.Tanh)


def convolutional(channels_in: int, channels_out: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels_in, 8, 3, padding=1), nn.Tanh(), nn.Conv2d(8, channels_out, 3, padding=1))


def moved(module: nn.Module, by: float = 0.2) -> nn.Module:
    """With no parameter where it began, and in double precision."""
    for parameter in module.parameters():
        parameter.data += by * torch.randn_like(parameter)
    return module.double().eval()


MAPS = {
    "norm": (lambda: ActNorm(3), (3,)),
    "norm of maps": (lambda: ActNorm(3), (3, 2, 4)),
    "matrix": (lambda: Linear(3), (3,)),
    "1x1 convolution": (lambda: Linear(3), (3, 2, 4)),
    "coupling": (lambda: Coupling(5, network), (5,)),
    "coupling of maps": (lambda: Coupling(3, convolutional), (3, 2, 4)),
    "squeeze": (Squeeze, (2, 4, 2)),
    "flow": (lambda: dense_flow(3, 3), (3,)),
    "flow of pictures": (lambda: picture_flow((1, 8, 8), 2, 2, 8), (1, 8, 8)),
    "three levels": (lambda: picture_flow((3, 8, 8), 3, 1, 8), (3, 8, 8)),
}


@pytest.mark.parametrize("name", MAPS)
def test_undone_and_the_jacobian_agrees(name):
    torch.manual_seed(0)
    make, shape = MAPS[name]
    one = moved(make())
    x = torch.rand(4, *shape, dtype=torch.float64)  # where a flow of pictures lives
    x = x if isinstance(one, PictureFlow) else 4 * x - 2
    there, back = (one.encode, one.decode) if isinstance(one, Flow) else (one, one.inverse)
    z, log_det = there(x)
    torch.testing.assert_close(back(z), x, atol=1e-10, rtol=0)
    for k in range(2):
        slopes = torch.autograd.functional.jacobian(
            lambda y, k=k: there(y.view(1, *shape))[0].flatten(), x[k].flatten()
        )
        torch.testing.assert_close(torch.linalg.slogdet(slopes).logabsdet, log_det[k], atol=1e-5, rtol=1e-5)


def test_float32_errors_stay_small():
    torch.manual_seed(0)
    flow, x = dense_flow(2, 8), 3 * torch.randn(500, 2)
    fit(flow, Data(x), 50, batch_size=100, lr=1e-2, progress=False)
    with torch.no_grad():
        torch.testing.assert_close(flow.decode(flow.encode(x)[0]), x, atol=1e-4, rtol=0)


def test_a_norm_standardises_its_first_batch_and_no_later_one():
    torch.manual_seed(0)
    norm, x = ActNorm(3), 5 * torch.randn(100, 3, 4, 4) + 2
    z, _ = norm(x)
    torch.testing.assert_close(z.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(z.transpose(0, 1).flatten(1).std(1, correction=0), torch.ones(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(norm(2 * x)[0], z + x * norm.log_scale.exp().view(1, 3, 1, 1), atol=1e-4, rtol=1e-4)
    fresh = ActNorm(3).eval()
    torch.testing.assert_close(fresh(x)[0], x)


def test_a_norm_of_one_example_stays_finite():
    norm = ActNorm(2)
    assert norm(torch.randn(1, 2))[0].isfinite().all()
    assert norm.log_scale.isfinite().all()


def test_samples_of_a_picture_flow_are_grey_values():
    torch.manual_seed(0)
    flow = moved(picture_flow((1, 4, 4), 1, 1, 4, values=5)).float()
    x = 4 * flow.sample(20)
    torch.testing.assert_close(x, x.round())
    assert (x.min() >= 0, x.max() <= 4) == (True, True)
    assert len(x.round().unique()) > 2


def test_a_coupling_needs_two_channels():
    with pytest.raises(ValueError, match="at least two channels"):
        Coupling(1, network)


def test_densities_integrate_to_one():
    torch.manual_seed(0)
    flow = moved(dense_flow(2, 4), 0.05)
    side = torch.linspace(-20, 20, 401, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)
    with torch.no_grad():
        total = flow.log_prob(grid).exp().sum() * (side[1] - side[0]) ** 2
    assert total.item() == pytest.approx(1, abs=0.01)


def test_bits_of_pictures_bound_the_probability_of_the_values():
    """One pixel of two values, a flow that does nothing to its logit: the exact probability by integration."""
    torch.manual_seed(0)
    flow = PictureFlow([[ActNorm(1)]], (1, 1, 1), values=2)
    flow.eval()
    with torch.no_grad():
        flow.levels[0][0].shift += 0.7
        u = torch.linspace(0.0005, 0.9995, 1000).view(-1, 1, 1, 1)
        for value in (0.0, 1.0):
            mass = flow.log_prob((value + u) / 2).exp().mean().item() / 2
            x = torch.full((4000, 1, 1, 1), value)
            assert flow.loss(x)["loss"].item() >= -math.log2(mass) - 0.02
        masses = [flow.log_prob((value + u) / 2).exp().mean().item() / 2 for value in (0.0, 1.0)]
    p = torch.tensor([0.01, 0.99]).logit() + 0.7  # what alpha leaves out at both ends
    inside = torch.distributions.Normal(0, 1).cdf(p).diff().item()
    assert sum(masses) == pytest.approx(inside, abs=2e-3)


def test_a_flow_learns_a_density_that_is_known():
    torch.manual_seed(0)
    angle = 2 * math.pi * torch.rand(4000)
    x = torch.stack([2 * angle.cos(), 2 * angle.sin()], 1) + 0.2 * torch.randn(4000, 2)
    flow = dense_flow(2, 6)
    fit(flow, Data(x[:3000]), 400, batch_size=300, lr=5e-3, progress=False)
    with torch.no_grad():
        found = flow.log_prob(x[3000:]).mean().item()
        made = flow.sample(1000).norm(dim=1)
    gaussian = torch.distributions.MultivariateNormal(torch.zeros(2), torch.cov(x.T)).log_prob(x[3000:]).mean().item()
    assert found > gaussian + 0.7
    assert made.mean().item() == pytest.approx(2, abs=0.1)
