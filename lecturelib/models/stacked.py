"""Greedy layer-wise pretraining, and a classifier on top of any encoder.

    layers = [Denoising(TiedAutoencoder(784, 500), Masking(0.25)), Denoising(TiedAutoencoder(500, 500), Masking(0.25))]
    pretrain(layers, data, steps=1000)
    classifier = SoftmaxClassifier(Stack(layers), features=500)

Bengio, Lamblin, Popovici, Larochelle (2007), "Greedy layer-wise training of deep networks", NIPS 19;
Vincent, Larochelle, Lajoie, Bengio, Manzagol (2010), "Stacked denoising autoencoders", JMLR 11.
"""

import copy
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from lecturelib.data.tensors import Data
from lecturelib.model import Model, Turn
from lecturelib.models.classifier import Classifies
from lecturelib.resume import History
from lecturelib.training import fit


class Stack(nn.Module):
    """The encoders of several models, one on the other: x -> f_L(...f_2(f_1(x))).

    layers: models with `encode`, each of which takes what the one before gives. The layers are held, not copied:
    what moves the stack moves them.
    """

    def __init__(self, layers: Iterable[Model]):
        super().__init__()
        self.layers = nn.ModuleList(layers)
        if not self.layers:
            raise ValueError("a stack needs at least one layer")

    def forward(self, x: Tensor) -> Tensor:
        """(n, ...) -> (n, code of the last layer)."""
        for layer in self.layers:
            x = layer.encode(x)
        return x


def pretrain(layers: Sequence[Model], data: Data, steps: int, **options) -> list[History]:
    """Train each layer on what the layers below make of data.x, from the bottom up; returns their histories.

    The options are those of `fit`. Only the layer at work is trained; it sees the clean codes of the one below
    (a denoising layer corrupts its own input, Vincent et al. 2010, section 3.2). ValueError when a layer does not
    take what the one below gives.
    """
    histories = []
    for number, layer in enumerate(layers):
        try:
            histories.append(fit(layer, data, steps, **options))
        except RuntimeError as error:
            if "shapes cannot be multiplied" not in str(error):
                raise
            raise ValueError(f"layer {number} does not take what is below it, {data}: {error}") from None
        data = data.map(layer.encode)
    return histories


class SoftmaxClassifier(Classifies, Model):
    """A softmax layer on an encoder: p(y|x) from logits V f(x) + d. Training moves the encoder, or leaves it frozen.

    Fine-tuning a pretrained encoder is training this model; the same encoder untrained is the one from scratch.
    The encoder is copied, so that several classifiers can start from one.
    """

    def __init__(
        self,
        encoder: nn.Module,  # (n, ...) -> (n, features)
        features: int,
        classes: int = 10,
        frozen: bool = False,  # leave the encoder as it is, its batch-norm statistics too
    ):
        super().__init__()
        self.encoder = copy.deepcopy(encoder).requires_grad_(not frozen)
        self.head, self.frozen = nn.Linear(features, classes), frozen
        nn.init.zeros_(self.head.weight)  # all classes alike at first
        nn.init.zeros_(self.head.bias)

    def features(self, x: Tensor) -> Tensor:
        """What the encoder makes of x: (n, ...) -> (n, features)."""
        if self.frozen:
            self.encoder.eval()
        return self.encoder(x)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, classes)."""
        return self.head(self.features(x))

    def turns(self, lr: float) -> list[Turn]:
        """One Adam turn on what is not frozen."""
        moved = [p for p in self.parameters() if p.requires_grad]
        return [Turn("model", self.loss, torch.optim.Adam(moved, lr=lr, fused=True))]
