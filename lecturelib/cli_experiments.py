"""The commands that compute for long: `train` an experiment, compute a `study`. `lecturelib.cli` hands them on."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

# The rooms that import torch are imported inside their command, so that the others start at once.

Listed = Annotated[bool, typer.Option("--list", help="List the names there are.")]
Profile = Annotated[str | None, typer.Option(help="smoke, cpu or gpu.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, mps; by default the fastest there is.")]


def _set(profile: str | None, device: str | None) -> None:
    for name, value in (("LECTURELIB_PROFILE", profile), ("LECTURELIB_DEVICE", device)):
        if value is not None:
            os.environ[name] = value
    from lecturelib import runtime

    runtime.profile(), runtime.device()  # an error now rather than after the data were loaded


def _rows(*rows: tuple[str, str]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    for row in rows:
        table.add_row(*map(Text, row))  # Text: a bracket is no markup
    Console().print(table)


def train(
    name: Annotated[str | None, typer.Argument(help="The experiment; all are listed where none is named.")] = None,
    seed: Annotated[int | None, typer.Option(help="In place of the experiment's own.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to keep it in; by default runs/NAME-seedN.")] = None,
    profile: Profile = None,
    device: Device = None,
    ship: Annotated[bool, typer.Option("--ship", help="Keep the weights in the course, for pretrained(NAME).")] = False,
    listed: Listed = False,
) -> None:
    """Run an experiment; started again with the same folder, it goes on where it was stopped."""
    from lecturelib.experiments import EXPERIMENTS, experiment, run

    if listed or name is None:
        _rows(*((name, one.about()) for name, one in EXPERIMENTS.items()))
        return
    _set(profile, device)
    chosen = experiment(name)
    if ship:
        from lecturelib import runtime, shipping

        shipping.check_can_ship(name, runtime.profile())  # an error now rather than after the training
    seed = chosen.seed if seed is None else seed
    out = Path("runs") / f"{name}-seed{seed}" if out is None else out
    outcome = run(chosen, out, seed=seed, name=name)
    for figure, value in outcome.figures.items():
        typer.echo(f"{figure}: {value:.6g}")
    typer.echo(f"kept in {out}")
    if ship:
        typer.echo(f"shipped as {shipping.ship(name, outcome)}")


def study(
    name: Annotated[str | None, typer.Argument(help="The study; all are listed where none is named.")] = None,
    out: Annotated[Path | None, typer.Option(help="File of the record; by default the one of the course.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Do not go on with points computed before.")] = False,
    device: Device = None,
    shown: Annotated[bool, typer.Option("--show", help="Print the record that there is, as a table.")] = False,
    listed: Listed = False,
) -> None:
    """Compute a study and write its record; stopped and started again, it goes on point by point."""
    from lecturelib.studies import STUDIES, read, table
    from lecturelib.studies import study as find

    if listed or name is None:
        _rows(*((one.name, one.what) for one in STUDIES.values()))
        return
    _set(None, device)
    chosen = find(name)
    if shown:
        typer.echo(table(read(name) if out is None else read(out.stem, out.parent)))
        return
    typer.echo(f"wrote {chosen.run(out, fresh=fresh, say=typer.echo)}")


COMMANDS = (train, study)
