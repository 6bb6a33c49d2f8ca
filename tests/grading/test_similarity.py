"""Similar submissions: copies are found in disguise, honest answers and given code are left alone."""

import importlib.util
import io
import random
from itertools import combinations
from pathlib import Path

import pytest
from rich.console import Console

from lecturelib.grading.fingerprints import MOST_CHARACTERS, MOST_TOKENS, fingerprints, tidy
from lecturelib.grading.records import Open, Record
from lecturelib.grading.similarity import Line, Part, SimilarityError, side_by_side, similar_pairs, table

STATEMENTS = [f"    part_{i} = torch.stack([x[{i}], h[{i + 3}]]).norm() ** {i} - x.roll({i})" for i in range(12)]
RARE = "def pca(x, k):\n" + "\n".join(STATEMENTS)


@pytest.fixture(scope="module")
def students():
    path = Path(__file__).parents[2] / "benchmarks" / "students.py"
    spec = importlib.util.spec_from_file_location("students", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def given(students):
    return {grade_id: [students.STUBS[grade_id], students.SOLUTIONS[grade_id]] for grade_id in students.STUBS}


@pytest.fixture(scope="module")
def honest(students):
    return students.made_up(20, seed=3)[0]


def record(name: str, **sources: str) -> Record:
    return Record("lab02", name, sources=sources, open=[Open("open", 5, True)])


def names(pairs) -> list[tuple[str, str]]:
    return [(pair.a, pair.b) for pair in pairs]


def vocabulary(rng: random.Random, n: int) -> list[str]:
    return [f"w{rng.randrange(10**9)}" for _ in range(n)]


@pytest.mark.parametrize("seed", range(20))
def test_six_tokens_in_a_row_are_found_and_four_never(seed):
    rng = random.Random(seed)
    shared = vocabulary(rng, 6)
    a, b = ([*vocabulary(rng, rng.randrange(9)), *shared, *vocabulary(rng, rng.randrange(9))] for _ in range(2))
    assert fingerprints(" ".join(a), in_words=True).keys() & fingerprints(" ".join(b), in_words=True).keys()
    c, d = ([*vocabulary(rng, 7), *shared[:4], *vocabulary(rng, 7)] for _ in range(2))
    assert not fingerprints(" ".join(c), in_words=True).keys() & fingerprints(" ".join(d), in_words=True).keys()


def test_a_window_of_two_keeps_some_k_grams_and_every_one_of_them_stands_in_a_window_of_one():
    text = " ".join(vocabulary(random.Random(0), 200))
    every, some = (fingerprints(text, in_words=True, window=w) for w in (1, 2))
    assert some.items() < every.items()
    assert len(every) == 196
    assert 0.55 < len(some) / 196 < 0.8  # 2 / 3 is expected


SOURCE = 'def f(x, W):\n    """What it does."""\n    h = torch.sigmoid(x @ W.T + 1000)\n    return "a", h.sum(1) / 1e-6'


@pytest.mark.parametrize(
    "same",
    [
        'def f(data, matrix):\n    code = torch.sigmoid(data @ matrix.T + 1000)\n    return "a", code.sum(1) / 1e-6',
        SOURCE.replace("    h =", "    # a comment\n\n    h =").replace("1e-6", "1e-6  # and one more"),
        SOURCE.replace('"a"', "'a'").replace("1e-6", "0.000001").replace("1000", "1_000.0"),
        SOURCE.replace("1000", "1e3").replace("What it does", "Something else"),
        SOURCE.replace("x @ W.T + 1000", "(x @ W.T)\n        + (1000)").replace("h.sum(1)", "(h).sum((1))"),
        SOURCE.replace("    ", "\t").replace(" @ ", "@").replace("\n", "\r\n"),
        SOURCE.replace("1000)\n    ", "1000); "),
        SOURCE.replace(".sum", ".ｓｕｍ"),  # which Python reads as .sum
    ],
)
def test_names_comments_and_layout_do_not_count(same):
    assert fingerprints(tidy(same)).keys() == fingerprints(SOURCE).keys()


@pytest.mark.parametrize(
    ("old", "new"), [(".sum", ".mean"), ("1000", "1001"), ('"a"', '"b"'), (" / ", " * "), ("return", "yield")]
)
def test_attributes_numbers_strings_and_operators_count(old, new):
    assert fingerprints(SOURCE.replace(old, new), window=1).keys() != fingerprints(SOURCE, window=1).keys()


def test_moved_statements_keep_their_fingerprints_and_take_their_lines_along():
    moved = "\n".join(["def pca(x, k):", *reversed(STATEMENTS)])
    before, after = fingerprints(RARE), fingerprints(moved)
    assert before.keys() == after.keys()
    first, last = ({v for v, lines in found.items() if lines == {n}} for found, n in ((before, 2), (after, 13)))
    assert first == last != set()


def test_the_lines_are_those_of_the_text_as_it_is_kept():
    text = tidy("\r\n\r\nx = (\r\n    a.first\r\n    - b.second\r\n)\r\ny = a.third\r\n\r\n")
    assert text.split("\n") == ["x = (", "    a.first", "    - b.second", ")", "y = a.third"]
    assert sorted(map(sorted, fingerprints(text, window=1).values())) == [[1, 2, 3], [1, 2, 3], [2, 3], [5]]


def test_fingerprints_are_the_same_in_every_process():
    assert fingerprints("return x.mean(0)") == {14513746568702173794: {1}}


def test_words_are_compared_without_case_marks_and_what_nobody_sees():
    plain = "the network learns to copy every pixel"
    other = "**The** network, lear\u200bns to _copy_ every\npixel!"
    assert fingerprints(plain, in_words=True).keys() == fingerprints(other, in_words=True).keys()


HOSTILE = [
    "",
    "\n" * 10**6,
    "\0" * 1000 + "x = 1",
    "(" * 10**6,
    "[" * 500 + "]" * 500,
    "x = " + "-" * 10**6 + "1",
    "9" * 10**6,
    "0x" + "f" * 10**5,
    "1" + "_1" * 10**5 + "e" * 10,
    '"""' + "a\n" * 400_000,
    "'" * 10**5 + "x",
    "'\\a" + "\\a" * 10**5,
    "\\\n" * 10**5,
    "x = 1;" * 10**5,
    "x.y = 1\n" * 10**5,
    "\n".join(" " * i + "if x:" for i in range(1000)),
    "if x:\n        y\n    z\n",
    "\ud800 = '\udfff'",
    "\u202e\u2066 x\u200b = \uff11 \U0001f600 ﷺ" * 10**4,
    "\x0c\x0b\x1c\u2028\u0085x = 1",
    "!ls\n%magic?\n$",
    "f'{x!r:{y}}' f'{' \n" * 1000,
    "é" * 10**6,
    "#" * 10**6,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t[:12]))
@pytest.mark.parametrize("in_words", [False, True])
def test_whatever_is_handed_in_is_read(text, in_words):
    text = tidy(text)
    found = fingerprints(text, in_words=in_words)
    assert len(text) <= MOST_CHARACTERS
    assert len(found) <= MOST_TOKENS
    lines = text.count("\n") + 1
    assert all(1 <= line <= lines for numbers in found.values() for line in numbers)


@pytest.mark.parametrize("broken", ["\0\n", "if:\n        y\n    z\n", "((\n"])
def test_what_is_no_python_is_read_all_the_same(broken):
    found, expected = (fingerprints(f"{start}{STATEMENTS[3]}\n{STATEMENTS[4]}") for start in (broken, "if x:\n"))
    assert expected.keys() - found.keys() <= {value for value, lines in expected.items() if lines == {1}}


def test_no_code_is_executed(tmp_path):
    source = f"open({str(tmp_path / 'made')!r}, 'w')\nraise SystemExit\n" * 20
    similar_pairs([record("a", pca=source), record("b", pca=source)])
    assert not list(tmp_path.iterdir())


def test_copies_are_found_in_disguise_and_honest_pairs_are_not(students, given):
    """A class is right or wrong as a whole; benchmarks/similarity.py measures on many more."""
    found, copied, wrong = 0, 0, 0
    for seed in range(4):
        records, pairs = students.made_up(40, seed, [(11, 0), (11, 1), (11, 2), (9, 0), (9, 1), (9, 2)])
        reported = names(similar_pairs(records, given))
        found += len(pairs.keys() & {*reported})
        copied += len(pairs)
        wrong += len({*reported} - pairs.keys())
    assert copied == 24
    assert found >= 20
    assert wrong <= 1


def test_those_who_learned_from_few_books_are_left_alone(students, given):
    reported = [similar_pairs(students.made_up(40, seed, books=10)[0], given) for seed in range(3)]
    assert sum(map(len, reported)) <= 1


def test_a_pair_says_where_the_two_agree(honest):
    a = record("b", **{"write-pca": f"{RARE}\n    return x", "write-corrupt": "def corrupt(x): return x"})
    b = record("a", **{"write-corrupt": "def corrupt(y): return 1", "write-pca": f"# mine\n\n{RARE}\n    return 7"})
    (pair,) = similar_pairs([a, *honest, b])
    assert (pair.a, pair.b) == ("a", "b")
    assert pair.share > 0.9
    assert pair.verbatim == 13
    (part,) = pair.cells
    assert part.grade_id == "write-pca"
    assert part.source_a.startswith("# mine")
    assert part.lines_a == tuple(range(3, 16))
    assert part.lines_b == tuple(range(1, 14))


def test_given_code_never_counts(honest):
    class_ = [record("a", pca=RARE), record("b", pca=RARE), *honest]
    assert names(similar_pairs(class_)) == [("a", "b")]
    for text in (RARE, [RARE], ["something else", f"x = 1\n{RARE.replace('part', 'piece')}"]):
        assert not [p for p in similar_pairs(class_, {"pca": text}, verbatim=10**6) if p.share]
    assert not similar_pairs(class_, {"pca": RARE})
    assert similar_pairs(class_, {"other": RARE})


def test_what_a_quarter_of_the_class_writes_is_common_knowledge(honest):
    def reported(copies, others=20):
        return similar_pairs([*(record(f"a{i}", pca=RARE) for i in range(copies)), *honest[:others]])

    assert names(reported(3)) == [("a0", "a1"), ("a0", "a2"), ("a1", "a2")]
    assert len(reported(6)) == 15
    assert reported(8) == []
    assert len(reported(3, others=4)) == 3  # three are never many
    assert reported(4, others=4) == []


def test_little_in_common_is_not_reported(honest):
    short = "\n".join(RARE.split("\n")[:3])
    assert similar_pairs([record("a", pca=short), record("b", pca=short), *honest]) == []


def test_the_same_lines_to_the_letter_are_reported_whatever_else_was_written(students, honest):
    comments = "\n".join(f"    # the {word} is what I belive matters here" for word in students.WORDS[:9])
    class_ = [
        record(name, pca=f"def pca(x, k):\n{comments}\n    return {name}.{name}(x, k) ** {number}", more=own)
        for number, (name, own) in enumerate({"a": RARE, "b": RARE.replace("norm", "sum").replace("x", "h")}.items())
    ]
    (pair,) = similar_pairs([*class_, *honest])
    assert (pair.a, pair.b, pair.verbatim) == ("a", "b", 10)
    assert pair.share < 0.4
    assert pair.cells[0].lines_a == tuple(range(1, 11))
    assert similar_pairs([*class_, *honest], verbatim=11) == []


def test_answers_in_words_are_compared_by_words(honest):
    rng = random.Random(0)
    said = vocabulary(rng, 90)
    other = " ".join(word.upper() + "," if rng.random() < 0.5 else word for word in said)
    class_ = [record("a", open=" ".join(said)), record("b", open=f"## Answer\n\n{other}"), *honest]
    (pair,) = similar_pairs(class_)
    assert (pair.a, pair.b) == ("a", "b")
    assert pair.share > 0.95
    assert pair.cells[0].lines_b == (3,)


def test_the_order_of_records_changes_nothing(students, given):
    records, _ = students.made_up(30, seed=1, copiers=[(11, 1), (11, 2), (9, 0)])
    pairs = similar_pairs(records, given)
    assert len(pairs) >= 2
    assert similar_pairs(records[::-1], given) == pairs
    assert [p.share for p in pairs] == sorted((p.share for p in pairs), reverse=True)
    assert similar_pairs(records, given, most=1) == pairs[:1]
    assert all(0 <= p.share <= 1 and p.a < p.b for p in pairs)


def test_small_classes():
    assert similar_pairs([]) == []
    assert similar_pairs([record("a", pca=RARE)]) == []
    assert similar_pairs([record("a"), record("b"), Record("lab02", "c", failure="no notebook")]) == []
    (pair,) = similar_pairs([record("a", pca=RARE), record("b", pca=RARE)])
    assert pair.share == 1


def test_hostile_submissions_stand_beside_others(honest):
    hostile = [record(f"h{i:02d}", pca=text, open=text) for i, text in enumerate(HOSTILE)]
    class_ = [record("a", pca=RARE), record("b", pca=RARE), *honest, *hostile]
    assert ("a", "b") in names(similar_pairs(class_))


def test_padding_one_copy_hides_nothing(students, honest):
    rng = random.Random(0)
    padding = "\n".join(f"{w} = {w}.{rng.choice(students.WORDS)}({i}) ** {i}" for i, w in enumerate(students.WORDS * 9))
    class_ = [record("a", pca=RARE), record("b", pca=f"{padding}\n{RARE.replace('part', 'piece')}"), *honest]
    (pair,) = similar_pairs(class_)
    assert (pair.a, pair.b) == ("a", "b")
    assert pair.share > 0.9


@pytest.mark.parametrize("share", [0, -1, 60, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(SimilarityError, match="a share above 0 and up to 1 is needed"):
        similar_pairs([], at_least=share)


def test_side_by_side_gives_both_sources_whole():
    rows = side_by_side(Part("pca", "one\ntwo", "two\nthree\nfour", (2,), (1,)))
    assert rows == [
        (Line(1, "one", False), Line(1, "two", True)),
        (Line(2, "two", True), Line(2, "three", False)),
        (None, Line(3, "four", False)),
    ]


def test_the_table_shows_names_as_they_are():
    pairs = similar_pairs([record("[red]anna", **{"[b]": RARE}), record("bert", **{"[b]": RARE})])
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(table(pairs))
    text = console.export_text()
    assert all(word in text for word in ("100%", "[red]anna", "bert", "13", "[b]"))


def test_what_the_benchmark_calls_a_disguise_changes_the_text(students):
    source = students.Student(0, 0).cells["write-linear"]
    texts = [students.disguised(source, level, random.Random(1)) for level in range(4)]
    assert texts[0] == source
    assert all(a != b for a, b in combinations(texts, 2))
    lines = [{line.strip() for line in text.split("\n")} for text in texts]
    assert all(len(lines[0] & other) <= 1 for other in lines[1:])
