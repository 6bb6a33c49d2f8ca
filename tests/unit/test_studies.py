"""Studies: computed point by point, kept whole, and still true of the code as it is."""

from collections.abc import Generator
from dataclasses import dataclass

import pytest
import torch
from scipy.stats import t
from typer.testing import CliRunner

from lecturelib import cli, record
from lecturelib.experiments import Experiment, Outcome
from lecturelib.studies import STUDIES, Study, cheapest, read, samples, study, table
from lecturelib.studies.running import FOLDER, _point


@dataclass(frozen=True)
class Sum(Experiment):
    """No training: the seed plus a number."""

    number: int = 0

    def stages(self) -> Generator[None, None, dict[str, float]]:
        yield from ()
        return {"sum": self.seed + self.number, "product": self.seed * self.number}


SUMS = Study("sums", "adds", {"one": Sum(number=1), "ten": Sum(number=10)}, seeds=(0, 1, 4))


def quiet(_: str) -> None:
    pass


def test_the_record_holds_every_figure_its_spread_and_how_it_was_made(tmp_path):
    path = SUMS.run(tmp_path / "sums.json", progress=tmp_path / "p", say=quiet)
    kept = read("sums", tmp_path)
    assert path == tmp_path / "sums.json"
    assert kept["command"] == "lecturelib study sums"
    assert kept["seeds"] == [0, 1, 4]
    assert kept["arms"]["ten"]["settings"]["number"] == 10
    assert "seed" not in kept["arms"]["ten"]["settings"]
    assert kept["arms"]["ten"]["figures"] == {"sum": [10, 11, 14], "product": [0, 10, 40]}
    assert kept["arms"]["ten"]["spread"]["sum"] == record.spread([10, 11, 14])
    assert len(kept["arms"]["one"]["seconds"]) == 3
    assert kept["arms"]["one"]["restarts"] == [0, 0, 0]
    assert {"machine", "versions", "profile", "seconds", "cpu_seconds"} <= kept.keys()
    assert [p.name for p in tmp_path.iterdir()] == ["sums.json"]  # nothing unfinished is left


def test_killed_in_between_it_goes_on(tmp_path, monkeypatch):
    said, progress = [], tmp_path / "p"

    def pulled(words: str) -> None:
        said.append(words)
        if len(said) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SUMS.run(tmp_path / "sums.json", progress=progress, say=pulled)
    assert not (tmp_path / "sums.json").exists()
    SUMS.run(tmp_path / "sums.json", progress=progress, say=said.append)
    assert [words.split(":")[0] for words in said] == [
        f"{arm}; seed {seed}" for seed in SUMS.seeds for arm in SUMS.arms]  # fmt: skip
    assert read("sums", tmp_path)["arms"]["one"]["figures"]["sum"] == [1, 2, 5]


def test_what_was_spent_before_a_restart_counts():
    stages = {"a": {"seconds": 2.0, "cpu_seconds": 1.0}, "b": {"seconds": 4.0, "cpu_seconds": 3.0}}
    kept = {"stages": stages, "measuring": {"seconds": 0.5, "cpu_seconds": 0.25}, "restarts": 1}
    point = _point(Outcome({"sum": 1.0}, {}, {}, kept))
    assert point == {"figures": {"sum": 1.0}, "seconds": 6.5, "cpu_seconds": 4.25, "restarts": 1}


def test_points_of_other_settings_are_not_mixed_in(tmp_path):
    def pulled(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SUMS.run(tmp_path / "sums.json", progress=tmp_path / "p", say=pulled)
    (tmp_path / "p" / "mine.txt").write_text("not the study's")
    said = []
    other = Study("sums", "adds", {"one": Sum(number=2), "ten": Sum(number=10)}, seeds=(0, 1, 4))
    other.run(tmp_path / "sums.json", progress=tmp_path / "p", say=said.append)
    assert said[0].endswith("has points of other settings or versions: computing all of them again")
    assert read("sums", tmp_path)["arms"]["one"]["figures"]["sum"] == [2, 3, 6]
    assert [p.name for p in (tmp_path / "p").iterdir()] == ["mine.txt"]


def test_fresh_forgets_what_is_unfinished(tmp_path):
    def pulled(_: str) -> None:
        raise KeyboardInterrupt

    said = []
    with pytest.raises(KeyboardInterrupt):
        SUMS.run(tmp_path / "sums.json", progress=tmp_path / "p", say=pulled)
    SUMS.run(tmp_path / "sums.json", progress=tmp_path / "p", fresh=True, say=said.append)
    assert len(said) == 6


def test_one_point_can_be_run_alone():
    assert SUMS.point("ten", seed=4) == {"sum": 14, "product": 40}
    with pytest.raises(ValueError, match="^there is no arm of the study 'sums' 'tem'; did you mean ten"):
        SUMS.point("tem", seed=0)


def test_the_cheapest_point_is_the_one_that_took_least():
    arms = {"a": {"cpu_seconds": [3.0, 2.0]}, "b": {"cpu_seconds": [2.5, 1.5]}}
    assert cheapest({"seeds": [0, 7], "arms": arms}) == ("b", 7)


@dataclass(frozen=True)
class Drawn(Sum):
    """The same, with pictures."""

    colours: int = 1

    def stages(self) -> Generator[None, None, dict]:
        figures = yield from super().stages()
        return figures | {"samples": torch.full((4, self.colours, 6, 6), (self.seed + self.number) / 255)}


@pytest.mark.parametrize("colours", [1, 3])
def test_samples_of_the_first_seed_are_kept_as_a_picture(tmp_path, colours):
    arms = {name: Drawn(number=number, colours=colours) for name, number in (("one", 1), ("ten", 10))}
    drawn = Study("drawn", "adds", arms, seeds=(3, 0))
    drawn.run(tmp_path / "drawn.json", progress=tmp_path / "p", say=quiet)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["drawn.json", "drawn.png"]
    kept = samples("drawn", tmp_path)
    assert {arm: pictures.shape for arm, pictures in kept.items()} == dict.fromkeys(arms, (4, colours, 6, 6))
    assert {arm: round(255 * pictures.mean().item()) for arm, pictures in kept.items()} == {"one": 4, "ten": 13}
    SUMS.run(tmp_path / "sums.json", progress=tmp_path / "p", say=quiet)
    with pytest.raises(ValueError, match="^the study 'sums' keeps no samples"):
        samples("sums", tmp_path)


def test_a_record_as_a_table(tmp_path):
    SUMS.run(tmp_path / "sums.json", progress=tmp_path / "p", say=quiet)
    kept = read("sums", tmp_path)
    kept["arms"]["one"]["spread"]["only here"] = record.spread([12345.0])
    assert table(kept).splitlines() == [
        "|  | sum | product | only here |",
        "| --- | ---: | ---: | ---: |",
        "| one | 2.67 ± 2.08 | 1.67 ± 2.08 | 12,345 |",
        "| ten | 11.7 ± 2.1 | 16.7 ± 20.8 | – |",
    ]


def test_what_is_missing_is_said_in_one_line(tmp_path):
    with pytest.raises(ValueError, match="compute it with `lecturelib study sums`"):
        read("sums", tmp_path)
    with pytest.raises(ValueError, match="^there is no study 'clusterin'; did you mean clustering"):
        study("clusterin")


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.setitem(STUDIES, "sums", SUMS)
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str):
        return CliRunner().invoke(cli.app, ["study", *arguments])

    assert "adds" in invoke("--list").output
    assert "adds" in invoke().output
    done = invoke("sums", "--out", "here.json")
    assert done.output.splitlines()[-1] == "wrote here.json"
    assert record.read("here.json")["study"] == "sums"
    assert "| ten | 11.7 ± 2.1 |" in invoke("sums", "--out", "here.json", "--show").output
    assert list(tmp_path.iterdir()) == [tmp_path / "here.json", tmp_path / "runs"]
    done = invoke("sams")
    assert (done.exit_code, done.output) == (1, "lecturelib: there is no study 'sams'; did you mean sums?\n")


@pytest.mark.parametrize("name", STUDIES)
def test_the_committed_record_is_of_the_study_as_it_is(name):
    kept, now = read(name), STUDIES[name]
    assert kept["seeds"] == list(now.seeds)
    assert kept["what"] == now.what
    assert kept["profile"] == "cpu"
    assert (FOLDER / f"{name}.json").stat().st_size < 100_000
    settings = {arm: record.plain(one.settings()) for arm, one in now.arms.items()}
    assert {arm: values["settings"] | {"seed": 0} for arm, values in kept["arms"].items()} == {
        arm: values | {"seed": 0} for arm, values in settings.items()}  # fmt: skip


def seconds(name: str) -> float:
    """Of a processor, that the cheapest point of a study took; a slow one takes four times as long."""
    kept = read(name)
    arm, seed = cheapest(kept)
    return kept["arms"][arm]["cpu_seconds"][kept["seeds"].index(seed)]


def marks(cost: float) -> list:
    """Of a test that takes so many seconds of a processor; as said, four times as many elsewhere."""
    return [pytest.mark.soak] if cost > 15 else [pytest.mark.slow] if cost > 3 else []


@pytest.mark.parametrize("name", [pytest.param(name, marks=marks(seconds(name))) for name in STUDIES])
def test_the_cheapest_point_still_gives_what_is_recorded(name):
    kept = read(name)
    arm, seed = cheapest(kept)
    for figure, value in STUDIES[name].point(arm, seed, progress=False).items():
        spread = kept["arms"][arm]["spread"][figure]
        if figure in STUDIES[name].times:
            continue
        # where 99 of 100 new values lie, by Student's t; training is chaotic, and processors round differently
        n = spread["n"]
        chance = t.ppf(0.995, n - 1) * (1 + 1 / n) ** 0.5 * spread["std"] if n > 1 else 0.1 * abs(spread["mean"])
        margin = chance + 0.02 * abs(spread["mean"])
        assert abs(value - spread["mean"]) <= margin, f"{arm}, seed {seed}: {figure} {value}, recorded {spread}"
