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

ARMS = {
    "mnist_depth_scratch": "sigmoid, from scratch",
    "mnist_depth_rbm": "sigmoid, from RBMs",
    "mnist_depth_denoising": "sigmoid, from denoising autoencoders",
    "mnist_depth_rectified": "ReLU, He et al. 2015, Adam",
}
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#999999")  # of Okabe and Ito, which colour-blind readers tell apart
MARKS = "<!-- depth: begin -->", "<!-- depth: end -->"
BROKEN = 10.0  # per cent: a net with more is drawn above the axis


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
    """Median and middle half of the nets, by arm and depth, in Markdown; how many failed is said too."""
    depths = sorted({depth for arm in found.values() for depth in arm})
    lines = ["| test error in % | " + " | ".join(f"depth {depth}" for depth in depths) + " | nets |"]
    lines.append("|---" * (len(depths) + 2) + "|")
    for what, arm in found.items():
        cells = [_middle(arm[depth]) for depth in depths]
        lines.append(f"| {what} | " + " | ".join(cells) + f" | {len(arm[depths[0]])} |")
    return "\n".join(lines)


def _middle(values: list[float]) -> str:
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    failed = sum(value > BROKEN for value in values)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})" + (f", {failed} above {BROKEN:.0f}" if failed else "")


def picture(found: dict[str, dict[int, list[float]]]) -> Figure:
    """A box for each arm at each depth; how many nets lie above the axis is written there."""
    figure, axis = plt.subplots(figsize=(8, 4.2), layout="constrained")
    seen = [value for arm in found.values() for values in arm.values() for value in values if value <= BROKEN]
    top = max(seen) + 0.2
    for number, ((what, arm), colour) in enumerate(zip(found.items(), COLOURS, strict=False)):
        places = [depth + 0.2 * (number - (len(found) - 1) / 2) for depth in sorted(arm)]
        axis.boxplot([arm[depth] for depth in sorted(arm)], positions=places, widths=0.16, patch_artist=True,
                     label=what, boxprops={"facecolor": colour, "alpha": 0.6},
                     medianprops={"color": "black"}, flierprops={"marker": ".", "markersize": 4})  # fmt: skip
        for depth, place in zip(sorted(arm), places, strict=True):
            above = sum(value > top for value in arm[depth])
            if above:
                axis.annotate(f"{above} of\n{len(arm[depth])} ↑", (place, top), ha="center", va="top", fontsize=8,
                              color=colour)  # fmt: skip
    axis.set(ylim=(min(seen) - 0.1, top), xlabel="hidden layers", ylabel="test error in %", xticks=range(1, 6))
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
