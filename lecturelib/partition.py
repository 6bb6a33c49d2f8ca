"""Sums over all states: the partition function and the likelihood of an RBM, exactly where it is tiny, else by AIS.

    Z = log_partition(rbm)                       # at most 20 Bernoulli units in the smaller layer
    estimate = ais(rbm, chains=100, steps=10_000)
    (-rbm.free_energy(x) - estimate.log_z).mean()
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lecturelib.models.rbm import RBM
from lecturelib.models.units import Bernoulli

MOST_UNITS = 20  # of a layer whose states are enumerated
AT_ONCE = 4096  # states


def states(units: int, device: torch.device | str = "cpu") -> Tensor:
    """All states of so many binary units, (2^units, units); the last unit changes fastest. ValueError for over 20."""
    if not 1 <= units <= MOST_UNITS:
        raise ValueError(f"{units} units have 2^{units} states; at most {MOST_UNITS} can be enumerated: use ais")
    numbers = torch.arange(2**units, device=device)[:, None]
    return (numbers >> torch.arange(units - 1, -1, -1, device=device) & 1).float()


@torch.no_grad()
def log_partition(rbm: RBM) -> float:
    """log Z in nats, exact: the smaller Bernoulli layer is enumerated and the other summed in closed form.

    ValueError where no layer is both Bernoulli and of at most 20 units.
    """
    layers = [
        (rbm.to_visible, rbm.b, rbm.hidden_units, rbm.visible_units),
        (rbm.to_hidden, rbm.a, rbm.visible_units, rbm.hidden_units),
    ]
    binary = [layer for layer in layers if isinstance(layer[2], Bernoulli)]
    if not binary:
        raise ValueError("neither layer is binary: there are no states to enumerate")
    send, bias, _, others = min(binary, key=lambda layer: len(layer[1]))
    parts = [
        s.double() @ bias.double() + others.log_partition(send(s).double()).sum(1)
        for s in states(len(bias), rbm.device).split(AT_ONCE)
    ]
    return torch.cat(parts).logsumexp(0).item()


def log_likelihood(rbm: RBM, x: Tensor, log_z: float | None = None) -> Tensor:
    """log p(x) = -F(x) - log Z in nats: (n, *shape) -> (n,); log Z by enumeration where it is not given."""
    return -rbm.free_energy(x) - (log_partition(rbm) if log_z is None else log_z)


def exact_gradient(rbm: RBM, x: Tensor) -> dict[str, Tensor]:
    """The gradient of -mean log p(x) by W, a and b, with the model's expectation enumerated over visible states.

    x: (n, *shape); the visible layer binary, of at most 20 units. What contrastive divergence approximates.
    """
    if not isinstance(rbm.visible_units, Bernoulli):
        raise ValueError("the visible units are not binary: their states cannot be enumerated")
    parameters = {"W": rbm.W, "a": rbm.a, "b": rbm.b}
    everything = states(len(rbm.a), rbm.device)
    log_z = (-rbm.free_energy(everything)).logsumexp(0)
    error = rbm.free_energy(x).mean() + log_z
    return dict(zip(parameters, torch.autograd.grad(error, parameters.values()), strict=True))


@dataclass(frozen=True)
class AIS:
    """What annealed importance sampling found, in nats: log Z, and log (Z -/+ 3 standard errors of the mean weight).

    `low` is -inf where the weights spread so much that three standard errors reach below zero. `effective`: the
    effective sample size, sum(w)^2 / sum(w^2), of so many chains.
    """

    log_z: float
    error: float  # standard error of the mean weight, relative to it: of log Z in nats where it is small
    low: float
    high: float
    effective: float
    log_weights: Tensor  # (chains,), each an estimate of log Z


@torch.no_grad()
def ais(
    rbm: RBM,
    *,
    chains: int = 100,
    steps: int = 10_000,  # intermediate distributions
    base: Tensor | None = None,  # visible biases (visible,) of the independent units to start from; None: zeros
    schedule: Callable[[Tensor], Tensor] | None = None,  # [0, 1] -> [0, 1], rising; None: evenly
    progress: Callable[[int], None] | None = None,  # told the number of each step
) -> AIS:
    """log Z of an RBM of Bernoulli units by annealed importance sampling from independent visible units.

    p_beta(x) ~ exp((1 - beta) a_0.x + beta a.x) prod_j (1 + exp(beta (b_j + W_j.x))): Neal (2001), Statistics and
    Computing 11; Salakhutdinov and Murray (2008), ICML, equations 14 to 18, whose base has its own hidden units.
    """
    if not isinstance(rbm.visible_units, Bernoulli) or not isinstance(rbm.hidden_units, Bernoulli):
        raise ValueError("annealed importance sampling is written here for two layers of Bernoulli units")
    if chains < 2 or steps < 1:
        raise ValueError(f"chains is {chains}, steps is {steps}; at least 2 chains and 1 step are needed")
    units = rbm.visible_units  # those of both layers
    base = torch.zeros_like(rbm.a) if base is None else base.to(rbm.a)
    betas = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    betas = betas if schedule is None else schedule(betas)
    if betas.shape != (steps + 1,) or betas[0] != 0 or betas[-1] != 1 or (betas.diff() < 0).any():
        raise ValueError(f"the schedule has to give {steps + 1} values that rise from 0 to 1 (steps is {steps})")
    betas = betas.tolist()
    x = units.sample(base.expand(chains, -1))
    log_w = torch.zeros(chains, dtype=torch.float64, device=rbm.device)
    for number in range(1, steps + 1):
        old, new = betas[number - 1], betas[number]
        t, difference = rbm.to_hidden(x), (new - old) * (x @ (rbm.a - base))
        both = units.log_partition(new * t) - units.log_partition(old * t)
        log_w += difference.double() + both.double().sum(1)
        h = units.sample(new * t)  # x moves to p_new
        x = units.sample(torch.addmm(base + new * (rbm.a - base), h, rbm.W.T, alpha=new))
        if progress is not None:
            progress(number)
    log_w += units.log_partition(base.double()).sum() + len(rbm.b) * math.log(2)
    return _estimate(log_w.cpu())


def _estimate(log_w: Tensor) -> AIS:
    n, largest = len(log_w), log_w.max()
    w = (log_w - largest).exp()
    mean, error = w.mean(), w.std() / n**0.5
    low, high = (mean - 3 * error).clamp(min=0).log() + largest, (mean + 3 * error).log() + largest
    effective = (w.sum() ** 2 / w.square().sum()).item()
    return AIS((mean.log() + largest).item(), (error / mean).item(), low.item(), high.item(), effective, log_w)
