"""Answers to the exercises of lab 09 on the way into the noise, and on what a network is asked about it."""

import math

import torch
from common_answers import each


def fit(values, x):
    """One value for each example, in a shape that fits x."""
    return values.reshape(len(x), *[1] * (x.ndim - 1))


def shares_in_loops(beta):
    kept, found = 1.0, []
    for one in beta.tolist():
        kept *= 1 - one
        found.append(kept)
    return torch.tensor(found)


def shares_by_logs(beta):
    return torch.log1p(-beta).cumsum(0).exp()


def noised_in_loops(x, t, noise, a):
    return torch.stack([
        math.sqrt(a[level]) * x[i] + math.sqrt(1 - a[level]) * noise[i] for i, level in enumerate(t.tolist())
    ])  # fmt: skip


def noised_turned(x, t, noise, a):
    """With the examples as the last dimension, along which the shares lie."""
    share, order = a[t], tuple(reversed(range(x.ndim)))
    return (share.sqrt() * x.permute(order) + (1 - share).sqrt() * noise.permute(order)).permute(order)


def jump(size=lambda a: a.sqrt(), strength=lambda a: (1 - a).sqrt(), level=lambda t, a: t, of=lambda noise: noise):
    """x_t with size(a) before x and strength(a) before the noise, at the level that level(t, a) says."""

    def noised(x, t, noise, a):
        share = fit(a[level(t, a)], x)
        return size(share) * x + strength(share) * of(noise)

    return noised


def noised_along(x, t, noise, a):
    share = a[t] if x.shape[-1] == len(x) else fit(a[t], x)
    return share.sqrt() * x + (1 - share).sqrt() * noise


def roots(a):
    return math.sqrt(a), math.sqrt(1 - a)


def clean_by_noise(v, x, a):
    """By way of the noise."""
    s, r = roots(a)
    noise = s * v + r * x
    return (x - r * noise) / s


def clean_by_matrix(v, x, a):
    s, r = roots(a)
    both = torch.tensor([[s, r], [-r, s]]).inverse()  # of x and the noise to x_t and v
    return both[0, 0] * x + both[0, 1] * v


def clean(rule):
    """rule(v, x, s, r) with the roots of a and of 1 - a."""
    return lambda v, x, a: rule(v, x, *roots(a))


def loss_by_functional(network, x, a):
    t, noise = torch.randint(0, a.numel(), (x.shape[0],)), torch.randn(x.shape)
    share = fit(a[t], x)
    seen = share.sqrt() * x + (1 - share).sqrt() * noise
    return torch.nn.functional.mse_loss(network(seen, t), share.sqrt() * noise - (1 - share).sqrt() * x)


def loss_by_rand(network, x, a):
    t = (torch.rand(len(x)) * len(a)).long()
    noise = torch.normal(torch.zeros_like(x), 1.0)
    s, r = fit(a[t].sqrt(), x), fit((1 - a[t]).sqrt(), x)
    away = network(s * x + r * noise, t) - (s * noise - r * x)
    return (away * away).flatten(1).mean(1).mean()


def loss(
    level=lambda x, a: torch.randint(len(a), (len(x),)),
    drawn=torch.randn_like,
    shown=lambda x, noise, s, r: s * x + r * noise,
    told=lambda t: t,
    target=lambda x, noise, s, r: s * noise - r * x,
    error=lambda said, wanted: (said - wanted).square().mean(),
):
    """The loss with one part exchanged; s and r are the roots of the shares of signal and noise."""

    def diffusion_loss(network, x, a):
        t, noise = level(x, a), drawn(x)
        s, r = fit(a[t].sqrt(), x), fit((1 - a[t]).sqrt(), x)
        return error(network(shown(x, noise, s, r), told(t)), target(x, noise, s, r))

    return diffusion_loss


def asked_twice(network, x, a):
    network(x, torch.zeros(len(x), dtype=torch.int64))
    return loss_by_functional(network, x, a)


def weighted(network, x, a):
    t, noise = torch.randint(len(a), (len(x),)), torch.randn_like(x)
    share = fit(a[t], x)
    s, r = share.sqrt(), (1 - share).sqrt()
    return (share * (network(s * x + r * noise, t) - s * noise + r * x).square()).mean()


def detached(network, x, a):
    return loss_by_functional(lambda x, t: network(x, t).detach(), x, a).requires_grad_()


def by_xt(network, x, a):
    t, noise = torch.randint(len(a), (len(x),)), torch.randn_like(x)
    s, r = fit(a[t].sqrt(), x), fit((1 - a[t]).sqrt(), x)
    seen = s * x + r * noise
    return (network(seen, t) - s * noise + r * seen).square().mean()


RIGHT = {
    "forward": [{"shares": shares_in_loops}, {"shares": shares_by_logs}, {"noised": noised_in_loops},
                {"noised": noised_turned}],
    "clean": [{"clean_of": one} for one in (clean_by_noise, clean_by_matrix)],
    "loss": [{"diffusion_loss": one} for one in (loss_by_functional, loss_by_rand, loss())],
}  # fmt: skip
WRONG = {
    "forward": [
        *each("shares",
            ("the betas are multiplied", lambda beta: beta.cumprod(0)),
            ("this is the share of the noise", lambda beta: 1 - (1 - beta).cumprod(0)),
            ("this is what one step keeps", lambda beta: 1 - beta),
            ("the root is taken", lambda beta: (1 - beta).cumprod(0).sqrt()),
            ("it is squared", lambda beta: (1 - beta).cumprod(0).square()),
            ("the betas are added, and taken from 1", lambda beta: 1 - beta.cumsum(0)),
            ("is near, but not right", lambda beta: (-beta.cumsum(0)).exp()),
            ("it is added; multiply", lambda beta: (1 - beta).cumsum(0)),
            ("the first step is left out",
             lambda beta: torch.cat([torch.ones(1), (1 - beta[:-1]).cumprod(0)])),
            ("it runs backwards", lambda beta: (1 - beta).cumprod(0).flip(0)),
            ("from the last step on", lambda beta: (1 - beta).flip(0).cumprod(0)),
            ("it is 1 + beta", lambda beta: (1 + beta).cumprod(0)),
            ("the logarithm is left", lambda beta: (1 - beta).log().cumsum(0)),
            ("the last share alone", lambda beta: (1 - beta).prod()),
        ),
        *each("noised",
            ("the roots are missing", jump(lambda a: a, lambda a: 1 - a)),
            ("the root of a is missing", jump(lambda a: a)),
            ("the root of 1 - a is missing", jump(strength=lambda a: 1 - a)),
            ("it is 1 - sqrt(a)", jump(strength=lambda a: 1 - a.sqrt())),
            ("a and 1 - a are exchanged", jump(lambda a: (1 - a).sqrt(), lambda a: a.sqrt())),
            ("the noise is taken away", jump(strength=lambda a: -(1 - a).sqrt())),
            ("the noise is missing", jump(strength=lambda a: 0 * a)),
            ("x is missing", jump(lambda a: 0 * a)),
            ("x keeps its size", jump(lambda a: 1)),
            ("the noise has its full size", jump(strength=lambda a: 1)),
            ("or x and the noise", lambda x, t, noise, a: jump()(noise, t, x, a)),
            ("the level of the first one", jump(level=lambda t, a: t[:1].expand_as(t))),
            ("one too small", jump(level=lambda t, a: t - 1)),
            ("one too large", jump(level=lambda t, a: t + 1)),
            ("in the order of the list", jump(level=lambda t, a: torch.arange(len(t)) % len(a))),
            ("the first example's noise", jump(of=lambda noise: noise[:1])),
            ("along the last dimension", noised_along),
        ),
    ],
    "clean": each("clean_of",
        ("this is the noise", clean(lambda v, x, s, r: s * v + r * x)),
        ("the roots are missing", lambda v, x, a: a * x - (1 - a) * v),
        ("the roots are exchanged", clean(lambda v, x, s, r: r * x - s * v)),
        ("v is added", clean(lambda v, x, s, r: s * x + r * v)),
        ("the sign is wrong", clean(lambda v, x, s, r: r * v - s * x)),
        ("the definition of v", clean(lambda v, x, s, r: s * v - r * x)),
        ("v is taken for the noise", clean(lambda v, x, s, r: (x - r * v) / s)),
        ("v is taken for the clean x", lambda v, x, a: v.clone()),
        ("x_t comes back", lambda v, x, a: x.clone()),
        ("v is missing", clean(lambda v, x, s, r: s * x)),
        ("x_t is missing", clean(lambda v, x, s, r: -r * v)),
        ("x_t is divided by the root of a", clean(lambda v, x, s, r: x / s - r * v)),
        ("divided by the root of a, too", clean(lambda v, x, s, r: x - r / s * v)),
        ("the root of a is missing", clean(lambda v, x, s, r: s * s * x - r * v)),
        ("the root of 1 - a is missing", clean(lambda v, x, s, r: s * x - r * r * v)),
        ("it is 1 - sqrt(a)", clean(lambda v, x, s, r: s * x - (1 - s) * v)),
    ),
    "loss": each("diffusion_loss",
        ("all examples have the same level", loss(lambda x, a: torch.randint(len(a), (1,)).expand(len(x)))),
        ("is one number; it is (n,)", loss(told=lambda t: t[0])),
        ("dtype float32", loss(told=lambda t: t.float())),
        ("the level 0 never occurs", loss(lambda x, a: torch.randint(1, len(a), (len(x),)))),
        ("the level 4 never occurs", loss(lambda x, a: torch.randint(len(a) - 1, (len(x),)))),
        ("more frequent than",
         loss(lambda x, a: torch.minimum(*(torch.randint(len(a), (len(x),)) for _ in range(2))))),
        ("depends on the place", loss(lambda x, a: (torch.arange(len(x)) * len(a)) // len(x))),
        ("a level is 5; the largest is 4", loss(told=lambda t: t + 1)),
        ("x_t is not x with noise at the level t", loss(told=lambda t: t.flip(0))),
        ("is shown the clean x", loss(shown=lambda x, noise, s, r: x)),
        ("x is multiplied by a; its root", loss(shown=lambda x, noise, s, r: s * s * x + r * noise)),
        ("the noise is multiplied by 1 - a; its root", loss(shown=lambda x, noise, s, r: s * x + r * r * noise)),
        ("there is no noise in it", loss(shown=lambda x, noise, s, r: s * x)),
        ("the noise has a mean of 0.50", loss(drawn=torch.rand_like)),
        ("not normally distributed", loss(drawn=lambda x: (torch.rand_like(x) - 0.5) * 12**0.5)),
        ("the same for all numbers of an example", loss(drawn=lambda x: fit(torch.randn(len(x)), x).expand_as(x))),
        ("the same for all examples", loss(drawn=lambda x: torch.randn_like(x[:1]).expand_as(x))),
        ("compared with the noise", loss(target=lambda x, noise, s, r: noise)),
        ("compared with the clean x", loss(target=lambda x, noise, s, r: x)),
        ("v has the wrong sign", loss(target=lambda x, noise, s, r: r * x - s * noise)),
        ("the x is taken away", loss(target=lambda x, noise, s, r: s * noise + r * x)),
        ("the roots in v are exchanged", loss(target=lambda x, noise, s, r: r * noise - s * x)),
        ("the roots in v are missing", loss(target=lambda x, noise, s, r: s * s * noise - r * r * x)),
        ("v is computed from x_t", by_xt),
        ("noise and x are exchanged in v", loss(target=lambda x, noise, s, r: s * x - r * noise)),
        ("the squares are summed; take", loss(error=lambda said, v: (said - v).square().sum())),
        ("summed over the numbers of an example",
         loss(error=lambda said, v: (said - v).square().flatten(1).sum(1).mean())),
        ("the absolute error", loss(error=lambda said, v: (said - v).abs().mean())),
        ("the root is taken", loss(error=lambda said, v: (said - v).square().mean().sqrt())),
        ("it is halved", loss(error=lambda said, v: (said - v).square().mean() / 2)),
        ("averaged before it is squared", loss(error=lambda said, v: (said - v).mean().square())),
        ("a loss is to fall", loss(error=lambda said, v: -(said - v).square().mean())),
        ("weighted with a", weighted),
        ("the network is asked 2 times", asked_twice),
        ("the network is not asked", lambda network, x, a: x.square().mean()),
        ("has shape (4000,); () is expected", loss(error=lambda said, v: (said - v).square().flatten(1).mean(1))),
        ("none flows", detached),
    ),
}  # fmt: skip
