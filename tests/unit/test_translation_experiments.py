"""The experiments from picture to picture: what they learn from, that settings do what they say, what is measured."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lecturelib.data.edges import edges
from lecturelib.data.scenes import draw_scenes
from lecturelib.experiments import run
from lecturelib.experiments.enlarging import EnlargedFaces
from lecturelib.experiments.translation import DayToNight, EdgesToFaces, grey, sharpness
from lecturelib.games import R1
from lecturelib.metrics import ssim

OUTLINES = EdgesToFaces(side=32, n=300, batch_size=8, channels=(8, 16), discriminator_channels=(8,))
ENLARGED = EnlargedFaces(side=32, n=300, batch_size=8, width=8, blocks=1, discriminator_channels=(8,))
NIGHTS = DayToNight(side=32, n=60, batch_size=4, width=4, halvings=1, blocks=1, discriminator_channels=(8,))


@pytest.fixture
def ten_steps(monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")


def test_outlines_belong_to_their_faces():
    data = OUTLINES.data()
    assert data.names == ("x", "edges")
    assert [t.dtype for t in data.stored] == [torch.uint8] * 2
    x, lines = next(data.batches(8))
    torch.testing.assert_close(lines, edges(x))
    assert 0.02 < lines.mean() < 0.3
    assert not torch.equal(OUTLINES.pairs(50, "test").x, OUTLINES.pairs(50).x)


def test_small_faces_are_means_of_large_ones():
    data = ENLARGED.pairs(50)
    assert data.names == ("x", "low")
    assert data.stored[1].dtype == torch.uint8
    assert data.low.shape == (50, 3, 8, 8)
    assert (F.avg_pool2d(data.x, 4) - data.low).abs().max() <= 0.5 / 255 + 1e-6


def test_days_and_nights_are_of_other_scenes():
    data = NIGHTS.data()
    x, other = data.x, data.other
    assert x.mean() > 1.5 * other.mean()  # by day it is brighter
    day, night = NIGHTS.pairs(60)
    special = [(grey(pictures) - grey(pictures).mean(0)).flatten(1) for pictures in (x, other, day, night)]
    alike = [F.cosine_similarity(a, b).mean().item() for a, b in (special[:2], special[2:])]
    assert abs(alike[0]) < 0.2
    assert alike[1] > 0.5
    shown = torch.cat([x, other])
    assert all((torch.cdist(new.flatten(1), shown.flatten(1)) > 0.5).all() for new in (day, night))


def test_true_pairs_differ_in_the_hour_alone(monkeypatch):
    given = []

    def look(factors, looks, **options):
        given.append((factors, looks, options))
        return draw_scenes(factors, looks, **options)

    monkeypatch.setattr("lecturelib.experiments.translation.draw_scenes", look)
    NIGHTS.pairs(20)
    (day, looks, options), (night, others, _) = given
    assert torch.equal(day[:, 1:], night[:, 1:])
    assert torch.equal(looks, others)
    assert day[:, 0].unique().tolist() == [0]
    assert night[:, 0].unique().tolist() == [1]
    assert options == {"size": 32, "lamps": False}


def test_settings_of_the_games_reach_the_models():
    game = replace(OUTLINES, weight=7.0, adversarial=False, r1=0.2).model()
    assert (game.weight, game.adversarial, game.penalty, game.lazy) == (7.0, False, R1(0.2), 8)
    assert replace(OUTLINES, r1=0.0).model().penalty is None
    cycle = replace(NIGHTS, cycle=3.0, identity=2.0, pool=9).model()
    assert (cycle.cycle, cycle.identity, len(cycle.discriminators[2].kept)) == (3.0, 2.0, 9)
    generator = nn.Conv2d(3, 3, 1)
    srgan = replace(ENLARGED, weight=0.5, weights=(2.0, 3.0), r1=0.1).model(generator)
    assert (srgan.weight, srgan.content.weights, srgan.penalty) == (0.5, [2.0, 3.0], R1(0.1))
    assert srgan.generator is generator
    alone = replace(ENLARGED, adversarial=False).model()
    assert not alone.adversarial
    x, made = torch.rand(2, 4, 3, 8, 8)
    torch.testing.assert_close(alone.content(made, x), (made - x).square().mean())


@pytest.mark.parametrize("experiment", [OUTLINES, ENLARGED, NIGHTS], ids=lambda e: type(e).__name__)
def test_nothing_keeps_statistics_that_an_average_would_not_fit(experiment):
    assert not any(isinstance(module, nn.BatchNorm2d) for module in experiment.model().modules())


def test_outlines_run_to_figures(ten_steps):
    outcome = run(OUTLINES, progress=False)
    model, figures = outcome.models["model"], outcome.figures
    test = OUTLINES.pairs(300, "test")
    assert figures["absolute error"] == pytest.approx((model.translate(test.edges) - test.x).abs().mean().item())
    assert figures["their ratio"] > 3
    assert figures["perceptual distance"] > 0
    assert set(figures) > {"sharpness", "precision", "recall", "Fréchet distance"}
    average = outcome.histories["model"].ema
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), average.parameters(), strict=True))
    assert replace(OUTLINES, ema=None).options()["ema"] is None


def test_enlarging_runs_to_figures_beside_the_bicubic_ones(ten_steps):
    outcome = run(ENLARGED, progress=False)
    figures, models = outcome.figures, outcome.models
    assert list(models) == ["squared", "model"]
    pairs = zip(models["squared"].generator.parameters(), models["model"].generator.parameters(), strict=True)
    assert all(a is not b for a, b in pairs)
    own = {name for name in figures if not name.startswith("bicubic, ")}
    assert own > {"PSNR", "SSIM", "perceptual distance", "Fréchet distance", "sharpness"}
    assert {name.removeprefix("bicubic, ") for name in figures} == own
    assert figures["bicubic, sharpness"] < 0.8
    assert 15 < figures["bicubic, PSNR"] < 30
    assert "generator.game" in outcome.histories["model"].losses
    assert "generator.game" not in outcome.histories["squared"].losses


def test_the_second_stage_starts_from_the_first_ones_generator(ten_steps):
    stages = ENLARGED.stages()
    first = next(stages)
    nn.init.constant_(first.model.generator.up[-1].bias, 0.125)

    class Trained:
        ema = None

    second = stages.send(Trained())
    assert (first.name, second.name) == ("squared", "model")
    assert second.model.generator.up[-1].bias.tolist() == [0.125] * 3
    assert second.model.generator is not first.model.generator
    assert second.model.adversarial
    assert next(replace(ENLARGED, adversarial=False).stages()).name == "model"


def test_nights_run_to_figures_both_ways(ten_steps):
    outcome = run(NIGHTS, progress=False)
    figures, model = outcome.figures, outcome.models["model"]
    day, night = NIGHTS.pairs(50)
    for way, x, truth, back in (("to night", day, night, False), ("to day", night, day, True)):
        error = (model.translate(x, back) - truth).abs().mean().item()
        assert figures[f"{way}, colour error"] == pytest.approx(error)
        assert figures[f"{way}, untouched"] == pytest.approx((day - night).abs().mean().item())
        assert figures[f"{way}, less by"] == pytest.approx(1 - error / figures[f"{way}, untouched"])
        own, kept = (ssim(grey(x), grey(picture)).mean().item() for picture in (truth, model.translate(x, back)))
        assert figures[f"{way}, structure"] == pytest.approx(kept / own)


def test_sharpness_is_the_mean_slope():
    ramp = torch.arange(6.0).expand(2, 3, 6, 6)
    assert sharpness(ramp) == pytest.approx(3**0.5)
    assert sharpness(ramp + 2 * ramp.mT) == pytest.approx(15**0.5)
    x = torch.rand(2, 3, 16, 16)
    assert sharpness(F.avg_pool2d(x, 3, 1, 1)) < 0.5 * sharpness(x)


def test_green_is_brighter_than_blue():
    colours = torch.eye(3).view(3, 3, 1, 1).expand(-1, -1, 4, 4)
    assert grey(colours).amax((1, 2, 3)).tolist() == pytest.approx([0.299, 0.587, 0.114])
