"""Rules that take one step from a noise level to a lower one, given the clean x that a network sees.

Each is called as rule(x, clean, levels, before): x_t, the clean x seen in it, the shares a of the signal's variance,
and the clean x seen at the step before (None at first). They are checked against Hugging Face diffusers' schedulers.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Levels(NamedTuple):
    """The share a of the signal's variance before the last step, now, and after this step."""

    before: float | None
    now: float
    then: float


Rule = Callable[[Tensor, Tensor, Levels, Tensor | None], Tensor]


def ddpm(x: Tensor, clean: Tensor, levels: Levels, before: Tensor | None = None) -> Tensor:
    """A draw from q(x_s | x_t, x): Ho, Jain, Abbeel (2020), equations 6 and 7, for any s below t."""
    _, now, then = levels
    kept = now / then  # of the variance, in the steps between: the paper's alpha
    mean = (math.sqrt(then) * (1 - kept) * clean + math.sqrt(kept) * (1 - then) * x) / (1 - now)
    return mean + math.sqrt((1 - then) / (1 - now) * (1 - kept)) * torch.randn_like(x)


def ddim(x: Tensor, clean: Tensor, levels: Levels, before: Tensor | None = None, *, eta: float = 0.0) -> Tensor:
    """The noise seen now, at its strength then: no chance at eta = 0, as `ddpm` at eta = 1.

    Song, Meng, Ermon (2021), "Denoising diffusion implicit models", arXiv 2010.02502, equations 12 and 16.
    """
    _, now, then = levels
    noise = (x - math.sqrt(now) * clean) / math.sqrt(1 - now)
    fresh = eta * math.sqrt((1 - then) / (1 - now) * (1 - now / then))
    made = math.sqrt(then) * clean + math.sqrt(max(0.0, 1 - then - fresh**2)) * noise
    return made + fresh * torch.randn_like(x) if fresh else made


def second_order(x: Tensor, clean: Tensor, levels: Levels, before: Tensor | None = None) -> Tensor:
    """DPM-Solver++(2M): a DDIM step with the clean x that a line through this one and the last one foretells.

    Lu et al. (2022), "DPM-Solver++", arXiv 2211.01095, algorithm 2. The first and the last step are those of DDIM.
    """
    earlier, now, then = levels
    if before is None or then == 1:
        return ddim(x, clean, levels)
    last, current, target = (_log_ratio(a) for a in (earlier, now, then))
    ratio = (current - last) / (target - current)
    foretold = clean + (clean - before) / (2 * ratio)
    shrink = math.sqrt((1 - then) / (1 - now))
    return shrink * x - math.sqrt(then) * math.expm1(current - target) * foretold


def _log_ratio(a: float) -> float:
    """The logarithm of signal over noise, as deviations: the paper's lambda."""
    return 0.5 * math.log(a / (1 - a))
