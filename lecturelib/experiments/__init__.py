"""Every experiment by its name: what `lecturelib train NAME` runs, and what studies and paper tables are made of."""

from dataclasses import replace

from lecturelib.experiments.clustering import Clustering, DeepClusters
from lecturelib.experiments.coding import GlyphsCode, GlyphsCodePrior
from lecturelib.experiments.compared import Contender
from lecturelib.experiments.contenders import CONTENDERS
from lecturelib.experiments.dbn import GenerativeClassifier
from lecturelib.experiments.debiasing import FaceDetector
from lecturelib.experiments.depth import Rectified, SigmoidDenoising, SigmoidFromScratch, SigmoidPretrained
from lecturelib.experiments.diffusing import GlyphsDiffusion
from lecturelib.experiments.disentangling import Disentangling
from lecturelib.experiments.enlarging import EnlargedFaces
from lecturelib.experiments.erhan2010 import MnistDepth, MnistDepthDenoising, MnistDepthRBMs, MnistDepthRectified
from lecturelib.experiments.exact import GlyphsPixels
from lecturelib.experiments.faces import FaceFactors, FacesVAE, LargeFacesVAE
from lecturelib.experiments.few_labels import (
    Convolutional,
    FewLabels,
    FineTuned,
    FromScratch,
    Pretrained,
    UntrainedCode,
)
from lecturelib.experiments.gans import DEEP, LONG, DigitsGAN, FacesGAN, LargeFacesGAN
from lecturelib.experiments.glyphs import GlyphsAutoencoder, GlyphsClassifier
from lecturelib.experiments.hinton2006 import (
    PCA,
    ConjugateAutoencoder,
    DeepAutoencoder,
    LinearCode,
    RectifiedAutoencoder,
)
from lecturelib.experiments.labels import SHIPPED, ConditionalDigits, SemiSupervised, ShuffledLabels, SmallSets
from lecturelib.experiments.likelihood import MnistLikelihood
from lecturelib.experiments.mnist import ContractiveFeatures, PretrainedClassifier, RBMFeatures, StackedDenoising
from lecturelib.experiments.parzen import ParzenWindows
from lecturelib.experiments.prompting import FacesCode, PromptedFaces
from lecturelib.experiments.rbm import RBMLikelihood
from lecturelib.experiments.ring import HingeRing, LeastSquaresRing, MinimaxRing, Ring, WassersteinRing
from lecturelib.experiments.running import Experiment, Outcome, Stage, Training, run
from lecturelib.experiments.sketches import OmniglotSketches, Sketches
from lecturelib.experiments.styled import GrowingFaces, LargeStyledFaces, StyledFaces
from lecturelib.experiments.translation import DayToNight, EdgesToFaces
from lecturelib.record import named

__all__ = [
    "CONTENDERS", "EXPERIMENTS", "Clustering", "ConditionalDigits", "Contender", "Convolutional", "DayToNight",
    "DeepClusters", "DigitsGAN", "Disentangling", "EdgesToFaces", "EnlargedFaces", "Experiment", "FaceDetector",
    "FaceFactors", "FacesCode", "FacesGAN", "FacesVAE", "FewLabels", "FineTuned", "FromScratch",
    "GenerativeClassifier", "GlyphsCode", "GlyphsCodePrior", "GlyphsDiffusion", "GlyphsPixels", "GrowingFaces",
    "HingeRing", "LargeFacesGAN", "LargeFacesVAE", "LargeStyledFaces", "LeastSquaresRing", "MinimaxRing",
    "MnistLikelihood", "OmniglotSketches", "Outcome", "ParzenWindows", "Pretrained", "PromptedFaces", "RBMFeatures",
    "RBMLikelihood", "Rectified", "Ring", "SemiSupervised", "ShuffledLabels", "SigmoidDenoising",
    "SigmoidFromScratch", "SigmoidPretrained", "Sketches", "SmallSets", "Stage", "StyledFaces", "Training",
    "UntrainedCode", "WassersteinRing", "experiment", "run",
]  # fmt: skip

_CURVES = DeepAutoencoder(source="curves", sizes=(400, 200, 100, 50, 25, 6), pretrain_epochs=50, epochs=300)

EXPERIMENTS: dict[str, Experiment] = {
    "discs_vae": Disentangling(),
    "face_detector": FaceDetector(arm="debiased"),
    "face_factors": FaceFactors(),
    "faces_vae": FacesVAE(),
    "faces_vae_128": LargeFacesVAE(),
    "edges_to_faces": EdgesToFaces(),
    "edges_to_faces_l1": EdgesToFaces(adversarial=False),
    "faces_enlarged": EnlargedFaces(),
    "faces_enlarged_squared": EnlargedFaces(adversarial=False, steps=2400, lr=5e-4),
    "faces_stylegan": StyledFaces(),
    "faces_stylegan_128": LargeStyledFaces(),
    "scenes_day_night": DayToNight(),
    "faces_code": FacesCode(),
    "faces_prompted": PromptedFaces(),
    "faces_gan": FacesGAN(**LONG | {"n": 40_000}),
    "faces_gan_64": LargeFacesGAN(),
    "glyphs_conditional_gan": SHIPPED,
    "glyphs_gan": DigitsGAN(steps=30_000, **DEEP, **LONG),
    "glyphs_autoencoder": GlyphsAutoencoder(),
    "glyphs_classifier": GlyphsClassifier(),
    "glyphs_clusters": DeepClusters(),
    "glyphs_code": GlyphsCode(),
    "glyphs_code_prior": GlyphsCodePrior(),
    "glyphs_diffusion": GlyphsDiffusion(),
    "glyphs_pixels": GlyphsPixels(),
    "curves_deep_autoencoder": _CURVES,
    "curves_deep_scratch": replace(_CURVES, pretrain_epochs=0),
    "curves_logistic_pca18": LinearCode(source="curves", code=18),
    "curves_logistic_pca6": LinearCode(source="curves", code=6),
    "curves_pca18": PCA(source="curves", code=18),
    "mnist_deep_autoencoder": DeepAutoencoder(),
    "mnist_deep_conjugate": ConjugateAutoencoder(),
    "mnist_deep_rectified": RectifiedAutoencoder(),
    "mnist_deep_scratch": DeepAutoencoder(pretrain_epochs=0),
    "mnist_deep_scratch_conjugate": ConjugateAutoencoder(pretrain_epochs=0),
    "mnist_logistic_pca30": LinearCode(),
    "mnist_pca30": PCA(),
    "olivetti_deep_autoencoder": DeepAutoencoder(source="olivetti", sizes=(2000, 1000, 500, 30), epochs=40, lr=1e-3),
    "olivetti_pca30": PCA(source="olivetti"),
    "mnist_contractive": ContractiveFeatures(),
    "mnist_dbn": GenerativeClassifier(),
    "mnist_dbn_backpropagation": RBMFeatures(),
    "mnist_denoising": StackedDenoising(),
    "mnist_scratch": PretrainedClassifier(pretrain_steps=0, lr=1e-2),
    "mnist_clusters": DeepClusters(source="mnist"),
    "mnist_depth_denoising": MnistDepthDenoising(),
    "mnist_depth_rbm": MnistDepthRBMs(),
    "mnist_depth_rectified": MnistDepthRectified(),
    "mnist_depth_scratch": MnistDepth(),
    "mnist_likelihood": MnistLikelihood(),
    "mnist_parzen": ParzenWindows(),
    "mnist_rbm": RBMLikelihood(),
    "mnist_rbm_persistent": RBMLikelihood(chains=100, ks=(1,), steps=(120_000,), lr=0.01, momentum=0.5),
    "ring": Ring(beta1=0.5, beta2=0.99, r1=0.03),
    "sketch_rnn": Sketches(),
    "omniglot_sketch_rnn": OmniglotSketches(),
    "omniglot_unconditional": OmniglotSketches(latent=0),
} | {f"compared_{name.lower().replace('-', '_').replace(' ', '_')}": one for name, one in CONTENDERS.items()}


def experiment(name: str) -> Experiment:
    """The experiment of that name; ValueError, with near matches, for another."""
    return named(name, EXPERIMENTS, "experiment")
