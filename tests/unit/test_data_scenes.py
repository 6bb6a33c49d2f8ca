"""Landscapes from factors: reproducible, every factor shows, and a pair differs in what was changed alone."""

from itertools import pairwise

import pytest
import torch
from torch.nn.functional import avg_pool2d

from lecturelib.data import DataError, load
from lecturelib.data.scenes import FACTOR_NAMES, FACTORS, changed, draw_scenes


@pytest.fixture(scope="module")
def some():
    return load("scenes", n=64, seed=1)


def test_the_same_seed_gives_the_same_scenes_and_more_of_them(some):
    more = load("scenes", n=1100, seed=1)
    assert some.x.shape == (64, 3, 32, 32)
    assert torch.equal(more.stored[0][:64], some.stored[0])
    for other in ({"seed": 2}, {"seed": 1, "split": "test"}):
        assert not torch.equal(load("scenes", n=64, **other).factors, some.factors)
    assert torch.equal((draw_scenes(some.factors, some.looks) * 255).round().byte(), some.stored[0])


def test_factors_are_independent_and_spread_over_their_ranges():
    factors = load("scenes", n=4000).factors
    for factor, column in zip(FACTORS, factors.T, strict=True):
        if factor.values:
            shares = column.long().bincount(minlength=len(factor.values)) / len(column)
            expected = torch.tensor(factor.shares or [1 / len(factor.values)] * len(factor.values))
            torch.testing.assert_close(shares, expected, atol=0.04, rtol=0)
        else:
            assert column.min() < factor.low + 0.01 * (factor.high - factor.low)
            assert column.max() > factor.high - 0.01 * (factor.high - factor.low)
    assert (torch.corrcoef(factors.T) - torch.eye(len(FACTORS))).abs().max() < 0.08


def test_a_bias_makes_a_domain_and_what_does_not_vary_stays():
    nights = load("scenes", n=50, bias={"time": "night"})
    assert (nights.factors[:, 0] == 1).all()
    still = load("scenes", n=50, vary=("clouds",))
    assert (still.factors.std(0) > 0).tolist() == [name == "clouds" for name in FACTOR_NAMES]
    assert still.looks.std(0).max() == 0
    assert still.looks[0].std() > 0.2  # trees and stars do not stand on top of each other


@pytest.mark.parametrize("name", FACTOR_NAMES)
def test_every_factor_shows(name, some):
    start = changed(some.factors, time="day", season="summer", house="house")
    factor = FACTORS[FACTOR_NAMES.index(name)]
    ends = (0, len(factor.values) - 1) if factor.values else (factor.low, factor.high)
    low, high = (draw_scenes(changed(start, **{name: end}), some.looks) for end in ends)
    apart = (low - high).abs().amax((1, 2, 3))
    assert (apart > 0.1).float().mean() > 0.6


@pytest.mark.parametrize("name", [f.name for f in FACTORS if not f.values and f.name != "trees"])
def test_a_small_change_of_a_number_makes_no_jump(name, some):
    factor = FACTORS[FACTOR_NAMES.index(name)]
    steps = [factor.low + (factor.high - factor.low) * t / 40 for t in range(41)]
    pictures = [draw_scenes(changed(some.factors[:8], **{name: at}), some.looks[:8], size=64) for at in steps]
    for before, after in pairwise(pictures):
        assert (after - before).abs().mean() < 0.03


def test_nights_are_darker_and_winters_whiter(some):
    def drawn(**values):
        return draw_scenes(changed(some.factors, **values), some.looks)

    day, night = drawn(time="day"), drawn(time="night")
    assert (night.mean((1, 2, 3)) < 0.6 * day.mean((1, 2, 3))).all()
    ground = drawn(time="day", season="winter")[:, :, -4:] - drawn(time="day", season="summer")[:, :, -4:]
    assert (ground.mean((2, 3)) > 0.2).all()


def test_the_content_of_a_pair_is_the_same(some):
    """Where the day has an edge of the land the night has one: the gradients of brightness go together."""
    free = changed(some.factors, clouds=0)
    pictures = [draw_scenes(changed(free, time=t), some.looks, size=64, lamps=False) for t in ("day", "night")]
    edges = [x[:, :, 32:].mean(1).diff(dim=1).abs().flatten(1) for x in pictures]
    alike = torch.corrcoef(torch.cat(edges))[:64, 64:]  # of each day with each night
    assert alike.diagonal().mean() > alike.mean() + 0.2


def test_without_lamps_only_what_the_day_does_not_tell_is_missing(some):
    day, night = (changed(some.factors, time=time) for time in ("day", "night"))
    assert torch.equal(draw_scenes(day, some.looks), draw_scenes(day, some.looks, lamps=False))
    difference = (draw_scenes(night, some.looks) - draw_scenes(night, some.looks, lamps=False)).abs().amax(1)
    assert (difference.amax((1, 2)) > 0.3).all()
    assert 0.005 < (difference > 0.05).float().mean() < 0.35
    dry = changed(night, water="none")
    difference = (draw_scenes(dry, some.looks) - draw_scenes(dry, some.looks, lamps=False)).abs().amax(1)
    assert difference[:, 22:].max() == 0  # nothing of it lies in the meadow


def test_the_moon_does_not_shine_on_the_house():
    plain = load("scenes", n=1, vary=())
    factors = changed(plain.factors, water="lake", house="house", house_place=0, lamp=0, horizon=1, trees=0)
    looks = torch.full_like(plain.looks, 0.5)

    def drawn(lamps=True, **values):
        return draw_scenes(changed(factors, **values), looks, size=128, lamps=lamps)[0]

    wall = (drawn(time="day") - drawn(time="day", house="none")).abs().amax(0) > 0.1
    path = (drawn(time="night", house="none") - drawn(False, time="night", house="none")).abs().amax(0) > 0.2
    assert (wall & path).sum() > 20
    with_moon, without = (drawn(lamps, time="night") for lamps in (True, False))
    assert (with_moon - without).abs().amax(0)[wall & path].max() < 0.1


def test_windows_are_lit_at_night():
    factors = changed(load("scenes", n=1, vary=()).factors, house="house", house_place=0.0, trees=0.0)
    looks = torch.full((1, load("scenes", n=1).looks.shape[1]), 0.5)
    day, night = (draw_scenes(changed(factors, time=t), looks, size=128)[0] for t in ("day", "night"))
    lit = (night[0] > 0.9) & (night[2] < 0.6)
    assert 20 < lit.sum() < 400
    assert night[0][lit].mean() > day[0][lit].mean() + 0.3


def test_a_small_picture_is_a_large_one_averaged(some):
    for time in ("day", "night"):
        factors = changed(some.factors[:16], time=time)
        small, large = (draw_scenes(factors, some.looks[:16], size=size) for size in (32, 128))
        away = (avg_pool2d(large, 4) - small).mean(3).abs().mean((0, 1))  # row by row
        assert away.max() < 0.012


@pytest.mark.parametrize(("options", "words"), [
    ({"size": 16}, "size is 16"), ({"size": 512}, "512; scenes are drawn at 32 to 256"), ({"n": 0}, "n is 0"),
    ({"bias": {"time": "dusk"}}, "day, night"), ({"bias": {"skin": 1}}, "no factor 'skin'"),
    ({"vary": ("moon",)}, "no factor 'moon'"),
])  # fmt: skip
def test_bad_options_are_named(options, words):
    with pytest.raises(DataError, match=words):
        load("scenes", **options)


def test_scenes_that_cannot_be_drawn_are_named(some):
    with pytest.raises(DataError, match="time has no value 'dusk'; it has day, night"):
        changed(some.factors, time="dusk")
    with pytest.raises(DataError, match="trees is 2"):
        changed(some.factors, trees=2.0)
    with pytest.raises(DataError, match="no factor 'sea'"):
        changed(some.factors, sea=1)
    with pytest.raises(DataError, match="looks are numbers"):
        draw_scenes(some.factors, some.looks[:3])
