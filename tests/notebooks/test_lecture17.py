"""What lecture 17 writes out is what the library does, and what it measures with measures what it says."""

import pytest
import torch
from torch import nn
from written_out import definitions

from lecturelib.data import load
from lecturelib.data.scenes import changed, draw_scenes
from lecturelib.experiments.translation import grey
from lecturelib.metrics import ssim
from lecturelib.models.cycle import CycleGAN, Translator
from lecturelib.models.cycle import Pool as LibrarysPool
from lecturelib.models.translation import PatchDiscriminator


@pytest.fixture(scope="module")
def lecture() -> dict:
    wanted = ("away", "grey", "slopes", "judged", "generators_loss", "discriminators_loss", "Pool", "ages",
              "corners", "answers", "brightest", "stars")  # fmt: skip
    return definitions("17_cyclegan", *wanted, torch=torch, nn=nn, ssim=ssim, SIDE=64)


@pytest.mark.parametrize(("cycle", "identity"), [(10.0, 5.0), (10.0, 0.0), (0.0, 5.0), (0.0, 0.0)])
def test_the_losses_and_their_gradients_are_the_librarys(lecture, cycle, identity):
    torch.manual_seed(0)
    judges = (PatchDiscriminator(3, (8,), norm=None) for _ in range(2))
    gan = CycleGAN(Translator(3, 4, 1, 1), Translator(3, 4, 1, 1), *judges, cycle=cycle, identity=identity).eval()
    (G, F), (D_day, D_night) = gan.generators, gan.discriminators[:2]
    x, y = torch.rand(2, 6, 3, 32, 32)
    mine, parts = lecture["generators_loss"](G, F, D_day, D_night, x, y, cycle, identity)
    librarys = gan.generators_loss(x, y)
    torch.testing.assert_close(mine, librarys["loss"])
    for name, part in zip(("game", "cycle", "identity"), parts, strict=True):
        if name in librarys:
            torch.testing.assert_close(part, librarys[name])
    weights = list(gan.generators.parameters())
    slopes = (torch.autograd.grad(loss, weights, allow_unused=True) for loss in (mine, librarys["loss"]))
    for a, b in zip(*slopes, strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(lecture["discriminators_loss"](D_day, D_night, x, y, F(y), G(x)), gan.loss(x, y)["loss"])


def test_both_pools_show_as_many_and_as_old_pictures(lecture):
    torch.manual_seed(0)
    for pool in (lecture["Pool"](32), LibrarysPool((1,), 32)):
        first = torch.arange(32.0)[:, None]
        torch.testing.assert_close(torch.cat([pool(part) for part in first.split(8)]), first)  # until it is full
        age = lecture["ages"](pool, 3000)
        assert (age >= 0).all()
        assert 0.45 < (age > 0).float().mean() < 0.55
        assert 7 < age[age > 0].mean() < 9  # 32 places, four of which are filled anew in each step


def test_judged_gives_what_the_words_say(lecture):
    scenes = load("scenes", n=20, split="test")
    day, night = (
        draw_scenes(changed(scenes.factors, time=time), scenes.looks, lamps=False) for time in ("day", "night")
    )
    assert lecture["judged"](night, day, night) == pytest.approx((0, 1, 1))
    colour, structure, outlines = lecture["judged"](day, day, night)
    assert colour == 1
    assert structure > 1
    assert 0.3 < outlines < 0.9
    assert lecture["judged"]((day + night) / 2, day, night)[0] == pytest.approx(0.5)
    assert abs(lecture["judged"](night.roll(1, 0), day, night)[2]) < 0.2
    torch.testing.assert_close(lecture["grey"](day), grey(day))


def test_answers_of_a_turn_and_of_a_collapse(lecture):
    lecture["B"] = lecture["corners"](torch.pi / 4)
    y = torch.arange(400) % 4
    x = lecture["corners"](0)[y]
    turned, collapsed = lecture["B"][y], lecture["B"][torch.zeros_like(y)]
    found = list(lecture["answers"]([(x, y, turned, x), (x, y, collapsed, x + 1)]))
    assert found[0] == (4, (0, 1, 2, 3), 0)
    assert found[1] == (1, (0, 0, 0, 0), pytest.approx(2**0.5))


def test_the_moon_and_the_stars_are_found(lecture):
    scenes = load("scenes", n=60, split="test")
    factors = changed(scenes.factors, time="night", clouds=0.0, mountains=0.0)
    lecture["sun"] = 0.8 * factors[:, 11]
    lit, dark = (draw_scenes(factors, scenes.looks, size=64, lamps=lamps) for lamps in (True, False))
    assert (lecture["brightest"](lit) - lecture["sun"]).abs().max() < 0.15
    assert 4 < lecture["stars"](lit).mean() < 14
    assert lecture["stars"](dark).mean() < 0.5
