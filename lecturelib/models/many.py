"""Many networks of one shape at once: the same batch for all of them, weights (nets, in, out) that are their own.

    layers = [RBMs(5, 784, 100), RBMs(5, 100, 100)]
    pretrain(layers, pictures, steps=1000, lr=0.1)
    nets = Classifiers(5, (784, 100, 100, 10)).start_from(layers)
    fit(nets, digits, steps=1000, lr=0.1)
    nets.accuracies(test)        # (5,): a figure with its spread, from one run

Small networks spend most of their time on the way from one operation to the next; `baddbmm` goes that way once.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.data.tensors import Data
from lecturelib.model import Model, Turn

AT_ONCE = 2000  # examples that are classified in one go


def uniform(W: Tensor) -> Tensor:
    """U(-1/sqrt(in), 1/sqrt(in)) for W (nets, in, out), what was usual before 2010: Erhan et al. (2010), section 5."""
    return W.uniform_(-1, 1).mul_(W.shape[1] ** -0.5)


def he(W: Tensor) -> Tensor:
    """N(0, 2 / in) for W (nets, in, out), made for ReLU: He, Zhang, Ren, Sun (2015), equation 10."""
    return W.normal_().mul_((2 / W.shape[1]) ** 0.5)


def _for_each(x: Tensor, nets: int) -> Tensor:
    """(n, ...) shared by all nets, or (n, nets, features), as (nets, n, features)."""
    if x.ndim == 3 and x.shape[1] == nets:
        return x.transpose(0, 1)
    return x.flatten(1).expand(nets, -1, -1)


class Classifiers(Model):
    """Fully connected classifiers with a softmax layer each; their cross-entropies are added up.

    W[l]: (nets, sizes[l], sizes[l + 1]), b[l]: (nets, 1, sizes[l + 1]). The softmax layer starts at zero.
    """

    def __init__(
        self,
        nets: int,
        sizes: Sequence[int],  # inputs, hidden layers, classes
        activation: Callable[[Tensor], Tensor] = torch.sigmoid,
        start: Callable[[Tensor], Tensor] = uniform,  # fills W in place
        optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
    ):
        super().__init__()
        if nets < 1 or len(sizes) < 2:
            raise ValueError(f"{nets} nets of sizes {tuple(sizes)}: it takes one net and two sizes at least")
        self.W = nn.ParameterList(start(torch.empty(nets, *pair)) for pair in pairwise(sizes))
        self.b = nn.ParameterList(torch.zeros(nets, 1, size) for size in sizes[1:])
        nn.init.zeros_(self.W[-1])
        self.nets, self.activation, self.optimizer = nets, activation, optimizer

    def start_from(self, layers: Iterable["RBMs | Denoisers"]) -> "Classifiers":
        """Copy the weights and hidden biases of pretrained layers, from the bottom up; returns the model."""
        with torch.no_grad():
            for W, b, layer in zip(self.W[:-1], self.b, layers, strict=False):
                W.copy_(layer.W)
                b.copy_(layer.b)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Logits: (n, ...) -> (nets, n, classes)."""
        x = _for_each(x, self.nets)
        for W, b in zip(self.W[:-1], self.b[:-1], strict=True):
            x = self.activation(torch.baddbmm(b, x, W))
        return torch.baddbmm(self.b[-1], x, self.W[-1]).float()

    def errors(self, x: Tensor, y: Tensor) -> Tensor:
        """Cross-entropy of each net and each example in nats: (n, ...), (n,) -> (nets, n)."""
        logits = self(x)
        return F.cross_entropy(logits.flatten(0, 1), y.repeat(self.nets), reduction="none").view(self.nets, -1)

    def loss(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """The mean cross-entropy, added up over the nets: each has the gradient that it would have alone."""
        return {"loss": self.errors(x, y).mean(1).sum()}

    @torch.no_grad()
    def mean_errors(self, data: Data) -> Tensor:
        """The mean cross-entropy on data.x, data.y: (nets,)."""
        return sum(self.errors(x, y).sum(1) for x, y in _parts(data)) / len(data)

    @torch.no_grad()
    def accuracies(self, data: Data) -> Tensor:
        """The share of right classes on data.x, data.y: (nets,)."""
        return sum((self(x).argmax(2) == y).sum(1) for x, y in _parts(data)) / len(data)

    def turns(self, lr: float) -> list[Turn]:
        """One turn of the optimizer for all the nets."""
        return [Turn("model", self.loss, self.optimizer(self.parameters(), lr=lr))]


def _parts(data: Data) -> list[tuple[Tensor, Tensor]]:
    return list(zip(data.x.split(AT_ONCE), data.y.split(AT_ONCE), strict=True))


class MLPs(nn.Module):
    """Fully connected networks among which a batch is shared out: (nets * n, in) -> (nets * n, out), or (nets * n,).

    The first n rows are the first net's, and so on; with one output the last dimension is dropped. Two players made
    of them are as many games as there are nets, each with examples and noise of its own, under one `GAN`: means over
    the batch are means over all games, and no game moves another. Weights and biases start as torch's own.
    """

    def __init__(
        self,
        nets: int,
        sizes: Sequence[int],  # inputs, hidden layers, outputs
        activation: Callable[[Tensor], Tensor] = torch.relu,
    ):
        super().__init__()
        if nets < 1 or len(sizes) < 2:
            raise ValueError(f"{nets} nets of sizes {tuple(sizes)}: it takes one net and two sizes at least")
        self.W = nn.ParameterList(uniform(torch.empty(nets, *pair)) for pair in pairwise(sizes))
        self.b = nn.ParameterList(uniform(torch.empty(nets, a, b))[:, :1].clone() for a, b in pairwise(sizes))
        self.nets, self.activation = nets, activation

    def forward(self, x: Tensor) -> Tensor:
        """What each net says of its share of the batch; ValueError where it cannot be shared out evenly."""
        if len(x) % self.nets:
            raise ValueError(f"a batch of {len(x)} cannot be shared out among {self.nets} nets: give a multiple")
        x = x.view(self.nets, -1, *x.shape[1:])
        for W, b in zip(self.W[:-1], self.b[:-1], strict=True):
            x = self.activation(torch.baddbmm(b, x, W))
        x = torch.baddbmm(self.b[-1], x, self.W[-1])
        return x.flatten() if x.shape[2] == 1 else x.flatten(0, 1)


class _Layers(Model):
    """One layer of each net, with weights that work both ways: W (nets, in, out), b (nets, 1, out), a (nets, 1, in)."""

    def __init__(self, nets: int, visible: int, hidden: int, W: Tensor):
        super().__init__()
        if nets < 1:
            raise ValueError(f"{nets} nets: it takes at least one")
        self.W = nn.Parameter(W)
        self.b, self.a = (nn.Parameter(torch.zeros(nets, 1, size)) for size in (hidden, visible))
        self.nets = nets

    def to_hidden(self, x: Tensor) -> Tensor:
        """sigma(x W + b): (nets, n, in) -> (nets, n, out)."""
        return torch.baddbmm(self.b, x, self.W).float().sigmoid()

    def to_visible(self, h: Tensor) -> Tensor:
        """sigma(h W^T + a): (nets, n, out) -> (nets, n, in)."""
        return torch.baddbmm(self.a, h, self.W.transpose(1, 2)).float().sigmoid()

    def encode(self, x: Tensor) -> Tensor:
        """(n, ...) shared, or (n, nets, in) -> (n, nets, out): what the next layers are trained on."""
        return self.to_hidden(_for_each(x, self.nets)).transpose(0, 1)


class RBMs(_Layers):
    """Restricted Boltzmann machines of Bernoulli units, trained by CD-1; as `RBM`, many of them."""

    def __init__(self, nets: int, visible: int, hidden: int, momentum: float = 0.5):
        super().__init__(nets, visible, hidden, 0.01 * torch.randn(nets, visible, hidden))
        self.momentum = momentum

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """The energy of the data less that of their reconstructions, whose gradient is the CD-1 update of each net."""
        x = _for_each(x, self.nets)
        with torch.no_grad():
            h = self.to_hidden(x)
            x_1 = self.to_visible(torch.bernoulli(h))
            h_1 = self.to_hidden(x_1)
            # one product, as the difference of two is too fine for bfloat16
            W = torch.cat([x_1, x], 1).transpose(1, 2) @ torch.cat([h_1, -h], 1) / x.shape[1]
            a, b = (x_1 - x).mean(1, keepdim=True), (h_1 - h).mean(1, keepdim=True)
        error = (x - x_1).square().sum(2).mean()
        return {"loss": (self.W * W.float()).sum() + (self.a * a).sum() + (self.b * b).sum(), "error": error}

    def turns(self, lr: float) -> list[Turn]:
        """Gradient descent with momentum."""
        return [Turn("model", self.loss, torch.optim.SGD(self.parameters(), lr=lr, momentum=self.momentum))]


class Denoisers(_Layers):
    """Denoising autoencoders with tied weights: a share of x is set to 0 and has to be filled in again.

    Vincent et al. (2010), section 3; the error is the cross-entropy.
    """

    def __init__(self, nets: int, visible: int, hidden: int, masked: float = 0.25):
        super().__init__(nets, visible, hidden, uniform(torch.empty(nets, visible, hidden)))
        if not 0 <= masked < 1:
            raise ValueError(f"masked is {masked}; it is a share of the inputs, from 0 to below 1")
        self.masked = masked

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """The mean cross-entropy of the clean x, in nats an example, added up over the nets."""
        x = _for_each(x, self.nets)
        h = self.to_hidden(x * (torch.rand_like(x) >= self.masked))
        logits = torch.baddbmm(self.a, h, self.W.transpose(1, 2)).float()
        return {"loss": F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum((0, 2)).mean()}
