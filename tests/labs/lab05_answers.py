"""Answers to lab 05 other than the solution's: right ones that must pass, and known wrong ones.

RIGHT and WRONG map an exercise to functions that replace the solution's; a wrong one comes with words
that must stand in the message.
"""

import lab05_energies
import lab05_gibbs
import lab05_stacks
import lab05_training

TRAINED = {"stack"}  # checks that take longer: tried with fewer seeds
PARTS = lab05_energies, lab05_gibbs, lab05_training, lab05_stacks
RIGHT = {name: answers for part in PARTS for name, answers in part.RIGHT.items()}
WRONG = {name: answers for part in PARTS for name, answers in part.WRONG.items()}
