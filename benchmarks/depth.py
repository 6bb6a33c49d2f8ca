r"""Test errors over depth as box plots and a table, from what `papers.py mnist_depth_...` computed.

    python benchmarks/papers.py --seeds 1 \
        mnist_depth_scratch mnist_depth_rbm mnist_depth_denoising mnist_depth_rectified
    python benchmarks/depth.py        # writes results/papers/mnist_depth.png and the table in README.md

After figure 1 of Erhan et al. (2010), JMLR 11; a box reaches over the middle half of the nets of a depth.
"""

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from papers import README, RESULTS, between

from lecturelib import record
from lecturelib.show import plots

ARMS = {
    "mnist_depth_scratch": "sigmoid, from scratch",
    "mnist_depth_rbm": "sigmoid, from RBMs",
    "mnist_depth_denoising": "sigmoid, from denoising autoencoders",
    "mnist_depth_rectified": "ReLU, He et al. 2015, Adam",
}
MARKS = "<!-- depth: begin -->", "<!-- depth: end -->"
BROKEN = 10.0  # per cent: a net with more has failed to learn, and is counted apart


def errors(folder: Path = RESULTS) -> dict[str, dict[int, list[float]]]:
    """Test errors in per cent of each net, by arm and depth; arms that were not computed are left out."""
    found: dict[str, dict[int, list[float]]] = {}
    for name, what in ARMS.items():
        path = folder / f"{name}.json"
        if not path.exists():
            continue
        for figure, values in record.read(path)["arms"][name]["figures"].items():
            if ", net " in figure:
                depth = int(figure.split(",")[0].removeprefix("depth "))
                found.setdefault(what, {}).setdefault(depth, []).extend(values)
    return found


def table(found: dict[str, dict[int, list[float]]]) -> str:
    """Median and middle half of the nets that learned, by arm and depth, in Markdown, and how many did not."""
    depths = sorted({depth for arm in found.values() for depth in arm})
    lines = ["| test error in % | " + " | ".join(f"depth {depth}" for depth in depths) + " | nets |"]
    lines.append("|---" * (len(depths) + 2) + "|")
    for what, arm in found.items():
        cells = [_middle(arm[depth]) for depth in depths]
        lines.append(f"| {what} | " + " | ".join(cells) + f" | {len(arm[depths[0]])} |")
    return "\n".join(lines)


def learned(values: list[float]) -> list[float]:
    """The errors of the nets that learned anything."""
    return [value for value in values if value <= BROKEN]


def _middle(values: list[float]) -> str:
    good = learned(values)
    failed = f"{len(values) - len(good)} of {len(values)} failed" if len(good) < len(values) else ""
    if not good:
        return failed
    low, middle, high = np.quantile(good, (0.25, 0.5, 0.75))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})" + (f", {failed}" if failed else "")


def picture(found: dict[str, dict[int, list[float]]]) -> Figure:
    """A box of the nets that learned for each arm at each depth; how many failed is written above it."""
    figure, axis = plt.subplots(figsize=(8, 4.2), layout="constrained")
    good = [value for arm in found.values() for values in arm.values() for value in learned(values)]
    top = max(good) + 0.4
    for number, ((what, arm), colour) in enumerate(zip(found.items(), plots.COLOURS, strict=False)):
        places = [depth + 0.2 * (number - (len(found) - 1) / 2) for depth in sorted(arm)]
        axis.boxplot([learned(arm[depth]) for depth in sorted(arm)], positions=places, widths=0.16, patch_artist=True,
                     label=what, boxprops={"facecolor": colour, "alpha": 0.6},
                     medianprops={"color": "black"}, flierprops={"marker": ".", "markersize": 4})  # fmt: skip
        for depth, place in zip(sorted(arm), places, strict=True):
            failed = len(arm[depth]) - len(learned(arm[depth]))
            if failed:
                axis.text(place, top - 0.03, f"{failed} of {len(arm[depth])}\nfailed", ha="center", va="top",
                          fontsize=8, color=colour)  # fmt: skip
    axis.set(ylim=(min(good) - 0.1, top), xlabel="hidden layers", ylabel="test error in %", xticks=range(1, 6))
    axis.set_xticklabels(range(1, 6))
    axis.legend(fontsize=8, loc="upper left")
    axis.grid(axis="y", alpha=0.3)
    return figure


def main() -> None:
    """Write the picture and the table."""
    found = errors()
    picture(found).savefig(RESULTS / "mnist_depth.png", dpi=110)
    text = README.read_text(encoding="utf-8")
    README.write_text(between(text, *MARKS, table(found)), encoding="utf-8")


if __name__ == "__main__":
    main()
