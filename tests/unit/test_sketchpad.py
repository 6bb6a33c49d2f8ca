"""The pad on which outlines are drawn: its pen, and what the browser's events do."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from lecturelib.show import sketchpad
from lecturelib.show.sketchpad import Drawing, sketch

BLANK = torch.zeros(1, 1, 12, 16)


def test_a_pen_draws_lines_without_gaps():
    pad = Drawing(BLANK)
    assert pad.move(3, 3).tolist() == []
    assert pad.press(2, 3).tolist() == [[2, 3]]
    changed = pad.move(7, 13)
    assert len(changed) == 10  # the first is white already
    rows, columns = pad.lines[0, 0].nonzero().T
    assert sorted(columns.tolist()) == list(range(3, 14))  # one a column, as it goes more across than down
    assert (rows.double() - (2 + (columns.double() - 3) / 2)).abs().max() <= 0.5
    pad.lift()
    assert pad.move(0, 0).tolist() == []
    assert pad.lines.sum() == 11
    assert BLANK.sum() == 0


def test_an_eraser_is_wider_and_nothing_leaves_the_paper():
    pad = Drawing(torch.ones(1, 1, 12, 16))
    pad.erasing = True
    pad.press(0, 0)
    assert (pad.lines == 0).sum() == 9  # five by five, of which three by three lie on the paper
    pad.move(30, 30)
    assert pad.lines[0, 0, 11, 11] == 0
    assert pad.lines[0, 0, 11, 0] == 1
    pad.erasing = False
    assert pad.press(-1, 5).tolist() == []


@pytest.fixture
def pad(monkeypatch):
    """A pad of two drawings that is displayed: its canvas, its widgets, and what the output holds."""
    outputs, asked = [], []

    def translate(lines):
        asked.append(lines.clone())
        return lines.expand(-1, 3, -1, -1) / 2

    monkeypatch.setattr(sketchpad, "display", lambda data, **rest: outputs.append((data, rest)))
    boxes = []
    monkeypatch.setattr(sketchpad.ipywidgets, "VBox", lambda parts: boxes.append(VBOX(parts)) or boxes[-1])
    starts = BLANK.repeat(2, 1, 1, 1)
    starts[0, 0, 5], starts[1, 0, :, 7] = 1, 1
    sketch(translate, starts, "A row, and a grey row.", scale=4)
    tools, pictures = boxes[0].children
    return *tools.children, *pictures.children, asked, outputs


VBOX = sketchpad.ipywidgets.VBox


def event(canvas, name: str, row: float, column: float) -> None:
    canvas._handle_frontend_event(canvas, {"event": name, "x": 4 * column + 1, "y": 4 * row + 1}, [])


def shown(made) -> torch.Tensor:
    pixels = torch.from_numpy(np.array(Image.open(io.BytesIO(made.value)).convert("L")))
    assert pixels.shape == (48, 64)
    return pixels[1::4, 1::4]


def test_the_pad_follows_the_mouse(pad):
    tool, another, clear, canvas, made, asked, outputs = pad
    ((data, rest),) = outputs
    assert {"image/png", "text/plain", "application/vnd.jupyter.widget-view+json"} <= data.keys()
    assert rest["metadata"]["image/png"]["alt"] == "A row, and a grey row."
    assert shown(made).unique().tolist() == [0, 128]
    assert (shown(made)[5] == 128).all()

    event(canvas, "mouse_down", 1, 2)
    event(canvas, "mouse_move", 1, 9)
    event(canvas, "mouse_up", 1, 9)
    assert asked[-1][0, 0, 1].nonzero()[:, 0].tolist() == list(range(2, 10))
    assert (shown(made)[1, 2:10] == 128).all()
    event(canvas, "mouse_move", 9, 9)  # the pen is up
    assert asked[-1][0, 0, 9].sum() == 0

    tool.value = "erase"
    event(canvas, "mouse_down", 5, 8)
    event(canvas, "mouse_up", 5, 8)
    assert asked[-1][0, 0, 5].sum() == 11

    another.click()
    assert torch.equal(asked[-1][0, 0].nonzero()[:, 1].unique(), torch.tensor([7]))
    event(canvas, "mouse_down", 0, 7)  # still the eraser
    event(canvas, "mouse_up", 0, 7)
    assert asked[-1].sum() == 9
    clear.click()
    assert asked[-1].sum() == 0
    another.click()
    assert asked[-1][0, 0, 5].sum() == 16


def test_drawings_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"with at least one; these are \(1, 3, 12, 16\)"):
        sketch(lambda lines: lines, BLANK.expand(-1, 3, -1, -1), "x")
