"""Convolutional autoencoders: down to a code by strides or pooling, and up again in one of three ways."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from lecturelib.model import Model
from lecturelib.models.autoencoder import Autoencoder, SquaredError

Block = Callable[[int, int], nn.Module]  # (channels_in, channels_out) -> a module that halves or doubles the sides


def strided(channels_in: int, channels_out: int, kernel: int = 4) -> nn.Module:
    """Halves the sides: a convolution that moves by two pixels. (n, in, 2h, 2w) -> (n, out, h, w)."""
    return nn.Conv2d(channels_in, channels_out, kernel, stride=2, padding=(kernel - 1) // 2)


def pooled(channels_in: int, channels_out: int, kernel: int = 3) -> nn.Module:
    """Halves the sides: a convolution, and the largest of each 2 x 2 values. (n, in, 2h, 2w) -> (n, out, h, w)."""
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, kernel, padding="same"), nn.MaxPool2d(2))


def transposed(channels_in: int, channels_out: int, kernel: int = 4) -> nn.Module:
    """Doubles the sides: the transpose of a strided convolution. (n, in, h, w) -> (n, out, 2h, 2w).

    An odd kernel overlaps itself unevenly, the origin of checkerboards; Dumoulin and Visin (2016), section 4.
    """
    padding = (kernel - 1) // 2
    return nn.ConvTranspose2d(channels_in, channels_out, kernel, 2, padding, output_padding=2 + 2 * padding - kernel)


def evened(channels_in: int, channels_out: int, kernel: int = 4) -> nn.Module:
    """As `transposed`, but all output pixels start with the same weights, so that there is no checkerboard to unlearn.

    Aitken et al. (2017), whose start this is. ValueError for an odd kernel: its pixels have unequal numbers of weights.
    """
    if kernel % 2:
        raise ValueError(f"kernel is {kernel}: only a multiple of the stride, 2, gives every pixel as many weights")
    block = transposed(channels_in, channels_out, kernel)
    with torch.no_grad():
        block.weight.copy_(block.weight[:, :, ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3))
    return block


def resized(channels_in: int, channels_out: int, kernel: int = 3) -> nn.Module:
    """Doubles the sides: each value four times, then a convolution. (n, in, h, w) -> (n, out, 2h, 2w).

    Odena, Dumoulin, Olah (2016): it has no checkerboard, as every pixel is made by the same weights.
    """
    return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(channels_in, channels_out, kernel, padding="same"))


def convolutional(
    shape: tuple[int, int, int],  # of one picture: channels, height, width
    code: int,  # units of h
    channels: Sequence[int] = (8, 32),  # of each block, whose sides are half of those before; mirrored in the decoder
    down: Block = strided,
    up: Block = transposed,
    activation: Callable[[], nn.Module] = nn.ReLU,
    error: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Autoencoder:
    """A symmetric deep convolutional autoencoder (Masci et al. 2011): blocks, a linear code, the blocks mirrored.

    The sides of a picture must be multiples of 2^blocks, else ValueError. The weights lie channels last in memory.
    """
    inner = _inner(shape, channels)
    sizes = [shape[0], *channels]
    encoder: list[nn.Module] = []
    for channels_in, channels_out in pairwise(sizes):
        encoder += [down(channels_in, channels_out), activation()]
    flat = inner[0] * inner[1] * inner[2]
    decoder: list[nn.Module] = [nn.Linear(code, flat), nn.Unflatten(1, inner)]
    for channels_in, channels_out in pairwise(sizes[::-1]):
        decoder += [activation(), up(channels_in, channels_out)]
    model = Autoencoder(nn.Sequential(*encoder, nn.Flatten(), nn.Linear(flat, code)), nn.Sequential(*decoder), error)
    return model.to(memory_format=torch.channels_last)


class UnpoolingAutoencoder(Model):
    """Max-pooling down, unpooling up: each value goes back to where the maximum stood, zeros around it.

    The places of the maxima reach the decoder around the code: Zhao et al. (2016) call the two "what" and "where".
    An error of this model is no error of its code alone. Pictures as in `convolutional`, with convolutions of 3 x 3.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        code: int,
        channels: Sequence[int] = (8, 16),
        error: Callable[[Tensor, Tensor], Tensor] | None = None,
    ):
        super().__init__()
        self.inner = _inner(shape, channels)
        flat = self.inner[0] * self.inner[1] * self.inner[2]
        sizes = [shape[0], *channels]
        self.down = nn.ModuleList(nn.Conv2d(i, o, 3, padding=1) for i, o in pairwise(sizes))
        self.up = nn.ModuleList(nn.Conv2d(i, o, 3, padding=1) for i, o in pairwise(sizes[::-1]))
        self.to_code, self.from_code = nn.Linear(flat, code), nn.Linear(code, flat)
        self.pool, self.unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
        self.error = SquaredError() if error is None else error

    def encode(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """h (n, code), and for each block the places of its maxima, whole numbers (n, channels, h / 2, w / 2)."""
        places = []
        for convolution in self.down:
            x, where = self.pool(convolution(x).relu())
            places.append(where)
        return self.to_code(x.flatten(1)), places

    def decode(self, h: Tensor, places: Sequence[Tensor]) -> Tensor:
        """x^ from the code and the places: (n, *shape)."""
        return self.error.reconstruction(self._output(h, places))

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction of x, of the shape of x."""
        return self.decode(*self.encode(x))

    def errors(self, h: Tensor, places: Sequence[Tensor], x: Tensor) -> Tensor:
        """The error of each example when x is rebuilt from its code and its places: (n,)."""
        return self.error(self._output(h, places), x)

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """Mean reconstruction error per example; labels in the batch are not looked at."""
        return {"loss": self.errors(*self.encode(x), x).mean()}

    def _output(self, h: Tensor, places: Sequence[Tensor]) -> Tensor:
        x = self.from_code(h).view(-1, *self.inner)
        for convolution, where in zip(self.up, places[::-1], strict=True):
            x = convolution(self.unpool(x.relu(), where))
        return x


def _inner(shape: tuple[int, int, int], channels: Sequence[int]) -> tuple[int, int, int]:
    """Channels, height and width of the smallest feature maps."""
    fold = 2 ** len(channels)
    if not channels or shape[1] % fold or shape[2] % fold:
        raise ValueError(
            f"pictures of {shape[1]} x {shape[2]} cannot be halved {len(channels)} times: give one number of channels "
            f"for each halving, and sides that are multiples of {fold}"
        )
    return channels[-1], shape[1] // fold, shape[2] // fold
