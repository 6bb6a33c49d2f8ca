"""The table of what pretraining is worth: its figures, and that the committed one is that of the committed results."""

import importlib
import json

import pytest
from scripts_of_benchmarks import script


@pytest.fixture
def pretraining():
    with script("pretraining") as module:
        yield module


def test_a_row_has_means_over_seeds_and_minutes(pretraining, tmp_path):
    spread = {f"{part} squared error per image": {"mean": mean} for part, mean in (("test", 3.456), ("training", 1.2))}
    arm = {"settings": {"epochs": 7}, "spread": spread, "cpu_seconds": [60, 180]}
    (tmp_path / "mnist_deep_scratch.json").write_text(json.dumps({"arms": {"mnist_deep_scratch": arm}}))
    lines = pretraining.table(tmp_path).splitlines()
    assert lines[2:] == ["| sigmoid | random weights | Adam | 7 | 3.46 | 1.20 | 2 |"]
    assert {line.count("|") for line in lines} == {8}


def test_every_row_is_one_of_the_papers(pretraining):
    papers = importlib.import_module("papers")
    assert set(pretraining.ROWS) <= {row.experiment for row in papers.ROWS}


def test_the_committed_table_is_that_of_the_committed_results(pretraining):
    begin, end = pretraining.MARKS
    assert f"{begin}\n{pretraining.table()}\n{end}" in pretraining.README.read_text(encoding="utf-8")
