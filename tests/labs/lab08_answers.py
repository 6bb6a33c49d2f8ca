"""Answers to lab 08 other than the solution's: right ones that must pass, and known wrong ones.

RIGHT and WRONG map an exercise to functions that replace the solution's; a wrong one comes with words
that must stand in the message.
"""

import lab08_mapping
import lab08_mixing
import lab08_penalty
import lab08_programs
import lab08_styles

PARTS = lab08_styles, lab08_mapping, lab08_mixing, lab08_penalty, lab08_programs
RIGHT = {name: answers for part in PARTS for name, answers in part.RIGHT.items()}
WRONG = {name: answers for part in PARTS for name, answers in part.WRONG.items()}
