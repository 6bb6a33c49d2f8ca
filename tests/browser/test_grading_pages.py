"""The pages of grading in Chromium: nothing leaves them, nothing runs, and a phone is wide enough."""

import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import sync_playwright

from lecturelib.grading.feedback import write_feedback
from lecturelib.grading.records import CellRun
from lecturelib.grading.similarity import Pair, Part
from lecturelib.grading.summary import write_summary

sys.path.append(str(Path(__file__).parents[1] / "grading"))
from fake_records import CELLS, DUE, HOSTILE, PLAN, a_class, cells, record

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run"]  # fmt: skip
SIZES = [(390, 844), (1280, 900)]
MEASURE = """() => {
    document.querySelectorAll('details').forEach(details => details.open = true);
    const root = document.documentElement;
    const ink = color => color.match(/[\\d.]+/g).slice(0, 3).reduce((sum, part) => sum + +part, 0);
    return {
        wide: root.scrollWidth - root.clientWidth,
        high: root.scrollHeight - document.body.offsetHeight,
        dark: ink(getComputedStyle(document.body).color) > ink(getComputedStyle(document.body).backgroundColor),
        text: document.body.innerText,
        headings: [...document.querySelectorAll('h1, h2, h3')].map(heading => +heading.tagName[1]),
        unnamed: [...document.querySelectorAll('[role=region], [role=img]')].filter(e => !e.ariaLabel).length,
    };
}"""


@pytest.fixture(scope="module")
def looked_at():
    """look(path) -> what Chromium found, for each colour scheme and size."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed (Debian: apt install chromium; or set CHROMIUM)")
    with ThreadPoolExecutor(1) as thread:  # playwright runs once a thread, and other tests may use it in this one
        playwright = thread.submit(sync_playwright().start).result()
        chromium = thread.submit(playwright.chromium.launch, executable_path=CHROMIUM, args=FLAGS).result()
        yield lambda path: thread.submit(_look, chromium, path).result()
        thread.submit(chromium.close).result()
        thread.submit(playwright.stop).result()


def _look(chromium, path: Path) -> list[SimpleNamespace]:
    found = []
    for scheme in ("light", "dark"):
        for width, height in SIZES:
            page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            asked, said = [], []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("console", lambda message, said=said: said.append(message.text))
            page.on("dialog", lambda dialog, said=said: (said.append(dialog.message), dialog.dismiss()))
            page.on("pageerror", lambda error, said=said: said.append(str(error)))
            page.goto(path.as_uri())
            measured = page.evaluate(MEASURE)
            found.append(SimpleNamespace(scheme=scheme, width=width, asked=asked, said=said, **measured))
            page.close()
    return found


def hold(found: list[SimpleNamespace], path: Path) -> None:
    assert [(one.scheme, one.width) for one in found] == [(s, w) for s in ("light", "dark") for w, _ in SIZES]
    for one in found:
        assert one.asked == [path.as_uri()]
        assert one.said == []
        assert one.wide <= 0, (one.scheme, one.width)
        assert one.high < 50, "something stands below the page"
        assert one.dark == (one.scheme == "dark")
        assert one.headings[0] == 1
        assert all(after <= before + 1 for before, after in zip(one.headings, one.headings[1:], strict=False))
        assert one.unnamed == 0


def test_a_students_page(looked_at, tmp_path):
    wrong = {"pca": 3, "codes": 9, "contractive": -1, "diagnosis": 1, "repair": (2,)}
    one = record(7, wrong, received=(DUE + timedelta(hours=30)).isoformat(), flags=["the cell `pca` was changed"])
    one.cells[4] = CellRun("write-sparse", "error", "NameError: name 'rhoo' is not defined")
    path = write_feedback(one, PLAN, tmp_path, cells=CELLS, comments={"pca": "Nearly."})
    found = looked_at(path)
    hold(found, path)
    for words in ("Autoencoders", "of 35 points so far", "2 days late", "subtract the mean first", "def pca"):
        assert words in found[0].text


def test_a_hostile_students_page(looked_at, tmp_path):
    long = "x" * 5_000
    one = record(1, flags=[HOSTILE, long], sources={"write-pca": f"{HOSTILE}\n{long}", "open": HOSTILE + long})
    one.items[0] = one.items[0].__class__("pca", "pca", False, 0.0, 2.0, "raised", HOSTILE + long)
    path = write_feedback(one, PLAN, tmp_path, cells=CELLS, comments={"open": long})
    found = looked_at(path)
    hold(found, path)
    assert "<script>alert(1)</script>" in found[0].text


def test_the_teachers_page(looked_at, tmp_path):
    records = a_class(40)
    records[3].student = "a." + "very-long-name-" * 5
    part = Part("write-pca", cells()["write-pca"], HOSTILE + "x" * 5_000, (1, 2), (1,))
    pair = Pair("student03", "student17", 0.93, 2, (part,))
    path = write_summary(records, PLAN, tmp_path / "summary.html", pairs=[pair], changes=[("student02", 21.0, 24.0)])
    found = looked_at(path)
    hold(found, path)
    for words in ("Points in all", "The most common mistakes", "Similar submissions", "student03 and student17"):
        assert words in found[0].text
