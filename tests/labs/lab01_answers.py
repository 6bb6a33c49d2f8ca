"""Answers to lab 01 other than the solution's: right ones that must pass, and known wrong ones.

RIGHT and WRONG map an exercise to functions that replace the solution's; a wrong one comes with words
that must stand in the message.
"""

import lab01_bayes
import lab01_components
import lab01_em
import lab01_gaussians

TRAINED = {"components"}  # checks that take longer: tried with fewer seeds
PARTS = lab01_gaussians, lab01_em, lab01_components, lab01_bayes
RIGHT = {name: answers for part in PARTS for name, answers in part.RIGHT.items()}
WRONG = {name: answers for part in PARTS for name, answers in part.WRONG.items()}
