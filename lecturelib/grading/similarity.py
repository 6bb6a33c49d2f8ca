"""Which submissions share more than chance? Fingerprints, by winnowing, of what few others in the class have.

Exercises are short and right answers few. So the fingerprints of given code are left out, and those of more than a
quarter of the class (of at least 4 submissions) too; each of the others weighs log2(1 + class / submissions that have
it). The chance to share one more is small, and the number of pairs grows with the square of the class: a pair must
share 5 log2(class) of them, at least 25, besides the share that is asked for.

`python benchmarks/similarity.py` measures this on classes that are made up, of 10 to 500 students: at most 0.2 honest
pairs a class are reported. In classes of 100, copies of 11 of lab 02's 12 cells are found in 93 to 100 % of cases, by
how well they are disguised; copies of 8 cells in 47 to 97 %, of 5 in 15 to 75 %, of 3 in 5 to 38 %.

What this cannot tell: who copied from whom; two who learned from one book, or asked one program, from two who copied;
that an answer was copied which a quarter of the class gives. Below ten submissions nobody knows what is common.
A pair is a reason to look and to ask, never a verdict.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, zip_longest
from typing import NamedTuple

from rich.table import Table
from rich.text import Text

from lecturelib.grading.fingerprints import fingerprints, tidy
from lecturelib.grading.records import Record

COMMON, RARE = 1 / 4, 1 / 50  # the largest share of a class that has a fingerprint, a line, for it to count
FEW = 3  # so many may have it in any class
LEAST, PER_DOUBLING = 25, 5  # fingerprints that a pair must share
SHORTEST_LINE = 10

Key = tuple[str, int | str]  # grade_id, and a fingerprint or a line
Found = dict[Key, set[int]]  # the lines in which it stands


class SimilarityError(ValueError):
    """A setting that cannot be meant."""


class Part(NamedTuple):
    """A cell in which two submissions share something: both sources, and the numbers, from 1, of the lines that do."""

    grade_id: str
    source_a: str
    source_b: str
    lines_a: tuple[int, ...]
    lines_b: tuple[int, ...]


@dataclass(frozen=True)
class Pair:
    """Two submissions, a before b in the alphabet.

    share: in [0, 1], of the distinctive fingerprints of the one that has fewer, by weight. verbatim: how many lines,
    comments included, are the same to the letter and stand in few other submissions.
    """

    a: str
    b: str
    share: float
    verbatim: int
    cells: tuple[Part, ...]


class Line(NamedTuple):
    """One line of a source, its number from 1."""

    number: int
    text: str
    matches: bool


class _Submission(NamedTuple):
    student: str
    sources: dict[str, str]
    prints: Found
    lines: Found


def similar_pairs(
    records: Sequence[Record],
    given: Mapping[str, str | Sequence[str]] = {},
    *,
    at_least: float = 0.4,
    verbatim: int = 9,
    most: int = 50,
) -> list[Pair]:
    """The pairs with a share of `at_least`, or with `verbatim` rare lines the same; by share, then by name.

    given: grade_id -> the text or texts that everybody has (the released stub, the solution): they never count.
    most: how many pairs are wanted. SimilarityError for a share outside (0, 1].
    """
    if not 0 < at_least <= 1:
        raise SimilarityError(f"at_least is {at_least}; a share above 0 and up to 1 is needed, such as 0.4")
    in_words = {question.question for record in records for question in record.open}
    everybody: set[Key] = set()
    for grade_id, texts in given.items():
        for text in map(tidy, [texts] if isinstance(texts, str) else texts):
            everybody |= _prints(grade_id, text, in_words, window=1).keys() | _lines(grade_id, text).keys()
    class_ = [_read(record, in_words) for record in sorted(records, key=lambda r: r.student)]
    prints = _holders([one.prints for one in class_], everybody, COMMON)
    lines = _holders([one.lines for one in class_], everybody, RARE)

    own = [0.0] * len(class_)
    weights: defaultdict[tuple[int, int], float] = defaultdict(float)
    counts: Counter[tuple[int, int]] = Counter()
    for holders in prints.values():
        weight = math.log2(1 + len(class_) / len(holders))
        for one in holders:
            own[one] += weight
        for pair in combinations(holders, 2):
            weights[pair] += weight
            counts[pair] += 1
    shares = {(i, j): min(1.0, weight / min(own[i], own[j])) for (i, j), weight in weights.items()}
    same = Counter(pair for holders in lines.values() for pair in combinations(holders, 2))

    enough = max(LEAST, PER_DOUBLING * math.log2(max(1, len(class_))))
    chosen = {pair for pair, share in shares.items() if share >= at_least and counts[pair] >= enough}
    chosen |= {pair for pair, number in same.items() if number >= verbatim}
    distinctive = prints.keys() | lines.keys()
    pairs = (
        Pair(
            class_[i].student,
            class_[j].student,
            shares.get((i, j), 0.0),
            same[i, j],
            _parts(class_[i], class_[j], distinctive),
        )
        for i, j in sorted(chosen, key=lambda pair: (-shares.get(pair, 0.0), pair))[:most]
    )
    return list(pairs)


def side_by_side(part: Part) -> list[tuple[Line | None, Line | None]]:
    """The two sources, line beside line; None where the shorter one has ended."""
    columns = (
        [Line(number, text, number in marked) for number, text in enumerate(source.split("\n"), 1)]
        for source, marked in ((part.source_a, {*part.lines_a}), (part.source_b, {*part.lines_b}))
    )
    return list(zip_longest(*columns))


def table(pairs: Iterable[Pair]) -> Table:
    """The pairs as a table for the terminal."""
    made = Table("share", "student", "student", "same lines", "cells")
    for pair in pairs:
        cells = ", ".join(part.grade_id for part in pair.cells)
        made.add_row(*map(Text, (f"{pair.share:.0%}", pair.a, pair.b, str(pair.verbatim), cells)))
    return made


def _read(record: Record, in_words: set[str]) -> _Submission:
    one = _Submission(record.student, {g: tidy(text) for g, text in record.sources.items()}, {}, {})
    for grade_id, source in one.sources.items():
        one.prints.update(_prints(grade_id, source, in_words))
        one.lines.update(_lines(grade_id, source))
    return one


def _prints(grade_id: str, source: str, in_words: set[str], **window: int) -> Found:
    found = fingerprints(source, in_words=grade_id in in_words, **window)
    return {(grade_id, value): lines for value, lines in found.items()}


def _lines(grade_id: str, source: str) -> Found:
    found: defaultdict[Key, set[int]] = defaultdict(set)
    for number, line in enumerate(source.split("\n"), 1):
        if len(line.strip()) >= SHORTEST_LINE:
            found[grade_id, line.strip()].add(number)
    return found


def _holders(class_: Sequence[Found], everybody: set[Key], share: float) -> dict[Key, list[int]]:
    """The inverted index: who has it, for all that is neither given nor common."""
    holders: defaultdict[Key, list[int]] = defaultdict(list)
    for number, found in enumerate(class_):
        for key in found:
            holders[key].append(number)
    most = max(FEW, share * len(class_))
    return {key: who for key, who in holders.items() if len(who) <= most and key not in everybody}


def _parts(a: _Submission, b: _Submission, distinctive: set[Key]) -> tuple[Part, ...]:
    marked: defaultdict[str, tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
    for mine, theirs in ((a.prints, b.prints), (a.lines, b.lines)):
        for key in mine.keys() & theirs.keys() & distinctive:
            marked[key[0]][0].update(mine[key])
            marked[key[0]][1].update(theirs[key])
    return tuple(
        Part(g, a.sources[g], b.sources[g], *(tuple(sorted(lines)) for lines in marked[g]))
        for g in a.sources
        if g in marked
    )
