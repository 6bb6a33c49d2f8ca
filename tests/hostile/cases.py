"""All hostile and broken submissions of lab 02, with what grading must make of each."""

import answers
import channel
import exhaustion
import filesystem
import formats
import killing
import patching
import theft
from submission import MARKERS, POINTS, PROOF, Case, complaints, honest

CASES: list[Case] = [
    *(case for module in (exhaustion, killing, theft, patching, answers, channel, formats, filesystem)
      for case in module.CASES)
]  # fmt: skip

__all__ = ["CASES", "MARKERS", "POINTS", "PROOF", "Case", "complaints", "honest"]
