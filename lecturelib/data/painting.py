"""What `faces` and `scenes` share: sizes, parts that stay in the processor's cache, and two chunks at once."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from lecturelib import runtime
from lecturelib.data.files import DataError, check_whole


def check_size(size: int, what: str) -> None:
    """DataError for a size at which `what` are not drawn."""
    check_whole(32, size=size)
    if size > 256:
        raise DataError(f"size is {size}; {what} are drawn at 32 to 256 pixels")


def painted(paint: Callable[[dict[str, Tensor]], Tensor], names: Sequence[str], numbers: Tensor, size: int) -> Tensor:
    """Pictures (n, 3, size, size) of numbers (n, k), part by part: `paint` gets them by name, (m, 1, 1) each."""
    few = max(1, 65_536 // size**2) if numbers.device.type == "cpu" else 4_096 * 1_024 // size**2  # stay in the cache
    out = numbers.new_empty(len(numbers), 3, size, size)
    with torch.inference_mode():
        for start in range(0, len(numbers), few):
            rows = numbers[start : start + few]
            out[start : start + few] = paint(dict(zip(names, rows.T[:, :, None, None], strict=True)))
    return out


def as_bytes(draw: Callable[..., Tensor], chunks: Iterable[tuple[Tensor, ...]]) -> Iterator[Tensor]:
    """The pictures of each chunk as bytes; drawn on the GPU, or two chunks at once where there are two cores."""
    where = torch.device("cuda" if runtime.device().type == "cuda" else "cpu")
    with ThreadPoolExecutor(1 if where.type == "cuda" else min(4, os.cpu_count() or 1)) as pool:
        drawn = pool.map(lambda chunk: (draw(*runtime.to_device(chunk, where)) * 255).round_().to(torch.uint8), chunks)
        yield from (x.cpu() for x in drawn)
