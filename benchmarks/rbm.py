"""How fast is the course's RBM? Ratios against scikit-learn's BernoulliRBM, measured in the same run.

    python benchmarks/rbm.py [--epochs 1] [--repeats 5] [--n 20000]

Both: 784 + 500 units, batches of 100, the same drawn digits, the same learning rate. scikit-learn trains by
persistent chains (stochastic maximum likelihood), one a batch element; `RBM(chains=100)` does the same, and CD-1 starts
at the data. Run it alone and without OMP_WAIT_POLICY=passive, under which two threads wait for one another.
Quality: the mean log-probability of other digits by annealed importance sampling after the timed epochs; a ratio counts
where it is no worse than the peer's.
"""

import argparse
import os
import time
from collections.abc import Callable
from statistics import median

import torch
from sklearn.neural_network import BernoulliRBM

import lecturelib
from lecturelib.data import Data
from lecturelib.models.rbm import RBM
from lecturelib.models.units import Bernoulli
from lecturelib.partition import ais

HIDDEN, BATCH, LR = 500, 100, 0.05


def peer(x: torch.Tensor, epochs: int, seed: int) -> RBM:
    """scikit-learn's, its parameters put into ours so that both are judged by the same code."""
    theirs = BernoulliRBM(HIDDEN, learning_rate=LR, batch_size=BATCH, n_iter=epochs, random_state=seed)
    theirs.fit(x.numpy())
    rbm = RBM(x.shape[1], HIDDEN)
    with torch.no_grad():
        rbm.W.copy_(torch.from_numpy(theirs.components_.T))
        rbm.a.copy_(torch.from_numpy(theirs.intercept_visible_))
        rbm.b.copy_(torch.from_numpy(theirs.intercept_hidden_))
    return rbm


def ours(x: torch.Tensor, epochs: int, seed: int, chains: int, precision: str | None) -> RBM:
    """`fit`, without momentum, which the peer does not have."""
    lecturelib.seed(seed)
    rbm = RBM(x.shape[1], HIDDEN, chains=chains, momentum=0.0)
    steps = epochs * (len(x) // BATCH)
    lecturelib.fit(rbm, Data(x), steps, batch_size=BATCH, lr=LR, seed=seed, precision=precision, progress=False)
    return rbm


def main() -> None:
    """Run all in turn, several times, and print medians, spreads, ratios and log-probabilities."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--ais", type=int, default=4000, help="intermediate distributions")
    options = parser.parse_args()
    x = lecturelib.load("glyphs", n=options.n).x.flatten(1).round()
    test = lecturelib.load("glyphs", n=1000, split="test").x.flatten(1).round()
    base = Bernoulli().natural(x.mean(0))
    runs: dict[str, Callable[[int], RBM]] = {
        "scikit-learn": lambda seed: peer(x, options.epochs, seed),
        "persistent chains, float32": lambda seed: ours(x, options.epochs, seed, BATCH, None),
        "persistent chains, bfloat16": lambda seed: ours(x, options.epochs, seed, BATCH, "bfloat16"),
        "CD-1, float32": lambda seed: ours(x, options.epochs, seed, 0, None),
        "CD-1, bfloat16": lambda seed: ours(x, options.epochs, seed, 0, "bfloat16"),
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    quality: dict[str, list[float]] = {name: [] for name in runs}
    ours(x[: 2 * BATCH], 1, 0, 0, "bfloat16")  # what is loaded lazily is loaded now
    for seed in range(options.repeats):  # in turn, so that a noisy minute hits all alike
        for name, run in runs.items():
            start = time.perf_counter()
            rbm = run(seed)
            times[name].append(time.perf_counter() - start)
            log_z = ais(rbm, chains=100, steps=options.ais, base=base).log_z
            quality[name].append((-rbm.free_energy(test).mean() - log_z).item())
    print(f"{options.epochs} epochs of {len(x)}, median of {options.repeats} (lowest to highest); torch "
          f"{torch.__version__}, {torch.get_num_threads()} threads, {os.cpu_count()} cores")  # fmt: skip
    for name, t in times.items():
        q, ratio = torch.tensor(quality[name]), median(times["scikit-learn"]) / median(t)
        print(f"{name:28s} {median(t):6.2f} s ({min(t):.2f} to {max(t):.2f}) {ratio:5.2f} x   log p of other digits "
              f"{q.mean():.1f} ± {q.std():.1f} nats")  # fmt: skip


if __name__ == "__main__":
    main()
