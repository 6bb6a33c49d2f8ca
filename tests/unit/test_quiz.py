"""The game of real or generated: what is shown, what counts, and the buttons."""

import pytest
import torch

from lecturelib.show import quiz
from lecturelib.show.quiz import Quiz, interval, play, sheet

REAL = torch.linspace(0.6, 1, 30).view(30, 1, 1, 1).expand(30, 1, 4, 4)  # all different, and all brighter than:
MADE = REAL - 0.6


def bright(x):
    return x.mean((1, 2, 3)) > 0.5


def game(rounds: int = 12, **options) -> Quiz:
    return Quiz(REAL, MADE, rounds, **options)


def test_pictures_are_what_the_truth_says_and_differ_by_seed():
    one, other = game(seed=1), game(seed=2)
    assert torch.equal(bright(one.pictures), one.truth)
    assert not torch.equal(one.truth, other.truth)
    assert 0 < one.truth.sum() < 12
    numbered = torch.arange(30.0).view(30, 1, 1, 1)
    assert len(Quiz(numbered, numbered + 100, 30).pictures.unique()) == 30  # none twice


def test_score_and_streak():
    one = game(5)
    for number, right in enumerate([True, False, True, True]):
        assert one.answer(bool(one.truth[number]) == right) == right
        assert not one.over
    assert (one.score, one.streak) == (3, 2)
    one.answer(not one.truth[4])
    assert (one.score, one.streak, one.over) == (3, 0, True)
    with pytest.raises(ValueError, match="over"):
        one.answer(True)


def test_judges_see_the_same_pictures():
    one = game(6, judges={"a bright eye": bright, "a fool": lambda x: ~bright(x)})
    assert one.shares() == {}
    for truth in one.truth.tolist():
        one.answer(truth)
    assert one.shares() == {"you": 1.0, "a bright eye": 1.0, "a fool": 0.0}


def test_the_interval_is_wilsons():
    from scipy.stats import binomtest

    for right, n in ((0, 20), (13, 20), (20, 20)):
        wanted = binomtest(right, n).proportion_ci(method="wilson")
        assert interval(right, n) == pytest.approx((wanted.low, wanted.high), abs=1e-4)
    with pytest.raises(ValueError, match="nothing was counted"):
        interval(0, 0)


@pytest.mark.parametrize(("rounds", "real"), [(31, REAL), (0, REAL), (5, REAL[:4])])
def test_too_few_pictures_are_named(rounds, real):
    with pytest.raises(ValueError, match=f"{rounds} rounds need"):
        Quiz(real, MADE, rounds)


def test_it_is_played_by_clicks_and_again(monkeypatch):
    said, boxes, kind = [], [], quiz.ipywidgets.VBox
    monkeypatch.setattr(quiz, "display", lambda data, metadata, raw: said.append((data, metadata)))
    monkeypatch.setattr(quiz.ipywidgets, "VBox", lambda children: boxes.append(kind(children)) or boxes[-1])
    seeds = []

    def new(seed):
        seeds.append(seed)
        return game(4, seed=seed, judges={"a bright eye": bright})

    play(new, "Four pictures.", closing="Far apart.")
    (data, metadata), = said
    assert "image/png" in data
    assert "application/vnd.jupyter.widget-view+json" in data
    assert metadata["image/png"]["alt"] == "Four pictures."
    text, image, buttons = boxes[0].children
    real, made, again = buttons.children
    assert "picture 1 of 4" in text.value
    assert again.layout.visibility == "hidden"
    truth = game(4, seed=1).truth.tolist()
    for number, is_real in enumerate(truth):
        before = bytes(image.value)
        (real if is_real or number == 3 else made).click()  # the last one is called real
        assert bytes(image.value) != before
    last_right = truth[3]
    assert ("Right: it was real" if last_right else "Wrong: it was generated") in text.value
    assert f"you {(3 + last_right) / 4:.0%}, a bright eye 100%" in text.value
    assert text.value.endswith("Far apart.")
    assert real.disabled
    said_at_the_end = text.value
    real.click()
    assert text.value == said_at_the_end
    assert again.layout.visibility == "visible"
    again.click()
    assert seeds == [0, 1, 2]
    assert "picture 1 of 4, score 0 of 0" in text.value
    assert not made.disabled


def test_the_sheet_is_numbered_and_then_solved():
    one = game(3)
    assert [axis.get_title() for axis in sheet(one, columns=3).axes] == ["1", "2", "3"]
    kinds = ["real" if t else "generated" for t in one.truth.tolist()]
    one.answer(one.truth[0])
    one.answer(not one.truth[1])
    titles = [axis.get_title() for axis in sheet(one, solved=True, columns=3).axes]
    assert titles == [f"1 {kinds[0]} ✓", f"2 {kinds[1]} ✗", f"3 {kinds[2]}"]
