"""Variational autoencoders: an encoder that answers with a density, a decoder that is a likelihood, and their bound."""

from collections.abc import Callable, Sequence
from math import log, prod

import torch
from torch import Tensor, nn

from lecturelib.layers import mlp
from lecturelib.model import Model
from lecturelib.models.convolutional import Block, convolutional, strided, transposed
from lecturelib.models.likelihoods import Bernoulli


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)) of each entry in nats: 1/2 (mean^2 + variance - log variance - 1).

    Kingma and Welling (2014), arXiv 1312.6114, appendix B, with the sign of a divergence.
    """
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1)


def reparameterise(mean: Tensor, log_variance: Tensor) -> Tensor:
    """z = mean + sigma * eps with eps ~ N(0, 1): a draw through which gradients pass to mean and log_variance."""
    return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)


def log_normal(z: Tensor, mean: Tensor | float = 0.0, log_variance: Tensor | float = 0.0) -> Tensor:
    """log N(z; mean, variance), summed over the last dimension: (..., latent) -> (...)."""
    log_variance = torch.as_tensor(log_variance, dtype=z.dtype, device=z.device)
    squared = (z - mean).square() * torch.exp(-log_variance) + log_variance + log(2 * torch.pi)
    return -0.5 * squared.sum(-1)


class VAE(Model):
    """z ~ N(0, I), x ~ p(x|z), and q(z|x) = N(mean(x), diag sigma(x)^2), trained by the evidence lower bound.

    encoder: (n, *shape) -> (n, 2 latent), the means and the logarithms of the variances; decoder: (n, latent) ->
    (n, *shape). loss = -E_q log p(x|z) + beta KL(q || N(0, I)), in nats per example; beta = 1 is the bound.
    `beta` may be changed while training runs, as in annealing. free_bits: nats that each latent unit may use before
    its KL counts (Kingma et al. 2016, equation 15). Kingma and Welling (2014), equation 10; Higgins et al. (2017).
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        latent: int,
        likelihood: nn.Module | None = None,  # Bernoulli by default
        beta: float = 1.0,
        free_bits: float = 0.0,
    ):
        super().__init__()
        self.encoder, self.decoder, self.latent = encoder, decoder, latent
        self.likelihood = Bernoulli() if likelihood is None else likelihood
        self.beta, self.free_bits = beta, free_bits

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x), each (n, latent)."""
        mean, log_variance = self.encoder(x).chunk(2, 1)
        return mean, log_variance.clamp(-20, 20)  # an encoder that runs away stays finite

    def encode(self, x: Tensor) -> Tensor:
        """The means of q(z|x): (n, *shape) -> (n, latent)."""
        return self.posterior(x)[0]

    def decode(self, z: Tensor) -> Tensor:
        """The mean of p(x|z): (n, latent) -> (n, *shape)."""
        return self.likelihood.mean(self.decoder(z))

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction of x from the mean of q(z|x)."""
        return self.decode(self.encode(x))

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """The negative bound and its two parts; labels in the batch are not looked at."""
        mean, log_variance = self.posterior(x)
        z = reparameterise(mean, log_variance)
        reconstruction = self.reconstruction(z, x).mean()
        kl = kl_to_standard_normal(mean, log_variance).mean(0)  # of each latent unit
        counted = kl.clamp(min=self.free_bits).sum() if self.free_bits else kl.sum()
        return {"loss": reconstruction + self.beta * counted, "reconstruction": reconstruction, "kl": kl.sum()}

    def reconstruction(self, z: Tensor, x: Tensor) -> Tensor:
        """-log p(x|z) of each example in nats, (n,)."""
        return -self.likelihood.log_prob(self.decoder(z), x)

    def elbo(self, x: Tensor, draws: int = 1) -> Tensor:
        """The bound on log p(x) of each example in nats, (n,): the mean over `draws` of z."""
        mean, log_variance = self.posterior(x)
        kl = kl_to_standard_normal(mean, log_variance).sum(1)
        errors = [self.reconstruction(reparameterise(mean, log_variance), x) for _ in range(draws)]
        return -torch.stack(errors).mean(0) - kl

    def log_weights(self, x: Tensor, k: int) -> Tensor:
        """log p(x, z) - log q(z|x) for k draws z ~ q(z|x): (k, n)."""
        return self.log_weights_at(x, torch.randn(k, len(x), self.latent, device=x.device))

    def log_weights_at(self, x: Tensor, noise: Tensor) -> Tensor:
        """The same for the draws z = mean + sigma * noise; noise: (k, n, latent)."""
        mean, log_variance = self.posterior(x)
        z = mean + torch.exp(0.5 * log_variance) * noise
        many = x.expand(len(noise), *x.shape).flatten(0, 1)
        seen = -self.reconstruction(z.flatten(0, 1), many).view(len(noise), -1)
        return seen + log_normal(z) - log_normal(z, mean, log_variance)

    def iwae(self, x: Tensor, k: int, chunk: int = 20_000) -> Tensor:
        """The importance-weighted bound log 1/k sum_i p(x, z_i) / q(z_i|x) of each example in nats, (n,).

        Burda, Grosse, Salakhutdinov (2016), arXiv 1509.00519, equation 8; it rises with k towards log p(x). At most
        about `chunk` pictures are decoded at once; call it under no_grad, or what they leave for the gradient adds up.
        """
        if k < 1:
            raise ValueError(f"k is {k}; at least 1 is needed")
        found = x.new_empty(len(x))  # many small results, each kept alone, would lie where large ones were freed
        size = max(1, chunk // k)
        for first in range(0, len(x), size):
            part = x[first : first + size]
            most = max(1, chunk // len(part))
            draws = [self.log_weights(part, min(most, k - done)) for done in range(0, k, most)]
            found[first : first + size] = torch.cat(draws).logsumexp(0) - log(k)
        return found

    @torch.no_grad()
    def sample(self, n: int, *_: Tensor, temperature: float = 1.0, noise: bool = False) -> Tensor:
        """n examples (n, *shape): the means of p(x|z) for z ~ N(0, temperature^2 I), or with noise=True draws of x."""
        output = self.decoder(temperature * torch.randn(n, self.latent, device=self.device))
        return self.likelihood.sample(output) if noise else self.likelihood.mean(output)


class ImportanceWeighted(Model):
    """A VAE trained on the importance-weighted bound with k draws instead of the plain one. Burda et al. (2016).

    Its gradient is the mean of that of log w over the k draws, weighted by w (equation 14). With `resampled`, so many
    draws are taken in proportion to w and only they are differentiated: right on average, and several times faster
    where a few of the k draws carry most of the weight.
    """

    def __init__(
        self,
        vae: VAE,
        k: int = 50,
        resampled: int | None = None,  # draws that are differentiated, by systematic resampling; None: all
    ):
        super().__init__()
        if k < 1 or (resampled is not None and resampled < 1):
            raise ValueError(f"k is {k} and resampled {resampled}; at least 1 is needed")
        self.vae, self.k, self.resampled = vae, k, resampled

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction of x."""
        return self.vae(x)

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """The negative bound in nats per example."""
        noise = torch.randn(self.k, len(x), self.vae.latent, device=x.device)
        if self.resampled is None:
            return {"loss": log(self.k) - self.vae.log_weights_at(x, noise).logsumexp(0).mean()}
        with torch.no_grad():
            weights = self.vae.log_weights_at(x, noise)
            bound = weights.logsumexp(0).mean() - log(self.k)
            rows = systematic(weights.softmax(0), self.resampled)
            noise = noise.gather(0, rows[..., None].expand(-1, -1, self.vae.latent))
        torch.clear_autocast_cache()  # the casts made without gradient are not to be used with it
        through = self.vae.log_weights_at(x, noise).mean()
        return {"loss": through.detach() - through - bound}

    def sample(self, n: int, *condition: Tensor) -> Tensor:
        """As the VAE does."""
        return self.vae.sample(n, *condition)


def systematic(weights: Tensor, m: int) -> Tensor:
    """m row numbers for each column, each row m times its weight on average: (k, n) that sum to 1 -> (m, n).

    One uniform number a column, then steps of 1/m: the systematic resampling of Kitagawa (1996).
    """
    start = torch.rand(weights.shape[1], 1, device=weights.device)
    places = (start + torch.arange(m, device=weights.device)) / m
    ends = weights.T.cumsum(1).contiguous()
    return torch.searchsorted(ends, places, right=True).clamp(max=len(weights) - 1).T


class Decorrelated(VAE):
    """A VAE whose codes are pushed to an identity covariance: the penalty of DIP-VAE-I.

    loss = -ELBO + off_diagonal sum_{i != j} C_ij^2 + diagonal sum_i (C_ii - 1)^2, where C is the covariance of the
    means of q(z|x) over the batch. Kumar, Sattigeri, Balakrishnan (2018), arXiv 1711.00848, equation 6.
    """

    def __init__(self, *parts, off_diagonal: float = 10.0, diagonal: float = 10.0, **options):
        super().__init__(*parts, **options)
        if self.free_bits:
            raise ValueError("free_bits go with the plain VAE: this penalty already keeps the codes in use")
        self.off_diagonal, self.diagonal = off_diagonal, diagonal

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """The negative bound, its parts and the penalty."""
        mean, log_variance = self.posterior(x)
        reconstruction = self.reconstruction(reparameterise(mean, log_variance), x).mean()
        kl = kl_to_standard_normal(mean, log_variance).sum(1).mean()
        centred = mean - mean.mean(0)
        covariance = centred.T @ centred / (len(x) - 1)
        squared, on = covariance.square(), covariance.diagonal()
        off = squared.sum() - squared.diagonal().sum()
        penalty = self.off_diagonal * off + self.diagonal * (on - 1).square().sum()
        loss = reconstruction + self.beta * kl + penalty
        return {"loss": loss, "reconstruction": reconstruction, "kl": kl, "penalty": penalty}


def dense_vae(
    shape: Sequence[int],  # of one example, without the batch: (1, 28, 28)
    latent: int,  # units of z
    hidden: Sequence[int] = (512,),  # units between x and z; mirrored in the decoder
    activation: Callable[[], nn.Module] = nn.ReLU,
    likelihood: nn.Module | None = None,
    kind: type[VAE] = VAE,
    **options,  # beta, free_bits, and what `kind` has
) -> VAE:
    """A fully connected VAE."""
    encoder = nn.Sequential(nn.Flatten(), mlp([prod(shape), *hidden, 2 * latent], activation))
    decoder = nn.Sequential(mlp([latent, *hidden[::-1], prod(shape)], activation), nn.Unflatten(1, tuple(shape)))
    return kind(encoder, decoder, latent, likelihood, **options)


def convolutional_vae(
    shape: tuple[int, int, int],  # of one picture: channels, height, width
    latent: int,  # units of z
    channels: Sequence[int] = (32, 64),  # of each block, whose sides are half of those before; mirrored in the decoder
    down: Block = strided,
    up: Block = transposed,
    activation: Callable[[], nn.Module] = nn.ReLU,
    likelihood: nn.Module | None = None,
    kind: type[VAE] = VAE,
    **options,  # beta, free_bits, and what `kind` has
) -> VAE:
    """A convolutional VAE: the encoder and the decoder of `convolutional`, the one with means and log-variances."""
    encoder = convolutional(shape, 2 * latent, channels, down, up, activation).encoder
    decoder = convolutional(shape, latent, channels, down, up, activation).decoder
    return kind(encoder, decoder, latent, likelihood, **options)
