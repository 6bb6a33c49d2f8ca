"""Eight Gaussians on a circle, and a small GAN: which games and which settings lose modes, and which keep all.

The generator's averaged weights are judged, and beside them those of the last step.
"""

from collections.abc import Generator
from dataclasses import dataclass

from torch import Tensor, nn

from lecturelib.data import Data, load
from lecturelib.experiments.running import Experiment, Stage
from lecturelib.fidelity import modes_covered
from lecturelib.games import R1, Game, GradientPenalty, Hinge, LeastSquares, Minimax, NonSaturating, Wasserstein
from lecturelib.games import spectral as spectral_norm
from lecturelib.layers import mlp
from lecturelib.models.gan import GAN
from lecturelib.resume import History
from lecturelib.runtime import device
from lecturelib.training import cosine

JUDGED = 4000  # samples
falling = cosine(flat=0.7)  # a schedule: the full learning rate, in the last three tenths down to 0


class Stretch(nn.Module):
    """x times a number: a network of slope 1 on top of it has that slope."""

    def __init__(self, by: float):
        super().__init__()
        self.by = by

    def forward(self, x: Tensor) -> Tensor:
        """x, longer."""
        return self.by * x


@dataclass(frozen=True)
class Ring(Experiment):
    """The non-saturating game on a ring of eight Gaussians, with Adam's usual momentum and a constant rate.

    Radius 2, standard deviation 0.05; two hidden layers of 64 units on each side, 16 entries of noise. Figures, for
    the averaged weights and for the last: modes covered, and the share of samples within three standard deviations.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    falling: bool = False  # the learning rate falls as a cosine in the last three tenths of the run
    r1: float = 0.0  # gamma
    gradient_penalty: float = 0.0
    spectral: bool = False
    stretch: float = 1.0  # what the discriminator sees of x is so many times larger
    clip: float | None = None
    critic_steps: int = 1
    lr: float = 1.2e-2
    ema: float = 0.995
    noise: float = 0.05  # of the data: standard deviation of each Gaussian
    latent: int = 16
    width: int = 64
    steps: int = 2600
    batch_size: int = 256

    def data(self) -> Data:
        """Points of the ring."""
        return load("toys", kind="ring_of_gaussians", n=20_000, noise=self.noise, seed=self.seed).to(device())

    def game(self) -> Game:
        """What is played."""
        return NonSaturating()

    def gan(self) -> GAN:
        """Both players and their game."""
        critic = mlp([2, self.width, self.width, 1], lambda: nn.LeakyReLU(0.2))
        penalty = R1(self.r1) if self.r1 else GradientPenalty(self.gradient_penalty) if self.gradient_penalty else None
        return GAN(
            mlp([self.latent, self.width, self.width, 2]),
            nn.Sequential(Stretch(self.stretch), spectral_norm(critic) if self.spectral else critic, nn.Flatten(0)),
            self.game(),
            noise=self.latent,
            penalty=penalty,
            critic_steps=self.critic_steps,
            clip=self.clip,
            betas=(self.beta1, self.beta2),
        )

    def stages(self) -> Generator[Stage, History, dict[str, float]]:
        data, gan = self.data(), self.gan()
        options = {"ema": self.ema, "schedule": falling if self.falling else None}
        history = yield Stage("gan", gan, data, self.steps, self.batch_size, self.lr, options)
        means, figures = data.truth.means, {}
        for name, model in (("", history.ema), (", last step", gan)):
            covered, near = modes_covered(model.sample(JUDGED), means, within=3 * self.noise)
            figures |= {f"modes covered{name}": covered, f"near a mode{name}": near}
        return figures


@dataclass(frozen=True)
class MinimaxRing(Ring):
    """The minimax game on the same ring."""

    def game(self) -> Game:
        return Minimax()


@dataclass(frozen=True)
class LeastSquaresRing(Ring):
    """The game of least squares on the same ring."""

    def game(self) -> Game:
        return LeastSquares()


@dataclass(frozen=True)
class HingeRing(Ring):
    """The hinge game on the same ring."""

    def game(self) -> Game:
        return Hinge()


@dataclass(frozen=True)
class WassersteinRing(Ring):
    """The game of the Wasserstein distance on the same ring."""

    def game(self) -> Game:
        return Wasserstein()
