"""How fast do GANs train? Steps a second as ratios against a loop in the style of the usual tutorials, in one run.

    python benchmarks/gan.py [--steps 60] [--repeats 3] [--only digits]
    python benchmarks/gan.py --quality [--seeds 3]  # digits from one turn a step and from two
    python benchmarks/gan.py --large  # DCGAN at 64 x 64, on the GPU where there is one: images a second

The peer is what most tutorials write: pictures as Pillow images, turned into tensors one at a time by a Dataset, a
DataLoader (without workers and with two: the faster counts), float32, labels of ones and zeros under
BCEWithLogitsLoss, a pass for the real and one for the fake batch, then the same fakes for the generator, `.item()` of
both losses in each step, `torch.optim.Adam` as it comes. Networks and batches of 64 are the same on both sides;
`train` uses Adam's fused form, and with two turns a step makes other fakes for the generator's turn, which the peer
saves. Where the discriminator has no batch norm, as in the games whose generators come with the course, both players
can move in one turn (`Simultaneous`). All run on the CPU. --quality trains digits in one turn and in two, and says what
came of them.
With --large `train` is compared with itself: float32, bfloat16, and compiled, at the widths of Radford et al. (2016).
Run it alone and without OMP_WAIT_POLICY=passive, under which two threads wait for one another.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from statistics import median

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

import lecturelib
from lecturelib.data import Data
from lecturelib.experiments import run
from lecturelib.experiments.gans import DigitsGAN, FacesGAN, LargeFacesGAN
from lecturelib.experiments.labels import ConditionalDigits
from lecturelib.models.gan import GAN
from lecturelib.models.simultaneous import Simultaneous

BATCH = 64


class Pictures(Dataset):
    """One picture at a time, through a transform, and its label."""

    def __init__(self, data: Data):
        x = data.stored[0].permute(0, 2, 3, 1).numpy()
        self.images = [Image.fromarray(one[:, :, 0] if one.shape[2] == 1 else one) for one in x]
        self.labels = data.stored[1] if "y" in data.names else torch.zeros(len(x))
        self.transform = ToTensor()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        return self.transform(self.images[i]), self.labels[i]


def endless(loader: DataLoader) -> Iterator:
    """Its batches, epoch after epoch."""
    while True:
        yield from loader


def usual_steps(experiment: DigitsGAN, data: Data, workers: int) -> Iterator[tuple[float, float]]:
    """The peer, step by step."""
    gan = experiment.model()  # for its networks
    netG, netD, told = gan.generator, gan.discriminator, gan.conditional
    for_D = torch.optim.Adam(netD.parameters(), lr=1e-3, betas=(0.5, 0.999))
    for_G = torch.optim.Adam(netG.parameters(), lr=1e-3, betas=(0.5, 0.999))
    criterion = nn.BCEWithLogitsLoss()
    loader = DataLoader(
        Pictures(data), BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0, drop_last=True
    )
    for x, y in endless(loader):
        condition = (y,) if told else ()
        netD.zero_grad()
        label = torch.full((len(x),), 1.0)
        on_real = criterion(netD(x, *condition), label)
        on_real.backward()
        fake = netG(torch.randn(len(x), gan.noise), *condition)
        label.fill_(0.0)
        on_fake = criterion(netD(fake.detach(), *condition), label)
        on_fake.backward()
        for_D.step()
        netG.zero_grad()
        label.fill_(1.0)
        of_G = criterion(netD(fake, *condition), label)
        of_G.backward()
        for_G.step()
        yield (on_real + on_fake).item(), of_G.item()


def our_steps(
    experiment: DigitsGAN, data: Data, precision: str | None, *, together: bool = False, **options
) -> Iterator:
    """`train` on tensors held in memory."""
    options = {"batch_size": BATCH, "lr": 1e-3, "precision": precision} | options
    gan = experiment.model()
    return lecturelib.train((one_turn(gan) if together else gan).to(data.device), data, 1_000_000, **options)


def one_turn(gan: GAN) -> Simultaneous:
    """The same players, moving together, with the same optimizer."""
    return Simultaneous(gan.generator, gan.discriminator, gan.game, noise=gan.noise, conditional=gan.conditional,
                        penalty=gan.penalty, lazy=gan.lazy, betas=gan.betas)  # fmt: skip


class Together(DigitsGAN):
    """The digits' GAN in one turn a step."""

    def model(self) -> Simultaneous:
        return one_turn(super().model())


def a_second(steps: Iterator, n: int) -> float:
    """Steps a second, after five that do not count."""
    for _ in range(5):
        next(steps)
    wait()
    start = time.perf_counter()
    for _ in range(n):
        next(steps)
    wait()
    return n / (time.perf_counter() - start)


def wait() -> None:
    """Until a GPU has done what it was told."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    elif torch.backends.mps.is_available():
        torch.mps.synchronize()


def large(steps: int, repeats: int, experiment: FacesGAN) -> dict[str, list[float]]:
    """Images a second of `train` in three ways, in turn."""
    data, size = experiment.data(), experiment.batch_size
    ways = {"float32": (None, False), "bfloat16": ("bfloat16", False), "bfloat16, compiled": ("bfloat16", True)}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, (precision, compiled) in ways.items():
            run = our_steps(experiment, data, precision, batch_size=size, lr=experiment.lr, compile=compiled)
            found[name].append(size * a_second(run, steps))
    return found


def quality(seeds: int) -> None:
    """Readable digits and Fréchet distances after as many steps of one turn and of two."""
    settings = {"steps": 1500, "discriminator_norm": False, "r1": 0.004, "lr": 2e-3, "ema": 0.99}
    ways = {"two turns": DigitsGAN(**settings), "two turns, no momentum": DigitsGAN(**settings, beta1=0.0),
            "one turn": Together(**settings), "one turn, no momentum": Together(**settings, beta1=0.0)}  # fmt: skip
    for name, experiment in ways.items():
        found = [run(experiment, seed=seed, progress=False).figures for seed in range(seeds)]
        for figure in ("sure of", "Fréchet distance", "recall"):
            values = [each[figure] for each in found]
            print(f"  {name:23s} {figure:18s} {median(values):8.3f} ({min(values):.3f} to {max(values):.3f})")


def main() -> None:
    """Measure all in turn, several times, and print medians, spreads and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", help="a part of a game's name")
    parser.add_argument("--large", action="store_true", help="DCGAN at 64 x 64 in three ways")
    parser.add_argument("--quality", action="store_true", help="digits of one turn a step and of two")
    parser.add_argument("--seeds", type=int, default=3, help="of --quality")
    options = parser.parse_args()
    if options.large:
        lecturelib.seed(0)
        found = large(options.steps, options.repeats, LargeFacesGAN())
        print(f"DCGAN, faces 64 x 64, on {lecturelib.device()}; torch {torch.__version__}")
        for name, values in found.items():
            print(f"  {name:22s} {median(values):8.1f} images a second ({min(values):.1f} to {max(values):.1f}) "
                  f"{median(values) / median(found['float32']):5.2f} x")  # fmt: skip
        return
    os.environ["LECTURELIB_DEVICE"] = "cpu"
    if options.quality:
        quality(options.seeds)
        return
    lecturelib.seed(0)
    sizes = {"generator_channels": (96, 48), "discriminator_channels": (64, 128)}
    games = {}
    for norm in (True, False):
        critic = {"discriminator_norm": norm}
        games |= {f"{name}, {'with' if norm else 'no'} batch norm in D": one for name, one in (
            ("DCGAN, digits 28 x 28", DigitsGAN(**sizes, **critic)),
            ("conditional DCGAN, digits 28 x 28", ConditionalDigits(**sizes, **critic)),
            ("DCGAN, faces 32 x 32", FacesGAN(n=20_000, **critic)))}  # fmt: skip
    print(f"{options.steps} steps, median of {options.repeats} (lowest to highest); torch {torch.__version__}, "
          f"{torch.get_num_threads()} threads, {os.cpu_count()} cores")  # fmt: skip
    for game, experiment in games.items():
        if options.only and options.only not in game:
            continue
        data = experiment.data()
        runs: dict[str, Callable[[], Iterator]] = {
            "tutorial, no workers": lambda e=experiment, d=data: usual_steps(e, d, 0),
            "tutorial, two workers": lambda e=experiment, d=data: usual_steps(e, d, 2),
            "train, float32": lambda e=experiment, d=data: our_steps(e, d, None),
            "train, bfloat16": lambda e=experiment, d=data: our_steps(e, d, "bfloat16"),
        }
        if not experiment.discriminator_norm:
            for kind, precision in (("float32", None), ("bfloat16", "bfloat16")):
                runs[f"one turn, {kind}"] = lambda e=experiment, d=data, p=precision: our_steps(e, d, p, together=True)
        found: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(options.repeats):  # in turn, so that a noisy minute hits all alike
            for name, begin in runs.items():
                found[name].append(a_second(begin(), options.steps))
        peer = max(median(values) for name, values in found.items() if name.startswith("tutorial"))
        print(game)
        for name, values in found.items():
            print(f"  {name:22s} {median(values):6.2f} steps a second ({min(values):.2f} to {max(values):.2f}) "
                  f"{median(values) / peer:5.2f} x")  # fmt: skip


if __name__ == "__main__":
    main()
