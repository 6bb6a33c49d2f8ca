"""What lecture 02 writes out by hand, held equal to scipy and scikit-learn."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.covariance import EmpiricalCovariance
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import CategoricalNB
from written_out import definitions


@pytest.fixture(scope="module")
def lecture() -> SimpleNamespace:
    return SimpleNamespace(**definitions("02_generative_models_before_deep_learning", np=np, logsumexp=logsumexp))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def points(rng) -> np.ndarray:
    return rng.standard_normal((300, 5)) @ rng.standard_normal((5, 5)) + rng.standard_normal(5)


def test_gaussian_is_the_maximum_likelihood_fit(lecture, points):
    mean, covariance = lecture.fit_gaussian(points)
    reference = EmpiricalCovariance().fit(points)
    np.testing.assert_allclose(mean, reference.location_)
    np.testing.assert_allclose(covariance, reference.covariance_)
    np.testing.assert_allclose(
        lecture.log_gaussian(points, mean, covariance), multivariate_normal(mean, covariance).logpdf(points)
    )


def test_gaussian_samples_have_its_mean_and_covariance(lecture, points, rng):
    mean, covariance = lecture.fit_gaussian(points)
    again = lecture.fit_gaussian(lecture.sample_gaussian(200_000, mean, covariance, rng))
    scale = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose((again[0] - mean) / scale, 0, atol=0.02)
    np.testing.assert_allclose((again[1] - covariance) / np.outer(scale, scale), 0, atol=0.03)


def test_mixture_density_equals_scikit_learn(lecture, points):
    model = GaussianMixture(3, random_state=0).fit(points)
    ours = lecture.log_mixture(points, model.weights_, model.means_, model.covariances_)
    np.testing.assert_allclose(ours, model.score_samples(points))


def test_dequantised_levels_can_be_read_back(lecture, rng):
    levels = rng.integers(0, 17, (50, 64))
    x = lecture.dequantise(levels, rng)
    assert x.min() >= 0
    assert x.max() <= 1
    np.testing.assert_array_equal(np.floor(17 * x), levels)


def test_naive_bayes_equals_scikit_learn(lecture, rng):
    label = np.arange(400) % 10
    levels = np.clip(rng.integers(0, 17, (400, 64)) - label[:, None], 0, 16)
    tables = lecture.fit_tables(levels, label, alpha=0.3)
    reference = CategoricalNB(alpha=0.3, min_categories=17).fit(levels, label)
    ours = lecture.log_joint(levels, tables, np.bincount(label) / len(label))
    np.testing.assert_allclose(ours, reference.predict_joint_log_proba(levels))


def test_naive_bayes_samples_follow_its_tables(lecture, rng):
    tables = rng.dirichlet(np.ones(17), size=(10, 64))
    drawn = lecture.sample_tables(tables, 3, 20_000, rng)
    frequency = (drawn[:, :, None] == np.arange(17)).mean(axis=0)
    np.testing.assert_allclose(frequency, tables[3], atol=0.02)


def test_outlier_scores_sum_to_the_likelihood_of_probabilistic_pca(lecture, rng):
    train, new, k = rng.standard_normal((40, 12)) * np.arange(1, 13), rng.standard_normal((20, 12)) * 5, 4
    values, vectors = np.linalg.eigh(np.cov(train.T, bias=True))
    noise = values[:-k].mean()
    top = vectors[:, -k:]
    covariance = top @ np.diag(values[-k:] - noise) @ top.T + noise * np.eye(12)  # W W^T + sigma^2 I
    const = 12 * np.log(2 * np.pi) + np.linalg.slogdet(covariance)[1]
    within, outside, both = lecture.outlier_scores(train, new, k).T
    np.testing.assert_allclose(both, -2 * multivariate_normal(train.mean(0), covariance).logpdf(new) - const)
    inside = (new - train.mean(0)) @ top
    np.testing.assert_allclose(within, (inside**2 / values[-k:]).sum(axis=1))
    np.testing.assert_allclose(within + outside, both)


def test_added_samples_keep_the_class_of_their_parent(lecture, rng):
    pictures, label = np.array([[0.2] * 64, [0.8] * 64]), np.array([4, 7])
    more, names = lecture.add_samples(pictures, label, rng, width=0.1, n=50)
    assert more.shape == (52, 64)
    np.testing.assert_array_equal(names, np.where(more.mean(axis=1) < 0.5, 4, 7))
