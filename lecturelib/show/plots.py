"""Tensor in, figure out: pure functions. Colours are Okabe and Ito's, which colour-blind people can tell apart."""

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from cycler import cycler
from matplotlib.figure import Figure
from torch import Tensor

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000", "#F0E442", "#999999", "#7A3E9D")
MARKERS = "os^Dv<>Ph*"
plt.rcParams.update({
    "axes.prop_cycle": cycler(color=COLOURS), "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.alpha": 0.25, "font.size": 11, "axes.titlesize": 12, "figure.dpi": 90,
    "image.cmap": "gray", "lines.linewidth": 1.8, "legend.frameon": False, "figure.max_open_warning": 0,
})  # fmt: skip


def _array(x) -> np.ndarray:
    return x.detach().float().cpu().numpy() if isinstance(x, Tensor) else np.asarray(x)


def _picture(image: np.ndarray) -> np.ndarray:
    if image.ndim == 3:  # channels first, as torch has them
        image = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    return image


def images(
    x: Tensor,
    columns: int | None = None,
    titles: Sequence | None = None,
    size: float = 0.9,
    limits: tuple[float, float] | None = (0, 1),
    cmap: str = "gray",
) -> Figure:
    """A grid of pictures (n, h, w), (n, 1, h, w) or (n, 3, h, w); `size` is inches a picture.

    `limits=None` stretches each picture to its own darkest and brightest value.
    """
    x = _array(x)
    columns = columns or min(len(x), 10)
    rows = -(-len(x) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(size * columns, (size + (0.25 if titles is not None else 0)) * rows), squeeze=False
    )
    low, high = limits or (None, None)
    for axis in axes.flat:
        axis.axis("off")
    for i, (axis, image) in enumerate(zip(axes.flat, x, strict=False)):
        axis.imshow(np.clip(_picture(image), low, high), vmin=low, vmax=high, cmap=cmap)
        if titles is not None:
            axis.set_title(str(titles[i]), fontsize=9, pad=2)
    figure.subplots_adjust(wspace=0.06, hspace=0.06 if titles is None else 0.3)
    return figure


def mosaic(x: Tensor, columns: int = 16, gap: int = 1, fill: float = 1.0) -> Tensor:
    """Grey pictures (n, h, w) side by side in one, with lines of `fill` between them: (height, width).

    Far faster to draw than `images`: one picture instead of n.
    """
    n, h, w = x.shape
    rows = -(-n // columns)
    sheet = torch.full((rows * (h + gap) + gap, columns * (w + gap) + gap), fill)
    for i, picture in enumerate(x.detach().float().cpu()):
        top, left = gap + (i // columns) * (h + gap), gap + (i % columns) * (w + gap)
        sheet[top : top + h, left : left + w] = picture
    return sheet


def image_rows(rows: Mapping[str, Tensor], size: float = 0.9, limits: tuple[float, float] = (0, 1)) -> Figure:
    """Rows of pictures, each (n, ...) with its name at the left: originals over their reconstructions."""
    columns = max(len(x) for x in rows.values())
    figure, axes = plt.subplots(len(rows), columns, figsize=(size * columns, size * len(rows)), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for line, (name, x) in zip(axes, rows.items(), strict=True):
        line[0].text(-0.12, 0.5, name, transform=line[0].transAxes, ha="right", va="center", fontsize=10)
        for axis, image in zip(line, _array(x), strict=False):
            axis.imshow(np.clip(_picture(image), *limits), vmin=limits[0], vmax=limits[1])
    figure.subplots_adjust(wspace=0.06, hspace=0.06)
    return figure


def filters(w: Tensor, shape: tuple[int, int], columns: int = 12, size: float = 0.7) -> Figure:
    """Weights (n, h*w) as pictures: grey is 0, white positive, black negative, each scaled to its own largest."""
    w = w.detach().float().cpu().reshape(len(w), *shape)
    return images(w / w.abs().amax((1, 2), keepdim=True).clamp_min(1e-12), columns, size=size, limits=(-1, 1))


def curves(
    lines: Mapping[str, Tensor | tuple],
    x_label: str = "step",
    y_label: str = "loss",
    log_x: bool = False,
    log_y: bool = False,
    title: str = "",
    size: tuple[float, float] = (6.4, 3.6),
) -> Figure:
    """Lines by name, each y, (x, y) or (x, y, spread); the spread (n,) is drawn as a band of ± spread."""
    figure, axis = plt.subplots(figsize=size)
    for i, (name, line) in enumerate(lines.items()):
        parts = [_array(p) for p in line] if isinstance(line, tuple) else [np.arange(len(line)), _array(line)]
        few = len(parts[0]) <= 25
        axis.plot(parts[0], parts[1], label=name, marker=MARKERS[i % len(MARKERS)] if few else None, markersize=5)
        if len(parts) == 3:
            axis.fill_between(parts[0], parts[1] - parts[2], parts[1] + parts[2], alpha=0.2)
    axis.set(xlabel=x_label, ylabel=y_label, title=title)
    if log_x:
        axis.set_xscale("log")
    if log_y:
        axis.set_yscale("log")
    if len(lines) > 1 or next(iter(lines)) != "":
        axis.legend()
    return figure


def bars(values: Mapping[str, float | tuple[float, float]], x_label: str = "", title: str = "") -> Figure:
    """Horizontal bars by name, each a value or (value, spread), with the value written beside it."""
    names = list(values)
    middle = [v[0] if isinstance(v, tuple) else v for v in values.values()]
    spread = [v[1] if isinstance(v, tuple) else 0 for v in values.values()]
    figure, axis = plt.subplots(figsize=(6.4, 0.5 * len(names) + 0.9))
    axis.barh(names, middle, xerr=spread if any(spread) else None, color=COLOURS[: len(names)], capsize=3)
    axis.bar_label(axis.containers[-1], [f" {m:.4g}" for m in middle])
    axis.invert_yaxis()
    axis.margins(x=0.15)
    axis.set(xlabel=x_label, title=title)
    axis.grid(axis="y", visible=False)
    return figure


def histograms(values: Mapping[str, Tensor], x_label: str = "", bins: int = 40, title: str = "") -> Figure:
    """Histograms of several samples (n,) over each other, each as a density."""
    figure, axis = plt.subplots(figsize=(6.4, 3.2))
    everything = np.concatenate([_array(v).ravel() for v in values.values()])
    edges = np.linspace(everything.min(), everything.max(), bins + 1)
    for name, v in values.items():
        axis.hist(_array(v).ravel(), edges, density=True, alpha=0.55, label=name)
    axis.set(xlabel=x_label, ylabel="density", title=title)
    axis.legend()
    return figure


def scatter(
    points: Tensor,
    labels: Tensor | None = None,
    classes: Sequence[str] | None = None,
    title: str = "",
    axis_labels: tuple[str, str] = ("", ""),
    size: tuple[float, float] = (5.2, 4.6),
) -> Figure:
    """Points (n, 2), coloured and marked by their labels (n,) where there are any."""
    figure, axis = plt.subplots(figsize=size)
    scatter_on(axis, points, labels, classes)
    axis.set(title=title, xlabel=axis_labels[0], ylabel=axis_labels[1])
    return figure


def scatter_on(axis, points: Tensor, labels: Tensor | None = None, classes: Sequence[str] | None = None) -> None:
    """As `scatter`, on an axis that is there already."""
    points = _array(points)
    if labels is None:
        axis.scatter(*points.T, s=8, alpha=0.6)
        return
    labels = _array(labels)
    for i, label in enumerate(np.unique(labels)):
        mine = points[labels == label]
        name = str(classes[int(label)]) if classes is not None else f"{label:g}"
        colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
        axis.scatter(*mine.T, s=12, alpha=0.7, color=colour, marker=marker, linewidths=0, label=name)
    axis.legend(markerscale=1.6, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))


def heatmap_on(
    axis, f: Callable[[Tensor], Tensor], x_limits=(-3, 3), y_limits=(-3, 3), cells: int = 120, **options
):
    """A function of the plane, f: (n, 2) -> (n,), as colours on an axis; returns the image for a colour bar."""
    x = torch.linspace(*x_limits, cells)
    y = torch.linspace(*y_limits, cells)
    grid = torch.cartesian_prod(x, y)
    values = _array(f(grid)).reshape(cells, cells).T
    options = {"cmap": "cividis", "origin": "lower", "aspect": "auto"} | options
    axis.grid(False)
    return axis.imshow(values, extent=(*x_limits, *y_limits), **options)
