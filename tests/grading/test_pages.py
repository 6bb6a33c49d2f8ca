"""What the pages of grading are made of: nothing hidden, nothing lost, and colours that can be read."""

import random
import re
from datetime import UTC, datetime, timedelta, timezone
from html import unescape
from pathlib import Path

import pytest

from lecturelib.grading import pages
from lecturelib.grading.records import Item

STYLE = (Path(pages.__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")


def text(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))


@pytest.mark.parametrize("character", "\u202e\u202a\u2066\u2069\u200e\u200b\ufeff\u2028\x00\x1b\x7f\x85\ud800")
def test_what_hides_or_turns_is_made_visible(character):
    seen = pages.visible(f"a{character}b")
    assert seen == f"a⟦U+{ord(character):04X}⟧b"
    seen.encode()


def test_other_text_stays_as_it_is():
    for words in ("naïve\n\tx = 1", "Ελληνικά עברית عربى 日本語", "می\u200cخواهم", "👩\u200d🔬 é"):
        assert pages.visible(words) == words


def test_code_keeps_every_line_and_its_number():
    rng = random.Random(0)
    pieces = [
        "def f(x):",
        '"""',
        "'",
        "#",
        "\\",
        "(",
        "\n",
        "\n\n",
        "    ",
        "return",
        "f'{",
        "}",
        "0x",
        "ä",
        "<b>",
        "&amp;",
    ]
    for _ in range(200):
        source = rng.choice(["", "\n\n"]) + "x" + "".join(rng.choices(pieces, k=30)) + "x"
        html = pages.code(source)
        assert text(html) == source + "\n"
        assert html.count('<span class="line">') == source.count("\n") + 1


def test_code_takes_every_end_of_line_that_python_takes():
    assert pages.code("a\r\nb\rc\nd").count('class="line"') == 4


def test_code_marks_lines():
    html = pages.code("a\nb\nc", marked={2, 9})
    assert re.findall(r'class="line( marked)?">([^<]*)', html) == [("", "a\n"), (" marked", "b\n"), ("", "c\n")]


def test_what_is_too_long_is_cut_and_says_so():
    html = pages.code("\n".join(["y" * 5_000, *["x"] * 100_000]))
    assert len(html) < 30_000
    assert "(4,700 characters more)" in text(html)
    assert "99,601 more lines are not shown" in html
    assert len(pages.words("z" * 100_000)) < 1_000
    assert len(pages.answer("w\n" * 100_000)) < 2_000


def test_words_set_code_and_escape_everything():
    assert pages.words("`f<x>` raised & `g`") == "<code>f&lt;x&gt;</code> raised &amp; <code>g</code>"
    assert pages.words("a ` b") == "a ` b"
    assert pages.words("`f` and ` alone") == "<code>f</code> and ` alone"


def test_a_sentence_begins_with_a_capital_unless_it_is_code():
    begins = {
        "the loss": "The loss",
        "`pca` is": "<code>pca</code> is",
        "share=0.3 is": "share=0.3 is",
        "A: no": "A: no",
    }
    for before, after in begins.items():
        assert pages.sentence(before) == after


def test_paths_lose_their_folders():
    said = "FileNotFoundError: '/home/teacher/course/x.csv' (see /tmp/a/b)"
    assert pages.without_folders(said) == "FileNotFoundError: '…/x.csv' (see …/b)"
    for words in ("averaged 1/2 over n/m", "a / b", "labs/lab02/x.py", "https://a.org/b/c", "h (1 - h) / n"):
        assert pages.without_folders(words) == words


def test_mistakes_that_differ_in_numbers_or_code_are_alike():
    a, b = "`encode` has shape (3, 2); entry [0] is -1.5e-3", "`decode` has shape (14, 2); entry [7] is 4"
    assert pages.alike(a) == pages.alike(b)
    assert pages.in_common([a, b]) == "… has shape (…, 2); entry […] is …"
    assert pages.in_common([a]) == a
    assert pages.alike("shapes 8x2 and 6x2") == pages.alike("shapes 1x15 and 12x5")
    assert pages.alike("it has dtype float64") != pages.alike("it has dtype float32")
    assert pages.alike("… is wrong") != pages.alike("`f` is wrong")


def test_a_mistake_is_taken_apart_from_its_hint():
    def item(status, hint, score=0.0):
        return Item("pca", "pca_elsewhere", True, score, 1.0, status, hint)

    assert pages.mistake(item("failed", "it is wrong. Hint: Look.")) == ("it is wrong", "Look.")
    assert pages.mistake(item("passed", "", 1.0)) == ("", "")
    for status in (*pages.WITHOUT_WORDS, "something new"):
        assert pages.mistake(item(status, ""))[0]
    said, _ = pages.mistake(item("broken", "NameError: pca_elsewhere"))
    assert said == pages.BROKEN


def test_numbers_and_dates():
    assert [pages.points(x) for x in (2, 2.5, 1 / 3, -7, 0, 100, 1234567.0)] == [
        "2", "2.5", "0.33", "−7", "0", "100", "1234567",
    ]  # fmt: skip
    assert pages.percent(0.3) == "30\N{NO-BREAK SPACE}%"
    assert [pages.count(n, "day") for n in (1, 2)] == ["1 day", "2 days"]
    moment = datetime(2027, 2, 1, 0, 59, tzinfo=timezone(timedelta(hours=1)))
    assert pages.when(moment) == pages.when(moment.astimezone(UTC)) == "31 January 2027, 23:59 UTC"


def colours(block: str) -> dict[str, tuple[float, ...]]:
    found = re.findall(r"--([\w-]+): #([0-9a-f]{6}|[0-9a-f]{3});", block)
    wide = {name: digits if len(digits) == 6 else "".join(2 * d for d in digits) for name, digits in found}
    return {name: tuple(int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)) for name, digits in wide.items()}


def luminance(colour: tuple[float, ...]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """WCAG 2's ratio; 4.5 is wanted for text, 3 for shapes."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("number", range(3), ids=["light", "dark", "print"])
def test_every_text_can_be_read_on_its_ground(number):
    schemes = [colours(block) for block in re.findall(r":root \{([^}]*)\}", STYLE)]
    assert len(schemes) == 3
    scheme = schemes[number]
    on = {
        "text": ("ground", "card", "soft", "right-soft", "wrong-soft", "warn-soft", "part", "none", "mark"),
        "quiet": ("ground", "card", "soft", "right-soft", "wrong-soft", "warn-soft", "mark"),
        "link": ("card",), "right": ("right-soft",), "wrong": ("wrong-soft",), "on-got": ("got",),
    } | {f"code-{kind}": ("soft", "mark") for kind in "kscnf"}  # fmt: skip
    for name, grounds in on.items():
        for ground in grounds:
            assert contrast(scheme[name], scheme[ground]) >= 4.5, (name, ground)
    for name in ("got", "late"):
        assert contrast(scheme[name], scheme["card"]) >= 3, name
    assert contrast(scheme["got"], scheme["none"]) >= 3
