"""What a committed notebook must be: clean outputs, and a stamp that says which code they came from."""

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

from nbformat import NotebookNode

from lecturelib.claims import MIME as CLAIM

LIBRARY = Path(__file__).resolve().parent
MAX_BYTES = 1_000_000
MAX_SECONDS = 75
MAX_LINES = 25  # of code in a cell
VIEW = "application/vnd.jupyter.widget-view+json"
SCRIPTS = ("application/javascript", "application/vnd.jupyter.widget-state+json")
PICTURES = ("image/png", "image/gif", "image/jpeg", "image/svg+xml")
READABLE = (*PICTURES, "text/html", "text/markdown", "text/latex", CLAIM)
PROGRESS = re.compile(r"\d+%\|")  # tqdm's bar

# Sent to the kernel once the last cell has run. VmHWM rather than ru_maxrss, which starts at the parent's size.
PROBE = """
import json, pathlib, resource, sys
lecturelib, torch = sys.modules.get("lecturelib"), sys.modules.get("torch")
root = pathlib.Path(lecturelib.__file__).resolve().parent if lecturelib else None
loaded = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
paths = {pathlib.Path(file).resolve() for file in loaded if file}
try:
    status = pathlib.Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
except (OSError, IndexError):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
where = "cpu"  # unless the memory of another device was used
if torch and torch.cuda.is_initialized() and torch.cuda.max_memory_allocated() > 0:
    where = "cuda"
elif torch and torch.backends.mps.is_available() and torch.mps.current_allocated_memory() > 0:
    where = "mps"
count = torch.get_num_threads() if torch and where == "cpu" else 0
threads = f", {count} thread{'s' if count > 1 else ''}" if count else ""
files = sorted(path.relative_to(root).as_posix() for path in paths if root and path.is_relative_to(root))
sys.stdout.write(json.dumps({"peak_mb": round(peak), "device": where + threads, "lecturelib_files": files}))
"""


def code_sha256(notebook: NotebookNode) -> str:
    """The hash of the raw sources of the code cells, in order: what the outputs came from."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def library_sha256(files: Iterable[str]) -> str:
    """The hash of files of the library as they are now, named relative to it; a missing one counts as empty."""
    digest = hashlib.sha256()
    for name in sorted(files):
        path = LIBRARY / name
        content = path.read_bytes() if path.is_file() else b""
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def claims(notebook: NotebookNode) -> list[dict]:
    """The claims in the outputs, in order: words, value, bound, judged, holds."""
    return [output.data[CLAIM] for output in _outputs(notebook) if CLAIM in output.get("data", {})]


def errors(notebook: NotebookNode) -> list[str]:
    """One line per cell that raised; a cell with the tag `raises-exception` is meant to."""
    lines = []
    for cell in notebook.cells:
        if cell.cell_type != "code" or "raises-exception" in cell.metadata.get("tags", []):
            continue
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                value = output.evalue.strip().split("\n")[0]
                lines.append(f"cell [{cell.execution_count}] raised {output.ename}: {value}")
    return lines


def clean(notebook: NotebookNode) -> None:
    """Leave in the outputs what a page without a kernel can show: no widget, no script, no progress bar.

    A clean clone is untrusted, and shows those as errors. Cell ids, execution counts and claims stay.
    """
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # the times of each message
        if cell.cell_type == "code":
            kept = [output for output in map(_cleaned, cell.outputs) if output is not None]
            cell.outputs = _merged(kept)


def _cleaned(output: NotebookNode) -> NotebookNode | None:
    if output.output_type == "stream":
        lines = output.text.split("\n")
        if output.name == "stderr":
            lines = [line for line in lines if "\r" not in line and not PROGRESS.search(line)]
        output.text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
        return output if output.text.strip() else None
    data = output.get("data", {})
    dropped = [kind for kind in data if kind in (VIEW, *SCRIPTS)]
    if "<script" in str(data.get("text/html", "")).lower():
        dropped.append("text/html")
    for kind in dropped:
        del data[kind]
        output.metadata.pop(kind, None)
    # what is left of a widget or a script may be no more than its repr
    return None if dropped and not any(kind in READABLE for kind in data) else output


def _merged(outputs: list[NotebookNode]) -> list[NotebookNode]:
    merged: list[NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def faults(notebook: NotebookNode, size: int) -> list[str]:
    """What keeps a notebook of `size` bytes from being committed: one line each, with what to do."""
    stamp = notebook.metadata.get("lecturelib")
    lines = []
    if not stamp:
        lines.append("unstamped: it was not run by `lecturelib notebooks run`")
    else:
        if stamp.get("code_sha256") != code_sha256(notebook):
            lines.append("stale: a cell was edited after the run; run it again")
        else:
            lines += _not_of_one_run(notebook)
        held, counted = len(claims(notebook)), stamp.get("checks", 0)
        if held != counted:
            lines.append(f"{held} claims in the outputs, {counted} in the stamp; run it again")
        if stamp.get("profile") != "cpu":
            lines.append(f"run in the {stamp.get('profile')} profile; committed notebooks are run in cpu")
        if stamp.get("seconds", 0) > MAX_SECONDS:
            lines.append(f"slow: it took {stamp['seconds']:.0f} s, {MAX_SECONDS} s are allowed")
    if not notebook.metadata.get("kernelspec", {}).get("name"):
        lines.append("no kernel is named in the metadata (kernelspec)")
    if size > MAX_BYTES:
        lines.append(f"too large: {size / 1e6:.2f} MB, {MAX_BYTES / 1e6:.0f} MB are allowed")
    if notebook.metadata.get("widgets") or any(VIEW in output.get("data", {}) for output in _outputs(notebook)):
        lines.append("widget state left: a clean clone shows it as an error; run it again")
    lines += errors(notebook)
    for number, cell in enumerate(notebook.cells, 1):
        lines += [f"cell {number} of the file: {fault}" for fault in _cell_faults(cell)]
    return lines


def _not_of_one_run(notebook: NotebookNode) -> list[str]:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    counts = [cell.execution_count for cell in cells]
    if None in counts:
        return ["a cell has not been run; run it again"]
    if counts != list(range(1, len(counts) + 1)):
        return ["cells were run again by hand, or out of order; run it again"]
    return []


def _cell_faults(cell: NotebookNode) -> list[str]:
    found = []
    if cell.cell_type == "markdown":
        images = [*re.findall(r"!\[\s*\]\([^)]*\)", cell.source), *re.findall(r"<img\b[^>]*>", cell.source)]
        blind = [image for image in images if not re.search(r"alt\s*=\s*[\"'][^\"']*\w", image)]
        found += [f"no alt text: {image[:60]}" for image in blind]
    if cell.cell_type == "code":
        lines = cell.source.count("\n") + 1
        if lines > MAX_LINES:
            found.append(f"{lines} lines of code, {MAX_LINES} are allowed")
        for output in cell.get("outputs", []):
            pictures = [kind for kind in output.get("data", {}) if kind in PICTURES]
            alts = [output.get("metadata", {}).get(kind, {}).get("alt", "").strip() for kind in pictures]
            found += [f"{kind} without alt text" for kind, alt in zip(pictures, alts, strict=True) if not alt]
            if output.output_type == "stream" and output.name == "stderr":
                found.append(f"a warning is shown: {output.text.strip().splitlines()[0][:80]}")
    return found


def _outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.get("outputs", [])]
