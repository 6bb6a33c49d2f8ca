"""An experiment: frozen settings, and the stages of training that they stand for.

    outcome = run(EXPERIMENTS["glyphs_autoencoder"], "runs/mine")
    outcome.figures, outcome.models["model"]

`stages` reads like the script it replaces: it yields what is to be trained, finds it trained when it goes on (what the
`yield` returns is the stage's History, with the averaged model in it), and returns the figures. So every experiment is
resumable, recorded and run by one function.
"""

import time
from collections.abc import Generator, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from lecturelib import record, runtime
from lecturelib.data.tensors import Data
from lecturelib.model import Model
from lecturelib.resume import History
from lecturelib.training import fit

SMOKE_STEPS = 10  # of each stage, in the smoke profile
SAMPLES = "samples"  # among what `stages` returns: pictures (n, channels, h, w) in [0, 1] to be kept beside the figures


@dataclass(frozen=True)
class Stage:
    """One call of `fit`: which model, on which data, for how long; `options` are further ones of `train`."""

    name: str
    model: Model
    data: Data
    steps: int
    batch_size: int = 64
    lr: float = 1e-3
    options: Mapping = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """Settings of a run: plain values, so that its record can hold them; the code is in `stages`."""

    seed: int = 0

    def stages(self) -> Generator[Stage, History, dict[str, float]]:
        """Yield what is to be trained, one after the other, and return the figures."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its stages are")

    def settings(self) -> dict:
        """The fields as plain values."""
        return asdict(self)

    def about(self) -> str:
        """One line: what its class says of it, and the settings that are not the class's own."""
        changed = [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if getattr(self, f.name) != f.default]
        return " ".join([type(self).__doc__.splitlines()[0], *([f"[{', '.join(changed)}]"] if changed else [])])


def greedy(
    layers: Iterable[Model],  # from the bottom up; each is asked for when it is its turn
    data: Data,
    steps: int,
    batch_size: int,
    lr: float,
    options: Mapping | None = None,
) -> Generator[Stage, None, list]:
    """A stage for each layer, on what the layers below make of data.x; returns the layers."""
    done: list[Model] = []
    for number, layer in enumerate(layers):
        if done:
            data = data.map(done[-1].encode)
        yield Stage(f"layer{number}", layer, data, steps, batch_size, lr, options or {})
        done.append(layer)
    return done


def take_average(model: Model, history: History) -> None:
    """Give a model the averaged weights of its training, where there are any."""
    if history.ema is not None:
        model.load_state_dict(history.ema.state_dict())


@dataclass(frozen=True)
class Training(Experiment):
    """An experiment of one stage: it says its `data`, its `model` and its `figures`.

    With `ema` among the options the averaged weights are those that are measured and kept.
    """

    steps: int = 1000
    batch_size: int = 64
    lr: float = 1e-3

    def data(self) -> Data:
        """What is trained on."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its data are")

    def model(self) -> Model:
        """What is trained."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its model is")

    def figures(self, model: Model) -> dict[str, float]:
        """What the trained model came to."""
        raise NotImplementedError(f"{type(self).__name__} does not say what is measured")

    def options(self) -> Mapping:
        """Further options of `train`."""
        return {}

    def part(self, model: Model) -> nn.Module:
        """What of a trained model is worth keeping for `pretrained`: all of it, or the network that makes pictures."""
        return model

    def prepare(self, model: Model, data: Data) -> None:
        """Tell the model what it has to know of the data before it is trained; by default nothing."""

    def finish(self, model: Model) -> None:
        """Bring what was not trained in line with the (averaged) weights, before they are measured."""

    def stages(self) -> Generator[Stage, History, dict[str, float]]:
        model, data = self.model(), self.data()
        self.prepare(model, data)
        history = yield Stage("model", model, data, self.steps, self.batch_size, self.lr, self.options())
        take_average(model, history)
        self.finish(model)
        return self.figures(model)


@dataclass
class Outcome:
    """What a run came to: its figures, its trained models and their histories by stage, its record, and samples."""

    figures: dict[str, float]
    models: dict[str, Model]
    histories: dict[str, History]
    record: dict
    samples: Tensor | None = None


def run(
    experiment: Experiment,
    out: str | Path | None = None,  # folder of the checkpoints and of record.json; None keeps nothing
    *,
    seed: int | None = None,  # in place of the experiment's
    name: str = "",  # for the record
    progress: bool = True,
    checkpoint_every: int = 1000,
) -> Outcome:
    """Run an experiment to its end; started again with the same `out` it goes on where it was stopped.

    ValueError when `out` holds another run. In the smoke profile each stage takes no more than 10 steps.
    The record: experiment, settings, figures, seconds (wall clock) and cpu_seconds of each stage, how often the run
    was taken up again (a stage that was cut short counts from its last start), parameters, machine, versions.
    """
    if seed is not None:
        experiment = replace(experiment, seed=seed)
    out = None if out is None else Path(out)
    kept = _begin(experiment, out, name)
    started, used = time.perf_counter(), time.process_time()
    models: dict[str, Model] = {}
    histories: dict[str, History] = {}
    stages = experiment.stages()
    history = None  # of the last stage: what its `yield` returns
    while True:
        seeded = 10_007 * experiment.seed + len(models)
        runtime.seed(seeded)  # a stage's result does not depend on how often the run was stopped before it
        try:
            stage = stages.send(history)
        except StopIteration as end:
            found = dict(end.value)
            samples = found.pop(SAMPLES, None)
            figures = {key: float(value) for key, value in found.items()}
            break
        if stage.name in models:
            raise ValueError(f"{type(experiment).__name__}: two stages are called {stage.name!r}")
        stage.model.to(runtime.device())
        history = histories[stage.name] = _fit(stage, seeded, out, progress, checkpoint_every)
        models[stage.name] = stage.model
        kind = str(runtime.autocast_dtype(stage.options.get("precision"), runtime.device()) or torch.float32)
        now = {"steps": stage.steps, "parameters": stage.model.size(), "computed in": kind.removeprefix("torch.")}
        now |= _since(started, used)
        kept["stages"][stage.name] = kept["stages"].get(stage.name, now)  # a resumed run keeps what was measured first
        _keep(kept, out)
        started, used = time.perf_counter(), time.process_time()
    kept |= {"figures": figures, "measuring": _since(started, used), "finished": True}
    _keep(kept, out)
    return Outcome(figures, models, histories, kept, samples)


def _fit(stage: Stage, seed: int, out: Path | None, progress: bool, every: int) -> History:
    checkpoint = None if out is None else out / stage.name
    steps = runtime.choose(smoke=min(SMOKE_STEPS, stage.steps), cpu=stage.steps)
    history = fit(
        stage.model, stage.data, steps, batch_size=stage.batch_size, lr=stage.lr, seed=seed,
        progress=progress, checkpoint=checkpoint, checkpoint_every=every, **stage.options)  # fmt: skip
    if history.interrupted:
        raise KeyboardInterrupt
    return history


def _begin(experiment: Experiment, out: Path | None, name: str) -> dict:
    kind = name or type(experiment).__name__
    new = {"experiment": kind, "settings": experiment.settings(), "stages": {}, "restarts": 0, "finished": False}
    new |= record.circumstances()
    if out is None or not (out / "record.json").exists():
        _keep(new, out)
        return new
    old = record.read(out / "record.json")
    same = ("experiment", "profile")
    differ = [f"{key} was {old.get(key)!r}, is {new[key]!r}" for key in same if old.get(key) != new[key]]
    was, now = old.get("settings", {}), record.plain(new["settings"])
    differ += [f"{key} was {was.get(key)!r}, is {now[key]!r}" for key in now if was.get(key) != now[key]]
    if differ:
        raise ValueError(f"{out} holds another run ({'; '.join(differ)}): name another folder or delete it")
    return old | {"restarts": old["restarts"] + (not old["finished"]), **record.circumstances()}


def _keep(kept: dict, out: Path | None) -> None:
    if out is not None:
        record.write(out / "record.json", kept)


def _since(started: float, used: float) -> dict[str, float]:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    spent = time.perf_counter() - started, time.process_time() - used
    return dict(zip(("seconds", "cpu_seconds"), (round(value, 2) for value in spent), strict=True))
