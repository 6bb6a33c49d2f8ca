"""Pictures, animations, sliders and source code."""

import base64
import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from lecturelib.models.autoencoder import Autoencoder
from lecturelib.show import animate, explore, output, plots, show, show_source, source, widgets


@pytest.fixture
def shown(monkeypatch):
    """What was displayed, as (data, metadata)."""
    said = []
    for module in (output, source, widgets):
        monkeypatch.setattr(module, "display", lambda data, metadata=None, raw=False: said.append((data, metadata)))
    return said


def decoded(data: dict, kind: str = "image/png") -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data[kind])))


PICTURES = torch.rand(7, 1, 8, 8)
FIGURES = {
    "images": lambda: plots.images(PICTURES, 4, titles=range(7)),
    "colour images": lambda: plots.images(torch.rand(3, 3, 8, 8)),
    "flat images": lambda: plots.images(torch.rand(3, 8, 8), limits=None),
    "image rows": lambda: plots.image_rows({"x": PICTURES, "reconstruction": PICTURES[:3]}),
    "filters": lambda: plots.filters(torch.randn(5, 64), (8, 8)),
    "curves": lambda: plots.curves({"a": torch.rand(30), "b": ([1, 2, 3], torch.rand(3), torch.rand(3))}, log_y=True),
    "bars": lambda: plots.bars({"PCA": 0.5, "autoencoder": (0.4, 0.02)}, "error"),
    "histograms": lambda: plots.histograms({"a": torch.randn(50), "b": torch.randn(50) + 2}),
    "scatter": lambda: plots.scatter(torch.rand(30, 2), torch.arange(30) % 3, classes=["a", "b", "c"]),
    "bare scatter": lambda: plots.scatter(torch.rand(30, 2)),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_becomes_a_picture_with_its_alt_text_and_is_closed(name, shown):
    show(FIGURES[name](), alt=f"a picture of {name}")
    (data, metadata), = shown
    assert data["text/plain"] == metadata["image/png"]["alt"] == f"a picture of {name}"
    assert np.asarray(decoded(data).convert("L")).std() > 5  # not a blank page
    assert plt.get_fignums() == []


def test_pixels_arrive_where_they_belong():
    x = torch.zeros(2, 1, 4, 4)
    x[1, 0, 0, 3] = 1
    figure = plots.images(x)
    drawn = [axis.images[0].get_array() for axis in figure.axes]
    assert drawn[0].max() == 0
    assert drawn[1].argmax() == 3
    plt.close(figure)


def test_an_alt_text_is_not_optional(shown):
    with pytest.raises(ValueError, match="needs an alt text"):
        show(plots.images(PICTURES), alt=" ")
    assert plt.get_fignums() == []


def test_an_animation_keeps_its_frames(shown):
    animate([plots.bars({"x": k, "y": 3}) for k in (1, 2, 3)], alt="a bar that grows")
    (data, metadata), = shown
    assert decoded(data, "image/gif").n_frames == 3
    assert metadata["image/gif"]["alt"] == "a bar that grows"
    with pytest.raises(ValueError, match="at least one frame"):
        animate([], alt="nothing")


def test_explore_redraws_at_a_move_and_has_a_picture_without_a_browser(shown, monkeypatch):
    calls, made = [], []
    monkeypatch.setattr(widgets.ipywidgets, "VBox", lambda children: made.append(children) or _Box())

    def draw(k, kind):
        calls.append((k, kind))
        return plots.bars({kind: k, "other": 10})

    explore(draw, "a bar", k=(1, 9), kind=["a", "b"])
    (data, metadata), = shown
    assert decoded(data).width > 100
    assert "application/vnd.jupyter.widget-view+json" in data
    assert metadata["image/png"]["alt"] == "a bar"
    slider, _menu, _complaint, image = made[0]
    before = image.value
    slider.value = 9
    assert calls == [(5, "a"), (9, "a")]
    assert image.value != before


def test_explore_says_what_is_wrong_with_an_answer_and_keeps_the_picture(shown, monkeypatch):
    made = []
    monkeypatch.setattr(widgets.ipywidgets, "VBox", lambda children: made.append(children) or _Box())

    def draw(word):
        if word not in ("cat", "dog"):
            raise ValueError(f"<{word}> is not known")
        return plots.bars({word: 1})

    explore(draw, "a bar", word="cat")
    box, complaint, image = made[0]
    before = image.value
    box.value = "cow"
    assert (complaint.value, image.value) == ("<em>&lt;cow&gt; is not known</em>", before)
    box.value = "dog"
    assert complaint.value == ""
    assert image.value != before


class _Box:
    def _repr_mimebundle_(self):
        return {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "box"}


def test_show_source_shows_the_code_without_its_indentation(shown):
    show_source(Autoencoder.loss)
    (data, _), = shown
    assert data["text/plain"].startswith("def loss(self, x")
    assert data["text/markdown"].startswith("```python\ndef loss")
    with pytest.raises(TypeError, match="no Python source"):
        show_source(len)
