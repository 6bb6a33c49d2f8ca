"""A given picture in the latent space of a generator with styles: which w makes it?

    projection = Projection(generator, len(faces), distance)
    fit(projection, numbered(faces), steps=300, batch_size=len(faces), lr=0.1, schedule=cosine(warmup=0.05, flat=0.75))
    generator.synthesise(projection.w)

Karras et al. (2020), "Analyzing and improving the image quality of StyleGAN", arXiv 1912.04958, appendix D; a w for
each layer: Abdal, Qin, Wonka (2019), "Image2StyleGAN", arXiv 1904.03189, section 4.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lecturelib.data import Data
from lecturelib.model import Model, Turn
from lecturelib.models.styled import StyleGenerator


class Projection(Model):
    """The w of n pictures, found by going down the slope of their distance, from the mean w on.

    The batch is (x, index): pictures (k, 3, side, side) in [0, 1], and which of the n each is. The generator stays as
    it is, with one noise for all.
    """

    def __init__(
        self,
        generator: StyleGenerator,
        n: int,
        distance: Callable[[Tensor, Tensor], Tensor],  # (made, x) -> ()
        *,
        each_layer: bool = False,  # a w for each layer ("W+") instead of one
    ):
        super().__init__()
        if n < 1:
            raise ValueError(f"n is {n}; there must be at least one picture")
        self._generator = (generator,)  # in a tuple: no part of the model, and nothing moves it
        self.distance = distance
        start = generator.centre.detach()
        self.w = nn.Parameter(start.repeat(n, len(generator.layers), 1) if each_layer else start.repeat(n, 1))
        for number, noise in enumerate(generator.noises()):
            self.register_buffer(f"noise{number}", noise)

    @property
    def noises(self) -> list[Tensor]:
        """The noise of each layer, the same for all pictures."""
        return list(self.buffers())

    def sample(self, n: int, *condition: Tensor) -> Tensor:
        """The first n pictures as they are made now."""
        with torch.no_grad():
            return self._generator[0].synthesise(self.w[:n], self.noises)

    def loss(self, x: Tensor, index: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """The distance of what w makes from x; a mean over the batch moves each w by its own picture alone."""
        made = self._generator[0].synthesise(self.w[index], self.noises)
        return {"loss": self.distance(made, x)}

    def turns(self, lr: float) -> list[Turn]:
        """Adam on w."""
        return [Turn("w", self.loss, torch.optim.Adam([self.w], lr=lr, betas=(0.9, 0.99)))]


def numbered(x: Tensor) -> Data:
    """Pictures with their places in the batch, as a Projection wants them."""
    return Data(x, torch.arange(len(x), device=x.device), names=("x", "index"))
