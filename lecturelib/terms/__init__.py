"""The words of the course in English, Vietnamese, Polish and Dutch, each with one line of what it means.

    glossary("posterior", lang="pl")
    glossary("rozkład a posteriori")

They are kept in terms.toml beside this file; `python tools/glossary.py` writes docs/glossary and the notebooks' links.
"""

import difflib
import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lecturelib.record import named

PAGE = "../docs/glossary/README.md"  # from a notebook
LANGUAGES = {"en": "English", "vi": "Tiếng Việt", "pl": "polski", "nl": "Nederlands"}


@dataclass(frozen=True)
class Term:
    """A word in all languages, the lecture in which it appears first, and how else it is written there."""

    en: str
    vi: str
    pl: str
    nl: str
    lecture: int
    definition: str
    forms: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        """Its place on a page: as the headings of Markdown get it, and without marks on its letters."""
        kept = "".join(c for c in folded(self.en) if c.isalnum() or c in " -_")
        return kept.replace(" ", "-")

    def said(self, lang: str) -> str:
        """The word in a language; ValueError for one that the glossary has not."""
        named(lang, LANGUAGES, "language of the glossary")
        return getattr(self, lang)


@dataclass(frozen=True)
class Shown:
    """What `glossary` found, as a notebook or a console shows it."""

    terms: tuple[Term, ...]
    langs: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n".join(f"{self._words(term)}: {term.definition} (lecture {term.lecture:02})" for term in self.terms)

    def _repr_markdown_(self) -> str:
        if len(self.terms) == 1:
            (term,) = self.terms
            words = "; ".join(f"**{term.said(lang)}**" + self._language(lang) for lang in ("en", *self.langs))
            return f"{words}. {in_table(term.definition)} (Lecture {term.lecture:02}.)"
        rows = [["", *(LANGUAGES[lang] for lang in self.langs), "what it means", "lecture"]]
        rows += [["---"] * len(rows[0])]
        for t in self.terms:
            rows.append([f"**{t.en}**", *map(t.said, self.langs), in_table(t.definition), f"{t.lecture:02}"])
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def _words(self, term: Term) -> str:
        return "; ".join([term.en, *(term.said(lang) + self._language(lang) for lang in self.langs)])

    def _language(self, lang: str) -> str:
        return "" if lang == "en" else f" ({LANGUAGES[lang]})"


def in_table(text: str) -> str:
    """Text whose bars do not end a cell of a table."""
    return text.replace("|", "&#124;")


@cache
def terms() -> tuple[Term, ...]:
    """All of them, by their English names."""
    read = tomllib.loads((Path(__file__).parent / "terms.toml").read_text(encoding="utf-8"))["term"]
    return tuple(sorted((Term(**{**one, "forms": tuple(one["forms"])}) for one in read), key=lambda t: folded(t.en)))


def folded(word: str) -> str:
    """For sorting: small letters without their marks."""
    apart = unicodedata.normalize("NFD", word.strip().lower().replace("đ", "d").replace("ł", "l"))
    return "".join(c for c in apart if not unicodedata.combining(c))


def _key(word: str) -> str:
    """For finding: folded, -ize as -ise."""
    return re.sub(r"iz(?=e|at|ing)", "is", folded(word))


def glossary(term: str | None = None, lang: str | Sequence[str] = ("vi", "pl", "nl")) -> Shown:
    """A word of the course and what it means, in one language or several ("en", "vi", "pl", "nl"); without one, all.

    The word may be given in any of the languages, as the whole entry or as what stands before or in its brackets, with
    or without the marks on its letters, in British or American spelling. ValueError, with near matches, for one that is
    not there.
    """
    langs = (lang,) if isinstance(lang, str) else tuple(lang)
    for one in langs:
        named(one, LANGUAGES, "language of the glossary")
    langs = tuple(one for one in langs if one != "en")
    if term is None:
        return Shown(terms(), langs)
    known = _by_word()
    if (word := _key(term)) not in known:
        near = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "`glossary()` shows all"
        raise ValueError(f"there is no term {term!r} in the glossary; {hint}")
    return Shown((known[word],), langs)


@cache
def _by_word() -> dict[str, Term]:
    """Every term by every word that says it: whole entries count before parts of others."""
    found, parts = {}, defaultdict(set)
    for term in terms():
        for word in (term.en, *term.forms, term.vi, term.pl, term.nl):
            found.setdefault(_key(word), term)
            for part in pieces(word):
                parts[_key(part)].add(term)
    return {part: owners.pop() for part, owners in parts.items() if len(owners) == 1} | found


def pieces(word: str) -> list[str]:
    """What stands before, in and behind the brackets of an entry."""
    return [part for part in re.split(r" ?[()]", word) if part.strip()] if "(" in word else []
