"""Answers to lab 04 other than the solution's: right ones that must pass, and known wrong ones.

RIGHT and WRONG map an exercise to functions that replace the solution's; a wrong one comes with words
that must stand in the message.
"""

import lab04_codes
import lab04_detector
import lab04_rare

TRAINED = {"training"}  # checks that take longer: tried with fewer seeds
PARTS = lab04_codes, lab04_rare, lab04_detector
RIGHT = {name: answers for part in PARTS for name, answers in part.RIGHT.items()}
WRONG = {name: answers for part in PARTS for name, answers in part.WRONG.items()}
