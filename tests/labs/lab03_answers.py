"""Answers to lab 03 other than the solution's: right ones that must pass, and known wrong ones.

RIGHT and WRONG map an exercise to functions that replace the solution's; a wrong one comes with words
that must stand in the message.
"""

import lab03_bound
import lab03_draws
import lab03_gaussians
import lab03_likelihoods

TRAINED = {"training"}  # checks that take longer: tried with fewer seeds
PARTS = lab03_gaussians, lab03_likelihoods, lab03_bound, lab03_draws
RIGHT = {name: answers for part in PARTS for name, answers in part.RIGHT.items()}
WRONG = {name: answers for part in PARTS for name, answers in part.WRONG.items()}
