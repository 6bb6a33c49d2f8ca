"""Thirteen kinds of generative models, on the same drawn digits: 28 x 28 pixels of 16 grey values, without classes."""

from collections.abc import Generator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.data import Data
from lecturelib.experiments.bounds import Chain, codes_nats
from lecturelib.experiments.compared import SHAPE, Contender, in_bits
from lecturelib.experiments.densities import ByDBN, ByFlow, ByMixture, ByPixels, ByRBM
from lecturelib.experiments.gans import LONG, DigitsGAN
from lecturelib.experiments.running import Stage, take_average
from lecturelib.games import R1
from lecturelib.model import Model
from lecturelib.models.autoregressive import PixelCNN
from lecturelib.models.convolutional import convolutional
from lecturelib.models.denoisers import DenoisingTransformer
from lecturelib.models.diffusion import Diffusion
from lecturelib.models.flow_matching import FlowMatching
from lecturelib.models.gan import GAN
from lecturelib.models.growing import GrowingDiscriminator
from lecturelib.models.latent import Latent
from lecturelib.models.likelihoods import DiscretisedLogistic
from lecturelib.models.noising import Clean
from lecturelib.models.samplers import second_order
from lecturelib.models.styled import StyleGenerator
from lecturelib.models.vae import VAE, convolutional_vae
from lecturelib.models.vqvae import VQVAE, Quantiser
from lecturelib.models.wae import WAE
from lecturelib.resume import History
from lecturelib.runtime import choose

CHOSEN = 500  # training digits by which the level and the width of a bound are chosen


@dataclass(frozen=True)
class ByVAE(Contender):
    """A convolutional VAE whose likelihood is a discretised logistic one."""

    steps: int = 6000
    batch_size: int = 128
    lr: float = 2e-3
    latent: int = 16
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
    ema: float | None = 0.998

    def model(self) -> GAN:
        options = {name: LONG[name] for name in ("discriminator_norm", "r1")}
        return DigitsGAN(generator_norm=False, **options).model()

    def size(self, model: GAN) -> int:
        return sum(p.numel() for p in model.generator.parameters())


@dataclass(frozen=True)
class ByStyle(ByGAN):
    """A StyleGAN of full size from the start, of pictures of 32 x 32 that are the digits with a border."""

    steps: int = 4000
    batch_size: int = 16
    lr: float = 3e-3
    channels: tuple[int, ...] = (64, 64, 32, 16)
    depth: int = 2  # layers of the mapping
    r1: float = 0.3

    def data(self) -> Data:
        return Data(F.pad(self.digits(self.n), (2, 2, 2, 2)))

    def model(self) -> GAN:
        generator = StyleGenerator(64, self.channels, 64, depth=self.depth, mixing=0.5, colours=1)
        gan = GAN(generator, GrowingDiscriminator(self.channels, colours=1), noise=64, penalty=R1(self.r1), lazy=16,
                  betas=(0.0, 0.99))  # fmt: skip
        return gan.to(memory_format=torch.channels_last)

    def draw(self, model: GAN, n: int) -> Tensor:
        return model.sample(n)[..., 2:-2, 2:-2]


def halved_twice(written: int, read: int) -> tuple[nn.Module, nn.Module]:
    """An encoder of digits into 7 x 7 places of `written` numbers, and a decoder of places of `read` numbers."""
    encoder = nn.Sequential(nn.Conv2d(1, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU(),
                            nn.Conv2d(64, written, 1))  # fmt: skip
    decoder = nn.Sequential(
        nn.Conv2d(read, 64, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(32, 1, 4, 2, 1))  # fmt: skip
    return encoder, decoder


@dataclass(frozen=True)
class InCode(Contender):
    """An autoencoder, and a model of its codes of 7 x 7, trained one after the other."""

    steps: int = 3000  # of the autoencoder
    batch_size: int = 128
    lr: float = 2e-3
    inner_steps: int = 4000
    inner_lr: float = 2e-3
    inner_ema: float = 0.998

    def inner(self, written: Data) -> Model:
        """The model of codes, before it is trained on them."""
        raise NotImplementedError(f"{type(self).__name__} does not say what models its codes")

    def trained(self, data: Data) -> Generator[Stage, History, Latent]:
        codes = self.model()
        yield Stage("codes", codes, data, self.steps, self.batch_size, self.lr, self.options())
        written = data.map(codes.eval().encode)
        inner, options = self.inner(written), self.options() | {"ema": self.inner_ema}
        history = yield Stage("inner", inner, written, self.inner_steps, 64, self.inner_lr, options)
        take_average(inner, history)
        return Latent(codes, inner)


@dataclass(frozen=True)
class ByCodes(InCode):
    """A VQ-VAE, and a PixelCNN as the prior of its codes."""

    entries: int = 128
    width: int = 16

    def model(self) -> VQVAE:
        quantiser = Quantiser(self.entries, self.width)
        return VQVAE(*halved_twice(self.width, self.width), quantiser, DiscretisedLogistic(self.values))

    def inner(self, written: Data) -> PixelCNN:
        return PixelCNN((7, 7), self.entries, 48, 5)

    def bits(self, model: Latent, x: Tensor) -> Tensor:
        return in_bits(codes_nats(model, x))

    def size(self, model: Latent) -> int:
        return super().size(model) + model.autoencoder.quantiser.book.numel()  # entries follow, without a gradient


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

    def bits(self, model: Diffusion, x: Tensor) -> Tensor:
        return in_bits(Chain(model, self.values).fitted(self.digits(CHOSEN)).nats(x))


@dataclass(frozen=True)
class ByFlowMatching(ByDiffusion):
    """Flow matching with the same network, which looks twice in each of half as many steps."""

    walk: int = 8

    def model(self) -> FlowMatching:
        return FlowMatching(self.network(), SHAPE, centre=0.5, spread=0.5)

    def draw(self, model: Model, n: int) -> Tensor:
        return model.sample(n, steps=choose(smoke=2, cpu=self.walk))

    def bits(self, model: FlowMatching, x: Tensor) -> Tensor:
        return super().bits(model.as_diffusion(), x)


@dataclass(frozen=True)
class ByLatentDiffusion(InCode):
    """A VAE whose code is a small picture, and diffusion in it."""

    steps: int = 2000
    channels: int = 4
    beta: float = 0.1
    inner_steps: int = 3000
    inner_lr: float = 1.5e-3
    walk: int = 16

    def model(self) -> VAE:
        return VAE(*halved_twice(2 * self.channels, self.channels), self.channels, DiscretisedLogistic(self.values),
                   beta=self.beta)  # fmt: skip

    def inner(self, written: Data) -> Diffusion:
        shape, each = (self.channels, 7, 7), (self.channels, 1, 1)
        centre, spread = written.x.mean((0, 2, 3)).view(each), written.x.std((0, 2, 3)).view(each)
        network = DenoisingTransformer(shape, patch=1, width=96, depth=4)
        return Diffusion(network, shape, target=Clean(), centre=centre, spread=spread)

    def draw(self, model: Latent, n: int) -> Tensor:
        return model.sample(n, steps=choose(smoke=2, cpu=self.walk), rule=second_order)

    def bits(self, model: Latent, x: Tensor) -> Tensor:
        chain = Chain(model.prior, self.values, model.encode, model.autoencoder.decoder)
        return in_bits(chain.fitted(self.digits(CHOSEN)).nats(x))


CONTENDERS: dict[str, Contender] = {
    "mixture of Gaussians": ByMixture(), "RBM": ByRBM(), "DBN": ByDBN(), "VAE": ByVAE(), "WAE": ByWAE(),
    "DCGAN": ByGAN(), "StyleGAN": ByStyle(), "PixelCNN": ByPixels(), "flow": ByFlow(), "VQ-VAE": ByCodes(),
    "diffusion": ByDiffusion(), "flow matching": ByFlowMatching(), "latent diffusion": ByLatentDiffusion(),
}  # fmt: skip
