"""Answers to the exercises of lab 07 on conditions: maps beside the pixels, and the projection."""

import torch
import torch.nn.functional as F
from common_answers import each


def constant(x, y):
    """Each entry of a condition as a map."""
    return y[:, :, None, None] * torch.ones(1, 1, *x.shape[2:])


def maps_by_repeat(x, y):
    return torch.cat([x, y[:, :, None, None].repeat(1, 1, x.shape[2], x.shape[3])], 1)


def maps_in_loops(x, y):
    n, c, h, w = x.shape
    found = torch.empty(n, c + y.shape[1], h, w)
    found[:, :c] = x
    for i in range(n):
        for k in range(y.shape[1]):
            found[i, c + k] = y[i, k]
    return found


def maps_by_interleaving(x, y):
    h, w = x.shape[2:]
    return torch.hstack([x, y.repeat_interleave(h * w, 1).view(len(x), -1, h, w)])


def along(dim):
    return lambda x, y: torch.cat([x, constant(x, y)], dim)


def maps_of(change):
    """change(maps) in place of the maps."""
    return lambda x, y: torch.cat([x, change(constant(x, y))], 1)


def alternating(x, y):
    n, _, h, w = x.shape
    return torch.cat([x, y.repeat(1, h * w).view(n, -1, h, w)], 1)


def mixed_up(x, y):
    return torch.cat([x, y.T.reshape(*y.shape, 1, 1).expand(-1, -1, *x.shape[2:])], 1)


def largest(x, y):
    return torch.cat([x, y.argmax(1).float().view(-1, 1, 1, 1).expand(-1, -1, *x.shape[2:])], 1)


def in_the_corner(maps):
    found = torch.zeros_like(maps)
    found[:, :, 0, 0] = maps[:, :, 0, 0]
    return found


def projection_in_loops(f, y, w, V):
    return torch.stack([torch.dot(one, w + V[label]) for one, label in zip(f, y, strict=True)])


def projection_by_one_hot(f, y, w, V):
    return f @ w + ((F.one_hot(y, len(V)).float() @ V) * f).sum(1)


def projection_of_all(f, y, w, V):
    """All products, of which each picture takes its own."""
    return f @ w + (f @ V.T)[torch.arange(len(f)), y]


def projection_of(change, score=lambda f, w: f @ w):
    """change(f, rows of the labels, V) in place of the product."""
    return lambda f, y, w, V: score(f, w) + change(f, V[y], V)


def inner(f, rows):
    return (f * rows).sum(1)


RIGHT = {
    "maps": [{"with_condition": one} for one in (maps_by_repeat, maps_in_loops, maps_by_interleaving)],
    "projection": [{"projection_logit": one}
                   for one in (projection_in_loops, projection_by_one_hot, projection_of_all)],
}  # fmt: skip
WRONG = {
    "maps": each("with_condition",
        ("the maps stand before the pixels", lambda x, y: torch.cat([constant(x, y), x], 1)),
        ("these are the maps alone", constant),
        ("these are the pixels alone", lambda x, y: x.clone()),
        ("the condition of the first one", maps_of(lambda maps: maps[:1].expand_as(maps))),
        ("alternate from pixel to pixel", alternating),
        ("are mixed", mixed_up),
        ("which entry is the largest", largest),
        ("only the pixel in the corner", maps_of(in_the_corner)),
        ("divided by the number of pixels", maps_of(lambda maps: maps / maps[0, 0].numel())),
        ("the entries are rounded", maps_of(torch.round)),
        ("are added to the pixels", lambda x, y: x + constant(x, y)),
        ("are multiplied by the maps", lambda x, y: x * constant(x, y)),
        ("laid below the picture", along(2)),
        ("to the right of the picture", along(3)),
        ("put among the examples", along(0)),
        ("raised RuntimeError", lambda x, y: torch.cat([x, y], 1)),
    ),
    "projection": each("projection_logit",
        ("the term with the label is missing", lambda f, y, w, V: f @ w),
        ("the score of the features alone is missing", lambda f, y, w, V: inner(f, V[y])),
        ("all classes are added up", projection_of(lambda f, rows, V: (f @ V.T).sum(1))),
        ("all classes are averaged", projection_of(lambda f, rows, V: (f @ V.T).mean(1))),
        ("the best class counts", projection_of(lambda f, rows, V: (f @ V.T).max(1).values)),
        ("without the features", projection_of(lambda f, rows, V: rows.sum(1))),
        ("averaged over the features", projection_of(lambda f, rows, V: (f * rows).mean(1))),
        ("divided by the root of d", projection_of(lambda f, rows, V: inner(f, rows) / f.shape[1] ** 0.5)),
        ("the lengths are divided out", projection_of(lambda f, rows, V: F.cosine_similarity(f, rows))),
        ("normalised over the classes",
         lambda f, y, w, V: f @ w - F.cross_entropy(f @ V.T, y, reduction="none")),
        ("sigma is applied", lambda f, y, w, V: projection_of_all(f, y, w, V).sigmoid()),
        ("meets every label of the batch",
         projection_of(lambda f, rows, V: f @ rows.T, lambda f, w: (f @ w)[:, None])),
        ("along the wrong dimension", projection_of(lambda f, rows, V: f @ rows.T)),
        ("not summed over the features", projection_of(lambda f, rows, V: f * rows, lambda f, w: (f @ w)[:, None])),
        ("averaged over the batch", lambda f, y, w, V: projection_of_all(f, y, w, V).mean()),
        ("are multiplied; add them", lambda f, y, w, V: (f @ w) * inner(f, V[y])),
        ("are subtracted; add them", lambda f, y, w, V: f @ w - inner(f, V[y])),
        ("row i of V", lambda f, y, w, V: f @ w + inner(f, V[: len(f)])),
        ("has shape (6, 1); (6,) is expected", lambda f, y, w, V: projection_of_all(f, y, w, V)[:, None]),
    ),
}  # fmt: skip
