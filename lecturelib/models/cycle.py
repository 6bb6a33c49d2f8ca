"""From domain to domain without pairs: two translators, two discriminators, and what comes back should be what went.

    cycle = CycleGAN(Translator(), Translator(), PatchDiscriminator(3), PatchDiscriminator(3))
    fit(cycle, Data(days, nights, names=("x", "other")), steps=2000, batch_size=16, lr=2e-4)
    cycle.translate(days)

Zhu, Park, Isola, Efros (2017), "Unpaired image-to-image translation using cycle-consistent adversarial networks", ICCV.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from lecturelib.games import Game, LeastSquares
from lecturelib.model import Model, Turn
from lecturelib.models.convolutional import Block, strided, transposed
from lecturelib.models.dcgan import begin
from lecturelib.models.translation import translated


class Residual(nn.Module):
    """x + two convolutions of x, each with instance normalisation: (n, channels, h, w) -> the same."""

    def __init__(self, channels: int):
        super().__init__()
        layers = [(nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect"), nn.InstanceNorm2d(channels))
                  for _ in range(2)]  # fmt: skip
        self.change = nn.Sequential(*layers[0], nn.ReLU(), *layers[1])

    def forward(self, x: Tensor) -> Tensor:
        """The input and its change."""
        return x + self.change(x)


class Translator(nn.Module):
    """Pictures (n, channels, h, w) in [0, 1] -> pictures of the same size: down, some residual blocks, and up again.

    Zhu et al. (2017), appendix 7.2, after Johnson, Alahi, Fei-Fei (2016). `near` adds the picture itself before the
    last tanh, so that an untrained one changes little (and, with the identity loss, may never begin to). ValueError
    for sides that cannot be halved so often.
    """

    def __init__(
        self,
        channels: int = 3,  # of the pictures
        width: int = 16,  # of the first layer; it doubles whenever the sides are halved
        halvings: int = 1,
        blocks: int = 3,
        *,
        near: bool = False,
        up: Block = transposed,
        spread: float | None = 0.02,  # standard deviation of the first weights; None: torch's own
    ):
        super().__init__()
        self.halvings, self.near = halvings, near
        widths = [width * 2**k for k in range(halvings + 1)]
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 5, padding=2, padding_mode="reflect")]
        for before, after in pairwise(widths):
            layers += [nn.InstanceNorm2d(before), nn.ReLU(), strided(before, after)]
        layers += [nn.InstanceNorm2d(widths[-1]), nn.ReLU(), *(Residual(widths[-1]) for _ in range(blocks))]
        for before, after in pairwise(widths[::-1]):
            layers += [up(before, after), nn.InstanceNorm2d(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, channels, 5, padding=2, padding_mode="reflect"))
        begin(self, spread)

    def forward(self, x: Tensor) -> Tensor:
        """The translated pictures."""
        if any(side % 2**self.halvings for side in x.shape[2:]):
            raise ValueError(f"pictures of {x.shape[2]} x {x.shape[3]} cannot be halved {self.halvings} times")
        made, x = self.layers(2 * x - 1), (2 * x - 1).clamp(-0.995, 0.995)
        made = made.float()  # in bfloat16 tanh would be flat from 3.6 on
        return (torch.tanh(made + torch.atanh(x.float()) if self.near else made) + 1) / 2


class Pool(nn.Module):
    """The last fakes: a discriminator sees half of the new ones, and for the other half older ones in their places.

    Section 4, which keeps 50, after Shrivastava et al. (2017). Its pictures are buffers, so that a run resumes with
    them; in evaluation mode it does nothing.
    """

    def __init__(self, shape: tuple[int, ...], size: int = 64):
        super().__init__()
        self.register_buffer("kept", torch.zeros(size, *shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def forward(self, fake: Tensor) -> Tensor:
        """(n, *shape) -> as many, some of them older; n may be at most the size of the pool."""
        if not self.training:
            return fake
        n, size = len(fake), len(self.kept)
        if fake.shape[1:] != self.kept.shape[1:]:
            given, kept = (" x ".join(map(str, t.shape[1:])) for t in (fake, self.kept))
            raise ValueError(f"pictures are {given}, but the pool was made for {kept}: say shape=... of one picture")
        if n > size:
            raise ValueError(f"{n} pictures in a batch, but the pool has {size}: make it larger")
        slots = torch.randperm(size, device=fake.device)[:n]
        filling = self.count < size  # one after the other; the last ones may take the places of the first
        slots = torch.where(filling, (self.count + torch.arange(n, device=fake.device)) % size, slots)
        swap = (torch.rand(n, device=fake.device) < 0.5) & ~filling
        old = self.kept[slots]
        where = swap.view(-1, *[1] * (fake.ndim - 1))
        self.kept[slots] = torch.where(where | filling, fake.to(old), old)
        self.count.add_(n).clamp_(max=size)
        return torch.where(where, old.to(fake), fake)


class CycleGAN(Model):
    """Two games at once, one a domain, whose generators each have to undo the other.

    The batch is (x, other): pictures of two domains that have nothing to do with each other. The generators' loss is
    that of both games plus `cycle` times the mean absolute difference of x from there and back, and of other, plus
    `identity` times that of a picture translated into the domain that it is from; either may be 0. Equations 1 to 3,
    with cycle 10 (section 4); section 5.2, with identity half of that. Of least squares the paper leaves out the factor
    1/2, and its pictures are in [-1, 1], twice as far apart: the two cancel. With another game double both weights.
    Domains of unequal size: let `Data.subset` repeat examples of the smaller one.
    """

    def __init__(
        self,
        there: nn.Module,  # from the first domain to the second
        back: nn.Module,
        of_first: nn.Module,  # discriminators
        of_second: nn.Module,
        game: Game | None = None,  # None: least squares, as in the paper
        *,
        shape: tuple[int, int, int] = (3, 32, 32),  # of a picture, for the pools
        cycle: float = 10.0,
        identity: float = 0.0,
        pool: int = 64,
        betas: tuple[float, float] = (0.5, 0.999),
    ):
        super().__init__()
        if min(cycle, identity) < 0:
            raise ValueError(f"cycle is {cycle}, identity {identity}: neither may be negative")
        self.generators = nn.ModuleList([there, back])
        self.discriminators = nn.ModuleList([of_first, of_second, Pool(shape, pool), Pool(shape, pool)])
        self.game, self.cycle, self.identity, self.betas = game or LeastSquares(), cycle, identity, betas

    def there(self, x: Tensor) -> Tensor:
        """Pictures of the first domain as they would be in the second."""
        return self.generators[0](x)

    def back(self, other: Tensor) -> Tensor:
        """Pictures of the second domain as they would be in the first."""
        return self.generators[1](other)

    def translate(self, x: Tensor, back: bool = False) -> Tensor:
        """Pictures of the first domain, or, `back`, of the second, as the other one has them: (n, ...) -> (n, ...)."""
        return translated(self.generators[int(back)], x)

    def loss(self, x: Tensor, other: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """The discriminators' losses, together; "first" and "second" are those of each domain."""
        of_first, of_second, firsts, seconds = self.discriminators
        with torch.no_grad():
            fake_first, fake_second = firsts(self.back(other)), seconds(self.there(x))
        first, second = (
            self.game.discriminator(discriminator(real).float(), discriminator(fake).float())
            for discriminator, real, fake in ((of_first, x, fake_first), (of_second, other, fake_second))
        )
        return {"loss": first + second, "first": first, "second": second}

    def generators_loss(self, x: Tensor, other: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """Both games', the way there and back, and that what is of a domain already should stay."""
        of_first, of_second = self.discriminators[:2]
        second, first = self.there(x), self.back(other)
        game = self.game.generator(of_second(second).float()) + self.game.generator(of_first(first).float())
        parts = {"loss": game, "game": game}
        if self.cycle:
            parts["cycle"] = away(self.back(second), x) + away(self.there(first), other)
            parts["loss"] = parts["loss"] + self.cycle * parts["cycle"]
        if self.identity:
            parts["identity"] = away(self.back(x), x) + away(self.there(other), other)
            parts["loss"] = parts["loss"] + self.identity * parts["identity"]
        return parts

    def turns(self, lr: float) -> list[Turn]:
        """Both discriminators, then both generators, by Adam."""
        players = (
            ("discriminators", self.loss, self.discriminators),
            ("generators", self.generators_loss, self.generators),
        )
        options = {"lr": lr, "betas": self.betas, "fused": True}
        return [Turn(name, loss, torch.optim.Adam(player.parameters(), **options), player=player)
                for name, loss, player in players]  # fmt: skip


def away(a: Tensor, b: Tensor) -> Tensor:
    """The mean absolute difference of two pictures."""
    return (a - b).abs().float().mean()
