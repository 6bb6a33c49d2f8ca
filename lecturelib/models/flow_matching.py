"""Flow matching: a network learns the direction of straight lines from noise to data, and is followed.

flow = FlowMatching(PointDenoiser(2), (2,))
fit(flow, points, steps=2000)
flow.sample(1000, steps=20)
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from lecturelib.models.diffusion import Diffusion
from lecturelib.models.guided import Denoiser, Guided
from lecturelib.models.noising import STEPS, Clean, cosine_schedule


class FlowMatching(Guided):
    """Straight lines from noise to data: x_s = (1 - s) noise + s x; the network learns their mean direction x - noise.

    Lipman et al. (2023), arXiv 2210.02747, section 4.1 (their sigma_min 0); Liu, Gong, Liu (2023), arXiv 2209.03003.
    """

    def loss(self, x: Tensor, *condition: Tensor) -> dict[str, Tensor]:
        """The mean squared error of the direction, at a place drawn for each example."""
        x = self.inner(x)
        s = torch.rand(len(x), *(x.ndim - 1) * (1,), device=x.device)
        noise = torch.randn_like(x)
        said = self.network(torch.lerp(noise, x, s), STEPS * (1 - s.flatten()), *self.dropped(condition))
        return {"loss": (said.float() - (x - noise)).square().mean()}

    def walk(
        self, x: Tensor, *condition: Tensor, steps: int = 20, guidance: float = 1.0
    ) -> Iterator[tuple[float, Tensor]]:
        """From noise x to an example: s and x_s, by Heun's rule (two looks a step), all in the network's units."""
        if steps < 1:
            raise ValueError(f"steps is {steps}; at least one is needed")
        for k in range(steps):
            s, end = k / steps, (k + 1) / steps
            yield s, x
            slope = self.say(x, STEPS * (1 - s), *condition, guidance=guidance)
            there = self.say(x + slope / steps, STEPS * (1 - end), *condition, guidance=guidance)
            x = x + (slope + there) / (2 * steps)
        yield 1.0, x

    @torch.no_grad()
    def sample(self, n: int, *condition: Tensor, steps: int = 20, guidance: float = 1.0) -> Tensor:
        """(n, *shape) from noise."""
        for _, x in self.walk(self.noise(n, condition), *condition, steps=steps, guidance=guidance):
            last = x
        return self.outer(last)

    def as_diffusion(self) -> Diffusion:
        """The diffusion that the same network is: it sees the same x_s, only longer or shorter.

        s = sqrt(a) / (sqrt(a) + sqrt(1 - a)) has the signal over the noise of x_t, and x_s = (s / sqrt(a)) x_t; the
        direction then says the clean x = x_s + (1 - s) direction. It has what a diffusion has: other rules of sampling,
        a score, a bound on the likelihood. Kingma, Gao (2023), "Understanding diffusion objectives as the ELBO with
        simple data augmentation", arXiv 2303.00848.
        """
        schedule = cosine_schedule()
        network = _Straight(self.network, schedule.float())
        made = Diffusion(network, self.shape, schedule=schedule, target=Clean(), centre=self.centre, spread=self.spread)
        return made.to(self.device).train(self.training)


class _Straight(Denoiser):
    """Asked for the clean x in x_t: what a network of directions says of it."""

    def __init__(self, network: Denoiser, schedule: Tensor):
        super().__init__()
        self.network, self.conditional = network, network.conditional
        self.register_buffer("schedule", schedule)

    def nothing(self, condition: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return self.network.nothing(condition)

    def forward(self, x: Tensor, t: Tensor, *condition: Tensor) -> Tensor:
        a = self.schedule[t.long()]
        s = a.sqrt() / (a.sqrt() + (1 - a).sqrt())
        each = (-1, *(x.ndim - 1) * (1,))
        x = (s / a.sqrt()).view(each) * x
        return x + (1 - s).view(each) * self.network(x, STEPS * (1 - s), *condition).float()
