"""Lab 01: what is held against other libraries, and what the lab says of its data and failures."""

import json
import math

import lab01_components
import nbformat
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import BernoulliNB
from test_answers import SOLUTIONS, Lab, measured

from lecturelib import load
from lecturelib.grading import outcomes

LAB = Lab("lab01")
S = LAB.solution
SPREAD = json.loads((SOLUTIONS / "lab01" / outcomes.FILE).read_text())


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("d", [1, 2, 50, 400])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_log_density_is_scipys(d, scale):
    root = scale * (torch.eye(d, dtype=torch.float64) + 0.3 * normal(d, d) / d**0.5)
    mean, covariance = scale * normal(d, seed=1), root @ root.T
    x = mean + 3 * scale * normal(5, d, seed=2)
    theirs = multivariate_normal(mean.numpy(), covariance.numpy(), allow_singular=True).logpdf(x.numpy())
    torch.testing.assert_close(S["log_gaussian"](x, mean, covariance), torch.from_numpy(theirs), rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize(("ridge", "steps"), [(0.0, 1), (0.0, 40), (1e-2, 40)])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_em_is_scikit_learns(ridge, steps):
    x = load("toys", kind="moons", n=300).x.double()
    begin = S["start"](x, 5)
    *mine, history = S["em"](x, *begin, steps, ridge)
    theirs = GaussianMixture(
        5, max_iter=steps, tol=0, reg_covar=ridge, init_params="random", random_state=0, weights_init=begin[0].numpy(),
        means_init=begin[1].numpy(), precisions_init=torch.linalg.inv(begin[2]).numpy(),
    ).fit(x.numpy())  # fmt: skip
    for ours, other in zip(mine, (theirs.weights_, theirs.means_, theirs.covariances_), strict=True):
        torch.testing.assert_close(ours, torch.from_numpy(other), rtol=1e-7, atol=1e-9)
    assert history[-1].item() == pytest.approx(theirs.score(x.numpy()), abs=1e-9)
    assert len(history) == steps + 1
    assert ridge or history.diff().min() > -1e-10


def test_naive_bayes_is_scikit_learns():
    digits = load("digits")
    x, y = (digits.x.flatten(1) > 0.5).double(), digits.y
    prior, on = S["fit_bernoulli"](x, y, 10, 0.7)
    twin = BernoulliNB(alpha=0.7).fit(x.numpy(), y.numpy())
    torch.testing.assert_close(on.log(), torch.from_numpy(twin.feature_log_prob_))
    theirs = torch.from_numpy(twin.predict_log_proba(x.numpy()))
    torch.testing.assert_close(S["log_posterior"](x, prior, on), theirs, rtol=1e-9, atol=1e-9)


@pytest.fixture(scope="module")
def failed() -> dict:
    """The given cells of section 4, run."""
    space = {"torch": torch, "math": math, "load": load}
    for cell in LAB.notebook.cells:
        if cell.id in ("line", "train-line", "failures"):
            exec(cell.source, space)
    return space


def test_a_starts_equal_and_stays_so(failed):
    for parameters in failed["A"]:
        assert all((part - part[0]).abs().max() < 1e-9 for part in parameters)


def test_b_collapses_onto_the_number_that_lies_apart(failed):
    last = [s[3].item() for _, _, s in failed["B"]]
    assert last[2] > 0.1
    assert last[4] == 0
    assert math.isnan(last[-1])
    assert failed["B"][3][1][3].item() == pytest.approx(5.5, abs=1e-3)
    assert not torch.stack([s for _, _, s in failed["B"][:5]])[:, :3].isnan().any()


def test_c_underflows_and_logarithms_repair_it(failed):
    start = failed["C"][0]
    densities = failed["log_joint"](failed["numbers"], *start).exp()
    assert (densities == 0).all(1).any()
    assert failed["C"][1][1].isnan().all()
    repaired = failed["train_line"](failed["numbers"], *start[1:], failed["shares"])[-1]
    assert not torch.stack(repaired).isnan().any()


def test_none_of_the_other_causes_fits():
    """The list that students choose from holds the three right causes and five others, as checks.py does."""
    (text,) = [c.source for c in LAB.notebook.cells if c.id == "causes"]
    listed = {line.split('"')[1] for line in text.splitlines() if line.startswith('- `"')}
    checks = (SOLUTIONS / "lab01" / "checks.py").read_text()
    assert len(listed) == 8
    assert all(f'"{cause}"' in checks for cause in listed)
    assert set(LAB.solution["diagnosis"]().values()) <= listed


def test_what_training_is_allowed_to_lose_lies_between_right_and_wrong():
    right = measured(LAB, "components", {}, range(3))
    assert right.keys() == SPREAD.keys()
    wrong = [
        measured(LAB, "components", {"choose_mixture": choice}, range(2))
        for choice in (
            lambda x, candidates: next(lab01_components.fitted(x, candidates[-1])),
            lambda x, candidates: next(lab01_components.fitted(x, candidates[0])),
        )
    ]
    for name, spread in SPREAD.items():
        allowed = spread["mean"] + max(0.2, 5 * spread["deviation"])
        assert max(right[name]) < 0.8 * allowed
        assert min(value for found in wrong for value in found[name]) > 1.5 * allowed


def test_every_picture_waits_until_its_functions_are_written():
    LAB.pictures_wait_for("log_components", "log_density")


def test_the_released_lab_holds_the_spread_and_no_solution():
    LAB.release_hides("solve_triangular(root")
