"""Every kind of generative model, on the same drawn digits: 28 x 28 pixels of 16 grey values, without classes."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lecturelib.data import Data
from lecturelib.experiments.compared import SHAPE, Contender, in_bits, whole
from lecturelib.experiments.gans import LONG, DigitsGAN
from lecturelib.experiments.running import Stage, take_average
from lecturelib.model import Model
from lecturelib.models.autoregressive import PixelCNN
from lecturelib.models.convolutional import convolutional
from lecturelib.models.denoisers import DenoisingTransformer
from lecturelib.models.diffusion import Diffusion
from lecturelib.models.flow import PictureFlow, picture_flow
from lecturelib.models.flow_matching import FlowMatching
from lecturelib.models.gan import GAN
from lecturelib.models.latent import Latent
from lecturelib.models.likelihoods import DiscretisedLogistic
from lecturelib.models.noising import Clean
from lecturelib.models.rbm import RBM
from lecturelib.models.samplers import second_order
from lecturelib.models.vae import VAE, convolutional_vae
from lecturelib.models.vqvae import VQVAE, Quantiser
from lecturelib.models.wae import WAE
from lecturelib.resume import History
from lecturelib.runtime import choose


@dataclass(frozen=True)
class ByRBM(Contender):
    """A restricted Boltzmann machine, by persistent contrastive divergence."""

    steps: int = 20_000
    batch_size: int = 100
    lr: float = 0.02
    hidden: int = 500
    walk: int = 300  # Gibbs steps of a sample

    def model(self) -> RBM:
        return RBM(SHAPE, self.hidden, chains=100, sample_positive=True, sample_visible=True, sample_negative=True)

    def draw(self, model: RBM, n: int) -> Tensor:
        return model.sample(n, steps=choose(smoke=2, cpu=self.walk))


@dataclass(frozen=True)
class ByVAE(Contender):
    """A convolutional VAE whose likelihood is a discretised logistic one."""

    steps: int = 6000
    batch_size: int = 128
    lr: float = 2e-3
    latent: int = 32
    k: int = 100  # draws of the importance-weighted bound

    def model(self) -> VAE:
        likelihood = DiscretisedLogistic(self.values)
        return convolutional_vae(SHAPE, self.latent, (32, 64), likelihood=likelihood)

    def bits(self, model: VAE, x: Tensor) -> Tensor:
        return in_bits(-model.iwae(x, choose(smoke=2, cpu=self.k)))


@dataclass(frozen=True)
class ByWAE(Contender):
    """A convolutional Wasserstein autoencoder."""

    steps: int = 6000
    batch_size: int = 128
    lr: float = 2e-3
    latent: int = 16

    def model(self) -> WAE:
        parts = convolutional(SHAPE, self.latent, (32, 64))
        return WAE(parts.encoder, parts.decoder, self.latent)


@dataclass(frozen=True)
class ByGAN(Contender):
    """A DCGAN with R1 and averaged weights."""

    steps: int = 6000
    lr: float = 2e-3
    ema: float | None = 0.999

    def experiment(self) -> DigitsGAN:
        """That of the course's DCGAN, whose networks it has."""
        return DigitsGAN(**{name: LONG[name] for name in ("discriminator_norm", "r1")}, generator_norm=False)

    def model(self) -> GAN:
        return self.experiment().model()

    def size(self, model: GAN) -> int:
        return sum(p.numel() for p in model.generator.parameters())


@dataclass(frozen=True)
class ByPixels(Contender):
    """A gated PixelCNN."""

    steps: int = 2500
    batch_size: int = 32
    lr: float = 3e-3
    width: int = 32
    layers: int = 7
    ema: float | None = 0.998

    def data(self) -> Data:
        return Data(whole(self.digits(self.n)))

    def model(self) -> PixelCNN:
        return PixelCNN(SHAPE, self.values, self.width, self.layers)

    def draw(self, model: PixelCNN, n: int) -> Tensor:
        return model.sample(n) / (self.values - 1)

    def bits(self, model: PixelCNN, x: Tensor) -> Tensor:
        return in_bits(-torch.cat([model.log_prob(part) for part in whole(x).split(100)]))


@dataclass(frozen=True)
class ByFlow(Contender):
    """A multi-scale flow of affine couplings."""

    steps: int = 4000
    lr: float = 1e-3
    width: int = 48
    couplings: int = 6  # a level

    def model(self) -> PictureFlow:
        return picture_flow(SHAPE, 2, self.couplings, self.width, values=self.values)

    def options(self) -> Mapping:
        return super().options() | {"clip": 100.0, "precision": None}

    def bits(self, model: PictureFlow, x: Tensor) -> Tensor:
        return model.loss(x)["loss"][None]


@dataclass(frozen=True)
class ByCodes(Contender):
    """A VQ-VAE, and a PixelCNN as the prior of its codes of 7 x 7."""

    steps: int = 4000  # of the autoencoder
    batch_size: int = 128
    lr: float = 2e-3
    entries: int = 128
    width: int = 16
    prior_steps: int = 8000
    prior_ema: float = 0.998

    def model(self) -> VQVAE:
        encoder = nn.Sequential(nn.Conv2d(1, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU(),
                                nn.Conv2d(64, self.width, 1))  # fmt: skip
        decoder = nn.Sequential(
            nn.Conv2d(self.width, 64, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 4, 2, 1))  # fmt: skip
        return VQVAE(encoder, decoder, Quantiser(self.entries, self.width), DiscretisedLogistic(self.values))

    def stages(self) -> Generator[Stage, History, dict[str, float]]:
        codes, data = self.model(), self.data()
        yield Stage("codes", codes, data, self.steps, self.batch_size, self.lr, self.options())
        prior = PixelCNN((7, 7), self.entries, 64, 6)
        written = data.map(codes.eval().encode)
        options = self.options() | {"ema": self.prior_ema}
        history = yield Stage("prior", prior, written, self.prior_steps, 64, self.lr, options)
        take_average(prior, history)
        return self.figures(Latent(codes, prior))


@dataclass(frozen=True)
class ByDiffusion(Contender):
    """A diffusion whose network is a transformer over large patches."""

    steps: int = 5000
    lr: float = 1.5e-3
    ema: float | None = 0.998
    walk: int = 16

    def network(self) -> DenoisingTransformer:
        """The denoiser."""
        return DenoisingTransformer(SHAPE, patch=7, width=128, depth=6)

    def model(self) -> Diffusion | FlowMatching:
        return Diffusion(self.network(), SHAPE, target=Clean(), centre=0.5, spread=0.5, clip=1.0)

    def draw(self, model: Model, n: int) -> Tensor:
        return model.sample(n, steps=choose(smoke=2, cpu=self.walk), rule=second_order)


@dataclass(frozen=True)
class ByFlowMatching(ByDiffusion):
    """Flow matching with the same network, which looks twice in each of half as many steps."""

    walk: int = 8

    def model(self) -> FlowMatching:
        return FlowMatching(self.network(), SHAPE, centre=0.5, spread=0.5)

    def draw(self, model: Model, n: int) -> Tensor:
        return model.sample(n, steps=choose(smoke=2, cpu=self.walk))


CONTENDERS: dict[str, Contender] = {
    "RBM": ByRBM(), "VAE": ByVAE(), "WAE": ByWAE(), "DCGAN": ByGAN(), "PixelCNN": ByPixels(), "flow": ByFlow(),
    "VQ-VAE": ByCodes(), "diffusion": ByDiffusion(), "flow matching": ByFlowMatching(),
}  # fmt: skip
