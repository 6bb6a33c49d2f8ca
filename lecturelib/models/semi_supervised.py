"""A GAN that classifies: few pictures with a name, many without, and the generator's to be told from both.

    gan = SemiSupervisedGAN(Generator((1, 28, 28), 64), Discriminator((1, 28, 28), classes=10, norm=False), few)
    fit(gan, many.only("x"), steps=2000, lr=3e-4)
    gan.accuracy(test)

Salimans et al. (2016), "Improved techniques for training GANs", arXiv 1606.03498, sections 3.1 and 5.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lecturelib.data.tensors import Data, DataError
from lecturelib.models.classifier import Classifies
from lecturelib.models.gan import GAN


class SemiSupervisedGAN(Classifies, GAN):
    """The discriminator's logits l_1 ... l_K are those of the classes; "fake" is class K + 1, whose logit stays 0.

    So D(x) = Z / (Z + 1) with Z = sum_k exp l_k: the logit of "real" is log Z. The discriminator minimises the
    cross-entropy of the labelled pictures plus `weight` times the usual loss of the game; the generator matches
    features: |E f(x) - E f(G(z))|^2. Batches are pictures without labels (labels beside them are not looked at); the
    labelled ones are state of the model, and each step draws as many of them as the batch has.

    discriminator: (n, *shape) -> logits (n, K), with a method `features`. DataError where `labelled` has no labels;
    ValueError for batch normalisation in the discriminator: labelled, real and made pictures would each be normalised
    by themselves, which hides the difference of the means that are to be matched.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        labelled: Data,  # x and y
        *,
        noise: int = 100,
        weight: float = 1.0,
        transform: Callable[[Tensor], Tensor] | None = None,  # of the labelled pictures, anew in each step
        betas: tuple[float, float] = (0.5, 0.999),
    ):
        super().__init__(generator, discriminator, noise=noise, betas=betas)
        if "y" not in labelled.names:
            raise DataError("the labelled pictures need labels: data with x and y")
        if any(isinstance(module, _BatchNorm) for module in discriminator.modules()):
            raise ValueError("the discriminator of a SemiSupervisedGAN must have no batch normalisation (norm=False)")
        self.weight, self.transform = weight, transform
        self.register_buffer("x", labelled.stored[labelled.names.index("x")].clone())  # bytes stay bytes
        self.register_buffer("y", labelled.y.clone())

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the classes: (n, *shape) -> (n, K)."""
        return self.discriminator(x)

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """The discriminator's loss; "accuracy" is that on the labelled pictures of the step."""
        with torch.no_grad():
            fake = self.fake(len(x))
        which = torch.randint(len(self.x), (len(x),), device=x.device)
        labelled = self.x[which] if self.x.is_floating_point() else self.x[which].float() / 255
        labelled = labelled if self.transform is None else self.transform(labelled)
        named, real, made = (self.discriminator(part).float() for part in (labelled, x, fake))
        named_loss = F.cross_entropy(named, self.y[which])
        real, made = real.logsumexp(1), made.logsumexp(1)
        return {"loss": named_loss + self.weight * self.game.discriminator(real, made), "labelled": named_loss,
                "accuracy": (named.argmax(1) == self.y[which]).float().mean(), "real": real.mean(),
                "fake": made.mean()}  # fmt: skip

    def generator_loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """The squared distance of the mean features of real and made pictures."""
        with torch.no_grad():
            wanted = self.discriminator.features(x).float().mean(0)
        return {"loss": (self.discriminator.features(self.fake(len(x))).float().mean(0) - wanted).square().sum()}
