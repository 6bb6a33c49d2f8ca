"""What the faces of the data set `faces` are drawn from: named factors, their ranges, and how they are drawn."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import torch
from torch import Tensor

from lecturelib.data.files import DataError


@dataclass(frozen=True)
class Factor:
    """One thing that varies: a number from low to high, or one of `values` (then stored as its index)."""

    name: str
    what: str
    low: float = 0.0
    high: float = 1.0
    values: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()  # of the values; equal where nothing is said

    @property
    def usual(self) -> float:
        """Where it stands when it does not vary."""
        return 0.0 if self.values else (self.low + self.high) / 2


HAIR_STYLES = ("buzz", "short", "spiky", "curly", "bob", "long", "bun", "pigtails")
HAIR_COLOURS = ("black", "brown", "blond", "red", "blue")
EYE_COLOURS = ("brown", "blue", "green", "violet")
BEARDS = ("none", "moustache", "goatee", "full")

FACTORS = (
    Factor("skin", "tone of the skin, light to dark"),
    Factor("age", "young to old: size of the eyes, lines, grey hair"),
    Factor("hair_style", "", values=HAIR_STYLES),
    Factor("hair_colour", "", values=HAIR_COLOURS),
    Factor("eye_colour", "", values=EYE_COLOURS),
    Factor("eye_spacing", "close together to far apart", -1),
    Factor("brows", "lowered in anger to raised", -1),
    Factor("nose", "small to large"),
    Factor("mouth", "from frown to smile", -1),
    Factor("beard", "", values=BEARDS, shares=(0.55, 0.15, 0.15, 0.15)),
    Factor("glasses", "", values=("none", "glasses"), shares=(0.65, 0.35)),
    Factor("yaw", "turned to the picture's left or right, at most 32 degrees", -1),
    Factor("pitch", "raised or lowered, at most 18 degrees", -1),
    Factor("light", "from the left to the right, at most 63 degrees", -1),
    Factor("background", "its hue, red to violet"),
)
# what else differs between people, drawn beside the factors and told by none: each from 0 to 1
LOOKS = ("shape", "parting", "clothes", "tone", "gaze", "lashes", "opening", "frame")
FACTOR_NAMES = tuple(factor.name for factor in FACTORS)

# what a caller may say of a factor: a value, a value's name, a range, shares of the values, or a function
Bias = Mapping[str, "float | str | Sequence[float] | Callable[[Tensor], Tensor]"]


def named_factor(name: str, among: Sequence[Factor] = FACTORS) -> Factor:
    """The factor of this name; DataError with those there are."""
    names = [factor.name for factor in among]
    if name not in names:
        raise DataError(f"there is no factor {name!r}; there are {', '.join(names)}")
    return among[names.index(name)]


def sampler(factor: Factor, bias=None) -> Callable[[Tensor], Tensor]:
    """A function from uniform numbers (n,) to this factor's values (n,); DataError for a bias without a meaning.

    bias, for a number: a value to stay at, a pair (low, high), or a function of uniform numbers in [0, 1] whose
    values in [0, 1] are spread over the range. For a choice: a value's name, or the shares of the values; for a
    choice of two also the share of the second.
    """
    if factor.values:
        shares = torch.tensor(_shares(factor, bias), dtype=torch.float64)
        edges = (shares.cumsum(0) / shares.sum()).float()[:-1]
        return lambda u: torch.bucketize(u.contiguous(), edges, right=True).float()
    low, high = factor.low, factor.high
    if callable(bias):
        return lambda u: low + (high - low) * _in_range(factor, bias(u), u)
    if isinstance(bias, Real) and not isinstance(bias, bool):
        low = high = float(bias)
    elif bias is not None:
        low, high = _pair(factor, bias)
    if not factor.low <= low <= high <= factor.high:
        raise DataError(f"{factor.name} runs from {factor.low:g} to {factor.high:g}; {bias!r} is not within")
    return lambda u: low + (high - low) * u


def _pair(factor: Factor, bias) -> tuple[float, float]:
    pair = bias if isinstance(bias, Sequence) and not isinstance(bias, str) else ()
    if len(pair) != 2 or not all(isinstance(v, Real) and not isinstance(v, bool) for v in pair):
        raise DataError(f"{factor.name}: {bias!r} is no bias; give a value, a pair (low, high) or a function of "
                        "uniform numbers")  # fmt: skip
    return float(pair[0]), float(pair[1])


def _shares(factor: Factor, bias) -> Sequence[float]:
    count = len(factor.values)
    if bias is None:
        return factor.shares or (1.0,) * count
    if isinstance(bias, str):
        if bias not in factor.values:
            raise DataError(f"{factor.name} has no value {bias!r}; choose one of {', '.join(factor.values)}")
        return [float(value == bias) for value in factor.values]
    if count == 2 and isinstance(bias, Real) and not isinstance(bias, bool):
        bias = (1 - bias, bias)
    fit = isinstance(bias, Sequence) and len(bias) == count and all(isinstance(v, Real) for v in bias)
    if not fit or min(bias) < 0 or not 0 < sum(bias) < math.inf:
        raise DataError(f"{factor.name}: {bias!r} is no bias; give the name or the {count} shares of "
                        f"{', '.join(factor.values)}")  # fmt: skip
    return bias


def _in_range(factor: Factor, values: Tensor, u: Tensor) -> Tensor:
    if not isinstance(values, Tensor) or values.shape != u.shape or not ((values >= 0) & (values <= 1)).all():
        raise DataError(f"{factor.name}: the function must give one number in [0, 1] for each uniform number")
    return values.float()


def samplers(
    bias: Bias | None = None, vary: Sequence[str] | None = None, among: Sequence[Factor] = FACTORS
) -> list[Callable[[Tensor], Tensor]]:
    """A sampler a factor; those that `vary` leaves out stay where they usually are (or where `bias` puts them)."""
    bias = dict(bias or {})
    for name in [*bias, *(vary or ())]:
        named_factor(name, among)
    made = []
    for factor in among:
        if vary is not None and factor.name not in vary and factor.name not in bias:
            bias[factor.name] = factor.values[0] if factor.values else factor.usual
        made.append(sampler(factor, bias.get(factor.name)))
    return made


def check_factors(factors: Tensor, among: Sequence[Factor] = FACTORS) -> Tensor:
    """Factors (n, k), a column for each, as float32; DataError for other shapes and for values outside their ranges."""
    if not isinstance(factors, Tensor) or factors.ndim != 2 or factors.shape[1] != len(among):
        shape = tuple(factors.shape) if isinstance(factors, Tensor) else type(factors).__name__
        names = ", ".join(factor.name for factor in among)
        raise DataError(f"factors are a tensor (n, {len(among)}), not {shape}: {names}")
    factors = factors.float()
    for column, factor in zip(factors.T, among, strict=True):
        low, high = (0, len(factor.values) - 1) if factor.values else (factor.low, factor.high)
        wrong = ~((column >= low - 1e-6) & (column <= high + 1e-6))
        if factor.values:
            wrong |= column != column.round()
        if wrong.any():
            kind = "whole numbers" if factor.values else "numbers"
            raise DataError(f"{factor.name} is {column[wrong][0]:g}; {kind} from {low:g} to {high:g} are meant")
    return factors
