"""Every study by its name: what `lecturelib study NAME` computes; its record lies beside this file as NAME.json."""

from lecturelib.experiments import (
    Clustering,
    Convolutional,
    DeepClusters,
    Disentangling,
    FaceDetector,
    FewLabels,
    FineTuned,
    FromScratch,
    Pretrained,
    Rectified,
    SigmoidDenoising,
    SigmoidFromScratch,
    SigmoidPretrained,
    Sketches,
    UntrainedCode,
)
from lecturelib.experiments.compared import TIMES
from lecturelib.experiments.contenders import CONTENDERS
from lecturelib.record import named
from lecturelib.studies.games import GAMES
from lecturelib.studies.running import Study, cheapest, read, samples, table

__all__ = ["STUDIES", "Study", "cheapest", "read", "samples", "study", "table"]

_CLUSTERING = Study(
    "clustering",
    "deep clustering, with transformed copies and without, against k-means on pixels: drawn digits, real 8 x 8 digits",
    {
        f"{source}, {method}": arm
        for source in ("glyphs", "digits")
        for method, arm in {
            "k-means on pixels": Clustering(source=source),
            "deep": DeepClusters(source=source, transformed=False),
            "deep, transformed copies": DeepClusters(source=source),
        }.items()
    },
)

_FEW_LABELS = Study(
    "few_labels",
    "accuracy from 1 to 500 named digits per class: pixels, pretrained codes, networks from scratch, changed copies",
    {
        "pixels": FewLabels(),
        "untrained code": UntrainedCode(),
        "pretrained": Pretrained(),
        "self-taught": Pretrained(kind="letters"),
        "from scratch": FromScratch(),
        "fine-tuned": FineTuned(),
        "convolutional": Convolutional(),
        "from scratch, changed": FromScratch(changed=True, steps=(800, 800, 800, 800, 1500)),
        "fine-tuned, changed": FineTuned(changed=True, steps=(800, 800, 800, 800, 1500)),
        "convolutional, changed": Convolutional(changed=True, steps=(150, 200, 300, 600, 900)),
    },
    seeds=(10, 11, 12, 13, 14),  # pictures that no setting was chosen on
)

_DISENTANGLEMENT = Study(
    "disentanglement",
    "how well the units of a VAE's code follow five independent factors: plain, two betas, a decorrelation penalty",
    {
        "plain": Disentangling(),
        "beta = 4": Disentangling(beta=4.0),
        "beta = 10": Disentangling(beta=10.0),
        "decorrelated": Disentangling(off_diagonal=30.0, diagonal=10.0),
    },
    seeds=(20, 21, 22, 23, 24),
)

_DEBIASING = Study(
    "debiasing",
    "a detector of faces of which few are dark or turned: plain, faces drawn by how rare their codes are, "
    "or by the truth",
    {arm: FaceDetector(arm=arm) for arm in ("plain", "debiased", "oracle")},
    seeds=tuple(range(10, 20)),  # pictures that no setting was chosen on
)

_SKETCH_RNN = Study(
    "sketch_rnn",
    "Sketch-RNN against its decoder without an encoder on drawn boats, houses and trees, with two values of beta",
    {
        "unconditional, 100 steps": Sketches(steps=100, latent=0),
        "unconditional": Sketches(steps=400, latent=0),
        "beta = 1": Sketches(steps=400, beta=1.0),
        "beta = 0.2": Sketches(steps=400),
    },
    seeds=(10, 11, 12),
)

_PRETRAINING_DEPTH = Study(
    "pretraining_depth",
    "test error of nets of 1 to 4 hidden layers at the same training error: sigmoid units from scratch, from RBMs, "
    "from denoising autoencoders, and ReLU with Adam",
    {
        "from scratch": SigmoidFromScratch(),
        "RBMs": SigmoidPretrained(),
        "denoising": SigmoidDenoising(),
        "today": Rectified(),
    },
    seeds=(10, 11, 12, 13, 14),  # pictures that no setting was chosen on
)

_COMPARED = Study(
    "compared",
    "thirteen kinds of generative models on the same drawn digits, 28 x 28 pixels of 16 grey values without "
    "classes: how near their digits are to test digits, bits a pixel, and what training and sampling cost",
    CONTENDERS,
    seeds=(10,),
    times=TIMES,
)

STUDIES: dict[str, Study] = {
    one.name: one
    for one in (
        _CLUSTERING, _FEW_LABELS, _DISENTANGLEMENT, _DEBIASING, _SKETCH_RNN, _PRETRAINING_DEPTH, *GAMES, _COMPARED,
    )
}  # fmt: skip


def study(name: str) -> Study:
    """The study of that name; ValueError, with near matches, for another."""
    return named(name, STUDIES, "study")
