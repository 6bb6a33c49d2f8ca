"""Lab 02: the solution and other right answers pass, known wrong ones are rejected by name."""

import zlib
from pathlib import Path

import nbformat
import pytest
from lab02_answers import BROKEN, NONSENSE, RIGHT, WRONG

from lecturelib.grading.calling import Caller
from lecturelib.grading.exercises import exercises_of, generator, run

SOURCE = Path(__file__).parents[2] / "solutions" / "lab02"
CHECKS = exercises_of(SOURCE / "checks.py")
NAMES = list(dict.fromkeys(e.name for e in CHECKS))


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(SOURCE / "lab02.ipynb", as_version=4)


@pytest.fixture(scope="module")
def solution(notebook) -> dict:
    """What a notebook's namespace holds once the solution's functions are defined."""
    namespace: dict = {}
    for cell in notebook.cells:
        if cell.id in ("imports", "layers") or cell.id.startswith("write-"):
            exec(cell.source, namespace)
    return namespace


def hash_of(seed: int | str) -> int:
    return seed if isinstance(seed, int) else zlib.crc32(seed.encode()) % 2**31


def judge(check, namespace: dict, seed: int | str = 0):
    return run(check, Caller(namespace, hash_of(seed)), generator(check.name, check.hidden, seed))


def of(name: str, hidden: bool | None = None) -> list:
    return [e for e in CHECKS if e.name == name and hidden in (None, e.hidden)]


@pytest.mark.parametrize("check", CHECKS, ids=lambda e: f"{e.name}-{'hidden' if e.hidden else 'visible'}")
def test_the_solution_passes(check, solution):
    for seed in range(5):
        result = judge(check, solution, seed)
        assert result.status == "passed", result.hint
        assert result.score == result.maximum == check.points


@pytest.mark.parametrize(("name", "number"), [(name, i) for name in NAMES for i in range(len(RIGHT[name]))])
def test_another_right_answer_passes(name, number, solution):
    for check in of(name):
        for seed in range(3):
            result = judge(check, solution | RIGHT[name][number], seed)
            assert result.status == "passed", result.hint


@pytest.mark.parametrize(("name", "number"), [(name, i) for name in NAMES for i in range(len(WRONG[name]))])
def test_a_wrong_answer_is_named(name, number, solution):
    words, functions = WRONG[name][number]
    for check in of(name, hidden=False):
        result = judge(check, solution | functions)
        assert result.score == 0
        assert words in result.hint
        assert "\n" not in result.hint
    # a hidden check may meet another fault of the same answer first
    for check in of(name, hidden=True):
        assert judge(check, solution | functions).status in ("failed", "raised")


@pytest.mark.parametrize("name", NAMES)
def test_at_least_five_wrong_answers_are_known(name):
    assert len({words for words, _ in WRONG[name]}) >= 5


FUNCTIONS = sorted({(name, f) for name in NAMES for _, wrong in WRONG[name] for f in wrong})


@pytest.mark.parametrize(("name", "function"), FUNCTIONS)
def test_a_function_that_raises_gets_one_line(name, function, solution):
    def raising(error):
        def instead(*_):
            raise error

        return {function: instead}

    for check in of(name):
        for words, error in BROKEN:
            result = judge(check, solution | raising(error))
            assert words in result.hint
            assert "\n" not in result.hint
        assert f"no function `{function}`" in judge(check, {**solution, function: None}).hint


@pytest.mark.parametrize(("name", "function"), FUNCTIONS)
def test_nonsense_is_judged_and_never_passes(name, function, solution):
    for check in of(name):
        for value in NONSENSE:
            result = judge(check, solution | {function: lambda *_, value=value: value})
            assert result.status == "failed", (value, result)


def test_points_agree_with_the_notebook(notebook):
    graded = {c.metadata.nbgrader.grade_id: c.metadata.nbgrader.points for c in notebook.cells
              if c.cell_type == "code" and c.metadata.get("nbgrader", {}).get("grade")}  # fmt: skip
    assert graded == {name: sum(e.points for e in of(name)) for name in NAMES}
    for name in NAMES:
        assert of(name, hidden=False)
        assert of(name, hidden=True) or name == "diagnosis"  # which has no inputs to vary


def test_hidden_checks_use_other_inputs(solution):
    class Seen(Exception):
        pass

    def first_input(check):
        def stop(*arguments):
            raise Seen([getattr(a, "shape", a) for a in arguments])

        names = [f for n, f in FUNCTIONS if n == check.name]
        return judge(check, dict.fromkeys(names, stop)).hint

    for name in NAMES:
        for check in of(name, hidden=True):
            assert first_input(check) != first_input(of(name, hidden=False)[0])


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS, ids=lambda e: f"{e.name}-{'hidden' if e.hidden else 'visible'}")
def test_no_student_draws_inputs_on_which_a_right_answer_fails(check, solution):
    """Every student's inputs differ, so a check that fails one time in a thousand is unfair to somebody each year."""
    for number in range(300):
        result = judge(check, solution, f"student {number}")
        assert result.status == "passed", (number, result.hint)
