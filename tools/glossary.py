"""Write docs/glossary and the links to it in the notebooks, from lecturelib/terms/terms.toml.

    python tools/glossary.py            # both
    python tools/glossary.py --check    # say what would change, and change nothing

A term's first use in the running text of the lecture that it names becomes a link, whose title is what it means.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from lecturelib.terms import LANGUAGES, PAGE, Term, folded, in_table, terms

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\[([^\[\]]+)\]\(" + re.escape(PAGE) + r'#([^ )]+)(?: "([^"]*)")?\)')  # word, anchor, definition
# where no link goes: mathematics, code, links, pictures, addresses, tags
CLOSED = re.compile(
    r"\$\$.*?\$\$|\$[^$\n]+\$|```.*?```|`[^`\n]+`"
    r'|!?\[[^\[\]]*\]\((?:[^()"]|"[^"]*")*\)'
    r"|<[^>\n]+>|https?://\S+|^#[^\n]*",
    re.DOTALL | re.MULTILINE,
)


def pages() -> dict[Path, str]:
    """The pages of the glossary: one with all languages, and one for each other language, sorted by its words."""
    folder = ROOT / "docs" / "glossary"
    others = [lang for lang in LANGUAGES if lang != "en"]
    links = " · ".join(f"[{LANGUAGES[lang]}]({lang}.md)" for lang in others)
    first = {folded(term.en)[0].upper(): term for term in reversed(terms())}
    letters = [f"[{letter}](#{first[letter].anchor})" for letter in sorted(first)]
    lines = ["# The words of the course", "",
             f"{len(terms())} terms in English, with what they are called in Vietnamese, Polish and Dutch, and the "
             f"lecture that uses each first in this sense. Sorted by the words of another language: {links}. In a "
             'notebook `from lecturelib import glossary; glossary("posterior", lang="pl")` shows one.', "",
             " · ".join(letters), ""]  # fmt: skip
    for term in terms():
        words = " · ".join(f"{lang}: *{term.said(lang)}*" for lang in others)
        # JupyterLab's own anchors keep capitals and apostrophes
        lines += [] if term.anchor == term.en.replace(" ", "-") else [f'<a id="{term.anchor}"></a>', ""]
        lines += [f"### {term.en}", "", f"{term.definition} {lecture(term)}  ", words, ""]
    found = {folder / "README.md": "\n".join(lines)}
    for lang in others:
        rows = sorted(terms(), key=lambda term: folded(term.said(lang)))
        table = [f"# {LANGUAGES[lang]}", "", f"| {LANGUAGES[lang]} | English |", "| --- | --- |"]
        table += [f"| {term.said(lang)} | [{term.en}](README.md#{term.anchor}) |" for term in rows]
        found[folder / f"{lang}.md"] = "\n".join([*table, ""])
    return found


def lecture(term: Term) -> str:
    """A link to the lecture that it names."""
    (notebook,) = (ROOT / "notebooks").glob(f"{term.lecture:02}_*.ipynb")
    return f"[Lecture {term.lecture:02}](../../notebooks/{notebook.name})"


def linked(source: str) -> str:
    """Text without links to the glossary."""
    return LINK.sub(lambda match: match[1], source)


def open_parts(source: str) -> Iterator[tuple[int, int]]:
    """The parts of a Markdown text in which a link may stand."""
    start = 0
    for closed in CLOSED.finditer(source):
        yield start, closed.start()
        start = closed.end()
    yield start, len(source)


def place(term: Term, source: str) -> re.Match | None:
    """The first use of a term in a text, or None."""
    words = "|".join(re.escape(word) for word in sorted((term.en, *term.forms), key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE)
    for start, end in open_parts(source):
        if found := pattern.search(source, start, end):
            return found
    return None


def relinked(notebook: dict, mine: list[Term]) -> list[Term]:
    """Put the links of these terms into a notebook's cells, in place; returns those that found no place."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    texts = [linked("".join(cell["source"])) for cell in cells]
    texts = [text.partition("\n## References") for text in texts]
    heads, tails = [t[0] for t in texts], [t[1] + t[2] for t in texts]
    lost = []
    for term in sorted(mine, key=lambda t: -max(map(len, (t.en, *t.forms)))):  # "posterior collapse" before "posterior"
        for k, head in enumerate(heads):
            if found := place(term, head):
                link = f'[{found[0]}]({PAGE}#{term.anchor} "{in_table(term.definition)}")'
                heads[k] = head[: found.start()] + link + head[found.end() :]
                break
        else:
            lost.append(term)
    for cell, head, tail in zip(cells, heads, tails, strict=True):
        cell["source"] = (head + tail).splitlines(keepends=True)
    return lost


def notebooks() -> tuple[dict[Path, str], list[Term]]:
    """Every notebook as it should stand, and the terms that are not in their lecture."""
    found, lost = {}, []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        lost += relinked(notebook, [term for term in terms() if term.lecture == int(path.name[:2])])
        found[path] = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    return found, lost


def main() -> None:
    """Write, or say what would be written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if anything would change")
    options = parser.parse_args()
    texts, lost = notebooks()
    for term in lost:
        print(f"{term.en!r} is not in the running text of lecture {term.lecture:02}")
    changed = 0
    for path, text in (pages() | texts).items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        changed += 1
        print(f"{'differs' if options.check else 'written'}: {path.relative_to(ROOT)}")
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    sys.exit(bool(lost) or (options.check and bool(changed)))


if __name__ == "__main__":
    main()
