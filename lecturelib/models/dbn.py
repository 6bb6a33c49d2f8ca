"""Deep belief networks: a stack of RBMs of which the top one stays undirected, and a deep autoencoder made of them.

    rbms = [RBM((1, 28, 28), 500), RBM(500, 250), RBM(250, 30, hidden_units=Gaussian())]
    pretrain(rbms, data, steps=3000, batch_size=100, lr=0.1)
    DBN(rbms).sample(16)
    autoencoder = unroll(rbms)

Hinton, Osindero, Teh (2006), "A fast learning algorithm for deep belief nets", Neural Computation 18; Hinton and
Salakhutdinov (2006), "Reducing the dimensionality of data with neural networks", Science 313.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.data.tensors import Data, DataError
from lecturelib.model import Model
from lecturelib.models.autoencoder import Autoencoder, CrossEntropy, SquaredError
from lecturelib.models.rbm import RBM
from lecturelib.models.units import Bernoulli, Gaussian, Labelled

AT_ONCE = 1000  # examples whose labels are weighed together


class DBN(Model):
    """p(x, h1, ..., hL) = p(x | h1) ... p(h_(L-2) | h_(L-1)) p(h_(L-1), hL), the last factor an RBM.

    layers: RBMs from the bottom up, each of which takes what the one below gives; they are held, not copied, and
    trained one by one with `pretrain`. With classes > 0 the top RBM sees one-hot labels beside the layer below: its
    visible units are `Labelled(classes)`, and it is trained on `to_top(data)` once the others are.
    ValueError for layers that do not fit together.
    """

    def __init__(self, layers: Sequence[RBM], classes: int = 0):
        super().__init__()
        _check(layers, classes)
        self.layers, self.classes = nn.ModuleList(layers), classes

    @property
    def top(self) -> RBM:
        """The undirected RBM at the top."""
        return self.layers[-1]

    def features(self, x: Tensor) -> Tensor:
        """The mean-field up pass to the layer below the top RBM: (n, *shape) -> (n, units)."""
        x = x.flatten(1)
        for layer in self.layers[:-1]:
            x = layer.encode(x)
        return x

    def joined(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """What the top RBM sees: the features of x, and one-hot labels y (n,) where it has label units."""
        return self.with_labels(self.features(x), y)

    def with_labels(self, h: Tensor, y: Tensor | None) -> Tensor:
        """The layer below the top RBM, (n, units), and one-hot labels y (n,) beside it where there are label units."""
        if not self.classes:
            return h
        if y is None:
            raise ValueError(f"the top RBM sees {self.classes} label units too: give the labels y")
        return torch.cat([h, F.one_hot(y, self.classes).to(h)], 1)

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The mean-field up pass, E[hL | E[h_(L-1) | ...]]: (n, *shape) -> (n, hidden of the top)."""
        return self.top.encode(self.joined(x, y))

    def decode(self, h: Tensor) -> Tensor:
        """The mean-field down pass from the top's hidden layer: (n, hidden of the top) -> (n, *shape)."""
        return self.down(self._below(self.top.decode(h)))

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The reconstruction of x, up and down again in means, of the shape of x."""
        return self.decode(self.encode(x, y))

    def down(self, h: Tensor, *, sample: bool = False) -> Tensor:
        """From the layer below the top RBM to the means of x: (n, units) -> (n, *shape).

        With `sample` the layers between are drawn, from above to below (ancestral sampling), and only x is a mean.
        """
        return self.way_down(h, sample)[0].view(-1, *self.layers[0].shape)

    def way_down(self, h: Tensor, sample: bool) -> list[Tensor]:
        """Means of x, then means or, with `sample`, states of each layer up to h: (n, units) -> [(n, ...), ..., h]."""
        found = [h]
        for number, layer in reversed(list(enumerate(self.layers[:-1]))):
            t = self.to_below(number, found[0])
            found.insert(0, layer.visible_units.sample(t) if sample and number else layer.visible_units.mean(t))
        return found

    def to_below(self, number: int, h: Tensor) -> Tensor:
        """What the hidden layer of RBM `number` sends on the way down: (n, hidden) -> (n, visible)."""
        return self.layers[number].to_visible(h)

    @torch.no_grad()
    def sample(self, n: int, steps: int = 1000, y: Tensor | None = None) -> Tensor:
        """Means of x from `steps` of Gibbs sampling in the top RBM and one ancestral down pass: (n, *shape).

        The chains start at the top RBM's own (PCD) or at noise. y (n,): labels that stay as they are on the chain;
        ValueError where there are no label units.
        """
        if y is not None and (not self.classes or y.shape != (n,)):
            raise ValueError(f"y has shape {tuple(y.shape)} and the network {self.classes} label units; {n} are drawn")
        if len(self.layers) == 1:
            return self.top.sample(n, steps)
        top, units, fixed = self.top, self.top.visible_units, None
        if len(top.chains):
            s = top.chains[torch.randint(len(top.chains), (n,), device=self.device)]
        else:
            s = units.sample(torch.zeros(n, len(top.a), device=self.device))
        if y is not None:
            fixed = F.one_hot(y.to(self.device), self.classes).float()
        for _ in range(steps):
            if fixed is not None:
                s = torch.cat([self._below(s), fixed], 1)
            s = units.sample(top.to_visible(top.hidden_units.sample(top.to_hidden(s))))
        return self.down(self._below(s), sample=True)

    @torch.no_grad()
    def label_energy(self, x: Tensor) -> Tensor:
        """The top RBM's free energy of x with each label: (n, *shape) -> (n, classes).

        -F, but for a constant of each x, is log p(y | x) (Hinton, Osindero, Teh 2006, section 6.2).
        """
        if not self.classes:
            raise ValueError("this network has no label units: DBN(layers, classes=...)")
        labels, found = torch.eye(self.classes, device=x.device), []
        for h in self.features(x).split(AT_ONCE):
            pairs = torch.cat([h.repeat_interleave(self.classes, 0), labels.repeat(len(h), 1)], 1)
            found.append(self.top.free_energy(pairs).view(len(h), self.classes))
        return torch.cat(found)

    def predict(self, x: Tensor) -> Tensor:
        """The label of least free energy: (n, *shape) -> (n,)."""
        return self.label_energy(x).argmin(1)

    def to_top(self, data: Data) -> Data:
        """What the top RBM is trained on: features of data.x, with the labels data.y joined where it has label units.

        DataError where the labels are missing or do not fit.
        """
        below = data.map(self.features)
        if not self.classes:
            return below.only("x")
        if "y" not in data.names or data.y.is_floating_point() or not 0 <= data.y.min() <= data.y.max() < self.classes:
            raise DataError(f"the top RBM sees labels: y from 0 to {self.classes - 1} is needed")
        return Data(torch.cat([below.x, F.one_hot(data.y, self.classes).float()], 1))

    def _below(self, s: Tensor) -> Tensor:
        """The top's visible layer without its label units."""
        s = s.flatten(1)
        return s[:, : s.shape[1] - self.classes]


def unroll(
    layers: Sequence[RBM],  # from the bottom up
    error: Callable[[Tensor, Tensor], Tensor] | None = None,  # None: by the visible units of the lowest RBM
) -> Autoencoder:
    """The deep autoencoder that a stack of RBMs unrolls to; each RBM's weights are copied twice, and then untied.

    Encoder x W + b and decoder h W^T + a with a sigmoid where the units are binary and none where they are Gaussian;
    the decoder's last layer gives logits for CrossEntropy, or x itself for SquaredError where x is Gaussian.
    Before fine-tuning it is the mean-field up and down pass. Hinton and Salakhutdinov (2006), figure 1.
    """
    _check(layers, 0)
    if error is None:
        error = SquaredError() if isinstance(layers[0].visible_units, Gaussian) else CrossEntropy()
    encoder: list[nn.Module] = [nn.Flatten()]
    decoder: list[nn.Module] = []
    for number, rbm in enumerate(layers):
        encoder += [linear(rbm.W.T, rbm.b), *_squash(rbm.hidden_units)]
        squash = _squash(rbm.visible_units) if number else []
        decoder = [linear(rbm.W, rbm.a), *squash, *decoder]
    return Autoencoder(nn.Sequential(*encoder), nn.Sequential(*decoder, nn.Unflatten(1, layers[0].shape)), error)


def linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """A layer with copies of a weight (units out, units in) and a bias (units out,)."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], device=weight.device, dtype=weight.dtype)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer


def _squash(units: Bernoulli | Gaussian) -> list[nn.Module]:
    return [nn.Sigmoid()] if isinstance(units, Bernoulli) else []


def _check(layers: Sequence[RBM], classes: int) -> None:
    if not layers:
        raise ValueError("a deep belief network needs at least one RBM")
    if any(isinstance(layer.visible_units, Labelled) for layer in (layers if not classes else layers[:-1])):
        raise ValueError("an RBM has label units: these are for the top of DBN(layers, classes); it cannot be unrolled")
    for number, (below, above) in enumerate(pairwise(layers)):
        labels = classes if number == len(layers) - 2 else 0
        if len(above.a) != len(below.b) + labels:
            raise ValueError(
                f"layer {number + 1} sees {len(above.a)} units, but layer {number} has {len(below.b)} hidden ones"
                + (f" and there are {labels} classes" if labels else "")
            )
        if labels == 0 and type(above.visible_units) is not type(below.hidden_units):
            raise ValueError(
                f"layer {number} has {type(below.hidden_units).__name__} hidden units, but layer {number + 1} sees "
                f"{type(above.visible_units).__name__} ones"
            )
    if classes and (len(layers) < 2 or getattr(layers[-1].visible_units, "classes", 0) != classes):
        raise ValueError(f"label units need a layer below the top RBM, and visible_units=Labelled({classes}) in it")
