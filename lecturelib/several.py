"""Lectures that were run with several seeds: how far the value of each claim spreads, shown and kept.

A record is lecturelib/studies/seeds/NAME.json, NAME that of the notebook without its ending.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from lecturelib import record

KEPT = Path(__file__).parent / "studies" / "seeds"


def claims(runs: Sequence[Sequence[Mapping]]) -> list[dict]:
    """Of each claim its words, its bound, its values run by run and in how many runs it held.

    runs: the claims of each run in order, as `Report.claims`. The value is None where a run did not reach the claim.
    """
    found: dict[tuple[str, int], dict] = {}
    for number, run in enumerate(runs):
        times: dict[str, int] = {}
        for claim in run:
            words = claim["words"]
            times[words] = times.get(words, 0) + 1  # the same words may be claimed twice
            new = {"claim": words, "bound": claim["bound"], "values": [None] * len(runs), "held": 0}
            kept = found.setdefault((words, times[words]), new)
            kept["values"][number] = float(claim["value"])
            kept["held"] += bool(claim["holds"])
    return list(found.values())


def spread(reports: Sequence) -> Table:
    """Smallest, mean and largest value of every claim over several runs, beside its bound."""
    table = Table("notebook", "claim", "runs", "min", "mean", "max", "bound", title="Spread over seeds")
    for path, mine in _by_notebook(reports).items():
        for kept in claims([report.claims for report in mine]):
            values = [value for value in kept["values"] if value is not None]
            numbers = min(values), sum(values) / len(values), max(values)
            shown = (f"{number:.6g}" for number in numbers)
            table.add_row(path.name, kept["claim"], str(len(values)), *shown, kept["bound"])
    return table


def keep(reports: Sequence, folder: str | Path | None = None) -> list[Path]:
    """Write a record for each notebook whose runs all came to the end, by default into KEPT; returns their paths."""
    written = []
    for path, mine in _by_notebook(reports).items():
        if not all(report.device for report in mine):  # which is read at the end
            continue
        made = {
            "notebook": path.name,
            "command": f"lecturelib notebooks run {path.name[:2]} --seeds {len(mine)}",
            "seeds": [report.seed for report in mine],
            **record.circumstances(),
            "profile": "cpu",
            "seconds": [round(report.seconds, 1) for report in mine],
            "claims": claims([report.claims for report in mine]),
        }
        written.append(record.write(Path(folder or KEPT) / f"{path.stem}.json", made))
    return written


def _by_notebook(reports: Sequence) -> dict[Path, list]:
    found: dict[Path, list] = {}
    for report in reports:
        found.setdefault(report.notebook, []).append(report)
    return found
