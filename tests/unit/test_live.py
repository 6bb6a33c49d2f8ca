"""The view of a run: it changes nothing, keeps to its share of the time, and its last picture stays."""

import base64
import io

import matplotlib.pyplot as plt
import pytest
import torch
from PIL import Image

import lecturelib
from lecturelib.data.tensors import Data
from lecturelib.layers import mlp
from lecturelib.models.autoencoder import dense
from lecturelib.models.gan import GAN
from lecturelib.models.vae import dense_vae
from lecturelib.resume import History
from lecturelib.show import Live, live
from lecturelib.training import Step, fit


class Screen:
    """What was displayed: the first time, and how it was updated."""

    def __init__(self):
        self.shown, self.updates = [], []

    def display(self, content, metadata, raw, display_id):
        assert raw
        assert display_id
        self.shown.append((content, metadata))
        return self

    def update(self, content, metadata, raw):
        assert raw
        self.updates.append((content, metadata))


class Clock:
    """A clock that goes on by what is told, and by `drawing` for each picture."""

    def __init__(self, monkeypatch, drawing: float):
        self.now, self.drawing = 1.0, drawing
        monkeypatch.setattr(live.time, "perf_counter", lambda: self.now)
        png = live.png
        monkeypatch.setattr(live, "png", lambda figure: (setattr(self, "now", self.now + drawing), png(figure))[1])


@pytest.fixture
def screen(monkeypatch) -> Screen:
    screen = Screen()
    monkeypatch.setattr(live, "display", screen.display)
    return screen


@pytest.fixture
def pictures() -> Data:
    return Data(torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(0)).round())


def weights(watch, data: Data, **options) -> torch.Tensor:
    lecturelib.seed(0)
    vae = dense_vae((1, 8, 8), 4, (16,))
    fit(vae, data, 20, batch_size=16, progress=False, watch=watch, **options)
    return torch.cat([p.detach().flatten() for p in vae.parameters()])


@pytest.mark.parametrize("ema", [None, 0.9])
def test_a_run_is_the_same_with_and_without_a_view(screen, pictures, ema):
    assert torch.equal(weights(None, pictures, ema=ema), weights(Live("Digits.", share=0.9), pictures, ema=ema))
    assert len(screen.shown) == 1
    assert screen.updates


def test_the_last_picture_replaces_the_first_and_has_its_alt_text(screen, pictures):
    weights(Live("Digits that a VAE makes."), pictures)
    content, metadata = screen.updates[-1]
    assert metadata["image/png"]["alt"] == content["text/plain"] == "Digits that a VAE makes."
    width, height = Image.open(io.BytesIO(base64.b64decode(content["image/png"]))).size
    assert width > 2 * height > 400
    assert not plt.get_fignums()  # nothing is left open


@pytest.mark.parametrize(("drawing", "most"), [(0.01, 53), (0.1, 5), (3.0, 1)])
def test_drawing_keeps_to_its_share_of_the_time(screen, monkeypatch, drawing, most):
    clock, view = Clock(monkeypatch, drawing), Live("Nothing.", lambda model: torch.zeros(2, 1, 4, 4), share=0.05)
    history = History()
    for number in range(100):
        history.add(number, {"loss": torch.tensor(1.0)})
        clock.now += 0.1  # a run of ten seconds
        view(torch.nn.Identity(), Step(number, {}), history, False)
    pictures = len(screen.shown) + len(screen.updates)
    assert pictures <= most
    if drawing < 1:
        assert pictures >= 0.4 * most
        assert view.spent <= 0.05 * clock.now


def test_the_figure_has_the_losses_and_the_samples_of_the_averaged_model(pictures):
    plain, average = (dense((1, 8, 8), 2) for _ in range(2))
    history = History()
    for number in range(120):
        history.add(number, {"loss": torch.tensor(float(number)), "other": torch.tensor(0.5)})
    seen = []
    view = Live("x", lambda model: seen.append(model) or torch.rand(24, 3, 8, 8), losses=["loss"])
    left, right = view.figure(plain, Step(119, {}, average), history).axes
    assert seen == [average]
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["loss"]
    assert left.lines[-1].get_ydata()[-1] == pytest.approx(94.5)  # the mean of 70 to 119
    assert right.images[0].get_array().shape == (4 * 9 + 1, 6 * 9 + 1, 3)
    view.columns = 8
    assert view.figure(plain, Step(119, {}), history).axes[1].images[0].get_array().shape == (3 * 9 + 1, 8 * 9 + 1, 3)
    plt.close("all")


def test_points_are_drawn_as_points():
    gan = GAN(mlp((3, 8, 2)), mlp((2, 8, 1)), noise=3)
    history = History()
    history.add(0, {"loss": torch.tensor(1.0)})
    right = Live("x").figure(gan, Step(0, {}), history).axes[1]
    assert len(right.collections[0].get_offsets()) == 24
    plt.close("all")


def test_a_share_that_is_none_is_refused():
    with pytest.raises(ValueError, match="share is 1.5"):
        Live("x", share=1.5)
    with pytest.raises(ValueError, match="columns is 0"):
        Live("x", columns=0)
