"""What a lecture defines in its cells, without running them."""

import ast
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def definitions(lecture: str, *wanted: str, **names) -> dict:
    """Functions and classes of notebooks/LECTURE.ipynb, with `names` for what they use; all, or those `wanted`."""
    cells = nbformat.read(NOTEBOOKS / f"{lecture}.ipynb", as_version=4).cells
    code = [node for cell in cells if cell.cell_type == "code" for node in ast.parse(cell.source).body]
    found = [node for node in code if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    found = [node for node in found if not wanted or node.name in wanted]
    missing = set(wanted) - {node.name for node in found}
    assert not missing, f"lecture {lecture} does not define {', '.join(sorted(missing))}"
    exec(compile(ast.Module(found, []), lecture, "exec"), names)
    return names
