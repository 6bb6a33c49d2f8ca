"""judge_diagnosis takes one cause for each letter, in the words of the list, and says where to look again."""

import pytest
import torch

from lecturelib.grading.calling import Caller
from lecturelib.grading.diagnosis import hash_of_cause, judge_diagnosis
from lecturelib.grading.mistakes import Mistake, NotWritten

CAUSES = ("no brakes", "no fuel", "no driver")
RIGHT = {"A": hash_of_cause("lab00", "A", "no fuel"), "B": hash_of_cause("lab00", "B", "no driver")}
EVIDENCE = {"A": "how full is the tank?", "B": "who sits in it?"}


def judge(answer) -> None:
    judge_diagnosis(Caller({"diagnosis": lambda: answer}), "lab00", CAUSES, RIGHT, EVIDENCE)


def test_the_right_causes_pass_in_any_order():
    judge({"A": "no fuel", "B": "no driver"})
    judge({"B": "no driver", "A": "no fuel"})


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "`diagnosis` returns None"),
        (["no fuel", "no driver"], 'give a dict, as in {"A": "...", "B": "..."}'),
        ({"A": "no fuel"}, "there is no answer for B"),
        ({"A": "no brakes", "B": "no driver"}, "A: 'no brakes' is not the cause. Look again: how full is the tank?"),
        ({"A": "no fuel", "B": "no fuel"}, "B: 'no fuel' is not the cause. Look again: who sits in it?"),
        ({"A": "No fuel", "B": "no driver"}, "A: 'No fuel' is none of the causes in the list"),
        ({"A": ["no fuel"], "B": "no driver"}, "is none of the causes"),
        ({"A": torch.zeros(2), "B": "no driver"}, "is none of the causes"),
        ({"A": "no fuel", "B": "no driver", "C": "no fuel"}, "only A, B are asked for, but the answer names ['C']"),
    ],
)
def test_what_is_wrong_is_named(answer, words):
    with pytest.raises(Mistake) as caught:
        judge(answer)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_diagnosis_that_is_missing_is_not_written():
    with pytest.raises(NotWritten):
        judge_diagnosis(Caller({}), "lab00", CAUSES, RIGHT, EVIDENCE)


def test_a_hash_depends_on_lab_letter_and_cause():
    words = [("lab00", "A", "no fuel"), ("lab01", "A", "no fuel"), ("lab00", "B", "no fuel"), ("lab00", "A", "no oil")]
    assert len({hash_of_cause(*one) for one in words}) == 4
    assert all(len(hash_of_cause(*one)) == 8 for one in words)
