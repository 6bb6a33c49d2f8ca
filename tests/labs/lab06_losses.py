"""Answers to the exercises of lab 06 on losses, their slopes, and the value of the game."""

import math

import torch
import torch.nn.functional as F
from common_answers import each


def soft(t):
    return F.softplus(t)


def by_cross_entropy(real, fake):
    ones, zeros = torch.ones_like(real), torch.zeros_like(fake)
    return F.binary_cross_entropy_with_logits(real, ones) + F.binary_cross_entropy_with_logits(fake, zeros)


def by_log_sigmoid(real, fake):
    return -(F.logsigmoid(real).sum() / len(real)) - F.logsigmoid(-fake).sum() / len(fake)


def by_exponentials(t):
    """The mean of log(1 + e^t), by the larger of t and 0."""
    return (t.clamp(min=0) + torch.log1p(torch.exp(-t.abs()))).mean()


def naive(real, fake):
    return -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()


def bounded(real, fake):
    return -(real.sigmoid() + 1e-8).log().mean() - (1 - fake.sigmoid() + 1e-8).log().mean()


def slopes_by_autograd(t):
    found = []
    for loss in (lambda x: -soft(x), lambda x: soft(-x)):
        x = t.clone().requires_grad_()
        with torch.enable_grad():
            found.append(torch.autograd.grad(loss(x).sum(), x)[0])
    return found


def slopes_by_exponentials(t):
    D = 1 / (1 + torch.exp(-t))
    return -D, D - 1


def slopes_of(change):
    """change(D) -> both slopes."""
    return lambda t: change(t.sigmoid())


def best_by_ratio(p, q):
    return torch.where(p > 0, 1 / (1 + q / p), 0.0)


def best_by_sigma(p, q):
    return (p.log() - q.log()).sigmoid()


def value_where_positive(p, q, dx):
    both = p + q
    on_p, on_q = p > 0, q > 0
    real = (p[on_p] * (p[on_p] / both[on_p]).log()).sum()
    return (real + (q[on_q] * (q[on_q] / both[on_q]).log()).sum()) * dx


def value_by_trapezoid(p, q, dx):
    D = torch.nan_to_num(p / (p + q), nan=0.5)
    f = torch.special.xlogy(p, D) + torch.special.xlogy(q, 1 - D)
    return torch.trapezoid(f, dx=dx)


def value_in_float64(p, q, dx):
    a, b = p.double(), q.double()
    D = (a / (a + b)).nan_to_num(0.5).clamp(1e-300, 1)
    other = (b / (a + b)).nan_to_num(0.5).clamp(1e-300, 1)
    return ((a * D.log() + b * other.log()).sum() * dx).float()


def value_of(change):
    """change(p, q, D, log D, log(1 - D), dx), with logarithms that are finite."""

    def game_value(p, q, dx):
        D = torch.nan_to_num(p / (p + q), nan=0.5)
        return change(p, q, D, D.clamp(min=1e-30).log(), (1 - D).clamp(min=1e-30).log(), dx)

    return game_value


RIGHT = {
    "losses": [
        *({"discriminator_loss": one} for one in (by_cross_entropy, by_log_sigmoid)),
        {"discriminator_loss": lambda real, fake: by_exponentials(-real) + by_exponentials(fake),
         "generator_loss": lambda fake: by_exponentials(-fake),
         "saturating_loss": lambda fake: -by_exponentials(fake)},
    ],
    "slopes": [{"slopes": one} for one in (slopes_by_autograd, slopes_by_exponentials)],
    "value": [
        *({"best_discriminator": one} for one in (best_by_ratio, best_by_sigma)),
        *({"game_value": one} for one in (value_where_positive, value_by_trapezoid, value_in_float64)),
    ],
}  # fmt: skip
WRONG = {
    "losses": [
        *each("discriminator_loss",
            ("the sign is wrong: this is the value", lambda r, f: -by_cross_entropy(r, f)),
            ("real and fake are exchanged", lambda r, f: by_cross_entropy(f, r)),
            ("the term of the fakes is missing", lambda r, f: soft(-r).mean()),
            ("the term of the real examples is missing", lambda r, f: soft(f).mean()),
            ("both terms ask for D = 1", lambda r, f: soft(-r).mean() + soft(-f).mean()),
            ("both terms ask for D = 0", lambda r, f: soft(r).mean() + soft(f).mean()),
            ("it is halved", lambda r, f: by_cross_entropy(r, f) / 2),
            ("are subtracted", lambda r, f: soft(-r).mean() - soft(f).mean()),
            ("summed over the batch", lambda r, f: soft(-r).sum() + soft(f).sum()),
            ("sigma is applied twice", lambda r, f: by_cross_entropy(r.sigmoid(), f.sigmoid())),
            ("the logarithm is missing", lambda r, f: -r.sigmoid().mean() - (1 - f.sigmoid()).mean()),
            ("Wasserstein", lambda r, f: f.mean() - r.mean()),
            ("least squares", lambda r, f: ((r - 1).square().mean() + f.square().mean()) / 2),
            ("the hinge game", lambda r, f: F.relu(1 - r).mean() + F.relu(1 + f).mean()),
            ("the logits are averaged first", lambda r, f: soft(-r.mean()) + soft(f.mean())),
            ("base 2", lambda r, f: by_cross_entropy(r, f) / math.log(2)),
            ("return their mean", lambda r, f: soft(-r) + soft(f)),
            ("log 0 is infinite", naive),
            ("a small number is added", bounded),
        ),
        *each("generator_loss",
            ("this is the saturating loss", lambda f: -soft(f).mean()),
            ("the sign is wrong", lambda f: -soft(-f).mean()),
            ("it asks for D = 0", lambda f: soft(f).mean()),
            ("summed over the batch", lambda f: soft(-f).sum()),
            ("return their mean", lambda f: soft(-f)),
            ("sigma is applied twice", lambda f: soft(-f.sigmoid()).mean()),
            ("the logarithm is missing", lambda f: -f.sigmoid().mean()),
            ("Wasserstein", lambda f: -f.mean()),
            ("the logits are averaged first", lambda f: soft(-f.mean())),
            ("log 0 is infinite", lambda f: -f.sigmoid().log().mean()),
            ("a small number is added", lambda f: -(f.sigmoid() + 1e-8).log().mean()),
        ),
        *each("saturating_loss",
            ("this is the non-saturating loss", lambda f: soft(-f).mean()),
            ("log(1 - D) is never positive", lambda f: soft(f).mean()),
            ("this is log D", lambda f: -soft(-f).mean()),
            ("summed over the batch", lambda f: -soft(f).sum()),
            ("sigma is applied twice", lambda f: -soft(f.sigmoid()).mean()),
            ("log 0 is infinite", lambda f: (1 - f.sigmoid()).log().mean()),
            ("a small number is added", lambda f: (1 - f.sigmoid()).clamp(min=1e-7).log().mean()),
        ),
    ],
    "slopes": each("slopes",
        ("are exchanged", slopes_of(lambda D: (D - 1, -D))),
        ("both losses fall as t grows", slopes_of(lambda D: (D, 1 - D))),
        ("value 1 of the slopes is wrong: the sign is wrong", slopes_of(lambda D: (D, D - 1))),
        ("value 2 of the slopes is wrong: the sign is wrong", slopes_of(lambda D: (-D, 1 - D))),
        ("with respect to D", slopes_of(lambda D: (-1 / (1 - D), -1 / D))),
        ("the slope of sigma", slopes_of(lambda D: (-D * (1 - D), -D * (1 - D)))),
        ("these are the losses", lambda t: (-soft(t), soft(-t))),
        ("they are averaged", slopes_of(lambda D: (-D.mean(), (D - 1).mean()))),
        ("divided by n", slopes_of(lambda D: (-D / len(D), (D - 1) / len(D)))),
        ("2 values are expected", slopes_of(lambda D: -D)),
    ),
    "value": [
        *each("best_discriminator",
            ("the probability of a fake", lambda p, q: q / (p + q)),
            ("the ratio of the densities", lambda p, q: p / q),
            ("this is the logit", lambda p, q: (p / q).log()),
            ("the difference of the densities", lambda p, q: p - q),
            ("sigma of the ratio", lambda p, q: (p / q).sigmoid()),
            ("sigma of the difference", lambda p, q: (p - q).sigmoid()),
            ("no yes or no", lambda p, q: (p > q).float()),
            ("the mean of both", lambda p, q: (p + q) / 2),
            ("squared", lambda p, q: p**2 / (p**2 + q**2)),
            ("the whole is normalised", lambda p, q: p / (p + q).sum()),
        ),
        *each("game_value",
            ("the sign is wrong", value_of(lambda p, q, D, a, b, dx: -(p * a + q * b).sum() * dx)),
            ("dx is missing", value_of(lambda p, q, D, a, b, dx: (p * a + q * b).sum())),
            ("the mean over the grid", value_of(lambda p, q, D, a, b, dx: (p * a + q * b).mean())),
            ("the term of the fakes is missing", value_of(lambda p, q, D, a, b, dx: (p * a).sum() * dx)),
            ("the term of the real data is missing", value_of(lambda p, q, D, a, b, dx: (q * b).sum() * dx)),
            ("both terms have log D*", value_of(lambda p, q, D, a, b, dx: (p * a + q * a).sum() * dx)),
            ("both terms are weighted by p", value_of(lambda p, q, D, a, b, dx: (p * a + p * b).sum() * dx)),
            ("the weights p and q are missing", value_of(lambda p, q, D, a, b, dx: (a + b).sum() * dx)),
            ("base 2", value_of(lambda p, q, D, a, b, dx: (p * a + q * b).sum() * dx / math.log(2))),
            ("this is 2 JSD", value_of(lambda p, q, D, a, b, dx: (p * a + q * b).sum() * dx + math.log(4))),
            ("this is JSD", value_of(lambda p, q, D, a, b, dx: ((p * a + q * b).sum() * dx + math.log(4)) / 2)),
            ("it is halved", value_of(lambda p, q, D, a, b, dx: (p * a + q * b).sum() * dx / 2)),
            ("0 log 0 counts as 0", lambda p, q, dx: (
                p * (p / (p + q)).log() + q * (q / (p + q)).log()).sum() * dx),
        ),
    ],
}  # fmt: skip
