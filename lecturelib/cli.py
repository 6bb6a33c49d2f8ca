"""The command line: each command calls one function of another room and prints what it returns."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import lecturelib
from lecturelib import launch
from lecturelib.cli_experiments import COMMANDS as EXPERIMENTS
from lecturelib.cli_grading import COMMANDS

# The rooms that import torch are imported inside their command, so that the others start at once.


class _Course(typer.core.TyperGroup):
    """Our errors say all that is needed: one line and exit status 1, and a traceback only on request."""

    def invoke(self, context):
        try:
            return super().invoke(context)
        except (ValueError, OSError) as error:
            if context.params.get("traceback"):
                raise
            typer.echo(f"lecturelib: {error}", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(cls=_Course, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
notebooks = typer.Typer(no_args_is_help=True, help="Execute and check the lectures.")
data = typer.Typer(no_args_is_help=True, help="List, fetch and verify data sets.")
app.add_typer(notebooks, name="notebooks")
app.add_typer(data, name="data")
for command in EXPERIMENTS:
    app.command()(command)
for command in COMMANDS:
    app.command(rich_help_panel="For teachers")(command)

Names = Annotated[list[str] | None, typer.Argument(help="All where none is named.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(lecturelib.__version__)
        raise typer.Exit


@app.callback()
def course(
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True)] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where an error arose.")] = False,
) -> None:
    """An executable course on deep generative models."""


@app.command()
def lab(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The next free one from here is taken.")] = 8888,
    browser: Annotated[bool | None, typer.Option(help="Open one; by default where there is a display.")] = None,
) -> None:
    """Open JupyterLab on the course."""
    launch.lab(port, browser)


@app.command()
def doctor() -> None:
    """Say what this machine has and lacks for the course; exit status 1 when something needed is missing."""
    from lecturelib.doctor import diagnose, report

    raise typer.Exit(0 if report(diagnose()) else 1)


@notebooks.command("run")
def notebooks_run(
    names: Names = None,
    profile: Annotated[str | None, typer.Option(help="smoke, cpu or gpu.")] = None,
    jobs: Annotated[int, typer.Option("-j", "--jobs", help="Side by side, one thread each.")] = 1,
    seeds: Annotated[int, typer.Option(help="Run with so many seeds; show and keep each claim's spread.")] = 1,
) -> None:
    """Execute notebooks; the cpu profile writes them back, stamped. Exit status 1 when one fails."""
    from lecturelib.notebooks import run

    reports = run(names or (), profile=profile, jobs=jobs, seeds=seeds)
    raise typer.Exit(1 if any(report.errors for report in reports) else 0)


@notebooks.command("verify")
def notebooks_verify(
    names: Names = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on older library code too.")] = False,
) -> None:
    """List what is stale, wrong or missing in notebooks as they are. Exit status 1 when something is."""
    from lecturelib.notebooks import verify

    problems = verify(names or ())
    for problem in problems:
        typer.echo(problem)
    raise typer.Exit(1 if any(problem.serious or strict for problem in problems) else 0)


@notebooks.command("export")
def notebooks_export(
    names: Names = None,
    to: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("pages"),
) -> None:
    """Write notebooks, as they are, as HTML pages that need no network."""
    from lecturelib.export import export

    for path in export(names or (), to):
        typer.echo(path)


@app.command()
def release(
    labs: Annotated[list[str] | None, typer.Argument(metavar="LAB...")] = None,
    force: Annotated[bool, typer.Option("--force", help="Move a lab that was worked in aside.")] = False,
    bundle: Annotated[Path | None, typer.Option(help="Write what students get into this zip file.")] = None,
) -> None:
    """Generate the students' version of labs from solutions/ into labs/, or pack it for them."""
    from lecturelib.grading.bundle import bundle as pack
    from lecturelib.grading.release import release

    if bundle is not None:
        typer.echo(pack(launch.course_root(), bundle, labs))
        return
    if not labs:
        raise ValueError("name the labs to release, as in: lecturelib release lab02")
    for name in labs:
        typer.echo(f"released {release(launch.course_root(), name, force=force)}")


@app.command()
def validate(lab: Annotated[str, typer.Argument(help="A lab's name or a notebook's path.")]) -> None:
    """Run a lab's visible checks as it stands. Exit status 1 when one fails."""
    from lecturelib.grading.release import validate

    failures = validate(lab, launch.course_root())
    for failure in failures:
        typer.echo(failure)
    if not failures:
        typer.echo("Every check passes.")
    raise typer.Exit(1 if failures else 0)


@data.command("list")
def data_list() -> None:
    """All data sets, those that need no network first."""
    from lecturelib.data import datasets

    table = Table(*("name", "here", "what", "size", "licence", "origin"), box=None, pad_edge=False)
    for entry in datasets():
        table.add_row(entry.name, "✓" if entry.present else "–", entry.what, entry.size, entry.licence, entry.origin)
    Console().print(table)


@data.command("get")
def data_get(names: Annotated[list[str], typer.Argument(metavar="NAME...")]) -> None:
    """Download data sets; what is there already is not fetched again."""
    from lecturelib.data import downloads

    for name in names:
        folder: Path = downloads.get(name)
        typer.echo(f"{name}: in {folder}")


@data.command("verify")
def data_verify(names: Names = None) -> None:
    """Compare the files that are there with their checksums. Exit status 1 when one differs."""
    from lecturelib.data import downloads

    problems = downloads.verify(names)
    for problem in problems:
        typer.echo(problem)
    raise typer.Exit(1 if problems else 0)


if __name__ == "__main__":
    app(prog_name="lecturelib")
