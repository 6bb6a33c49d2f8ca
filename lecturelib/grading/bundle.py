"""What students get, in one zip file: lectures, labs, library, data's manifest, the two commands, and nothing else."""

import io
import json
import os
import re
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

import nbformat

from lecturelib.checkpoint import write_atomically
from lecturelib.grading.course import Course, read_course
from lecturelib.grading.leaks import leaks
from lecturelib.grading.release import SCRATCH, release

# A file that none of these fits stays at home, in a clone too.
ALLOWED = re.compile(
    r"Makefile|README\.md|LICENSE[\w.-]*|pyproject\.toml|constraints\.txt|environment\.yml|postBuild"
    r"|course\.toml|nbgrader_config\.py"
    r"|notebooks/\d\d_[\w-]+\.ipynb"
    r"|lecturelib/(\w+/)*\w+\.py|lecturelib/(\w+/)*templates/[\w.-]+|lecturelib/(weights|studies)/[\w.-]+"
    r"|lecturelib/terms/terms\.toml|docs/glossary/\w+\.md"
    r"|data/(README\.md|manifest\.toml)|tools/\w+\.py"
    r"|tests/((unit|contract|notebooks|browser)/)?\w+\.py"
)
LAB, SOURCE = re.compile(r"labs/([\w-]+)/.+"), re.compile(r"solutions/[\w-]+/")
NEEDED = ("Makefile", "README.md", "LICENSE", "pyproject.toml", "constraints.txt", "course.toml", "nbgrader_config.py",
          "tools/environment.py", "lecturelib/__init__.py")  # fmt: skip
NOT_HERE = ("solutions", "benchmarks")  # a test that speaks of these is for teachers
IMPORT = re.compile(r"^\s*(?:from|import)\s+(\w+)", re.MULTILINE)
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
NOTICE = """
*This is the students' copy: `solutions/`, `benchmarks/`, `CONTRIBUTING.md` and the tests that need them are not in it,
and what is said of them is for teachers. When the labs are due stands in `course.toml`.*
"""
WALK = ("notebooks", "labs", "solutions", "lecturelib", "tools", "tests", "docs")


class BundleError(ValueError):
    """A bundle that cannot be made; the message says why, and what stood at its place is untouched."""


@dataclass(frozen=True)
class Bundle:
    """What was packed: the zip file, its files by name, the hash of each lab's release, what git does not know."""

    path: Path
    files: tuple[str, ...]
    labs: Mapping[str, str]
    left_out: tuple[str, ...]

    def __str__(self) -> str:
        more = f"; git does not know, so left out: {', '.join(self.left_out)}" if self.left_out else ""
        return f"{self.path} ({len(self.files)} files; labs: {', '.join(self.labs) or 'none'}{more})"


def bundle(course_root: str | Path, path: str | Path, labs: Sequence[str] | None = None) -> Bundle:
    """Pack what students get into the zip file `path`; without `labs`, all that are released.

    In a clone, what is packed is what was committed. The same course gives the same bytes each time.
    BundleError when the file cannot be written, something is not committed or missing, labs/ is not what
    solutions/ releases, or `leaks` finds something.
    """
    root, path = Path(course_root).resolve(), Path(path)
    if path.suffix != ".zip" or path.is_dir():
        raise BundleError(f"{path} is no place for a bundle: name a file that ends in .zip")
    course = read_course(root)
    if not re.fullmatch(r"\w[\w.-]*", course.id):
        raise BundleError(f"course.toml: id is {course.id!r}; the bundle's folder needs letters, digits, - and _ alone")
    names, unknown = _names(root)
    if missing := [name for name in NEEDED if name not in names]:
        raise BundleError(f"{root} lacks {', '.join(missing)}, which the bundle needs (is it committed?)")
    files, hashes = _labs(root, names, labs)
    files |= _others(root, names, absent={name.split("/")[1] for name in names if SOURCE.match(name)} - set(hashes))
    date = _date(root, files)
    files["course.toml"] = _for_students(course).encode()
    files["README.md"] = _without_dead_links(files["README.md"].decode("utf-8"), files).encode()
    content = _zipped(course.id, dict(sorted(files.items())), names, date)
    with tempfile.TemporaryDirectory() as scratch:
        trial = Path(scratch, "bundle.zip")
        trial.write_bytes(content)
        if found := leaks(trial, root):
            more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
            raise BundleError(f"the bundle would give something away: {'; '.join(found[:3])}{more}")
    try:
        write_atomically(path, content)
    except OSError as error:
        raise BundleError(f"{path} cannot be written: {error.strerror or error}") from None
    return Bundle(path, tuple(sorted(files)), hashes, tuple(sorted(filter(ALLOWED.fullmatch, unknown))))


def _names(root: Path) -> tuple[dict[str, bool], list[str]]:
    """The course's files and whether each is executable, and those that git does not know: none without a clone."""
    if not (root / ".git").exists():
        paths = [*root.iterdir()]
        paths += [path for top in WALK for path in (root / top).rglob("*")]
        paths += [root / "data" / "README.md", root / "data" / "manifest.toml"]  # it may be full of downloads
        there = {path.relative_to(root): path for path in paths if path.is_file()}
        return {n.as_posix(): os.access(p, os.X_OK) for n, p in there.items() if not SCRATCH & set(n.parts)}, []
    names = {}
    for line in _git(root, "ls-files", "--stage", "-z"):
        mode, _, rest = line.partition(" ")
        names[rest.partition("\t")[2]] = mode == "100755"
    return names, _git(root, "ls-files", "--others", "--exclude-standard", "-z")


def _git(root: Path, *arguments: str) -> list[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(["git", *arguments], cwd=root, env=env, capture_output=True, check=True)
    except FileNotFoundError:
        raise BundleError(f"{root} is a git clone, and git is not installed: it must say what belongs in") from None
    except subprocess.CalledProcessError as error:
        words = " ".join(error.stderr.decode(errors="replace").split())
        raise BundleError(f"git cannot say what belongs to the course: {words}") from None
    return [name for name in done.stdout.decode("utf-8", errors="replace").rstrip("\0\n").split("\0") if name]


def _released(names: Mapping[str, bool]) -> list[str]:
    """The labs that are released and have a source."""
    found = {match[1] for match in map(LAB.fullmatch, names) if match}
    return sorted(lab for lab in found if f"solutions/{lab}/{lab}.ipynb" in names)


def _labs(root: Path, names: Mapping[str, bool], labs: Sequence[str] | None) -> tuple[dict[str, bytes], dict[str, str]]:
    """The files of the labs as solutions/ releases them, and the hash of each; BundleError where labs/ differs."""
    released, files, hashes = _released(names), {}, {}
    for lab in sorted(set(labs or released)):
        if lab not in released:
            there = ", ".join(released) or "none"
            raise BundleError(f"there is no released lab {lab!r} (is it committed?); there are: {there}")
    with tempfile.TemporaryDirectory() as scratch:
        for lab in sorted(set(labs or released)):
            for name in names:
                if name.startswith(f"solutions/{lab}/") or name == "nbgrader_config.py":
                    copy = Path(scratch, name)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    copy.write_bytes(_read(root, name))
            made, here = _folder(release(scratch, lab).folder), _folder(root / "labs" / lab)
            if different := sorted(name for name in made.keys() | here.keys() if made.get(name) != here.get(name)):
                raise BundleError(
                    f"labs/{lab} is not what solutions/{lab} releases ({', '.join(different)}): "
                    f"run `lecturelib release {lab}`"
                )
            files |= {f"labs/{lab}/{name}": content for name, content in made.items()}
            notebook = nbformat.reads(made[f"{lab}.ipynb"].decode("utf-8"), as_version=4)
            hashes[lab] = notebook.metadata.lecturelib.sha256
    return files, hashes


def _others(root: Path, names: Mapping[str, bool], absent: set[str]) -> dict[str, bytes]:
    """All files but those of the labs.

    A test stays at home when it names a folder or one of the `absent` labs that do, or imports a helper that does.
    """
    files = {name: _read(root, name) for name in names if ALLOWED.fullmatch(name)}
    shown = {target for picture, _, target, _ in LINK.findall(files["README.md"].decode("utf-8")) if picture}
    shown |= {str(PurePosixPath(target).with_suffix(".py")) for target in shown}  # a picture's own script
    files |= {name: _read(root, name) for name in shown & set(names) if name.startswith("docs/")}
    words = (*NOT_HERE, *(f"labs/{lab}" for lab in absent))
    helpers = {Path(name).stem for name in names if name.startswith("tests/") and name not in files}
    for name in [name for name in files if name.startswith("tests/")]:
        source = files[name].decode("utf-8")
        if any(word in source for word in words) or helpers & set(IMPORT.findall(source)):
            del files[name]
    return files


def _folder(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and not SCRATCH & set(path.relative_to(folder).parts)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _read(root: Path, name: str) -> bytes:
    path = root / name
    if path.resolve() != path:
        raise BundleError(f"{name} is a link; a bundle holds files alone")
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{name} cannot be read: {error.strerror}") from None


def _date(root: Path, files: Mapping[str, bytes]) -> datetime:
    """The time of the last commit, else of the newest file; BundleError where something is not committed."""
    if (root / ".git").exists():
        changed = [name for name in _git(root, "diff", "--name-only", "-z", "HEAD") if name in files]
        changed = [name for name in changed if name != "course.toml"]  # dates move, and it is written anew
        if changed:
            raise BundleError(f"not committed: {', '.join(changed[:5])}. Commit or undo what was changed there")
        seconds = int(_git(root, "log", "-1", "--format=%ct")[0])
    else:
        seconds = max((root / name).stat().st_mtime for name in files)
    # a zip's times have no zone; so they lie nowhere in the future, which would confuse make
    return max(datetime.fromtimestamp(int(seconds), UTC) - timedelta(hours=14), datetime(1980, 1, 1, tzinfo=UTC))


def _for_students(course: Course) -> str:
    """A course.toml with everything but who has an extension."""
    lines = ["# When labs are due, what being late costs, and what the grading of one submission may use.", "[course]"]
    lines += [f"id = {_quoted(course.id)}", f"title = {_quoted(course.title)}"]
    for lab, plan in course.labs.items():
        name = lab if re.fullmatch(r"[A-Za-z0-9_-]+", lab) else _quoted(lab)
        lines += ["", f"[labs.{name}]", f"title = {_quoted(plan.title)}", f"weight = {plan.weight}"]
        lines += [f"due = {plan.due.isoformat()}"] if plan.due else []
        lines += ["", f"[labs.{name}.late]"]
        lines += [f"{setting} = {value}" for setting, value in asdict(plan.late).items()]
    lines += ["", "[limits]", *(f"{setting} = {value}" for setting, value in asdict(course.limits).items())]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _without_dead_links(readme: str, files: Mapping[str, bytes]) -> str:
    """The README with a word to the students below its title; a link to a file that is not here keeps its words."""

    def alive(match: re.Match) -> str:
        target = match[3]
        there = "://" in target or target.startswith("mailto:") or target in files
        return match[0] if there or any(name.startswith(f"{target.rstrip('/')}/") for name in files) else match[2]

    title, _, rest = LINK.sub(alive, readme).partition("\n")
    return f"{title}\n{NOTICE}{rest}"


def _zipped(top: str, files: Mapping[str, bytes], executable: Mapping[str, bool], date: datetime) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in files.items():
            entry = zipfile.ZipInfo(str(PurePosixPath(top, name)), date.timetuple()[:6])
            entry.create_system, entry.compress_type = 3, zipfile.ZIP_DEFLATED  # 3: permissions as on Unix
            entry.external_attr = (0o100755 if executable.get(name) else 0o100644) << 16
            out.writestr(entry, content)
    return stream.getvalue()
