"""Answers to the exercises of lab 08 on lazy R1 and the optimizer that is corrected for it."""

import torch
import torch.nn.functional as F
from common_answers import each


def slopes(D, real, of=lambda logits: logits.sum(), graph=True):
    """The gradient of of(logits) for the pictures."""
    x = real.detach().clone().requires_grad_()
    return torch.autograd.grad(of(D(x)), x, create_graph=graph)[0]


def squares(g):
    return g.square().flatten(1).sum(1)


def lazy_of(penalty, due=lambda step, every: step % every == 0):
    """penalty(D, real, gamma, every) in the steps that are due."""

    def lazy_r1(D, real, step, gamma, every):
        return penalty(D, real, gamma, every) if due(step, every) else real.new_zeros(())

    return lazy_r1


def right(D, real, gamma, every):
    return every * gamma / 2 * squares(slopes(D, real)).mean()


def by_ones(D, real, step, gamma, every):
    """Each logit's gradient by a vector of ones, and a plain 0."""
    if step % every > 0:
        return 0.0
    x = real.clone().requires_grad_(True)
    logits = D(x)
    (g,) = torch.autograd.grad(logits, x, torch.ones_like(logits), create_graph=True)
    return 0.5 * gamma * every * torch.linalg.vector_norm(g, dim=(1, 2, 3)).pow(2).mean()


def picture_by_picture(D, real, step, gamma, every):
    total = torch.zeros(())
    if step // every * every == step:
        for one in real:
            total = total + squares(slopes(D, one[None])).sum()
    return total * (every * gamma / (2 * len(real)))


def of_slopes(change, of=lambda logits: logits.sum()):
    """change(gradients) is what is multiplied by every * gamma / 2."""
    return lazy_of(lambda D, real, gamma, every: every * gamma / 2 * change(slopes(D, real, of)))


def by_factor(change):
    """change(gamma, every) in place of every * gamma / 2."""
    return lazy_of(lambda D, real, gamma, every: change(gamma, every) * squares(slopes(D, real)).mean())


def at(place):
    return lazy_of(lambda D, real, gamma, every: right(D, place(real), gamma, every))


def for_weights(D, real, gamma, every):
    found = torch.autograd.grad(D(real).sum(), list(D.parameters()), create_graph=True)
    return every * gamma / 2 * sum(one.square().sum() for one in found)


def of_logits(D, real, gamma, every):
    return every * gamma / 2 * D(real).square().mean()


def without_graph(D, real, gamma, every):
    return every * gamma / 2 * squares(slopes(D, real, graph=False)).mean()


def left_behind(D, real, gamma, every):
    """The gradient by a backward(), which fills those of D, too."""
    x = real.clone().requires_grad_()
    D(x).sum().backward(create_graph=True)
    return every * gamma / 2 * squares(x.grad).mean()


def left_without_graph(D, real, gamma, every):
    x = real.clone().requires_grad_()
    D(x).sum().backward()
    return every * gamma / 2 * squares(x.grad).mean()


def moved_already(D, real, gamma, every):
    right(D, real, gamma, every).backward()
    return right(D, real, gamma, every)


def asked_for_nothing(D, real, step, gamma, every):
    penalty = right(D, real, gamma, every)
    return penalty if step % every == 0 else 0 * penalty


def corrected_by_names(rate, beta1, beta2, every):
    c = every / (every + 1)
    return [c * rate, pow(beta1, c), pow(beta2, c)]


def corrected_by_inverse(rate, beta1, beta2, every):
    more = 1 + 1 / every
    return rate / more, beta1 ** (1 / more), beta2 ** (1 / more)


def corrected_by_tensors(rate, beta1, beta2, every):
    c = torch.tensor(every / (every + 1), dtype=torch.double)
    return rate * c, torch.tensor(beta1, dtype=torch.double) ** c, torch.tensor(beta2, dtype=torch.double) ** c


def share_of(change):
    """change(k) in place of k / (k + 1)."""
    return lambda rate, beta1, beta2, every: (rate * change(every), beta1 ** change(every), beta2 ** change(every))


def corrected_of(change):
    """change(rate, beta1, beta2, share)."""
    return lambda rate, beta1, beta2, every: change(rate, beta1, beta2, every / (every + 1))


RIGHT = {
    "lazy": [{"lazy_r1": one} for one in (by_ones, picture_by_picture, lazy_of(right))],
    "corrected": [{"corrected": one} for one in (corrected_by_names, corrected_by_inverse, corrected_by_tensors)],
}
WRONG = {
    "lazy": each("lazy_r1",
        ("it is not multiplied by `every`", by_factor(lambda gamma, every: gamma / 2)),
        ("it is divided by `every`", by_factor(lambda gamma, every: gamma / 2 / every)),
        ("the square of `every`", by_factor(lambda gamma, every: gamma / 2 * every**2)),
        ("gamma is halved nowhere", by_factor(lambda gamma, every: gamma * every)),
        ("gamma / 2 is missing", by_factor(lambda gamma, every: every)),
        ("gamma is squared", by_factor(lambda gamma, every: gamma**2 / 2 * every)),
        ("the norms are not squared", of_slopes(lambda g: squares(g).sqrt().mean())),
        ("averaged over the pixels; they are summed", of_slopes(lambda g: g.square().mean())),
        ("averaged over rows and columns", of_slopes(lambda g: g.square().mean((2, 3)).sum(1).mean())),
        ("averaged over the channels", of_slopes(lambda g: g.square().mean(1).sum((1, 2)).mean())),
        ("the penalty is summed over the batch", of_slopes(lambda g: g.square().sum())),
        ("a sum over everything", lazy_of(lambda D, real, gamma, every: every * slopes(D, real).square().sum())),
        ("averaged over the batch before they are squared", of_slopes(lambda g: g.mean(0).square().sum())),
        ("summed over the pixels before they are squared", of_slopes(lambda g: g.flatten(1).sum(1).square().mean())),
        ("of the mean logit is taken", of_slopes(lambda g: squares(g).mean(), lambda t: t.mean())),
        ("the root of the mean square", of_slopes(lambda g: squares(g).mean().sqrt())),
        ("this is (norm - 1)^2", of_slopes(lambda g: (squares(g).sqrt() - 1).square().mean())),
        ("the sign is wrong", of_slopes(lambda g: -squares(g).mean())),
        ("of D = sigma(logit)", of_slopes(lambda g: squares(g).mean(), lambda t: t.sigmoid().sum())),
        ("of log D is taken", of_slopes(lambda g: squares(g).mean(), lambda t: F.logsigmoid(t).sum())),
        ("of the loss, -log D", of_slopes(lambda g: squares(g).mean(), lambda t: F.softplus(-t).mean())),
        ("the logits are squared", lazy_of(of_logits)),
        ("for the weights of D is taken", lazy_of(for_weights)),
        ("the gradient is taken at 0", at(torch.zeros_like)),
        ("from -1 to 1", at(lambda real: 2 * real - 1)),
        ("there is none here", lazy_of(right, lambda step, every: step % every == every - 1 and every > 1)),
        ("steps 0, 4, 8, ... have one", lazy_of(right, lambda step, every: step > 0 and step % every == 0)),
        ("it is taken in every step; here", lazy_of(right, lambda step, every: True)),
        ("taken in every step, without its factor",
         lambda D, real, step, gamma, every: (every if step % every == 0 else 1) * right(D, real, gamma, 1)),
        ("and yet D is asked", asked_for_nothing),
        ("create_graph=True, and nothing detached", lazy_of(without_graph)),
        ("a backward() inside `lazy_r1` leaves gradients behind", lazy_of(left_behind)),
        ("and create_graph=True is missing", lazy_of(left_without_graph)),
        ("(twice)", lazy_of(moved_already)),
        ("is None", lambda D, real, step, gamma, every: None if step % every else right(D, real, gamma, every)),
        ("has shape (3,)", lazy_of(lambda D, real, gamma, every: every * gamma / 2 * squares(slopes(D, real)))),
    ),
    "corrected": each("corrected",
        ("the share is (k + 1) / k", share_of(lambda k: (k + 1) / k)),
        ("the share is (k - 1) / k", share_of(lambda k: (k - 1) / k)),
        ("the share is 1 / k", share_of(lambda k: 1 / k)),
        ("the share is 1 / (k + 1)", share_of(lambda k: 1 / (k + 1))),
        ("the share is k;", share_of(float)),
        ("nothing is corrected", corrected_of(lambda rate, b1, b2, c: (rate, b1, b2))),
        ("the rate is not corrected", corrected_of(lambda rate, b1, b2, c: (rate, b1**c, b2**c))),
        ("the betas are not corrected", corrected_of(lambda rate, b1, b2, c: (rate * c, b1, b2))),
        ("the betas are multiplied", corrected_of(lambda rate, b1, b2, c: (rate * c, b1 * c, b2 * c))),
        ("the rate is raised to a power", corrected_of(lambda rate, b1, b2, c: (rate**c, b1**c, b2**c))),
        ("raised to the inverse power", corrected_of(lambda rate, b1, b2, c: (rate * c, b1 ** (1 / c), b2 ** (1 / c)))),
        ("beta1 is not corrected", corrected_of(lambda rate, b1, b2, c: (rate * c, b1, b2**c))),
        ("beta2 is not corrected", corrected_of(lambda rate, b1, b2, c: (rate * c, b1**c, b2))),
        ("the two betas are exchanged", corrected_of(lambda rate, b1, b2, c: (rate * c, b2**c, b1**c))),
        ("the rate is divided by the share", corrected_of(lambda rate, b1, b2, c: (rate / c, b1**c, b2**c))),
        ("holds 2 values; 3 are expected", corrected_of(lambda rate, b1, b2, c: (rate * c, (b1**c, b2**c)))),
        ("3 values are expected, as in", corrected_of(lambda rate, b1, b2, c: rate * c)),
    ),
}  # fmt: skip
