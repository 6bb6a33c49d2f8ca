"""Every lab: its solution and other right answers pass, known wrong ones are rejected by name."""

import ast
import functools
import importlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType

import nbformat
import pytest
from common_answers import BROKEN, NONSENSE

from lecturelib.grading import outcomes
from lecturelib.grading.calling import Caller
from lecturelib.grading.exercises import exercises_of, generator, run

SOLUTIONS = Path(__file__).parents[2] / "solutions"
DRAWS = 300 if os.environ.get("LECTURELIB_SOAK") else 60  # of each check's inputs
GIVEN = {"imports", "layers", "log-components", "networks", "gradients"}  # cells of a lab that its functions need


@dataclass(frozen=True)
class Lab:
    """A lab's solved notebook, its checks, and its known answers in LAB_answers.py."""

    name: str

    @functools.cached_property
    def notebook(self):
        return nbformat.read(SOLUTIONS / self.name / f"{self.name}.ipynb", as_version=4)

    @functools.cached_property
    def checks(self) -> list:
        return exercises_of(SOLUTIONS / self.name / "checks.py")

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(e.name for e in self.checks))

    @functools.cached_property
    def known(self):
        return importlib.import_module(f"{self.name}_answers")

    @functools.cached_property
    def solution(self) -> dict:
        """What a notebook's namespace holds once the solution's functions are defined."""
        namespace: dict = {}
        for cell in self.notebook.cells:
            if cell.id in GIVEN or cell.id.startswith("write-"):
                exec(cell.source, namespace)
        return namespace

    def of(self, name: str, hidden: bool | None = None) -> list:
        return [e for e in self.checks if e.name == name and hidden in (None, e.hidden)]

    def functions(self) -> list[tuple[str, str]]:
        """(exercise, function that is asked for)."""
        return sorted({(name, f) for name in self.names for _, wrong in self.known.WRONG[name] for f in wrong})

    def pictures_wait_for(self, *own: str) -> None:
        """Assert that each picture of what is asked for, or of the notebook's `own` functions, waits for it to be written."""
        asked = {function for _, function in self.functions()} | set(own)
        for cell in self.notebook.cells:
            if cell.cell_type == "code" and ("show(" in cell.source or "animate(" in cell.source):
                assert "alt=" in cell.source, cell.id
                if any(f"{function}(" in cell.source for function in asked):
                    assert "with once_written():" in cell.source, cell.id

    def release_hides(self, *solution: str) -> None:
        """Assert that the release has the spread of the solution, and neither a hidden check nor these parts of it."""
        released = SOLUTIONS.parent / "labs" / self.name
        assert (released / outcomes.FILE).read_bytes() == (SOLUTIONS / self.name / outcomes.FILE).read_bytes()
        text = nbformat.writes(nbformat.read(released / f"{self.name}.ipynb", as_version=4))
        text += (released / "checks.py").read_text()
        for secret in ("hidden=True", "_elsewhere", "BEGIN SOLUTION", "A good answer says", *solution):
            assert secret not in text

    def release_hides_every_line(self) -> None:
        """Assert that the release has no longer line of a solution, and neither a hidden check nor the good answer."""
        released = SOLUTIONS.parent / "labs" / self.name
        text = (released / "checks.py").read_text() + (released / f"{self.name}.ipynb").read_text()
        for cell in self.notebook.cells:
            inside = False
            for line in cell.source.splitlines() if cell.id.startswith("write-") else ():
                inside = (inside or "BEGIN SOLUTION" in line) and "END SOLUTION" not in line
                words = line.strip()
                if inside and "#" not in words and len(words) >= 20:
                    assert words not in text, (cell.id, words)
        for secret in ("hidden=True", "_elsewhere", "BEGIN SOLUTION", "A good answer says"):
            assert secret not in text

    def lists_its_causes(self, right: dict[str, str]) -> None:
        """Assert that the notebook lists the check's ten causes, and that the solution names the right ones of them."""
        (source,) = (cell.source for cell in self.notebook.cells if cell.id == "causes")
        listed = {line.split('"')[1] for line in source.splitlines() if line.startswith('- `"')}
        found: dict = {}
        for node in ast.parse((SOLUTIONS / self.name / "checks.py").read_text()).body:
            if isinstance(node, ast.Assign) and node.targets[0].id == "_CAUSES":
                exec(ast.unparse(node), found)
        assert listed == set(found["_CAUSES"])
        assert len(listed) == 10
        assert self.solution["diagnosis"]() == right
        assert set(self.solution["diagnosis"]().values()) <= listed

    def table_adds_up(self, open_points: int) -> None:
        """Assert that the points in the notebook's first table are those of the checks, and of the open question."""
        (source,) = (cell.source for cell in self.notebook.cells if cell.id == "title")
        rows = [line.split("|") for line in source.splitlines() if line.startswith("| ") and line[2].isdigit()]
        told = sum(int(part) for row in rows for part in row[3].split("+"))
        assert told == sum(check.points for check in self.checks) + open_points


LABS = [Lab(path.name) for path in sorted(SOLUTIONS.glob("lab*/"))]
EACH_LAB = pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
EXERCISES = [(lab, name) for lab in LABS for name in lab.names]
CHECKS = [pytest.param(lab, check, id=f"{lab.name}-{check.name}-{'hidden' if check.hidden else 'visible'}")
          for lab in LABS for check in lab.checks]  # fmt: skip
FUNCTIONS = [pytest.param(lab, *pair, id="-".join((lab.name, *pair))) for lab in LABS for pair in lab.functions()]


def numbered(known: str) -> list:
    return [pytest.param(lab, name, i, id=f"{lab.name}-{name}-{i}")
            for lab, name in EXERCISES for i in range(len(getattr(lab.known, known)[name]))]  # fmt: skip


def seeds(lab: Lab, name: str, most: int) -> range:
    """So many seeds, and far fewer for an exercise that trains a model."""
    return range(-(-most // 15) if name in getattr(lab.known, "TRAINED", ()) else most)


def hash_of(seed: int | str) -> int:
    return seed if isinstance(seed, int) else zlib.crc32(seed.encode()) % 2**31


def linked(namespace: dict) -> dict:
    """The same, but the notebook's own functions call those that stand here, also where one was replaced."""
    found: dict = {}
    for name, value in namespace.items():
        if isinstance(value, FunctionType) and "__name__" not in value.__globals__:
            value = FunctionType(value.__code__, found, value.__name__, value.__defaults__, value.__closure__)
        found[name] = value
    return found


def judge(check, namespace: dict, seed: int | str = 0):
    return run(check, Caller(linked(namespace), hash_of(seed)), generator(check.name, check.hidden, seed))


def measured(lab: Lab, exercise: str, answer: dict, seeds) -> dict[str, list[float]]:
    """What the checks that train measure for an answer."""
    with outcomes.recording() as found:
        for seed in seeds:
            for check in lab.of(exercise):
                assert judge(check, lab.solution | answer, f"seed {seed}").status == "passed"
    return found


@pytest.mark.parametrize(("lab", "check"), CHECKS)
def test_the_solution_passes(lab, check):
    for seed in seeds(lab, check.name, 5):
        result = judge(check, lab.solution, seed)
        assert result.status == "passed", result.hint
        assert result.score == result.maximum == check.points


@pytest.mark.parametrize(("lab", "name", "number"), numbered("RIGHT"))
def test_another_right_answer_passes(lab, name, number):
    for check in lab.of(name):
        for seed in seeds(lab, name, 3):
            result = judge(check, lab.solution | lab.known.RIGHT[name][number], seed)
            assert result.status == "passed", result.hint


@pytest.mark.parametrize(("lab", "name", "number"), numbered("WRONG"))
def test_a_wrong_answer_is_named(lab, name, number):
    words, functions = lab.known.WRONG[name][number]
    for check in lab.of(name, hidden=False):
        result = judge(check, lab.solution | functions)
        assert result.score == 0
        assert words in result.hint
        assert "\n" not in result.hint
    # a hidden check may meet another fault of the same answer first
    for check in lab.of(name, hidden=True):
        assert judge(check, lab.solution | functions).status in ("failed", "raised")


@pytest.mark.parametrize(("lab", "name"), EXERCISES, ids=lambda part: getattr(part, "name", part))
def test_at_least_five_wrong_answers_are_known(lab, name):
    assert len({words for words, _ in lab.known.WRONG[name]}) >= 5


@pytest.mark.parametrize(("lab", "name", "function"), FUNCTIONS)
def test_a_function_that_raises_gets_one_line(lab, name, function):
    def raising(error):
        def instead(*_):
            raise error

        return {function: instead}

    for check in lab.of(name):
        for words, error in BROKEN:
            result = judge(check, lab.solution | raising(error))
            assert words in result.hint
            assert "\n" not in result.hint
        assert f"no function `{function}`" in judge(check, {**lab.solution, function: None}).hint


@pytest.mark.parametrize(("lab", "name", "function"), FUNCTIONS)
def test_nonsense_is_judged_and_never_passes(lab, name, function):
    for check in lab.of(name):
        for value in NONSENSE:
            result = judge(check, lab.solution | {function: lambda *_, value=value: value})
            assert result.status == "failed", (value, result)


@EACH_LAB
def test_points_agree_with_the_notebook(lab):
    graded = {c.metadata.nbgrader.grade_id: c.metadata.nbgrader.points for c in lab.notebook.cells
              if c.cell_type == "code" and c.metadata.get("nbgrader", {}).get("grade")}  # fmt: skip
    assert graded == {name: sum(e.points for e in lab.of(name)) for name in lab.names}
    for name in lab.names:
        assert lab.of(name, hidden=False)
        assert lab.of(name, hidden=True) or name == "diagnosis"  # which has no inputs to vary


@EACH_LAB
def test_hidden_checks_use_other_inputs(lab):
    class Seen(Exception):
        pass

    def first_input(check):
        def stop(*arguments):
            raise Seen([getattr(a, "shape", a) for a in arguments])

        names = [f for n, f in lab.functions() if n == check.name]
        return judge(check, lab.solution | dict.fromkeys(names, stop)).hint

    for name in lab.names:
        for check in lab.of(name, hidden=True):
            assert first_input(check) != first_input(lab.of(name, hidden=False)[0])


@pytest.mark.slow
@pytest.mark.parametrize(("lab", "check"), CHECKS)
def test_no_student_draws_inputs_on_which_a_right_answer_fails(lab, check):
    """Every student's inputs differ, so a check that fails one time in a thousand is unfair to somebody each year."""
    for number in seeds(lab, check.name, DRAWS):
        result = judge(check, lab.solution, f"student {number}")
        assert result.status == "passed", (number, result.hint)


@EACH_LAB
def test_every_exercise_knows_eight_wrong_answers(lab):
    for name in lab.names:
        assert len(lab.known.WRONG[name]) >= 8


@EACH_LAB
def test_cells_are_short(lab):
    for cell in lab.notebook.cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 25, cell.id
