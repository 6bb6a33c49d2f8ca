"""Restricted Boltzmann machines: p(x, h) = exp(-E(x, h)) / Z, with no connection inside a layer.

    rbm = RBM(784, 500)
    fit(rbm, data, steps=3000, batch_size=100, lr=0.1)
    rbm.sample(16)

Smolensky (1986); Hinton (2002), "Training products of experts by minimizing contrastive divergence", Neural Computation
14; Hinton (2010), "A practical guide to training restricted Boltzmann machines".
"""

from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.model import Model, Turn
from lecturelib.models.regularised import KLSparsity
from lecturelib.models.units import Bernoulli, Gaussian, Labelled


class RBM(Model):
    """E(x, h) = -a.x - b.h - x^T W h, trained by contrastive divergence.

    shape: of one x, or the number of its units; W (visible, hidden), a (visible,), b (hidden,).
    x is in [0, 1] for Bernoulli units (a grey pixel is a probability), standardised for Gaussian ones.
    """

    def __init__(
        self,
        shape: int | tuple[int, ...],
        hidden: int,
        *,
        visible_units: Bernoulli | Gaussian | Labelled | None = None,  # None: Bernoulli
        hidden_units: Bernoulli | Gaussian | None = None,
        k: int = 1,  # steps of Gibbs sampling for each update
        chains: int = 0,  # of persistent contrastive divergence (PCD); 0 starts the chain at the data
        sample_positive: bool = False,  # states, not means, of h in the statistics of the data
        sample_visible: bool = False,  # states, not means, of x on the chain
        sample_negative: bool = False,  # states, not means, of h in the statistics of the chain
        momentum: float = 0.5,
        weight_decay: float = 0.0,  # of W alone
        sparsity: float | None = None,  # share of examples for which a hidden unit is to be on
        sparsity_cost: float = 1.0,
    ):
        super().__init__()
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        _check(k, chains, sparsity, hidden_units)
        visible = prod(self.shape)
        self.W = nn.Parameter(0.01 * torch.randn(visible, hidden))
        self.a = nn.Parameter(torch.zeros(visible))
        self.b = nn.Parameter(torch.zeros(hidden))
        self.visible_units, self.hidden_units = visible_units or Bernoulli(), hidden_units or Bernoulli()
        self.k, self.momentum, self.weight_decay = k, momentum, weight_decay
        self.sample_positive, self.sample_visible = sample_positive, sample_visible
        self.sample_negative = sample_negative
        self.sparsity, self.sparsity_cost = sparsity, sparsity_cost
        self.register_buffer("chains", self.visible_units.sample(torch.zeros(chains, visible)))

    def to_hidden(self, x: Tensor) -> Tensor:
        """What x sends to the hidden layer, W^T x + b: (n, visible) -> (n, hidden)."""
        return torch.addmm(self.b, x, self.W)

    def to_visible(self, h: Tensor) -> Tensor:
        """What h sends to the visible layer, W h + a: (n, hidden) -> (n, visible)."""
        return F.linear(h, self.W, self.a)

    def encode(self, x: Tensor) -> Tensor:
        """E[h | x], the probabilities of Bernoulli units: (n, *shape) -> (n, hidden)."""
        return self.hidden_units.mean(self.to_hidden(x.flatten(1)))

    def decode(self, h: Tensor) -> Tensor:
        """E[x | h]: (n, hidden) -> (n, *shape)."""
        return self.visible_units.mean(self.to_visible(h)).view(-1, *self.shape)

    def forward(self, x: Tensor) -> Tensor:
        """The mean-field reconstruction of x, of the shape of x."""
        return self.decode(self.encode(x))

    def energy(self, x: Tensor, h: Tensor) -> Tensor:
        """E(x, h) = -a.x - b.h - x^T W h, less log r of Gaussian units: (n, *shape), (n, hidden) -> (n,).

        For Gaussian visible units this is |x - a|^2/2 - b.h - x^T W h up to a term that has neither x nor h.
        """
        x = x.flatten(1)
        base = self.visible_units.log_base(x).sum(1) + self.hidden_units.log_base(h).sum(1)
        return -(x @ self.a + h @ self.b + ((x @ self.W) * h).sum(1) + base)

    def free_energy(self, x: Tensor) -> Tensor:
        """F(x) = -log sum_h exp(-E(x, h)) = -a.x - sum_j A(b_j + W_j.x): (n, *shape) -> (n,).

        A is log(1 + exp t) for Bernoulli hidden units (Hinton 2010, equation 25).
        """
        x = x.flatten(1)
        hidden = self.hidden_units.log_partition(self.to_hidden(x)).sum(1)
        return -(x @ self.a + hidden + self.visible_units.log_base(x).sum(1))

    @torch.no_grad()
    def gibbs(self, x: Tensor, k: int, sample_visible: bool = True) -> Tensor:
        """The visible layer after k steps x -> h -> x of block Gibbs sampling from x: (n, *shape) -> (n, *shape).

        Without `sample_visible` means of x are passed on in place of states (Hinton 2010, section 3.2).
        """
        units, shape, x = self.visible_units, x.shape, x.flatten(1)
        for _ in range(k):
            t = self.to_visible(self.hidden_units.sample(self.to_hidden(x)))
            x = units.sample(t) if sample_visible else units.mean(t)
        return x.view(shape)

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """The mean energy of the data less that of the chain, whose gradient is the CD-k or PCD update.

        The energy is linear in the parameters, so that both phases enter as statistics alone, x^T h, x and h: these are
        taken without a gradient, and the loss is their product with the parameters (Hinton 2002, equation 5).
        "error" is the squared error per example of x against the chain's end (k = 1 and no chains: reconstruction).
        """
        x = x.flatten(1)
        # before the statistics: autocast keeps its copy of W, and must not make it where there is no gradient
        sparsity = None if self.sparsity is None else self._sparsity(x)
        with torch.no_grad():
            t = self.to_hidden(x).float()  # means of many states, and their differences, are too fine for bfloat16
            h = self.hidden_units.sample(t) if self.sample_positive else self.hidden_units.mean(t)
            x_k, h_k = self._negative(x, t, h)
        parts = {"loss": self.contrast(x, h, x_k, h_k)}
        if sparsity is not None:
            parts |= {"loss": parts["loss"] + self.sparsity_cost * sparsity, "sparsity": sparsity}
        if not len(self.chains):
            parts["error"] = (x - x_k).square().sum(1).mean()
        return parts

    def contrast(self, x: Tensor, h: Tensor, x_k: Tensor, h_k: Tensor) -> Tensor:
        """Mean E(x, h) of the data less mean E(x_k, h_k) of the chain, but for the base measures: (), in nats.

        (n, visible), (n, hidden), (m, visible), (m, hidden), of which no gradient is taken.
        """
        with torch.no_grad():
            W = torch.cat([x_k, x]).T @ torch.cat([h_k / len(x_k), h / -len(x)])
            a, b = x_k.mean(0) - x.mean(0), h_k.mean(0) - h.mean(0)
        with torch.autocast(x.device.type, enabled=False):
            return self.W.flatten() @ W.float().flatten() + self.a @ a.float() + self.b @ b.float()

    def _negative(self, x: Tensor, t: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        units = self.visible_units
        if len(self.chains):
            x_k = self.gibbs(self.chains, self.k)
            self.chains.copy_(x_k)
        else:  # the first h is drawn from what the data have sent already
            h = h if self.sample_positive else self.hidden_units.sample(t)
            t = self.to_visible(h).float()
            x_k = self.gibbs(units.sample(t) if self.sample_visible else units.mean(t), self.k - 1, self.sample_visible)
        t = self.to_hidden(x_k).float()
        return x_k, self.hidden_units.sample(t) if self.sample_negative else self.hidden_units.mean(t)

    def _sparsity(self, x: Tensor) -> Tensor:
        """KL(target || share of the batch for which a unit is on), summed over units (Hinton 2010, section 11)."""
        return KLSparsity(self.sparsity)(self.to_hidden(x).float().sigmoid())

    @torch.no_grad()
    def sample(self, n: int, steps: int = 1000) -> Tensor:
        """Fantasies: E[x | h] after `steps` of Gibbs sampling, from chains of PCD or from noise: (n, *shape)."""
        units = self.visible_units
        if len(self.chains):
            x = self.chains[torch.randint(len(self.chains), (n,), device=self.device)]
        else:
            x = units.sample(torch.zeros(n, len(self.a), device=self.device))
        return self.decode(self.hidden_units.sample(self.to_hidden(self.gibbs(x, steps))))

    @torch.no_grad()
    def complete(self, x: Tensor, known: Tensor, steps: int = 100) -> Tensor:
        """x with what is not known filled in by Gibbs sampling from noise: (n, *shape) -> (n, *shape).

        known: bool, that broadcasts to the shape of x; these units are held at their values. The rest are E[x | h] of
        the last step.
        """
        units, known = self.visible_units, known.expand_as(x)
        state = torch.where(known, x, units.sample(torch.zeros_like(x)))
        for _ in range(steps):
            t = self.to_visible(self.hidden_units.sample(self.to_hidden(state.flatten(1)))).view_as(x)
            state = torch.where(known, x, units.sample(t))
        return torch.where(known, x, units.mean(t)) if steps else state

    @torch.no_grad()
    def start_at(self, x: Tensor) -> "RBM":
        """Set the visible biases to those of independent units with the means of x: log odds for binary ones.

        x: (n, *shape). Hinton (2010), section 8.1. Returns the model.
        """
        self.a.copy_(self.visible_units.natural(x.flatten(1).mean(0)))
        return self

    def turns(self, lr: float) -> list[Turn]:
        """Gradient descent with momentum; the weight decay holds for W alone."""
        groups = [{"params": [self.W], "weight_decay": self.weight_decay}, {"params": [self.a, self.b]}]
        return [Turn("model", self.loss, torch.optim.SGD(groups, lr=lr, momentum=self.momentum, fused=True))]


def _check(k: int, chains: int, sparsity: float | None, hidden_units: Bernoulli | Gaussian | None) -> None:
    if k < 1:
        raise ValueError(f"k is {k}; contrastive divergence needs at least one step of Gibbs sampling")
    if chains < 0:
        raise ValueError(f"chains is {chains}; give the number of persistent chains, or 0 for none")
    if sparsity is not None and not 0 < sparsity < 1:
        raise ValueError(f"sparsity is {sparsity}; it is a share of the examples, between 0 and 1")
    if sparsity is not None and isinstance(hidden_units, Gaussian):
        raise ValueError("a sparsity target is a share of examples for which a unit is on: it takes binary units")
