"""claim: shown, judged, counted."""

import math

import pytest

from lecturelib.claims import ClaimError, claim


@pytest.fixture(autouse=True)
def cpu_profile(monkeypatch):
    monkeypatch.setenv("LECTURELIB_PROFILE", "cpu")


@pytest.mark.parametrize(
    ("value", "bounds"),
    [(0.98, {"at_least": 0.9}), (0.1, {"at_most": 0.2}), (3.1, {"near": 3.0, "within": 0.2}),
     (0.5, {"at_least": 0.4, "at_most": 0.6})],
)  # fmt: skip
def test_a_claim_that_holds_shows_a_tick_the_words_the_value_and_the_bound(value, bounds, capsys):
    claim("the digits are told apart", value, **bounds)
    said = capsys.readouterr().out
    assert said.startswith("✓ the digits are told apart: ")
    assert f"{value:.6g}" in said
    assert all(f"{b:.2g}" in said for b in bounds.values())


@pytest.mark.parametrize(
    ("value", "bounds"),
    [(0.8, {"at_least": 0.9}), (0.3, {"at_most": 0.2}), (3.3, {"near": 3.0, "within": 0.2}),
     (0.7, {"at_least": 0.4, "at_most": 0.6}), (math.nan, {"at_most": 1}), (math.inf, {"at_least": 1})],
)  # fmt: skip
def test_a_claim_that_does_not_hold_raises_after_it_was_shown(value, bounds, capsys):
    with pytest.raises(ClaimError, match="measured"):
        claim("it holds", value, **bounds)
    assert capsys.readouterr().out.startswith("✗ it holds")


def test_the_smoke_profile_does_not_judge(monkeypatch, capsys):
    monkeypatch.setenv("LECTURELIB_PROFILE", "smoke")
    claim("it holds", 0.0, at_least=1.0)
    assert "not judged" in capsys.readouterr().out


def test_a_claim_needs_a_bound():
    with pytest.raises(ValueError, match="needs a bound"):
        claim("it is good", 1.0)
    with pytest.raises(ValueError, match="go together"):
        claim("it is near", 1.0, near=1.0)
    with pytest.raises(ValueError, match="go together"):
        claim("it is near", 1.0, at_least=1.0, within=0.1)
