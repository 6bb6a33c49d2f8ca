"""Every experiment by its name: what `lecturelib train NAME` runs, and what studies and paper tables are made of."""

from lecturelib.experiments.clustering import Clustering, DeepClusters
from lecturelib.experiments.debiasing import FaceDetector
from lecturelib.experiments.depth import Rectified, SigmoidDenoising, SigmoidFromScratch, SigmoidPretrained
from lecturelib.experiments.disentangling import Disentangling
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
from lecturelib.experiments.sketches import OmniglotSketches, Sketches
from lecturelib.record import named

__all__ = [
    "EXPERIMENTS", "Clustering", "Convolutional", "DeepClusters", "Disentangling", "Experiment", "FaceDetector",
    "FaceFactors", "FacesVAE", "FewLabels", "FineTuned", "FromScratch", "MnistLikelihood", "OmniglotSketches",
    "Outcome", "Pretrained", "Rectified", "SigmoidDenoising", "SigmoidFromScratch", "SigmoidPretrained", "Sketches",
    "Stage", "Training", "UntrainedCode", "experiment", "run",
]  # fmt: skip

EXPERIMENTS: dict[str, Experiment] = {
    "discs_vae": Disentangling(),
    "face_detector": FaceDetector(arm="debiased"),
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
    "sketch_rnn": Sketches(),
    "omniglot_collapsed": OmniglotSketches(beta=1.0),
    "omniglot_sketch_rnn": OmniglotSketches(),
    "omniglot_unconditional": OmniglotSketches(latent=0),
    "mnist_iwae": MnistLikelihood(bound=50, bound_steps=36_000),
}


def experiment(name: str) -> Experiment:
    """The experiment of that name; ValueError, with near matches, for another."""
    return named(name, EXPERIMENTS, "experiment")
