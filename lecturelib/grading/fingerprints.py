"""Fingerprints of a text by winnowing: few numbers, which two texts share where they share a passage.

Schleimer, Wilkerson and Aiken, "Winnowing: Local Algorithms for Document Fingerprinting", SIGMOD 2003: every k tokens
in a row are hashed (a k-gram), and of every w hashes in a row the smallest is kept, as a fingerprint. What two texts
share in t = w + k - 1 tokens in a row is always found, what they share in fewer than k never is; here k = 5, w = 2,
t = 6. k-grams do not reach over the end of a statement, so that moving statements hides nothing, and a statement of
fewer than k tokens is one k-gram.

Of Python count keywords, operators, numbers, strings and attributes (`.square`); each other name stands for any name,
and comments, docstrings, brackets, quotes and layout do not count. No code is executed, and what is no Python is read
all the same.
"""

import hashlib
import io
import keyword
import re
import tokenize
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator

K, WINDOW = 5, 2
MOST_CHARACTERS, MOST_TOKENS = 100_000, 5_000
BRACKETS = set("()[]{},:.")  # with them, taking an expression apart would change nearly every k-gram
KINDS = {
    tokenize.NAME: "name",
    tokenize.NUMBER: "number",
    tokenize.STRING: "string",
    getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING): "string",  # from Python 3.12 on
    tokenize.OP: "sign",
    tokenize.ERRORTOKEN: "sign",
    tokenize.NEWLINE: "end",
}
PLAIN = re.compile(
    r"""\#[^\n]* | (?P<string> '{3} [\s\S]*? (?:'{3}|\Z) | "{3} [\s\S]*? (?:"{3}|\Z)
    | ' (?:\\.|[^'\\\n])* '? | " (?:\\.|[^"\\\n])* "? )
    | (?P<number> \d[\w.]* (?: (?<=[eE]) [-+]\d+ )? ) | (?P<name> \w+) | (?P<end> \n)
    | (?P<sign> -> | (?: \*\* | // | << | >> | [-+*/%@&|^=<>!:] )=? | [^\s\w] )""",
    re.VERBOSE,
)

Token = tuple[str, int]  # what counts of it, and its line


def tidy(text: str) -> str:
    """The text with \\n between lines, none before or after it, and no more of it than is compared."""
    return re.sub("\r\n?", "\n", text.strip("\r\n")[:MOST_CHARACTERS])


def fingerprints(text: str, *, in_words: bool = False, window: int = WINDOW) -> dict[int, set[int]]:
    """Fingerprint -> the numbers, from 1, of the lines it stands in; of Python, or of an answer in words.

    The text is tidy. With a window of 1 every k-gram counts. Of a text of more than 5,000 tokens, the first do.
    """
    found: defaultdict[int, set[int]] = defaultdict(set)
    for tokens in [_words(text)] if in_words else _statements(text):
        grams = [tokens[i : i + K] for i in range(max(1, len(tokens) - K + 1))] if tokens else []
        values = [_hash(seen for seen, _ in gram) for gram in grams]
        kept = {min(values[i : i + window]) for i in range(max(1, len(values) - window + 1)) if values}
        for gram, value in zip(grams, values, strict=True):
            if value in kept:
                found[value].update(line for _, line in gram)
    return dict(found)


def _hash(seen: Iterable[str]) -> int:
    digest = hashlib.blake2b("\0".join(seen).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")  # the same in every process, which Python's own hash is not


def _words(text: str) -> list[Token]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    shown = "".join(c for c in folded if unicodedata.category(c) != "Cf")  # what nobody sees splits no word
    lines = enumerate(shown.split("\n"), 1)
    return [(word, number) for number, line in lines for word in re.findall(r"[^\W_]+", line)][:MOST_TOKENS]


def _statements(source: str) -> list[list[Token]]:
    try:
        return _normalised(_tokens(source))
    except (tokenize.TokenError, SyntaxError, ValueError):  # it is no Python
        return _normalised(_plain_tokens(source))


def _tokens(source: str) -> Iterator[tuple[str, str, int]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in KINDS and (token.type == tokenize.NEWLINE or token.string.strip()):
            yield KINDS[token.type], token.string, token.start[0]


def _plain_tokens(source: str) -> Iterator[tuple[str, str, int]]:
    line = 1
    for found in PLAIN.finditer(source):
        if found.lastgroup:
            yield found.lastgroup, found[0], line
        line += found[0].count("\n")


def _normalised(tokens: Iterable[tuple[str, str, int]]) -> list[list[Token]]:
    statements: list[list[Token]] = [[]]
    count, before = 0, ""
    for kind, text, line in tokens:
        if kind == "end" or text == ";":
            statements.append([])
        elif not (kind == "sign" and text in BRACKETS):
            statements[-1].append((_normal(kind, text, before), line))
            count += 1
        if count == MOST_TOKENS:
            break
        before = text
    return [s for s in statements if not all(seen.startswith('"') for seen, _ in s)]  # a docstring does nothing


def _normal(kind: str, text: str, before: str) -> str:
    if kind == "name" and before == ".":
        return "." + unicodedata.normalize("NFKC", text)  # as Python reads it
    if kind == "name":
        return text if keyword.iskeyword(text) else "name"
    if kind == "number":
        try:
            return repr(complex(text[:40]))
        except ValueError:  # 0x10
            return text.lower()
    return '"' + text.lstrip("rRbBuUfFtT").strip("'\"") if kind == "string" else text
