"""Autoencoders: an encoder h = f(x), a decoder x^ = g(h), and the error between x and x^."""

from collections.abc import Callable, Sequence
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.layers import mlp
from lecturelib.model import Model


class SquaredError:
    """For real-valued x: ||x - x^||^2, which is a Gaussian log-likelihood of fixed variance up to a constant."""

    def __call__(self, output: Tensor, x: Tensor) -> Tensor:
        """(n, ...), (n, ...) -> (n,): summed over the entries of each example."""
        return (output - x).square().flatten(1).sum(1)

    def reconstruction(self, output: Tensor) -> Tensor:
        """What the decoder's output says x is."""
        return output


class CrossEntropy:
    """For x in [0, 1]: -sum x log x^ + (1-x) log(1-x^), from logits (a Bernoulli log-likelihood where x is 0 or 1)."""

    def __call__(self, output: Tensor, x: Tensor) -> Tensor:
        """(n, ...) logits, (n, ...) -> (n,): summed over the entries of each example, in nats."""
        return F.binary_cross_entropy_with_logits(output, x, reduction="none").flatten(1).sum(1)

    def reconstruction(self, output: Tensor) -> Tensor:
        """What the decoder's logits say x is: probabilities."""
        return output.sigmoid()


class Autoencoder(Model):
    """Any encoder with any decoder. encoder: (n, *shape) -> (n, code); decoder: (n, code) -> (n, *shape)."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, error: Callable[[Tensor, Tensor], Tensor] | None = None):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.error = SquaredError() if error is None else error

    def encode(self, x: Tensor) -> Tensor:
        """h = f(x): (n, *shape) -> (n, code)."""
        return self.encoder(x)

    def decode(self, h: Tensor) -> Tensor:
        """x^ = g(h): (n, code) -> (n, *shape)."""
        return self.error.reconstruction(self.decoder(h))

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction x^ = g(f(x)) of x, of the shape of x."""
        return self.decode(self.encode(x))

    def errors(self, h: Tensor, x: Tensor) -> Tensor:
        """The error of each example when x is rebuilt from h: (n, code), (n, *shape) -> (n,)."""
        return self.error(self.decoder(h), x)

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """Mean reconstruction error per example; labels in the batch are not looked at."""
        return {"loss": self.errors(self.encode(x), x).mean()}


def dense(
    shape: Sequence[int],  # of one example, without the batch: (1, 8, 8)
    code: int,  # units of h
    hidden: Sequence[int] = (),  # units between x and h; mirrored in the decoder
    activation: Callable[[], nn.Module] = nn.ReLU,
    error: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Autoencoder:
    """A fully connected autoencoder; with no hidden layers it is linear in and out of the code."""
    sizes = [prod(shape), *hidden, code]
    encoder = nn.Sequential(nn.Flatten(), mlp(sizes, activation))
    decoder = nn.Sequential(mlp(sizes[::-1], activation), nn.Unflatten(1, tuple(shape)))
    return Autoencoder(encoder, decoder, error)


class TiedAutoencoder(Model):
    """One layer whose decoder is its encoder's transpose: h = s(W x + b), x^ = W^T h + c.

    W: (code, dimension). `activation=torch.nn.Identity()` gives the linear one, a relative of PCA.
    """

    def __init__(
        self,
        dimension: int,
        code: int,
        activation: nn.Module | None = None,
        error: Callable[[Tensor, Tensor], Tensor] | None = None,
    ):
        super().__init__()
        self.W = nn.Parameter(torch.empty(code, dimension))
        self.b = nn.Parameter(torch.zeros(code))
        self.c = nn.Parameter(torch.zeros(dimension))
        self.activation = nn.Sigmoid() if activation is None else activation
        self.error = SquaredError() if error is None else error
        nn.init.xavier_uniform_(self.W)

    def encode(self, x: Tensor) -> Tensor:
        """(n, ...) -> (n, code)."""
        return self.activation(F.linear(x.flatten(1), self.W, self.b))

    def decode(self, h: Tensor) -> Tensor:
        """(n, code) -> (n, dimension)."""
        return self.error.reconstruction(F.linear(h, self.W.T, self.c))

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction of x, of the shape of x."""
        return self.decode(self.encode(x)).view_as(x)

    def errors(self, h: Tensor, x: Tensor) -> Tensor:
        """The error of each example when x is rebuilt from h: (n, code), (n, ...) -> (n,)."""
        return self.error(F.linear(h, self.W.T, self.c), x.flatten(1))

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """Mean reconstruction error per example."""
        return {"loss": self.errors(self.encode(x), x).mean()}
