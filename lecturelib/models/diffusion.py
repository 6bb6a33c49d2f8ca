"""Diffusion: noise is added little by little, and a network learns to take it away again.

    diffusion = Diffusion(DenoisingUNet((1, 28, 28), classes=10), (1, 28, 28), centre=0.5, spread=0.5, clip=1.0)
    fit(diffusion, digits, steps=20_000, ema=0.999)
    diffusion.sample(16, labels, steps=20, rule=second_order, guidance=2.0)

x_t = sqrt(a_t) x + sqrt(1 - a_t) noise, where a_t, the share of the signal's variance, falls from nearly 1 to nearly 0.
Ho, Jain, Abbeel (2020), "Denoising diffusion probabilistic models", arXiv 2006.11239, whose a_t has a bar.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from lecturelib.models.guided import Denoiser, Guided
from lecturelib.models.noising import STEPS, Target, Velocity, cosine_schedule
from lecturelib.models.samplers import Levels, Rule, ddim


class Diffusion(Guided):
    """A denoiser, a schedule of noise, and what the denoiser is asked for."""

    def __init__(
        self,
        network: Denoiser,
        shape: Sequence[int],
        *,
        schedule: Tensor | None = None,  # a_t (steps,); the cosine's by default
        target: Target | None = None,  # Velocity by default
        clip: float | None = None,  # clean x lie within this, in the network's units
        **options,  # of Guided
    ):
        super().__init__(network, shape, **options)
        schedule = cosine_schedule() if schedule is None else schedule
        if not ((schedule > 0) & (schedule < 1)).all() or (schedule.diff() >= 0).any():
            raise ValueError("the schedule must fall from below 1 to above 0: the shares of the signal's variance")
        self.register_buffer("schedule", schedule.float())
        self.target, self.clip = target or Velocity(), clip

    def forward(self, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """x (n, *shape), in the network's units, with the noise of step t (n,): equation 4."""
        a = self.share(t, x)
        return a.sqrt() * x + (1 - a).sqrt() * noise

    def share(self, t: Tensor, x: Tensor) -> Tensor:
        """a_t for each example, in a shape that fits x."""
        return self.schedule[t].view(-1, *(x.ndim - 1) * (1,))

    def loss(self, x: Tensor, *condition: Tensor) -> dict[str, Tensor]:
        """The mean squared error of the answer, at a level drawn for each example."""
        x = self.inner(x)
        t = torch.randint(len(self.schedule), (len(x),), device=x.device)
        noise = torch.randn_like(x)
        said = self.network(self(x, t, noise), self.scaled(t), *self.dropped(condition))
        return {"loss": (said.float() - self.target.of(x, noise, self.share(t, x))).square().mean()}

    def scaled(self, t):
        """Steps of the schedule as the network's levels, up to 1000."""
        return t * (STEPS / len(self.schedule))

    def denoise(self, x: Tensor, t: int, *condition: Tensor, guidance: float = 1.0) -> Tensor:
        """The clean x that the network sees in x_t, in its units."""
        said = self.say(x, float(self.scaled(t)), *condition, guidance=guidance)
        return self._clean(said, x, self.schedule[t])

    def _clean(self, said: Tensor, x: Tensor, a: Tensor) -> Tensor:
        """What an answer to x_t amounts to, within the clip."""
        clean = self.target.clean(said, x, a)
        return clean if self.clip is None else clean.clamp(-self.clip, self.clip)

    def score(self, x: Tensor, t: int, *condition: Tensor) -> Tensor:
        """The gradient of log p(x_t): minus the noise over its deviation. Song et al. (2021), arXiv 2011.13456."""
        a = self.schedule[t]
        return (a.sqrt() * self.denoise(x, t, *condition) - x) / (1 - a)

    def walk(
        self, x: Tensor, *condition: Tensor, steps: int = 50, rule: Rule = ddim, guidance: float = 1.0
    ) -> Iterator[tuple[int, Tensor, Tensor]]:
        """From noise x to an example: t, x_t and the clean x that the network sees in it, for each step, and the end.

        The levels are even, from the noisiest on ("trailing": Lin et al. 2024, arXiv 2305.08891). All in the network's
        units. ValueError for fewer than one step or more than there are.
        """
        count = len(self.schedule)
        if not 1 <= steps <= count:
            raise ValueError(f"steps is {steps}; there are {count} levels of noise, and at least one step is needed")
        times = [round(count - k * count / steps) - 1 for k in range(steps)]
        shares = [self.schedule[t].item() for t in times] + [1.0]
        before = None
        for k, t in enumerate(times):
            clean = self.denoise(x, t, *condition, guidance=guidance)
            yield t, x, clean
            x = rule(x, clean, Levels(shares[k - 1] if k else None, shares[k], shares[k + 1]), before)
            before = clean
        yield -1, x, x

    @torch.no_grad()
    def sample(self, n: int, *condition: Tensor, steps: int = 50, rule: Rule = ddim, guidance: float = 1.0) -> Tensor:
        """(n, *shape) from noise, in so many steps of a rule of `lecturelib.models.samplers`."""
        for *_, x in self.walk(self.noise(n, condition), *condition, steps=steps, rule=rule, guidance=guidance):
            last = x
        return self.outer(last)

    @torch.no_grad()
    def bits(self, x: Tensor, *condition: Tensor, values: int = 256) -> Tensor:
        """A bound on -log2 P(x) of each example, a dimension: (n,), for x on a grid of `values` values in [0, 1].

        What the levels cost, and what x costs at the first of them, where each value is as probable as its noise says.
        Kingma et al. (2021), arXiv 2107.00630, equations 8 and 11.
        """
        size, inner, first = x[0].numel(), self.inner(x), self.schedule[0]
        seen = self(inner, torch.zeros(len(x), dtype=torch.long, device=x.device), torch.randn_like(inner))
        grid = torch.linspace(0, 1, values, device=x.device).view(-1, *x[0].ndim * (1,))
        grid = self.inner(grid.expand(-1, *x.shape[1:])).movedim(0, -1)  # centre and spread may differ between channels
        logits = -(seen[..., None] - first.sqrt() * grid).square() / (2 * (1 - first))
        own = (x * (values - 1)).round().long()[..., None]
        told = -logits.log_softmax(-1).gather(-1, own).flatten(1).sum(1)
        return (self.cost(inner, *condition) + told) / size / math.log(2)

    @torch.no_grad()
    def cost(self, x: Tensor, *condition: Tensor, first: int = 0) -> Tensor:
        """Nats that the level `first` and all above it cost of each clean x, in the network's units: (n,).

        KL(q(x_first, x_(first + 1), ... | x) || p): what the last level still tells of x, and what the steps between
        the levels cost, one of them drawn for each example. Right on average; the drawn step makes it vary. Kingma et
        al. (2021), equation 13; the drawn steps are spread evenly over the examples, as in their appendix I.1.
        ValueError for a level that there is not, or none above it.
        """
        if not 0 <= first < len(self.schedule) - 1:
            raise ValueError(f"first is {first}; the levels are numbered from 0, and below {len(self.schedule) - 1} "
                             "there is one above")  # fmt: skip
        last, ratio, n = self.schedule[-1], self.schedule / (1 - self.schedule), len(x)
        prior = 0.5 * (last * x.square() - last - (-last).log1p()).flatten(1).sum(1)
        steps = len(self.schedule) - 1 - first
        places = (torch.randperm(n, device=x.device) + torch.rand((), device=x.device)) / n
        t = first + 1 + (places * steps).long().clamp(max=steps - 1)
        noisy = self(x, t, torch.randn_like(x))
        said = self.network(noisy, self.scaled(t), *condition).float()
        wrong = (self._clean(said, noisy, self.share(t, x)) - x).square().flatten(1).sum(1)
        return prior + steps * 0.5 * (ratio[t - 1] - ratio[t]) * wrong
