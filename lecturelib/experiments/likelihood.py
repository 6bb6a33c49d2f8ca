"""How likely are the test digits of MNIST? Variational autoencoders of the size of Burda et al. (2016).

Pixels are binarised by sampling, anew each time a digit is shown; the test digits once, from the seed. Of the 60,000
training digits all are trained on: there is nothing to choose by, as steps and learning rates are given.
"""

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lecturelib.data import load
from lecturelib.experiments.running import Experiment, Stage
from lecturelib.models.classifier import Augmented
from lecturelib.models.vae import VAE, ImportanceWeighted, dense_vae
from lecturelib.runtime import choose, device
from lecturelib.training import cosine


@dataclass(frozen=True)
class MnistLikelihood(Experiment):
    """A VAE with 50 latents and two layers of 200 tanh units on MNIST; -log p(x) of test digits, bound with k = 5000.

    Burda, Grosse, Salakhutdinov (2016), arXiv 1509.00519, table 1: 86.76 nats trained as a VAE, 84.78 by the bound
    with k = 50. `bound` > 1 trains on the importance-weighted bound with that k, after the VAE's steps.
    """

    steps: int = 240_000  # by the plain bound, 600 an epoch
    lr: float = 1e-3
    bound: int = 1  # draws of the importance-weighted bound
    bound_steps: int = 0
    bound_lr: float = 5e-4
    batch_size: int = 100
    draws: int = 5000  # of the bound that is reported

    def stages(self) -> Generator[Stage, None, dict[str, float]]:
        data = load("mnist").only("x").to(device())
        vae = dense_vae((1, 28, 28), 50, (200, 200), nn.Tanh)
        options = {"schedule": cosine(warmup=0.01)}
        yield Stage("vae", Augmented(vae, torch.bernoulli), data, self.steps, self.batch_size, self.lr, options)
        if self.bound > 1:
            model = Augmented(ImportanceWeighted(vae, self.bound), torch.bernoulli)
            options |= {"precision": "auto"}
            yield Stage("bound", model, data, self.bound_steps, self.batch_size, self.bound_lr, options)
        rng = torch.Generator().manual_seed(self.seed)
        x = torch.bernoulli(load("mnist", split="test").x, generator=rng).to(device())
        return self.figures(vae.eval(), x)

    @torch.no_grad()
    def figures(self, vae: VAE, x: Tensor) -> dict[str, float]:
        """Of test digits x, in nats each."""
        draws, some = choose(smoke=2, cpu=self.draws), slice(choose(smoke=10, cpu=len(x)))
        elbo, iwae = vae.elbo(x[some], 10), vae.iwae(x[some], draws, chunk=2500)
        return {
            "test negative log-likelihood in nats": -iwae.mean().item(),
            "test negative bound in nats": -elbo.mean().item(),
        }
