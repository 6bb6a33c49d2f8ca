"""A generative model of another model's code: it learns where the codes are, and the decoder makes pictures of them.

    latent = Latent(vqvae, PixelCNN((8, 8), levels=128))
    fit(latent, faces, steps=3000)                      # the autoencoder stays as it is
    latent.sample(16)

So a VQ-VAE gets its prior (van den Oord et al. 2017, section 3.3), and diffusion its latent space (Rombach et al. 2022,
"High-resolution image synthesis with latent diffusion models", arXiv 2112.10752).
"""

import torch
from torch import Tensor

from lecturelib.model import Model, Turn


class Latent(Model):
    """prior: a model of the codes that `autoencoder.encode` makes and `autoencoder.decode` takes."""

    def __init__(self, autoencoder: Model, prior: Model):
        super().__init__()
        self.autoencoder, self.prior = autoencoder.requires_grad_(False), prior
        self.conditional = getattr(prior, "conditional", False)

    def train(self, mode: bool = True) -> "Latent":
        """The autoencoder stays in evaluation mode."""
        super().train(mode)
        self.autoencoder.eval()
        return self

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """The codes of x, without a gradient."""
        return self.autoencoder.encode(x)

    def decode(self, codes: Tensor) -> Tensor:
        """The pictures of codes."""
        return self.autoencoder.decode(codes)

    def loss(self, x: Tensor, *condition: Tensor) -> dict[str, Tensor]:
        """The prior's, on the codes of x."""
        return self.prior.loss(self.encode(x), *condition)

    def turns(self, lr: float) -> list[Turn]:
        """One Adam turn of the prior."""
        adam = torch.optim.Adam(self.prior.parameters(), lr=lr, fused=True)
        return [Turn("prior", self.loss, adam, player=self.prior)]

    @torch.no_grad()
    def sample(self, n: int, *condition: Tensor, **options) -> Tensor:
        """The pictures of n codes that the prior draws; options are the prior's."""
        return self.decode(self.prior.sample(n, *condition, **options))
