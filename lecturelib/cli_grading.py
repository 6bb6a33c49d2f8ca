"""The teacher's commands: from a folder of submissions to marks. `lecturelib.cli` hands them on."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lecturelib import launch

# The rooms that import torch are imported inside their command, so that the others start at once.

Lab = Annotated[str, typer.Option("--lab", help="The lab's name, as in solutions/.")]
Folder = Annotated[Path | None, typer.Option("--course", help="The course's folder; by default this one.")]
Gradebook = Annotated[str | None, typer.Option("--db", help="The gradebook's URL; by default gradebook.db.")]
Submissions = Annotated[
    Path | None, typer.Option(help="A folder or zip file of submissions; by default those in submitted/.")
]
Students = Annotated[list[str] | None, typer.Option("--student", help="Only this one; may be given several times.")]


def _course(folder: Path | None):
    from lecturelib.grading.course import read_course

    return read_course(folder or launch.course_root())


def collect(lab: Lab, submissions: Submissions, course: Folder = None) -> None:
    """Copy submissions, whatever their layout, into submitted/. Exit status 1 when one cannot be read."""
    from lecturelib.grading.intake import collect, find

    here = _course(course)
    found = find(submissions, lab, here.limits)
    collect(found, here, lab)
    bad = [submission for submission in found if submission.problem]
    for submission in found:
        for words in [submission.problem] if submission.problem else submission.flags:
            typer.echo(f"{submission.student}: {words}")
    typer.echo(f"{len(found) - len(bad)} collected, {len(bad)} cannot be read.")
    raise typer.Exit(1 if bad else 0)


def grade(
    lab: Lab,
    submissions: Submissions = None,
    jobs: Annotated[int | None, typer.Option("-j", "--jobs", min=1, help="By default one a core.")] = None,
    changed: Annotated[bool, typer.Option("--changed", help="Only what is new, or whose checks are.")] = False,
    student: Students = None,
    scheduler: Annotated[str | None, typer.Option(help="A Dask scheduler's address: use its machines.")] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox/--no-sandbox", help="Without: only files of your own!")] = True,
    db: Gradebook = None,
    course: Folder = None,
) -> None:
    """Grade submissions in a sandbox; started again, it goes on where it was cut short.

    Exit status 1 when a submission could not be graded.
    """
    if not sandbox:
        typer.echo("Without a sandbox students' code can read and change all that you can. Only for files of your own.")
    released = (course or launch.course_root()) / "labs" / lab
    with ExitStack() as stack:
        early = None
        if scheduler is None and released.is_dir():  # it warms while this process imports torch for itself
            from lecturelib.grading.sandbox import Sandbox

            early = stack.enter_context(Sandbox(released, confined=sandbox))
        from lecturelib.grading.grader import grade_lab

        outcome = grade_lab(
            _course(course), lab, submissions, jobs=jobs, changed=changed, students=student or (), confined=sandbox,
            scheduler=scheduler, db=db, sandbox=early,
        )  # fmt: skip
    typer.echo(outcome)
    raise typer.Exit(1 if outcome.failed else 0)


def feedback(lab: Lab, student: Students = None, db: Gradebook = None, course: Folder = None) -> None:
    """Write each student's page to feedback/, with what a person graded by hand."""
    from lecturelib.grading.deliver import deliver_feedback

    for path in deliver_feedback(_course(course), lab, student or (), db):
        typer.echo(path)


def marks(
    lab: Annotated[list[str], typer.Option("--lab", help="May be given several times.")],
    to: Annotated[str, typer.Option(help="csv, canvas or moodle.")] = "csv",
    roster: Annotated[Path | None, typer.Option(help="The file exported from the LMS, to be filled in.")] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write; by default in marks/.")] = None,
    db: Gradebook = None,
    course: Folder = None,
) -> None:
    """Write marks, with penalties and manual grades. Exit status 1 when somebody is not in the file."""
    from lecturelib.grading.deliver import deliver_marks

    written = deliver_marks(_course(course), lab, to, out, roster, db)
    for warning in written.warnings:
        typer.echo(warning, err=True)
    typer.echo(written.path)
    raise typer.Exit(1 if written.warnings else 0)


def similarity(
    lab: Lab,
    at_least: Annotated[float | None, typer.Option(min=0, max=1, help="The smallest share to show.")] = None,
    course: Folder = None,
) -> None:
    """List pairs of submissions that share more than chance; the summary page shows them side by side."""
    from lecturelib.grading.grader import similar
    from lecturelib.grading.similarity import table

    Console().print(table(similar(_course(course), lab, at_least)))


def spread(
    lab: Lab,
    seeds: Annotated[int, typer.Option(min=5, help="How often the solution is trained.")] = 20,
    course: Folder = None,
) -> None:
    """Measure how far the solution's trained models vary over seeds, for the checks that judge training."""
    from lecturelib.grading.spread import measure

    typer.echo(measure(_course(course), lab, seeds))


COMMANDS = (collect, grade, feedback, marks, similarity, spread)
