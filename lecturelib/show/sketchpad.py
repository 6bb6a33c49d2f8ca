"""A pad to draw lines on with the mouse, and beside it the picture that a network makes of them."""

import io
import time
from collections.abc import Callable

import ipywidgets
import torch
from ipycanvas import Canvas, hold_canvas
from IPython.display import display
from PIL import Image
from torch import Tensor

from lecturelib.show import plots
from lecturelib.show.output import picture, png

INK, PAPER, ERASER = "white", "black", 2  # the eraser's reach, in pixels of the drawing


class Drawing:
    """White lines on black, (1, 1, height, width) of 0 and 1, and the pen that draws and erases them."""

    def __init__(self, start: Tensor):
        self.lines = (start > 0.5).float().clone()
        self.erasing, self._last = False, None

    def press(self, row: int, column: int) -> Tensor:
        """Put the pen down; returns the pixels that changed, (k, 2), rows and columns."""
        self._last = (row, column)
        return self._stroke(row, column)

    def move(self, row: int, column: int) -> Tensor:
        """Move the pen: a line from where it was, where it is down; returns the pixels that changed."""
        return self._stroke(row, column) if self.drawing else torch.empty(0, 2, dtype=torch.long)

    @property
    def drawing(self) -> bool:
        """Whether the pen is down."""
        return self._last is not None

    def lift(self) -> None:
        """Take the pen up."""
        self._last = None

    def _stroke(self, row: int, column: int) -> Tensor:
        first, last = torch.tensor(self._last), torch.tensor((row, column))
        steps = int((last - first).abs().max()) + 1
        places = (first + (last - first) * torch.linspace(0, 1, steps)[:, None]).round().long()
        if self.erasing:
            reach = torch.arange(-ERASER, ERASER + 1)
            places = (places[:, None] + torch.cartesian_prod(reach, reach)).flatten(0, 1)
        self._last = (row, column)
        height, width = self.lines.shape[2:]
        places = places[((places >= 0) & (places < torch.tensor([height, width]))).all(1)].unique(dim=0)
        value = 0.0 if self.erasing else 1.0
        changed = places[self.lines[0, 0, places[:, 0], places[:, 1]] != value]
        self.lines[0, 0, changed[:, 0], changed[:, 1]] = value
        return changed


def sketch(
    translate: Callable[[Tensor], Tensor],  # lines (1, 1, h, w) -> a picture (1, 3, h, w) in [0, 1]
    starts: Tensor,  # drawings to begin with, (k, 1, h, w)
    alt: str,  # what stands in for the pad where nobody can draw: the first drawing and its picture
    scale: int = 5,  # pixels of the screen for one of the drawing
) -> None:
    """Display the pad; its other representation is a PNG of the first drawing and what the network makes of it.

    ValueError for drawings of another shape.
    """
    if starts.ndim != 4 or not len(starts) or starts.shape[1] != 1:
        raise ValueError(f"drawings are (k, 1, height, width), with at least one; these are {tuple(starts.shape)}")
    height, width = starts.shape[2:]
    pads, number, shown = [Drawing(starts[:1])], [0], [0.0]
    canvas = Canvas(width=scale * width, height=scale * height)
    canvas.layout.border = "1px solid gray"
    made = ipywidgets.Image(format="png", width=scale * width, height=scale * height)
    tool = ipywidgets.ToggleButtons(options=["draw", "erase"])
    another, clear = ipywidgets.Button(description="another face"), ipywidgets.Button(description="clear")

    def look(every: float = 0.0) -> None:
        if time.monotonic() - shown[0] >= every:  # a network needs longer than a mouse
            made.value = _enlarged(translate(pads[-1].lines), scale)
            shown[0] = time.monotonic()

    def paint(changed: Tensor, colour: str) -> None:
        if len(changed):
            canvas.fill_style = colour
            canvas.fill_rects((scale * changed[:, 1]).numpy(), (scale * changed[:, 0]).numpy(), scale, scale)

    def begin(lines: Tensor) -> None:
        pads.append(Drawing(lines))
        pads[-1].erasing = tool.value == "erase"
        with hold_canvas():
            canvas.fill_style = PAPER
            canvas.fill_rect(0, 0, scale * width, scale * height)
            paint(lines[0, 0].nonzero(), INK)
        look()

    def place(x: float, y: float) -> tuple[int, int]:
        return int(y // scale), int(x // scale)

    def moved(x: float, y: float) -> None:
        paint(pads[-1].move(*place(x, y)), PAPER if pads[-1].erasing else INK)
        if pads[-1].drawing:
            look(every=0.2)

    def pressed(x: float, y: float) -> None:
        paint(pads[-1].press(*place(x, y)), PAPER if pads[-1].erasing else INK)

    def lifted(*_place: float) -> None:
        pads[-1].lift()
        look()

    def next_one(_button) -> None:
        number[0] = (number[0] + 1) % len(starts)
        begin(starts[number[0]][None])

    canvas.on_mouse_down(pressed)
    canvas.on_mouse_move(moved)
    canvas.on_mouse_up(lifted)
    canvas.on_mouse_out(lifted)
    another.on_click(next_one)
    clear.on_click(lambda _button: begin(torch.zeros_like(starts[:1])))
    tool.observe(lambda change: setattr(pads[-1], "erasing", change["new"] == "erase"), names="value")
    begin(starts[:1])
    box = ipywidgets.VBox([ipywidgets.HBox([tool, another, clear]), ipywidgets.HBox([canvas, made])])
    both = torch.cat([starts[:1].expand(-1, 3, -1, -1).cpu(), translate(starts[:1]).cpu()])
    data, metadata = picture(png(plots.images(both, 2, ["drawn", "made of it"], size=2.5), colours=None), alt)
    display(box._repr_mimebundle_() | data, metadata=metadata, raw=True)


def _enlarged(x: Tensor, scale: int) -> bytes:
    """A picture (1, 3, h, w) in [0, 1] as PNG, each pixel as a square of `scale`."""
    pixels = (x[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    image.resize((scale * image.width, scale * image.height), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()
