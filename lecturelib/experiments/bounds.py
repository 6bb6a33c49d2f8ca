"""Bounds on the likelihood of pictures under a chain of noise levels whose lowest one is read by a decoder.

x's code gets noise up to a level `first`; from there on it costs what the diffusion says, and the pixels cost what a
decoder says that is shown the code with its noise taken away. With the pixels as their own code this is the bound of
Ho, Jain, Abbeel (2020), equations 5 and 13, begun at any level; with the code of a VAE it is that of latent diffusion.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lecturelib.models.diffusion import Diffusion
from lecturelib.models.likelihoods import DiscretisedLogistic

LEVELS = (0, 5, 10, 20, 40, 70, 100, 150, 200, 250, 300, 400, 500, 600)
WIDTHS = tuple(0.002 * 1.3**k for k in range(20))  # up to 0.29


def same(x: Tensor) -> Tensor:
    """Pixels, as their own code."""
    return x


@dataclass(frozen=True)
class Chain:
    """A diffusion of codes, and the way between codes and pictures of `values` grey values in [0, 1].

    Whatever `first` and `width` are, `nats` are a bound; `fitted` takes those that make it smallest.
    """

    diffusion: Diffusion
    values: int
    encode: Callable[[Tensor], Tensor] = same
    decode: Callable[[Tensor], Tensor] = same  # the middles of the pixels' densities
    first: int = 0
    width: float = 0.1  # of the pixels' logistic densities

    @torch.no_grad()
    def nats(self, x: Tensor, draws: int = 4) -> Tensor:
        """A bound on -log P(x) of each picture (n, ...): (n,), the mean over draws of the noise."""
        code = self._code(x)
        return sum(self._chain(code) + self._pixels(self._read(code), x, self.width) for _ in range(draws)) / draws

    @torch.no_grad()
    def fitted(self, x: Tensor, draws: int = 4) -> "Chain":
        """The same with the `first` and the `width` that are best for pictures (n, ...): not those it is judged by."""
        code, found = self._code(x), {}
        for first in (level for level in LEVELS if level < len(self.diffusion.schedule) - 1):
            one = replace(self, first=first)
            chain = sum(one._chain(code).mean() for _ in range(draws)) / draws
            read = one._read(code)
            for width in WIDTHS:
                found[first, width] = (chain + self._pixels(read, x, width).mean()).item()
        first, width = min(found, key=found.get)
        return replace(self, first=first, width=width)

    def _code(self, x: Tensor) -> Tensor:
        return self.diffusion.inner(self.encode(x))

    def _chain(self, code: Tensor) -> Tensor:
        return self.diffusion.cost(code, first=self.first)

    def _read(self, code: Tensor) -> Tensor:
        levels = torch.full((len(code),), self.first, device=code.device)
        noisy = self.diffusion(code, levels, torch.randn_like(code))
        return self.decode(self.diffusion.outer(self.diffusion.denoise(noisy, self.first)))

    def _pixels(self, read: Tensor, x: Tensor, width: float) -> Tensor:
        return -DiscretisedLogistic(self.values, width).to(x.device).log_prob(read, x)


def codes_nats(model, x: Tensor) -> Tensor:
    """A bound on -log P(x) of each picture under a VQ-VAE with a prior, a `Latent`: (n,).

    Its one code tells of the picture: what the prior says of it, and what the decoder then says of the pixels.
    """
    codes, vqvae = model.encode(x), model.autoencoder
    pixels = vqvae.likelihood.log_prob(vqvae.decoder(vqvae.quantiser.look_up(codes)), x)
    return -model.prior.log_prob(codes) - pixels
