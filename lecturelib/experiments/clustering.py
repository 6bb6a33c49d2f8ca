"""Clusters without labels: k-means on pixels, and deep clustering with and without transformed copies.

Labels serve the final accuracy alone: no seed, step or setting of a run depends on them.
"""

from collections.abc import Generator
from dataclasses import dataclass

import torch

from lecturelib.data import Data, load
from lecturelib.data.augment import RandomAffine
from lecturelib.experiments.running import Experiment, Stage
from lecturelib.metrics import clustering_accuracy
from lecturelib.models.autoencoder import dense
from lecturelib.models.clustering import DeepClustering, target
from lecturelib.models.regularised import Denoising
from lecturelib.runtime import device
from lecturelib.training import cosine


@dataclass(frozen=True)
class Clustering(Experiment):
    """k-means on pixels, the best of ten starts."""

    source: str = "glyphs"  # a data set of labelled pictures
    n: int = 10_000  # how many of it; all where it has fewer
    clusters: int = 10

    def data(self) -> Data:
        if self.source == "glyphs":
            return load("glyphs", n=self.n, seed=self.seed).to(device())
        whole = load(self.source)
        return whole.to(device()) if len(whole) <= self.n else whole.split(self.n, seed=self.seed)[0].to(device())

    def stages(self) -> Generator[Stage, None, dict[str, float]]:
        from sklearn.cluster import KMeans

        yield from ()  # nothing is trained by gradients
        data = self.data()
        means = KMeans(self.clusters, n_init=10, random_state=self.seed).fit(data.x.flatten(1).cpu().numpy())
        return {"accuracy": clustering_accuracy(torch.from_numpy(means.labels_), data.y)}


@dataclass(frozen=True)
class DeepClusters(Clustering):
    """Deep clustering: an autoencoder, k-means on its codes, then rounds of learning from sharpened assignments."""

    steps: int = 2000  # of the autoencoder
    batch_size: int = 256
    lr: float = 1e-3
    hidden: tuple[int, ...] = (500, 250)
    code: int = 10
    rounds: int = 15  # of clustering, each with targets of its own
    round_steps: int = 100
    weight: float = 0.0  # of the reconstruction error while clustering
    width: float = 0.3  # of the kernel, in root mean squared distances from the centre
    transformed: bool = True  # copies moved, turned, slanted: the autoencoder undoes that, then the cluster ignores it
    shift: float = 0.1
    turn: float = 12.0
    shear: float = 0.4
    stretch: float = 0.2
    precision: str | None = "auto"

    def stages(self) -> Generator[Stage, None, dict[str, float]]:
        data = self.data()
        pictures = data.only("x")
        transform = RandomAffine(self.shift, self.turn, self.shear, self.stretch) if self.transformed else None
        autoencoder = dense(tuple(data.x.shape[1:]), self.code, self.hidden)
        model = autoencoder if transform is None else Denoising(autoencoder, transform)
        options = {"precision": self.precision}
        yield Stage("autoencoder", model, pictures, self.steps, self.batch_size, self.lr,
                    {"schedule": cosine(), **options})  # fmt: skip
        model = DeepClustering(autoencoder, self.code, self.clusters, transform, self.weight).to(device())
        first = model.start(pictures, seed=self.seed, width=self.width)
        for i in range(self.rounds):
            p = target(model.assignments(pictures))
            yield Stage(f"round{i:02d}", model, Data(pictures.stored[0], p, names=("x", "p")), self.round_steps,
                        self.batch_size, self.lr, options)  # fmt: skip
        q = model.assignments(pictures)
        return {
            "accuracy": clustering_accuracy(q.argmax(1), data.y),
            "accuracy of k-means on the codes": clustering_accuracy(first, data.y),
            "mean largest q": q.amax(1).mean().item(),
        }
