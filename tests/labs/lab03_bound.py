"""Answers to the exercises of lab 03 on the bound: its loss, a VAE trained with it, and four failures."""

import torch
import torch.nn.functional as F
from common_answers import each
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence


def parts(x, logits, mean, log_variance):
    """-log p(x|z) of each pixel (n, pixels), and the KL of each latent unit (n, latent)."""
    error = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return error, kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))


def elbo_by_distributions(x, logits, mean, log_variance, beta):
    q = Independent(Normal(mean, torch.exp(0.5 * log_variance)), 1)
    prior = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    p = Independent(Bernoulli(logits=logits), 1)
    error, divergence = -p.log_prob(x).mean(), kl_divergence(q, prior).mean()
    return [beta * divergence + error, error, divergence]


def elbo_in_loops(x, logits, mean, log_variance, beta):
    rows = [tuple(p.sum() for p in parts(*[t[None] for t in one])) for one in zip(x, logits, mean, log_variance)]  # noqa: B905
    error, kl = (sum(values) / len(x) for values in zip(*rows, strict=True))
    return error + beta * kl, error, kl


def elbo_of(change, error_together=lambda e: e.sum(1).mean(), kl_together=lambda k: k.sum(1).mean()):
    """change(error, kl, beta) -> the answer."""

    def negative_elbo(x, logits, mean, log_variance, beta):
        error, kl = parts(x, logits, mean, log_variance)
        return change(error_together(error), kl_together(kl), beta)

    return negative_elbo


def loss_of(change):
    """change(error, kl, beta) -> the first of the three numbers."""
    return elbo_of(lambda e, k, beta: (change(e, k, beta), e, k))


def usual(error, kl, beta):
    return error + beta * kl, error, kl


def encode(p, x):
    hidden = torch.relu(x @ p["W1"].T + p["b1"])
    return (hidden @ p["W2"].T + p["b2"]).chunk(2, dim=1)


def decode(p, z):
    return torch.relu(z @ p["W3"].T + p["b3"]) @ p["W4"].T + p["b4"]


def loss_with(draw, change=usual, read=encode, logits=decode, **together):
    """A loss that draws z by draw(mean, sigma)."""

    def vae_loss(p, x, beta):
        mean, log_variance = read(p, x)
        z = draw(mean, torch.exp(0.5 * log_variance))
        return elbo_of(change, **together)(x, logits(p, z), mean, log_variance, beta)

    return vae_loss


def noisy(mean, sigma):
    return mean + sigma * torch.randn_like(mean)


def from_fixed_seed(mean, sigma):
    return mean + sigma * torch.randn(mean.shape, generator=torch.Generator().manual_seed(1))


def loss_of_four_draws(p, x, beta):
    """Less noise, the same mean."""
    answers = [loss_with(noisy)(p, x, beta) for _ in range(4)]
    return tuple(torch.stack(values).mean() for values in zip(*answers, strict=True))


def loss_by_log_densities(p, x, beta):
    """The same gradient in expectation where beta is 1; the KL returned is the exact one."""
    mean, log_variance = encode(p, x)
    q = Normal(mean, torch.exp(log_variance / 2))
    error = -Bernoulli(logits=decode(p, q.rsample())).log_prob(x).sum(1).mean()
    divergence = kl_divergence(q, Normal(torch.zeros_like(mean), 1.0)).sum(1).mean()
    return error + beta * divergence, error, divergence


def loss_whose_error_is_cut(p, x, beta):
    loss, error, kl = loss_with(noisy)(p, x, beta)
    return loss - error + error.detach(), error, kl


def loss_whose_kl_is_cut(p, x, beta):
    loss, error, kl = loss_with(noisy)(p, x, beta)
    return loss - beta * kl + beta * kl.detach(), error, kl


def exchanged(p, x):
    mean, log_variance = encode(p, x)
    return log_variance, mean


def answer(**causes):
    right = {"A": "error averaged", "B": "cut gradient", "C": "no exp", "D": "KL averaged"}
    return {"diagnosis": lambda: right | causes}


RIGHT = {
    "elbo": [{"negative_elbo": elbo} for elbo in (elbo_by_distributions, elbo_in_loops)],
    "training": [{"vae_loss": loss} for loss in (loss_by_log_densities, loss_of_four_draws)],
    "diagnosis": [answer()],
}
WRONG = {
    "elbo": each("negative_elbo",
        ("the bound, which is maximised", loss_of(lambda e, k, b: -e - b * k)),
        ("the KL is subtracted", loss_of(lambda e, k, b: e - b * k)),
        ("the reconstruction is subtracted", loss_of(lambda e, k, b: b * k - e)),
        ("beta is not used", loss_of(lambda e, k, b: e + k)),
        ("beta weighs the reconstruction; it", loss_of(lambda e, k, b: b * e + k)),
        ("beta weighs both parts", loss_of(lambda e, k, b: b * (e + k))),
        ("divided by beta", loss_of(lambda e, k, b: e + k / b)),
        ("1 - beta the KL", loss_of(lambda e, k, b: b * e + (1 - b) * k)),
        ("beta^2", loss_of(lambda e, k, b: e + b * b * k)),
        ("the KL is missing", loss_of(lambda e, k, b: e)),
        ("the reconstruction is missing", loss_of(lambda e, k, b: b * k)),
        ("averaged over the pixels", elbo_of(usual, error_together=torch.mean)),
        ("summed over the examples; average", elbo_of(usual, torch.sum, torch.sum)),
        ("the KL, the third value, is wrong: summed over", elbo_of(usual, kl_together=torch.sum)),
        ("the KL, the third value, is wrong: averaged over the latent", elbo_of(usual, kl_together=torch.mean)),
        ("it is -log p(x|z)", elbo_of(lambda e, k, b: usual(-e, k, b))),
        ("a KL is never negative", elbo_of(lambda e, k, b: usual(e, -k, b))),
        ("in the wrong order", elbo_of(lambda e, k, b: (e + b * k, k, e))),
        ("the third value is the KL itself", elbo_of(lambda e, k, b: (e + b * k, e, b * k))),
        ("the second value, is wrong: the sign", elbo_of(lambda e, k, b: (e + b * k, -e, k))),
        ("return loss, reconstruction, kl", elbo_of(lambda e, k, b: (e, k, e + b * k))),
        ("must return three", elbo_of(lambda e, k, b: e + b * k)),
        ("one number for the batch", elbo_of(usual, lambda e: e.sum(1), lambda k: k.sum(1))),
    ),
    "training": each("vae_loss",
        ("no noise", loss_with(lambda m, s: m)),
        ("fixed seed", loss_with(from_fixed_seed)),
        ("from the prior", loss_with(lambda m, s: torch.randn_like(m))),
        ("with the variance, not with sigma", loss_with(lambda m, s: noisy(m, s * s))),
        ("are exchanged", loss_with(noisy, read=exchanged)),
        ("beta does not reach", loss_with(noisy, lambda e, k, b: usual(e, k, 1))),
        ("averaged over the pixels", loss_with(noisy, error_together=torch.mean)),
        ("summed over the examples", loss_with(noisy, error_together=torch.sum, kl_together=torch.sum)),
        ("this is the bound", loss_with(noisy, lambda e, k, b: (-e - b * k, e, k))),
        ("another", loss_with(noisy, logits=lambda p, z: decode(p, z).sigmoid())),
        ("must return three", loss_with(noisy, lambda e, k, b: e + b * k)),
        ("does a gradient of the reconstruction", loss_with(lambda m, s: noisy(m, s).detach())),
        ("does a gradient of the reconstruction", loss_with(torch.normal)),
        ("too many nats", loss_whose_error_is_cut),
        ("the KL is far too large", loss_whose_kl_is_cut),
        ("reach both mean and log-variance", loss_with(lambda m, s: noisy(m.detach(), s))),
        ("reach both mean and log-variance", loss_with(lambda m, s: noisy(m, s.detach()))),
    ),
    "diagnosis": [
        ("A: 'cut gradient' is not the cause", answer(A="cut gradient")),
        ("B: 'error averaged' is not the cause", answer(B="error averaged")),
        ("C: 'no noise' is not the cause", answer(C="no noise")),
        ("D: 'prior' is not the cause", answer(D="prior")),
        ("B: 'Cut gradient' is none of the causes", answer(B="Cut gradient")),
        ("give a dict", {"diagnosis": lambda: ["error averaged", "cut gradient", "no exp", "KL averaged"]}),
        ("no answer for D", {"diagnosis": lambda: {c: answer()["diagnosis"]()[c] for c in "ABC"}}),
        ("names ['E']", answer(E="prior")),
    ],
}  # fmt: skip
