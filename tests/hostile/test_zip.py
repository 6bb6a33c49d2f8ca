"""A hostile zip file: entries that lead elsewhere, bombs and links harm nobody but their own author."""

import io
import os
import shutil
import zipfile

import nbformat
import pytest
from honest import honest_submissions
from typer.testing import CliRunner

from lecturelib import cli
from lecturelib.grading import records
from lecturelib.launch import course_root

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
]

ELSEWHERE = ("../slipped/lab02.ipynb", "../../slipped.ipynb", "/tmp/slipped/lab02.ipynb", "C:\\slipped\\lab02.ipynb",
             "in/../../slipped/lab02.ipynb")  # fmt: skip


def linked(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, 0o120777 << 16
    return entry, target.encode()


def test_slips_bombs_and_links_in_a_zip_are_their_authors_alone(tmp_path):
    root = tmp_path / "course"
    for name in ("solutions", "labs"):
        shutil.copytree(course_root() / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("nbgrader_config.py", "course.toml"):
        shutil.copy(course_root() / name, root)
    honest = {f"honest{i}": nbformat.writes(n).encode() for i, (_, n) in enumerate(honest_submissions(3, seed=4))}
    nested = io.BytesIO()
    with zipfile.ZipFile(nested, "w", zipfile.ZIP_DEFLATED) as inner:
        inner.writestr("lab02.ipynb", bytes(10**8))
    with zipfile.ZipFile(root / "download.zip", "w", zipfile.ZIP_DEFLATED) as out:
        for student, content in honest.items():
            out.writestr(f"{student}/lab02.ipynb", content)
        for name in ELSEWHERE:
            out.writestr(name, next(iter(honest.values())))
        out.writestr("bomb/lab02.ipynb", bytes(3 * 10**8))
        out.writestr("nested/lab02.zip", nested.getvalue())
        out.writestr(*linked("link/lab02.ipynb", "../honest0/lab02.ipynb"))
        out.writestr(*linked("system/lab02.ipynb", "/etc/passwd"))
    before = {p for p in tmp_path.rglob("*") if "course" not in p.parts}
    done = CliRunner().invoke(
        cli.app,
        ["grade", "--lab", "lab02", "--course", str(root), "--submissions", str(root / "download.zip"), "-j", "2"],
    )
    found = {r.student: r for r in records.read_all(root / "results" / "lab02")}
    assert {s: found[s].score for s in honest} == dict.fromkeys(honest, 30), done.output
    for student, record in found.items():
        if student not in honest:
            assert record.failure, student
            assert record.score == 0
    for student in ("bomb", "link", "system"):
        assert student in found
    assert {p for p in tmp_path.rglob("*") if "course" not in p.parts} == before
    assert not [p for p in root.rglob("*slipped*") if p.suffix == ".ipynb" and "results" not in p.parts]
    assert not os.path.lexists("/tmp/slipped")
