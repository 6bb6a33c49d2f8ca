"""Short prompts for faces, made from their factors: "young, long red hair, glasses, smiling, blue wall".

    tokens = describe(faces.factors, seed=0)            # (n, LENGTH): a random part of what is true of each face
    sentence(tokens[0]), encode(["old, curly hair, no glasses"])
    fulfilled(tokens, reader.predict(pictures))         # which of the things asked for are there: (n, phrases)

A prompt is a set of phrases; each says something that factors tell. Their order is free, and so are commas.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lecturelib.data.face_factors import FACTOR_NAMES, HAIR_COLOURS, HAIR_STYLES
from lecturelib.data.files import DataError


@dataclass(frozen=True)
class Phrase:
    """Words, the factor that they speak of, and of which values they are true.

    Drawing, values from `low` to `high` are described so; judging, those within `slack` of it count as well, as the
    network that reads factors errs.
    """

    words: str
    factor: str
    low: float
    high: float
    slack: float = 0.0

    def true_of(self, factors: Tensor, slack: float = 0.0) -> Tensor:
        """(n, factors) -> (n,) of booleans."""
        value = factors[:, FACTOR_NAMES.index(self.factor)]
        return (value >= self.low - slack) & (value <= self.high + slack)


def _choices(factor: str, values: Sequence[str], words: Callable[[str], str]) -> list[Phrase]:
    return [Phrase(words(value), factor, k, k) for k, value in enumerate(values)]


PHRASES: tuple[Phrase, ...] = (
    Phrase("young", "age", 0, 0.3, 0.1), Phrase("old", "age", 0.7, 1, 0.1),
    Phrase("light skin", "skin", 0, 0.35, 0.1), Phrase("dark skin", "skin", 0.65, 1, 0.1),
    *_choices("hair_style", HAIR_STYLES, lambda value: f"{value} hair" if value not in ("bun", "pigtails") else value),
    *_choices("hair_colour", HAIR_COLOURS, lambda value: f"{value} hair"),
    Phrase("no glasses", "glasses", 0, 0), Phrase("glasses", "glasses", 1, 1),
    Phrase("smiling", "mouth", 0.35, 1, 0.2), Phrase("frowning", "mouth", -1, -0.35, 0.2),
    Phrase("looking left", "yaw", -1, -0.4, 0.2), Phrase("looking right", "yaw", 0.4, 1, 0.2),
    Phrase("red wall", "background", 0, 0.08, 0.05), Phrase("yellow wall", "background", 0.1, 0.2, 0.05),
    Phrase("green wall", "background", 0.27, 0.5, 0.05), Phrase("blue wall", "background", 0.62, 0.82, 0.05),
    Phrase("violet wall", "background", 0.9, 1, 0.05),
)  # fmt: skip
NOTHING = 0  # the token of no phrase; that of PHRASES[k] is k + 1
LENGTH = len({phrase.factor for phrase in PHRASES})  # of a prompt: each factor is spoken of once at most
VOCABULARY = ("", *sorted({word for phrase in PHRASES for word in phrase.words.split()}))
_WORDS = torch.tensor([(0, 0), *([VOCABULARY.index(word) for word in [*phrase.words.split(), ""][:2]]
                                 for phrase in PHRASES)])  # fmt: skip
WORDS = 2 * LENGTH  # of a prompt, at most
_NUMBERS = {phrase.words: number for number, phrase in enumerate(PHRASES, 1)}


def named(words: str) -> Phrase:
    """The phrase of these words; DataError, with those there are, for others."""
    if words not in _NUMBERS:
        raise DataError(f"{words!r} is not known; there are: {', '.join(_NUMBERS)}")
    return PHRASES[_NUMBERS[words] - 1]


def describe(factors: Tensor, seed: int = 0, share: float = 0.5) -> Tensor:
    """Prompts that are true of faces (n, factors): tokens (n, LENGTH), each true phrase there with probability `share`.

    The phrases stand in a random order, and NOTHING after them.
    """
    rng = torch.Generator().manual_seed(seed)
    true = torch.stack([phrase.true_of(factors.cpu()) for phrase in PHRASES], 1)
    said = true & (torch.rand(true.shape, generator=rng) < share)
    place = torch.where(said, torch.rand(said.shape, generator=rng), 2.0).argsort(1)[:, :LENGTH]
    return torch.where(said.gather(1, place), place + 1, NOTHING).to(factors.device)


def sentence(tokens: Tensor) -> str:
    """The words of one prompt (LENGTH,)."""
    return ", ".join(PHRASES[token - 1].words for token in tokens.tolist() if token != NOTHING)


def words(tokens: Tensor) -> Tensor:
    """The words of prompts (n, LENGTH) as numbers into VOCABULARY, and 0 after the last: (n, WORDS)."""
    found = _WORDS.to(tokens.device)[tokens].flatten(1)
    return found.gather(1, (found == NOTHING).int().argsort(dim=1, stable=True))


def encode(prompts: Sequence[str]) -> Tensor:
    """Prompts in words as tokens (n, LENGTH). DataError for words that are not known, and for a contradiction.

    "long red hair" is "long hair, red hair"; "and", "with", "a", "in front of" and the like say nothing.
    """
    return torch.stack([_encode(prompt) for prompt in prompts])


def _encode(prompt: str) -> Tensor:
    found: dict[str, int] = {}
    for part in prompt.lower().replace(" and ", ",").split(","):
        words = [word for word in part.split() if word not in _SILENT]
        for phrase in _phrases(words, prompt):
            factor = PHRASES[phrase - 1].factor
            if found.get(factor, phrase) != phrase:
                first, second = (PHRASES[k - 1].words for k in (found[factor], phrase))
                raise DataError(f"{prompt!r} asks for {first!r} and for {second!r}: a face has one of them")
            found[factor] = phrase
    return torch.tensor([*found.values(), *(LENGTH - len(found)) * [NOTHING]])


_SILENT = ("a", "an", "the", "with", "in", "front", "of", "person", "face", "somebody", "someone", "who", "is", "has")


def _phrases(words: list[str], prompt: str) -> list[int]:
    """The phrases that a part of a prompt consists of; the last word of one may serve several: "long red hair"."""
    found, start = [], 0
    while start < len(words):
        fits = [_NUMBERS[" ".join(words[start:end])] for end in range(len(words), start, -1)
                if " ".join(words[start:end]) in _NUMBERS]  # fmt: skip
        shared = f"{words[start]} {words[-1]}"
        if fits:
            start += len(PHRASES[fits[0] - 1].words.split())
            found.append(fits[0])
        elif start + 1 < len(words) and shared in _NUMBERS:
            start += 1
            found.append(_NUMBERS[shared])
        else:
            raise DataError(f"{' '.join(words[start:])!r} in {prompt!r} is not known; there are: {', '.join(_NUMBERS)}")
    return found


def fulfilled(tokens: Tensor, factors: Tensor) -> Tensor:
    """Of each phrase that was asked for 1 where it is there and 0 where it is not; nan where nothing was asked for.

    tokens (n, LENGTH), the factors (n, factors) that were read in the pictures -> (n, LENGTH), as the tokens stand.
    """
    tokens = tokens.cpu()
    there = torch.stack([phrase.true_of(factors.cpu(), phrase.slack) for phrase in PHRASES], 1).float()
    found = there.gather(1, (tokens - 1).clamp(min=0))
    return torch.where(tokens == NOTHING, torch.nan, found)
