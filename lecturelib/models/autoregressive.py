"""One value after the other: p(x) is the product of p(x_i | x_1, ..., x_(i - 1)), all of them from one network.

    made = MADE((1, 28, 28), (500, 500))
    fit(made, digits, steps=3000)
    made.log_prob(x)                                # (n,), exact
    pixels = PixelCNN((1, 28, 28), levels=4)        # the same for pictures whose pixels are whole numbers below 4
    pixels.sample(16)

Germain et al. (2015), "MADE: masked autoencoder for distribution estimation", arXiv 1502.03509; van den Oord et al.
(2016), "Conditional image generation with PixelCNN decoders", arXiv 1606.05328.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.model import Model


class MaskedLinear(nn.Linear):
    """A linear layer some of whose weights are 0 for good: mask (out, in) of zeros and ones."""

    def __init__(self, mask: Tensor):
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask.float())

    def forward(self, x: Tensor) -> Tensor:
        """(n, in) -> (n, out)."""
        return F.linear(x, self.weight * self.mask, self.bias)


def masks(order: Tensor, hidden: Sequence[int], generator: torch.Generator | None = None) -> list[Tensor]:
    """Masks of the layers of a MADE that has these hidden layers: each (out, in). Equations 12 and 13.

    order (d,): the place of each input in the sequence, 0 first. A hidden unit of degree m may know the inputs at the
    places 0 to m; the output for an input at place k what has a degree below k.
    """
    d = len(order)
    degrees, found = order, []
    for size in hidden:
        lowest = int(degrees.min())
        units = torch.randint(lowest, max(d - 1, lowest + 1), (size,), generator=generator)
        found.append(units[:, None] >= degrees[None])
        degrees = units
    return [*found, order[:, None] > degrees[None]]


class MADE(Model):
    """Binary x (n, *shape): the logits of every x_i given those before it, in one pass.

    order (d,): the place of each x_i, flattened, in the sequence; by default as they stand. ValueError for one that is
    no permutation.
    """

    def __init__(
        self, shape: Sequence[int], hidden: Sequence[int] = (500,), *, order: Tensor | None = None, seed: int = 0
    ):
        super().__init__()
        self.shape, size = tuple(shape), math.prod(shape)
        order = torch.arange(size) if order is None else torch.as_tensor(order)
        if not torch.equal(order.sort().values, torch.arange(size)):
            raise ValueError(f"order is {order.tolist()}: it must hold each number from 0 to {size - 1} once")
        self.register_buffer("order", order)
        layers = [MaskedLinear(mask) for mask in masks(order, hidden, torch.Generator().manual_seed(seed))]
        self.network = nn.Sequential(*(part for layer in layers[:-1] for part in (layer, nn.ReLU())), layers[-1])

    def forward(self, x: Tensor) -> Tensor:
        """(n, *shape) -> logits (n, *shape)."""
        return self.network(x.flatten(1).float()).view(-1, *self.shape)

    def log_prob(self, x: Tensor) -> Tensor:
        """(n, *shape) of zeros and ones -> (n,) in nats."""
        return -F.binary_cross_entropy_with_logits(self(x).float(), x.float(), reduction="none").flatten(1).sum(1)

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """Minus the mean log-likelihood in nats, and in bits a dimension."""
        return nats_and_bits(self.log_prob(x), len(self.order))

    @torch.no_grad()
    def sample(self, n: int, *condition: Tensor) -> Tensor:
        """(n, *shape) of zeros and ones, drawn one place after the other: as many passes as dimensions."""
        x = torch.zeros(n, len(self.order), device=self.device)
        for i in self.order.argsort().tolist():
            x[:, i] = torch.bernoulli(self(x.view(n, *self.shape)).flatten(1)[:, i].sigmoid())
        return x.view(n, *self.shape)


def nats_and_bits(log_prob: Tensor, size: int) -> dict[str, Tensor]:
    """What log-likelihoods (n,) in nats come to: minus their mean, and bits for each of `size` dimensions."""
    nats = -log_prob.mean()
    return {"loss": nats, "bits a dimension": nats.detach() / size / math.log(2)}


class GatedLayer(nn.Module):
    """Two stacks of maps: one knows all rows above, the other one the pixels to the left. Figure 2 of the paper.

    Neither has a blind spot, as no kernel is masked: kernels lie wholly above, or wholly to the left.
    """

    def __init__(self, width: int, reach: int, classes: int = 0, *, first: bool = False):
        super().__init__()
        self.reach, self.first = reach, first
        self.above = nn.Conv2d(width, 2 * width, (reach + 1, 2 * reach + 1))
        self.left = nn.Conv2d(width, 2 * width, (1, reach + (not first)))
        self.across = nn.Conv2d(2 * width, 2 * width, 1)
        self.out = nn.Conv2d(width, width, 1)
        self.label = nn.Embedding(classes, 4 * width) if classes else None

    def forward(self, above: Tensor, left: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Maps (n, width, h, w) twice, labels (n,) -> two maps again.

        At (i, j) the first one knows the rows 0 to i, the second one all pixels before (i, j).
        """
        r, (of_v, of_h) = self.reach, self.told(label)
        v = self.above(F.pad(above, (r, r, r, 0)))
        across = self.across(F.pad(v, (0, 0, 1, 0))[:, :, :-1])
        before = F.pad(left, (r, 0))
        return gated(v + of_v), self.rightwards(before[..., :-1] if self.first else before, across + of_h)

    def told(self, label: Tensor | None) -> tuple[Tensor | float, Tensor | float]:
        """What labels (n,) add to the two stacks."""
        return (0.0, 0.0) if self.label is None else self.label(label)[:, :, None, None].chunk(2, 1)

    def downwards(self, rows: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The last `reach` + 1 rows of the first stack, (n, width, ., w) -> this layer's last one, (n, width, 1, w).

        Beside it stands what the row below is told of it: (n, 2 width, 1, w).
        """
        v, (of_v, of_h) = self.above(F.pad(rows, (self.reach, self.reach))), self.told(label)
        return gated(v + of_v), self.across(v) + of_h

    def rightwards(self, before: Tensor, across: Tensor) -> Tensor:
        """What the kernels see of the second stack, (n, width, h, .), and of the rows above -> (n, width, h, w)."""
        made = self.out(gated(self.left(before) + across))
        return made if self.first else before[..., self.reach :] + made


def gated(x: Tensor) -> Tensor:
    """tanh of half of the channels, times the sigmoid of the others: equation 2."""
    a, b = x.chunk(2, 1)
    return a.tanh() * b.sigmoid()


class PixelCNN(Model):
    """Pictures (n, *shape), shape (h, w) or (1, h, w), of whole numbers below `levels`: each pixel given those before.

    Row by row, from the left. With classes, the label (n,) is the second part of the batch. The same network is the
    prior of a VQ-VAE's codes.
    """

    def __init__(
        self,
        shape: Sequence[int],
        levels: int = 2,
        width: int = 32,
        layers: int = 7,
        *,
        reach: int = 1,  # of a kernel to each side
        classes: int = 0,
    ):
        super().__init__()
        self.shape, self.levels, self.classes = tuple(shape), levels, classes
        self.conditional = bool(classes)
        self.values = nn.Embedding(levels, width)
        self.layers = nn.ModuleList(GatedLayer(width, reach, classes, first=not k) for k in range(layers))
        self.head = nn.Sequential(nn.ReLU(), nn.Conv2d(width, 2 * width, 1), nn.ReLU(), nn.Conv2d(2 * width, levels, 1))

    def forward(self, x: Tensor, *label: Tensor) -> Tensor:
        """(n, h, w) or (n, 1, h, w) of whole numbers -> logits (n, levels, h, w)."""
        above = left = self.values(x.view(len(x), *x.shape[-2:]).long()).permute(0, 3, 1, 2)
        for layer in self.layers:
            above, left = layer(above, left, *label[:1])
        return self.head(left)

    def log_prob(self, x: Tensor, *label: Tensor) -> Tensor:
        """(n, *shape) -> (n,) in nats."""
        wanted = x.view(len(x), *x.shape[-2:]).long()
        return -F.cross_entropy(self(x, *label).float(), wanted, reduction="none").sum((1, 2))

    def loss(self, x: Tensor, *label: Tensor) -> dict[str, Tensor]:
        """Minus the mean log-likelihood in nats, and in bits a dimension."""
        return nats_and_bits(self.log_prob(x, *(label if self.classes else ())), math.prod(self.shape))

    @torch.no_grad()
    def sample(self, n: int, *condition: Tensor) -> Tensor:
        """(n, *shape) of whole numbers, drawn pixel by pixel; ValueError without a label for each, if it has any."""
        if self.classes and (not condition or len(condition[0]) != n):
            raise ValueError(f"sample({n}, label): {n} labels are needed, one for each example")
        return self.complete(torch.zeros(n, *self.shape, device=self.device, dtype=torch.long), 0, *condition)

    @torch.no_grad()
    def complete(self, x: Tensor, rows: int, *condition: Tensor) -> Tensor:
        """Pictures whose first rows are those of x, and the others drawn.

        What is known of the rows above and of the pixels to the left is kept, so that each pixel costs the network one
        pixel (Ramachandran et al. 2017, "Fast generation for convolutional autoregressive models", arXiv 1704.06001).
        """
        made, label = x.long().view(len(x), *x.shape[-2:]).clone(), condition[:1] if self.classes else ()
        n, height, width = made.shape
        maps = self.values.embedding_dim
        above = [x.new_zeros(n, maps, layer.reach + 1, width, dtype=self.values.weight.dtype) for layer in self.layers]
        across = [layer.across(v.new_zeros(n, 2 * maps, 1, width)) + layer.told(*label or (None,))[1]
                  for layer, v in zip(self.layers, above, strict=True)]  # fmt: skip
        for i in range(height):
            if i >= rows:
                self._draw_row(made[:, i], across)
            row = self.values(made[:, i]).movedim(2, 1)[:, :, None]
            for k, layer in enumerate(self.layers):
                above[k] = torch.cat([above[k][:, :, 1:], row], 2)
                row, across[k] = layer.downwards(above[k], *label)
        return made.view(x.shape)

    def _draw_row(self, made: Tensor, across: Sequence[Tensor]) -> None:
        """Fill a row (n, w) from the left; across: what each layer is told of the rows above."""
        r = self.layers[0].reach
        left = [across[0].new_zeros(len(made), self.values.embedding_dim, 1, r + made.shape[1]) for _ in self.layers]
        for j in range(made.shape[1]):
            for k, layer in enumerate(self.layers):
                seen = left[k][..., j : j + r + (not layer.first)]  # beside it lie the r zeros before the row
                answer = layer.rightwards(seen, across[k][..., j : j + 1])
                if k + 1 < len(self.layers):
                    left[k + 1][..., j + r] = answer[..., 0]
            made[:, j] = torch.distributions.Categorical(logits=self.head(answer)[..., 0, 0].float()).sample()
            left[0][..., j + r] = self.values(made[:, j])[..., None]
