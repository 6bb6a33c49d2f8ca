"""Lab 05: what is held against the library and autograd, and what the lab says of its failures."""

import json

import lab05_stacks
import nbformat
import pytest
import torch
from test_answers import SOLUTIONS, Lab, judge, measured

from lecturelib.grading import outcomes
from lecturelib.models.rbm import RBM
from lecturelib.partition import exact_gradient, log_partition

LAB = Lab("lab05")
S = LAB.solution
SPREAD = json.loads((SOLUTIONS / "lab05" / outcomes.FILE).read_text())
CELLS = {cell.id: cell.source for cell in LAB.notebook.cells}


def library(visible: int, hidden: int) -> tuple[RBM, list[torch.Tensor]]:
    """The library's RBM with random parameters, and these."""
    torch.manual_seed(0)
    rbm = RBM(visible, hidden)
    with torch.no_grad():
        for parameter in rbm.parameters():
            parameter.normal_()
    return rbm, [getattr(rbm, name).detach() for name in ("W", "a", "b")]


@torch.no_grad()
def test_energies_and_probabilities_are_the_librarys():
    rbm, (W, a, b) = library(7, 4)
    x, h = torch.rand(9, 7).round(), torch.rand(9, 4).round()
    torch.testing.assert_close(S["energy"](x, h, W, a, b), rbm.energy(x, h))
    torch.testing.assert_close(S["free_energy"](x, W, a, b), rbm.free_energy(x))
    torch.testing.assert_close(S["hidden_probabilities"](x, W, b), rbm.encode(x))
    assert float(S["log_partition"](W, a, b)) == pytest.approx(log_partition(rbm), abs=1e-4)


def test_a_step_is_the_librarys_on_the_same_random_numbers():
    rbm, (W, a, b) = library(7, 4)
    x = torch.rand(50, 7).round()
    torch.manual_seed(1)
    theirs = rbm.gibbs(x, 1)
    torch.manual_seed(1)
    assert torch.equal(S["gibbs_step"](x, W, a, b), theirs)


def test_long_chains_come_to_the_gradient_of_the_likelihood():
    rbm, _ = library(5, 3)
    with torch.no_grad():
        for parameter in rbm.parameters():
            parameter.mul_(0.5)
    theta = [getattr(rbm, name).detach() for name in ("W", "a", "b")]
    x = torch.rand(20_000, 5).round()
    exact = exact_gradient(rbm, x)  # of minus the log-likelihood
    torch.manual_seed(2)
    chains = torch.rand(20_000, 5).round()
    for found in (S["cd_gradients"](x, *theta, 60), S["pcd_gradients"](x, chains, *theta, 60)[:3]):
        for name, gradient in zip(("W", "a", "b"), found, strict=True):
            assert (gradient + exact[name]).abs().max() < 0.02, name


def test_the_step_is_torchs_at_a_constant_rate():
    """Torch has the rate outside of the velocity: the same parameters while the rate does not change."""
    rbm, theta = library(4, 3)
    theta, velocity = tuple(t.clone() for t in theta), tuple(torch.zeros_like(t) for t in theta)
    rbm.momentum, rbm.weight_decay = 0.7, 0.2
    optimizer = rbm.turns(0.1)[0].optimizer
    for number in range(4):
        torch.manual_seed(number)
        gradients = tuple(torch.randn_like(t) for t in theta)
        for name, g in zip(("W", "a", "b"), gradients, strict=True):
            getattr(rbm, name).grad = -g
        optimizer.step()
        theta, velocity = S["update"](theta, velocity, gradients, 0.1, 0.7, 0.2)
    for name, value in zip(("W", "a", "b"), theta, strict=True):
        torch.testing.assert_close(value, getattr(rbm, name).detach())


@pytest.fixture(scope="module")
def space() -> dict:
    """The lab's digits, and the given cells of section 8."""
    found = S | {"show": lambda *_, **__: None}
    for name in ("data", "fantasies", "failures", "train-failures"):
        exec(CELLS[name], found)
    return found


@pytest.fixture(scope="module")
def failed(space) -> dict:
    """For each program: the error, the largest weight, p(h|x) of new digits, W, and a fantasy's white pixels."""
    programs = space["programs"] | {"right": (space["start_i"], space["gradients_i"], 0.1, 0.5, 0.0001)}
    found = {}
    for name, program in programs.items():
        torch.manual_seed(0)
        (W, a, b), _ = space["train_program"](program, space["digits"], 800)
        found[name] = {
            "error": float(space["error"](space["new_digits"], (W, a, b))),
            "W": W,
            "p": S["hidden_probabilities"](space["new_digits"], W, b),
            "fantasies": space["fantasies"]((W, a, b), 50, 500),
        }
    return found


def test_all_four_rebuild_worse_than_the_right_one(failed):
    for name in "ABCD":
        assert failed[name]["error"] > failed["right"]["error"] + 2, name


def test_a_has_copies_of_one_unit(failed):
    W = failed["A"]["W"][:, :12]
    assert (W - W[:, :1]).abs().max() < 0.05 * W.abs().max()
    right = failed["right"]["W"][:, :12]
    assert (right - right[:, :1]).abs().max() > 0.5 * right.abs().max()


def test_b_dreams_one_picture_after_many_steps(failed):
    assert failed["B"]["fantasies"].std(0).mean() < 0.3 * failed["right"]["fantasies"].std(0).mean()


def test_c_has_small_weights_and_undecided_units(failed):
    assert failed["C"]["W"].abs().max() < 0.5 < failed["right"]["W"].abs().max()
    assert ((failed["C"]["p"] < 0.02) | (failed["C"]["p"] > 0.98)).float().mean() < 0.02


def test_d_has_units_that_are_always_off(failed):
    assert failed["D"]["p"].mean() < 0.01
    assert failed["D"]["W"].abs().max() > 3


def test_the_list_of_causes_is_that_of_the_check():
    listed = {line.split('"')[1] for line in CELLS["causes"].splitlines() if line.startswith('- `"')}
    checks = (SOLUTIONS / "lab05" / "checks.py").read_text()
    assert len(listed) == 10
    assert all(f'"{cause}"' in checks for cause in listed)
    assert set(S["diagnosis"]().values()) <= listed


def test_what_training_is_allowed_to_lose_lies_between_right_and_wrong():
    right = measured(LAB, "stack", {}, range(3))
    assert right.keys() == SPREAD.keys()
    for name, spread in SPREAD.items():
        bound = spread["mean"] + max(0.3, outcomes.DEVIATIONS * spread["deviation"])
        assert spread["high"] < bound - 0.1
        assert max(right[name]) < bound - 0.1


def test_a_stack_that_is_not_trained_is_found_out():
    answer = {"stack": lab05_stacks.stack_of(lab05_stacks.usual)}  # of the right form, with large random weights
    for check in LAB.of("stack"):
        result = judge(check, S | answer)
        assert result.status == "failed"
        assert "rebuilds bars badly" in result.hint


def test_every_picture_waits_until_its_functions_are_written():
    LAB.pictures_wait_for("train_rbm", "fantasies", "rebuilt", "train_program")


def test_the_released_lab_holds_the_spread_and_no_solution():
    LAB.release_hides("for_W = (x.T")
