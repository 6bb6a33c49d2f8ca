"""The studies of games: what becomes of GANs by their rules, their networks and what they are told."""

from lecturelib.experiments import (
    ConditionalDigits,
    DayToNight,
    DigitsGAN,
    GrowingFaces,
    HingeRing,
    LeastSquaresRing,
    MinimaxRing,
    Ring,
    SemiSupervised,
    ShuffledLabels,
    SmallSets,
    WassersteinRing,
)
from lecturelib.studies.running import Study

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

GAMES = (_RING, _DCGAN, _SEMI_SUPERVISED, _CONDITIONAL, _SMALL_SETS, _CYCLE, _GROWING)
