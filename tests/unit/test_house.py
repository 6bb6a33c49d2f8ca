"""The house: no room imports one that stands above it, and no file is too long to read."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2] / "lecturelib"
FILES = sorted(HOUSE.rglob("*.py"))
SLOW = {"torchvision", "torchmetrics", "sklearn", "skimage", "distributed"}  # imported where they are used
FREE = {"matplotlib"}  # slow where only its fonts are wanted, at the top where it draws
# hands names on; start fast; reports what cannot be imported
LATE = {"", "cli", "cli_experiments", "cli_grading", "doctor"}

# from the ground up; a room may import its own floor's files (checked for circles) and those below
FLOORS = [
    {"runtime", "data.tensors", "data.files"},
    {"model", "claims", "checkpoint", "layers", "data"},
    {"resume", "training", "games", "metrics", "activation", "gabor", "disentanglement", "fidelity", "record"},
    {"models", "partition", "show", "experiments", "studies", "shipping", "terms"},
    {"grading", "stamp", "several", "notebooks", "export", "launch", "doctor"},
    {"cli_grading", "cli_experiments"},
    {"cli"},
]


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(HOUSE).with_suffix("").parts).removesuffix(".__init__")


def floor_of(name: str) -> int:
    for number, rooms in enumerate(FLOORS):
        if name in rooms:
            return number
    for number, rooms in enumerate(FLOORS):
        if name.split(".")[0] in rooms:
            return number
    raise AssertionError(f"lecturelib.{name} has no floor in the house: add it to FLOORS")


def imports_of(tree: ast.AST) -> set[str]:
    """The modules of lecturelib that a syntax tree imports, without the package's name."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("lecturelib")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lecturelib"):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                path = HOUSE.parent / inner.replace(".", "/")
                found.add(inner if path.with_suffix(".py").exists() or path.is_dir() else node.module)
    return {name.removeprefix("lecturelib").removeprefix(".") for name in found} - {""}


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_file_is_at_most_250_lines(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 250


@pytest.mark.parametrize("file", [f for f in FILES if name_of(f)], ids=name_of)
def test_a_room_imports_nothing_above_it(file):
    mine = name_of(file)
    for other in imports_of(ast.parse(file.read_text(encoding="utf-8"))):
        assert floor_of(other) <= floor_of(mine), f"{mine} imports {other}, which stands above it"


def test_there_is_no_circle():
    graph = {name_of(f): imports_of(ast.parse(f.read_text(encoding="utf-8"))) - {name_of(f)} for f in FILES}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path, name])
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("file", [f for f in FILES if name_of(f) not in LATE], ids=name_of)
def test_imports_stand_at_the_top_but_for_the_slow_ones(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            roots = {name.split(".")[0] for name in names}
            slow = bool(roots & SLOW)
            assert roots <= FREE or slow != (id(node) in top), f"line {node.lineno}: import {', '.join(names)}"


def test_importing_lecturelib_loads_no_slow_package():
    slow = SLOW | {"matplotlib.pyplot"}
    code = f"import sys, lecturelib, lecturelib.training; print(*{slow!r} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_an_unknown_name_is_refused_with_the_names_there_are():
    import lecturelib

    with pytest.raises(AttributeError, match="no 'lode'; it has .*load"):
        getattr(lecturelib, "lode")  # noqa: B009 - as an attribute it would be a useless expression
    for name in lecturelib.__all__:
        assert callable(getattr(lecturelib, name))
