"""Answers to lab 09 other than the solution's: right ones that must pass, and known wrong ones.

RIGHT and WRONG map an exercise to functions that replace the solution's; a wrong one comes with words
that must stand in the message.
"""

import lab09_flows
import lab09_noise
import lab09_programs
import lab09_walks

PARTS = lab09_flows, lab09_noise, lab09_walks, lab09_programs
RIGHT = {name: answers for part in PARTS for name, answers in part.RIGHT.items()}
WRONG = {name: answers for part in PARTS for name, answers in part.WRONG.items()}
