"""Experiments: run, resumed, recorded, and refused where the folder holds another run."""

import dataclasses
import json
from collections.abc import Generator
from dataclasses import dataclass, replace

import pytest
import torch
from typer.testing import CliRunner

from lecturelib import cli, record, runtime
from lecturelib.data import Data
from lecturelib.experiments import (
    EXPERIMENTS,
    DeepClusters,
    Experiment,
    Stage,
    Training,
    clustering,
    experiment,
    run,
    running,
)
from lecturelib.models.autoencoder import Autoencoder, TiedAutoencoder
from lecturelib.models.regularised import Denoising


@dataclass(frozen=True)
class Two(Experiment):
    """Two layers, the second on the first one's code."""

    steps: int = 30
    batch_size: int = 8
    lr: float = 1e-2
    sizes: tuple[int, ...] = (6, 3)

    def stages(self) -> Generator[Stage, None, dict[str, float]]:
        data = Data(torch.rand(40, 10, generator=torch.Generator().manual_seed(self.seed)))
        for i, size in enumerate(self.sizes):
            layer = TiedAutoencoder(data.x.shape[1], size)
            yield Stage(f"layer{i}", layer, data, self.steps, self.batch_size, self.lr)
            data = data.map(layer.encode)
        return {"mean": data.x.mean().item(), "weight": layer.W.abs().sum().item()}


@dataclass(frozen=True)
class One(Training):
    """One layer on noise."""

    steps: int = 5
    batch_size: int = 8

    def data(self) -> Data:
        return Data(torch.rand(16, 4))

    def model(self) -> TiedAutoencoder:
        return TiedAutoencoder(4, 2)

    def figures(self, model: TiedAutoencoder) -> dict[str, float]:
        return {"weight": model.W.sum().item()}


def test_a_run_of_one_stage_says_data_model_and_figures():
    outcome = run(One(), progress=False)
    assert outcome.figures == {"weight": outcome.models["model"].W.sum().item()}
    assert len(outcome.histories["model"]["loss"]) == 5
    with pytest.raises(NotImplementedError, match="Training does not say what its model is"):
        run(Training(), progress=False)
    with pytest.raises(NotImplementedError, match="Experiment does not say what its stages are"):
        run(Experiment(), progress=False)


def test_the_same_seed_gives_the_same_figures_and_another_others(tmp_path):
    first = run(Two(), tmp_path / "a", progress=False)
    assert run(Two(), progress=False).figures == first.figures
    assert run(Two(), seed=1, progress=False).figures != first.figures
    assert list(first.models) == ["layer0", "layer1"]


@pytest.mark.parametrize("stop", [3, 17, 33, 59])
def test_stopped_anywhere_it_goes_on_to_the_same_figures(tmp_path, monkeypatch, stop):
    whole = run(Two(), progress=False).figures
    calls = []

    def stopping(self, x, *_):
        calls.append(None)
        if len(calls) == stop:
            raise RuntimeError("pulled the plug")
        return plain(self, x)

    plain = TiedAutoencoder.loss
    monkeypatch.setattr(TiedAutoencoder, "loss", stopping)
    with pytest.raises(RuntimeError, match="pulled the plug"):
        run(Two(), tmp_path, progress=False, checkpoint_every=5)
    monkeypatch.setattr(TiedAutoencoder, "loss", plain)
    assert not record.read(tmp_path / "record.json")["finished"]
    outcome = run(Two(), tmp_path, progress=False, checkpoint_every=5)
    assert outcome.figures == whole
    assert outcome.record["restarts"] == 1
    assert len(outcome.histories["layer1"]["loss"]) == 30


def test_a_finished_run_is_not_trained_again(tmp_path, monkeypatch):
    figures = run(Two(), tmp_path, progress=False).figures
    monkeypatch.setattr(TiedAutoencoder, "loss", lambda *_: 1 / 0)
    again = run(Two(), tmp_path, progress=False)
    assert again.figures == figures
    assert again.record["restarts"] == 0


def test_the_record_tells_what_the_figures_depend_on(tmp_path):
    outcome = run(Two(sizes=(4, 2)), tmp_path, seed=3, name="two", progress=False)
    kept = json.loads((tmp_path / "record.json").read_text())
    assert kept == record.plain(outcome.record)
    assert kept["experiment"] == "two"
    assert kept["settings"] == {"seed": 3, "steps": 30, "batch_size": 8, "lr": 0.01, "sizes": [4, 2]}
    assert kept["figures"] == outcome.figures
    assert kept["finished"]
    assert kept["stages"]["layer1"]["steps"] == 30
    assert kept["stages"]["layer1"]["parameters"] == 2 * 4 + 4 + 2
    assert kept["versions"]["torch"] == torch.__version__.split("+")[0]
    assert kept["machine"] == runtime.machine()


def test_a_folder_of_another_run_is_refused_and_left_alone(tmp_path):
    run(Two(), tmp_path, progress=False)
    before = (tmp_path / "record.json").read_bytes()
    with pytest.raises(ValueError, match=r"holds another run \(lr was 0.01, is 0.5\)"):
        run(dataclasses.replace(Two(), lr=0.5), tmp_path, progress=False)
    assert (tmp_path / "record.json").read_bytes() == before


def test_two_stages_of_one_name_are_refused():
    class Twice(Two):
        def stages(self):
            for _ in range(2):
                yield Stage("same", TiedAutoencoder(4, 2), Data(torch.rand(16, 4)), 1, 8)
            return {}

    with pytest.raises(ValueError, match="two stages are called 'same'"):
        run(Twice(), progress=False)


def test_a_stage_gives_its_history_with_the_averaged_model(tmp_path):
    class Averaged(Two):
        def stages(self):
            stage = next(Two.stages(self))
            history = yield replace(stage, options={"ema": 0.5})
            assert history["loss"].shape == (stage.steps,)
            pairs = zip(history.ema.parameters(), stage.model.parameters(), strict=True)
            return {"apart": max((a - b).abs().max().item() for a, b in pairs)}

    found = run(Averaged(), tmp_path, progress=False).figures["apart"]
    assert found > 0
    assert run(Averaged(), tmp_path, progress=False).figures["apart"] == found  # read from the checkpoint


def test_smoke_takes_few_steps(monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    assert len(run(Two(), progress=False).histories["layer0"]["loss"]) == running.SMOKE_STEPS


def test_an_interrupted_run_does_not_report_figures(tmp_path, monkeypatch):
    def interrupted(self, x, *_):
        raise KeyboardInterrupt

    monkeypatch.setattr(TiedAutoencoder, "loss", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(Two(), tmp_path, progress=False)
    assert "figures" not in record.read(tmp_path / "record.json")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_is_documented_and_frozen(name):
    one = experiment(name)
    assert type(one).__doc__
    assert not type(one).__doc__.startswith(f"{type(one).__name__}(")  # what dataclass writes where nothing stands
    record.plain(one.settings())
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.lr = 1.0


def test_a_list_tells_experiments_of_one_class_apart():
    assert One().about() == "One layer on noise."
    assert One(steps=7, seed=2).about() == "One layer on noise. [seed=2, steps=7]"


def test_an_unknown_experiment_is_one_line_with_near_matches():
    with pytest.raises(ValueError, match="^there is no experiment 'glyphs_autoencodr'; did you mean glyphs_autoenc"):
        experiment("glyphs_autoencodr")


@pytest.fixture
def cli_two(monkeypatch):
    monkeypatch.setitem(EXPERIMENTS, "two", Two())
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    monkeypatch.setenv("LECTURELIB_DEVICE", "cpu")
    return lambda *arguments: CliRunner().invoke(cli.app, ["train", *arguments])


def test_train_lists_runs_and_keeps(cli_two, tmp_path, monkeypatch):
    for listing in ([], ["--list"]):
        done = cli_two(*listing)
        assert done.exit_code == 0
        assert "Two layers, the second on the first" in done.output
        assert "[pretrain_steps=0,lr=0.01]" in done.output.replace("\n", "").replace(" ", "")
    monkeypatch.chdir(tmp_path)
    done = cli_two("two", "--seed", "2")
    assert done.output.splitlines()[-1] == "kept in runs/two-seed2"
    assert record.read("runs/two-seed2/record.json")["profile"] == "smoke"
    assert cli_two("two", "--out", "here").output.startswith("mean: 0.")
    assert cli_two("two", "--out", "here", "--profile", "cpu").output.startswith("lecturelib: here holds another run")


@pytest.mark.parametrize(("arguments", "words"), [
    (["tow"], "there is no experiment 'tow'; did you mean two?"),
    (["two", "--profile", "huge"], "LECTURELIB_PROFILE is 'huge'; choose one of smoke, cpu, gpu"),
    (["two", "--device", "abacus"], "LECTURELIB_DEVICE is 'abacus', which cannot be used here"),
])  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(cli_two, arguments, words):
    done = cli_two(*arguments)
    assert done.exit_code == 1
    assert done.output.startswith(f"lecturelib: {words}")
    assert not done.output.startswith("lecturelib: lecturelib")


def test_a_record_is_whole_or_not_there(tmp_path, monkeypatch):
    path = record.write(tmp_path / "a" / "r.json", {"x": 1})
    with pytest.raises(TypeError):
        record.write(path, {"x": object()})
    assert record.read(path) == {"x": 1}
    assert [p.name for p in path.parent.iterdir()] == ["r.json"]
    for text in ("{", "[1]"):
        path.write_text(text)
        with pytest.raises(ValueError, match="is not a record"):
            record.read(path)


def test_spread_is_that_of_a_sample():
    assert record.spread([1.0, 2.0, 6.0]) == {"n": 3, "median": 2, "mean": 3, "std": 7**0.5, "min": 1, "max": 6}
    assert record.spread([4.0])["std"] == 0


def test_the_machine_is_named_without_host_or_path():
    import platform

    words = runtime.machine()
    assert "CPU core" in words
    assert platform.node() not in words
    assert "/" not in words


SHORT = DeepClusters(source="digits", n=500, steps=20, round_steps=5, rounds=2, hidden=(20,), batch_size=50)


def test_clusters_are_found_without_labels(monkeypatch):
    plain = run(SHORT, progress=False)
    load = clustering.load

    def mislabelled(name, **options):
        data = load(name, **options)
        return Data(data.x, data.y.flip(0))

    monkeypatch.setattr(clustering, "load", mislabelled)
    other = run(SHORT, progress=False)
    for stage, model in plain.models.items():
        for a, b in zip(model.state_dict().values(), other.models[stage].state_dict().values(), strict=True):
            assert torch.equal(a, b)
    assert plain.figures["accuracy"] != other.figures["accuracy"]
    assert list(plain.models) == ["autoencoder", "round00", "round01"]


def test_deep_clustering_of_transformed_copies_is_a_denoiser_first():
    stage = next(SHORT.stages())
    assert isinstance(stage.model, Denoising)
    plain = next(dataclasses.replace(SHORT, transformed=False).stages())
    assert isinstance(plain.model, Autoencoder)
    assert stage.data.names == ("x",)
