"""What does a unit look for? The input of a given size that excites it most, by gradient ascent.

    x = activation_maximisation(lambda x: network(x), units=[0, 3, 5], shape=(1, 28, 28), norm=8.0)

Erhan, Bengio, Courville, Vincent (2009), "Visualizing higher-layer features of a deep network", Montreal, report 1341.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def activation_maximisation(
    network: Callable[[Tensor], Tensor],  # (n, *shape) -> (n, units), best before a sigmoid: that is flat at its ends
    units: Sequence[int],
    shape: Sequence[int],  # of one input, without the batch
    *,
    norm: float = 1.0,  # of each x: Erhan et al. take the mean norm of the training examples
    steps: int = 200,
    rate: float = 0.1,  # length of a step, in units of the norm
    starts: int = 4,  # random ones for each unit, of which the best is kept
    device: torch.device | str = "cpu",
) -> Tensor:
    """For each of these units an x with |x| = norm at which it is largest: (len(units), *shape).

    A step follows the direction of the gradient, and x is put back on the sphere. What is found is a local maximum:
    more `starts` find better ones. ValueError for units that the network does not have, and for options out of range.
    """
    if norm <= 0 or rate <= 0 or steps < 1 or starts < 1:
        raise ValueError(f"norm {norm} and rate {rate} must be above 0, steps {steps} and starts {starts} at least 1")
    if len(units) == 0:
        raise ValueError("units is empty: name at least one unit")
    which = torch.as_tensor(units, device=device).repeat_interleave(starts)
    x = _on_sphere(torch.randn(len(which), *shape, device=device), norm)
    for _ in range(steps):
        x = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(_of(network(x), which).sum(), x)
        x = _on_sphere(x + rate * _on_sphere(gradient, norm), norm)
    with torch.no_grad():
        x = x.detach()
        best = _of(network(x), which).view(-1, starts).argmax(1)
    return x.view(-1, starts, *shape)[torch.arange(len(best), device=device), best]


def _of(output: Tensor, which: Tensor) -> Tensor:
    """Entry which[i] of row i: (n, units), (n,) -> (n,)."""
    if output.ndim != 2:
        raise ValueError(f"the network gives {tuple(output.shape)}; one row of units for each x is needed")
    if not 0 <= which.min() <= which.max() < output.shape[1]:
        raise ValueError(f"the network has units 0 to {output.shape[1] - 1}, not {which.min()} to {which.max()}")
    return output.gather(1, which[:, None])[:, 0]


def _on_sphere(x: Tensor, norm: float) -> Tensor:
    """Each example scaled to this norm; zero stays zero."""
    size = x.flatten(1).norm(dim=1).clamp(min=torch.finfo(x.dtype).tiny)
    return x * (norm / size).view(-1, *[1] * (x.ndim - 1))
