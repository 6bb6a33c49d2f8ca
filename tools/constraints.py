"""Print exact versions of all that the course needs, as installed here: `make constraints`.

Run it with Python 3.11: a few packages are needed there and not with newer ones.
"""

import tomllib
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def installed(pyproject: str) -> dict[str, str]:
    """Versions, in this environment, of all that a pyproject.toml and its extra `test` need, directly or not.

    PackageNotFoundError where one of them is not installed.
    """
    versions, seen = {}, set()

    def visit(lines, extras):
        for requirement in map(Requirement, lines or ()):
            marker, key = requirement.marker, (requirement.name, frozenset(requirement.extras))
            needed = marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))
            if needed and key not in seen:
                seen.add(key)
                found = distribution(requirement.name)
                versions[canonicalize_name(requirement.name)] = found.version.split("+")[0]  # 2.15.0+cpu is 2.15.0
                visit(found.requires, requirement.extras)

    project = tomllib.loads(pyproject)["project"]
    visit([*project["dependencies"], *project["optional-dependencies"]["test"]], ())
    return dict(sorted(versions.items()))


if __name__ == "__main__":
    print("# Exact versions of everything the course installs; `make constraints` writes this file.")
    for name, version in installed(Path("pyproject.toml").read_text()).items():
        print(f"{name}=={version}")
