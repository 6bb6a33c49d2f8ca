"""Small pictures made large: a residual network with sub-pixel convolutions, alone and against a discriminator.

    srgan = SRGAN(SuperResolution(4), PatchDiscriminator(3), adversarial=False)
    fit(srgan, Data(photos, small, names=("x", "low")), steps=2000, lr=5e-4)
    srgan.enlarge(small)

Ledig et al. (2017), "Photo-realistic single image super-resolution using a generative adversarial network", CVPR,
arXiv 1609.04802. Pictures are in [0, 1].
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.games import Game
from lecturelib.models.likelihoods import Perceptual
from lecturelib.models.translation import PairedGAN


def convolution(channels_in: int, channels_out: int, kernel: int = 3) -> nn.Conv2d:
    """One that leaves the sides as they are; what lies outside the picture is taken to be like its border."""
    return nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, padding_mode="replicate")


class Residual(nn.Module):
    """x + two convolutions of x: (n, channels, h, w) -> the same. Figure 4 of the paper; norm may be left out."""

    def __init__(self, channels: int, norm: Callable[[int], nn.Module] | None = None):
        super().__init__()
        first, second = ([convolution(channels, channels), *([norm(channels)] if norm else [])] for _ in range(2))
        self.change = nn.Sequential(*first, nn.PReLU(), *second)

    def forward(self, x: Tensor) -> Tensor:
        """The input and its change."""
        return x + self.change(x)


class SuperResolution(nn.Module):
    """Small pictures (n, channels, h, w) in [0, 1] -> (n, channels, factor h, factor w): "SRResNet".

    All residual blocks work at the small size; then each doubling makes four times the maps and lays them out as pixels
    (Shi et al. 2016, arXiv 1609.05158, equation 4). What comes out is added to the bicubic enlargement, which the paper
    does not do; only in evaluation is the sum cut to [0, 1], as a cut would stop gradients. ValueError for a factor
    that is no power of two.
    """

    def __init__(
        self,
        factor: int = 4,
        channels: int = 3,  # of the pictures
        width: int = 64,
        blocks: int = 8,  # 16 in the paper
        *,
        norm: Callable[[int], nn.Module] | None = None,  # nn.BatchNorm2d in the paper; Lim et al. (2017) found it harms
    ):
        super().__init__()
        if factor < 2 or factor & (factor - 1):
            raise ValueError(f"factor is {factor}: sides are doubled, so it must be 2, 4, 8 or another power of two")
        self.factor = factor
        self.first = nn.Sequential(convolution(channels, width, 5), nn.PReLU())
        self.blocks = nn.Sequential(*(Residual(width, norm) for _ in range(blocks)), convolution(width, width))
        doublings = (
            nn.Sequential(convolution(width, 4 * width), nn.PixelShuffle(2), nn.PReLU())
            for _ in range(factor.bit_length() - 1)
        )
        self.up = nn.Sequential(*doublings, convolution(width, channels, 5))

    def forward(self, low: Tensor) -> Tensor:
        """The enlarged pictures."""
        x = self.first(2 * low - 1)
        change = self.up(x + self.blocks(x)).float()
        made = enlarged(low, self.factor) + change
        return made if self.training else made.clamp(0, 1)


def enlarged(low: Tensor, factor: int) -> Tensor:
    """Bicubic interpolation: (n, c, h, w) -> (n, c, factor h, factor w), not cut to [0, 1]."""
    return F.interpolate(low.float(), scale_factor=factor, mode="bicubic", align_corners=False)


def squared_error(made: Tensor, x: Tensor) -> Tensor:
    """The mean over all pixels, (). Equation 4."""
    return (made - x).float().square().mean()


class FeatureDistance(Perceptual):
    """How far pictures are apart in the eyes of a trained network: the mean squared difference at each stage, weighted.

    `pixels` weighs the squared error of the pictures themselves. Equation 5, there with the layers of VGG19.
    """

    def __init__(
        self,
        stages: Sequence[nn.Module],  # layers of the network, one after the other
        weights: Sequence[float] | float = 1.0,  # of each stage
        pixels: float = 0.0,
        middle: float = 0.5,  # is subtracted from pictures before the first stage sees them
    ):
        super().__init__(stages, weights, pixels)
        self.middle = middle

    def forward(self, made: Tensor, x: Tensor) -> Tensor:
        """(n, c, h, w) twice -> ()."""
        with torch.no_grad():
            wanted = self.features(x - self.middle)
        pairs = zip(self.weights, self.features(made - self.middle), wanted, strict=True)
        return self.pixels * squared_error(made, x) + sum(weight * squared_error(a, b) for weight, a, b in pairs)


class PicturesAlone(nn.Module):
    """A discriminator that is not told what a picture was made from."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, *_: Tensor) -> Tensor:
        """The network's logits of x."""
        return self.network(x)


class SRGAN(PairedGAN):
    """A generator that enlarges, and a discriminator that asks whether a picture was large from the beginning.

    The batch is (x, low, ...): pictures, and their small versions. The generator's loss is the content distance from x
    plus `weight` times the game's. Equation 3, whose weight is 1e-3, beside a content of VGG's features.
    """

    def __init__(
        self,
        generator: nn.Module,  # (n, c, h, w) -> (n, c, factor h, factor w)
        discriminator: nn.Module,  # (n, c, factor h, factor w) -> logits
        game: Game | None = None,
        *,
        weight: float = 1e-3,
        content: Callable[[Tensor, Tensor], Tensor] = squared_error,  # (made, x) -> (); or a FeatureDistance
        adversarial: bool = True,  # False: the content alone ("SRResNet"), and the discriminator rests
        **options,  # of GAN: penalty, lazy, betas
    ):
        super().__init__(generator, PicturesAlone(discriminator), game, adversarial, **options)
        if weight < 0:
            raise ValueError(f"weight is {weight}: the game's share of the loss cannot be negative")
        self.weight, self.content = weight, content

    def enlarge(self, low: Tensor) -> Tensor:
        """What the generator makes of small pictures: (n, c, h, w) -> (n, c, factor h, factor w)."""
        return self.translate(low)

    def generator_loss(self, x: Tensor, *batch: Tensor) -> dict[str, Tensor]:
        """The content distance from x, and the game's loss."""
        made = self.fake(len(x), *self.condition(batch))
        content = self.content(made, x)
        if not self.adversarial:
            return {"loss": content, "content": content}
        game = self.game.generator(self.discriminator(made).float())
        return {"loss": content + self.weight * game, "content": content, "game": game}
