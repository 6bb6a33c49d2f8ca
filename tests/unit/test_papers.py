"""The papers' rows: the experiments run as described, and the table says what the results say."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from scripts_of_benchmarks import script
from small_mnist import put_small_mnist

from lecturelib.data import Data, DataError
from lecturelib.experiments import EXPERIMENTS, hinton2006, mnist, run
from lecturelib.experiments.mnist import ContractiveFeatures, PretrainedClassifier, StackedDenoising
from lecturelib.models.regularised import Contractive, Denoising
from lecturelib.models.stacked import SoftmaxClassifier

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def papers():
    with script("papers") as module:
        yield module


@pytest.fixture
def small_mnist(monkeypatch):
    put_small_mnist(monkeypatch, mnist)


SMALL = {"sizes": (30, 20), "batch_size": 20, "pretrain_steps": 40, "steps": 60, "lr": 1e-2, "precision": None}


@pytest.mark.parametrize(("experiment", "kind"), [
    (StackedDenoising(**SMALL), Denoising), (ContractiveFeatures(**SMALL), Contractive)])  # fmt: skip
def test_layers_are_pretrained_and_then_fine_tuned(small_mnist, experiment, kind):
    outcome = run(experiment, progress=False)
    assert list(outcome.models) == ["layer0", "layer1", "classifier"]
    assert isinstance(outcome.models["layer0"], kind)
    classifier = outcome.models["classifier"]
    assert isinstance(classifier, SoftmaxClassifier)
    assert len(outcome.histories["layer1"]["loss"]) == 40
    for part in ("training", "validation", "test"):
        assert outcome.figures[f"{part} error in %"] < 50  # 90 by chance
    hardly = run(replace(experiment, steps=1, lr=1e-6), progress=False).models
    for layer, tuned in zip(("layer0", "layer1"), hardly["classifier"].encoder.layers, strict=True):
        torch.testing.assert_close(tuned.autoencoder.W, hardly[layer].autoencoder.W, atol=1e-5, rtol=0)


def test_from_scratch_nothing_is_pretrained(small_mnist):
    outcome = run(PretrainedClassifier(**(SMALL | {"pretrain_steps": 0})), progress=False)
    assert list(outcome.models) == ["classifier"]


def test_the_validation_part_is_not_trained_on(small_mnist):
    stages = StackedDenoising(**SMALL).stages()
    assert len(next(stages).data) == 120


def test_every_row_is_an_experiment_with_that_figure(papers, small_mnist):
    assert len({(row.experiment, row.figure) for row in papers.ROWS}) == len(papers.ROWS)
    figures = set(run(StackedDenoising(**SMALL), progress=False).figures)
    for row in papers.ROWS:
        assert row.experiment in EXPERIMENTS
        if isinstance(EXPERIMENTS[row.experiment], PretrainedClassifier):
            assert {row.figure, row.beside} <= figures


def test_results_become_a_row_of_the_table(papers, tmp_path, monkeypatch):
    monkeypatch.setattr(papers, "RESULTS", tmp_path)
    monkeypatch.setattr(papers, "README", tmp_path / "README.md")
    row = papers.ROWS[0]
    arm = {
        "cpu_seconds": [60.0, 180.0],
        "spread": {row.figure: {"mean": 1.2345, "std": 0.06}, row.beside: {"mean": 1.5, "std": 0.1}},
    }
    kept = {"machine": "an abacus", "seeds": [0, 1], "arms": {row.experiment: arm}}
    (tmp_path / f"{row.experiment}.json").write_text(json.dumps(kept))
    (tmp_path / "README.md").write_text(f"before\n{papers.BEGIN}\nold\n{papers.END}\nafter\n")
    papers.write_table()
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert f"| {row.what} | {row.figure} | {row.paper} | 1.23 ± 0.06 | 1.50 ± 0.10 ({row.beside}) | 2 | 2 |" in text
    assert "an abacus" in text
    assert text.count("not computed") == len(papers.ROWS) - 1
    widths = {line.count("|") for line in text.splitlines() if line.startswith("|")}
    assert len(widths) == 1


def test_the_committed_table_is_that_of_the_committed_results(papers):
    text = papers.README.read_text()
    assert f"{papers.BEGIN}\n{papers.table()}\n{papers.END}" in text


def test_committed_results_are_of_the_experiments_as_they_are(papers):
    for path in papers.RESULTS.glob("*.json"):
        kept = json.loads(path.read_text())
        settings = json.loads(json.dumps(EXPERIMENTS[path.stem].settings()))
        assert kept["arms"][path.stem]["settings"] | {"seed": 0} == settings | {"seed": 0}
        assert path.stem in {row.experiment for row in papers.ROWS}


def test_what_is_missing_is_said_in_one_line(papers, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    def load(name, split="train"):
        raise DataError("mnist is not here")

    monkeypatch.setattr(mnist, "load", load)
    monkeypatch.setattr("sys.argv", ["papers.py", "mnist_denoising"])
    assert papers.main() == 1
    assert capsys.readouterr().err == "papers: mnist is not here\n"
    monkeypatch.setattr("sys.argv", ["papers.py", "mnist_denoisin"])
    assert papers.main() == 1
    assert "did you mean mnist_denoising" in capsys.readouterr().err


def test_a_row_that_trains_nothing_is_computed_too(papers, tmp_path, monkeypatch):
    axis = torch.linspace(0, 1, 40)
    line = Data((axis[:, None] * axis[:9]).view(40, 1, 3, 3))
    monkeypatch.setattr(hinton2006, "load", lambda name, split: line)
    monkeypatch.setattr(papers, "RESULTS", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    papers.compute([row for row in papers.ROWS if row.experiment == "mnist_pca30"], seeds=2)
    kept = json.loads((tmp_path / "results" / "mnist_pca30.json").read_text())
    assert kept["arms"]["mnist_pca30"]["figures"]["test squared error per image"] == pytest.approx([0, 0], abs=1e-6)
