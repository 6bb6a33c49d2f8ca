"""A study: several experiments, the arms, each over several seeds; too long for a lecture, so it is kept as JSON.

    STUDIES["clustering"].point("glyphs, k-means on pixels", seed=0)     # one of its points, live
    read("clustering")["arms"]["glyphs, k-means on pixels"]["figures"]   # what the whole came to
"""

import io
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lecturelib import record
from lecturelib.checkpoint import write_atomically
from lecturelib.experiments import Experiment, Outcome, run

FOLDER = Path(__file__).parent
PROGRESS = Path("runs") / "studies"  # where an unfinished study is kept, from where the command was called


@dataclass(frozen=True)
class Study:
    """Arms by name, each an experiment, and the seeds that each is run with; the same seed pairs the arms."""

    name: str
    what: str
    arms: Mapping[str, Experiment]
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    command: str = ""  # what computes it, where that is not `lecturelib study NAME`
    times: tuple[str, ...] = ()  # figures that are seconds and the like: another machine has others

    def point(self, arm: str, seed: int, out: str | Path | None = None, *, progress: bool = True) -> dict[str, float]:
        """Run one arm with one seed and return its figures; `out` keeps checkpoints, from which it goes on."""
        return self._outcome(arm, seed, out, progress).figures

    def _outcome(self, arm: str, seed: int, out: str | Path | None, progress: bool) -> Outcome:
        experiment = record.named(arm, self.arms, f"arm of the study {self.name!r}")
        return run(experiment, out, seed=seed, name=arm, progress=progress)

    def run(
        self,
        path: str | Path | None = None,  # of the record; by default the one that is committed
        *,
        progress: str | Path | None = None,  # folder for what is unfinished; by default runs/studies/NAME
        fresh: bool = False,  # forget what is unfinished
        say: Callable[[str], None] = print,
    ) -> Path:
        """Compute every point that is not there yet, and write the record once all are; returns its path.

        Points are kept one by one in `progress`, and the checkpoints of the one at work, so that a study that was
        killed goes on; points that were computed with other settings or versions are computed again. Where all arms
        have samples, those of the first seed are drawn beside the record, a row for each arm.
        """
        path = FOLDER / f"{self.name}.json" if path is None else Path(path)
        progress = PROGRESS / self.name if progress is None else Path(progress)
        if fresh and progress.exists():
            _clear(progress)
        points = self._kept(progress / "points.json", say)
        for seed in self.seeds:  # all arms of a seed first, so that an early look compares like with like
            for number, arm in enumerate(self.arms):
                key = f"{arm}; seed {seed}"
                if key in points["points"]:
                    continue
                checkpoints = progress / f"arm{number}-seed{seed}"
                outcome = self._outcome(arm, seed, checkpoints, progress=False)
                points["points"][key] = _point(outcome)
                if outcome.samples is not None and seed == self.seeds[0]:
                    _save(_row(outcome.samples), progress / f"samples{number}.png")
                record.write(progress / "points.json", points)
                shutil.rmtree(checkpoints)
                shown = ", ".join(f"{name} {value:.4g}" for name, value in outcome.figures.items())
                say(f"{key}: {shown}  ({points['points'][key]['cpu_seconds']:.0f} s of processor time)")
        record.write(path, self._record(points))
        rows = [progress / f"samples{number}.png" for number in range(len(self.arms))]
        if all(row.exists() for row in rows):
            _save(np.concatenate([np.asarray(Image.open(row)) for row in rows]), path.with_suffix(".png"))
        _clear(progress)
        return path

    def _kept(self, path: Path, say: Callable[[str], None]) -> dict:
        settings = {arm: experiment.settings() for arm, experiment in self.arms.items()}
        new = record.plain({"study": self.name, "arms": settings, **record.circumstances()})
        if path.exists():
            old = record.read(path)
            if all(old.get(key) == value for key, value in new.items() if key != "machine"):
                return old
            say(f"{path} has points of other settings or versions: computing all of them again")
            _clear(path.parent)
        record.write(path, new | {"points": {}})
        return record.read(path)

    def _record(self, kept: dict) -> dict:
        arms = {}
        for arm, settings in kept["arms"].items():
            points = [kept["points"][f"{arm}; seed {seed}"] for seed in self.seeds]
            figures = {name: [point["figures"][name] for point in points] for name in points[0]["figures"]}
            arms[arm] = {
                "settings": {name: value for name, value in settings.items() if name != "seed"},
                "figures": figures,
                "spread": {name: record.spread(values) for name, values in figures.items()},
                **{key: [point.get(key, 0) for point in points] for key in ("seconds", "cpu_seconds", "restarts")},
            }
        return {
            "study": self.name,
            "what": self.what,
            "command": self.command or f"lecturelib study {self.name}",
            "seeds": list(self.seeds),
            **{key: kept[key] for key in ("machine", "profile", "versions")},
            **{key: round(sum(sum(arm[key]) for arm in arms.values()), 1) for key in ("seconds", "cpu_seconds")},
            "arms": arms,
        }


def _point(outcome: Outcome) -> dict:
    """Figures and times of all stages: what was done before a restart counts, but for the stage that was cut short."""
    parts = [*outcome.record["stages"].values(), outcome.record["measuring"]]
    spent = {key: round(sum(part[key] for part in parts), 2) for key in ("seconds", "cpu_seconds")}
    return {"figures": outcome.figures, **spent, "restarts": outcome.record["restarts"]}


def _clear(progress: Path) -> None:
    """Take away what a study kept there, and nothing else."""
    for folder in progress.glob("arm*-seed*"):
        shutil.rmtree(folder)
    for kept in (*progress.glob("samples*.png"), progress / "points.json"):
        kept.unlink(missing_ok=True)
    if not any(progress.iterdir()):
        progress.rmdir()


def _row(pictures: Tensor) -> np.ndarray:
    """Pictures (n, 1 or 3, h, w) in [0, 1] side by side, as bytes (h, n w) or (h, n w, 3)."""
    joined = torch.cat([*pictures.cpu()], 2).mul(255).round().byte()
    return joined.movedim(0, 2).squeeze(2).numpy()


def _save(pixels: np.ndarray, path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    write_atomically(path, buffer.getvalue())


def samples(name: str, folder: str | Path = FOLDER) -> dict[str, Tensor]:
    """The samples that are kept with a study, by arm: (n, channels, h, w) in [0, 1]; ValueError where there are none.

    Pictures are as wide as high.
    """
    path, arms = Path(folder) / f"{name}.png", list(read(name, folder)["arms"])
    if not path.exists():
        raise ValueError(f"the study {name!r} keeps no samples")
    pixels = torch.as_tensor(np.array(Image.open(path))).float() / 255
    pixels = pixels.movedim(2, 0) if pixels.ndim == 3 else pixels[None]
    rows = pixels.chunk(len(arms), 1)
    return {arm: torch.stack(row.split(row.shape[1], 2)) for arm, row in zip(arms, rows, strict=True)}


def read(name: str, folder: str | Path = FOLDER) -> dict:
    """The record of a study; ValueError, naming the command, when there is none yet."""
    try:
        return record.read(Path(folder) / f"{name}.json")
    except FileNotFoundError:
        raise ValueError(f"the study {name!r} has no record yet: compute it with `lecturelib study {name}`") from None


def cheapest(kept: Mapping) -> tuple[str, int]:
    """The arm and the seed whose point took the least processor time, of a record."""
    costs = {
        (arm, seed): seconds
        for arm, values in kept["arms"].items()
        for seed, seconds in zip(kept["seeds"], values["cpu_seconds"], strict=True)
    }
    return min(costs, key=costs.get)


def table(kept: Mapping) -> str:
    """The figures of a record as a Markdown table: for each arm the mean over the seeds, and the standard deviation."""
    names = list(dict.fromkeys(name for arm in kept["arms"].values() for name in arm["spread"]))
    rows = [["", *names], ["---", *len(names) * ["---:"]]]
    for arm, values in kept["arms"].items():
        rows.append([arm, *(_said(values["spread"].get(name)) for name in names)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _said(spread: Mapping | None) -> str:
    """Mean and standard deviation with three digits of the mean, or a dash where there is nothing."""
    if spread is None:
        return "–"
    mean, std = spread["mean"], spread["std"]
    digits = 0 if not mean else max(0, 2 - math.floor(math.log10(abs(mean))))
    return f"{mean:,.{digits}f}" + (f" ± {std:,.{digits}f}" if std else "")
