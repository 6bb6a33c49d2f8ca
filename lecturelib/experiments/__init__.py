"""Every experiment by its name: what `lecturelib train NAME` runs, and what studies and paper tables are made of."""

from lecturelib.experiments.clustering import Clustering, DeepClusters
from lecturelib.experiments.faces import FaceFactors, FacesVAE
from lecturelib.experiments.few_labels import (
    Convolutional,
    FewLabels,
    FineTuned,
    FromScratch,
    Pretrained,
    UntrainedCode,
)
from lecturelib.experiments.glyphs import GlyphsAutoencoder, GlyphsClassifier
from lecturelib.experiments.likelihood import MnistLikelihood
from lecturelib.experiments.mnist import ContractiveFeatures, PretrainedClassifier, StackedDenoising
from lecturelib.experiments.running import Experiment, Outcome, Stage, Training, run
from lecturelib.record import named

__all__ = [
    "EXPERIMENTS", "Clustering", "Convolutional", "DeepClusters", "Experiment", "FaceFactors", "FacesVAE", "FewLabels",
    "FineTuned", "FromScratch", "MnistLikelihood", "Outcome", "Pretrained", "Stage", "Training", "UntrainedCode",
    "experiment", "run",
]  # fmt: skip

EXPERIMENTS: dict[str, Experiment] = {
    "face_factors": FaceFactors(),
    "faces_vae": FacesVAE(),
    "glyphs_autoencoder": GlyphsAutoencoder(),
    "glyphs_classifier": GlyphsClassifier(),
    "glyphs_clusters": DeepClusters(),
    "mnist_contractive": ContractiveFeatures(),
    "mnist_denoising": StackedDenoising(),
    "mnist_scratch": PretrainedClassifier(pretrain_steps=0, lr=1e-2),
    "mnist_clusters": DeepClusters(source="mnist"),
    "mnist_vae": MnistLikelihood(),
    "mnist_iwae": MnistLikelihood(bound=50, bound_steps=36_000),
}


def experiment(name: str) -> Experiment:
    """The experiment of that name; ValueError, with near matches, for another."""
    return named(name, EXPERIMENTS, "experiment")
