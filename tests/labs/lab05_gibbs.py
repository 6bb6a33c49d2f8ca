"""Answers to the exercise of lab 05 on the probabilities of the hidden units and a step of Gibbs sampling."""

import torch
from common_answers import each


def sigma(t):
    return 1 / (1 + torch.exp(-t))


def probabilities_by_linear(x, W, b):
    return sigma(torch.nn.functional.linear(x, W.T, b))


def probabilities_by_two(x, W, b):
    """A softmax over the two states of each unit."""
    t = x @ W + b
    return torch.stack([t, torch.zeros_like(t)], -1).softmax(-1)[..., 0]


def step_by_comparing(x, W, a, b):
    p = (x @ W + b).sigmoid()
    h = (torch.rand(p.shape) < p).float()
    q = (h @ W.T + a).sigmoid()
    return (torch.rand(q.shape) < q).to(x.dtype)


def step_by_distributions(x, W, a, b):
    h = torch.distributions.Bernoulli(logits=x @ W + b).sample()
    return torch.distributions.Bernoulli(logits=h @ W.T + a).sample()


def step_by_gumbel(x, W, a, b):
    """With logistic noise on what a unit receives."""
    def draw(t):
        u = torch.rand_like(t).clamp(1e-7, 1 - 1e-7)
        return (t + u.log() - (1 - u).log() > 0).float()

    return draw(draw(x @ W + b) @ W.T + a)


def hidden_of(change):
    """change(x W, b)."""
    return lambda x, W, b: change(x @ W, b)


def step_of(of_h=torch.bernoulli, of_x=torch.bernoulli, a_share=1, b_share=1, finish=lambda x, h: x):
    def gibbs_step(x, W, a, b):
        h = of_h((x @ W + b_share * b).sigmoid())
        return finish(of_x((h @ W.T + a_share * a).sigmoid()), h)

    return gibbs_step


def likely(p):
    return (p > 0.5).float()


def shared(p):
    """One random number for each unit, the same for all rows."""
    return (torch.rand(p.shape[1]) < p).float()


def of_a_fixed_seed(x, W, a, b):
    torch.manual_seed(0)
    return step_by_comparing(x, W, a, b)


def twice(x, W, a, b):
    return step_by_comparing(step_by_comparing(x, W, a, b), W, a, b)


RIGHT = {
    "gibbs": [
        *({"hidden_probabilities": one} for one in (probabilities_by_linear, probabilities_by_two)),
        *({"gibbs_step": one} for one in (step_by_comparing, step_by_distributions, step_by_gumbel)),
    ],
}
WRONG = {
    "gibbs": [
        *each("hidden_probabilities",
            ("the hidden biases b are missing", hidden_of(lambda t, b: t.sigmoid())),
            ("b is added outside of sigma", hidden_of(lambda t, b: t.sigmoid() + b)),
            ("sigma is missing", hidden_of(lambda t, b: t + b)),
            ("the probability of 0", hidden_of(lambda t, b: (-t - b).sigmoid())),
            ("b is subtracted", hidden_of(lambda t, b: (t - b).sigmoid())),
            ("sigma is applied twice", hidden_of(lambda t, b: (t + b).sigmoid().sigmoid())),
            ("they are independent", hidden_of(lambda t, b: (t + b).softmax(1))),
            ("tanh stands", hidden_of(lambda t, b: (t + b).tanh())),
            ("returns states", hidden_of(lambda t, b: torch.bernoulli((t + b).sigmoid()))),
            ("RuntimeError", lambda x, W, b: (x @ W.T + b).sigmoid()),
        ),
        *each("gibbs_step",
            ("the probabilities of h are passed on", step_of(of_h=lambda p: p)),
            ("other numbers than 0 and 1", step_of(of_x=lambda p: p)),
            ("other numbers than 0 and 1", step_of(of_h=lambda p: p, of_x=lambda p: p)),
            ("the visible biases a are missing", step_of(a_share=0)),
            ("the hidden biases b are missing", step_of(b_share=0)),
            ("all biases are missing", step_of(a_share=0, b_share=0)),
            ("this is two steps", twice),
            ("h is set to its most likely state", step_of(of_h=likely)),
            ("x is set to its most likely state", step_of(of_x=likely)),
            ("two calls of `gibbs_step` draw the same", step_of(likely, likely)),
            ("two calls of `gibbs_step` draw the same", of_a_fixed_seed),
            ("h is drawn without looking at x", step_of(of_h=lambda p: torch.rand(p.shape).round())),
            ("returns h", step_of(finish=lambda x, h: h)),
            ("as it was", lambda x, W, a, b: x.clone()),
            ("draw for each row on its own", step_of(shared, shared)),
            ("dtype bool", step_of(finish=lambda x, h: x > 0)),
            ("is expected", step_of(finish=lambda x, h: (x, h))),
        ),
    ],
}  # fmt: skip
