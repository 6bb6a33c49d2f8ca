"""How fast does diffusion train and sample? Ratios against the networks and samplers of diffusers, in one run.

    python benchmarks/diffusion.py [--steps 20] [--repeats 3] [--side 32] [--batch 32]

The peer is diffusers' `UNet2DModel` with the channels, blocks and attention of the course's U-Net and about as many
parameters, trained as its documentation does: pictures one at a time from a DataLoader (without workers and with two:
the faster counts), float32, `add_noise`, and `.item()` of the loss in each step. It samples with `DDIMScheduler`.
Beside it the course's U-Net, on full pixels and on patches of 2 x 2, and its transformer, in float32 and in bfloat16.
Run it alone and without OMP_WAIT_POLICY=passive, under which two threads wait for one another.
"""

import argparse
import gc
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

import torch
from diffusers import DDIMScheduler, UNet2DModel
from gan import a_second, wait
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import lecturelib
from lecturelib.data import Data, load
from lecturelib.models.denoisers import DenoisingTransformer, DenoisingUNet
from lecturelib.models.diffusion import Diffusion
from lecturelib.models.guided import Denoiser
from lecturelib.models.noising import Epsilon

CHANNELS = (32, 64, 96)
CLASSES = 10


def peer_network(side: int, channels: tuple[int, ...] = CHANNELS) -> nn.Module:
    """diffusers' U-Net: one block a level, attention in the middle alone."""
    levels = len(channels)
    return UNet2DModel(
        sample_size=side, in_channels=1, out_channels=1, layers_per_block=1, block_out_channels=channels,
        down_block_types=levels * ("DownBlock2D",), up_block_types=levels * ("UpBlock2D",), norm_num_groups=8,
        num_class_embeds=CLASSES + 1, attention_head_dim=channels[-1] // 4)  # fmt: skip


def networks(side: int, channels: tuple[int, ...] = CHANNELS) -> dict[str, Callable[[], Denoiser]]:
    """The course's, by name."""
    shape = (1, side, side)
    return {
        "U-Net": lambda: DenoisingUNet(shape, channels, classes=CLASSES),
        "U-Net of patches": lambda: DenoisingUNet(shape, channels[1:], patch=2, classes=CLASSES),
        "transformer": lambda: DenoisingTransformer(shape, patch=4, width=128, depth=6, classes=CLASSES),
    }


def peer_steps(network: nn.Module, data: Data, batch: int, workers: int) -> Iterator[float]:
    """Training as diffusers' documentation does it."""
    pictures = TensorDataset(2 * data.x.cpu() - 1, data.y.cpu())
    loader = DataLoader(pictures, batch, shuffle=True, drop_last=True, num_workers=workers,
                        persistent_workers=workers > 0)  # fmt: skip
    scheduler, where = DDIMScheduler(beta_schedule="squaredcos_cap_v2"), lecturelib.device()
    network = network.to(where).train()
    adam = torch.optim.Adam(network.parameters(), lr=1e-3)
    while True:
        for x, label in loader:
            x, label, noise = x.to(where), label.to(where), torch.randn(x.shape, device=where)
            t = torch.randint(1000, (len(x),), device=where)
            label = torch.where(torch.rand(len(x), device=where) < 0.1, CLASSES, label)
            said = network(scheduler.add_noise(x, noise, t), t, class_labels=label).sample
            loss = nn.functional.mse_loss(said, noise)
            adam.zero_grad()
            loss.backward()
            adam.step()
            yield loss.item()


@torch.no_grad()
def peer_sample(network: nn.Module, n: int, side: int, steps: int) -> Tensor:
    """Pictures by DDIM, with guidance 2."""
    scheduler, where = (
        DDIMScheduler(beta_schedule="squaredcos_cap_v2", timestep_spacing="trailing"),
        lecturelib.device(),
    )
    scheduler.set_timesteps(steps)
    x, label = torch.randn(n, 1, side, side, device=where), torch.arange(n, device=where) % CLASSES
    labels = torch.cat([label, torch.full_like(label, CLASSES)])
    for t in scheduler.timesteps:
        wanted, plain = network(torch.cat([x, x]), t, class_labels=labels).sample.chunk(2)
        x = scheduler.step(torch.lerp(plain, wanted, 2.0), t, x).prev_sample
    return x


def model(make: Callable[[], Denoiser], side: int) -> Diffusion:
    """The course's diffusion, asked for the noise as the peer is."""
    network = make().to(lecturelib.device())
    if not isinstance(network, DenoisingTransformer):
        network = network.to(memory_format=torch.channels_last)
    shape = (1, side, side)
    return Diffusion(network, shape, target=Epsilon(), centre=0.5, spread=0.5, clip=1.0).to(lecturelib.device())


def ours(make: Callable[[], Denoiser], data: Data, batch: int, precision: str | None) -> Iterator:
    """`train`, on tensors held in memory."""
    return lecturelib.train(model(make, data.x.shape[-1]), data, 10**6, batch_size=batch, precision=precision)


def sampled(draw: Callable[[], Tensor], n: int) -> float:
    """Milliseconds a picture, after a first time that does not count."""
    draw()
    wait()
    start = time.perf_counter()
    draw()
    wait()
    return 1000 * (time.perf_counter() - start) / n


def main() -> None:
    """Measure all in turn, several times, and print medians, spreads and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32)
    options = parser.parse_args()
    lecturelib.seed(0)
    side, batch = options.side, options.batch
    data = load("glyphs", n=2000, size=side).only("x", "y").to(lecturelib.device())
    print(f"{options.steps} steps, median of {options.repeats} (lowest to highest); torch {torch.__version__}, "
          f"{lecturelib.runtime.machine()}")  # fmt: skip
    runs: dict[str, Callable[[], Iterator]] = {
        f"diffusers, {workers} workers": partial(lambda w: peer_steps(peer_network(side), data, batch, w), workers)
        for workers in (0, 2)
    }
    sizes = {"diffusers": sum(p.numel() for p in peer_network(side).parameters())}
    for name, make in networks(side).items():
        sizes[name] = sum(p.numel() for p in make().parameters())
        for precision in (None, "bfloat16"):
            runs[f"{name}, {precision or 'float32'}"] = partial(ours, make, data, batch, precision)
    found: dict[str, list[float]] = {way: [] for way in runs}
    for _ in range(options.repeats):  # in turn, so that a noisy minute hits all alike
        for way, run in runs.items():
            found[way].append(a_second(run(), options.steps))
            gc.collect()
    usual = max(median(values) for way, values in found.items() if way.startswith("diffusers"))
    print(", ".join(f"{name}: {size:,} parameters" for name, size in sizes.items()))
    print(f"training, {side} x {side}, batches of {batch}")
    for way, values in found.items():
        print(f"  {way:28s} {median(values):7.2f} steps a second ({min(values):.2f} to {max(values):.2f}) "
              f"{median(values) / usual:5.2f} x")  # fmt: skip
    n, label = 50, torch.arange(50, device=lecturelib.device()) % CLASSES
    theirs = peer_network(side).to(lecturelib.device()).eval()
    draws: dict[str, Callable[[], Tensor]] = {"diffusers": lambda: peer_sample(theirs, n, side, 10)}
    for name, make in networks(side).items():
        diffusion = model(make, side).eval()
        draws[name] = lambda diffusion=diffusion: diffusion.sample(n, label, steps=10, guidance=2.0)
    spent: dict[str, list[float]] = {way: [] for way in draws}
    for _ in range(options.repeats):
        for way, draw in draws.items():
            spent[way].append(sampled(draw, n))
    print("sampling, 10 steps of DDIM with guidance, float32")
    for way, values in spent.items():
        print(f"  {way:28s} {median(values):7.2f} ms a picture ({min(values):.2f} to {max(values):.2f}) "
              f"{median(spent['diffusers']) / median(values):5.2f} x")  # fmt: skip


if __name__ == "__main__":
    main()
