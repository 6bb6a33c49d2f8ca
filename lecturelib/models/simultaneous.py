"""A GAN whose players move at the same time, from one pass through each network.

    gan = Simultaneous(generator, discriminator, noise=64, penalty=R1(0.01), lazy=8)
    fit(gan, data, steps=2000)

Both players follow their gradients at the same place, which is the simultaneous gradient descent of Mescheder, Geiger,
Nowozin (2018), arXiv 1801.04406, section 2. What one loss sends back to the fakes is what the other one sends back,
times a number for each fake; so one pass back serves both, as the one through a gradient reversal layer does (Ganin,
Lempitsky 2015, arXiv 1409.7495).
"""

import torch
from torch import Tensor, nn

from lecturelib.games import Game, Minimax, NonSaturating, Wasserstein
from lecturelib.model import Turn
from lecturelib.models.gan import GAN
from lecturelib.models.growing import MinibatchDeviation

# through these a score depends on all examples
MIXING = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, MinibatchDeviation)


class Simultaneous(GAN):
    """One turn a step, in which the discriminator and the generator both move; options are those of `GAN`.

    A step takes three quarters to four fifths of the time of two turns. Momentum makes players that move together
    circle one another (Gidel et al. 2019, "Negative momentum for improved game dynamics", arXiv 1807.04740), so Adam
    has none here, unless `betas` say so (`benchmarks/gan.py --quality` says what comes of it). A fake to which the
    critic gives less than about -80 teaches the generator nothing, as the slope there is no number any more; `clip` of
    `train` is one bound on the gradient of both players.
    ValueError where the trick does not hold: a game in which a fake may leave the discriminator without a slope, a
    discriminator whose scores depend on one another (batch norm, the deviation over the batch), or more steps of the
    critic than of the generator.
    """

    def __init__(self, generator: nn.Module, discriminator: nn.Module, game: Game | None = None, **options):
        super().__init__(generator, discriminator, game, **{"betas": (0.0, 0.999)} | options)
        if not isinstance(self.game, Minimax | NonSaturating | Wasserstein):
            raise ValueError(f"{type(self.game).__name__}: where its discriminator has no slope, one pass back cannot "
                             "serve both players; take Minimax, NonSaturating, Wasserstein, or GAN")  # fmt: skip
        for module in discriminator.modules():
            if isinstance(module, MIXING):
                raise ValueError(f"the discriminator has {type(module).__name__}, through which a score depends on all "
                                 "examples: one pass back cannot serve both players; leave it out, or take GAN"
                                 )  # fmt: skip
        if self.critic_steps > 1 or self.clip is not None:
            raise ValueError("the players move together: critic_steps and clip are of GAN")

    def loss(self, x: Tensor, *batch: Tensor) -> dict[str, Tensor]:
        """The discriminator's loss, whose gradient in the generator's parameters is that of the generator's loss."""
        condition = self.condition(batch)
        fake = self.fake(len(x), *condition)
        twice = (torch.cat([part, part]) for part in condition)
        real_scores, fake_scores = self.discriminator(torch.cat([x.to(fake), fake]), *twice).float().chunk(2)
        if fake_scores.numel() != len(x):
            raise ValueError(f"the discriminator gives scores {tuple(fake_scores.shape[1:])}: one for each is needed")
        if fake.requires_grad:
            turned = self._turned(real_scores, fake_scores).to(fake).view(-1, *(fake.ndim - 1) * (1,))
            fake.register_hook(lambda slope: slope * turned)
        parts = {"loss": self.game.discriminator(real_scores, fake_scores)}
        if self.penalty is not None and self.lazy == 1:
            parts["penalty"] = self.penalty(self.discriminator, x, fake.detach(), *condition)
            parts["loss"] = parts["loss"] + parts["penalty"]
        return parts | {"real": real_scores.mean(), "fake": fake_scores.mean()}

    def _turned(self, real: Tensor, fake: Tensor) -> Tensor:
        """The slope of the generator's loss in each fake's score, over that of the discriminator's."""
        with torch.enable_grad():
            score = fake.detach().requires_grad_()
            (of_maker,) = torch.autograd.grad(self.game.generator(score), score)
            (of_critic,) = torch.autograd.grad(self.game.discriminator(real.detach(), score), score)
        least = torch.finfo(of_critic.dtype).tiny
        return (of_maker / torch.where(of_critic.abs() < least, least, of_critic)).flatten()

    def turns(self, lr: float) -> list[Turn]:
        """One Adam for both, and a lazy penalty's own turn, for which the discriminator's rates are corrected."""
        groups = [{"params": [*self.discriminator.parameters()], **self.critic_rates(lr)},
                  {"params": [*self.generator.parameters()], "lr": lr, "betas": self.betas}]  # fmt: skip
        adam = torch.optim.Adam(groups, fused=True)
        turns = [Turn("both", self.loss, adam, compiled=False)]
        if self.penalty is not None and self.lazy > 1:
            turns.append(Turn("penalty", self.penalty_loss, adam, self.lazy, self.discriminator, compiled=False))
        return turns
