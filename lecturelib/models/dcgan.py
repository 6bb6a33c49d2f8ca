"""The networks of DCGAN: deep convolutional generators and discriminators, each of whose guidelines can be left out.

    gan = GAN(Generator((1, 32, 32)), Discriminator((1, 32, 32)), noise=100)
    fit(gan, data, steps=2000, batch_size=64, lr=2e-4)

Radford, Metz, Chintala (2016), "Unsupervised representation learning with deep convolutional generative adversarial
networks", arXiv 1511.06434, section 3. Pictures are in [0, 1]: the generator's tanh is moved there, and the
discriminator moves them back to [-1, 1].
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.models.convolutional import Block, strided, transposed


class Generator(nn.Module):
    """z (n, noise), and beside it conditions (n, k), -> pictures (n, *shape) in [0, 1].

    A linear layer makes a map of height/2^k x width/2^k with the first number of channels, and k blocks double its
    sides. ValueError where the sides, with the margins, cannot be halved so often.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],  # of one picture: channels, height, width
        noise: int = 100,
        channels: Sequence[int] = (128, 64),  # before each block
        *,
        conditions: int = 0,  # entries of a condition
        margin: int = 0,  # pixels that are made around the picture and cut off: 28 + 2 * 2 can be halved five times
        up: Block = transposed,  # guideline 1: fractionally strided convolutions
        norm: bool = True,  # guideline 2: batch normalisation
        hidden: int | None = None,  # guideline 3: None for no hidden layer that is fully connected
        activation: Callable[[], nn.Module] = nn.ReLU,  # guideline 4
        output: Callable[[], nn.Module] = nn.Tanh,  # guideline 4; its range is taken to be [-1, 1]
        spread: float | None = 0.02,  # standard deviation of the first weights; None: torch's own
    ):
        super().__init__()
        height, width = halved(shape, len(channels), margin)
        self.start, self.margin = (channels[0], height, width), margin
        size, told = channels[0] * height * width, noise + conditions
        between = [] if hidden is None else [nn.Linear(told, hidden), activation()]
        self.project = nn.Sequential(*between, nn.Linear(told if hidden is None else hidden, size))
        blocks: list[nn.Module] = [*_normed(channels[0], norm), activation()]
        for channels_in, channels_out in pairwise(channels):
            blocks += [up(channels_in, channels_out), *_normed(channels_out, norm), activation()]
        self.blocks = nn.Sequential(*blocks, up(channels[-1], shape[0]), output())
        begin(self, spread)

    def forward(self, z: Tensor, *condition: Tensor) -> Tensor:
        """Pictures of noise."""
        z = torch.cat([z, *(part.flatten(1).to(z) for part in condition)], 1)
        x = (self.blocks(self.project(z).view(-1, *self.start)) + 1) / 2
        return F.pad(x, 4 * [-self.margin])


class Discriminator(nn.Module):
    """Pictures (n, *shape) in [0, 1], with maps of conditions (n, k) as further channels, -> logits (n,).

    k blocks halve the sides, a linear layer makes one number of what is left (or one a class). `features` is what it
    looks at.
    ValueError where the sides, with the margins, cannot be halved so often.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        channels: Sequence[int] = (64, 128),  # after each block
        *,
        conditions: int = 0,  # entries of a condition
        margin: int = 0,  # pixels of black that are laid around the picture first
        classes: int | None = None,  # a number: logits of so many classes, (n, classes), instead of one of "real"
        down: Block = strided,  # guideline 1: strided convolutions, no pooling
        norm: bool = True,  # guideline 2: batch normalisation, but not in the first layer
        hidden: int | None = None,  # guideline 3: None for no hidden layer that is fully connected
        activation: Callable[[], nn.Module] = lambda: nn.LeakyReLU(0.2),  # guideline 5
        spread: float | None = 0.02,
    ):
        super().__init__()
        height, width = halved(shape, len(channels), margin)
        blocks: list[nn.Module] = []
        for number, (channels_in, channels_out) in enumerate(pairwise([shape[0] + conditions, *channels])):
            blocks += [down(channels_in, channels_out), *_normed(channels_out, norm and number > 0), activation()]
        self.blocks, size = nn.Sequential(*blocks, nn.Flatten()), channels[-1] * height * width
        between = [] if hidden is None else [nn.Linear(size, hidden), activation()]
        self.score = nn.Sequential(*between, nn.Linear(size if hidden is None else hidden, classes or 1))
        self.classes, self.margin = classes, margin
        begin(self, spread)

    def features(self, x: Tensor, *condition: Tensor) -> Tensor:
        """The last map, flat: (n, *shape) -> (n, features)."""
        x = F.pad(x, 4 * [self.margin])
        maps = [part.flatten(1).to(x)[:, :, None, None].expand(-1, -1, *x.shape[2:]) for part in condition]
        return self.blocks(torch.cat([2 * x - 1, *maps], 1))

    def forward(self, x: Tensor, *condition: Tensor) -> Tensor:
        """Logits of being real, or of the classes."""
        logits = self.score(self.features(x, *condition))
        return logits if self.classes else logits[:, 0]


class ProjectionDiscriminator(Discriminator):
    """Pictures (n, *shape) and conditions (n, k) -> logits (n,): score(f) + <V y, f>, f the features of the picture.

    The condition is not seen beside the pixels; it is asked whether the features fit to it. Miyato and Koyama (2018),
    "cGANs with projection discriminator", arXiv 1802.05637, equation 8.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        channels: Sequence[int] = (64, 128),  # after each block
        *,
        conditions: int,  # entries of a condition
        **options,  # of Discriminator
    ):
        super().__init__(shape, channels, **options)
        self.embed = nn.Linear(conditions, self.score[0].in_features, bias=False)
        begin(self.embed, options.get("spread", 0.02))

    def forward(self, x: Tensor, *condition: Tensor) -> Tensor:
        """Logits of being real and of this condition."""
        features = self.features(x)
        (condition,) = condition
        return self.score(features)[:, 0] + (self.embed(condition.to(features)) * features).sum(1)


def halved(shape: tuple[int, int, int], times: int, margin: int = 0) -> tuple[int, int]:
    """Height and width, with margins, after so many halvings; ValueError where they are not whole."""
    height, width = shape[1] + 2 * margin, shape[2] + 2 * margin
    if not times or height % 2**times or width % 2**times:
        raise ValueError(f"pictures of {height} x {width} cannot be halved {times} times: give one number of channels "
                         f"for each halving, and sides, margins included, that are multiples of 2^{times}")  # fmt: skip
    return height // 2**times, width // 2**times


@torch.no_grad()
def begin(network: nn.Module, spread: float | None) -> None:
    """Weights from N(0, spread^2) and no biases, those of batch normalisation from N(1, spread^2); None leaves all."""
    if spread is None:
        return
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            module.weight.normal_(0, spread)
        elif isinstance(module, nn.BatchNorm2d):
            module.weight.normal_(1, spread)
        else:
            continue
        if module.bias is not None:
            module.bias.zero_()


def _normed(channels: int, norm: bool) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels)] if norm else []
