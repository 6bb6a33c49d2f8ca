"""Landscapes drawn from named factors, by day or by night, in summer or in winter, in colour, at any size."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from lecturelib.data import landscape
from lecturelib.data.chunks import CHUNK, chunks
from lecturelib.data.face_factors import Bias, Factor, check_factors, named_factor, samplers
from lecturelib.data.landscape import LOOKS
from lecturelib.data.painting import as_bytes, check_size, painted
from lecturelib.data.tensors import Data, DataError

FACTORS = (
    Factor("time", "", values=("day", "night")),
    Factor("season", "", values=("summer", "winter")),
    Factor("horizon", "where the land begins: high up to further down"),
    Factor("mountains", "behind the hills, none to high"),
    Factor("hills", "flat to hilly"),
    Factor("water", "", values=("none", "lake")),
    Factor("house", "", values=("none", "house"), shares=(0.4, 0.6)),
    Factor("house_place", "left to right", -1),
    Factor("house_colour", "", values=("red", "yellow", "white", "blue")),
    Factor("trees", "none to five"),
    Factor("clouds", "none to three"),
    Factor("lamp", "where the sun or the moon stands, left to right", -1),
)
FACTOR_NAMES = tuple(factor.name for factor in FACTORS)


def scenes(
    *,
    n: int = 5000,
    size: int = 32,
    seed: int = 0,
    split: str = "train",
    bias: Bias | None = None,
    vary: Sequence[str] | None = None,
) -> Data:
    """n landscapes: x uint8 (n, 3, size, size), factors (n, 12), looks (n, 71); size from 32 to 256.

    The factors are independent, uniform, and told by `data.factor_names`: time, season, horizon, mountains, hills,
    water, house, house_place, house_colour, trees, clouds, lamp; what a value means is in `scenes.FACTORS`. The looks
    (where trees, clouds and stars are, ...) differ too. bias and vary as for faces: bias={"time": "day"} draws days
    only, vary=("clouds",) keeps all else, and the looks, as they are. Two calls with other seeds are two worlds without
    pairs; the pair of a scene is drawn by `draw_scenes` from its looks and `changed(data.factors, time="night")`.

    The same seed gives the same scenes, a larger n more of them; split="test" draws others. About 3,000 a second at
    32 x 32 on two cores. DataError for bad options.
    """
    drawn = chunks(n, seed, split)
    check_size(size, "scenes")
    made = samplers(bias, vary, FACTORS)
    usual = torch.rand(len(LOOKS), generator=torch.Generator().manual_seed(0))
    parts = []
    for start, rng in drawn:
        u = torch.rand(CHUNK, len(FACTORS) + len(LOOKS), generator=rng)[: n - start]
        factors = torch.stack([draw(column) for draw, column in zip(made, u.T, strict=False)], 1)
        parts.append((factors, u[:, len(FACTORS) :] if vary is None else usual.expand(len(u), -1).contiguous()))

    x = torch.cat(list(as_bytes(partial(draw_scenes, size=size), parts)))
    factors, looks = (torch.cat(column) for column in zip(*parts, strict=True))
    names = ("x", "factors", "looks")
    return Data(x, factors, looks, names=names, factor_names=list(FACTOR_NAMES), about=scenes.__doc__)


def changed(factors: Tensor, **values: float | str) -> Tensor:
    """A copy of factors (n, 12) in which the named ones have other values: changed(factors, time="night").

    A number, or the name of a choice. DataError for names and values that there are not.
    """
    factors = check_factors(factors, FACTORS).clone()
    for name, value in values.items():
        factor = named_factor(name, FACTORS)
        if isinstance(value, str):
            if value not in factor.values:
                raise DataError(f"{name} has no value {value!r}; it has {', '.join(factor.values) or 'numbers'}")
            value = factor.values.index(value)
        factors[:, FACTORS.index(factor)] = value
    return check_factors(factors, FACTORS)


def draw_scenes(factors: Tensor, looks: Tensor, *, size: int = 32, lamps: bool = True) -> Tensor:
    """Pictures (n, 3, size, size) in [0, 1] of scenes with these factors (n, 12) and looks (n, 71), on their device.

    lamps=False leaves out what a picture of the day does not tell about the night: stars, the moon and its path on the
    water. DataError for values out of range.
    """
    factors = check_factors(factors, FACTORS)
    check_size(size, "scenes")
    if looks.shape != (len(factors), len(LOOKS)) or not ((looks >= 0) & (looks <= 1)).all():
        raise DataError(f"looks are numbers in [0, 1], a tensor ({len(factors)}, {len(LOOKS)}) as `scenes` gives them")
    every, names = torch.cat([factors, looks], 1), (*FACTOR_NAMES, *LOOKS)
    return painted(lambda named: _paint(named, size, lamps), names, every, size)


def _paint(f: dict[str, Tensor], size: int, lamps: bool) -> Tensor:
    """All layers, back to front."""
    scene = landscape.begin(f, size)
    clouds = landscape.sky(scene)
    empty = scene.image.clone()
    landscape.mountains(scene)
    landscape.land(scene)
    landscape.trees(scene, front=False)
    water = landscape.lake(scene)
    house, panes = landscape.house(scene)
    free = 1 - landscape.trees(scene, front=True)
    before = ((scene.image - empty).abs().amax(1) * 12).clamp(0, 1)  # what stands before the sky
    landscape.night(scene)
    landscape.shine(scene, torch.maximum(clouds, before), water * free * (1 - house), panes * free, lamps)
    return scene.image.clamp_(0, 1)
