"""A view of a training run while it goes on: its losses, and what the model makes."""

import time
from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import torch
from IPython.display import DisplayHandle, display
from matplotlib.figure import Figure
from torch import Tensor, nn

from lecturelib.resume import History
from lecturelib.show import plots
from lecturelib.show.output import picture, png
from lecturelib.training import Step


class Live:
    """Losses and pictures that are drawn anew while `fit` works: fit(..., watch=Live("Digits of the GAN.")).

    The pictures come from the averaged model where there is one, each time from the same random numbers, and the run
    is the same with and without a view. Drawing takes at most `share` of the time, the last picture aside, which stays
    in the notebook, also when nobody looks on while it runs.
    """

    def __init__(
        self,
        alt: str,  # what the view shows, in one sentence
        samples: Callable[[nn.Module], Tensor]
        | None = None,  # model -> pictures (n, c, h, w) or points (n, 2); None: model.sample(24)
        losses: Sequence[str] | None = None,  # names in the history; None: all
        share: float = 0.04,  # of the time, for drawing
        columns: int = 6,  # of pictures
    ):
        if not 0 < share < 1:
            raise ValueError(f"share is {share}; it is a part of the time, above 0 and below 1")
        if columns < 1:
            raise ValueError(f"columns is {columns}; pictures stand in at least one")
        self.alt, self.losses, self.share, self.columns = alt, losses, share, columns
        self.samples = samples or (lambda model: model.sample(24))
        self.start = self.spent = self.longest = 0.0
        self.handle: DisplayHandle | None = None

    def __call__(self, model: nn.Module, step: Step, history: History, done: bool) -> None:
        """Called by `fit` after each step, and once more at the end."""
        now = time.perf_counter()
        if not self.start:
            self.start = now
        # what the next picture and the last one will take must be paid for, too
        if not done and self.spent + 2 * self.longest >= self.share * (now - self.start):
            return
        content, metadata = picture(png(self.figure(model, step, history)), self.alt)
        if self.handle is None:
            self.handle = display(content, metadata=metadata, raw=True, display_id=True)
        else:
            self.handle.update(content, metadata=metadata, raw=True)
        took = time.perf_counter() - now
        self.spent, self.longest = self.spent + took, max(self.longest, took)

    def figure(self, model: nn.Module, step: Step, history: History) -> Figure:
        """What is shown: the losses at the left, the pictures at the right."""
        model = model if step.ema is None else step.ema
        was_training = model.training
        devices = [model.device] if getattr(model, "device", torch.device("cpu")).type == "cuda" else []
        with torch.random.fork_rng(devices), torch.no_grad():
            torch.manual_seed(0)
            made = self.samples(model.eval())
        model.train(was_training)
        figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
        for name in self.losses or history.losses:
            steps, values = history.steps(name).numpy(), history[name]
            (line,) = left.plot(steps, values.numpy(), linewidth=0.4, alpha=0.4)
            smooth = _running_mean(values).numpy()
            left.plot(steps[-len(smooth) :], smooth, color=line.get_color(), label=name)
        left.set(xlabel="step", title=f"step {step.number + 1}")
        left.legend(fontsize=8)
        if made.ndim == 2:
            plots.scatter_on(right, made)
        else:
            from torchvision.utils import make_grid

            grid = make_grid(made.float().cpu().clamp(0, 1), nrow=self.columns, padding=1, pad_value=1)
            right.imshow(grid.permute(1, 2, 0).numpy())
            right.axis("off")
        return figure


def _running_mean(values: Tensor, width: int = 50) -> Tensor:
    width = min(width, len(values))
    sums = torch.cat([values.new_zeros(1), values]).double().cumsum(0)
    return (sums[width:] - sums[:-width]) / width
