"""One data set for every kind of generative model, and how each is measured on it: drawn digits of 16 grey values.

The models themselves are in `lecturelib.experiments.contenders`.
"""

import math
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import ClassVar

import torch
from torch import Tensor

from lecturelib.data import Data, load
from lecturelib.experiments.gans import JUDGED, digits_reader, distances
from lecturelib.experiments.running import SAMPLES, Stage, Training, take_average
from lecturelib.model import Model
from lecturelib.resume import History
from lecturelib.runtime import choose, device
from lecturelib.training import cosine

SHAPE = (1, 28, 28)
TIMES = ("seconds of training", "milliseconds a sample")  # the figures that another machine has otherwise


@dataclass(frozen=True)
class Contender(Training):
    """A model of digits, without their classes.

    Fréchet distance, precision and recall of 2,000 samples against test digits on the features of the course's
    classifier; for some, bits a pixel of test digits, exact or a bound; parameters; seconds of training and
    milliseconds a sample, both of a processor (on a GPU, of the clock). A sample is what a model shows when it is asked
    for one: the mean that a decoder or a layer of units says, where it says one, and not a draw of each pixel.
    """

    n: int = 30_000
    falls: float = 0.5  # from this share of the run on the rate falls to 0, as a cosine
    ema: float | None = None
    values: ClassVar[int] = 16

    def digits(self, n: int, split: str = "train") -> Tensor:
        """Pictures of 16 grey values in [0, 1], on the device."""
        x = load("glyphs", n=choose(smoke=min(n, 300), cpu=n), seed=self.seed, split=split).x
        return ((x * (self.values - 1)).round() / (self.values - 1)).to(device())

    def data(self) -> Data:
        return Data(self.digits(self.n))

    def options(self) -> Mapping:
        return {"schedule": cosine(warmup=0.02, flat=self.falls), "precision": "auto", "ema": self.ema}

    def trained(self, data: Data) -> Generator[Stage, History, Model]:
        """Yield what is to be trained on the data, and return what draws pictures."""
        model = self.model()
        history = yield Stage("model", model, data, self.steps, self.batch_size, self.lr, self.options())
        take_average(model, history)
        return model

    def stages(self) -> Generator[Stage, History, dict]:
        data = self.data()
        start = _clock()
        model = yield from self.trained(data)
        times = dict(zip(TIMES, (_clock() - start, self.milliseconds(model)), strict=True))
        return self.figures(model) | times | {SAMPLES: self.draw(model, 10).float().clamp(0, 1)}

    def draw(self, model: Model, n: int) -> Tensor:
        """n pictures."""
        return model.sample(n)

    def bits(self, model: Model, x: Tensor) -> Tensor | None:
        """Of pictures, a pixel: (n,); None where it is not computed (a GAN and a WAE have no likelihood)."""
        return None

    @torch.no_grad()
    def figures(self, model: Model) -> dict[str, float]:
        n, model = choose(smoke=200, cpu=JUDGED), model.eval()
        train, test = (self.digits(n, split) for split in ("train", "test"))
        made = torch.cat([self.draw(model, min(250, n - start)) for start in range(0, n, 250)]).float().clamp(0, 1)
        found = distances(digits_reader(), train, test, made) | {"parameters": self.size(model)}
        bits = self.bits(model, test[: choose(smoke=20, cpu=500)])
        return found if bits is None else found | {"bits a pixel": bits.mean().item()}

    def size(self, model: Model) -> int:
        """Numbers that were learnt, but for those of a discriminator."""
        return sum(p.numel() for p in model.parameters())

    @torch.no_grad()
    def milliseconds(self, model: Model, n: int = 20) -> float:
        """That a sample takes, n at once: the median of some times, after a first one that does not count."""
        self.draw(model.eval(), n)
        times = []
        for _ in range(choose(smoke=1, cpu=9)):
            start = _clock()
            self.draw(model, n)
            times.append(1000 * (_clock() - start) / n)
        return median(times)


def _clock() -> float:
    """Seconds of a processor, which others beside it do not lengthen; on a GPU those that go by."""
    if device().type == "cpu":
        return time.process_time()
    if device().type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def whole(x: Tensor, values: int = Contender.values) -> Tensor:
    """Grey values in [0, 1] as whole numbers."""
    return (x * (values - 1)).round().long()


def in_bits(nats: Tensor) -> Tensor:
    """Nats a picture as bits a pixel."""
    return nats / (math.prod(SHAPE) * math.log(2))
