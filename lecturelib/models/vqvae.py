"""VQ-VAE: an autoencoder whose code is a picture of whole numbers, each the number of an entry of a learned codebook.

    vqvae = VQVAE(encoder, decoder, Quantiser(128, 16), Gaussian(0.1))
    fit(vqvae, faces, steps=3000)
    codes = vqvae.encode(x)                             # (n, h, w) of whole numbers below 128
    vqvae.decode(codes)

van den Oord, Vinyals, Kavukcuoglu (2017), "Neural discrete representation learning", arXiv 1711.00937.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.model import Model


class Quantiser(nn.Module):
    """A codebook (entries, width): each vector of a map is replaced by the nearest entry.

    In training the entries follow the mean of the vectors that they stand for (appendix A.1), and one that stands for
    hardly any is put where a vector of the batch is (Dhariwal et al. 2020, arXiv 2005.00341, section 3.1). The first
    batch sets all of them so.
    """

    def __init__(self, entries: int, width: int, decay: float = 0.99, least: float = 0.1):
        super().__init__()
        if entries < 2 or not 0 <= decay < 1:
            raise ValueError(f"entries is {entries} and decay {decay}: at least two, and from 0 to below 1")
        self.decay = decay
        self.least = least  # vectors a batch, on average, for an entry to stay
        self.register_buffer("book", torch.randn(entries, width))
        self.register_buffer("counts", torch.ones(entries))
        self.register_buffer("sums", self.book.clone())
        self.register_buffer("ready", torch.tensor(False))

    def nearest(self, z: Tensor) -> Tensor:
        """(..., width) -> the numbers of the nearest entries (...)."""
        distance = self.book.square().sum(1) - 2 * z.float() @ self.book.T
        return distance.argmin(-1)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A map (n, width, h, w) -> entries in its place, their numbers (n, h, w), squared distances (n,).

        The gradient of the entries is handed on to z as it is ("straight through"); that of the distances moves z.
        """
        vectors = z.movedim(1, -1)
        flat = vectors.detach().float().flatten(0, -2)
        if self.training and not self.ready:
            self._restart(torch.ones_like(self.counts, dtype=torch.bool), flat)
            self.ready.fill_(True)
        codes = self.nearest(vectors)
        chosen = self.look_up(codes)  # before they move, as the distances are those of now
        away = (z - chosen).square().flatten(1).sum(1)
        if self.training:
            self._follow(flat, codes.flatten())
        return z + (chosen - z).detach(), codes, away

    def look_up(self, codes: Tensor) -> Tensor:
        """(n, h, w) of whole numbers -> entries (n, width, h, w)."""
        return F.embedding(codes, self.book).movedim(-1, 1)

    @torch.no_grad()
    def _follow(self, vectors: Tensor, codes: Tensor) -> None:
        counts = torch.bincount(codes, minlength=len(self.book)).float()
        sums = torch.zeros_like(self.sums).index_add_(0, codes, vectors)
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        seen = self.counts[:, None] > 1e-6  # one that nothing chooses stays where it is
        self.book.copy_(torch.where(seen, self.sums / self.counts[:, None], self.book))
        self._restart(self.counts < self.least, vectors)

    @torch.no_grad()
    def _restart(self, which: Tensor, vectors: Tensor) -> None:
        drawn = vectors[torch.randint(len(vectors), (len(self.book),), device=vectors.device)]
        self.book.copy_(torch.where(which[:, None], drawn, self.book))
        self.counts.copy_(torch.where(which, torch.ones_like(self.counts), self.counts))
        self.sums.copy_(torch.where(which[:, None], drawn, self.sums))


class VQVAE(Model):
    """encoder: x -> a map (n, width, h, w); the quantiser; decoder: a map -> what the likelihood needs of x.

    loss = -log p(x | entries) + commitment |z - entries|^2, in nats an example (equation 3; the codebook follows
    without a loss).
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        quantiser: Quantiser,
        likelihood: nn.Module,
        commitment: float = 0.25,
    ):
        super().__init__()
        self.encoder, self.decoder, self.quantiser, self.likelihood = encoder, decoder, quantiser, likelihood
        self.commitment = commitment

    def encode(self, x: Tensor) -> Tensor:
        """The codes of x: (n, h, w) of whole numbers."""
        return self.quantiser.nearest(self.encoder(x).movedim(1, -1))

    def decode(self, codes: Tensor) -> Tensor:
        """The picture of codes (n, h, w)."""
        return self.likelihood.mean(self.decoder(self.quantiser.look_up(codes)))

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction of x."""
        return self.decode(self.encode(x))

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """Its two parts, and the perplexity: to how many entries, all used as much, the use of the codebook amounts."""
        entries, codes, away = self.quantiser(self.encoder(x))
        reconstruction = -self.likelihood.log_prob(self.decoder(entries), x).mean()
        loss = reconstruction + self.commitment * away.mean()
        return {"loss": loss, "reconstruction": reconstruction, "commitment": away.mean().detach(),
                "perplexity": perplexity(codes, len(self.quantiser.book))}  # fmt: skip

    def bits(self, codes: Tensor) -> float:
        """What codes of this shape (n, h, w) take, with no prior: log2 of the entries a place."""
        return math.prod(codes.shape[1:]) * math.log2(len(self.quantiser.book))


def perplexity(codes: Tensor, entries: int) -> Tensor:
    """exp of the entropy of how often each entry is used, 0-D: 1 if always the same, `entries` if all alike."""
    share = torch.bincount(codes.flatten(), minlength=entries).float() / codes.numel()
    return torch.exp(-torch.xlogy(share, share).sum())
