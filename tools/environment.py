"""Build a virtual environment for the course: `python tools/environment.py FOLDER [--oldest]`.

The Makefile runs this with the Python that it found; it needs nothing beyond the standard library.
FOLDER/.ready is written last and names the course's folder: an environment whose building was interrupted,
or that was moved, is built again. Any other, one made by hand too, is brought up to date where it stands.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

GB_NEEDED = 10  # measured on Linux: 6.5 for the environment, and up to 3 for downloads while pip works


def oldest(pyproject: str) -> str:
    """The lowest versions that a pyproject.toml admits, as the lines of a constraints file."""
    project = tomllib.loads(pyproject)["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    return "".join(requirement.replace(">=", "==") + "\n" for requirement in wanted)


def build(folder: Path, constraints: Path) -> None:
    """Make the environment and install the course into it, editable, with its tests; exits with one line on failure."""
    ready, begun = folder / ".ready", folder / ".begun"
    moved = ready.exists() and ready.read_text() != os.getcwd()
    if not folder.exists() or begun.exists() or moved:
        free = shutil.disk_usage(".").free / 1e9
        if free < GB_NEEDED:
            sys.exit(
                f"Not enough disk space: building {folder} takes up to {GB_NEEDED} GB; {free:.1f} GB are free. "
                "Free some, or copy the course to a larger disk."
            )
        print(f"Building {folder} with Python {sys.version.split()[0]}: a few minutes, once.", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        begun.touch()
        venv.create(folder, with_pip=True)

    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [python, "-m", "pip", "install", "--disable-pip-version-check"]
    for command in (
        [*install, "--editable", ".[test]", "--constraint", constraints],
        [python, "-c", "from lecturelib.launch import prepare; prepare()"],
    ):
        if subprocess.call(command):
            sys.exit(f"{folder} is not complete (see above). Mend the cause and run the same command again.")
    ready.write_text(os.getcwd())
    begun.unlink(missing_ok=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--oldest", action="store_true", help="the lowest versions that pyproject.toml admits")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        constraints = Path("constraints.txt")
        if options.oldest:
            constraints = Path(scratch, "oldest.txt")
            constraints.write_text(oldest(Path("pyproject.toml").read_text()))
        try:
            build(options.folder, constraints)
        except KeyboardInterrupt:
            sys.exit(f"\nInterrupted: {options.folder} is not complete. Run the same command again.")
