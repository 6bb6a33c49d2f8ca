"""Denoisers, and models that push what a denoiser is asked for: the common part of diffusion and of flow matching."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lecturelib.model import Model


class Denoiser(nn.Module):
    """A network that is given x (n, *shape), the level t (n,) from 0, clean, to 1000, noise, and perhaps conditions."""

    conditional = False  # whether it must be given what is wanted

    def forward(self, x: Tensor, t: Tensor, *condition: Tensor) -> Tensor:
        """An answer of the shape of x."""
        raise NotImplementedError

    def nothing(self, condition: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Conditions of the same shape that ask for nothing, as Ho and Salimans (2022) have one label for "none"."""
        raise NotImplementedError


class Guided(Model):
    """A model whose denoiser is trained with and without its condition, so that what it asks for can be pushed.

    Classifier-free guidance: Ho, Salimans (2022), arXiv 2207.12598. x is worked on as (x - centre) / spread.
    """

    def __init__(
        self,
        network: Denoiser,
        shape: Sequence[int],  # of one example
        *,
        drop: float = 0.1,  # share of the training examples whose condition is left out
        centre: float | Tensor = 0.0,
        spread: float | Tensor = 1.0,
    ):
        super().__init__()
        self.network, self.shape, self.drop = network, tuple(shape), drop
        self.conditional = network.conditional
        self.register_buffer("centre", torch.as_tensor(centre, dtype=torch.float32))
        self.register_buffer("spread", torch.as_tensor(spread, dtype=torch.float32))

    def inner(self, x: Tensor) -> Tensor:
        """x as the network knows it."""
        return (x - self.centre) / self.spread

    def outer(self, x: Tensor) -> Tensor:
        """What the network made, as the data are."""
        return x * self.spread + self.centre

    def dropped(self, condition: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The condition of a batch, left out in some examples; none for a model that has none."""
        if not self.conditional:
            return ()
        left = torch.rand(len(condition[0]), device=condition[0].device) < self.drop
        pairs = zip(self.network.nothing(condition), condition, strict=True)
        return tuple(torch.where(left.view(-1, *(c.ndim - 1) * (1,)), none, c) for none, c in pairs)

    def say(self, x: Tensor, t: float, *condition: Tensor, guidance: float = 1.0) -> Tensor:
        """The network's answer at one level, pushed away from what it says to no condition; 1: as it is, 0: without.

        Equation 6 there, whose w is guidance - 1.
        """
        levels = torch.full((len(x),), t, device=x.device)
        if not self.conditional or guidance == 1:
            return self.network(x, levels, *condition).float()
        none = self.network.nothing(condition)
        if guidance == 0:
            return self.network(x, levels, *none).float()
        both = (torch.cat(pair) for pair in zip(condition, none, strict=True))
        wanted, plain = self.network(torch.cat([x, x]), torch.cat([levels, levels]), *both).float().chunk(2)
        return torch.lerp(plain, wanted, guidance)

    def noise(self, n: int, condition: tuple[Tensor, ...]) -> Tensor:
        """Where sampling begins: (n, *shape); ValueError where a condition is missing or not one for each."""
        if self.conditional and (not condition or any(len(c) != n for c in condition)):
            raise ValueError(f"sample({n}, condition): {n} conditions are needed, one for each example")
        return torch.randn(n, *self.shape, device=self.device)
