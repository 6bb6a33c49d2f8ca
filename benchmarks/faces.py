"""How fast are faces drawn? A second, and as a ratio against a peer measured in the same run.

    python benchmarks/faces.py [--n 4000] [--size 32]

The peer is what one would write with Pillow: one face at a time, about as many shapes (background, hair, neck, ears,
head, eyes, brows, nose, mouth, glasses), drawn four times as large for smooth edges and averaged down. It has no
shading, no turning and no light, so it does less.
"""

import argparse
import math
import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image, ImageDraw

from lecturelib.data import load


def with_pillow(n: int, size: int, seed: int = 0) -> np.ndarray:
    """n flat faces, uint8 (n, size, size, 3)."""
    rng = np.random.default_rng(seed)
    out = np.empty((n, size, size, 3), np.uint8)
    scale = 4 * size / 2
    for i in range(n):
        image = Image.new("RGB", (4 * size, 4 * size), tuple(rng.integers(120, 255, 3).tolist()))
        draw = ImageDraw.Draw(image)
        skin, hair, iris = (tuple(rng.integers(40, 255, 3).tolist()) for _ in range(3))
        u = rng.random(8)

        def at(x: float, y: float, a: float, b: float) -> list[float]:
            return [(1 + x - a) * scale, (1 + y - b) * scale, (1 + x + a) * scale, (1 + y + b) * scale]

        draw.ellipse(at(0, 0.05, 0.9, 0.9), fill="white")
        draw.ellipse(at(0, -0.15, 0.6 + 0.2 * u[0], 0.7), fill=hair)
        draw.rectangle(at(0, 0.8, 0.22, 0.3), fill=skin)
        draw.ellipse(at(0, 1.3, 0.8, 0.48), fill=iris)
        for side in (-1, 1):
            draw.ellipse(at(side * 0.55, 0.05, 0.09, 0.13), fill=skin)
        draw.ellipse(at(0, 0.05, 0.55, 0.65), fill=skin)
        draw.chord(at(0, 0.0, 0.58, 0.7), 200, 340, fill=hair)
        for side in (-1, 1):
            x = side * (0.2 + 0.05 * u[1])
            draw.ellipse(at(x, 0.05, 0.1, 0.08), fill="white")
            draw.ellipse(at(x, 0.05, 0.06, 0.06), fill=iris)
            draw.ellipse(at(x, 0.05, 0.03, 0.03), fill="black")
            draw.ellipse(at(x + 0.02, 0.03, 0.012, 0.012), fill="white")
            draw.line([(1 + x - 0.1) * scale, (0.85 - 0.1 * u[2]) * scale, (1 + x + 0.1) * scale, 0.85 * scale],
                      fill=hair, width=math.ceil(0.03 * scale))  # fmt: skip
            if u[3] < 0.35:
                draw.ellipse(at(x, 0.05, 0.16, 0.14), outline="black", width=math.ceil(0.02 * scale))
        draw.ellipse(at(0, 0.25, 0.06 + 0.05 * u[4], 0.06), fill=hair)
        draw.arc(at(0, 0.35, 0.18, 0.05 + 0.15 * u[5]), 20, 160, fill="red", width=math.ceil(0.03 * scale))
        out[i] = image.resize((size, size), Image.Resampling.BOX)
    return out


def per_second(draw: Callable[[], object], n: int, repeats: int = 3) -> float:
    """The best of a few runs."""
    best = math.inf
    for _ in range(repeats):
        started = time.perf_counter()
        draw()
        best = min(best, time.perf_counter() - started)
    return n / best


def main() -> None:
    """Measure both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=4000)
    parser.add_argument("--size", type=int, default=32)
    options = parser.parse_args()
    torch.set_num_threads(1)
    load("faces", n=64, size=options.size, keep=False)
    ours = per_second(lambda: load("faces", n=options.n, size=options.size, keep=False), options.n)
    peer = per_second(lambda: with_pillow(options.n // 4, options.size), options.n // 4)
    what = f"{options.size} x {options.size}: load('faces') {ours:.0f} a second, Pillow {peer:.0f}"
    print(f"{what}, ratio {ours / peer:.1f}")


if __name__ == "__main__":
    main()
