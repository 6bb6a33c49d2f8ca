"""How fast is `train`? Ratios against the usual PyTorch loop, measured in the same run.

    python benchmarks/loop.py [--steps 300] [--repeats 3]

The peer is what most tutorials write: a Dataset that hands out one image at a time through a transform,
a DataLoader (no workers, which is its fastest setting for images this small), Adam, loss.item() a step.
Both train the same dense autoencoder 784-256-32-256-784 on the same 10,000 images in batches of 64.
"""

import argparse
import platform
import time
from collections.abc import Callable
from statistics import median

import torch
from torch.utils.data import DataLoader, Dataset

import lecturelib
from lecturelib.data.tensors import Data
from lecturelib.models.autoencoder import dense


class OneByOne(Dataset):
    """Images as uint8 arrays, turned into float tensors one at a time."""

    def __init__(self, images: torch.Tensor):
        self.images = images.numpy()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> torch.Tensor:
        return torch.from_numpy(self.images[i]).float().div(255)


def usual_loop(images: torch.Tensor, steps: int) -> None:
    """The peer: DataLoader, one image at a time."""
    model = dense((1, 28, 28), 32, (256,))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    done = 0
    while done < steps:
        for x in DataLoader(OneByOne(images), batch_size=64, shuffle=True, drop_last=True):
            optimizer.zero_grad()
            loss = model.loss(x)["loss"]
            loss.backward()
            optimizer.step()
            loss.item()
            done += 1
            if done == steps:
                return


def ours(images: torch.Tensor, steps: int, precision: str | None) -> None:
    """`fit` on tensors held in memory."""
    lecturelib.fit(dense((1, 28, 28), 32, (256,)), Data(images), steps, precision=precision, progress=False)


def seconds(run: Callable[[], None]) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    """Run the three in turn, several times, and print the medians and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    lecturelib.seed(0)
    images = torch.randint(0, 256, (10_000, 1, 28, 28), dtype=torch.uint8)
    runs: dict[str, Callable[[], None]] = {
        "DataLoader, one image at a time": lambda: usual_loop(images, options.steps),
        "fit, float32": lambda: ours(images, options.steps, None),
        "fit, bfloat16": lambda: ours(images, options.steps, "bfloat16"),
    }
    ours(images, 20, "bfloat16")  # what is loaded lazily is loaded now
    times = {name: [] for name in runs}
    for _ in range(options.repeats):  # in turn, so that a noisy minute hits all alike
        for name, run in runs.items():
            times[name].append(seconds(run))
    peer = median(times["DataLoader, one image at a time"])
    print(f"{options.steps} steps, median of {options.repeats}; torch {torch.__version__}, "
          f"{torch.get_num_threads()} threads, {platform.machine()}")  # fmt: skip
    for name, values in times.items():
        print(f"{name:34s} {median(values):7.2f} s   {peer / median(values):5.2f} x the DataLoader's speed")


if __name__ == "__main__":
    main()
