"""From picture to picture, learned from pairs: a U-Net, a discriminator of patches, and the game that they play.

    pix2pix = Pix2Pix(UNet(1, 3), PatchDiscriminator(3 + 1))
    fit(pix2pix, Data(photos, drawings, names=("x", "drawing")), steps=2000, lr=2e-4)
    pix2pix.translate(drawings)

Isola, Zhu, Zhou, Efros (2017), "Image-to-image translation with conditional adversarial networks", CVPR. Pictures are
in [0, 1]; the networks move them to [-1, 1] and back.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from lecturelib.games import Game
from lecturelib.model import Turn
from lecturelib.models.convolutional import Block, strided, transposed
from lecturelib.models.dcgan import begin
from lecturelib.models.gan import GAN


class UNet(nn.Module):
    """Pictures (n, in, h, w) -> (n, out, h, w) in [0, 1], down and up again; maps on the way down are kept for that up.

    k blocks halve the sides, k blocks double them; a block on the way up sees, beside what comes from below, the map of
    its size from the way down. skip=False leaves these out: what is left is an autoencoder with a bottleneck.
    Section 3.2.1, after Ronneberger, Fischer, Brox (2015). ValueError for sides that are no multiples of 2^k.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        channels: Sequence[int] = (32, 64, 128),  # after each block on the way down
        *,
        skip: bool = True,
        dropout: float = 0.0,  # in the innermost block of the way up; the paper keeps it when the network is used, too
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,  # channels -> a layer; nn.InstanceNorm2d for single pictures
        up: Block = transposed,
        spread: float | None = 0.02,  # standard deviation of the first weights; None: torch's own
    ):
        super().__init__()
        if not channels:
            raise ValueError("channels is empty: give one number for each halving")
        self.skip, self.halvings = skip, len(channels)
        down, up_again, widths = [], [], [channels_in, *channels]
        for number, (before, after) in enumerate(pairwise(widths)):
            normed = [norm(after)] if 0 < number < len(channels) - 1 else []  # innermost: one pixel may be left
            down.append(nn.Sequential(*([nn.LeakyReLU(0.2)] if number else []), strided(before, after), *normed))
        for number, (after, before) in enumerate(pairwise(widths[:0:-1])):
            seen = after * (1 + (skip and number > 0))
            noise = [nn.Dropout2d(dropout)] if dropout and not number else []
            up_again.append(nn.Sequential(nn.ReLU(), up(seen, before), norm(before), *noise))
        last = nn.Sequential(nn.ReLU(), up(channels[0] * (1 + (skip and len(channels) > 1)), channels_out))
        self.down, self.up = nn.ModuleList(down), nn.ModuleList([*up_again, last])
        begin(self, spread)

    def forward(self, x: Tensor) -> Tensor:
        """The translated pictures."""
        if any(side % 2**self.halvings for side in x.shape[2:]):
            raise ValueError(f"pictures of {x.shape[2]} x {x.shape[3]} cannot be halved {self.halvings} times")
        x, kept = 2 * x - 1, []
        for block in self.down:
            x = block(x)
            kept.append(x)
        kept.pop()
        for number, block in enumerate(self.up):
            x = block(torch.cat([x, kept.pop()], 1) if self.skip and number else x)
        return (torch.tanh(x.float()) + 1) / 2  # in bfloat16 it would be flat from 3.6 on


class PatchDiscriminator(nn.Module):
    """Pictures, and beside them what they were made from, -> a map of logits (n, h', w'), each of a patch.

    `field` is the side of the patch that one logit sees. Section 3.2.2; 70 there, for pictures of 256 pixels.
    """

    def __init__(
        self,
        channels_in: int,  # of the picture and of what it was made from, together
        channels: Sequence[int] = (32, 64),  # after each block
        *,
        strides: Sequence[int] | None = None,  # of each block; None: 2 for all. (2, 2, 2, 1) in the paper
        norm: Callable[[int], nn.Module] | None = nn.BatchNorm2d,  # channels -> a layer, but not in the first block
        spread: float | None = 0.02,
    ):
        super().__init__()
        strides = [2] * len(channels) if strides is None else strides
        if not channels or len(strides) != len(channels):
            raise ValueError(f"there are {len(channels)} channels and {len(strides)} strides: give one of each a block")
        blocks: list[nn.Module] = []
        for before, after, stride in zip([channels_in, *channels], channels, strides, strict=False):
            normed = [norm(after)] if norm and blocks else []
            blocks += [nn.Conv2d(before, after, 4, stride, padding=1), *normed, nn.LeakyReLU(0.2)]
        self.blocks, self.score = nn.Sequential(*blocks), nn.Conv2d(channels[-1], 1, 4, padding=1)
        begin(self, spread)

    @property
    def field(self) -> int:
        """Side of the patch that a logit sees, in pixels."""
        return receptive_field([m for m in self.modules() if isinstance(m, nn.Conv2d)])

    def features(self, x: Tensor, *condition: Tensor) -> Tensor:
        """The last maps, before the logits."""
        return self.blocks(2 * torch.cat([x, *condition], 1) - 1)

    def forward(self, x: Tensor, *condition: Tensor) -> Tensor:
        """Logits of being real, and of going with the condition."""
        return self.score(self.features(x, *condition))[:, 0]


def receptive_field(layers: Sequence[nn.Module]) -> int:
    """Side, in pixels of the input, of what one output of a chain of square convolutions sees."""
    side = 1
    for layer in reversed(layers):
        side = (side - 1) * layer.stride[0] + layer.kernel_size[0]
    return side


@torch.no_grad()
def translated(network: nn.Module, x: Tensor, chunk: int = 256) -> Tensor:
    """What a network makes of x in evaluation mode, part by part, on its own device: (n, ...) -> (n, ...)."""
    was_training, _ = network.training, network.eval()
    where = next(network.parameters()).device
    made = torch.cat([network(part.to(where)) for part in x.split(chunk)])
    network.train(was_training)
    return made


class PairedGAN(GAN):
    """A conditional GAN without noise, that learns from pairs: the generator makes a picture of the condition alone.

    The batch is (x, condition, ...): pictures as they should be, and what they are to be made from. With
    adversarial=False there is no game: the generator's own loss is all, and the discriminator rests.
    """

    def __init__(self, generator: nn.Module, discriminator: nn.Module, game: Game | None = None,
                 adversarial: bool = True, **options):  # fmt: skip
        super().__init__(generator, discriminator, game, conditional=True, **options)
        self.adversarial = adversarial

    def fake(self, n: int, *condition: Tensor) -> Tensor:
        """What is made of n conditions."""
        return self.generator(*condition)

    def translate(self, condition: Tensor) -> Tensor:
        """What the generator makes of conditions, in evaluation mode: (n, ...) -> (n, ...)."""
        return translated(self.generator, condition)

    def turns(self, lr: float) -> list[Turn]:
        """Both players'; the generator's alone where nothing is adversarial."""
        turns = super().turns(lr)
        return turns if self.adversarial else turns[-1:]


class Pix2Pix(PairedGAN):
    """The generator translates the condition, and stays near its pair.

    Its loss is the game's plus `weight` times the mean absolute difference from x, on the scale from -1 to 1; weight
    and game may each be switched off. Section 3.1, equation 4.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        game: Game | None = None,
        *,
        weight: float = 100.0,  # lambda; pictures are in [-1, 1] there, so that all distances are twice as large
        adversarial: bool = True,  # False: the absolute difference alone, and the discriminator rests
        **options,  # of GAN: penalty, lazy, betas
    ):
        if weight < 0 or (weight == 0 and not adversarial):
            raise ValueError(f"weight is {weight} with adversarial={adversarial}: there is nothing to learn from")
        super().__init__(generator, discriminator, game, adversarial, **options)
        self.weight = weight

    def generator_loss(self, x: Tensor, *batch: Tensor) -> dict[str, Tensor]:
        """The game's loss of the translations, and their distance from x."""
        condition = self.condition(batch)
        fake = self.fake(len(x), *condition)
        away = (fake - x).abs().float().mean()
        if not self.adversarial:
            return {"loss": 2 * self.weight * away, "away": away}
        game = self.game.generator(self.discriminator(fake, *condition).float())
        return {"loss": game + 2 * self.weight * away, "away": away, "game": game}


