"""The Wasserstein autoencoder, and the discrepancy between two samples that it lowers."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lecturelib.model import Model


class WAE(Model):
    """A deterministic autoencoder whose codes, all together, are pushed to N(0, I): the Wasserstein autoencoder.

    loss = ||x - g(f(x))||^2 + weight MMD(f(x), z), z ~ N(0, I), with the sum of inverse multiquadric kernels.
    Tolstikhin et al. (2018), arXiv 1711.01558, algorithm 2.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, latent: int, weight: float = 10.0):
        super().__init__()
        self.encoder, self.decoder, self.latent, self.weight = encoder, decoder, latent, weight

    def encode(self, x: Tensor) -> Tensor:
        """(n, *shape) -> (n, latent)."""
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        """(n, latent) -> (n, *shape)."""
        return self.decoder(z)

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction of x."""
        return self.decoder(self.encoder(x))

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """The squared error per example, the discrepancy between codes and prior, and their weighted sum."""
        z = self.encode(x)
        error = (self.decode(z) - x).square().flatten(1).sum(1).mean()
        apart = mmd(z, torch.randn_like(z))
        return {"loss": error + self.weight * apart, "reconstruction": error, "mmd": apart}

    @torch.no_grad()
    def sample(self, n: int, *_: Tensor) -> Tensor:
        """n examples (n, *shape), decoded from z ~ N(0, I)."""
        return self.decode(torch.randn(n, self.latent, device=self.device))


SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def inverse_multiquadric(x: Tensor, y: Tensor) -> Tensor:
    """k(x, y) = sum over scales s of C / (C + ||x - y||^2), C = 2 d s: (n, d), (m, d) -> (n, m).

    C at s = 1 is the expected squared distance of two draws of N(0, I). The kernel is that of Tolstikhin et al. (2018),
    section 4; the sum over scales spares the choice of one.
    """
    squared = (x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T).clamp(min=0)
    return sum(c / (c + squared) for c in (2 * x.shape[1] * s for s in SCALES))


def mmd(x: Tensor, y: Tensor, kernel: Callable[[Tensor, Tensor], Tensor] = inverse_multiquadric) -> Tensor:
    """The squared maximum mean discrepancy between two samples, without bias (so it may be below 0): 0-D.

    x: (n, d), y: (m, d), at least two each. Gretton et al. (2012), JMLR 13, equation 3.
    """
    if min(len(x), len(y)) < 2:
        raise ValueError(f"samples of {len(x)} and {len(y)}: the discrepancy needs at least two of each")

    def within(s: Tensor) -> Tensor:
        k = kernel(s, s)
        return (k.sum() - k.diagonal().sum()) / (len(s) * (len(s) - 1))

    return within(x) + within(y) - 2 * kernel(x, y).mean()
