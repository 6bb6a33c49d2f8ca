"""The order in which what is drawn is drawn: a larger data set begins with the smaller one."""

from collections.abc import Iterator

import torch

from lecturelib.data.files import check_split, check_whole

CHUNK = 1024  # examples that share a random number generator


def chunks(n: int, seed: int, split: str) -> Iterator[tuple[int, torch.Generator]]:
    """The first example of each chunk of n, and the chunk's own random numbers, whatever n is.

    The two splits never share a generator. DataError for an n or a split that cannot be.
    """
    check_split(split)
    check_whole(n=n)
    first = (2 * seed + (split == "test")) * 1_000_003
    return ((start, torch.Generator().manual_seed(first + i)) for i, start in enumerate(range(0, n, CHUNK)))
