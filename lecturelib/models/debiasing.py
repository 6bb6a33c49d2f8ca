"""The debiasing VAE: a classifier that learns what its faces have in common, and looks more often at the rare ones."""

from collections.abc import Sequence
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.layers import mlp
from lecturelib.model import Model
from lecturelib.models.likelihoods import Gaussian
from lecturelib.models.vae import kl_to_standard_normal, reparameterise


class DebiasingVAE(Model):
    """Is it a face? And if it is, what are its hidden variables? One encoder answers both.

    encoder: (n, *shape) -> (n, 1 + 2 latent), the logit, the means and the log-variances; decoder: (n, latent) ->
    (n, *shape). loss = mean(classification + is_face * weight * (reconstruction + KL)): what is no face is only
    classified. Amini et al. (2019), AIES, equation 1.
    """

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, latent: int, likelihood: nn.Module | None = None,
        weight: float = 1e-3,  # of a nat of the bound beside a nat of the classification
    ):  # fmt: skip
        super().__init__()
        self.encoder, self.decoder, self.latent, self.weight = encoder, decoder, latent, weight
        self.likelihood = Gaussian(0.1) if likelihood is None else likelihood

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The logit of "face" (n,), and mean and log-variance of q(z|x), each (n, latent)."""
        logit, mean, log_variance = self.encoder(x).split([1, self.latent, self.latent], 1)
        return logit[:, 0], mean, log_variance.clamp(-20, 20)

    def forward(self, x: Tensor) -> Tensor:
        """The logit of "face", (n,)."""
        return self.split(x)[0]

    def encode(self, x: Tensor) -> Tensor:
        """The means of q(z|x), (n, latent)."""
        return self.split(x)[1]

    def decode(self, z: Tensor) -> Tensor:
        """(n, latent) -> (n, *shape)."""
        return self.likelihood.mean(self.decoder(z))

    def loss(self, x: Tensor, is_face: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """The loss, and the mean classification loss and negative bound (of the faces) in nats."""
        logit, mean, log_variance = self.split(x)
        is_face = is_face.to(logit.dtype)
        classification = F.binary_cross_entropy_with_logits(logit, is_face, reduction="none")
        error = -self.likelihood.log_prob(self.decoder(reparameterise(mean, log_variance)), x)
        bound = error + kl_to_standard_normal(mean, log_variance).sum(1)
        loss = (classification + is_face * self.weight * bound).mean()
        of_faces = (is_face * bound).sum() / is_face.sum().clamp(min=1)
        return {"loss": loss, "classification": classification.mean(), "vae": of_faces}


def rareness(codes: Tensor, bins: int = 10, alpha: float = 0.01) -> Tensor:
    """Weights (n,) that sum to 1: how rare each code (n, latent) is, its units taken as independent.

    W(z) ~ prod_i 1 / (Q_i(z_i) + alpha), where Q_i is the histogram of unit i, its bins' shares; a small alpha looks
    hard at the rare, a large one makes all weights equal. Amini et al. (2019), equation 3 and algorithm 1.
    """
    if codes.ndim != 2 or len(codes) < 2 or bins < 1 or alpha <= 0:
        raise ValueError(f"codes {tuple(codes.shape)}, bins {bins}, alpha {alpha}: (n, latent), 1, above 0 are needed")
    codes = codes.detach().double().cpu()
    low, high = codes.amin(0), codes.amax(0)
    index = ((codes - low) / (high - low).clamp(min=1e-12) * bins).long().clamp(max=bins - 1)
    log_weights = torch.zeros(len(codes), dtype=torch.float64)
    for unit in index.T:
        share = unit.bincount(minlength=bins).double() / len(codes)
        log_weights -= (share[unit] + alpha).log()
    return log_weights.softmax(0)


def dense_debiasing(
    shape: Sequence[int],  # of one example, without the batch
    latent: int,
    hidden: Sequence[int] = (512, 128),
    **options,  # of DebiasingVAE
) -> DebiasingVAE:
    """A fully connected one."""
    encoder = nn.Sequential(nn.Flatten(), mlp([prod(shape), *hidden, 1 + 2 * latent]))
    decoder = nn.Sequential(mlp([latent, *hidden[::-1], prod(shape)]), nn.Unflatten(1, tuple(shape)))
    return DebiasingVAE(encoder, decoder, latent, **options)
