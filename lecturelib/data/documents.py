"""Real English text with labels: what the installed scientific packages say about themselves."""

import random
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch

from lecturelib.data.tensors import Data, DataError

PACKAGES = ("matplotlib", "networkx", "numpy", "scipy", "skimage", "sklearn", "sympy", "torch")
_QUOTED = re.compile(r'"""(.*?)"""', re.DOTALL)
_NOT_PROSE = re.compile(
    r"^\s*(>>>|\.\.\.|\.\. |:\w+|@|[-=~^*]{3,}\s*$)"  # doctests, directives, fields, underlines
    r"|^\s*[\w*`, ]+ ?: "  # name : type
    r"|^\s*(Parameters|Returns|Attributes|Examples?|Notes|References|See Also|Raises|Args|Yields):?\s*$"
)
_OWN_NAMES = "matplotlib mpl plt pyplot networkx numpy np scipy skimage scikit image sklearn learn sympy torch pytorch"


class Documents(Data):
    """Data with `words`, the columns of x, and `texts`, one a row of x."""

    words: list[str]
    texts: list[str]

    def subset(self, which) -> "Documents":
        """The documents at these indices, with their texts."""
        part = super().subset(which)
        rows = torch.arange(len(self))[which if isinstance(which, slice) else torch.as_tensor(which).cpu()]
        part.texts = [self.texts[i] for i in rows.tolist()]
        return part


def documents(
    *,
    vocabulary: int = 2000,
    per_class: int = 500,
    shortest: int = 40,
    packages: Sequence[str] = PACKAGES,
    seed: int = 0,
) -> Documents:
    """Docstrings as word counts: x float32 (n, words), y the package; `data.words` and `data.texts` name both.

    `per_class` docstrings of each package, or all if there are fewer, drawn at random among those of at least
    `shortest` words of prose (without doctests, tables and headings). x counts the `vocabulary` most frequent
    words in at least five and at most a fifth of the documents; English stop words and the packages' own names are
    left out. The text, and with it the counts, changes with the installed versions.
    """
    texts, labels = [], []
    rng = random.Random(seed)
    for label, package in enumerate(packages):
        found = _docstrings(package, shortest, 2 * per_class, rng)
        chosen = rng.sample(found, min(per_class, len(found)))
        texts += chosen
        labels += [label] * len(chosen)
    words, x = _count(texts, vocabulary)
    kept = x.sum(1) > 0
    data = Documents(x[kept], torch.tensor(labels)[kept], classes=list(packages), about=documents.__doc__)
    data.words = words
    data.texts = [text for text, keep in zip(texts, kept.tolist(), strict=True) if keep]
    return data


def _docstrings(package: str, shortest: int, enough: int, rng: random.Random) -> list[str]:
    """The prose of at least `enough` docstrings, each once, from files in random order; nothing is imported."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"the package {package!r} is not installed; choose others with packages=(...)")
    root, found = Path(spec.submodule_search_locations[0]), {}
    paths = sorted(root.rglob("*.py"))
    rng.shuffle(paths)
    for path in paths:
        if any(part.startswith("test") or part in ("_vendor", "externals") for part in path.relative_to(root).parts):
            continue
        source = path.read_text(encoding="utf-8", errors="ignore")
        for match in _QUOTED.finditer(source):
            before = source[max(0, match.start() - 100) : match.start()].rstrip("rR \n\t")
            if before.endswith((":", ",")):  # after def, class, or in a call that adds a docstring
                text = _prose(match[1])
                if len(text.split()) >= shortest:
                    found.setdefault(text)
        if len(found) >= enough:
            break
    return list(found)


def _prose(text: str) -> str:
    return " ".join(" ".join(line for line in text.splitlines() if not _NOT_PROSE.search(line)).split())


def _count(texts: list[str], vocabulary: int) -> tuple[list[str], torch.Tensor]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer  # a second to import

    count = CountVectorizer(
        stop_words=sorted(ENGLISH_STOP_WORDS | set(_OWN_NAMES.split())),
        token_pattern=r"\b[a-z]{3,}\b",
        max_features=vocabulary,
        min_df=5,
        max_df=0.2,
    )
    try:
        x = count.fit_transform(texts)
    except ValueError as error:
        raise DataError(f"{len(texts)} documents are too few to count words in: {error}") from None
    return count.get_feature_names_out().tolist(), torch.from_numpy(x.toarray()).float()
