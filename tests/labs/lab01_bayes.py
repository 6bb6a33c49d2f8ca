"""Answers to the exercises of lab 01 on Naive Bayes."""

import math

import numpy as np
import torch
from common_answers import each
from torch import bernoulli
from torch.distributions import Categorical


def fit_bernoulli_in_loops(x, y, classes, alpha):
    prior, on = torch.zeros(classes, dtype=x.dtype), torch.zeros(classes, x.shape[1], dtype=x.dtype)
    for c in range(classes):
        mine = x[y == c]
        prior[c] = len(mine) / len(x)
        on[c] = (mine.sum(0) + alpha) / (len(mine) + 2 * alpha)
    return prior, on


def fit_bernoulli_by_index_add(x, y, classes, alpha):
    count = torch.bincount(y, minlength=classes).to(x.dtype)
    seen = torch.zeros(classes, x.shape[1], dtype=x.dtype).index_add_(0, y, x)
    return count / count.sum(), (seen + alpha) / (count + 2 * alpha)[:, None]


def tables(change):
    """change(seen (C, d), count (C, 1), n, alpha) -> on."""

    def fit_bernoulli(x, y, classes, alpha):
        prior, _ = fit_bernoulli_in_loops(x, y, classes, alpha)
        seen = torch.stack([x[y == c].sum(0) for c in range(classes)])
        return prior, change(seen, prior[:, None] * len(x), len(x), alpha)

    return fit_bernoulli


def priors(change):
    def fit_bernoulli(x, y, classes, alpha):
        prior, on = fit_bernoulli_in_loops(x, y, classes, alpha)
        return change(prior, len(x), classes, alpha), on

    return fit_bernoulli


def log_joint(x, prior, on):
    return x @ on.log().T + (1 - x) @ (1 - on).log().T + prior.log()


def log_posterior_in_loops(x, prior, on):
    rows = []
    for one in x:
        a = torch.stack([torch.where(one == 1, p, 1 - p).log().sum() + w.log() for p, w in zip(on, prior, strict=True)])
        rows.append(a - a.max() - (a - a.max()).exp().sum().log())
    return torch.stack(rows)


def log_posterior_by_logits(x, prior, on):
    a = x @ torch.logit(on).T + torch.log1p(-on).sum(1) + prior.log()
    return torch.log_softmax(a, dim=1)


def log_posterior_by_products(x, prior, on):
    p = torch.where(x[:, None] == 1, on, 1 - on).prod(2) * prior
    return (p / p.sum(1, keepdim=True)).log()


def log_posterior_of_the_mean_pixel(x, prior, on):
    terms = log_joint(x, torch.ones_like(prior), on) / x.shape[1]
    return torch.log_softmax(terms + prior.log(), 1)


def draw_by_numpy(prior, on, n):
    rng = np.random.default_rng()
    y = rng.choice(len(prior), size=n, p=prior.numpy() / prior.numpy().sum())
    x = (rng.random((n, on.shape[1])) < on.numpy()[y]).astype(np.float64)
    return torch.from_numpy(x), torch.from_numpy(y)


def draw_in_loops(prior, on, n):
    y = Categorical(prior).sample((n,))
    x = torch.zeros(n, on.shape[1], dtype=on.dtype)
    for i in range(n):
        x[i] = (torch.rand(on.shape[1]) < on[y[i]]).to(on.dtype)
    return [x, y]


def draw_by_cumulation(prior, on, n):
    y = torch.searchsorted(prior.cumsum(0), torch.rand(n, dtype=prior.dtype)).clamp(max=len(prior) - 1)
    return (torch.rand(n, on.shape[1]) < on[y]) * 1.0 + torch.zeros(1, dtype=on.dtype), y


def draw_but(pictures, labels=lambda prior, n: torch.multinomial(prior, n, replacement=True)):
    def draw_digits(prior, on, n):
        y = labels(prior, n)
        return pictures(on, y), y

    return draw_digits


def draw_with_fixed_seed(prior, on, n):
    torch.manual_seed(0)
    y = torch.multinomial(prior, n, replacement=True)
    return torch.bernoulli(on[y]), y


def pixels_drawn_together(on, y):
    return (torch.rand(len(y), 1) < on[y]).to(on.dtype)


def one_picture_for_each_class(on, y):
    return torch.bernoulli(on)[y]


RIGHT = {
    "bernoulli": [{"fit_bernoulli": fit_bernoulli_in_loops}, {"fit_bernoulli": fit_bernoulli_by_index_add}],
    "posterior": [{"log_posterior": log_posterior_in_loops}, {"log_posterior": log_posterior_by_logits}],
    "drawing": [{"draw_digits": draw_by_numpy}, {"draw_digits": draw_in_loops}, {"draw_digits": draw_by_cumulation}],
}
WRONG = {
    "bernoulli": each("fit_bernoulli",
        ("alpha is missing: a pixel", tables(lambda seen, N, n, a: seen / N)),
        ("missing in the denominator", tables(lambda seen, N, n, a: (seen + a) / N)),
        ("alpha once", tables(lambda seen, N, n, a: (seen + a) / (N + a))),
        ("alpha d times", tables(lambda seen, N, n, a: (seen + a) / (N + seen.shape[1] * a))),
        ("once for each class", tables(lambda seen, N, n, a: (seen + a) / (N + len(seen) * a))),
        ("missing above", tables(lambda seen, N, n, a: seen / (N + 2 * a))),
        ("after dividing", tables(lambda seen, N, n, a: seen / N + a)),
        ("divide by N_c", tables(lambda seen, N, n, a: (seen + a) / (n + 2 * a))),
        ("smoothed with 1", tables(lambda seen, N, n, a: (seen + 1) / (N + 2))),
        ("pixel is off", tables(lambda seen, N, n, a: (N - seen + a) / (N + 2 * a))),
        ("pixels that are on in the class", tables(lambda seen, N, n, a: (seen + a) / (seen + a).sum(1)[:, None])),
        ("the same for all", tables(lambda seen, N, n, a: (0 * seen + seen.sum(0) + a) / (n + 2 * a))),
        ("(transposed?)", tables(lambda seen, N, n, a: ((seen + a) / (N + 2 * a)).T)),
        ("counts; divide by n", priors(lambda prior, n, C, a: prior * n)),
        ("every class got the same", priors(lambda prior, n, C, a: 0 * prior + 1 / C)),
        ("here only the pixels are smoothed", priors(lambda prior, n, C, a: (prior * n + a) / (n + C * a))),
        ("their logarithms", priors(lambda prior, n, C, a: prior.log())),
        ("has shape (3,); (4,)", lambda x, y, classes, alpha: fit_bernoulli_in_loops(x, y, 3, alpha)),
    ),
    "posterior": each("log_posterior",
        ("the prior is missing", lambda x, w, on: log_joint(x, 0 * w + 1, on).log_softmax(1)),
        ("add its logarithm", lambda x, w, on: log_joint(x, w.exp(), on).log_softmax(1)),
        ("not normalised", log_joint),
        ("only the pixels that are on", lambda x, w, on: (x @ on.log().T + w.log()).log_softmax(1)),
        ("only the pixels that are off", lambda x, w, on: ((1 - x) @ (1 - on).log().T + w.log()).log_softmax(1)),
        ("exchanged", lambda x, w, on: log_joint(1 - x, w, on).log_softmax(1)),
        ("their logarithms are asked for", lambda x, w, on: log_joint(x, w, on).softmax(1)),
        ("over the examples", lambda x, w, on: log_joint(x, w, on).log_softmax(0)),
        ("averaged over the pixels", log_posterior_of_the_mean_pixel),
        ("of 3000 pixels", log_posterior_by_products),
        ("sum of the logarithms", lambda x, w, on: log_joint(x, w, on) - log_joint(x, w, on).sum(1)[:, None]),
        ("the largest entry", lambda x, w, on: log_joint(x, w, on) - log_joint(x, w, on).amax(1)[:, None]),
        ("base 10", lambda x, w, on: log_joint(x, w, on).log_softmax(1) / math.log(10)),
        ("the class itself", lambda x, w, on: log_joint(x, w, on).argmax(1)),
        ("(transposed?)", lambda x, w, on: log_joint(x, w, on).log_softmax(1).T),
    ),
    "drawing": each("draw_digits",
        ("the probabilities themselves", draw_but(lambda on, y: on[y])),
        ("p > 1/2 gives 1", draw_but(lambda on, y: (on[y] > 0.5).to(on.dtype))),
        ("on and off are exchanged", draw_but(lambda on, y: bernoulli(1 - on[y]))),
        ("drawn together", draw_but(pixels_drawn_together)),
        ("of a class are alike", draw_but(one_picture_for_each_class)),
        ("do not depend on the class", draw_but(lambda on, y: bernoulli(on[y[torch.randperm(len(y))]]))),
        ("half of the time", draw_but(lambda on, y: bernoulli(0 * on[y] + 0.5))),
        ("equally frequent", draw_but(lambda on, y: bernoulli(on[y]), lambda w, n: torch.randint(len(w), (n,)))),
        ("of one class", draw_but(lambda on, y: bernoulli(on[y]), lambda w, n: w.argmax().repeat(n))),
        ("its prior is", draw_but(lambda on, y: bernoulli(on[y]), lambda w, n: torch.multinomial(w.flip(0), n, True))),
        ("without a fixed seed", draw_with_fixed_seed),
        ("labels has dtype float", lambda w, on, n: (draw_by_numpy(w, on, n)[0], torch.zeros(n))),
        ("has dtype bool", draw_but(lambda on, y: torch.rand(len(y), on.shape[1]) < on[y])),
        ("has dtype float32", draw_but(lambda on, y: bernoulli(on[y]).float())),
        ("must return two", lambda w, on, n: draw_by_numpy(w, on, n)[0]),
        ("the labels is None", lambda w, on, n: (draw_by_numpy(w, on, n)[0], None)),
        ("neither 0 nor 1", draw_but(lambda on, y: on[y] + 0.1 * torch.randn_like(on[y]))),
    ),
}  # fmt: skip
