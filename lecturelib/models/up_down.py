"""The up-down algorithm: a deep belief network fine-tuned as a generative model, a contrastive form of wake-sleep."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.model import Turn
from lecturelib.models.dbn import DBN, linear
from lecturelib.models.rbm import RBM
from lecturelib.models.units import Bernoulli


class UpDown(DBN):
    """A DBN whose way up and way down are untied, and whose top RBM goes on by contrastive divergence.

    layers: trained RBMs as for `DBN`. Their W and b become the weights of the way up (recognition), copies of W and
    a those of the way down (generation). loss(x, y) is a sum of three: on a way up, how well each layer is predicted
    from the states above (wake); the top RBM's energy against that of its chain; on a way down from the end
    of that chain, how well each layer is predicted from the states below (sleep).
    Hinton, Osindero, Teh (2006), section 5 and appendix B.
    """

    def __init__(
        self,
        layers: Sequence[RBM],
        classes: int = 0,
        k: int = 3,  # steps of Gibbs sampling in the top RBM
        momentum: float = 0.9,
    ):
        super().__init__(layers, classes)
        if not all(isinstance(u, Bernoulli) for rbm in layers[:-1] for u in (rbm.visible_units, rbm.hidden_units)):
            raise ValueError("the way up and the way down are written for layers of Bernoulli units")
        if k < 1:
            raise ValueError(f"k is {k}; the chain of the top RBM needs at least one step")
        self.k, self.momentum = k, momentum
        self.generative = nn.ModuleList(linear(rbm.W, rbm.a) for rbm in self.layers[:-1])
        for rbm in self.layers[:-1]:
            rbm.a.requires_grad_(False)  # the way down has its own

    def to_below(self, number: int, h: Tensor) -> Tensor:
        """What layer `number` is sent on the way down, by the weights of that way."""
        return self.generative[number](h)

    def loss(self, x: Tensor, y: Tensor | None = None, *_: Tensor) -> dict[str, Tensor]:
        """Cross-entropies of wake and sleep in nats per example, and the top RBM's difference of energies.

        x: (n, *shape) in [0, 1]; y: labels (n,), where the network has label units.
        """
        x, below = x.flatten(1), self.layers[:-1]
        with torch.no_grad():
            ups = [x]
            for rbm in below:
                ups.append(rbm.hidden_units.sample(rbm.to_hidden(ups[-1])))
            seen = self.with_labels(ups[-1], y)
            dreamt = self.top.gibbs(seen, self.k)
            downs = self.way_down(self._below(dreamt), sample=True)
            h, h_k = (self.top.hidden_units.mean(self.top.to_hidden(s).float()) for s in (seen, dreamt))
        torch.clear_autocast_cache()  # older versions of torch keep copies of the weights without gradient
        wake = sum(_surprise(g(h), s) for g, h, s in zip(self.generative, ups[1:], ups[:-1], strict=True))
        sleep = sum(_surprise(r.to_hidden(s), h) for r, h, s in zip(below, downs[1:], downs[:-1], strict=True))
        top = self.top.contrast(seen, h, dreamt, h_k)
        return {"loss": wake + sleep + top, "wake": wake, "sleep": sleep, "top": top}

    def turns(self, lr: float) -> list[Turn]:
        """Gradient descent with momentum, on the three together."""
        moved = [p for p in self.parameters() if p.requires_grad]
        return [Turn("model", self.loss, torch.optim.SGD(moved, lr=lr, momentum=self.momentum, fused=True))]


def _surprise(t: Tensor, s: Tensor) -> Tensor:
    """-log p(s) of binary states where the other layer sends t: (n, units) twice -> (), nats per example."""
    return F.binary_cross_entropy_with_logits(t, s, reduction="none").sum(1).mean()
