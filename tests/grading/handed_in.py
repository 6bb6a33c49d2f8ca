"""Submissions of lab 02 as notebooks, for tests of what grading makes of them."""

import copy
import json
import re

import nbformat
from nbformat.v4 import new_code_cell

from lecturelib.grading.transplant import LabSource, lab_source, transplant
from lecturelib.launch import course_root

ROOT = course_root()
LAB = lab_source(ROOT, "lab02")
SOLVED = nbformat.read(ROOT / "solutions" / "lab02" / "lab02.ipynb", as_version=4)
ANSWERS = {c.id: re.sub(r" *### (BEGIN|END) SOLUTION\n?", "", c.source) for c in SOLVED.cells
           if c.metadata.get("nbgrader", {}).get("solution")}  # fmt: skip


def handed_in(*ids: str):
    """The released notebook with the solution's sources in these cells, by default in all."""
    notebook = copy.deepcopy(LAB.notebook)
    for cell in notebook.cells:
        if cell.id in ANSWERS and (not ids or cell.id in ids):
            cell.source = ANSWERS[cell.id]
    return notebook


def at(notebook, name: str) -> int:
    return next(i for i, cell in enumerate(notebook.cells) if cell.id == name)


def cell(notebook, name: str):
    return notebook.cells[at(notebook, name)]


def bare(source: str, kind=new_code_cell):
    """A cell without metadata, as pasted from elsewhere."""
    return kind(source)


def graft(notebook, lab: LabSource = LAB):
    return transplant(json.dumps(notebook).encode(), lab)
