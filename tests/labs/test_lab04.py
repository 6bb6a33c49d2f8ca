"""Lab 04: what is held against the library and scikit-learn, and what the lab says of its detectors and failures."""

import json

import lab04_rare
import nbformat
import pytest
import torch
from sklearn.metrics import roc_auc_score
from test_answers import SOLUTIONS, Lab, judge, measured

from lecturelib import disentanglement
from lecturelib.grading import outcomes
from lecturelib.models import debiasing, vae, wae

LAB = Lab("lab04")
S = LAB.solution
SPREAD = json.loads((SOLUTIONS / "lab04" / outcomes.FILE).read_text())
CELLS = {cell.id: cell.source for cell in LAB.notebook.cells}


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_penalty_is_the_librarys():
    torch.manual_seed(0)
    model = vae.dense_vae((12,), 3, hidden=(10,), kind=vae.Decorrelated, off_diagonal=7.0, diagonal=3.0)
    x = (normal(20, 12) > 0).float()
    ours = S["decorrelation_penalty"](model.posterior(x)[0], 7.0, 3.0)
    torch.testing.assert_close(ours, model.loss(x)["penalty"])


def test_the_gap_is_the_librarys():
    factors = normal(2000, 3)
    code = torch.cat([factors + 0.5 * normal(2000, 3, seed=1), factors[:, :2] + normal(2000, 2, seed=2)], 1)
    information = disentanglement.mutual_information(code, factors)
    entropies = torch.tensor([disentanglement.entropy(v) for v in disentanglement.binned(factors).T])
    assert float(S["mig"](information, entropies)) == pytest.approx(disentanglement.mig(code, factors), abs=1e-6)


def test_the_discrepancy_is_the_librarys():
    x, y, kernel = normal(9, 4), normal(7, 4, seed=1) + 0.5, wae.inverse_multiquadric
    ours = S["mmd"](kernel(x, x), kernel(y, y), kernel(x, y))
    torch.testing.assert_close(ours, wae.mmd(x, y))


def test_the_weights_are_the_librarys():
    codes = normal(300, 4).exp()
    torch.testing.assert_close(S["rareness"](codes, 10, 0.01), debiasing.rareness(codes).float(), rtol=1e-4, atol=0)


def test_the_loss_is_the_librarys():
    torch.manual_seed(0)
    model = debiasing.dense_debiasing((12,), 3, hidden=(10,), weight=0.02)
    x, is_face = normal(16, 12), (torch.arange(16) % 3 > 0).float()
    torch.manual_seed(1)
    theirs = model.loss(x, is_face)["loss"]
    torch.manual_seed(1)
    logit, mean, log_variance = model.split(x)
    error = -model.likelihood.log_prob(model.decoder(vae.reparameterise(mean, log_variance)), x)
    kl = vae.kl_to_standard_normal(mean, log_variance).sum(1)
    torch.testing.assert_close(S["debiasing_loss"](logit, is_face, error, kl, 0.02), theirs)


def test_the_areas_are_those_of_scikit_learn():
    faces, others = normal(60).round(decimals=1) + 0.7, normal(40, seed=1).round(decimals=1)
    group = torch.arange(60) % 3
    for g, found in enumerate(S["group_scores"](faces, group, others)[1]):
        logits = torch.cat([faces[group == g], others])
        assert float(found) == pytest.approx(roc_auc_score([1] * 20 + [0] * 40, logits.numpy()), abs=1e-6)


@pytest.fixture(scope="module")
def space() -> dict:
    """The lab's faces, and the given cells of section 7."""
    found = S | {"show": lambda *_, **__: None}
    for name in ("data", "parts", "failures"):
        exec(CELLS[name], found)
    return found


@pytest.fixture(scope="module")
def detectors(space) -> dict:
    """For each program: the share of dark faces at the end, true-positive rates, true-negative rate, accuracies."""
    programs = space["programs"] | {"right": (S["face_weights"], S["detector_loss"])}
    found = {}
    for name, program in programs.items():
        torch.manual_seed(0)
        p, told = S["detector_with"](*program, space["faces"], space["others"], 500)
        light, dark, others = (S["encode"](p, space[f"new_{kind}"])[0] for kind in ("light", "dark", "others"))
        group = torch.tensor([0, 1]).repeat_interleave(300)
        accuracy, _ = S["group_scores"](torch.cat([light, dark]), group, others)
        found[name] = {
            "share": float(told[-10:, 1485:].sum(1).mean()),
            "found": float((dark > 0).float().mean()),
            "refused": float((others < 0).float().mean()),
            "accuracy": accuracy.tolist(),
            "largest": float(torch.cat([light, dark, others]).abs().mean()),
        }
    return found


def test_all_four_are_worse_than_the_right_one(detectors):
    assert min(detectors["right"]["accuracy"]) > 0.97
    for name in "ABCD":
        assert min(detectors[name]["accuracy"]) < 0.9, name


def test_a_finds_all_dark_faces_because_it_calls_everything_a_face(detectors):
    assert detectors["A"]["found"] > 0.99
    assert detectors["A"]["refused"] < 0.01
    assert detectors["A"]["accuracy"] == pytest.approx([0.5, 0.5], abs=0.01)


def test_b_draws_uniformly_and_c_draws_dark_faces_less_often(detectors):
    assert detectors["B"]["share"] == pytest.approx(0.01, abs=1e-4)
    assert detectors["C"]["share"] < 0.005
    for name in "BC":
        assert detectors[name]["accuracy"][0] > 0.97
        assert detectors[name]["refused"] > 0.97
    for name in ("A", "D", "right"):
        assert detectors[name]["share"] > 0.05


def test_d_hardly_classifies(detectors):
    assert detectors["D"]["largest"] < 1.5
    assert detectors["right"]["largest"] > 2.5


def test_the_list_of_causes_is_that_of_the_check():
    listed = {line.split('"')[1] for line in CELLS["causes"].splitlines() if line.startswith('- `"')}
    checks = (SOLUTIONS / "lab04" / "checks.py").read_text()
    assert len(listed) == 10
    assert all(f'"{cause}"' in checks for cause in listed)
    assert set(S["diagnosis"]().values()) <= listed


@pytest.mark.slow
def test_what_training_is_allowed_to_lose_lies_between_right_and_wrong():
    uniform = {"resampled_batch": lab04_rare.by(torch.ones_like)}  # with right weights that are not used
    right, wrong = (measured(LAB, "training", answer, range(2)) for answer in ({}, uniform))
    assert right.keys() == SPREAD.keys()
    for name, spread in SPREAD.items():
        bound = spread["mean"] - max(0.08, outcomes.DEVIATIONS * spread["deviation"])
        assert spread["low"] > bound + 0.03
        assert min(right[name]) > bound + 0.03
        assert max(wrong[name]) < bound - 0.03


def test_a_detector_whose_batches_ignore_the_weights_is_found_out():
    inverted = {"resampled_batch": lab04_rare.by(lambda w: 1 / w)}
    for check in LAB.of("training"):
        result = judge(check, S | inverted)
        assert result.status == "failed"
        assert "its balanced accuracy on dark faces is too low" in result.hint


def test_every_picture_waits_until_its_functions_are_written():
    LAB.pictures_wait_for("trained", "detector_with")


def test_the_released_lab_holds_the_spread_and_no_solution():
    LAB.release_hides("in_bin.mean")
