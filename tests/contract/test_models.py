"""One contract that every model of the course keeps."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from inspect import isclass
from itertools import pairwise
from pkgutil import iter_modules

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import lecturelib
from lecturelib import models
from lecturelib.checkpoint import load_model, save_model
from lecturelib.data.tensors import Data
from lecturelib.games import R1, LeastSquares
from lecturelib.layers import mlp
from lecturelib.model import Model, Turn
from lecturelib.models.autoencoder import Autoencoder, CrossEntropy, TiedAutoencoder, dense
from lecturelib.models.autoregressive import MADE, PixelCNN
from lecturelib.models.classifier import Augmented, ConvClassifier
from lecturelib.models.clustering import DeepClustering
from lecturelib.models.conjugate import ConjugateGradients
from lecturelib.models.convolutional import UnpoolingAutoencoder, convolutional, pooled, resized
from lecturelib.models.cycle import CycleGAN, Translator
from lecturelib.models.dcgan import Discriminator, Generator, ProjectionDiscriminator
from lecturelib.models.debiasing import dense_debiasing
from lecturelib.models.denoisers import DenoisingTransformer, DenoisingUNet, PointDenoiser
from lecturelib.models.diffusion import Diffusion
from lecturelib.models.factors import FactorRegressor
from lecturelib.models.flow import dense_flow, picture_flow
from lecturelib.models.flow_matching import FlowMatching
from lecturelib.models.gan import GAN
from lecturelib.models.growing import GrowingDiscriminator, GrowingGAN, GrowingGenerator
from lecturelib.models.latent import Latent
from lecturelib.models.likelihoods import DiscretisedLogistic, Gaussian, Perceptual
from lecturelib.models.logistic_pca import LogisticPCA
from lecturelib.models.many import Classifiers, Denoisers, RBMs
from lecturelib.models.noising import Clean, Epsilon, linear_schedule
from lecturelib.models.projection import Projection
from lecturelib.models.rbm import RBM
from lecturelib.models.regularised import L1, Contractive, Denoising, KLSparsity, Masking, Sparse, UnitColumns
from lecturelib.models.semi_supervised import SemiSupervisedGAN
from lecturelib.models.sequence import SequenceAutoencoder
from lecturelib.models.simultaneous import Simultaneous
from lecturelib.models.sketch_rnn import SketchRNN
from lecturelib.models.stacked import SoftmaxClassifier, Stack
from lecturelib.models.styled import StyleGenerator
from lecturelib.models.super_resolution import SRGAN, SuperResolution
from lecturelib.models.translation import PairedGAN, PatchDiscriminator, Pix2Pix, UNet
from lecturelib.models.units import Gaussian as GaussianUnits
from lecturelib.models.units import Labelled
from lecturelib.models.up_down import UpDown
from lecturelib.models.vae import Decorrelated, ImportanceWeighted, convolutional_vae, dense_vae
from lecturelib.models.vqvae import VQVAE, Quantiser
from lecturelib.models.wae import WAE
from lecturelib.training import fit, train


@dataclass(frozen=True)
class Case:
    """A small instance of a model, a batch that suits it, and by how much 300 steps must lower its loss."""

    name: str
    make: Callable[[], Model]
    batch: Callable[[], tuple[Tensor, ...]]
    falls_to: float = 0.2
    samples: bool = False
    watched: str = "loss"  # what falls: the loss of an energy model is a difference that need not


def pictures() -> tuple[Tensor, ...]:
    return (torch.rand(16, 1, 8, 8).round(),)


def labelled_pictures() -> tuple[Tensor, ...]:
    return (torch.rand(16, 1, 8, 8).round(), torch.arange(16) % 10)


def pictures_and_classes() -> tuple[Tensor, ...]:
    return (torch.rand(16, 1, 8, 8).round(), torch.eye(10)[torch.arange(16) % 10])


def to_translate() -> tuple[Tensor, ...]:
    return (torch.rand(16, 1, 8, 8).round(), torch.rand(16, 2, 8, 8).round())


def to_enlarge() -> tuple[Tensor, ...]:
    x = torch.rand(16, 1, 8, 8).round()
    return (x, nn.functional.avg_pool2d(x, 4))


def two_domains() -> tuple[Tensor, ...]:
    return (torch.rand(16, 1, 8, 8).round(), torch.rand(16, 1, 8, 8) / 2)


def soft_clusters() -> tuple[Tensor, ...]:
    return (torch.rand(16, 1, 8, 8).round(), torch.eye(4)[torch.arange(16) % 4])


def faces() -> tuple[Tensor, ...]:
    """Pictures of 32 x 32, and factors of which none varies much."""
    return (torch.rand(16, 3, 32, 32), torch.ones(16, 15))


def sequences() -> tuple[Tensor, ...]:
    return (0.5 * torch.randn(16, 7, 3).cumsum(1), torch.arange(16) % 7 + 1)  # steps, and how many are no padding


def pen_moves() -> tuple[Tensor, ...]:
    x, lengths = torch.randn(16, 7, 3), torch.arange(16) % 7 + 1
    x[:, :, 2] = (x[:, :, 2] > 0).float()
    return (x * (torch.arange(7) < lengths[:, None])[:, :, None], lengths)


def points() -> tuple[Tensor, ...]:
    return (torch.randn(16, 4) @ torch.randn(4, 4) + 3,)


def numbered_pictures() -> tuple[Tensor, ...]:
    return (torch.rand(16, 1, 8, 8).round(), torch.arange(16))


def at_the_second_level() -> GrowingGAN:
    gan = GrowingGAN(GrowingGenerator(1, (2, 2, 2), colours=1), GrowingDiscriminator((8, 8, 4), colours=1), noise=1)
    gan.at(1, 0.5)
    return gan


class Duel(Model):
    """Two players, so that the contract on turns is tried on more than one."""

    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(64, 4), nn.Linear(4, 64)

    def turns(self, lr):
        def loss(x):
            return {"loss": (self.right(self.left(x.flatten(1))) - x.flatten(1)).square().mean()}

        return [Turn(name, loss, torch.optim.Adam(player.parameters(), lr=lr), player=player)
                for name, player in (("left", self.left), ("right", self.right))]  # fmt: skip

    def loss(self, x):
        return self.turns(0.0)[0].loss(x)


CASES = [
    Case("two players", Duel, pictures, 0.9),
    Case("classifier of changed copies", lambda: Augmented(ConvClassifier((1, 8, 8)), lambda x: x.flip(3)),
         labelled_pictures),
    Case("convolutional classifier", lambda: ConvClassifier((1, 8, 8)), labelled_pictures),
    Case("dense autoencoder", lambda: dense((1, 8, 8), 16, (64,)), pictures),
    Case("dense autoencoder, cross-entropy", lambda: dense((1, 8, 8), 16, (64,), error=CrossEntropy()), pictures),
    Case("dense autoencoder with labels in the batch", lambda: dense((1, 8, 8), 16, (64,)), labelled_pictures),
    Case("dense autoencoder, conjugate gradients", lambda: ConjugateGradients(dense((1, 8, 8), 16, (64,))), pictures),
    Case("tied autoencoder", lambda: TiedAutoencoder(64, 32, nn.Sigmoid()), pictures),
    Case("sparse, L1", lambda: Sparse(Autoencoder(
        nn.Sequential(nn.Flatten(), nn.Linear(64, 80), nn.ReLU()),
        nn.Sequential(UnitColumns(80, 64), nn.Unflatten(1, (1, 8, 8)))), L1(), 0.1), pictures, 0.4),
    Case("sparse, KL", lambda: Sparse(TiedAutoencoder(64, 80), KLSparsity(0.1), 0.1), pictures),
    Case("denoising", lambda: Denoising(dense((1, 8, 8), 64, (128,)), Masking(0.1)), labelled_pictures, 0.4),
    Case("contractive, closed form", lambda: Contractive(TiedAutoencoder(64, 80), 0.01), pictures),
    Case("contractive, deep", lambda: Contractive(dense((1, 8, 8), 16, (64,)), 0.001), pictures, 0.4),
    Case("logistic PCA", lambda: LogisticPCA(64, 8), pictures),
    Case("convolutional encoder", lambda: Autoencoder(
        nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(128, 16)),
        nn.Sequential(nn.Linear(16, 64), nn.Unflatten(1, (1, 8, 8)))), pictures),
    Case("convolutional autoencoder", lambda: convolutional((1, 8, 8), 16), pictures),
    Case("convolutional autoencoder, pooling and resize-convolution, cross-entropy", lambda: convolutional(
        (1, 8, 8), 16, down=pooled, up=resized, error=CrossEntropy()), pictures),
    Case("unpooling autoencoder", lambda: UnpoolingAutoencoder((1, 8, 8), 16), labelled_pictures),
    Case("sequences", lambda: SequenceAutoencoder(3, 16, 32), sequences),
    Case("sequences, teacher forcing", lambda: SequenceAutoencoder(3, 16, 32, feedback=True), sequences),
    Case("sequences, half of the steps forced, forwards", lambda: SequenceAutoencoder(
        3, 16, 32, feedback=True, forcing=0.5, reverse=False), sequences),
    Case("softmax on a stack", lambda: SoftmaxClassifier(
        Stack([TiedAutoencoder(64, 32), TiedAutoencoder(32, 16)]), 16), labelled_pictures),
    Case("softmax on a frozen encoder", lambda: SoftmaxClassifier(dense((1, 8, 8), 64).encoder, 64, frozen=True),
         labelled_pictures),
    Case("deep clustering", lambda: DeepClustering(dense((1, 8, 8), 8, (64,)), 8, 4), soft_clusters),
    Case("deep clustering of transformed copies, no decoder", lambda: DeepClustering(
        dense((1, 8, 8), 8, (64,)), 8, 4, lambda x: x.flip(3), weight=0.0), soft_clusters),
    Case("factors of faces", lambda: FactorRegressor(width=8, features=32), faces),
    Case("VAE", lambda: dense_vae((1, 8, 8), 8, (64,)), pictures, 0.6, True),
    Case("VAE, Gaussian, free bits", lambda: dense_vae(
        (1, 8, 8), 8, (64,), likelihood=Gaussian(), free_bits=0.1), labelled_pictures, 0.6, True),
    Case("beta-VAE, Gaussian of known width", lambda: dense_vae(
        (1, 8, 8), 8, (64,), likelihood=Gaussian(0.5), beta=4.0), pictures, 0.9, True),
    Case("convolutional VAE, discretised logistic", lambda: convolutional_vae(
        (1, 8, 8), 8, (8, 16), likelihood=DiscretisedLogistic(2)), pictures, 0.6, True),
    Case("deep-feature-consistent VAE", lambda: dense_vae((1, 8, 8), 8, (64,), likelihood=Perceptual(
        [ConvClassifier((1, 8, 8)).blocks[0]], pixels=1.0)), pictures, 0.6, True),
    Case("decorrelated VAE", lambda: dense_vae((1, 8, 8), 8, (64,), kind=Decorrelated), pictures, 0.6, True),
    Case("importance-weighted autoencoder", lambda: ImportanceWeighted(dense_vae((1, 8, 8), 8, (64,)), 5), pictures,
         0.6, True),
    Case("importance-weighted autoencoder, resampled", lambda: ImportanceWeighted(
        dense_vae((1, 8, 8), 8, (64,)), 5, 2), pictures, 0.6, True),
    Case("debiasing VAE", lambda: dense_debiasing((1, 8, 8), 8, (64,)), lambda: (pictures()[0], torch.arange(16) % 2)),
    Case("Sketch-RNN", lambda: SketchRNN(4, 32, 16, 3, longest=7), pen_moves, 0.6, True),
    Case("Sketch-RNN, unconditional", lambda: SketchRNN(0, 32, components=3, longest=7), pen_moves, 0.6, True),
    Case("RBM", lambda: RBM((1, 8, 8), 64, momentum=0.9), labelled_pictures, 0.6, True, "error"),
    Case("RBM, Gaussian units that are seen, sparse", lambda: RBM(
        (1, 8, 8), 64, visible_units=GaussianUnits(), sparsity=0.2, momentum=0.9), pictures, 0.8, True, "error"),
    Case("DBN fine-tuned up and down", lambda: UpDown([RBM((1, 8, 8), 32), RBM(
        42, 32, visible_units=Labelled(10))], 10), labelled_pictures, 0.9, True),
    Case("GAN", lambda: GAN(nn.Sequential(mlp((4, 32, 64)), nn.Sigmoid(), nn.Unflatten(1, (1, 8, 8))), nn.Sequential(
        nn.Flatten(), mlp((64, 64, 1))), noise=4), pictures, 0.8, True),
    Case("GAN with DCGAN's networks, R1 now and then", lambda: GAN(Generator((1, 8, 8), 4, (16,)), Discriminator(
        (1, 8, 8), (16,)), LeastSquares(), noise=4, penalty=R1(0.1), lazy=4), labelled_pictures, 0.8, True),
    Case("GAN whose players move together", lambda: Simultaneous(Generator((1, 8, 8), 4, (16,)), Discriminator(
        (1, 8, 8), (16,), norm=False), noise=4, penalty=R1(0.01), lazy=4), labelled_pictures, 0.9, True),
    Case("GAN of labels, projected", lambda: GAN(Generator((1, 8, 8), 4, (16,), conditions=10), ProjectionDiscriminator(
        (1, 8, 8), (16,), conditions=10), noise=4, conditional=True), pictures_and_classes, 0.8, True),
    Case("GAN that classifies", lambda: SemiSupervisedGAN(Generator((1, 8, 8), 4, (16,)), Discriminator((1, 8, 8), (
        16,), classes=10, norm=False), Data(*labelled_pictures()), noise=4), labelled_pictures, 0.6, True),
    Case("GAN of pairs, without a distance", lambda: PairedGAN(UNet(2, 1, (8, 16)), PatchDiscriminator(1 + 2, (8,))),
         to_translate, 0.9, True),
    Case("pix2pix", lambda: Pix2Pix(UNet(2, 1, (8, 16)), PatchDiscriminator(1 + 2, (8,)), weight=10.0), to_translate,
         0.2, True, "generator.away"),
    Case("SRGAN", lambda: SRGAN(SuperResolution(4, 1, 8, 1), PatchDiscriminator(1, (8,))), to_enlarge, 0.6, True,
         "generator.content"),
    Case("CycleGAN", lambda: CycleGAN(
        *(Translator(1, 4, 1, 1) for _ in range(2)), *(PatchDiscriminator(1, (8,)) for _ in range(2)), shape=(1, 8, 8),
        identity=1.0), two_domains, 0.9),
    Case("GAN that grows, at a level below its last", at_the_second_level, pictures, 0.8, True),
    Case("GAN with StyleGAN's generator", lambda: GAN(StyleGenerator(4, (8, 8), 8, depth=2, colours=1),
        GrowingDiscriminator((8, 8), colours=1), noise=4, penalty=R1(0.1), lazy=16, betas=(0.0, 0.99)), pictures, 0.9,
        True),
    Case("projection into w", lambda: Projection(StyleGenerator(4, (8, 8), 8, depth=2, colours=1).eval(), 16,
        F.mse_loss, each_layer=True), numbered_pictures, 0.9, True),
    Case("many classifiers", lambda: Classifiers(3, (64, 32, 10), optimizer=torch.optim.Adam), labelled_pictures),
    Case("many RBMs", lambda: RBMs(3, 64, 64, momentum=0.9), labelled_pictures, 0.6, watched="error"),
    Case("many denoisers", lambda: Denoisers(3, 64, 80, masked=0.1), pictures, 0.5),
    Case("MADE", lambda: MADE((1, 8, 8), (64,)), pictures, 0.3, True),
    Case("PixelCNN", lambda: PixelCNN((1, 8, 8), 2, 16, 3), pictures, 0.6, True),
    Case("PixelCNN of labels", lambda: PixelCNN((1, 8, 8), 2, 16, 3, classes=10), labelled_pictures, 0.6, True),
    Case("flow of points", lambda: dense_flow(4, 4), points, 0.8, True),
    Case("flow of pictures", lambda: picture_flow((1, 8, 8), 2, 2, 16, values=2), pictures, 0.8, True),
    Case("diffusion of points", lambda: Diffusion(PointDenoiser(4, (32,)), (4,), spread=3.0), points, 0.95, True),
    Case("diffusion of labelled pictures, U-Net, noise asked for", lambda: Diffusion(
        DenoisingUNet((1, 8, 8), (8, 16), patch=2, width=32, classes=10), (1, 8, 8), schedule=linear_schedule(100),
        target=Epsilon(), centre=0.5, spread=0.5), labelled_pictures, 0.8, True),
    Case("diffusion of labelled pictures, transformer, clean picture asked for", lambda: Diffusion(
        DenoisingTransformer((1, 8, 8), width=32, depth=2, classes=10), (1, 8, 8), target=Clean(), clip=1.0),
        labelled_pictures, 0.8, True),
    Case("flow matching", lambda: FlowMatching(PointDenoiser(4, (32,), classes=4), (4,), spread=3.0),
         lambda: (*points(), torch.arange(16) % 4), 0.95, True),
    Case("VQ-VAE", lambda: VQVAE(
        nn.Sequential(nn.Conv2d(1, 16, 4, 4), nn.ReLU(), nn.Conv2d(16, 4, 1)), nn.Sequential(
            nn.Conv2d(4, 16, 1), nn.ReLU(), nn.ConvTranspose2d(16, 1, 4, 4)), Quantiser(32, 4), Gaussian(0.3)),
        pictures, 0.6),
    Case("prior of an autoencoder's codes", lambda: Latent(TiedAutoencoder(64, 8), Diffusion(PointDenoiser(8, (32,)), (
        8,))), lambda: (pictures()[0].flatten(1),), 0.95, True),
    Case("Wasserstein autoencoder", lambda: WAE(
        *(lambda a: (a.encoder, a.decoder))(dense((1, 8, 8), 8, (64,))), 8), pictures, 0.6, True),
]  # fmt: skip


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request) -> Case:
    lecturelib.seed(0)
    return request.param


def state(module: nn.Module) -> list[Tensor]:
    return [t.detach().clone() for t in module.state_dict().values()]


def same(a: list[Tensor], b: list[Tensor]) -> bool:
    return all(torch.equal(s, t) for s, t in zip(a, b, strict=True))


def test_the_loss_is_a_dict_of_finite_numbers(case):
    parts = case.make().loss(*case.batch())
    assert "loss" in parts
    for name, value in parts.items():
        assert value.ndim == 0, name
        assert value.isfinite(), name


def test_turns_together_own_every_parameter(case):
    model = case.make()
    owned = {id(p) for turn in model.turns(1e-3) for p in turn.parameters}
    assert owned == {id(p) for p in model.parameters() if p.requires_grad}


def test_a_turn_moves_only_its_own_parameters(case):
    model, batch = case.make(), case.batch()
    data = Data(*batch)
    turns = [turn.name for turn in model.turns(1e-3)]
    for mine in turns:
        others = [p for t in model.turns(1e-3) if t.name != mine for p in t.parameters]
        own = [p for t in model.turns(1e-3) if t.name == mine for p in t.parameters]
        fixed = [p.detach().clone() for p in others if all(p is not q for q in own)]
        before = [p.detach().clone() for p in own]
        model.turns = lambda lr, mine=mine, m=model: [t for t in type(m).turns(m, lr) if t.name == mine]
        fit(model, data, 1, batch_size=len(data), progress=False)
        del model.turns
        assert not same(before, own)
        assert same(fixed, [p for p in others if all(p is not q for q in own)])


def test_overfits_one_batch(case):
    model, batch = case.make(), case.batch()
    history = fit(model, Data(*batch), 300, batch_size=len(batch[0]), lr=1e-2, progress=False)
    name = case.watched if case.watched != "loss" else next(iter(history.losses))
    first, last = history[name][0], history[name][-1]
    assert last < case.falls_to * first, f"{case.name}: from {first:.3f} to {last:.3f}"


def test_the_same_seed_gives_the_same_result(case):
    def run() -> list[Tensor]:
        lecturelib.seed(1)
        model = case.make()
        fit(model, Data(*case.batch()), 5, batch_size=8, progress=False)
        return state(model)

    assert same(run(), run())


def test_checkpoint_round_trip(case, tmp_path):
    model = case.make()
    fit(model, Data(*case.batch()), 3, batch_size=8, progress=False)
    save_model(model, tmp_path / "model")
    other = case.make()
    assert not same(state(model), state(other))
    load_model(other, tmp_path / "model")
    assert same(state(model), state(other))


def test_every_step_is_yielded_with_its_number(case):
    numbers = [step.number for step in train(case.make(), Data(*case.batch()), 4, batch_size=8)]
    assert all(b == a + 1 for a, b in pairwise([-1, *numbers]))
    assert len(numbers) == 4


def test_samples_or_says_that_it_cannot(case):
    model = case.make()
    if case.samples:
        condition = [part[:5] for part in case.batch()[1:]] if getattr(model, "conditional", False) else []
        x = model.sample(5, *condition)
        assert x.shape == (5, *case.batch()[0].shape[1:])
        assert x.isfinite().all()
    else:
        with pytest.raises(NotImplementedError, match="not a generative model"):
            model.sample(5)


def test_every_model_of_the_course_has_a_case():
    files = [import_module(f"lecturelib.models.{file.name}") for file in iter_modules(models.__path__)]
    classes = {c for file in files for c in vars(file).values() if isclass(c) and issubclass(c, Model)}
    classes = {c for c in classes if (c.loss, c.turns) != (Model.loss, Model.turns)}  # the others have no loss to train
    assert classes <= {type(case.make()) for case in CASES}
