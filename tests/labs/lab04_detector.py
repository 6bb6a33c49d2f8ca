"""Answers to the exercises of lab 04 on the detector: its loss, its training, and four failures."""

import torch
import torch.nn.functional as F
from common_answers import each
from torch.distributions import Bernoulli, Normal, kl_divergence


def loss_by_distributions(logit, is_face, reconstruction, kl, weight):
    classification = -Bernoulli(logits=logit).log_prob(is_face)
    return (classification + weight * torch.where(is_face > 0, reconstruction + kl, 0.0)).sum() / len(logit)


def loss_by_softplus(logit, is_face, reconstruction, kl, weight):
    classified = F.softplus(logit) - is_face * logit
    return classified.mean() + weight * (is_face @ (reconstruction + kl)) / logit.numel()


def loss_in_loops(logit, is_face, reconstruction, kl, weight):
    total = 0.0
    for a, y, r, k in zip(logit, is_face, reconstruction, kl, strict=True):
        total = total + (F.softplus(-a) + weight * (r + k) if y == 1 else F.softplus(a))
    return total / len(logit)


def cross_entropy(logit, y):
    return F.binary_cross_entropy_with_logits(logit, y, reduction="none")


def loss_of(change, together=torch.mean):
    """change(classification, is_face, reconstruction, kl, weight), all of each example."""
    return lambda logit, y, r, k, w: together(change(cross_entropy(logit, y), y, r, k, w))


def usual(c, y, r, k, w):
    return c + y * w * (r + k)


def with_classification(of):
    return lambda logit, y, r, k, w: (of(logit, y) + y * w * (r + k)).mean()


def of_probabilities(logit, y, r, k, w):
    p = logit.sigmoid()
    return (-y * p.log() - (1 - y) * (1 - p).log() + y * w * (r + k)).mean()


def encode(p, x):
    latent = p["W3"].shape[1]
    out = torch.relu(x @ p["W1"].T + p["b1"]) @ p["W2"].T + p["b2"]
    return out[:, 0], out[:, 1 : 1 + latent], out[:, 1 + latent :]


def decode(p, z):
    return torch.relu(z @ p["W3"].T + p["b3"]) @ p["W4"].T + p["b4"]


def noisy(mean, sigma):
    return mean + sigma * torch.randn_like(mean)


def of_a_fixed_seed(mean, sigma):
    return mean + sigma * torch.randn(mean.shape, generator=torch.Generator().manual_seed(1))


def detector(draw=noisy, change=usual, pixels=torch.sum, units=torch.sum, scale=50.0, read=encode, swap=False):
    """A loss that draws z by draw(mean, sigma)."""

    def detector_loss(p, x, is_face, weight):
        logit, mean, log_variance = read(p, x)
        sigma = torch.exp(log_variance / 2)
        error = pixels(scale * (decode(p, draw(mean, sigma)) - x) ** 2, 1)
        mean, log_variance = (log_variance, mean) if swap else (mean, log_variance)
        kl = units(0.5 * (mean**2 + log_variance.exp() - log_variance - 1), 1)
        return change(cross_entropy(logit, is_face), is_face, error, kl, weight).mean()

    return detector_loss


def detector_by_distributions(p, x, is_face, weight):
    """Four draws of z for each example, in place of one."""
    logit, mean, log_variance = encode(p, x)
    q = Normal(mean, torch.exp(log_variance / 2))
    errors = torch.stack([((decode(p, q.rsample()) - x) ** 2).sum(1) / 0.02 for _ in range(4)]).mean(0)
    divergence = kl_divergence(q, Normal(torch.zeros_like(mean), 1.0)).sum(1)
    return loss_by_softplus(logit, is_face, errors, divergence, weight)


def detector_of_faces_alone(p, x, is_face, weight):
    """Only the faces are decoded."""
    logit, mean, log_variance = encode(p, x)
    mine = is_face > 0
    mean, log_variance, x = mean[mine], log_variance[mine], x[mine]
    errors = 50 * (decode(p, noisy(mean, torch.exp(0.5 * log_variance))) - x).square().sum()
    divergence = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum()
    return F.binary_cross_entropy_with_logits(logit, is_face) + weight * (errors + divergence) / len(logit)


def exchanged(p, x):
    logit, mean, log_variance = encode(p, x)
    return logit, log_variance, mean


def rare(codes, bins=10, alpha=0.03):
    low, high = codes.amin(0), codes.amax(0)
    index = ((codes - low) / (high - low) * bins).long().clamp(max=bins - 1)
    share = torch.stack([torch.bincount(i)[i] for i in index.T], 1) / len(codes)
    return torch.softmax(-(share + alpha).log().sum(1), 0)


def weights_with_gradient(p, faces):
    return rare(encode(p, faces)[1])


def weights_of(codes, **options):
    return lambda p, faces: rare(codes(*encode(p, faces)), **options)


def common(p, faces):
    w = 1 / rare(encode(p, faces)[1])
    return w / w.sum()


def answer(**causes):
    right = {"A": "gate", "B": "no resampling", "C": "inverted", "D": "weight"}
    return {"diagnosis": lambda: right | causes}


RIGHT = {
    "debiasing_loss": [
        {"debiasing_loss": loss} for loss in (loss_by_distributions, loss_by_softplus, loss_in_loops)
    ],
    "training": [
        {"detector_loss": detector_by_distributions, "face_weights": weights_with_gradient},
        {"detector_loss": detector_of_faces_alone},
    ],
    "diagnosis": [answer()],
}
WRONG = {
    "debiasing_loss": each("debiasing_loss",
        ("is_face multiplies the classification; it belongs", loss_of(lambda c, y, r, k, w: y * c + w * (r + k))),
        ("classification (without the weight)", loss_of(lambda c, y, r, k, w: y * c + r + k)),
        ("is_face multiplies everything", loss_of(lambda c, y, r, k, w: y * (c + w * (r + k)))),
        ("is_face is not used", loss_of(lambda c, y, r, k, w: c + w * (r + k))),
        ("1 - is_face stands", loss_of(lambda c, y, r, k, w: c + (1 - y) * w * (r + k))),
        ("the weight multiplies the classification", loss_of(lambda c, y, r, k, w: w * c + y * (r + k))),
        ("the weight is missing", loss_of(lambda c, y, r, k, w: c + y * (r + k))),
        ("the weight multiplies everything", loss_of(lambda c, y, r, k, w: w * (c + y * (r + k)))),
        ("the weight multiplies the reconstruction alone", loss_of(lambda c, y, r, k, w: c + y * (w * r + k))),
        ("multiplies the KL alone", loss_of(lambda c, y, r, k, w: c + y * (r + w * k))),
        ("is_face multiplies the reconstruction alone", loss_of(lambda c, y, r, k, w: c + w * (y * r + k))),
        ("is_face multiplies the KL alone", loss_of(lambda c, y, r, k, w: c + w * (r + y * k))),
        ("the classification is missing", loss_of(lambda c, y, r, k, w: y * w * (r + k))),
        ("the reconstruction is missing", loss_of(lambda c, y, r, k, w: c + y * w * k)),
        ("the KL is missing", loss_of(lambda c, y, r, k, w: c + y * w * r)),
        ("the KL is subtracted", loss_of(lambda c, y, r, k, w: c + y * w * (r - k))),
        ("averaged over the faces", loss_of(lambda c, y, r, k, w: c.mean() + w * (y * (r + k)).sum() / y.sum())),
        ("before is_face comes", loss_of(lambda c, y, r, k, w: c + y * w * (r + k).mean())),
        ("summed over the examples", loss_of(usual, torch.sum)),
        ("not averaged over the examples", loss_of(usual, lambda t: t)),
        ("the sign is wrong", loss_of(usual, lambda t: -t.mean())),
        ("sigmoid is applied twice", with_classification(lambda a, y: cross_entropy(a.sigmoid(), y))),
        ("classification has the wrong sign", with_classification(lambda a, y: -cross_entropy(a, y))),
        ("the labels are exchanged", with_classification(lambda a, y: cross_entropy(a, 1 - y))),
        ("squared error", with_classification(lambda a, y: (a.sigmoid() - y) ** 2)),
        ("rounds to 0 or 1 there", of_probabilities),
        ("is a logarithm cut off", with_classification(
            lambda a, y: F.binary_cross_entropy(a.sigmoid(), y, reduction="none"))),
        ("argument number 3 is not", lambda a, y, r, k, w: loss_by_softplus(a, y, r.detach(), k, w) + 0 * r.sum()),
    ),
    "training": [
        *each("face_weights",
            ("there is no resampling", lambda p, x: torch.ones(len(x)) / len(x)),
            ("the common faces get", common),
            ("the logits are used", weights_of(lambda a, m, v: a[:, None])),
            ("the log-variances are used", weights_of(lambda a, m, v: v)),
            ("means and log-variances are used", weights_of(lambda a, m, v: torch.cat([m, v], 1))),
            ("logits and means are used", weights_of(lambda a, m, v: torch.cat([a[:, None], m], 1))),
            ("the pixels are used", lambda p, x: rare(x)),
            ("not draws around them", weights_of(lambda a, m, v: noisy(m, (v / 2).exp()))),
            ("should be", weights_of(lambda a, m, v: m, alpha=0.3)),
            ("should be", weights_of(lambda a, m, v: m, bins=5)),
        ),
        *each("detector_loss",
            ("is_face multiplies the classification; it", detector(change=lambda c, y, r, k, w: y * c + w * (r + k))),
            ("is_face is not used", detector(change=lambda c, y, r, k, w: c + w * (r + k))),
            ("the weight multiplies the classification", detector(change=lambda c, y, r, k, w: w * c + y * (r + k))),
            ("averaged over the pixels; sum", detector(pixels=torch.mean)),
            ("averaged over the latent units", detector(units=torch.mean)),
            ("where `pixel_errors` belongs", detector(scale=1.0)),
            ("mean and log-variance of the encoder are exchanged", detector(read=exchanged)),
            ("exchanged in the KL", detector(swap=True)),
            ("reconstruction reaches the encoder", detector(lambda m, s: noisy(m, s).detach())),
            ("no noise", detector(lambda m, s: m)),
            ("fixed seed", detector(of_a_fixed_seed)),
            ("with the variance, not with sigma", detector(lambda m, s: noisy(m, s * s))),
            ("wrong width", detector(lambda m, s: noisy(m, torch.where(s < 0.1, s, 1.0)))),
            ("should be", detector(lambda m, s: torch.randn_like(m))),
        ),
    ],
    "diagnosis": [
        ("A: 'weight' is not the cause", answer(A="weight")),
        ("B: 'stale' is not the cause", answer(B="stale")),
        ("C: 'no resampling' is not the cause", answer(C="no resampling")),
        ("D: 'gate' is not the cause", answer(D="gate")),
        ("B: 'No resampling' is none of the causes", answer(B="No resampling")),
        ("give a dict", {"diagnosis": lambda: ["gate", "no resampling", "inverted", "weight"]}),
        ("no answer for D", {"diagnosis": lambda: {c: answer()["diagnosis"]()[c] for c in "ABC"}}),
        ("names ['E']", answer(E="gate")),
    ],
}  # fmt: skip
