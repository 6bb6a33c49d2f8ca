"""What a picture was drawn from: a convolutional network that reads every named factor of a face at once."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.data.face_factors import FACTORS, Factor
from lecturelib.data.tensors import Data
from lecturelib.model import Model


def _stage(channels_in: int, channels_out: int) -> nn.Sequential:
    """Halves the sides, then looks once more. (n, in, 2h, 2w) -> (n, out, h, w)."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, 2, 1, bias=False), nn.BatchNorm2d(channels_out), nn.ReLU(),
        nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False), nn.BatchNorm2d(channels_out), nn.ReLU(),
    )  # fmt: skip


class FactorRegressor(Model):
    """Numbers and choices from pictures: x (n, 3, h, w) in [0, 1] -> factors (n, len(factors)).

    Pictures larger than 32 x 32 are averaged down to that first. In training a third of the pictures is blurred or made
    noisy, so that what a generative model draws can be read too.
    """

    def __init__(self, factors: Sequence[Factor] = FACTORS, width: int = 32, features: int = 256, noise: float = 0.05):
        super().__init__()
        self.factors, self.noise = tuple(factors), noise
        self.numbers = [i for i, factor in enumerate(factors) if not factor.values]
        self.choices = {i: len(factor.values) for i, factor in enumerate(factors) if factor.values}
        self.blocks = nn.Sequential(
            nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            _stage(width, 2 * width), _stage(2 * width, 4 * width), _stage(4 * width, 4 * width),
        )  # fmt: skip
        self.hidden = nn.Linear(64 * width, features)
        self.head = nn.Linear(features, len(self.numbers) + sum(self.choices.values()))
        middle = torch.tensor([(factors[i].low + factors[i].high) / 2 for i in self.numbers])
        reach = torch.tensor([(factors[i].high - factors[i].low) / 2 for i in self.numbers])
        self.register_buffer("middle", middle, persistent=False)
        self.register_buffer("reach", reach, persistent=False)

    def features(self, x: Tensor) -> Tensor:
        """The last hidden layer, (n, features), not negative."""
        if x.shape[-1] != 32:
            x = F.interpolate(x, 32, mode="area")
        return F.relu(self.hidden(self.blocks(x - 0.5).flatten(1)))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The numbers, scaled to [-1, 1] over their ranges: (n, numbers); and the logits of each choice."""
        numbers, *logits = self.head(self.features(x)).split([len(self.numbers), *self.choices.values()], 1)
        return numbers, logits

    def loss(self, x: Tensor, factors: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """Squared error of the numbers, in halves of their ranges, plus the cross-entropy of the choices."""
        numbers, logits = self(self._spoilt(x) if self.training else x)
        wanted = (factors[:, self.numbers] - self.middle) / self.reach
        squared = (numbers - wanted).square().mean(0).sum()
        entropy = sum(F.cross_entropy(a, factors[:, i].long()) for i, a in zip(self.choices, logits, strict=True))
        return {"loss": squared + 0.2 * entropy, "squared error": squared, "cross-entropy": entropy}

    def _spoilt(self, x: Tensor) -> Tensor:
        """A sixth of the pictures blurred, a sixth noisy."""
        kind = torch.rand(len(x), 1, 1, 1, device=x.device)
        x = torch.where(kind < 1 / 6, F.avg_pool2d(x, 3, 1, 1, count_include_pad=False), x)
        return torch.where(kind > 5 / 6, x + self.noise * torch.randn_like(x), x)

    @torch.no_grad()
    def predict(self, x: Tensor, chunk: int = 1024) -> Tensor:
        """The factors of pictures, in the units of the data: (n, factors); choices are the index of their value."""
        was_training = self.training
        self.eval()
        out = torch.empty(len(x), len(self.factors), device=self.device)
        for start in range(0, len(x), chunk):
            numbers, logits = self(x[start : start + chunk].to(self.device))
            rows = out[start : start + chunk]
            rows[:, self.numbers] = self.middle + self.reach * numbers.clamp(-1, 1)
            for i, a in zip(self.choices, logits, strict=True):
                rows[:, i] = a.argmax(1).float()
        self.train(was_training)
        return out

    def scores(self, data: Data) -> dict[str, float]:
        """For each factor that varies R^2, or for a choice the share that is right, on data with x and factors."""
        read, true = self.predict(data.x), data.factors.to(self.device)
        scores = {}
        for i, factor in enumerate(self.factors):
            if (true[:, i] == true[0, i]).all():
                continue
            if factor.values:
                scores[factor.name] = (read[:, i] == true[:, i]).float().mean().item()
            else:
                left = (read[:, i] - true[:, i]).square().sum() / (true[:, i] - true[:, i].mean()).square().sum()
                scores[factor.name] = 1 - left.item()
        return scores
