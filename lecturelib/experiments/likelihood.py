"""How likely are the test digits of MNIST? Variational autoencoders of the size of Burda et al. (2016).

Pixels are binarised by sampling, anew each time a digit is shown; the test digits once, from the seed. Of the 60,000
training digits all are trained on; learning rate and initialisation were chosen in runs of 20,000 steps on the first
50,000, by the bound on others.
"""

import copy
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

    First it is trained as a VAE, then it goes on by the importance-weighted bound with k = `bound`; both are measured.
    Burda, Grosse, Salakhutdinov (2016), arXiv 1509.00519, table 1: 86.76 nats trained as a VAE, 84.78 by the bound
    with k = 50 from the start. The weights start as Glorot and Bengio's, as theirs do: with PyTorch's own, fewer
    latents are used.
    """

    steps: int = 240_000  # by the plain bound, 600 an epoch
    lr: float = 2e-3
    bound: int = 50  # draws of the importance-weighted bound
    resampled: int = 10  # of them, that are differentiated
    bound_steps: int = 130_000
    bound_lr: float = 1e-3
    batch_size: int = 100
    draws: int = 5000  # of the bound that is reported

    def stages(self) -> Generator[Stage, None, dict[str, float]]:
        data = load("mnist").only("x").to(device())
        vae = start(dense_vae((1, 28, 28), 50, (200, 200), nn.Tanh), data.x)
        options = {"schedule": cosine(warmup=0.01)}
        yield Stage("vae", Augmented(vae, torch.bernoulli), data, self.steps, self.batch_size, self.lr, options)
        plain = copy.deepcopy(vae)
        model = Augmented(ImportanceWeighted(vae, self.bound, self.resampled), torch.bernoulli)
        options |= {"precision": "auto"}
        yield Stage("bound", model, data, self.bound_steps, self.batch_size, self.bound_lr, options)
        rng = torch.Generator().manual_seed(self.seed)
        x = torch.bernoulli(load("mnist", split="test").x, generator=rng).to(device())
        return self.figures(plain.eval(), x, "VAE") | self.figures(vae.eval(), x, "IWAE")

    @torch.no_grad()
    def figures(self, vae: VAE, x: Tensor, name: str) -> dict[str, float]:
        """Of test digits x, in nats each; small chunks, as what fits into the cache is decoded faster."""
        draws, some = choose(smoke=2, cpu=self.draws), slice(choose(smoke=10, cpu=len(x)))
        elbo, iwae = vae.elbo(x[some], 10), vae.iwae(x[some], draws, chunk=2500)
        return {
            f"{name}: test negative log-likelihood in nats": -iwae.mean().item(),
            f"{name}: test negative bound in nats": -elbo.mean().item(),
        }


@torch.no_grad()
def start(vae: VAE, x: Tensor) -> VAE:
    """Weights uniform as Glorot and Bengio (2010), equation 16; the last biases the log odds of the pixels' means."""
    linear = [module for module in vae.modules() if isinstance(module, nn.Linear)]
    for module in linear:
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
    linear[-1].bias.copy_(x.mean(0).flatten().clamp(1e-3, 1 - 1e-3).logit())
    return vae
