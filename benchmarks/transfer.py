"""Does a classifier that has only seen drawn glyphs read real handwriting?

    python benchmarks/transfer.py [--n 30000] [--epochs 6] [--seeds 3]

Trains a small convolutional network on `glyphs` digits alone and tests it on the 1,797 real digits of
scikit-learn, enlarged and centred as MNIST's are, and on MNIST's test set where it is present.
"""

import argparse
import time

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample, interpolate, pad

from lecturelib.data import DataError, load


def network() -> nn.Sequential:
    """Three convolutions and a linear layer, 0.1 million weights: (n, 1, 28, 28) -> logits (n, 10)."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 7 * 7, 10),
    )  # fmt: skip


def enlarge(x: Tensor) -> Tensor:
    """(n, 1, 8, 8) -> (n, 1, 28, 28): a 20 x 20 picture, its centre of mass in the middle, as in MNIST."""
    big = pad(interpolate(x, size=(20, 20), mode="bicubic").clamp(0, 1), (4, 4, 4, 4))
    ticks = torch.linspace(-1, 1, 57)[1::2]  # pixel centres
    mass = big.sum((1, 2, 3))
    centre = torch.stack([(big.sum((1, 2)) * ticks).sum(1), (big.sum((1, 3)) * ticks).sum(1)], 1) / mass[:, None]
    shift = torch.cat([torch.eye(2).expand(len(x), 2, 2), centre[:, :, None]], 2)
    return grid_sample(big, affine_grid(shift, list(big.shape), align_corners=False), align_corners=False)


def train(n: int, epochs: int, seed: int, **options) -> nn.Module:
    """The network after `epochs` epochs of Adam on n glyphs, the learning rate falling in one cycle."""
    torch.manual_seed(seed)
    data, model = load("glyphs", n=n, seed=seed, **options), network()
    steps, batch = epochs * (n // 64), data.batches(64, seed=seed)
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    for _ in range(steps):
        x, y = next(batch)
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()
        optimizer.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> tuple[float, Tensor]:
    """Share of right answers, and the confusion matrix (10, 10) with the truth down."""
    guess = torch.cat([model(part) for part in x.split(500)]).argmax(1)
    confusion = torch.zeros(10, 10, dtype=torch.long).index_put_((y, guess), torch.tensor(1), accumulate=True)
    return (guess == y).float().mean().item(), confusion


def main() -> None:
    """Print the accuracies, one line a seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=30_000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--confusion", action="store_true")
    options = parser.parse_args()
    real = load("digits")
    tests = {"glyphs (test split)": load("glyphs", n=5000, split="test"), "digits": real.map(enlarge)}
    try:
        tests |= {f"mnist ({split} split)": load("mnist", split=split) for split in ("test", "train")}
    except DataError:
        print("mnist is not present: `lecturelib data get mnist` fetches it")
    for seed in range(options.seeds):
        start = time.perf_counter()
        model = train(options.n, options.epochs, seed)
        line = [f"seed {seed}"]
        for name, data in tests.items():
            share, confusion = accuracy(model, data.x, data.y)
            line.append(f"{name} {100 * share:.1f} %")
            if options.confusion:
                print(name, confusion, sep="\n")
        print(" | ".join([*line, f"{time.perf_counter() - start:.0f} s"]), flush=True)


if __name__ == "__main__":
    main()
