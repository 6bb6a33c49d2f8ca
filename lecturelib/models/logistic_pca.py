"""Logistic PCA: principal components of data in [0, 1], where a linear code sets the logits of the pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.model import Model


class LogisticPCA(Model):
    """x ~ Bernoulli(s(V z + c)), with z (code) chosen anew for each x: a linear decoder, and no encoder at all.

    V: (dimension, code). The code of x is the maximum of its log-likelihood minus ridge/2 ||z||^2, found by
    Newton's method; the ridge keeps it finite. Collins, Dasgupta, Schapire (2001), NIPS 14; Schein, Saul, Ungar
    (2003), AISTATS, whose alternating steps become a gradient step on V and c here.
    """

    def __init__(self, dimension: int, code: int, ridge: float = 0.01, newton_steps: int = 8):
        super().__init__()
        if ridge <= 0:
            raise ValueError(f"ridge is {ridge}; it must be positive, or the code of some x is infinite")
        self.V = nn.Parameter(torch.randn(dimension, code) / dimension**0.5)
        self.c = nn.Parameter(torch.zeros(dimension))
        self.ridge, self.newton_steps = ridge, newton_steps

    def _objective(self, z: Tensor, x: Tensor) -> Tensor:
        logits = F.linear(z, self.V, self.c)
        error = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
        return error + self.ridge / 2 * z.square().sum(1)

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """The best code of each x: (n, ...) in [0, 1] -> (n, code)."""
        x = x.flatten(1)
        z = x.new_zeros(len(x), self.V.shape[1])
        eye = self.ridge * torch.eye(self.V.shape[1], device=x.device, dtype=x.dtype)
        best = self._objective(z, x)
        for _ in range(self.newton_steps):
            p = F.linear(z, self.V, self.c).sigmoid()
            gradient = (p - x) @ self.V + self.ridge * z
            hessian = torch.einsum("ni,ij,ik->njk", p * (1 - p), self.V, self.V) + eye
            move = torch.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
            step = x.new_ones(len(x), 1)
            for _ in range(6):  # half the step where it does not go down
                trial = z - step * move
                value = self._objective(trial, x)
                worse = value > best
                if not worse.any():
                    break
                step = torch.where(worse[:, None], step / 2, step)
            z, best = torch.where(worse[:, None], z, trial), torch.where(worse, best, value)
        return z

    def decode(self, z: Tensor) -> Tensor:
        """(n, code) -> probabilities (n, dimension)."""
        return F.linear(z, self.V, self.c).sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction of x, of the shape of x."""
        return self.decode(self.encode(x)).view_as(x)

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """Cross-entropy per example in nats, with the ridge, at the best code.

        Its gradient needs no derivative of the code: at the maximum that term is zero (the envelope theorem).
        """
        x = x.flatten(1)
        z = self.encode(x)
        error = F.binary_cross_entropy_with_logits(F.linear(z, self.V, self.c), x, reduction="none").sum(1)
        return {"loss": (error + self.ridge / 2 * z.square().sum(1)).mean(), "error": error.mean()}
