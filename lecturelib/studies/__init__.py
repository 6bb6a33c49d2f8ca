"""Every study by its name: what `lecturelib study NAME` computes; its record lies beside this file as NAME.json."""

from lecturelib.experiments import (
    Clustering,
    ConditionalDigits,
    Convolutional,
    DayToNight,
    DeepClusters,
    DigitsGAN,
    Disentangling,
    FaceDetector,
    FewLabels,
    FineTuned,
    FromScratch,
    GrowingFaces,
    HingeRing,
    LeastSquaresRing,
    MinimaxRing,
    Pretrained,
    Rectified,
    Ring,
    SemiSupervised,
    ShuffledLabels,
    SigmoidDenoising,
    SigmoidFromScratch,
    SigmoidPretrained,
    Sketches,
    SmallSets,
    UntrainedCode,
    WassersteinRing,
)
from lecturelib.record import named
from lecturelib.studies.running import Study, cheapest, read

__all__ = ["STUDIES", "Study", "cheapest", "read", "study"]

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

_CALM = {"beta1": 0.5, "beta2": 0.99}  # less momentum than Adam's usual
_NORMED = {"spectral": True, "stretch": 20.0}
_RING = Study(
    "ring",
    "eight Gaussians on a ring: modes that small GANs cover and how near to them their samples are, by game, momentum, "
    "learning rate, penalty and normalisation",
    {
        "non-saturating": Ring(),
        "non-saturating, falling rate": Ring(falling=True),
        "non-saturating, R1": Ring(r1=0.03),
        "non-saturating, beta1 = 0.5": Ring(**_CALM),
        "non-saturating, beta1 = 0.5, falling rate": Ring(**_CALM, falling=True),
        "non-saturating, beta1 = 0.5, R1": Ring(**_CALM, r1=0.03),
        "non-saturating, beta1 = 0.5, R1, falling rate": Ring(**_CALM, r1=0.03, falling=True),
        "minimax, beta1 = 0.5, falling rate": MinimaxRing(**_CALM, falling=True),
        "least squares, beta1 = 0.5, falling rate": LeastSquaresRing(**_CALM, falling=True),
        "least squares, beta1 = 0.5, R1, falling rate": LeastSquaresRing(**_CALM, r1=0.03, falling=True),
        "hinge, beta1 = 0.5, falling rate": HingeRing(**_CALM, falling=True),
        "hinge, spectral normalisation, beta1 = 0.5, falling rate": HingeRing(**_CALM, **_NORMED, falling=True),
        "the same with a third of the learning rate": HingeRing(**_CALM, **_NORMED, falling=True, lr=4e-3),
        "Wasserstein, clipped weights, falling rate": WassersteinRing(
            clip=0.1, critic_steps=2, beta1=0.0, beta2=0.99, lr=4e-3, falling=True),
        "Wasserstein, gradient penalty, falling rate": WassersteinRing(
            gradient_penalty=0.03, critic_steps=2, beta1=0.0, beta2=0.9, falling=True),
    },
    seeds=(10, 11, 12, 13, 14),  # none of which a setting was chosen on
)  # fmt: skip

_DCGAN = Study(
    "dcgan",
    "a small DCGAN of drawn digits after 600 steps: with all guidelines, with each left out in turn, and with tricks",
    {
        "all guidelines": DigitsGAN(),
        "maps enlarged, then convolved": DigitsGAN(transposed=False),
        "pooling in D": DigitsGAN(strided=False),
        "no batch norm in G": DigitsGAN(generator_norm=False),
        "no batch norm in D": DigitsGAN(discriminator_norm=False),
        "hidden layers of 256 units": DigitsGAN(hidden=256),
        "tanh inside G": DigitsGAN(rectified=False),
        "no tanh at G's end": DigitsGAN(bounded=False),
        "ReLU in D": DigitsGAN(negative_slope=0.0),
        "PyTorch's first weights": DigitsGAN(init_std=None),
        "beta1 = 0.9": DigitsGAN(beta1=0.9),
        "noise on what D sees": DigitsGAN(instance_noise=0.1),
        "R1, no batch norm in D": DigitsGAN(discriminator_norm=False, r1=0.004),
        "averaged weights": DigitsGAN(ema=0.99),
        "real and fake in one batch": DigitsGAN(joint_batches=True),
    },
    seeds=(10, 11, 12),
)

_SEMI_SUPERVISED = Study(
    "semi_supervised",
    "accuracy on drawn digits of a network that has the names of ten of each class: from these alone, from changed "
    "copies of them, and as the discriminator of a GAN that sees 30,000 digits without names",
    {
        "names alone": SemiSupervised(adversarial=False, steps=1000),
        "names, changed copies": SemiSupervised(adversarial=False, augmented=True, steps=1000),
        "names and a GAN": SemiSupervised(steps=1000),
        "names and a GAN, changed copies": SemiSupervised(augmented=True, steps=1000),
    },
    seeds=(10, 11, 12),
)

_CONDITIONAL = Study(
    "conditional",
    "a small DCGAN of drawn digits that is told no class, and three that are: the discriminator has it beside the "
    "pixels, or asks whether its features fit to it, the last one with labels that are shuffled",
    {
        "told nothing": DigitsGAN(),
        "beside": ConditionalDigits(projected=False),
        "projection": ConditionalDigits(),
        "projection, shuffled labels": ShuffledLabels(),
    },
    seeds=(10, 11, 12, 13, 14),
)

_SMALL_SETS = Study(
    "small_sets",
    "accuracy on drawn digits of a convolutional network that has 5 to 500 of each class: from these alone, with those "
    "of a conditional GAN that has seen the same ones, with changed copies, with both, with those of a GAN that has "
    "seen 120,000 others, and from ten times as many",
    {
        "digits alone": SmallSets(),
        "and generated ones": SmallSets(generated=True),
        "changed copies": SmallSets(augmented=True),
        "changed copies and generated ones": SmallSets(augmented=True, generated=True),
        "and generated ones of a GAN that has seen more": SmallSets(generated=True, known=True),
        "ten times as many": SmallSets(more=10),
    },
    seeds=(10, 11, 12),
)

_SMALL_SCENES = {"side": 32, "n": 2000, "steps": 400, "lr": 1e-3, "ema": 0.99, "width": 16, "halvings": 1, "blocks": 3}
_CYCLE = Study(
    "cycle",
    "days to nights and back by small CycleGANs, without pairs: with the cycle and the identity loss, with one of "
    "them, and with neither",
    {
        "cycle": DayToNight(**_SMALL_SCENES, identity=0.0),
        "cycle and identity": DayToNight(**_SMALL_SCENES, identity=5.0),
        "identity": DayToNight(**_SMALL_SCENES, cycle=0.0, identity=5.0),
        "neither": DayToNight(**_SMALL_SCENES, cycle=0.0, identity=0.0),
    },
    seeds=(10, 11, 12),
)

_AT_64 = {"side": 64, "channels": (64, 64, 48, 32, 16), "plan": (0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 4, 4), "r1": 0.1}
_GROWING = Study(
    "growing",
    "a GAN of drawn faces that grows from 4 x 4 pixels on, and one that has the full size from the start, both to "
    "32 x 32 and to 64 x 64: the distance to real faces after each stretch of as many pictures",
    {
        "32 pixels, growing": GrowingFaces(),
        "32 pixels, full size": GrowingFaces(grow=False),
        "64 pixels, growing": GrowingFaces(**_AT_64),
        "64 pixels, full size": GrowingFaces(**_AT_64, grow=False),
    },
    seeds=(10, 11, 12),
)

STUDIES: dict[str, Study] = {
    one.name: one
    for one in (
        _CLUSTERING, _FEW_LABELS, _DISENTANGLEMENT, _DEBIASING, _SKETCH_RNN, _PRETRAINING_DEPTH, _RING, _DCGAN,
        _SEMI_SUPERVISED, _CONDITIONAL, _SMALL_SETS, _CYCLE, _GROWING,
    )
}  # fmt: skip


def study(name: str) -> Study:
    """The study of that name; ValueError, with near matches, for another."""
    return named(name, STUDIES, "study")
