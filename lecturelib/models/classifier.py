"""A small convolutional classifier: filters, ReLU, pooling, and a linear layer on the features that are left."""

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.data.tensors import Data
from lecturelib.model import Model, Turn


def _block(channels_in: int, channels_out: int) -> nn.Sequential:
    convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)  # batch norm has the bias
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out), nn.ReLU(), nn.MaxPool2d(2))


class Classifies:
    """What every model whose `forward` gives logits (n, classes) can do: for a Model to inherit from, before Model."""

    def loss(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """The cross-entropy -log p(y|x) in nats, mean over the batch, and the share of right answers."""
        logits = self(x)
        right = (logits.argmax(1) == y).float().mean()
        return {"loss": F.cross_entropy(logits, y), "accuracy": right}

    @torch.no_grad()
    def predict(self, x: Tensor, chunk: int = 1024) -> Tensor:
        """The most likely class of each example, (n,), computed in chunks."""
        was_training = self.training
        self.eval()
        labels = torch.cat([self(part.to(self.device)).argmax(1) for part in x.split(chunk)])
        self.train(was_training)
        return labels

    def accuracy(self, data: Data) -> float:
        """The share of the examples data.x whose most likely class is data.y."""
        return (self.predict(data.x) == data.y.to(self.device)).float().mean().item()


class ConvClassifier(Classifies, Model):
    """Two blocks of 3 x 3 filters that halve the picture, a hidden layer of features, and logits: p(y|x).

    Pictures of any size from 4 x 4: x (n, c, h, w) in [0, 1] -> logits (n, classes).
    """

    def __init__(
        self,
        shape: tuple[int, int, int] = (1, 8, 8),  # of one picture: channels, height, width
        classes: int = 10,
        width: int = 24,  # filters of the first block; the second has twice as many
        features: int = 128,  # units of the last hidden layer
        dropout: float = 0.5,  # share of the features that a training step leaves out
    ):
        super().__init__()
        channels, height, pixels = shape
        if min(height, pixels) < 4:
            raise ValueError(f"pictures of {height} x {pixels} are too small: 4 x 4 is the least")
        self.blocks = nn.Sequential(_block(channels, width), _block(width, 2 * width))
        self.hidden = nn.Linear(2 * width * (height // 4) * (pixels // 4), features)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(features, classes)

    def features(self, x: Tensor) -> Tensor:
        """What the last hidden layer says of x: (n, c, h, w) -> (n, features), not negative."""
        return F.relu(self.hidden(self.blocks(x).flatten(1)))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, classes); their softmax is p(y|x)."""
        return self.head(self.dropout(self.features(x)))


class Augmented(Model):
    """A model that is trained on changed copies: in each step it sees transform(x), with x's label if there is one.

    transform: (n, ...) -> (n, ...), drawn anew in each call, as `lecturelib.data.augment.RandomAffine`, or
    `torch.bernoulli` for pictures binarised by sampling.
    """

    def __init__(self, model: Model, transform: Callable[[Tensor], Tensor]):
        super().__init__()
        self.model, self.transform = model, transform

    def forward(self, x: Tensor) -> Tensor:
        """What the model says of the unchanged x."""
        return self.model(x)

    def loss(self, x: Tensor, *others: Tensor) -> dict[str, Tensor]:
        """The model's loss on the changed copies."""
        return self.model.loss(self.transform(x), *others)

    def turns(self, lr: float) -> list[Turn]:
        """The model's own turns, each on changed copies."""

        def changed(loss):
            return lambda x, *others: loss(self.transform(x), *others)

        return [replace(turn, loss=changed(turn.loss)) for turn in self.model.turns(lr)]
