"""Answers to the exercises of lab 05 on training: CD-k, a step with momentum, PCD."""

import torch
from common_answers import each


def probabilities(x, W, b):
    return (x @ W + b).sigmoid()


def step(x, W, a, b, of_h=torch.bernoulli, of_x=torch.bernoulli):
    return of_x((of_h(probabilities(x, W, b)) @ W.T + a).sigmoid())


def by_einsum(x, W, b):
    p = probabilities(x, W, b)
    return torch.einsum("ni,nj->ij", x, p) / x.shape[0], x.sum(0) / x.shape[0], p.sum(0) / x.shape[0]


def cd_by_statistics(x, W, a, b, k):
    end = x.clone()
    for _ in range(k):
        end = step(end, W, a, b)
    return [d - m for d, m in zip(by_einsum(x, W, b), by_einsum(end, W, b), strict=True)]


def cd_by_autograd(x, W, a, b, k):
    """The gradient of the mean free energy of the chain less that of the data."""
    end = x
    for _ in range(k):
        end = step(end, W, a, b)
    leaves = [v.clone().requires_grad_(True) for v in (W, a, b)]

    def free(s):
        return (-(s @ leaves[1]) - torch.nn.functional.softplus(s @ leaves[0] + leaves[2]).sum(1)).mean()

    with torch.enable_grad():
        return torch.autograd.grad(free(end) - free(x), leaves)


def cd_from_h(x, W, a, b, k):
    """The first h is drawn from the probabilities that the data's statistics need anyway."""
    p = positive = probabilities(x, W, b)
    for _ in range(k):
        end = torch.bernoulli((torch.bernoulli(p) @ W.T + a).sigmoid())
        p = probabilities(end, W, b)
    n = len(x)
    return (x.T @ positive - end.T @ p) / n, (x - end).mean(0), (positive - p).mean(0)


def outer(x, h):
    return x.T @ h / len(x)


def cd_of(begin=lambda x: x, of_h=torch.bernoulli, of_x=torch.bernoulli, first=lambda p: p, last=lambda p: p,
          steps=lambda k: k, finish=None):  # fmt: skip
    """first, last: what of p(h|x) stands in the statistics; finish(x, h, end, h at the end) -> the gradients."""
    finish = finish or (lambda x, h, e, g: (outer(x, h) - outer(e, g), x.mean(0) - e.mean(0), h.mean(0) - g.mean(0)))

    def cd_gradients(x, W, a, b, k):
        end = begin(x)
        for _ in range(steps(k)):
            end = step(end, W, a, b, of_h, of_x)
        return finish(x, first(probabilities(x, W, b)), end, last(probabilities(end, W, b)))

    return cd_gradients


def sums(x, h, e, g):
    return x.T @ h - e.T @ g, (x - e).sum(0), (h - g).sum(0)


def noise(x):
    return torch.rand(x.shape).round()


def update_in_loops(parameters, velocity, gradients, rate, momentum, decay):
    new, kept = [], []
    for name, theta, v, g in zip("Wab", parameters, velocity, gradients, strict=True):
        if name == "W":
            g = g - decay * theta
        kept.append(v * momentum + g * rate)
        new.append(theta + kept[-1])
    return new, kept


def update_written_out(parameters, velocity, gradients, rate, momentum, decay):
    (W, a, b), (vW, va, vb), (gW, ga, gb) = parameters, velocity, gradients
    vW = momentum * vW + rate * gW - rate * decay * W
    va, vb = momentum * va + rate * ga, momentum * vb + rate * gb
    return (W + vW, a + va, b + vb), (vW, va, vb)


def update_of(new_v, new_theta=lambda t, w, v: t + w, decays=(1, 0, 0), finish=lambda t, w, v: (t, w)):
    """new_v(theta, v, g, rate, momentum, decay), new_theta(theta, new v, v)."""

    def update(parameters, velocity, gradients, rate, momentum, decay):
        zipped = list(zip(parameters, velocity, gradients, decays, strict=True))
        w = tuple(new_v(t, v, g, rate, momentum, d * decay) for t, v, g, d in zipped)
        new = tuple(new_theta(t, one, v) for (t, v, _, _), one in zip(zipped, w, strict=True))
        return finish(new, w, velocity)

    return update


def usual(t, v, g, e, m, d):
    return m * v + e * (g - d * t)


def outside(parameters, velocity, gradients, rate, momentum, decay):
    (W, a, b), w = update_written_out(parameters, velocity, gradients, rate, momentum, 0.0)
    return (W - rate * decay * parameters[0], a, b), w


def as_torch(parameters, velocity, gradients, rate, momentum, decay):
    w = [momentum * v + g for v, g in zip(velocity, gradients, strict=True)]
    w[0] = w[0] - decay * parameters[0]
    return [t + rate * one for t, one in zip(parameters, w, strict=True)], w


def in_place(parameters, *others):
    new, w = update_written_out(parameters, *others)
    for theta, value in zip(parameters, new, strict=True):
        theta.copy_(value)
    return parameters, w


def pcd_by_statistics(x, chains, W, a, b, k):
    new = chains.clone()
    for _ in range(k):
        new = step(new, W, a, b)
    pairs = zip(by_einsum(x, W, b), by_einsum(new, W, b), strict=True)
    return [*(d - m for d, m in pairs), new]


def pcd_in_loops(x, chains, W, a, b, k):
    for _ in range(k):
        h = (torch.rand(len(chains), len(b)) < probabilities(chains, W, b)).float()
        chains = (torch.rand(chains.shape) < (h @ W.T + a).sigmoid()).float()
    p, q = probabilities(x, W, b), probabilities(chains, W, b)
    positive = sum(torch.outer(one, h) for one, h in zip(x, p, strict=True)) / len(x)
    return positive - outer(chains, q), x.mean(0) - chains.mean(0), p.mean(0) - q.mean(0), chains


def pcd_of(begin=lambda x, c: c, of_h=torch.bernoulli, of_x=torch.bernoulli, steps=lambda k: k, first=lambda p: p,
           last=lambda p: p, finish=None, give=lambda old, new: new, read=lambda old, new: new):  # fmt: skip
    """read: the chains of the statistics, give: those that are returned; finish(data, model, n, m) -> gradients."""
    finish = finish or (lambda data, model, n, m: [d - c for d, c in zip(data, model, strict=True)])

    def pcd_gradients(x, chains, W, a, b, k):
        new = begin(x, chains)
        for _ in range(steps(k)):
            new = step(new, W, a, b, of_h, of_x)
        e = read(chains, new)
        h, g = first(probabilities(x, W, b)), last(probabilities(e, W, b))
        data, model = (outer(x, h), x.mean(0), h.mean(0)), (outer(e, g), e.mean(0), g.mean(0))
        return *finish(data, model, len(x), len(e)), give(chains, new)

    return pcd_gradients


def scaled(data_by, model_by):
    return lambda data, model, n, m: [data_by(n, m) * d - model_by(n, m) * c for d, c in zip(data, model, strict=True)]


RIGHT = {
    "cd": [{"cd_gradients": one} for one in (cd_by_statistics, cd_by_autograd, cd_from_h)],
    "momentum": [{"update": one} for one in (update_in_loops, update_written_out)],
    "pcd": [{"pcd_gradients": one} for one in (pcd_by_statistics, pcd_in_loops)],
}
WRONG = {
    "cd": each("cd_gradients",
        ("the sign of the gradients is wrong", lambda *given: [-g for g in cd_from_h(*given)]),
        ("in the statistics of the data;", cd_of(first=torch.bernoulli)),
        ("in the statistics of the chain;", cd_of(last=torch.bernoulli)),
        ("of the data and of the chain;", cd_of(first=torch.bernoulli, last=torch.bernoulli)),
        ("ends in probabilities of x", cd_of(of_x=lambda p: p)),
        ("the probabilities of h are passed on", cd_of(of_h=lambda p: p)),
        ("one step too many", lambda x, W, a, b, k: cd_from_h(x, W, a, b, k + (k > 1))),
        ("one step too few", cd_of(steps=lambda k: k - (k > 1))),
        ("has made no step for k = 1", cd_of(steps=lambda k: k - 1)),
        ("whatever k is", cd_of(steps=lambda k: 1)),
        ("starts at noise", cd_of(begin=noise)),
        ("sums over the batch are not divided", cd_of(finish=sums)),
        ("sum for W is not divided", cd_of(finish=lambda x, h, e, g: (
            x.T @ h - e.T @ g, (x - e).mean(0), (h - g).mean(0)))),
        ("paired with h of the chain's end", cd_of(finish=lambda x, h, e, g: (
            outer(x, h) - outer(x, g), (x - e).mean(0), (h - g).mean(0)))),
        ("paired with h of the data", cd_of(finish=lambda x, h, e, g: (
            outer(x, h) - outer(e, h), (x - e).mean(0), (h - g).mean(0)))),
        ("product of the differences", cd_of(finish=lambda x, h, e, g: (
            outer(x - e, h - g), (x - e).mean(0), (h - g).mean(0)))),
        ("the statistics of the chain are missing", cd_of(finish=lambda x, h, e, g: (
            outer(x, h), x.mean(0), h.mean(0)))),
        ("the statistics of the data are missing", cd_of(finish=lambda x, h, e, g: (
            -outer(e, g), -e.mean(0), -g.mean(0)))),
        ("take that of the chain's end", cd_of(finish=lambda x, h, e, g: (
            outer(x, h) - outer(e, h), (x - e).mean(0), 0 * g.mean(0)))),
        ("transposed", cd_of(finish=lambda x, h, e, g: (
            (outer(x, h) - outer(e, g)).T, (x - e).mean(0), (h - g).mean(0)))),
        ("must be 3 tensors", cd_of(finish=lambda x, h, e, g: outer(x, h) - outer(e, g))),
        ("the gradient for a has shape", cd_of(finish=lambda x, h, e, g: (
            outer(x, h) - outer(e, g), (h - g).mean(0), (x - e).mean(0)))),
    ),
    "momentum": each("update",
        ("the biases decay too", update_of(usual, decays=(1, 1, 1))),
        ("the biases decay and W does not", update_of(usual, decays=(0, 1, 1))),
        ("the decay is missing", update_of(usual, decays=(0, 0, 0))),
        ("the decay has the wrong sign", update_of(usual, decays=(-1, 0, 0))),
        ("not multiplied by the rate", update_of(lambda t, v, g, e, m, d: m * v + e * g - d * t)),
        ("does not go through the velocity", outside),
        ("by the sign of W", update_of(lambda t, v, g, e, m, d: m * v + e * (g - d * t.sign()))),
        ("the velocity is subtracted", update_of(usual, lambda t, w, v: t - w)),
        ("they are added to the velocity", update_of(lambda t, v, g, e, m, d: m * v - e * (g - d * t))),
        ("and only the decay is subtracted", update_of(lambda t, v, g, e, m, d: m * v - e * (g + d * t))),
        ("the old velocity is not kept", update_of(lambda t, v, g, e, m, d: e * (g - d * t))),
        ("the momentum is missing", update_of(lambda t, v, g, e, m, d: v + e * (g - d * t))),
        ("the rate belongs inside", as_torch),
        ("the rate multiplies the old velocity", update_of(lambda t, v, g, e, m, d: e * (m * v + g - d * t))),
        ("the rate is missing", update_of(lambda t, v, g, e, m, d: m * v + g - d * t)),
        ("1 - momentum", update_of(lambda t, v, g, e, m, d: m * v + (1 - m) * e * (g - d * t))),
        ("the old velocity is added", update_of(usual, lambda t, w, v: t + v)),
        ("returned as it was", update_of(usual, finish=lambda t, w, v: (t, v))),
        ("are exchanged in the answer", update_of(usual, finish=lambda t, w, v: (w, t))),
        ("two tuples", update_of(usual, finish=lambda t, w, v: t)),
        ("must be 3 tensors", update_of(usual, finish=lambda t, w, v: (t[0], w[0]))),
        ("in place", in_place),
    ),
    "pcd": each("pcd_gradients",
        ("That is CD", pcd_of(begin=lambda x, c: x)),
        ("they start at the data", pcd_of(begin=lambda x, c: x[torch.randint(len(x), (len(c),))])),
        ("start at noise anew", pcd_of(begin=lambda x, c: noise(c))),
        ("come back as they were", pcd_of(give=lambda old, new: old)),
        ("one step too many", pcd_of(steps=lambda k: k + 1)),
        ("one step too few", pcd_of(steps=lambda k: k - 1 if k > 1 else 2)),
        ("whatever k is", pcd_of(steps=lambda k: 1 + (k < 3))),
        ("the probabilities of h are passed on", pcd_of(of_h=lambda p: p)),
        ("return their states", pcd_of(of_x=lambda p: p)),
        ("before the steps", pcd_of(read=lambda old, new: old)),
        ("divided by the number of the data", pcd_of(finish=scaled(lambda n, m: 1, lambda n, m: m / n))),
        ("divided by the number of the chains", pcd_of(finish=scaled(lambda n, m: n / m, lambda n, m: 1))),
        ("not divided by the numbers of rows", pcd_of(finish=scaled(lambda n, m: n, lambda n, m: m))),
        ("the sign is wrong", pcd_of(finish=scaled(lambda n, m: -1, lambda n, m: -1))),
        ("the statistics of the chains are missing", pcd_of(finish=scaled(lambda n, m: 1, lambda n, m: 0))),
        ("the statistics of the data are missing", pcd_of(finish=scaled(lambda n, m: 0, lambda n, m: 1))),
        ("in the statistics of the data;", pcd_of(first=torch.bernoulli)),
        ("in the statistics of the chains;", pcd_of(last=torch.bernoulli)),
        ("must return 4 tensors", lambda x, c, *given: cd_from_h(x, *given)),
    ),
}  # fmt: skip
