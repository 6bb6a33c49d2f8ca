"""Conjugate gradients on large batches, as deep autoencoders were fine-tuned before Adam."""

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from lecturelib.model import Model, Turn


class ConjugateGradients(Model):
    """A model of one player; a step is a few line searches of Polak and Ribière's conjugate gradients on its batch.

    Hinton and Salakhutdinov (2006) take three line searches on each batch of 1,000 examples. The loss has to be the
    same each time that it is asked for the same batch; there is no learning rate. float32: a line search compares
    losses that bfloat16 would not tell apart.
    """

    def __init__(self, model: Model, searches: int = 3):
        super().__init__()
        if searches < 1:
            raise ValueError(f"searches is {searches}; a step takes at least one line search")
        self.model, self.searches = model, searches
        self._batch: tuple[Tensor, ...] = ()

    def forward(self, *args: Tensor) -> Tensor:
        """What the model says."""
        return self.model(*args)

    def loss(self, *batch: Tensor) -> dict[str, Tensor]:
        """The model's loss before the step."""
        self._batch = batch
        return self.model.loss(*batch)

    def turns(self, lr: float) -> list[Turn]:
        """One turn, which minimises the loss of its batch."""
        return [Turn("model", self.loss, _LineSearches(self))]

    def trained(self) -> list[nn.Parameter]:
        """The parameters that are not frozen."""
        return [p for p in self.model.parameters() if p.requires_grad]

    def value(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss of the last batch with these parameters, (size,), and its gradient, (size,)."""
        parameters = self.trained()
        vector_to_parameters(torch.from_numpy(flat).to(parameters[0]), parameters)
        with torch.enable_grad():
            loss = self.model.loss(*self._batch)["loss"]
            gradient = parameters_to_vector(torch.autograd.grad(loss, parameters))
        return loss.item(), gradient.double().cpu().numpy()


class _LineSearches(torch.optim.Optimizer):
    """The optimizer of ConjugateGradients: scipy's, whose directions begin anew with each batch."""

    def __init__(self, owner: ConjugateGradients):
        super().__init__(owner.trained(), {"lr": 1.0})
        self.owner = owner

    @torch.no_grad()
    def step(self) -> None:
        owner, parameters = self.owner, self.owner.trained()
        start = parameters_to_vector(parameters).double().cpu().numpy()
        found = minimize(owner.value, start, jac=True, method="CG", options={"maxiter": owner.searches})
        vector_to_parameters(torch.from_numpy(found.x).to(parameters[0]), parameters)
