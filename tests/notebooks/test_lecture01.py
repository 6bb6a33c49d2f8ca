"""What lecture 01 writes out by hand, held against independent implementations."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment, minimize
from written_out import definitions

from lecturelib.runtime import choose


@pytest.fixture(scope="module")
def lecture() -> dict:
    return definitions("01_learning_with_and_without_labels", torch=torch, np=np, F=F, choose=choose, minimize=minimize,
                       penalty=1e-3, linear_sum_assignment=linear_sum_assignment)  # fmt: skip


@pytest.fixture
def problem() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(300, 5, generator=rng, dtype=torch.float64)
    y = torch.arange(300) % 10
    x[:, 0] += y  # something to learn
    return x, y, F.one_hot(y, 10).double()


def test_the_objective_is_pytorchs_cross_entropy_and_its_gradient(lecture, problem):
    x, y, truth = problem
    W = torch.randn(5, 10, dtype=torch.float64, requires_grad=True)
    reference = F.cross_entropy(x @ W, y) + 1e-3 / 2 * W.square().sum()
    value, gradient = lecture["objective"](W.detach(), x, truth)
    assert value == pytest.approx(reference.item(), abs=1e-12)
    assert torch.allclose(gradient, torch.autograd.grad(reference, W)[0], atol=1e-12)


def test_the_minimum_is_scikit_learns(lecture, problem):
    from sklearn.linear_model import LogisticRegression

    x, y, truth = problem
    model = LogisticRegression(C=1 / (1e-3 * len(x)), fit_intercept=False, tol=1e-10, max_iter=5000).fit(x, y)
    W = torch.from_numpy(model.coef_.T.copy())
    assert lecture["minimum"](x, truth) == pytest.approx(lecture["objective"](W, x, truth)[0].item(), rel=1e-6)


def test_both_descents_reach_the_goal_that_they_are_given(lecture, problem):
    x, _, truth = problem
    goal = 1.01 * lecture["minimum"](x, truth)
    full = lecture["full_descent"](x, truth, 0.1, goal, 5000)
    assert full[-1, 1] <= goal < full[-2, 1]
    assert full[1, 0] - full[0, 0] == len(x)
    torch.manual_seed(0)
    stochastic = lecture["sgd"](x, truth, goal, 20_000, h=0.5)
    assert stochastic[-1, 1] <= goal
    assert stochastic[0, 0] == 10 * 64


def test_the_convolution_is_pytorchs(lecture):
    picture, kernel = torch.randn(9, 7, dtype=torch.float64), torch.randn(3, 3, dtype=torch.float64)
    reference = F.conv2d(picture[None, None], kernel[None, None])[0, 0]
    assert torch.allclose(lecture["convolve"](picture, kernel), reference, atol=1e-12)


def test_the_principal_components_are_scikit_learns(lecture):
    from sklearn.decomposition import PCA

    x = torch.randn(50, 6, dtype=torch.float64) * torch.arange(1, 7) + 3
    variances, directions = lecture["principal_components"](x)
    reference = PCA().fit(x.numpy())
    assert np.allclose(variances, reference.explained_variance_)
    assert np.allclose(np.abs((directions.numpy() * reference.components_).sum(1)), 1)  # but for the sign


def test_k_means_ends_where_scikit_learns_does(lecture):
    from sklearn.cluster import KMeans

    x = torch.randn(200, 2, dtype=torch.float64)
    history = lecture["k_means"](x, x[:5])
    reference = KMeans(5, init=x[:5].numpy(), n_init=1, tol=0, algorithm="lloyd").fit(x.numpy())
    assert history[-1][2] == pytest.approx(reference.inertia_)
    assert np.array_equal(history[-1][1], reference.labels_)
    costs = [cost for _, _, cost in history]
    assert costs == sorted(costs, reverse=True)


def test_k_means_keeps_a_centre_that_nobody_wants(lecture):
    x = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    centres, cluster, _ = lecture["k_means"](x, torch.tensor([[0.5, 0.0], [90.0, 90.0]]))[-1]
    assert centres.tolist() == [[0.5, 0.0], [90.0, 90.0]]
    assert cluster.tolist() == [0, 0]


def test_clustering_accuracy_does_not_depend_on_the_clusters_names(lecture):
    y = torch.arange(200) % 10
    names = torch.randperm(10)
    assert lecture["clustering_accuracy"](names[y], y) == 1
    spoiled = names[y].clone()
    spoiled[:20] = names[(y[:20] + 1) % 10]
    assert lecture["clustering_accuracy"](spoiled, y) == pytest.approx(0.9)
    assert lecture["clustering_accuracy"](torch.zeros(200, dtype=torch.long), y) == pytest.approx(0.1)
