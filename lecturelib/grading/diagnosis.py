"""Judge the exercise "why do these trainings fail?": one cause for each letter, chosen from a list."""

import hashlib
from collections.abc import Mapping, Sequence

from lecturelib.grading.mistakes import require


def hash_of_cause(lab: str, letter: str, cause: str) -> str:
    """What a checks.py holds in place of the right cause, so that nobody reads the answer in passing; 8 hex digits."""
    return hashlib.sha256(f"{lab} {letter} {cause}".encode()).hexdigest()[:8]


def judge_diagnosis(
    call,
    lab: str,  # goes into the hashes
    causes: Sequence[str],  # all that the lab lists, in its words
    right: Mapping[str, str],  # letter -> hash_of_cause(lab, letter, the right cause)
    evidence: Mapping[str, str],  # letter -> the question that a wrong answer is met with: where to look again
) -> None:
    """Mistake unless the student's `diagnosis()` gives, as a dict, the right one of `causes` for each letter."""
    answer = call("diagnosis")
    require(answer is not None, "`diagnosis` returns None: is the `return` missing?")
    example = ", ".join(f'"{letter}": "..."' for letter in right)
    require(isinstance(answer, dict), f"give a dict, as in {{{example}}}")
    for letter in right:
        require(letter in answer, f"there is no answer for {letter}")
        cause = answer[letter]
        known = isinstance(cause, str) and cause in causes
        require(known, f"{letter}: {cause!r} is none of the causes in the list; write it as it stands there")
        require(
            hash_of_cause(lab, letter, cause) == right[letter],
            f"{letter}: {cause!r} is not the cause. Look again: {evidence[letter]}",
        )
    more = sorted(set(answer) - set(right), key=str)
    require(not more, f"only {', '.join(right)} are asked for, but the answer names {more}")
