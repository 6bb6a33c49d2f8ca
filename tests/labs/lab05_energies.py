"""Answers to the exercises of lab 05 on the energy, the free energy and the partition function."""

import itertools
import math

import torch
import torch.nn.functional as F
from common_answers import each


def energy_by_einsum(x, h, W, a, b):
    return -torch.einsum("ni,i->n", x, a) - torch.einsum("nj,j->n", h, b) - torch.einsum("ni,ij,nj->n", x, W, h)


def energy_in_loops(x, h, W, a, b):
    found = []
    for one, other in zip(x, h, strict=True):
        found.append(-(a @ one) - b @ other - one @ W @ other)
    return torch.stack(found)


def energy_by_diagonal(x, h, W, a, b):
    return -torch.diag(x @ W @ h.T + (x @ a)[:, None] + h @ b)


def energy_of(change):
    """change(x.a, h.b, x^T W h), each (n,)."""
    return lambda x, h, W, a, b: change(x @ a, h @ b, ((x @ W) * h).sum(1))


def free_energy_by_logaddexp(x, W, a, b):
    t = torch.addmm(b, x, W)
    return -torch.mv(x, a) - torch.logaddexp(t, torch.zeros_like(t)).sum(-1)


def free_energy_in_float64(x, W, a, b):
    x, W, a, b = (v.double() for v in (x, W, a, b))
    t = x @ W + b
    return -(x @ a + (t.clamp(min=0) + torch.log1p(torch.exp(-t.abs()))).sum(1)).float()


def free_energy_by_states(x, W, a, b):
    """All states of h, where they are few."""
    h = torch.tensor(list(itertools.product((0.0, 1.0), repeat=len(b))))
    minus = (x @ a)[:, None] + h @ b + x @ W @ h.T
    return -minus.logsumexp(1)


def free_of(change):
    """change(x.a, t)."""
    return lambda x, W, a, b: change(x @ a, x @ W + b)


def soft(t):
    return F.softplus(t).sum(1)


def partition_by_product(W, a, b):
    h = torch.tensor(list(itertools.product((0.0, 1.0), repeat=len(b))), dtype=torch.float64)
    s = h @ W.double().T + a
    return (h @ b.double() + torch.logaddexp(s, torch.zeros_like(s)).sum(1)).logsumexp(0).float()


def partition_in_loops(W, a, b):
    total = torch.tensor(-torch.inf)
    for number in range(2 ** len(b)):
        h = torch.tensor([float(number >> j & 1) for j in range(len(b))])
        total = torch.logaddexp(total, b @ h + F.softplus(a + W @ h).sum())
    return total


def partition_by_largest(W, a, b):
    h = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * len(b)).view(-1, len(b))
    terms = h @ b + F.softplus(h @ W.T + a).sum(1)
    return terms.max() + (terms - terms.max()).exp().sum().log()


def all_states(units):
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=units)))


def log_z_of(change=lambda terms: terms.logsumexp(0), visited=lambda h: h, term=None):
    """change(the terms of the states of h that are visited), term(h.b, s)."""
    term = term or (lambda hb, s: hb + F.softplus(s).sum(1))

    def log_partition(W, a, b):
        h = visited(all_states(len(b)))
        return change(term(h @ b, h @ W.T + a))

    return log_partition


def without(a=1, b=1):
    return lambda W, seen, unseen: partition_by_largest(W, a * seen, b * unseen)


RIGHT = {
    "energy": [{"energy": one} for one in (energy_by_einsum, energy_in_loops, energy_by_diagonal)],
    "free_energy": [{"free_energy": one} for one in (
        free_energy_by_logaddexp, free_energy_in_float64, free_energy_by_states)],
    "partition": [{"log_partition": one} for one in (partition_by_product, partition_in_loops, partition_by_largest)],
}  # fmt: skip
WRONG = {
    "energy": each("energy",
        ("the sign is wrong: likely pairs", energy_of(lambda s, u, p: s + u + p)),
        ("the visible biases a are missing", energy_of(lambda s, u, p: -u - p)),
        ("the hidden biases b are missing", energy_of(lambda s, u, p: -s - p)),
        ("both biases are missing", energy_of(lambda s, u, p: -p)),
        ("the term with W is missing", energy_of(lambda s, u, p: -s - u)),
        ("the term with W has the wrong sign", energy_of(lambda s, u, p: -s - u + p)),
        ("the terms with the biases have the wrong sign", energy_of(lambda s, u, p: s + u - p)),
        ("factor 1/2", energy_of(lambda s, u, p: -s - u - p / 2)),
        ("this is exp(-E)", energy_of(lambda s, u, p: (s + u + p).exp())),
        ("each x is paired with each h", lambda x, h, W, a, b: -(x @ a)[:, None] - h @ b - x @ W @ h.T),
        ("all rows are summed", energy_of(lambda s, u, p: -(s + u + p).sum())),
        ("averaged over the rows", energy_of(lambda s, u, p: -(s + u + p).mean())),
        ("the term with W is summed over all rows", energy_of(lambda s, u, p: -s - u - p.sum())),
    ),
    "free_energy": each("free_energy",
        ("the sign is wrong: likely x", free_of(lambda s, t: s + soft(t))),
        ("the visible biases a are missing", free_of(lambda s, t: -soft(t))),
        ("the hidden biases b are missing", lambda x, W, a, b: -(x @ a) - soft(x @ W)),
        ("b is added outside", lambda x, W, a, b: -(x @ a) - soft(x @ W) - b.sum()),
        ("a.x has the wrong sign", free_of(lambda s, t: s - soft(t))),
        ("the sum over the hidden units has the wrong sign", free_of(lambda s, t: -s + soft(t))),
        ("t has the wrong sign", free_of(lambda s, t: -s - soft(-t))),
        ("before log(1 + exp t)", free_of(lambda s, t: -s - F.softplus(t.sum(1)))),
        ("the logarithm is missing", free_of(lambda s, t: -s - (1 + t.exp()).sum(1))),
        ("sum the logarithms", free_of(lambda s, t: -s - (1 + t.exp()).sum(1).log())),
        ("the 1 is missing", free_of(lambda s, t: -s - t.sum(1))),
        ("sigma(t) stands", free_of(lambda s, t: -s - t.sigmoid().sum(1))),
        ("most likely h", free_of(lambda s, t: -s - t.relu().sum(1))),
        ("the energy at the probabilities", free_of(lambda s, t: -s - (t.sigmoid() * t).sum(1))),
        ("averaged over the hidden units", free_of(lambda s, t: -s - F.softplus(t).mean(1))),
        ("this is exp(-F)", free_of(lambda s, t: (s + soft(t)).exp())),
        ("averaged over the rows", free_of(lambda s, t: -(s + soft(t)).mean())),
        ("too large for float32", free_of(lambda s, t: -s - (1 + t.exp()).log().sum(1))),
    ),
    "partition": each("log_partition",
        ("this is -log Z", log_z_of(lambda t: -t.logsumexp(0))),
        ("this is Z", log_z_of(lambda t: t.exp().sum())),
        ("without the exponential", log_z_of(lambda t: t.sum())),
        ("the exponential is missing", log_z_of(lambda t: t.sum().log())),
        ("averaged over the states", log_z_of(lambda t: t.mean())),
        ("the mean over the states is taken", log_z_of(lambda t: t.logsumexp(0) - math.log(len(t)))),
        ("the exponentials have the wrong sign", log_z_of(lambda t: (-t).logsumexp(0))),
        ("and the logarithm too", log_z_of(lambda t: -(-t).logsumexp(0))),
        ("the largest term alone", log_z_of(lambda t: t.max())),
        ("the visible biases a are missing", without(a=0)),
        ("the hidden biases b are missing", without(b=0)),
        ("all biases are missing", without(0, 0)),
        ("the 1 in log(1 + exp s)", log_z_of(term=lambda hb, s: hb + s.sum(1))),
        ("the sum over the states of x is missing", log_z_of(term=lambda hb, s: hb)),
        ("sigma(s) stands", log_z_of(term=lambda hb, s: hb + s.sigmoid().sum(1))),
        ("averaged over the visible units", log_z_of(term=lambda hb, s: hb + F.softplus(s).mean(1))),
        ("the first hidden unit is always 0", log_z_of(visited=lambda h: h[: len(h) // 2])),
        ("the first hidden unit is always 1", log_z_of(visited=lambda h: h[len(h) // 2 :])),
        ("the last hidden unit is always 0", log_z_of(visited=lambda h: h[::2])),
        ("the last hidden unit is always 1", log_z_of(visited=lambda h: h[1::2])),
        ("the last state", log_z_of(visited=lambda h: h[:-1])),
        ("the first state", log_z_of(visited=lambda h: h[1:])),
        ("one hidden unit on", log_z_of(visited=lambda h: h[h.sum(1) == 1].flip(0))),
        ("the states are -1 and 1", log_z_of(visited=lambda h: 2 * h - 1)),
        ("base 2", log_z_of(lambda t: t.logsumexp(0) / math.log(2))),
        ("too large for float32", log_z_of(lambda t: t.exp().sum().log())),
        ("40 units", lambda W, a, b: partition_over_x(W, a, b)),
    ),
}  # fmt: skip


def partition_over_x(W, a, b):
    """The states of x are visited, which are too many."""
    if len(a) > 20:
        raise ValueError(f"{len(a)} units have 2^{len(a)} states")
    return partition_by_largest(W.T, b, a)
