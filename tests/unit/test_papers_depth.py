"""Box plots and table of the errors over depth, and that the committed ones are those of the committed results."""

import importlib
import json

import pytest
from scripts_of_benchmarks import script


@pytest.fixture
def depth():
    with script("depth") as module:
        yield module


@pytest.fixture
def results(depth, tmp_path):
    """Five nets of depth 1 and 2; of depth 2 one never learned."""
    figures = {f"depth {d}, net {i}: test error in %": [v] for d, nets in ((1, (1.0, 2.0, 3.0, 4.0, 5.0)),
               (2, (1.5, 90.0, 1.5, 1.5, 1.7))) for i, v in enumerate(nets)}  # fmt: skip
    figures["depth 1: test error in %"] = [3.0]
    kept = {"arms": {"mnist_depth_rbm": {"figures": figures}}}
    (tmp_path / "mnist_depth_rbm.json").write_text(json.dumps(kept))
    return tmp_path


def test_the_table_has_medians_quartiles_and_failures(depth, results):
    found = depth.errors(results)
    assert found == {"sigmoid, from RBMs": {1: [1, 2, 3, 4, 5], 2: [1.5, 90, 1.5, 1.5, 1.7]}}
    lines = depth.table(found).splitlines()
    assert lines[0] == "| test error in % | depth 1 | depth 2 | nets |"
    assert lines[2] == "| sigmoid, from RBMs | 3.00 (2.00 to 4.00) | 1.50 (1.50 to 1.55), 1 of 5 failed | 5 |"
    assert {line.count("|") for line in lines} == {5}


def test_nets_that_failed_are_counted_above_the_box(depth, results):
    axis = depth.picture(depth.errors(results)).axes[0]
    assert axis.get_ylim()[1] < 10
    assert [text.get_text() for text in axis.texts] == ["1 of 5\nfailed"]


def test_every_arm_is_a_row_of_the_papers(depth):
    papers = importlib.import_module("papers")
    assert set(depth.ARMS) <= {row.experiment for row in papers.ROWS}


def test_the_committed_table_is_that_of_the_committed_results(depth):
    found = depth.errors()
    if not found:
        pytest.skip("no row of depth is computed")
    begin, end = depth.MARKS
    assert f"{begin}\n{depth.table(found)}\n{end}" in depth.README.read_text(encoding="utf-8")
    assert (depth.RESULTS / "mnist_depth.png").exists()
