"""Prompts for faces: true of what they describe, read back from words, and judged."""

import pytest
import torch

from lecturelib.data import load
from lecturelib.data.files import DataError
from lecturelib.data.prompts import (
    LENGTH,
    NOTHING,
    PHRASES,
    VOCABULARY,
    WORDS,
    describe,
    encode,
    fulfilled,
    sentence,
    words,
)  # fmt: skip


@pytest.fixture(scope="module")
def factors() -> torch.Tensor:
    return load("faces", n=600).factors


def test_a_prompt_is_true_of_its_face_and_not_of_others(factors):
    tokens = describe(factors)
    assert tokens.shape == (600, LENGTH)
    own = fulfilled(tokens, factors)
    assert torch.equal(own.isnan(), tokens == NOTHING)
    assert own.nanmean() == 1
    assert fulfilled(tokens, factors.roll(1, 0)).nanmean() < 0.5


def test_the_share_of_what_is_said_is_as_asked_for(factors):
    everything = (describe(factors, share=1.0) != NOTHING).sum()
    assert (describe(factors, share=0.3) != NOTHING).sum() / everything == pytest.approx(0.3, abs=0.03)
    assert (describe(factors, share=0.0) == NOTHING).all()


def test_each_factor_is_spoken_of_once_at_most_and_the_order_varies(factors):
    tokens, first = describe(factors, share=1.0), set()
    for row in tokens:
        named = [PHRASES[k - 1].factor for k in row.tolist() if k]
        assert len(set(named)) == len(named)
        first.add(named[0])
    assert len(first) == LENGTH
    assert not torch.equal(tokens, describe(factors, seed=1, share=1.0))


def test_every_phrase_is_used(factors):
    used = describe(load("faces", n=4000).factors, share=1.0).unique()
    assert used.tolist() == list(range(len(PHRASES) + 1))


def test_sentences_are_read_back(factors):
    tokens = describe(factors[:200])
    assert torch.equal(encode([sentence(row) for row in tokens]), tokens)


@pytest.mark.parametrize(("prompt", "plain"), [
    ("A young person with long red hair and glasses", "young, long hair, red hair, glasses"),
    ("old, no glasses, smiling", "old, no glasses, smiling"),
    ("someone with dark skin in front of a blue wall", "dark skin, blue wall"),
    ("", ""),
    ("GLASSES, glasses", "glasses"),
])  # fmt: skip
def test_free_words_are_understood(prompt, plain):
    (tokens,) = encode([prompt])
    assert sentence(tokens) == plain


@pytest.mark.parametrize(("prompt", "says"), [
    ("purple hair", "'purple hair' in 'purple hair' is not known; there are: young"),
    ("young and old", "asks for 'young' and for 'old'"),
    ("long hair, curly hair", "asks for 'long hair' and for 'curly hair'"),
])  # fmt: skip
def test_what_is_not_understood_is_named(prompt, says):
    with pytest.raises(DataError, match=says):
        encode([prompt])


def test_judging_forgives_small_errors_but_not_large_ones():
    young = encode(["young"])
    factors = torch.zeros(1, 15)
    for age, right in ((0.1, 1), (0.38, 1), (0.45, 0), (0.9, 0)):
        factors[0, 1] = age
        assert fulfilled(young, factors)[0, 0] == right


def test_words_are_those_of_the_sentence(factors):
    tokens = describe(factors)
    numbers = words(tokens)
    assert numbers.shape == (600, WORDS)
    for row, some in zip(tokens, numbers, strict=True):
        spoken = " ".join(VOCABULARY[k] for k in some.tolist()).rstrip()
        assert spoken == sentence(row).replace(",", "")
