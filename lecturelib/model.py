"""Model and Turn: what every model of the course can do."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass
class Turn:
    """One player's move: a loss, and the optimizer of the parameters that the player owns.

    `loss(*batch)` returns a dict of 0-D tensors with the entry "loss"; the other entries are logged.
    `every`: the turn is taken at steps 0, every, 2*every, ...
    `player`: the module whose buffers (batch-norm statistics, an image pool) this turn may change;
    None means the whole model.
    `compiled`: False for a loss with gradients inside, which `train(compile=True)` leaves as it is.
    """

    name: str
    loss: Callable[..., dict[str, Tensor]]
    optimizer: torch.optim.Optimizer
    every: int = 1
    player: nn.Module | None = None
    compiled: bool = True
    parameters: list[nn.Parameter] = field(init=False, repr=False)

    def __post_init__(self):
        if self.every < 1:
            raise ValueError(f"turn {self.name!r}: every is {self.every}; it must be at least 1")
        self.parameters = [p for group in self.optimizer.param_groups for p in group["params"]]


class Model(nn.Module):
    """A game of one or more players; training it (`lecturelib.train`) is taking turns."""

    def loss(self, *batch: Tensor) -> dict[str, Tensor]:
        """A dict of 0-D tensors: "loss" is minimised, the other entries are logged."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its loss is")

    def sample(self, n: int, *condition: Tensor) -> Tensor:
        """Draw n new examples, of the shape of the data: (n, ...)."""
        raise NotImplementedError(f"{type(self).__name__} is not a generative model: it cannot sample")

    def turns(self, lr: float) -> list[Turn]:
        """Who moves, on which loss, with which optimizer; by default one Adam turn on `self.loss`."""
        return [Turn("model", self.loss, torch.optim.Adam(self.parameters(), lr=lr, fused=True))]

    @property
    def device(self) -> torch.device:
        """Where the model's parameters live."""
        return next(self.parameters()).device

    def size(self) -> int:
        """The number of parameters that are trained."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)
