"""claim("words", value, at_least=...): what a lecture asserts, measured in front of the reader."""

import math

from IPython import get_ipython
from IPython.display import display

from lecturelib.runtime import profile

MIME = "application/vnd.lecturelib.claim+json"


class ClaimError(AssertionError):
    """A claim that the measurement does not bear out."""


def claim(
    words: str,
    value: float,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    near: float | None = None,
    within: float | None = None,
) -> None:
    """Show a tick, the claim in words, the measured value and its bound; ClaimError when it does not hold.

    `near` needs `within`: abs(value - near) <= within. Several bounds must all hold.
    In the smoke profile, where nothing is trained for long, the claim is shown but not judged.
    """
    bounds = {"at least": at_least, "at most": at_most}
    text = [f"{name} {bound:.6g}" for name, bound in bounds.items() if bound is not None]
    if (near is None) != (within is None):
        raise ValueError("near= and within= go together: near what, and how far off may the value be?")
    if near is not None:
        text.append(f"{near:.6g} ± {within:.2g}")
    if not text:
        raise ValueError("a claim needs a bound: at_least=, at_most=, or near= and within=")

    value = float(value)
    at_least, at_most, near, within = (None if b is None else float(b) for b in (at_least, at_most, near, within))
    holds = (
        math.isfinite(value)  # what has diverged is never good
        and (at_least is None or value >= at_least)
        and (at_most is None or value <= at_most)
        and (near is None or abs(value - near) <= within)
    )
    judged = profile() != "smoke"
    mark = "–" if not judged else "✓" if holds else "✗"
    line = f"{mark} {words}: {value:.6g} ({', '.join(text)})"
    if not judged:
        line += "  [smoke profile: not judged]"
    _show(line, {"words": words, "value": value, "bound": ", ".join(text), "judged": judged, "holds": holds})
    if judged and not holds:
        raise ClaimError(f"{words}: measured {value:.6g}, claimed {', '.join(text)}")


def _show(line: str, record: dict) -> None:
    if get_ipython() is None:
        print(line)
        return
    if not math.isfinite(record["value"]):
        record["value"] = str(record["value"])  # JSON has no NaN
    display({"text/plain": line, MIME: record}, raw=True)
