"""Generative adversarial networks: any generator, any discriminator, any game.

    gan = GAN(generator, discriminator, NonSaturating(), noise=100)
    fit(gan, data, steps=2000, lr=2e-4)
    gan.sample(16)

Goodfellow et al. (2014), "Generative adversarial nets", NIPS 27, algorithm 1.
"""

import torch
from torch import Tensor, nn

from lecturelib.games import R1, Game, GradientPenalty, NonSaturating
from lecturelib.model import Model, Turn


class GAN(Model):
    """Two turns a step: the discriminator tells real from fake, then the generator makes better fakes.

    generator: (n, noise) -> (n, *shape); discriminator: (n, *shape) -> logits. Conditional ones take the labels of the
    batch, (n, ...), as a second argument, and so does `sample`.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        game: Game | None = None,  # None: the non-saturating one
        *,
        noise: int = 100,  # entries of z, each from N(0, 1)
        conditional: bool = False,  # False: labels in the batch are not looked at
        penalty: R1 | GradientPenalty | None = None,  # on the discriminator's slope
        lazy: int = 1,  # the penalty is taken every so many steps, with so many times its weight
        critic_steps: int = 1,  # steps of the discriminator for each of the generator
        clip: float | None = None,  # the discriminator's weights are held within +-clip
        betas: tuple[float, float] = (0.5, 0.999),  # of Adam; Radford et al. (2016) found beta1 = 0.9 unstable
    ):
        super().__init__()
        if min(noise, lazy, critic_steps) < 1:
            raise ValueError(f"noise is {noise}, lazy {lazy}, critic_steps {critic_steps}: each must be at least 1")
        if clip is not None and clip <= 0:
            raise ValueError(f"clip is {clip}; weights are held within +-clip, a positive number, or None for no bound")
        self.generator, self.discriminator = generator, discriminator
        self.game, self.penalty = game or NonSaturating(), penalty
        self.noise, self.conditional, self.lazy = noise, conditional, lazy
        self.critic_steps, self.clip, self.betas = critic_steps, clip, betas

    def condition(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """What both players are told of a batch: the first entry after x, or nothing."""
        if self.conditional and not batch:
            raise ValueError("this GAN is conditional: it takes batches of examples and their labels")
        return batch[:1] if self.conditional else ()

    def fake(self, n: int, *condition: Tensor) -> Tensor:
        """Examples from noise, (n, *shape)."""
        return self.generator(torch.randn(n, self.noise, device=self.device), *condition)

    @torch.no_grad()
    def sample(self, n: int, *condition: Tensor) -> Tensor:
        """n examples, each of its condition where the GAN is conditional: (n, *shape). ValueError without one there."""
        if self.conditional and not (condition and len(condition[0]) == n):
            given = f"{len(condition[0])} are given" if condition else "none is given"
            raise ValueError(f"this GAN is conditional: {n} examples need {n} conditions, and {given}")
        return self.fake(n, *condition)

    def loss(self, x: Tensor, *batch: Tensor) -> dict[str, Tensor]:
        """The discriminator's loss, with the penalty where it is taken in each step.

        "real", "fake": the mean logits of both.
        """
        condition = self.condition(batch)
        with torch.no_grad():  # nothing here moves the generator
            fake = self.fake(len(x), *condition)
        real_scores, fake_scores = self.discriminator(x, *condition), self.discriminator(fake, *condition)
        parts = {"loss": self.game.discriminator(real_scores.float(), fake_scores.float())}
        if self.penalty is not None and self.lazy == 1:
            parts["penalty"] = self.penalty(self.discriminator, x, fake, *condition)
            parts["loss"] = parts["loss"] + parts["penalty"]
        return parts | {"real": real_scores.mean(), "fake": fake_scores.mean()}

    def generator_loss(self, x: Tensor, *batch: Tensor) -> dict[str, Tensor]:
        """The generator's loss on as many fakes as there are in the batch."""
        condition = self.condition(batch)
        scores = self.discriminator(self.fake(len(x), *condition), *condition)
        return {"loss": self.game.generator(scores.float())}

    def penalty_loss(self, x: Tensor, *batch: Tensor) -> dict[str, Tensor]:
        """The penalty alone, times `lazy`: Karras et al. (2020), StyleGAN2, section 3.1."""
        condition = self.condition(batch)
        with torch.no_grad():
            fake = self.fake(len(x), *condition)
        return {"loss": self.lazy * self.penalty(self.discriminator, x, fake, *condition)}

    def turns(self, lr: float) -> list[Turn]:
        """Adam for both; a lazy penalty shares the discriminator's, whose rates are corrected for its extra turns."""
        lazy = self.penalty is not None and self.lazy > 1
        critic = torch.optim.Adam(self.discriminator.parameters(), **self.critic_rates(lr), fused=True)
        if self.clip is not None:
            critic.register_step_post_hook(lambda *_: self._hold())
        maker = torch.optim.Adam(self.generator.parameters(), lr=lr, betas=self.betas, fused=True)
        smooth = self.penalty is None or lazy  # torch.compile cannot differentiate twice
        turns = [Turn("discriminator", self.loss, critic, player=self.discriminator, compiled=smooth)]
        if lazy:
            turns.append(Turn("penalty", self.penalty_loss, critic, self.lazy, self.discriminator, compiled=False))
        return [*turns, Turn("generator", self.generator_loss, maker, every=self.critic_steps, player=self.generator)]

    def critic_rates(self, lr: float) -> dict:
        """Adam's `lr` and `betas` for the discriminator, corrected for the extra turns of a lazy penalty."""
        share = self.lazy / (self.lazy + 1) if self.penalty is not None and self.lazy > 1 else 1.0
        return {"lr": lr * share, "betas": tuple(beta**share for beta in self.betas)}

    @torch.no_grad()
    def _hold(self) -> None:
        for parameter in self.discriminator.parameters():
            parameter.clamp_(-self.clip, self.clip)
