"""Answers to the exercises of lab 09 on the steps back, and on guidance."""

import math

import torch
from common_answers import each


def posterior_by_precisions(x, clean, now, then):
    """The product of two Gaussians: what x_s is given the clean x, and what x_t says of it."""
    if then == 1:
        return clean.clone(), 0.0
    k = now / then
    prior, seen = 1 / (1 - then), k / (1 - k)
    mean = (prior * math.sqrt(then) * clean + seen * x / math.sqrt(k)) / (prior + seen)
    return mean, 1 / (prior + seen)


def posterior_by_beta(x, clean, now, then):
    beta = 1 - now / then
    of_clean = math.sqrt(then) * beta / (1 - now)
    of_x = math.sqrt(1 - beta) * (1 - then) / (1 - now)
    return torch.add(of_clean * clean, x, alpha=of_x), beta * (1 - then) / (1 - now)


def exactly(x, clean, now, then):
    return posterior_by_beta(x, clean, now, then)


def step_by_normal(x, clean, now, then):
    mean, variance = exactly(x, clean, now, then)
    return mean if then == 1 else torch.normal(mean, math.sqrt(variance))


def step_by_ddim_with_noise(x, clean, now, then):
    """Song et al., equation 12, with eta = 1."""
    fresh = (1 - then) / (1 - now) * (1 - now / then)
    noise = (x - math.sqrt(now) * clean) / math.sqrt(1 - now)
    made = math.sqrt(then) * clean + math.sqrt(max(0.0, 1 - then - fresh)) * noise
    return made + math.sqrt(fresh) * torch.randn(x.shape)


def posterior(mean=None, variance=None):
    """Others by mean(x, clean, s, t, k) and variance(s, t, k), with s = a_s and t = a_t."""

    def instead(x, clean, now, then):
        k, (middle, right) = now / then, exactly(x, clean, now, then)
        return (mean(x, clean, then, now, k) if mean else middle), (variance(then, now, k) if variance else right)

    return instead


def parts(of_clean, of_x):
    """A mean of two parts, of_clean(s, t, k) and of_x(s, t, k)."""
    return posterior(lambda x, clean, s, t, k: of_clean(s, t, k) * clean + of_x(s, t, k) * x)


def for_clean(s, t, k):
    return math.sqrt(s) * (1 - k) / (1 - t)


def for_x(s, t, k):
    return math.sqrt(k) * (1 - s) / (1 - t)


def step(deviation, noise=torch.randn_like):
    """A draw with deviation(variance, now, then) times noise(x)."""

    def ddpm_step(x, clean, now, then):
        mean, variance = exactly(x, clean, now, then)
        return mean + deviation(variance, now, then) * noise(x)

    return ddpm_step


def root(variance, now, then):
    return math.sqrt(variance)


def seeded(x):
    return torch.randn(x.shape, generator=torch.Generator().manual_seed(0))


def drawn_around_x(x, clean, now, then):
    return x if then == 1 else x + math.sqrt(exactly(x, clean, now, then)[1]) * torch.randn_like(x)


def ddim_as_x(x, clean, now, then):
    """What is left of x_t, made smaller, and the rest of the clean x."""
    shrink = math.sqrt((1 - then) / (1 - now))
    return shrink * x + (math.sqrt(then) - shrink * math.sqrt(now)) * clean


def ddim_by_tensors(x, clean, now, then):
    now, then = torch.tensor(now), torch.tensor(then)
    noise = torch.rsqrt(1 - now) * (x - now.sqrt() * clean)
    return torch.lerp(noise, clean, 0.0) * (1 - then).sqrt() + then.sqrt() * clean


def noise_of(x, clean, now):
    return (x - math.sqrt(now) * clean) / math.sqrt(1 - now)


def ddim(noise=noise_of, size=math.sqrt, strength=lambda s: math.sqrt(1 - s)):
    """noise(x, clean, now), size(a_s) before the clean x, strength(a_s) before the noise."""
    return lambda x, clean, now, then: size(then) * clean + strength(then) * noise(x, clean, now)


def guided_by_lerp(network, x, t, label, g):
    plain, wanted = network(x.repeat(2, 1), t.repeat(2), torch.cat([0 * label, label])).chunk(2)
    return torch.lerp(plain, wanted, g)


def guided_weighted(network, x, t, label, g):
    n = len(x)
    both = network(torch.cat((x, x)), torch.cat((t, t)), torch.cat((label, torch.zeros_like(label))))
    return g * both[:n] + (1 - g) * both[n:]


def guided_only_what_counts(network, x, t, label, g):
    """One half of the batch where one half is enough."""
    if g in (0.0, 1.0):
        return network(x, t, label if g else 0 * label)
    return guided_weighted(network, x, t, label, g)


def guided_in_turns(network, x, t, label, g):
    """With label and without, one after the other."""
    labels = torch.stack([label, 0 * label], 1).flatten()
    both = network(x.repeat_interleave(2, 0), t.repeat_interleave(2), labels)
    return both[1::2] + g * (both[::2] - both[1::2])


def guided(rule, label=lambda label: label, level=lambda t: t, halves=lambda both: both.chunk(2)):
    """rule(with, without, g), asked in one batch."""

    def instead(network, x, t, asked, g):
        labels, levels = torch.cat([label(asked), 0 * asked]), torch.cat([level(t), level(t)])
        wanted, plain = halves(network(torch.cat([x, x]), levels, labels))
        return rule(wanted, plain, g)

    return instead


def rightly(wanted, plain, g):
    return plain + g * (wanted - plain)


def asked_twice(network, x, t, label, g):
    return rightly(network(x, t, label), network(x, t, 0 * label), g)


def label_in_place(network, x, t, label, g):
    wanted = network(x, t, label)
    label.zero_()
    return rightly(wanted, network(x, t, label), g)


RIGHT = {
    "ddpm": [{"posterior": posterior_by_precisions}, {"posterior": posterior_by_beta}, {"ddpm_step": step_by_normal},
             {"ddpm_step": step_by_ddim_with_noise}],
    "ddim": [{"ddim_step": one} for one in (ddim_as_x, ddim_by_tensors)],
    "guidance": [{"guided": one}
                 for one in (guided_by_lerp, guided_weighted, guided_only_what_counts, guided_in_turns)],
}  # fmt: skip
WRONG = {
    "ddpm": [
        *each("posterior",
            ("x_t and the clean x are exchanged", lambda x, clean, *levels: exactly(clean, x, *levels)),
            ("the root of a_s is missing", parts(lambda s, t, k: s * (1 - k) / (1 - t), for_x)),
            ("the root of k is missing", parts(for_clean, lambda s, t, k: k * (1 - s) / (1 - t))),
            ("both roots are missing",
             parts(lambda s, t, k: s * (1 - k) / (1 - t), lambda s, t, k: k * (1 - s) / (1 - t))),
            ("not divided by 1 - a_t",
             parts(lambda s, t, k: math.sqrt(s) * (1 - k), lambda s, t, k: math.sqrt(k) * (1 - s))),
            ("k is a_s / a_t", lambda x, clean, now, then: posterior(
                lambda x, c, s, t, k: for_clean(s, t, 1 / k) * c + for_x(s, t, 1 / k) * x,
                lambda s, t, k: (1 - s) / (1 - t) * (1 - 1 / k))(x, clean, now, then)),
            ("k is a_t; it is a_t / a_s", posterior(
                lambda x, c, s, t, k: for_clean(s, t, t) * c + for_x(s, t, t) * x, lambda s, t, k: 1 - s)),
            ("1 - k and k are exchanged",
             parts(lambda s, t, k: for_clean(s, t, 1 - k), lambda s, t, k: for_x(s, t, 1 - k))),
            ("the root of a_t stands before the clean x",
             parts(lambda s, t, k: math.sqrt(t) * (1 - k) / (1 - t), for_x)),
            ("the part of x_t is missing", parts(for_clean, lambda s, t, k: 0)),
            ("the part of the clean x is missing", parts(lambda s, t, k: 0, for_x)),
            ("the mean is that of q(x_s | x)", parts(lambda s, t, k: math.sqrt(s), lambda s, t, k: 0)),
            ("this is the mean of DDIM", posterior(lambda x, c, s, t, k: ddim_as_x(x, c, t, s))),
            ("the deviation is returned", posterior(variance=lambda s, t, k: math.sqrt((1 - s) / (1 - t) * (1 - k)))),
            ("the variance is 1 - k", posterior(variance=lambda s, t, k: 1 - k)),
            ("the variance is 1 - a_s", posterior(variance=lambda s, t, k: 1 - s)),
            ("1 - k is missing", posterior(variance=lambda s, t, k: (1 - s) / (1 - t))),
            ("the variance is multiplied by k", posterior(variance=lambda s, t, k: (1 - s) / (1 - t) * k)),
            ("the variance is not divided", posterior(variance=lambda s, t, k: (1 - s) * (1 - k))),
            ("the variance is squared", posterior(variance=lambda s, t, k: ((1 - s) / (1 - t) * (1 - k)) ** 2)),
            ("the variance is 0", posterior(variance=lambda s, t, k: 0.0)),
            ("2 values are expected", lambda *given: exactly(*given)[0]),
        ),
        *each("ddpm_step",
            ("multiplied by the variance; by its root", step(lambda v, now, then: v)),
            ("the variance is 1 - k", step(lambda v, now, then: math.sqrt(1 - now / then))),
            ("the noise has its full size", step(lambda v, now, then: 1.0)),
            ("the noise has the deviation of x_s", step(lambda v, now, then: math.sqrt(1 - then))),
            ("the root of the deviation", step(lambda v, now, then: v**0.25)),
            ("is the mean itself", lambda *given: exactly(*given)[0]),
            ("has noise in it; at the end", step(lambda v, now, then: math.sqrt(v) if v else 0.1)),
            ("has a mean of 0.5", step(root, torch.rand_like)),
            ("not normally distributed", step(root, lambda x: (torch.rand_like(x) - 0.5) * 12**0.5)),
            ("the same for all numbers", step(root, lambda x: torch.randn(len(x), 1).expand_as(x))),
            ("the same for all examples", step(root, lambda x: torch.randn_like(x[:1]).expand_as(x))),
            ("the same in a second call", step(root, seeded)),
            ("does not lie around the mean", drawn_around_x),
        ),
    ],
    "ddim": each("ddim_step",
        ("the noise is not divided", ddim(lambda x, c, now: x - math.sqrt(now) * c)),
        ("divided by 1 - a_t; by its root", ddim(lambda x, c, now: (x - math.sqrt(now) * c) / (1 - now))),
        ("the noise keeps the strength that it has at t",
         lambda x, c, now, then: math.sqrt(then) * c + x - math.sqrt(now) * c),
        ("the clean x is shrunk by sqrt(a_t)", ddim(lambda x, c, now: (x - c) / math.sqrt(1 - now))),
        ("x_t less a_t times the clean x", ddim(lambda x, c, now: (x - now * c) / math.sqrt(1 - now))),
        ("the noise is x_t itself", ddim(lambda x, c, now: x)),
        ("the roots are missing at s", ddim(size=lambda s: s, strength=lambda s: 1 - s)),
        ("the root of a_s is missing", ddim(size=lambda s: s)),
        ("the root of 1 - a_s is missing", ddim(strength=lambda s: 1 - s)),
        ("a_s and 1 - a_s are exchanged", ddim(size=lambda s: math.sqrt(1 - s), strength=math.sqrt)),
        ("the noise is taken away", ddim(strength=lambda s: -math.sqrt(1 - s))),
        ("the noise is missing", ddim(strength=lambda s: 0)),
        ("the clean x is shrunk as at t",
         lambda x, c, now, then: math.sqrt(now) * c + math.sqrt(1 - then) * noise_of(x, c, now)),
        ("the clean x is not shrunk", ddim(size=lambda s: 1)),
        ("this is x_t again", lambda x, c, now, then: x.clone()),
        ("only at the end is that right", lambda x, c, now, then: c.clone()),
        ("the step goes the other way", lambda x, c, now, then: ddim()(x, c, min(then, 0.999), now)),
        ("this is the mean of DDPM", lambda *given: exactly(*given)[0]),
        ("draws new noise", lambda x, c, now, then: math.sqrt(then) * c + math.sqrt(1 - then) * torch.randn_like(x)),
        ("draws new noise", step_by_ddim_with_noise),
    ),
    "guidance": each("guided",
        ("begin at the one without", guided(lambda w, p, g: w + g * (w - p))),
        ("the two answers are exchanged", guided(lambda w, p, g: w + g * (p - w))),
        ("it goes away from the label", guided(lambda w, p, g: p + g * (p - w))),
        ("g - 1 stands where g should", guided(lambda w, p, g: p + (g - 1) * (w - p))),
        ("the answer without is missing", guided(lambda w, p, g: g * (w - p))),
        ("the answer with the label is multiplied by g", guided(lambda w, p, g: g * w)),
        ("the answer without is multiplied by g", guided(lambda w, p, g: g * p)),
        ("g = 1 gives that", guided(lambda w, p, g: w)),
        ("g = 0 gives that", guided(lambda w, p, g: p)),
        ("the two answers are added", guided(lambda w, p, g: p + g * w)),
        ("taken away, and not multiplied by g - 1", guided(lambda w, p, g: g * w - p)),
        ("g is squared", guided(lambda w, p, g: p + g**2 * (w - p))),
        ("the way is divided by g", guided(lambda w, p, g: p + (w - p) / g if g else p)),
        ("the mean of the two", guided(lambda w, p, g: (w + p) / 2)),
        ("the halves of the batch are mixed up", guided(rightly, halves=lambda both: (both[::2], both[1::2]))),
        ("every example has the label of the first", guided(rightly, label=lambda label: label[:1].expand_as(label))),
        ("every example has the level of the first", guided(rightly, level=lambda t: t[:1].expand_as(t))),
        ("both answers are returned", guided(lambda w, p, g: torch.cat([w, p]))),
        ("the result holds 2n rows", guided(lambda w, p, g: rightly(w, p, g).repeat(2, 1))),
        ("the network is asked 2 times", asked_twice),
        ("changes its argument number 4 in place", label_in_place),
    ),
}  # fmt: skip
