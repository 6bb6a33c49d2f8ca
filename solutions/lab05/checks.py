"""The checks of lab 05: what `check("cd")` and its kin try, and what they say of a mistake.

Each exercise is judged by one function below, which the check in the lab calls with one set of inputs
and the grading with others.
"""

import itertools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from lecturelib.grading.diagnosis import judge_diagnosis
from lecturelib.grading.exercises import exercise
from lecturelib.grading.mistakes import Mistake, close, compare, require, require_finite, require_form
from lecturelib.grading.outcomes import outcome

SIGMAS = 6.0  # standard errors that a mean of random numbers may lie off
Parameters = tuple[Tensor, Tensor, Tensor]  # W (visible, hidden), a (visible,), b (hidden,)
NAMES = ("W", "a", "b")


def _normal(*shape: int, rng: torch.Generator) -> Tensor:
    return torch.randn(*shape, generator=rng)


def _coins(*shape: int, rng: torch.Generator) -> Tensor:
    return torch.rand(*shape, generator=rng).round()


def _rbm(visible: int, hidden: int, scale: float, rng: torch.Generator) -> Parameters:
    return scale * _normal(visible, hidden, rng=rng), _normal(visible, rng=rng), _normal(hidden, rng=rng)


def _states(units: int) -> Tensor:
    """All states of so many units, (2^units, units); the first unit is the highest digit."""
    return (torch.arange(2**units)[:, None] >> torch.arange(units - 1, -1, -1) & 1).float()


def _number(x: Tensor) -> Tensor:
    """The number of each state in `_states`: (n, units) -> (n,)."""
    return (x @ (2.0 ** torch.arange(x.shape[1] - 1, -1, -1))).long()


def _values(answer, like: tuple[Tensor, ...], names: tuple[str, ...], what: str) -> tuple[Tensor, ...]:
    """The tensors of an answer, whose forms are right."""
    require(answer is not None, f"{what} is None: is the `return` missing?")
    listed = isinstance(answer, tuple | list) and len(answer) == len(like)
    require(listed, f"{what} must be {len(like)} tensors: {', '.join(names)}")
    for value, right, name in zip(answer, like, names, strict=True):
        require_form(value, right, name)
    return tuple(answer)


def _flat(values) -> Tensor:
    return torch.cat([value.flatten() for value in values])


# 1. Energy and free energy


def _judge_energy(call, n: int, visible: int, hidden: int, rng: torch.Generator) -> None:
    W, a, b = _rbm(visible, hidden, 1.0, rng)
    x, h = _coins(n, visible, rng=rng), _coins(n, hidden, rng=rng)
    seen, unseen, pairs = x @ a, h @ b, ((x @ W) * h).sum(1)
    right = -seen - unseen - pairs
    wrong = {
        "the sign is wrong: likely pairs have a low energy": -right,
        "the visible biases a are missing": -unseen - pairs,
        "the hidden biases b are missing": -seen - pairs,
        "both biases are missing": -pairs,
        "the term with W is missing": -seen - unseen,
        "the term with W has the wrong sign": -seen - unseen + pairs,
        "the terms with the biases have the wrong sign": seen + unseen - pairs,
        "the term with a has the wrong sign": seen - unseen - pairs,
        "the term with b has the wrong sign": -seen + unseen - pairs,
        "the term with W has a factor 1/2, as in a Hopfield network; here each pair is counted once":
            -seen - unseen - pairs / 2,
        "this is exp(-E); the energy is asked for": (-right).exp(),
        "each x is paired with each h; each row of x belongs to the same row of h":
            -seen[:, None] - unseen - x @ W @ h.T,
        "all rows are summed; each has an energy of its own, (n,)": right.sum(),
        "averaged over the rows; each has an energy of its own, (n,)": right.mean(),
        "the term with W is summed over all rows": -seen - unseen - pairs.sum(),
    }  # fmt: skip
    compare(call("energy", x, h, W, a, b), right, wrong, what="the energy")


@exercise("energy", points=1, hint="Three terms for each row, each with a minus.")
def energy(call, rng):
    _judge_energy(call, 6, 5, 3, rng)


@exercise("energy", points=1, hidden=True)
def energy_elsewhere(call, rng):
    _judge_energy(call, 9, 4, 7, rng)
    _judge_energy(call, 1, 12, 2, rng)


def _free_energy(x: Tensor, W: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return -(x @ a) - F.softplus(x @ W + b).sum(1)


def _judge_free_energy(call, n: int, visible: int, hidden: int, rng: torch.Generator) -> None:
    W, a, b = _rbm(visible, hidden, 1.0, rng)
    x = _coins(n, visible, rng=rng)
    x[0] = 1
    t, seen = x @ W + b, x @ a
    p, plus = t.sigmoid(), F.softplus(t)
    right = -seen - plus.sum(1)
    wrong = {
        "the sign is wrong: likely x have a low free energy": -right,
        "the visible biases a are missing": -plus.sum(1),
        "the hidden biases b are missing": -seen - F.softplus(x @ W).sum(1),
        "b is added outside of the logarithm; it belongs to t": -seen - F.softplus(x @ W).sum(1) - b.sum(),
        "a.x has the wrong sign": seen - plus.sum(1),
        "the sum over the hidden units has the wrong sign": -seen + plus.sum(1),
        "t has the wrong sign": -seen - F.softplus(-t).sum(1),
        "t is summed over the units before log(1 + exp t); sum after it": -seen - F.softplus(t.sum(1)),
        "the logarithm is missing": -seen - t.exp().sum(1) - hidden,
        "the logarithm is missing: this is the sum of exp t": -seen - t.exp().sum(1),
        "the logarithm of the sum over the units is taken; sum the logarithms": -seen - (1 + t.exp()).sum(1).log(),
        "the 1 is missing: log exp t is t": -seen - t.sum(1),
        "sigma(t) stands where log(1 + exp t) belongs": -seen - p.sum(1),
        "this is the energy of the most likely h: max(t, 0) stands where log(1 + exp t) belongs":
            -seen - t.relu().sum(1),
        "this is the energy at the probabilities of h; log(1 + exp t) is asked for": -seen - (p * t).sum(1),
        "averaged over the hidden units; sum over them": -seen - plus.mean(1),
        "this is exp(-F); F is asked for": (-right).exp(),
        "all rows are summed; each has a free energy of its own, (n,)": right.sum(),
        "averaged over the rows; each has a free energy of its own, (n,)": right.mean(),
    }  # fmt: skip
    compare(call("free_energy", x, W, a, b), right, wrong, what="the free energy")
    large = 300 * W.sign()
    value = call("free_energy", x, large, a, b)
    require_finite(value, "the free energy, for large weights,", "exp t is too large for float32; use F.softplus")
    compare(value, _free_energy(x, large, a, b), what="the free energy, for large weights,")


@exercise("free_energy", points=1, hint="-a.x, and minus log(1 + exp t) of each hidden unit.")
def free_energy(call, rng):
    _judge_free_energy(call, 6, 5, 3, rng)


@exercise("free_energy", points=2, hidden=True)
def free_energy_elsewhere(call, rng):
    _judge_free_energy(call, 8, 4, 6, rng)
    _judge_free_energy(call, 2, 20, 10, rng)


# 2. A step of Gibbs sampling


def _on(p: Tensor, units: int) -> Tensor:
    """The probability of each state of independent units: (n, units) -> (n, 2^units)."""
    s = _states(units)
    return (p[:, None] * s + (1 - p[:, None]) * (1 - s)).prod(2)


def _transition(W: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """p(x' | x) of a step of Gibbs sampling, (2^visible, 2^visible)."""
    visible, hidden = W.shape
    to_h = _on((_states(visible) @ W + b).sigmoid(), hidden)
    return to_h @ _on((_states(hidden) @ W.T + a).sigmoid(), visible)


def _mean_field_transition(W: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """The same where the probabilities of h are passed on."""
    visible = len(a)
    p = (_states(visible) @ W + b).sigmoid()
    return _on((p @ W.T + a).sigmoid(), visible)


def _slack(p: Tensor, n: int) -> Tensor:
    """How far a share of n draws may lie off p."""
    return SIGMAS * (p * (1 - p) / n).sqrt() + 4 / n


def _fits(shares: Tensor, p: Tensor, n: int) -> bool:
    return bool(((shares - p).abs() <= _slack(p, n)).all())


def _shares(x: Tensor, groups: int, units: int) -> Tensor:
    """The share of each state among the rows of each group, which follow each other: (groups, 2^units)."""
    numbers = _number(x).view(groups, -1)
    return torch.stack([torch.bincount(g, minlength=2**units) for g in numbers]) / numbers.shape[1]


def _apart(p: Tensor, others, n: int) -> bool:
    return all(bool(((p - q).abs() > 1.25 * (_slack(p, n) + _slack(q, n))).any()) for q in others)


def _judge_hidden(call, n: int, visible: int, hidden: int, rng: torch.Generator) -> None:
    W, _, b = _rbm(visible, hidden, 1.0, rng)
    x = _coins(n, visible, rng=rng)
    x[0] = 1
    t = x @ W + b
    p = t.sigmoid()
    value = call("hidden_probabilities", x, W, b)
    states = isinstance(value, Tensor) and value.shape == p.shape and bool(((value == 0) | (value == 1)).all())
    require(not states, "`hidden_probabilities` returns states; return the probabilities, without a draw")
    wrong = {
        "the hidden biases b are missing": (x @ W).sigmoid(),
        "b is added outside of sigma": (x @ W).sigmoid() + b,
        "sigma is missing": t,
        "t has the wrong sign: this is the probability of 0": 1 - p,
        "b is subtracted; add it": (x @ W - b).sigmoid(),
        "sigma is applied twice": p.sigmoid(),
        "a softmax over the units is taken; they are independent: use sigma": t.softmax(1),
        "tanh stands where sigma belongs": t.tanh(),
    }
    compare(value, p, wrong, what="p(h = 1 | x)")


def _judge_step(call, visible: int, hidden: int, rng: torch.Generator, rows: int = 12_000) -> None:
    """Few different x, each many times: how often does each state follow?"""
    chosen, names = None, {}
    while chosen is None:
        W, a, b = _rbm(visible, hidden, 2.5, rng)
        right = _transition(W, a, b)
        names = {
            "the probabilities of h are passed on; draw states of h": _mean_field_transition(W, a, b),
            "the visible biases a are missing": _transition(W, 0 * a, b),
            "the hidden biases b are missing": _transition(W, a, 0 * b),
            "all biases are missing": _transition(W, 0 * a, 0 * b),
            "this is two steps; one is asked for": right @ right,
            "h is set to its most likely state; draw it": _on(
                (((_states(visible) @ W + b) > 0).float() @ W.T + a).sigmoid(), visible),
            "h is drawn without looking at x": _on(
                0.5 * torch.ones(1, hidden), hidden) @ _on((_states(hidden) @ W.T + a).sigmoid(), visible)
            + 0 * right,
        }  # fmt: skip
        picked = torch.randperm(2**visible, generator=rng)[:4]
        if _apart(right[picked], [q[picked] for q in names.values()], rows):
            chosen = picked
    x = _states(visible)[chosen].repeat_interleave(rows, 0)
    value = call("gibbs_step", x, W, a, b)
    if isinstance(value, Tensor) and value.shape == (len(x), hidden) and hidden != visible:
        raise Mistake("`gibbs_step` returns h; return the states of x that are drawn given h")
    require_form(value, x, "the x after a step")
    states = bool(((value == 0) | (value == 1)).all())
    require(states, "`gibbs_step` returns other numbers than 0 and 1: draw states of x from their probabilities")
    require(not torch.equal(value, x), "`gibbs_step` returns x as it was")
    again = torch.equal(value, call("gibbs_step", x, W, a, b))
    require(not again, "two calls of `gibbs_step` draw the same states: no draw, or one from a fixed seed")
    shares = _shares(value, 4, visible)
    same = bool(((shares == 0) | (shares == 1)).all())
    require(not same, "rows with the same x all go to the same state: draw for each row on its own")
    sharp = _on((_states(hidden) @ W.T + a).sigmoid().round(), visible)
    names["x is set to its most likely state; draw it"] = _on((_states(visible) @ W + b).sigmoid(), hidden) @ sharp
    if not _fits(shares, right[chosen], rows):
        for words, table in names.items():
            require(not _fits(shares, table[chosen], rows), f"the step of Gibbs sampling is wrong: {words}")
        worst = (shares - right[chosen]).abs().flatten().argmax()
        found, wanted = shares.flatten()[worst], right[chosen].flatten()[worst]
        raise Mistake(f"a state follows with the probability {found:.2f}, which should be {wanted:.2f}")


@exercise("gibbs", points=2, hint="States of h from p(h|x), then states of x from sigma(W h + a).")
def gibbs(call, rng):
    _judge_hidden(call, 6, 5, 3, rng)
    _judge_step(call, 3, 2, rng)


@exercise("gibbs", points=2, hidden=True)
def gibbs_elsewhere(call, rng):
    _judge_hidden(call, 4, 3, 8, rng)
    _judge_step(call, 4, 3, rng)
    _judge_step(call, 3, 4, rng)


# 3. Contrastive divergence


def _statistics(x: Tensor, W: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    p = (x @ W + b).sigmoid()
    return x.T @ p / len(x), x.mean(0), p.mean(0)


def _minus(first, second) -> tuple[Tensor, ...]:
    return tuple(f - s for f, s in zip(first, second, strict=True))


def _all(condition: Tensor) -> bool:
    return bool(condition.all())


def _binary(x: Tensor, slack: float = 1e-4) -> bool:
    return _all((x - x.round()).abs() < slack) and _all((x.round() == 0) | (x.round() == 1))


GRADIENTS = tuple(f"the gradient for {name}" for name in NAMES)


def _judge_single(call, visible: int, hidden: int, rng: torch.Generator, calls: int = 12) -> None:
    """With one example the gradient for a tells where the chain has ended, and all else follows."""
    W, a, b = parameters = _rbm(visible, hidden, 0.7, rng)
    a = 0.3 * a
    found = []
    for _ in range(calls):
        x = _coins(1, visible, rng=rng)
        answer = call("cd_gradients", x, W, a, b, 1)
        found.append((x, _values(answer, parameters, GRADIENTS, "what `cd_gradients` returns")))
    _judge_ends(found)
    p_of = [((x @ W + b).sigmoid(), ((x - g[1]) @ W + b).sigmoid()) for x, g in found]
    _judge_biases([(g[2], *p) for (_, g), p in zip(found, p_of, strict=True)])
    for (x, g), (p, p_end) in zip(found, p_of, strict=True):
        end = x - g[1]
        wrong = {
            "x of the data is paired with h of the chain's end too": x.T @ p - x.T @ p_end,
            "x of the chain's end is paired with h of the data": x.T @ p - end.T @ p,
            "it is the product of the differences; take the difference of the products": (x - end).T @ (p - p_end),
            "the statistics of the chain are missing": x.T @ p,
            "the sign is wrong: the data's statistics come first, minus those of the chain": end.T @ p_end - x.T @ p,
            "states of h stand in the statistics": x.T @ p.round() - end.T @ p_end.round(),
        }
        compare(g[0], x.T @ p - end.T @ p_end, wrong, what=GRADIENTS[0])


def _judge_ends(found: list) -> None:
    """Where the chains ended, as the gradients for a say."""
    x, for_a = torch.cat([x for x, _ in found]), torch.stack([g[1] for _, g in found])
    if not _binary(x - for_a):
        words = "are the statistics of the chain subtracted from those of the data? The gradients should point up"
        require(not _binary(x + for_a), f"the sign of the gradients is wrong: {words}")
        require(not _binary(-for_a), "the gradient for a holds the chain alone: the statistics of the data are missing")
        inside = _all((x - for_a > -1e-4) & (x - for_a < 1 + 1e-4))
        require(not inside, "the gradient for a is wrong: the chain ends in probabilities of x; draw states")
        raise Mistake("the gradient for a is not x minus a state: it is the mean of x over the data minus the chain")
    require(bool((x - for_a).any()), "the gradient for a is x itself: the statistics of the chain are missing")
    moved = bool(for_a.any())
    require(moved, "the chain has made no step for k = 1: it ends at the data, and the gradient is 0")


def _judge_biases(triples: list) -> None:
    """The gradient for b of each call, p(h|x) of the data, and p(h|x) of the chain's end."""
    g, p, p_end = (torch.cat([t.view(1, -1) for t in part]) for part in zip(*triples, strict=True))
    right = p - p_end
    if close(g, right, 1e-4):
        return
    first, last = "the data", "the chain"
    words = "states of h stand in the statistics of {}; probabilities are asked for"
    require(not _binary(g + p_end), words.format(first))
    require(not _binary(p - g), words.format(last))
    integers = _all((g - g.round()).abs() < 1e-4) and bool(g.any())
    require(not integers, words.format(f"{first} and of {last}"))
    wrong = {
        "the statistics of the chain are missing": p,
        "it is 0: p(h|x) of the data stands in the statistics of the chain; take that of the chain's end": 0 * p,
        "the sign is wrong": -right,
    }
    compare(g, right, wrong, what=GRADIENTS[2])


def _expected(start: Tensor, table: Tensor, k: int, W: Tensor, b: Tensor) -> tuple[Tensor, ...]:
    """The statistics of the chain, averaged over where k steps may lead from a distribution over states."""
    weight = start
    for _ in range(k):
        weight = weight @ table
    x = _states(len(W))
    p = (x @ W + b).sigmoid()
    return x.T @ (weight[:, None] * p), weight @ x, weight @ p


def _judge_batch(call, visible: int, hidden: int, k: int, rng: torch.Generator, rows: int = 20_000) -> None:
    """A large batch of few different x: the gradients are nearly those of the expected chain."""
    slack = 1.2 * SIGMAS * 0.5 / rows**0.5
    flat = torch.full((2**visible,), 1 / 2**visible)
    while True:
        W, a, b = parameters = _rbm(visible, hidden, 2.5, rng)
        picked = torch.randperm(2**visible, generator=rng)[:2]
        start = torch.zeros(2**visible).index_fill(0, picked, 0.5)
        x = _states(visible)[picked].repeat(rows // 2, 1)
        table, mean_field, data = _transition(W, a, b), _mean_field_transition(W, a, b), _statistics(x, W, b)

        def after(steps, begin=start, table=table, data=data, W=W, b=b):
            return _flat(_minus(data, _expected(begin, table, steps, W, b)))

        right = after(k)
        wrong = {
            "the chain makes one step too many": after(k + 1),
            "the chain makes one step too few": after(k - 1),
            "the probabilities of h are passed on in the chain; draw states": after(k, table=mean_field),
            "the chain starts at noise; it starts at the data": after(k, begin=flat),
        }
        if k > 2:
            wrong["the chain makes one step, whatever k is"] = after(1)
        if all((right - w).abs().max() > 3 * slack for w in wrong.values()):
            break
    wrong |= {
        "the sums over the batch are not divided by the number of examples": rows * right,
        "the sum for W is not divided by the number of examples":
            torch.cat([rows * right[: W.numel()], right[W.numel() :]]),
        "the sign is wrong: the data's statistics come first, minus those of the chain": -right,
    }  # fmt: skip
    answer = call("cd_gradients", x, W, a, b, k)
    value = _flat(_values(answer, parameters, GRADIENTS, "what `cd_gradients` returns"))
    if _gap(value, right) > slack:
        for words, one in wrong.items():
            wide = slack * max(1.0, float(one.abs().max() / right.abs().max()))
            require(_gap(value, one) > wide, f"the gradients are wrong for k = {k}: {words}")
        worst = int((value - right).abs().argmax())
        where = NAMES[(worst >= W.numel()) + (worst >= W.numel() + visible)]
        raise Mistake(f"the gradient for {where} is off for k = {k}: an entry is {value[worst]:.2f} and should be "
                      f"near {right[worst]:.2f}")  # fmt: skip


def _gap(value: Tensor, other: Tensor) -> float:
    return float((value - other).abs().max())


@exercise("cd", points=2, hint="Data minus chain, probabilities of h in both, divided by the batch.")
def cd(call, rng):
    _judge_single(call, 6, 3, rng)
    _judge_batch(call, 4, 3, 3, rng)


@exercise("cd", points=3, hidden=True)
def cd_elsewhere(call, rng):
    _judge_single(call, 5, 7, rng)
    _judge_batch(call, 3, 2, 2, rng)
    _judge_batch(call, 4, 4, 1, rng)


# 4. A step with momentum


def _judge_update(
    call, visible: int, hidden: int, rate: float, momentum: float, decay: float, rng: torch.Generator
) -> None:
    theta, v, g = (_rbm(visible, hidden, 1.0, rng) for _ in range(3))
    decays = (decay, 0.0, 0.0)

    def each(change) -> Tensor:
        """change(theta, v, g, decay) -> (new parameter, new velocity) of W, a and b."""
        pairs = [change(*one) for one in zip(theta, v, g, decays, strict=True)]
        return _flat([*(p[0] for p in pairs), *(p[1] for p in pairs)])

    def by(new_v, new_theta=lambda t, w, v: t + w):
        def change(t, v, g, d):
            w = new_v(t, v, g, d)
            return new_theta(t, w, v), w

        return each(change)

    def usual(t, v, g, d):
        return momentum * v + rate * (g - d * t)

    wrong = {
        "the biases decay too; the decay is for W alone": by(lambda t, v, g, d: usual(t, v, g, decay)),
        "the biases decay and W does not; the decay is for W alone": by(lambda t, v, g, d: usual(t, v, g, decay - d)),
        "the decay is missing": by(lambda t, v, g, d: usual(t, v, g, 0.0)),
        "the decay has the wrong sign: it pulls W to 0": by(lambda t, v, g, d: usual(t, v, g, -d)),
        "the decay is not multiplied by the rate": by(lambda t, v, g, d: momentum * v + rate * g - d * t),
        "the decay does not go through the velocity":
            by(lambda t, v, g, d: usual(t, v, g, 0.0), lambda t, w, v: t + w - rate * decay * t * (t.ndim > 1)),
        "the decay pulls by the sign of W; it is the decay times W":
            by(lambda t, v, g, d: momentum * v + rate * (g - d * t.sign())),
        "the velocity is subtracted; the gradients point up": by(usual, lambda t, w, v: t - w),
        "the gradients point up: they are added to the velocity":
            by(lambda t, v, g, d: momentum * v - rate * (g - d * t)),
        "the gradients point up: they are added, and only the decay is subtracted":
            by(lambda t, v, g, d: momentum * v - rate * (g + d * t)),
        "the old velocity is not kept: momentum times v is missing": by(lambda t, v, g, d: rate * (g - d * t)),
        "the momentum is missing in front of v": by(lambda t, v, g, d: v + rate * (g - d * t)),
        "the rate belongs inside the velocity: it multiplies the gradient, not the velocity":
            by(lambda t, v, g, d: momentum * v + g - d * t, lambda t, w, v: t + rate * w),
        "the rate multiplies the old velocity too": by(lambda t, v, g, d: rate * (momentum * v + g - d * t)),
        "the rate is missing": by(lambda t, v, g, d: momentum * v + g - d * t),
        "the gradient is multiplied by 1 - momentum; here it is not":
            by(lambda t, v, g, d: momentum * v + (1 - momentum) * rate * (g - d * t)),
        "the momentum multiplies the parameter; it belongs to the velocity":
            by(lambda t, v, g, d: rate * (g - d * t), lambda t, w, v: momentum * t + w),
        "the old velocity is added to the parameters; add the new one": by(usual, lambda t, w, v: t + v),
        "the rate is applied twice": by(usual, lambda t, w, v: t + rate * w),
        "the step looks ahead, as Nesterov's": by(usual, lambda t, w, v: t + momentum * w + w - momentum * v),
        "the velocity is returned as it was": each(lambda t, v, g, d: (t + usual(t, v, g, d), v)),
        "the velocity and the parameters are exchanged in the answer; the parameters come first":
            each(lambda t, v, g, d: (usual(t, v, g, d), t + usual(t, v, g, d))),
    }  # fmt: skip
    answer = call("update", theta, v, g, rate, momentum, decay)
    require(answer is not None, "`update` returns None: is the `return` missing?")
    two = isinstance(answer, tuple | list) and len(answer) == 2
    require(two, "`update` must return two tuples: the new parameters, the new velocity")
    new = []
    for part, name in zip(answer, ("the new parameters", "the new velocity"), strict=True):
        new += _values(part, theta, tuple(f"{n} in {name}" for n in NAMES), name)
    found, right = _flat(new), by(usual)
    compare(found, right, wrong, tolerance=1e-5, what="the step")


@exercise("momentum", points=1, hint="First the new velocity, with the decay for W alone; then add it.")
def momentum(call, rng):
    _judge_update(call, 4, 3, 0.3, 0.6, 0.2, rng)


@exercise("momentum", points=2, hidden=True)
def momentum_elsewhere(call, rng):
    _judge_update(call, 5, 2, 0.05, 0.9, 0.5, rng)
    _judge_update(call, 3, 6, 0.7, 0.4, 0.1, rng)
    _judge_update(call, 2, 2, 1.5, 0.0, 0.0, rng)


# 5. Chains that are kept


def _rowwise(start: Tensor, table: Tensor, k: int) -> Tensor:
    for _ in range(k):
        start = start @ table
    return start


def _judge_pcd(call, visible: int, hidden: int, n: int, k: int, rng: torch.Generator, rows: int = 12_000) -> None:
    """Chains of which many start at the same state: where do they end, and do the gradients belong to their ends?"""
    units, groups = 2**visible, 3
    while True:
        W, a, b = _rbm(visible, hidden, 2.2, rng)
        table, order = _transition(W, a, b), torch.randperm(units, generator=rng)
        begin, elsewhere = torch.eye(units)[order[:groups]], order[groups:]
        right = _rowwise(begin, table, k)
        x = _states(visible)[elsewhere][torch.randint(len(elsewhere), (n,), generator=rng)]
        at_data = torch.bincount(_number(x), minlength=units) / n
        wrong = {
            "they make one step too many": _rowwise(begin, table, k + 1),
            "they start at the data: that is CD": _rowwise(at_data.expand(groups, -1), table, k),
            "they start at noise anew in each call; go on where they are": _rowwise(
                torch.full((groups, units), 1 / units), table, k),
            "the probabilities of h are passed on; draw states": _rowwise(begin, _mean_field_transition(W, a, b), k),
        }  # fmt: skip
        if k > 1:
            wrong["they make one step too few"] = _rowwise(begin, table, k - 1)
        if k > 2:
            wrong["they make one step, whatever k is"] = _rowwise(begin, table, 1)
        if _apart(right, wrong.values(), rows):
            break
    chains = _states(visible)[order[:groups]].repeat_interleave(rows, 0)
    answer = call("pcd_gradients", x, chains, W, a, b, k)
    require(answer is not None, "what `pcd_gradients` returns is None: is the `return` missing?")
    four = isinstance(answer, tuple | list) and len(answer) == 4
    require(four, "`pcd_gradients` must return 4 tensors: the gradients for W, a and b, and the new chains")
    if isinstance(answer[3], Tensor) and answer[3].shape == x.shape:
        raise Mistake("as many chains come back as there are data: do they start at the data? That is CD")
    *gradients, new = _values(answer, (W, a, b, chains), (*GRADIENTS, "the new chains"), "the answer")
    states = bool(((new == 0) | (new == 1)).all())
    require(states, "the new chains hold other numbers than 0 and 1: return their states")
    require(not torch.equal(new, chains), "the chains come back as they were: return their new states")
    shares = _shares(new, groups, visible)
    if not _fits(shares, right, rows):
        for words, one in wrong.items():
            require(not _fits(shares, one, rows), f"the new chains are wrong for k = {k}: {words}")
        same = bool(((shares == 0) | (shares == 1)).all())
        require(not same, "chains at the same state all go to the same state: draw for each on its own")
        raise Mistake(f"the new chains are not what {k} steps of Gibbs sampling lead to from the chains given")
    _judge_kept(gradients, x, chains, new, W, b)


def _judge_kept(gradients: list[Tensor], x: Tensor, chains: Tensor, new: Tensor, W: Tensor, b: Tensor) -> None:
    n, m = len(x), len(chains)
    data, model, old = (_statistics(s, W, b) for s in (x, new, chains))
    right = _flat(_minus(data, model))
    wrong = {
        "the statistics are those of the chains before the steps": _flat(_minus(data, old)),
        "the sums over the chains are divided by the number of the data; each part is averaged over its own rows":
            _flat(_minus(data, [m / n * s for s in model])),
        "the sum over the chains for W is divided by the number of the data":
            _flat(_minus(data, (m / n * model[0], *model[1:]))),
        "the sums are divided by the number of the chains; each part is averaged over its own rows":
            _flat(_minus([n / m * s for s in data], model)),
        "the sum over the data for W is divided by the number of the chains":
            _flat(_minus((n / m * data[0], *data[1:]), model)),
        "the sums are not divided by the numbers of rows": _flat(_minus([n * s for s in data], [m * s for s in model])),
        "the sign is wrong: the data's statistics come first, minus those of the chains": -right,
        "the statistics of the chains are missing": _flat(data),
        "the statistics of the data are missing": -_flat(model),
        "it is the chains before the steps minus those after; the data are missing": _flat(_minus(old, model)),
    }  # fmt: skip
    value = _flat(gradients)
    averaged = close(gradients[1], data[1] - model[1], 1e-4)
    if averaged and not close(value, right, 1e-4):
        for part, mean, rows, offset in (("the chains", data[2], m, 1), ("the data", -model[2], n, -1)):
            on = offset * (mean - gradients[2]) * rows  # with states: how often each unit is on
            whole = bool(((on - on.round()).abs() < 2e-2).all()) and not bool((on.round() == 0).all())
            require(not whole, f"states of h stand in the statistics of {part}; probabilities are asked for")
    compare(value, right, wrong, what="the gradients")


@exercise("pcd", points=2, hint="The chains go on from where they are, and come back as the fourth value.")
def pcd(call, rng):
    _judge_pcd(call, 4, 3, 50, 3, rng)


@exercise("pcd", points=2, hidden=True)
def pcd_elsewhere(call, rng):
    _judge_pcd(call, 4, 2, 80, 2, rng)
    _judge_pcd(call, 3, 3, 30, 1, rng)


# 6. The partition function


def _log_partition(W: Tensor, a: Tensor, b: Tensor, hidden_states: Tensor | None = None) -> Tensor:
    h = _states(len(b)) if hidden_states is None else hidden_states
    return (h @ b + F.softplus(h @ W.T + a).sum(1)).logsumexp(0)


def _judge_partition(call, visible: int, hidden: int, rng: torch.Generator) -> None:
    W, a, b = _rbm(visible, hidden, 1.0, rng)
    h = _states(hidden)
    s = h @ W.T + a
    terms = h @ b + F.softplus(s).sum(1)
    right = terms.logsumexp(0)
    half = 2 ** (hidden - 1)
    wrong = {
        "this is -log Z": -right,
        "this is Z; log Z is asked for": right.exp(),
        "the terms are summed without the exponential": terms.sum(),
        "the logarithm of the sum of the terms is taken: the exponential is missing": terms.sum().log(),
        "the terms are averaged over the states, without exponential and logarithm": terms.mean(),
        "the mean over the states is taken; Z is their sum": right - hidden * math.log(2),
        "the exponentials have the wrong sign": (-terms).logsumexp(0),
        "the exponentials have the wrong sign, and the logarithm too": -(-terms).logsumexp(0),
        "this is the largest term alone": terms.max(),
        "the visible biases a are missing": _log_partition(W, 0 * a, b),
        "the hidden biases b are missing": _log_partition(W, a, 0 * b),
        "all biases are missing": _log_partition(W, 0 * a, 0 * b),
        "the 1 in log(1 + exp s) is missing": (h @ b + s.sum(1)).logsumexp(0),
        "the sum over the states of x is missing": (h @ b).logsumexp(0),
        "sigma(s) stands where log(1 + exp s) belongs": (h @ b + s.sigmoid().sum(1)).logsumexp(0),
        "log(1 + exp s) is averaged over the visible units; sum over them":
            (h @ b + F.softplus(s).mean(1)).logsumexp(0),
        "only half of the states are visited: the first hidden unit is always 0": terms[:half].logsumexp(0),
        "only half of the states are visited: the first hidden unit is always 1": terms[half:].logsumexp(0),
        "only half of the states are visited: the last hidden unit is always 0": terms[::2].logsumexp(0),
        "only half of the states are visited: the last hidden unit is always 1": terms[1::2].logsumexp(0),
        "the last state, in which all hidden units are 1, is missing": terms[:-1].logsumexp(0),
        "the first state, in which all hidden units are 0, is missing": terms[1:].logsumexp(0),
        "only the states with one hidden unit on are visited": _log_partition(W, a, b, torch.eye(hidden)),
        "the states are -1 and 1; they are 0 and 1": _log_partition(W, a, b, 2 * h - 1),
        "the logarithm has the base 2; take the natural one": right / math.log(2),
    }  # fmt: skip
    compare(call("log_partition", W, a, b), right, wrong, what="log Z")
    big = 30 * a.abs() + 10
    value = call("log_partition", W, big, b)
    require_finite(value, "log Z, for large biases,", "Z is too large for float32; use torch.logsumexp")
    compare(value, _log_partition(W, big, b), tolerance=1e-5, what="log Z, for large biases,")


def _judge_wide(call, visible: int, hidden: int, rng: torch.Generator) -> None:
    W, a, b = _rbm(visible, hidden, 0.2, rng)
    compare(call("log_partition", W, a - 2, b), _log_partition(W, a - 2, b), tolerance=1e-5,
            what=f"log Z with {visible} visible units")  # fmt: skip


@exercise("partition", points=1, hint="One term for each state of h; then torch.logsumexp over the states.")
def partition(call, rng):
    _judge_partition(call, 5, 3, rng)
    _judge_wide(call, 40, 6, rng)


@exercise("partition", points=2, hidden=True)
def partition_elsewhere(call, rng):
    _judge_partition(call, 7, 5, rng)
    _judge_partition(call, 4, 4, rng)
    _judge_wide(call, 196, 10, rng)


# 7. Stacking RBMs


def _layers(sizes: tuple[int, ...], scale: float, rng: torch.Generator) -> list[Parameters]:
    return [_rbm(below, above, scale, rng) for below, above in itertools.pairwise(sizes)]


def _up(x: Tensor, layers: list, send: Callable = lambda x, W, a, b: (x @ W + b).sigmoid()) -> Tensor:
    for W, a, b in layers:
        x = send(x, W, a, b)
    return x


def _judge_up(call, n: int, sizes: tuple[int, ...], rng: torch.Generator) -> None:
    layers, x = _layers(sizes, 1.0, rng), _coins(n, sizes[0], rng=rng)
    right = _up(x, layers)
    value = call("up", x, layers)
    states = isinstance(value, Tensor) and value.shape == right.shape and bool(((value == 0) | (value == 1)).all())
    require(not states, "`up` returns states; return the probabilities of the last layer")
    if isinstance(value, list | tuple) and len(value) in (len(layers), len(layers) + 1):
        raise Mistake("`up` returns the values of all layers; return those of the last")
    wrong = {
        "only the first layer is used": _up(x, layers[:1]),
        "the last layer is left out": _up(x, layers[:-1]),
        "sigma is missing: each layer hands on what it receives": _up(x, layers, lambda x, W, a, b: x @ W + b),
        "sigma is missing in the last layer": _up(x, layers[:-1]) @ layers[-1][0] + layers[-1][2],
        "sigma is missing between the layers": _up(x, layers, lambda x, W, a, b: x @ W + b).sigmoid(),
        "the hidden biases b are missing": _up(x, layers, lambda x, W, a, b: (x @ W).sigmoid()),
        "the most likely states are handed on; hand on the probabilities": _up(
            _up(x, layers[:-1], lambda x, W, a, b: (x @ W + b > 0).float()), layers[-1:]),
    }  # fmt: skip
    if len(set(sizes)) == 1:
        wrong |= {
            "the layers are used from the top down; the lowest comes first": _up(x, layers[::-1]),
            "the last layer alone is used": _up(x, layers[-1:]),
            "the visible biases a stand where b belongs": _up(x, layers, lambda x, W, a, b: (x @ W + a).sigmoid()),
            "W is transposed: x W is asked for": _up(x, layers, lambda x, W, a, b: (x @ W.T + b).sigmoid()),
        }
    if isinstance(value, Tensor) and value.shape == right.shape and not close(value, right, 1e-4):
        steady = torch.equal(value, call("up", x, layers))
        require(steady, "two calls of `up` differ: states are drawn; hand on the probabilities")
    compare(value, right, wrong, what="the probabilities of the last layer")
    compare(call("up", x, []), x, what="x after no layers, which is x,")


def _log_odds(x: Tensor) -> Tensor:
    return x.mean(0).clamp(0.01, 0.99).logit()


def _stacked(call, x: Tensor, sizes: list[int], steps: int) -> list[Parameters]:
    layers = call("stack", x, sizes, steps)
    require(layers is not None, "`stack` returns None: is the `return` missing?")
    count = isinstance(layers, list | tuple) and len(layers) == len(sizes)
    require(count, f"`stack` must return a list of {len(sizes)} layers for {len(sizes)} sizes")
    below = x.shape[1]
    for number, (layer, hidden) in enumerate(zip(layers, sizes, strict=True), 1):
        like = torch.zeros(below, hidden), torch.zeros(below), torch.zeros(hidden)
        first = layer[0] if isinstance(layer, list | tuple) and len(layer) else None
        raw = number > 1 and isinstance(first, Tensor) and first.shape[:1] == (x.shape[1],) != (below,)
        require(not raw, f"layer {number} has as many visible units as x: was it trained on x? It gets what the "
                         "layers below make of x")  # fmt: skip
        _values(layer, like, tuple(f"{name} of layer {number}" for name in NAMES), f"layer {number}")
        below = hidden
    return [tuple(layer) for layer in layers]


def _judge_stack(call, n: int, visible: int, sizes: list[int], rng: torch.Generator) -> None:
    """Without a step of training the visible biases of a layer tell which data it was given."""
    x = (torch.rand(n, visible, generator=rng) < torch.rand(visible, generator=rng)).float()
    layers = _stacked(call, x, sizes, 0)
    for number, (W, a, b) in enumerate(layers):
        below = layers[:number]
        data, previous = _up(x, below), _up(x, below[:-1])
        right, states = _log_odds(data), "it was trained on states of the layer below; hand on the probabilities"
        wrong = {}
        if number:
            weight, seen, unseen = below[-1]
            logits = previous @ weight + unseen
            known = {
                "it was trained on x; it gets what the layers below make of x": x,
                "it was trained on the data of the layer below": previous,
                "it was trained on what the layer below receives, without sigma": logits,
                "it was trained on what the layer below rebuilds; it gets the hidden probabilities":
                    (data @ weight.T + seen).sigmoid(),
                "it was trained on states, the most likely ones; hand on the probabilities": (logits > 0).float(),
                "it was trained on x that went up through the last layer alone": _one_up(x, below[-1]),
            }  # fmt: skip
            wrong = {words: _log_odds(one) for words, one in known.items() if one is not None}
            spread = SIGMAS * (data * (1 - data)).mean(0).div(n).sqrt() / (data.mean(0) * (1 - data.mean(0)))
            near = bool(((a - right).abs() < spread).all()) and not close(a, right, 1e-3)
            near = near and not any(close(a, one, 1e-3) for one in wrong.values())
            require(not near, f"layer {number + 1} is wrong: {states}")
        compare(a, right, wrong, tolerance=1e-3, what=f"what layer {number + 1} was trained on, as its a tells,")
        fresh = bool(W.abs().max() < 0.1) and not bool(b.any())
        require(fresh, f"layer {number + 1} was trained with steps = 0: `train_rbm` gets the steps of `stack`")


def _one_up(x: Tensor, layer: Parameters) -> Tensor | None:
    W, _, b = layer
    return (x @ W + b).sigmoid() if len(W) == x.shape[1] else None


def _bars(n: int, side: int, rng: torch.Generator) -> Tensor:
    """Pictures of side x side in which some rows, or some columns, are white: (n, side^2)."""
    on = (torch.rand(n, side, 1, generator=rng) < 0.3).float().expand(-1, -1, side)
    turned = torch.rand(n, 1, 1, generator=rng) < 0.5
    return torch.where(turned, on.transpose(1, 2), on).flatten(1)


def _judge_trained(call, side: int, sizes: list[int], steps: int, rng: torch.Generator) -> None:
    x, new = _bars(1500, side, rng), _bars(500, side, rng)
    layers = _stacked(call, x, sizes, steps)
    moved = [bool(W.abs().max() > 0.1) for W, _, _ in layers]
    require(all(moved), f"layer {moved.index(False) + 1 if False in moved else 0} has hardly moved from its start: do "
                        "all layers get the steps?")  # fmt: skip
    value = _up(new, layers)
    for W, a, _ in layers[::-1]:
        value = (value @ W.T + a).sigmoid()
    error = (value - new).square().sum(1).mean().item()
    words = f"a stack of {side * side}-{'-'.join(map(str, sizes))} trained with your functions rebuilds bars badly"
    outcome(f"squared error of a stack, {steps} steps", error, words, slack=0.3)


@exercise("stack", points=2, hint="train_rbm(up(x, layers so far), hidden, steps), one layer after the other.")
def stack(call, rng):
    _judge_up(call, 6, (4, 4, 4, 4), rng)
    _judge_up(call, 5, (6, 3, 4), rng)
    _judge_stack(call, 60, 12, [12, 12, 12], rng)
    _judge_stack(call, 60, 10, [8, 6], rng)
    _judge_trained(call, 5, [20, 12], 500, rng)


@exercise("stack", points=2, hidden=True)
def stack_elsewhere(call, rng):
    _judge_up(call, 4, (5, 5, 5, 5), rng)
    _judge_up(call, 7, (3, 8, 2), rng)
    _judge_stack(call, 90, 9, [9, 9], rng)
    _judge_stack(call, 50, 7, [11, 5, 8], rng)
    _judge_trained(call, 6, [24, 16], 450, rng)


def _judge_unroll(call, sizes: tuple[int, ...], rng: torch.Generator) -> None:
    layers = _layers(sizes, 1.0, rng)
    encoder, decoder = [(W, b) for W, _, b in layers], [(W.T, a) for W, a, _ in reversed(layers)]
    right = encoder + decoder
    orders = {
        "the decoder's layers are in the order of the encoder's; the top one comes down first":
            encoder + decoder[::-1],
        "the weights of the decoder are not transposed": encoder + [(W.T, a) for W, a in decoder],
        "the weights of the encoder are transposed": [(W.T, b) for W, b in encoder] + decoder,
        "all weights are transposed the wrong way round": [(W.T, c) for W, c in right],
        "the decoder has the hidden biases b; it has the visible biases a":
            encoder + [(W.T, b) for W, _, b in reversed(layers)],
        "the encoder has the visible biases a; it has the hidden biases b": [(W, a) for W, a, _ in layers] + decoder,
        "a and b are exchanged":
            [(W, a) for W, a, _ in layers] + [(W.T, b) for W, _, b in reversed(layers)],
        "the biases of the decoder are not reversed with its weights":
            encoder + [(W, a) for (W, _), (_, a) in zip(decoder, decoder[::-1], strict=True)],
        "the weights of the decoder are not reversed with its biases":
            encoder + [(W, a) for (_, a), (W, _) in zip(decoder, decoder[::-1], strict=True)],
        "the layers are used from the top down; the lowest comes first": encoder[::-1] + decoder[::-1],
        "the decoder comes first": decoder + encoder,
        "the decoder is the encoder, turned around": encoder + encoder[::-1],
        "the weights are halved, as for a deep Boltzmann machine": [(W / 2, c) for W, c in right],
        "the biases are 0": [(W, 0 * c) for W, c in right],
        "the biases of the decoder are 0": encoder + [(W, 0 * c) for W, c in decoder],
    }  # fmt: skip
    answer = call("unroll", layers)
    require(answer is not None, "`unroll` returns None: is the `return` missing?")
    listed = isinstance(answer, list | tuple)
    require(listed, f"`unroll` must return a list of {len(right)} pairs for {len(layers)} layers")
    only = {len(layers): "only one way comes back", len(right) - 1: "the top layer goes up and down: a pair is missing"}
    found = only.get(len(answer), f"`unroll` returns {len(answer)} pairs")
    require(len(answer) == len(right), f"{found}; {len(layers)} layers become {len(right)} pairs")
    pairs = all(isinstance(p, list | tuple) and len(p) == 2 and all(isinstance(v, Tensor) for v in p) for p in answer)
    require(pairs, "each entry must be a pair of tensors: (weight, bias)")
    value, shapes = [v for p in answer for v in p], [v.shape for p in right for v in p]
    for words, pairs in orders.items():
        flat = [v for p in pairs for v in p]
        alike = [v.shape for v in value] == [v.shape for v in flat]
        known = alike and close(_flat(value), _flat(flat), 1e-4) and not _same(flat, right)
        require(not known, f"what `unroll` returns is wrong: {words}")
    for number, (pair, good) in enumerate(zip(answer, right, strict=True), 1):
        for part, one, wanted in zip(("weight", "bias"), pair, good, strict=True):
            compare(one, wanted, what=f"the {part} of pair {number} of {len(shapes) // 2}")


def _same(flat: list[Tensor], right: list) -> bool:
    wanted = [v for pair in right for v in pair]
    return [v.shape for v in flat] == [v.shape for v in wanted] and close(_flat(flat), _flat(wanted), 1e-4)


@exercise("unroll", points=1, hint="Up: (W, b), the lowest first. Down: (W.T, a), the highest first.")
def unroll(call, rng):
    _judge_unroll(call, (4, 4, 4), rng)
    _judge_unroll(call, (6, 5, 3), rng)


@exercise("unroll", points=2, hidden=True)
def unroll_elsewhere(call, rng):
    _judge_unroll(call, (3, 3, 3, 3), rng)
    _judge_unroll(call, (7, 4, 5, 2), rng)
    _judge_unroll(call, (5, 2), rng)


# 8. Why these four fail

_CAUSES = (
    "chains restarted", "decay", "equal start", "mean field", "momentum", "no biases", "no chain", "phases exchanged",
    "step size", "weights too large",
)  # fmt: skip
_EVIDENCE = {
    "A": "in what do the filters of its hidden units differ from each other, at the end and at the start?",
    "B": "what follows noise after one step, and what after 500? Where do its chains begin in each update?",
    "C": "how large are its weights at the end, and which settings decide about that?",
    "D": "when do its weights become large, and what do its hidden units say of a digit after that?",
}
# hashes: nobody should read the answer in passing
_RIGHT = {"A": "929cacff", "B": "f0cf768e", "C": "51ccaf75", "D": "9742f6d1"}


@exercise("diagnosis", points=4)
def diagnosis(call, rng):
    judge_diagnosis(call, "lab05", _CAUSES, _RIGHT, _EVIDENCE)
