"""What of a checks.py a student may see: everything but the hidden checks and what they alone use."""

import ast


def visible(source: str) -> str:
    """The source without its hidden checks, their comments, and the private helpers and imports they alone use.

    ValueError when `hidden=` is not written as True or False, in a decorator at the top level of the file, since
    then nobody could tell by reading.
    """
    lines = source.splitlines()
    tree = ast.parse(source)
    _refuse_elsewhere(tree)
    body = tree.body
    cut = [node for node in body if _is_hidden(node)]
    if not cut:
        return source
    while True:
        left = [node for node in body if node not in cut]
        uses = {id(node): _used(node) for node in left}
        alone = [
            node
            for node in left
            if (names := _defines(node)) and not any(names & uses[id(other)] for other in left if other is not node)
        ]
        if not alone:
            break
        cut += alone
    gone = {number for node in cut for number in _line_numbers(node, lines)}
    return _tidy([line for number, line in enumerate(lines, 1) if number not in gone])


def _is_hidden(node: ast.stmt) -> bool:
    return any(_hides(d) for d in getattr(node, "decorator_list", []) if isinstance(d, ast.Call))


def _hides(call: ast.Call) -> bool:
    hidden = False
    for keyword in call.keywords:
        if keyword.arg is None:
            raise ValueError(f"line {call.lineno}: write the options out, ** does not say whether the check is hidden")
        if keyword.arg == "hidden":
            if not (isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, bool)):
                raise ValueError(f"line {call.lineno}: write hidden=True or hidden=False, nothing else")
            hidden = keyword.value.value
    return hidden


def _refuse_elsewhere(tree: ast.Module) -> None:
    top = [decorator for node in tree.body for decorator in getattr(node, "decorator_list", [])]
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or call in top:
            continue
        says = "hidden=True" in map(ast.unparse, call.keywords)
        if says or (ast.unparse(call.func).split(".")[-1] == "exercise" and _hides(call)):
            raise ValueError(f"line {call.lineno}: a hidden check must be a function at the top level, below no if")


def _defines(node: ast.stmt) -> set[str]:
    """The names that go when nobody uses them: imports, and private functions, classes and constants."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        names = {node.name}
    elif isinstance(node, ast.Assign):
        names = {target.id for target in node.targets if isinstance(target, ast.Name)}
    else:
        names = set()
    return names if names and all(name.startswith("_") for name in names) else set()


def _used(node: ast.stmt) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _line_numbers(node: ast.stmt, lines: list[str]) -> range:
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    while first > 1 and lines[first - 2].startswith("#"):
        first -= 1
    return range(first, node.end_lineno + 1)


def _tidy(lines: list[str]) -> str:
    kept: list[str] = []
    for line in lines:
        if line.strip() or kept[-2:] != ["", ""]:
            kept.append(line.rstrip())
    return "\n".join(kept).strip("\n") + "\n"
