"""How fast do StyleGAN and CycleGAN train? Steps a second as ratios against usual writings of them, in one run.

    python benchmarks/style.py [--steps 20] [--repeats 3] [--only StyleGAN] [--large]

The peers are in benchmarks/style_peers.py: the same networks with the same sizes and batches, one picture at a time
from a DataLoader (without workers and with two: the faster counts), float32, `.item()` of the losses in each step.
`train` is measured in float32, in bfloat16 and, on a GPU, compiled. With --large the networks are those of the models
that ship, at 128 and 64 pixels, on the GPU where there is one, and beside the steps stands the share of the speed of a
large bfloat16 matrix product, measured in the same run, that the products of a step reach.
Run it alone and without OMP_WAIT_POLICY=passive, under which two threads wait for one another.
"""

import argparse
import gc
import os
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

import style_peers as peers
import torch
from gan import a_second
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

import lecturelib
from lecturelib.data import Data
from lecturelib.experiments.styled import LargeStyledFaces, StyledFaces
from lecturelib.experiments.translation import DayToNight

SMALL = {"channels": (64, 64, 64, 32), "discriminator_channels": (64, 64, 64, 32), "side": 32, "batch_size": 16}


def styled_peer(experiment: StyledFaces, data: Data, workers: int) -> Iterator:
    """The peer of StyleGAN."""
    e, where = experiment, lecturelib.device()
    maker, judge = peers.StyleGenerator(e.noise, e.channels, e.width), peers.Discriminator(e.discriminator_channels)
    batches = peers.batches(data.stored[0], e.batch_size, workers, where)
    return peers.stylegan(maker.to(where).train(), judge.to(where).train(), batches, e.noise, e.r1)


def cycle_peer(experiment: DayToNight, data: Data, workers: int) -> Iterator:
    """The peer of CycleGAN, with the course's translators and discriminators, which are plain chains of layers."""
    model, where = experiment.model().to(lecturelib.device()), lecturelib.device()
    first, second = (peers.batches(x, experiment.batch_size, workers, where) for x in data.stored)
    return peers.cyclegan(*model.generators, *model.discriminators[:2], first, second, experiment.identity)


def ours(experiment: StyledFaces | DayToNight, data: Data, **options) -> Iterator:
    """`train`, on tensors held in memory."""
    ema = {"ema": experiment.ema} if isinstance(experiment, StyledFaces) else {}  # the peer averages there alone
    model = experiment.model().to(lecturelib.device())
    return lecturelib.train(model, data, 10**6, batch_size=experiment.batch_size, lr=experiment.lr, **ema, **options)


class Counter(TorchDispatchMode):
    """Counts the operations of matrix products and convolutions; torch's own wants a gradient of every output."""

    total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **kwargs or {})
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.total += count(*args, **kwargs or {}, out_val=out)
        return out


def operations(experiment: StyledFaces | DayToNight, data: Data) -> float:
    """Multiplications and additions in the matrix products of 16 steps, a step."""
    steps = ours(experiment, data)
    with Counter() as counter:
        for _ in range(16):
            next(steps)
    return counter.total / 16


def peak(n: int) -> float:
    """Operations a second of products of n x n matrices in bfloat16."""
    a = torch.randn(n, n, device=lecturelib.device(), dtype=torch.bfloat16)

    def products() -> Iterator[Tensor]:
        while True:
            yield a @ a

    return 2 * n**3 * a_second(products(), 10)


def main() -> None:
    """Measure all in turn, several times, and print medians, spreads and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="StyleGAN or CycleGAN")
    parser.add_argument("--large", action="store_true", help="the sizes of the models that ship, on the GPU")
    parser.add_argument("--no-compile", action="store_true", help="leave out what is compiled")
    options = parser.parse_args()
    if not options.large:
        os.environ["LECTURELIB_DEVICE"] = "cpu"
    lecturelib.seed(0)
    n = 2_000
    games = {"StyleGAN": (LargeStyledFaces(n=n) if options.large else StyledFaces(n=n, **SMALL), styled_peer),
             "CycleGAN": (DayToNight(n=n) if options.large else DayToNight(n=n, side=32, batch_size=16),
                          cycle_peer)}  # fmt: skip
    compiled = lecturelib.device().type == "cuda" and not options.no_compile
    print(f"{options.steps} steps, median of {options.repeats} (lowest to highest); torch {torch.__version__}, "
          f"{lecturelib.runtime.machine()}")  # fmt: skip
    best = peak(8192 if lecturelib.device().type == "cuda" else 2048)
    print(f"a large bfloat16 matrix product: {best / 1e12:.2f} TFLOP/s")
    for name, (experiment, peer) in games.items():
        if options.only not in name:
            continue
        data = experiment.data()
        runs: dict[str, Callable[[], Iterator]] = {
            "usual, no workers": partial(peer, experiment, data.to("cpu"), 0),
            "usual, two workers": partial(peer, experiment, data.to("cpu"), 2),
            "train, float32": partial(ours, experiment, data),
            "train, bfloat16": partial(ours, experiment, data, precision="bfloat16"),
        }
        if compiled:
            runs["train, bfloat16, compiled"] = partial(ours, experiment, data, precision="bfloat16", compile=True)
        found: dict[str, list[float]] = {way: [] for way in runs}
        for _ in range(options.repeats):  # in turn, so that a noisy minute hits all alike
            for way, run in runs.items():
                found[way].append(a_second(run(), options.steps))
                gc.collect()
        usual = max(median(values) for way, values in found.items() if way.startswith("usual"))
        a_step = operations(experiment, data)
        print(f"{name}, {experiment.side} x {experiment.side}, batches of {experiment.batch_size}, "
              f"{a_step / 1e9:.0f} GFLOP a step")  # fmt: skip
        for way, values in found.items():
            print(f"  {way:26s} {median(values):7.2f} steps a second ({min(values):.2f} to {max(values):.2f}) "
                  f"{median(values) / usual:5.2f} x  {100 * median(values) * a_step / best:5.1f} % "
                  "of the product's speed")  # fmt: skip


if __name__ == "__main__":
    main()
