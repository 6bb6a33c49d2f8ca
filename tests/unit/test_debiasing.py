"""The debiasing VAE: which example pays for what, and which are looked at more often."""

import pytest
import torch
import torch.nn.functional as F

import lecturelib
from lecturelib.data import DataError
from lecturelib.data.tensors import Data
from lecturelib.models.debiasing import dense_debiasing, rareness
from lecturelib.models.likelihoods import Gaussian


@pytest.fixture(autouse=True)
def seeded():
    lecturelib.seed(0)


def test_what_is_no_face_is_classified_and_not_reconstructed():
    model, x = dense_debiasing((1, 4, 4), 3, (16,), weight=0.5), torch.rand(6, 1, 4, 4)
    nothing = torch.zeros(6)
    parts = model.loss(x, nothing)
    assert torch.allclose(parts["loss"], F.binary_cross_entropy_with_logits(model(x), nothing))
    parts["loss"].backward()
    assert all(p.grad is None or p.grad.abs().max() == 0 for p in model.decoder.parameters())
    y = torch.tensor([1, 0, 0, 0, 1, 1])
    lecturelib.seed(1)
    both = model.loss(x, y)
    classification = F.binary_cross_entropy_with_logits(model(x), y.float())
    assert torch.allclose(both["loss"], classification + 0.5 * 0.5 * both["vae"])  # half of them are faces


def test_the_bound_is_that_of_its_faces():
    model, x = dense_debiasing((1, 4, 4), 3, (16,), likelihood=Gaussian(0.3)), torch.rand(6, 1, 4, 4)
    lecturelib.seed(1)
    found = model.loss(x, torch.ones(6))["vae"]
    lecturelib.seed(1)
    _, mean, log_variance = model.split(x)
    z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
    error = -torch.distributions.Normal(model.decoder(z), 0.3).log_prob(x).flatten(1).sum(1)
    kl = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (0.5 * log_variance).exp()), torch.distributions.Normal(0.0, 1.0)
    ).sum(1)
    assert torch.allclose(found, (error + kl).mean(), rtol=1e-5)


def test_the_rare_weigh_more():
    codes = torch.cat([torch.rand(90, 2) * 0.2, torch.rand(10, 2) * 0.2 + 0.8])
    weights = rareness(codes, bins=4, alpha=0.01)
    assert float(weights.sum()) == pytest.approx(1)
    assert weights[90:].min() > 20 * weights[:90].max()  # ((0.9 + 0.01) / (0.1 + 0.01))^2 = 68
    assert float(weights[95] / weights[5]) == pytest.approx((0.91 / 0.11) ** 2, rel=1e-6)
    even = rareness(codes, alpha=1e6)
    assert even.max() / even.min() < 1.001
    with pytest.raises(ValueError, match="above 0"):
        rareness(codes, alpha=0)


def test_batches_follow_the_weights_and_their_changes():
    data = Data(torch.arange(100.0)[:, None]).weighted(torch.cat([torch.zeros(50), torch.ones(50)]))
    batches = data.batches(20)
    epoch = torch.cat([next(batches)[0] for _ in range(5)])
    assert epoch.min() >= 50
    data.weights.copy_(torch.cat([torch.ones(50), torch.zeros(50)]))
    assert torch.cat([next(batches)[0] for _ in range(5)]).max() < 50
    data.weights.copy_(torch.cat([torch.zeros(50), torch.ones(50)]))
    again = next(data.batches(20, start=3))[0]
    assert torch.equal(again, epoch[60:80])  # a run that is taken up again sees the same
    assert data.subset([1, 60]).weights.tolist() == [0, 1]
    for same in (data.to("cpu"), data.only("x"), data.map(lambda x: x + 0)):
        assert next(same.batches(100))[0].min() >= 50
    data.weights.zero_()
    with pytest.raises(DataError, match="cannot be drawn from"):
        next(data.batches(20))


def test_how_often_is_in_proportion():
    data = Data(torch.arange(4.0)[:, None].repeat(1000, 1)).weighted(torch.tensor([1.0, 2, 3, 4]).repeat(1000))
    batches = data.batches(4000)
    seen = torch.cat([next(batches)[0][:, 0] for _ in range(10)]).long().bincount() / 40_000
    assert torch.allclose(seen, torch.tensor([0.1, 0.2, 0.3, 0.4]), atol=0.01)


@pytest.mark.parametrize("weights", [torch.ones(3), -torch.ones(4), torch.zeros(4), torch.full((4,), torch.nan)])
def test_weights_without_a_meaning_are_named(weights):
    with pytest.raises(DataError, match="finite numbers of at least 0"):
        Data(torch.rand(4, 2)).weighted(weights)
