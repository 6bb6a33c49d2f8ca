"""Answers to lab 07 other than the solution's: right ones that must pass, and known wrong ones.

RIGHT and WRONG map an exercise to functions that replace the solution's; a wrong one comes with words
that must stand in the message.
"""

import lab07_conditions
import lab07_networks
import lab07_programs
import lab07_translation

PARTS = lab07_conditions, lab07_networks, lab07_translation, lab07_programs
RIGHT = {name: answers for part in PARTS for name, answers in part.RIGHT.items()}
WRONG = {name: answers for part in PARTS for name, answers in part.WRONG.items()}
