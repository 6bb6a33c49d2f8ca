"""Autoencoders against formulas, against PCA, and against what the errors should be."""

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from torch import nn

import lecturelib
from lecturelib.models.autoencoder import Autoencoder, CrossEntropy, SquaredError, TiedAutoencoder, dense


@pytest.fixture(autouse=True)
def seeded():
    lecturelib.seed(0)


@pytest.fixture
def cloud() -> torch.Tensor:
    """200 points in 12 dimensions whose variances fall by half from axis to axis, turned and moved."""
    x = torch.randn(200, 12, dtype=torch.float64) * 0.5 ** torch.arange(12)
    return x @ torch.linalg.qr(torch.randn(12, 12, dtype=torch.float64))[0] + 0.3


def minimise(model, x, gradients=500):
    """Take the model to a minimum of its loss on x with L-BFGS; returns the loss there."""
    options = dict(max_iter=gradients, max_eval=gradients, history_size=50, line_search_fn="strong_wolfe")
    optimizer = torch.optim.LBFGS(model.parameters(), tolerance_grad=0, tolerance_change=0, **options)

    def closure():
        optimizer.zero_grad()
        loss = model.loss(x)["loss"]
        loss.backward()
        return loss

    optimizer.step(closure)
    return model.loss(x)["loss"].item()


def test_squared_error_sums_over_everything_but_the_batch():
    output, x = torch.full((3, 1, 2, 2), 0.5), torch.zeros(3, 1, 2, 2)
    assert SquaredError()(output, x).tolist() == [1.0, 1.0, 1.0]


def test_cross_entropy_is_the_formula_on_the_probabilities():
    logits, x = torch.randn(5, 1, 3, 3, dtype=torch.float64), torch.rand(5, 1, 3, 3, dtype=torch.float64)
    p = CrossEntropy().reconstruction(logits)
    expected = -(x * p.log() + (1 - x) * (1 - p).log()).sum((1, 2, 3))
    torch.testing.assert_close(CrossEntropy()(logits, x), expected)


def test_cross_entropy_is_finite_where_the_sigmoid_is_flat_and_its_gradient_is_the_difference():
    logits = torch.tensor([[200.0, -200.0, 0.3]], requires_grad=True)
    x = torch.tensor([[0.0, 1.0, 0.5]])
    (gradient,) = torch.autograd.grad(CrossEntropy()(logits, x).sum(), logits)
    torch.testing.assert_close(gradient, (logits.sigmoid() - x).detach())


@pytest.mark.parametrize("error", [SquaredError(), CrossEntropy()])
def test_dense_keeps_the_shape_and_mirrors_the_hidden_layers(error):
    model, x = dense((1, 6, 5), 4, (20, 10), error=error), torch.rand(3, 1, 6, 5)
    assert model.encode(x).shape == (3, 4)
    assert model.decode(model.encode(x)).shape == model(x).shape == x.shape
    layers = [m for m in model.modules() if isinstance(m, nn.Linear)]
    assert [m.in_features for m in layers] == [30, 20, 10, 4, 10, 20]


def test_outputs_of_cross_entropy_are_probabilities():
    model = dense((4,), 2, error=CrossEntropy())
    x = 100 * torch.randn(50, 4)
    assert 0 <= model(x).min() <= model(x).max() <= 1


def test_the_loss_is_the_error_of_the_reconstruction():
    model, x = dense((4,), 2, (8,)), torch.rand(6, 4)
    torch.testing.assert_close(model.loss(x)["loss"], (model(x) - x).square().sum(1).mean())
    torch.testing.assert_close(model.loss(x, torch.arange(6))["loss"], model.loss(x)["loss"])


@pytest.mark.parametrize("tied", [False, True])
def test_a_linear_autoencoder_is_pca(cloud, tied):
    k = 3
    model = (TiedAutoencoder(12, k, activation=nn.Identity()) if tied else dense((12,), k)).double()
    loss = minimise(model, cloud)
    centred = cloud - cloud.mean(0)
    variances, V = torch.linalg.eigh(centred.T @ centred / len(cloud))
    weights = model.W.T if tied else model.decoder[0][0].weight
    assert np.degrees(subspace_angles(weights.detach().numpy(), V[:, -k:].numpy()).max()) < 0.1
    assert loss == pytest.approx(variances[:-k].sum().item(), rel=1e-3)
    if tied:
        torch.testing.assert_close(model.W @ model.W.T, torch.eye(k).double(), atol=1e-3, rtol=0)


def test_a_nonlinear_code_under_a_linear_decoder_does_not_beat_pca(cloud):
    model = Autoencoder(nn.Sequential(nn.Linear(12, 3), nn.Sigmoid()), nn.Linear(3, 12)).double()
    loss = minimise(model, cloud)
    centred = cloud - cloud.mean(0)
    assert loss >= torch.linalg.eigvalsh(centred.T @ centred / len(cloud))[:-3].sum().item() * (1 - 1e-9)


def test_tied_weights_are_one_matrix():
    model = TiedAutoencoder(10, 4)
    assert model.size() == 4 * 10 + 4 + 10
    x = torch.rand(5, 10)
    h = torch.sigmoid(x @ model.W.T + model.b)
    torch.testing.assert_close(model.encode(x), h)
    torch.testing.assert_close(model(x), h @ model.W + model.c)
    model.loss(x)["loss"].backward()
    assert model.W.grad.abs().sum() > 0


def test_tied_weights_take_pictures_too():
    model, x = TiedAutoencoder(64, 4, error=CrossEntropy()), torch.rand(5, 1, 8, 8)
    assert model(x).shape == x.shape
    torch.testing.assert_close(model.loss(x)["loss"], model.error(torch.logit(model(x)), x).mean())
