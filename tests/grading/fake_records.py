"""Records as grading makes them (lab 02 with real mistakes, students by number), and a page as a browser reads it."""

import random
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import nbformat

from lecturelib.grading.calling import Caller
from lecturelib.grading.course import Plan
from lecturelib.grading.exercises import exercises_of, generator, run
from lecturelib.grading.records import CellRun, Item, Open, Record

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests" / "labs"))
from lab02_answers import WRONG  # noqa: E402

CHECKS = exercises_of(ROOT / "solutions" / "lab02" / "checks.py")
NAMES = list(dict.fromkeys(check.name for check in CHECKS))
CELLS = {name: [f"write-{name}"] for name in NAMES}
DUE = datetime(2027, 1, 31, 23, 59, tzinfo=UTC)
PLAN = Plan("lab02", title="Autoencoders", due=DUE)
ANSWER = "A small error alone says little: with 1000 units it may have learned to copy.\n\nI would look at new digits."


@cache
def cells() -> dict[str, str]:
    """grade_id -> the solution in that cell."""
    notebook = nbformat.read(ROOT / "solutions" / "lab02" / "lab02.ipynb", as_version=4)
    lines = ("### BEGIN SOLUTION", "### END SOLUTION")
    return {
        cell.metadata.nbgrader.grade_id: "\n".join(x for x in cell.source.split("\n") if x.strip() not in lines)
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("solution") and cell.cell_type == "code"
    }


@cache
def solution() -> dict:
    """The namespace in which all of the lab's functions are written."""
    notebook = nbformat.read(ROOT / "solutions" / "lab02" / "lab02.ipynb", as_version=4)
    namespace: dict = {}
    for cell in notebook.cells:
        if cell.id in ("imports", "layers") or cell.id.startswith("write-"):
            exec(cell.source, namespace)
    return namespace


@cache
def items(name: str, wrong: int | tuple[int] | None) -> tuple[Item, ...]:
    """What the checks of an exercise say: None of the solution, -1 of nothing written, else of a wrong answer.

    (number,): of an answer that is wrong on other inputs alone.
    """
    if isinstance(wrong, tuple):
        pairs = zip(items(name, None), items(name, wrong[0]), strict=True)
        return tuple(bad if bad.hidden else good for good, bad in pairs)
    if wrong == -1:
        functions = {f: _unwritten for _, answer in WRONG[name] for f in answer}
    else:
        functions = {} if wrong is None else WRONG[name][wrong][1]
    found = []
    for check in (c for c in CHECKS if c.name == name):
        result = run(check, Caller(solution() | functions), generator(name, check.hidden, 0))
        found.append(Item(name, check.test.__name__, check.hidden, **vars(result)))
    return tuple(found)


def _unwritten(*_):
    raise NotImplementedError


def student(number: int) -> str:
    return f"student{number:02d}"


def record(number: int = 1, wrong: dict[str, int | tuple[int] | None] | None = None, **entries) -> Record:
    """A submission of student NUMBER; `wrong`: exercise -> which wrong answer of lab02_answers, -1 for none at all."""
    wrong = wrong or {}
    sources = cells() | {"open": ANSWER}
    for name in (name for name, which in wrong.items() if which == -1):
        head = sources[f"write-{name}"].split("\n")
        sources[f"write-{name}"] = "\n".join([*head[:2], "    raise NotImplementedError"])
    values = {
        "file": f"/srv/course/submitted/{student(number)}/lab02/lab02.ipynb",
        "sha256": f"{number:08x}" * 8,
        "received": (DUE - timedelta(hours=5 * number)).isoformat(),
        "checks_sha256": "c" * 64,
        "seed": "5eed" * 8,
        "items": [item for name in NAMES for item in items(name, wrong.get(name))],
        "open": [Open("open", 5, True)],
        "cells": [CellRun(cell, "ok") for cell in sources if cell != "open"],
        "sources": sources,
        "seconds": 1.4,
        "cpu_seconds": 1.3,
        "peak_mb": 410,
        "versions": {"torch": "2.0", "host": "grader"},
    }
    return Record("lab02", student(number), **(values | entries))


def a_class(size: int, seed: int = 0) -> list[Record]:
    """A whole class; later exercises are harder, and a few submissions are late, empty, flagged or damaged."""
    rng, records = random.Random(seed), []
    for number in range(1, size + 1):
        skill, wrong = rng.betavariate(4, 1.6), {}
        for place, name in enumerate(NAMES):
            if rng.random() > skill - 0.025 * place:
                which = _often(rng, len(WRONG[name]))
                wrong[name] = -1 if rng.random() < 0.06 + 0.03 * place else (which,) if rng.random() < 0.3 else which
        one = record(
            number,
            wrong,
            received=(DUE + timedelta(hours=rng.gauss(-20, 22))).isoformat(),
            seconds=rng.lognormvariate(0.6, 0.35),
            peak_mb=rng.randrange(380, 600),
        )
        if number % 17 == 9:
            one = replace(one, failure="the notebook is not valid JSON: it was cut off at line 812", items=[], cells=[])
        if number % 19 == 12:
            one = replace(one, flags=["the cell `pca` was changed; the original was graded"], seconds=one.seconds + 20)
        if number % 23 == 4:
            died = [CellRun("write-sparse", "died", "it used more than 3072 MB of memory")]
            one = replace(one, cells=died, items=[_died(item) for item in one.items])
        records.append(one)
    return records


def _often(rng: random.Random, number: int) -> int:
    """Some mistakes are made more often than others."""
    return min(int(rng.expovariate(0.45)), number - 1)


def _died(item: Item) -> Item:
    if item.exercise not in ("sparse", "corrupt"):
        return item
    return replace(item, score=0.0, status="died", hint=f"`{item.exercise}` used more memory than it may")


class Page(HTMLParser):
    """A page as a browser sees it: its words, its tags, and whatever it might fetch."""

    def __init__(self, path: Path):
        super().__init__()
        self.html = path.read_text(encoding="utf-8")
        self.tags: Counter = Counter()
        self.fetches: list[str] = []
        self.handlers: list[str] = []
        self.titles: list[str] = []
        self._words: list[str] = []
        self._open: list[str] = []
        self.feed(self.html)
        self.words = " ".join("".join(self._words).split())
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.tags[tag] += 1
        if tag not in ("meta", "link", "br"):
            self._open.append(tag)
        for name, value in attributes:
            self.handlers += [name] if name.startswith("on") else []
            self.titles += [value] if name in ("title", "aria-label") else []
            if name in ("src", "href", "action", "srcset", "poster", "data", "background", "ping"):
                self.fetches.append(value)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag
        self._words.append("" if tag in ("span", "b", "code") else " ")

    def handle_data(self, data):
        if self._open and self._open[-1] != "style":
            self._words.append(data)

    def harmless(self) -> bool:
        """No script, nothing to fetch, and a policy that allows neither."""
        local = all(link.startswith("#") or link == "data:," for link in self.fetches)
        style = self.html.split("<style>")[1].split("</style>")[0]
        return (
            local
            and not self.handlers
            and not self.tags.keys() & {"script", "img", "iframe", "object", "embed", "form", "base", "svg", "video"}
            and self.tags["style"] == 1
            and "url(" not in style
            and "@import" not in style
            and "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in self.html
        )


HOSTILE = (
    "</pre></style><script>alert(1)</script><img src=x onerror=alert(2)>\"' {{ 7*7 }} \u202e\u2066\x00\x1b[31m\ud800"
)
