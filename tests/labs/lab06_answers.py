"""Answers to lab 06 other than the solution's: right ones that must pass, and known wrong ones.

RIGHT and WRONG map an exercise to functions that replace the solution's; a wrong one comes with words
that must stand in the message.
"""

import lab06_averages
import lab06_losses
import lab06_players
import lab06_programs

TRAINED = {"repair_w", "repair_x", "repair_y", "repair_z"}  # checks that take longer: tried with fewer seeds
PARTS = lab06_losses, lab06_players, lab06_averages, lab06_programs
RIGHT = {name: answers for part in PARTS for name, answers in part.RIGHT.items()}
WRONG = {name: answers for part in PARTS for name, answers in part.WRONG.items()}
