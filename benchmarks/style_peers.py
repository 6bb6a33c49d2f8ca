"""StyleGAN and CycleGAN as they are usually written down, to be measured against by benchmarks/style.py.

The networks compute what the course's do from the same parameters in the same order (a test holds them equal); the
loops take one picture at a time from a DataLoader, work in float32, and read their losses in each step.
"""

import itertools
import math
import random
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import to_pil_image, to_tensor


class Scaled(nn.Module):
    """A layer whose weights are multiplied when it is used: x -> layer(x) with scale * weight, rate * bias."""

    def __init__(self, layer: nn.Module, gain: float, rate: float = 1.0):
        super().__init__()
        self.layer, self.rate = layer, rate
        self.scale = gain * rate / math.sqrt(layer.weight[0].numel())
        nn.init.normal_(layer.weight, 0, 1 / rate)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.layer.weight * self.scale
        bias = None if self.layer.bias is None else self.layer.bias * self.rate
        if isinstance(self.layer, nn.Linear):
            return F.linear(x, weight, bias)
        return F.conv2d(x, weight, bias, padding=self.layer.padding)


HE = math.sqrt(2 / 1.04)


def conv(a: int, b: int, kernel: int = 3, gain: float = HE, bias: bool = True) -> Scaled:
    return Scaled(nn.Conv2d(a, b, kernel, padding=kernel // 2, bias=bias), gain)


class Layer(nn.Module):
    def __init__(self, a: int | None, b: int, width: int):
        super().__init__()
        self.bias, self.strength = nn.Parameter(torch.zeros(1, b, 1, 1)), nn.Parameter(torch.zeros(1, b, 1, 1))
        self.conv = None if a is None else conv(a, b, bias=False)
        self.style = Scaled(nn.Linear(width, 2 * b), 1.0)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        if self.conv is not None:
            x = self.conv(x)
        x = F.leaky_relu(x + self.bias + self.strength * noise, 0.2)
        mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, correction=0)
        style = self.style(w)[:, :, None, None]
        scale, shift = style[:, : x.shape[1]], style[:, x.shape[1] :]
        return (x - mean) / torch.sqrt(variance + 1e-5) * (1 + scale) + shift


class StyleGenerator(nn.Module):
    def __init__(self, noise: int, channels: tuple[int, ...], width: int):
        super().__init__()
        self.constant = nn.Parameter(torch.ones(1, channels[0], 4, 4))
        sizes = [noise] + 8 * [width]
        self.mapping = nn.ModuleList(Scaled(nn.Linear(a, b), HE, 0.01) for a, b in itertools.pairwise(sizes))
        self.layers = nn.ModuleList()
        for a, b in zip([None, *channels], channels, strict=False):
            self.layers.extend([Layer(a, b, width), Layer(b, b, width)])
        self.colours = conv(channels[-1], 3, 1, gain=0.25)

    def style(self, z: Tensor) -> Tensor:
        z = z / torch.sqrt(torch.mean(z**2, dim=1, keepdim=True) + 1e-8)
        for layer in self.mapping:
            z = F.leaky_relu(layer(z), 0.2)
        return z

    def forward(self, z: Tensor, noises: list[Tensor] | None = None) -> Tensor:
        first, second = self.style(z), self.style(torch.randn_like(z))
        cut = random.randint(1, len(self.layers) - 1) if self.training and random.random() < 0.9 else len(self.layers)
        x = self.constant.repeat(len(z), 1, 1, 1)
        for i, layer in enumerate(self.layers):
            if i > 0 and i % 2 == 0:
                x = F.interpolate(x, scale_factor=2, mode="nearest")
            noise = torch.randn(len(z), 1, x.shape[2], x.shape[3], device=x.device) if noises is None else noises[i]
            x = layer(x, first if i < cut else second, noise)
        return (self.colours(x) + 1) / 2


class Discriminator(nn.Module):
    def __init__(self, channels: tuple[int, ...]):
        super().__init__()
        self.start = conv(3, channels[-1], 1)
        self.blocks = nn.ModuleList(
            nn.ModuleList([conv(b, b), conv(b, a)]) for a, b in reversed(list(itertools.pairwise(channels)))
        )
        self.last = conv(channels[0] + 1, channels[0])
        self.hidden = Scaled(nn.Linear(16 * channels[0], channels[0]), HE)
        self.score = Scaled(nn.Linear(channels[0], 1), 1.0)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.start(2 * x - 1), 0.2)
        for one, two in self.blocks:
            x = F.leaky_relu(F.avg_pool2d(two(F.leaky_relu(one(x), 0.2)), 2), 0.2)
        deviation = torch.sqrt(x.var(0, correction=0) + 1e-8).mean().repeat(len(x), 1, x.shape[2], x.shape[3])
        x = F.leaky_relu(self.last(torch.cat([x, deviation], 1)), 0.2)
        return self.score(F.leaky_relu(self.hidden(x.flatten(1)), 0.2))[:, 0]


class Pictures(Dataset):
    """Pillow images, turned into tensors one at a time."""

    def __init__(self, x: Tensor):
        self.images = [to_pil_image(one) for one in x.cpu()]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> Tensor:
        return to_tensor(self.images[i])


def batches(x: Tensor, size: int, workers: int, device: torch.device) -> Iterator[Tensor]:
    """Batches without end."""
    loader = DataLoader(Pictures(x), size, shuffle=True, drop_last=True, num_workers=workers,
                        persistent_workers=workers > 0)  # fmt: skip
    while True:
        for batch in loader:
            yield batch.to(device)


def stylegan(netG: StyleGenerator, netD: Discriminator, data: Iterator[Tensor], noise: int, gamma: float) -> Iterator:
    """Steps of the non-saturating game with lazy R1, and an average of the generator's weights."""
    for_G = torch.optim.Adam(netG.parameters(), lr=2e-3, betas=(0.0, 0.99))
    for_D = torch.optim.Adam(netD.parameters(), lr=2e-3 * 16 / 17, betas=(0.0, 0.99 ** (16 / 17)))
    average = [p.detach().clone() for p in netG.parameters()]
    for step, real in enumerate(data):
        netD.zero_grad()
        fake = netG(torch.randn(len(real), noise, device=real.device))
        of_D = F.softplus(-netD(real)).mean() + F.softplus(netD(fake.detach())).mean()
        of_D.backward()
        for_D.step()
        if step % 16 == 0:
            netD.zero_grad()
            real.requires_grad_(True)
            (slope,) = torch.autograd.grad(netD(real).sum(), real, create_graph=True)
            (16 * gamma / 2 * slope.square().sum((1, 2, 3)).mean()).backward()
            for_D.step()
        netG.zero_grad()
        of_G = F.softplus(-netD(netG(torch.randn(len(real), noise, device=real.device)))).mean()
        of_G.backward()
        for_G.step()
        with torch.no_grad():
            for mean, p in zip(average, netG.parameters(), strict=True):
                mean.mul_(0.999).add_(p, alpha=0.001)
        yield of_D.item(), of_G.item()


class ImagePool:
    """The last 50 fakes, of which half of a batch is taken."""

    def __init__(self, size: int = 50):
        self.size, self.images = size, []

    def query(self, images: Tensor) -> Tensor:
        given = []
        for image in images:
            image = image.detach().unsqueeze(0)
            if len(self.images) < self.size:
                self.images.append(image)
                given.append(image)
            elif random.random() > 0.5:
                i = random.randint(0, self.size - 1)
                given.append(self.images[i])
                self.images[i] = image
            else:
                given.append(image)
        return torch.cat(given)


def cyclegan(there, back, of_A, of_B, first: Iterator[Tensor], second: Iterator[Tensor], identity: float) -> Iterator:
    """Steps of the two games with least squares, the way there and back, and identity losses."""
    makers = itertools.chain(there.parameters(), back.parameters())
    judges = itertools.chain(of_A.parameters(), of_B.parameters())
    for_G = torch.optim.Adam(makers, lr=2e-4, betas=(0.5, 0.999))
    for_D = torch.optim.Adam(judges, lr=2e-4, betas=(0.5, 0.999))
    absolute, squared, pool_A, pool_B = nn.L1Loss(), nn.MSELoss(), ImagePool(), ImagePool()

    def against(prediction: Tensor, target: float) -> Tensor:
        return squared(prediction, torch.full_like(prediction, target))

    for real_A, real_B in zip(first, second, strict=False):
        for p in itertools.chain(of_A.parameters(), of_B.parameters()):
            p.requires_grad_(False)
        for_G.zero_grad()
        fake_B, fake_A = there(real_A), back(real_B)
        of_G = against(of_B(fake_B), 1.0) + against(of_A(fake_A), 1.0)
        of_G = of_G + 10 * (absolute(back(fake_B), real_A) + absolute(there(fake_A), real_B))
        if identity:
            of_G = of_G + identity * (absolute(back(real_A), real_A) + absolute(there(real_B), real_B))
        of_G.backward()
        for_G.step()
        for p in itertools.chain(of_A.parameters(), of_B.parameters()):
            p.requires_grad_(True)
        for_D.zero_grad()
        of_D = 0.0
        for judge, real, fake, pool in ((of_A, real_A, fake_A, pool_A), (of_B, real_B, fake_B, pool_B)):
            loss = (against(judge(real), 1.0) + against(judge(pool.query(fake)), 0.0)) / 2
            loss.backward()
            of_D += loss.item()
        for_D.step()
        yield of_G.item(), of_D
