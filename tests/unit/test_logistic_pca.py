"""Logistic PCA against scipy's minimiser, and against what it must reduce to."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit

import lecturelib
from lecturelib.data.tensors import Data
from lecturelib.models.logistic_pca import LogisticPCA
from lecturelib.training import fit


@pytest.fixture
def x() -> torch.Tensor:
    lecturelib.seed(0)
    return (torch.randn(40, 2) @ torch.randn(2, 9) > 0).float()


def cost(v, z, c, x, ridge):
    logits = z @ v.T + c
    return (np.logaddexp(0, logits) - x * logits).sum() + ridge / 2 * (z**2).sum()


def test_the_code_is_scipys_minimum(x):
    model = LogisticPCA(9, 2, ridge=0.1)
    torch.nn.init.normal_(model.V)
    torch.nn.init.normal_(model.c)
    v, c = model.V.detach().double().numpy(), model.c.detach().double().numpy()
    codes = model.encode(x).numpy()
    for one, code in zip(x[:10].double().numpy(), codes[:10], strict=True):
        best = minimize(lambda z, one=one: cost(v, z[None], c, one, 0.1), np.zeros(2), method="BFGS").x
        np.testing.assert_allclose(code, best, atol=2e-3)


def test_the_code_of_extreme_weights_is_still_the_minimum(x):
    model = LogisticPCA(9, 2, ridge=0.01, newton_steps=30)
    torch.nn.init.normal_(model.V, std=8.0)
    z = model.encode(x)
    best = model._objective(z, x)
    for _ in range(50):
        other = model._objective(z + 0.3 * torch.randn_like(z), x)
        assert (other >= best - 1e-3).all()


def test_the_gradient_is_that_of_the_profiled_likelihood(x):
    model = LogisticPCA(9, 2, ridge=0.5, newton_steps=30).double()
    x = x.double()
    model.loss(x)["loss"].backward()
    step, moved = 1e-4, torch.zeros_like(model.V)
    moved[3, 1] = step
    with torch.no_grad():
        model.V += moved
        above = model.loss(x)["loss"].item()
        model.V -= 2 * moved
        below = model.loss(x)["loss"].item()
    assert (above - below) / (2 * step) == pytest.approx(model.V.grad[3, 1].item(), rel=1e-3, abs=1e-5)


def test_it_reaches_scipys_optimum_of_everything_at_once():
    lecturelib.seed(0)
    x = torch.bernoulli((torch.randn(60, 1) @ torch.randn(1, 12)).sigmoid())  # noisy: the best weights are finite
    model = LogisticPCA(12, 1)
    fit(model, Data(x), 1500, batch_size=60, lr=3e-2, progress=False)
    ours, target = model.loss(x)["error"].item(), x.numpy().astype(float)

    def all_at_once(p):
        v, c, z = p[:12].reshape(12, 1), p[12:24], p[24:].reshape(60, 1)
        logits = z @ v.T + c
        slope = expit(logits) - target
        gradient = np.concatenate([(slope.T @ z).ravel(), slope.sum(0), (slope @ v + 1e-3 * z).ravel()])
        return cost(v, z, c, target, 1e-3) / 60, gradient / 60

    rng = np.random.default_rng(0)
    runs = [minimize(all_at_once, rng.normal(size=84), jac=True, method="L-BFGS-B", options={"maxiter": 5000})
            for _ in range(3)]  # fmt: skip
    theirs = min(run.fun for run in runs)
    assert ours == pytest.approx(theirs, rel=0.05)


def test_a_code_of_nothing_but_the_mean():
    x = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    model = LogisticPCA(3, 1, ridge=1e6)  # the code cannot move
    assert model.encode(x).abs().max() < 1e-3
    torch.testing.assert_close(model(x), torch.full((2, 3), 0.5), atol=1e-3, rtol=0)


def test_a_ridge_of_zero_is_refused():
    with pytest.raises(ValueError, match="ridge is 0"):
        LogisticPCA(9, 2, ridge=0)
