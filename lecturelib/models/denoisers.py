"""Networks that see x at a level of noise t, and perhaps a condition, and answer in the shape of x.

    PointDenoiser(2)(x, t)                                  # points (n, 2)
    DenoisingUNet((1, 28, 28), patch=2, classes=10)(x, t, label)
    DenoisingTransformer((1, 28, 28), patch=4, classes=10)(x, t, label)

t (n,) runs from 0, clean, to 1000, noise.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.layers import mlp
from lecturelib.models.guided import Denoiser


def waves(t: Tensor, size: int, longest: float = 10_000.0) -> Tensor:
    """Cosines and sines of t at size / 2 frequencies: (n,) -> (n, size). Vaswani et al. (2017), section 3.5."""
    rates = torch.exp(-math.log(longest) * torch.arange(size // 2, device=t.device) / (size // 2))
    angles = t.float()[:, None] * rates
    return torch.cat([angles.cos(), angles.sin()], 1)


class Level(nn.Module):
    """What a network knows beside x: t (n,) and, with classes, a label (n,) -> (n, width); label `classes` is none."""

    def __init__(self, width: int, classes: int = 0):
        super().__init__()
        if width % 2:
            raise ValueError(f"width is {width}: an even number, half of it for cosines and half for sines")
        self.width = width
        self.time = mlp((width, width, width), nn.SiLU)
        self.label = nn.Embedding(classes + 1, width) if classes else None

    def forward(self, t: Tensor, *label: Tensor) -> Tensor:
        """One vector for each example."""
        known = self.time(waves(t, self.width))
        return known if self.label is None else known + self.label(label[0])


class Labelled(Denoiser):
    """A denoiser whose condition, if it has one, is a label (n,) below `classes`."""

    def __init__(self, classes: int = 0):
        super().__init__()
        self.classes, self.conditional = classes, bool(classes)

    def nothing(self, condition: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The label that is none."""
        return (torch.full_like(condition[0], self.classes),)


class PointDenoiser(Labelled):
    """For points (n, size): fully connected layers, each of which is told the level."""

    def __init__(self, size: int, hidden: Sequence[int] = (128, 128, 128), *, width: int = 64, classes: int = 0):
        super().__init__(classes)
        self.level = Level(width, classes)
        sizes = (size, *hidden)
        self.layers = nn.ModuleList(nn.Linear(a + width, b) for a, b in zip(sizes, hidden, strict=False))
        self.head = nn.Linear(hidden[-1], size)

    def forward(self, x: Tensor, t: Tensor, *label: Tensor) -> Tensor:
        """(n, size) -> (n, size)."""
        known = self.level(t, *label)
        for layer in self.layers:
            x = F.silu(layer(torch.cat([x, known], 1)))
        return self.head(x)


def groups(channels: int) -> int:
    """Of a group norm: eight channels each, where that goes."""
    return math.gcd(channels, 8)


class Block(nn.Module):
    """Two convolutions beside a shortcut; the level scales and shifts between them. Dhariwal and Nichol (2021)."""

    def __init__(self, channels_in: int, channels_out: int, width: int):
        super().__init__()
        self.before = nn.Sequential(nn.GroupNorm(groups(channels_in), channels_in), nn.SiLU(),
                                    nn.Conv2d(channels_in, channels_out, 3, padding=1))  # fmt: skip
        self.style = nn.Linear(width, 2 * channels_out)
        self.norm = nn.GroupNorm(groups(channels_out), channels_out)
        self.after = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        nn.init.zeros_(self.after.weight)  # a block begins as its shortcut
        nn.init.zeros_(self.after.bias)
        self.shortcut = nn.Identity() if channels_in == channels_out else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor, known: Tensor) -> Tensor:
        """(n, channels_in, h, w), (n, width) -> (n, channels_out, h, w)."""
        scale, shift = self.style(F.silu(known))[:, :, None, None].chunk(2, 1)
        h = self.norm(self.before(x)) * (1 + scale) + shift
        return self.shortcut(x) + self.after(F.silu(h))


class Attention(nn.Module):
    """Every place looks at every place: (n, channels, h, w) -> the same, added to it."""

    def __init__(self, channels: int, heads: int = 4):
        super().__init__()
        self.heads, self.norm = heads, nn.GroupNorm(groups(channels), channels)
        self.ask, self.out = nn.Conv2d(channels, 3 * channels, 1), nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """With what the other places say."""
        q, k, v = self.ask(self.norm(x)).flatten(2).unflatten(1, (3, self.heads, -1)).mT.unbind(1)
        told = F.scaled_dot_product_attention(q, k, v)  # (n, heads, h * w, channels / heads)
        return x + self.out(told.mT.flatten(1, 2).view_as(x))


class DenoisingUNet(Labelled):
    """For pictures (n, *shape): down through `channels`, one level of half the side each, and up again with shortcuts.

    Attention at the coarsest level. Ho et al. (2020), appendix B, made small. The sides must be divisible by
    patch * 2^(levels - 1): ValueError.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        channels: Sequence[int] = (64, 96),
        *,
        patch: int = 1,  # squares of so many pixels are one place of the finest level
        blocks: int = 1,  # a level, on the way down and on the way up
        width: int = 128,  # of what is known of the level and the label
        classes: int = 0,
    ):
        super().__init__(classes)
        times = patch * 2 ** (len(channels) - 1)
        if shape[1] % times or shape[2] % times:
            raise ValueError(f"pictures of {shape[1]} x {shape[2]} pixels: their sides must be divisible by {times}")
        self.patch, self.level, now = patch, Level(width, classes), channels[0]
        self.first = nn.Conv2d(shape[0] * patch**2, now, 3, padding=1)
        self.down, kept = nn.ModuleList(), [now]
        for number, size in enumerate(channels):
            if number:
                self.down.append(nn.Conv2d(now, now, 3, 2, 1))
                kept.append(now)
            for _ in range(blocks):
                self.down.append(Block(now, size, width))
                kept.append(now := size)
        self.middle = nn.ModuleList((Block(now, now, width), Attention(now), Block(now, now, width)))
        self.up = nn.ModuleList()
        for number, size in reversed(list(enumerate(channels))):
            for _ in range(blocks + 1):
                self.up.append(Block(now + kept.pop(), size, width))
                now = size
            if number:
                self.up.append(nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(now, now, 3, padding=1)))
        last = nn.Conv2d(now, shape[0] * patch**2, 3, padding=1)
        self.head = nn.Sequential(nn.GroupNorm(groups(now), now), nn.SiLU(), last)
        nn.init.zeros_(self.head[-1].weight)
        nn.init.zeros_(self.head[-1].bias)

    def forward(self, x: Tensor, t: Tensor, *label: Tensor) -> Tensor:
        """(n, *shape) -> (n, *shape)."""
        known = self.level(t, *label)
        x = self.first(F.pixel_unshuffle(x, self.patch))
        kept = [x]
        for part in self.down:
            x = part(x, known) if isinstance(part, Block) else part(x)
            kept.append(x)
        for part in self.middle:
            x = part(x, known) if isinstance(part, Block) else part(x)
        for part in self.up:
            x = part(torch.cat([x, kept.pop()], 1), known) if isinstance(part, Block) else part(x)
        return F.pixel_shuffle(self.head(x), self.patch)


class TransformerBlock(nn.Module):
    """Attention and a small MLP over tokens (n, places, width), each scaled and shifted by the level.

    Peebles, Xie (2023), "Scalable diffusion models with transformers", arXiv 2212.09748, figure 3 ("adaLN-Zero"); one
    map makes the six vectors for all blocks and each block adds its own, as in PixArt (arXiv 2310.00426, section 2.3).
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.ask, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.inner = mlp((width, 4 * width, width), nn.GELU)
        self.own = nn.Parameter(torch.zeros(6, width))

    def forward(self, x: Tensor, styles: Tensor) -> Tensor:
        """x (n, places, width), styles (n, 6, width)."""
        scale, shift, gate, scale2, shift2, gate2 = (styles + self.own)[:, :, None].unbind(1)
        q, k, v = self.ask(self.norm(x) * (1 + scale) + shift).unflatten(2, (3, self.heads, -1)).movedim(1, 3).unbind(1)
        told = F.scaled_dot_product_attention(q, k, v)  # (n, heads, places, width / heads)
        x = x + gate * self.out(told.transpose(1, 2).flatten(2))
        return x + gate2 * self.inner(self.norm(x) * (1 + scale2) + shift2)


class DenoisingTransformer(Labelled):
    """For pictures (n, *shape): squares of patch x patch pixels are tokens, and every one looks at every other."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        patch: int = 4,
        width: int = 128,
        depth: int = 6,
        heads: int = 4,
        classes: int = 0,
    ):
        super().__init__(classes)
        if shape[1] % patch or shape[2] % patch:
            raise ValueError(f"pictures of {shape[1]} x {shape[2]} pixels: their sides must be divisible by {patch}")
        size, places = shape[0] * patch**2, shape[1] * shape[2] // patch**2
        self.patch, self.grid = patch, (shape[1] // patch, shape[2] // patch)
        self.level, self.first = Level(width, classes), nn.Linear(size, width)
        self.places = nn.Parameter(torch.randn(places, width) / math.sqrt(width))
        self.styles = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads) for _ in range(depth))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, size))
        for still in (self.styles, self.head[1]):  # a block begins as its shortcut
            nn.init.zeros_(still.weight)
            nn.init.zeros_(still.bias)

    def forward(self, x: Tensor, t: Tensor, *label: Tensor) -> Tensor:
        """(n, *shape) -> (n, *shape)."""
        return self.answer(x, self.level(t, *label))

    def answer(self, x: Tensor, known: Tensor, context: Tensor | None = None) -> Tensor:
        """known (n, width) scales and shifts; context (n, m, width): further tokens, which the places look at."""
        styles = self.styles(F.silu(known)).unflatten(1, (6, -1))
        x = self.first(F.pixel_unshuffle(x, self.patch).flatten(2).mT) + self.places
        further = 0 if context is None else context.shape[1]
        x = x if context is None else torch.cat([context, x], 1)
        for block in self.blocks:
            x = block(x, styles)
        return F.pixel_shuffle(self.head(x[:, further:]).mT.unflatten(2, self.grid), self.patch)
