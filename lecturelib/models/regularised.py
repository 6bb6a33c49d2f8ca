"""What an autoencoder with a large code can be asked besides copying: to be sparse, to denoise, to contract."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.model import Model
from lecturelib.models.autoencoder import Autoencoder, TiedAutoencoder

AnyAutoencoder = Autoencoder | TiedAutoencoder


class GaussianNoise:
    """Adds normal noise of standard deviation `sigma` to every entry."""

    def __init__(self, sigma: float):
        if sigma < 0:
            raise ValueError(f"sigma is {sigma}; a standard deviation is at least 0")
        self.sigma = sigma

    def __call__(self, x: Tensor) -> Tensor:
        """x of any shape -> a noisy copy, not limited to [0, 1]."""
        return x + self.sigma * torch.randn_like(x)


class Masking:
    """Sets each entry to 0 with probability `share`."""

    def __init__(self, share: float):
        self.share = _share(share)

    def __call__(self, x: Tensor) -> Tensor:
        """x of any shape -> a copy with gaps."""
        return x * (torch.rand_like(x) >= self.share)


class SaltAndPepper:
    """Sets each entry, with probability `share`, to 0 or to 1, each as often."""

    def __init__(self, share: float):
        self.share = _share(share)

    def __call__(self, x: Tensor) -> Tensor:
        """x of any shape -> a copy with black and white specks."""
        u = torch.rand_like(x)
        return torch.where(u < self.share, (u < self.share / 2).to(x.dtype), x)


def _share(share: float) -> float:
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}; a probability lies between 0 and 1")
    return share


class L1:
    """sum_j |h_j|, mean over the batch: few units are far from 0. Olshausen and Field (1996), Nature 381."""

    def __call__(self, h: Tensor) -> Tensor:
        """h (n, code) -> ()."""
        return h.abs().sum(1).mean()


class KLSparsity:
    """sum_j KL(rho || mean_i h_ij) for units in [0, 1]: each is on a share `rho` of the time.

    The mean is the batch's, so small batches make it noisy. Lee, Ekanadham, Ng (2008) ask for the same with a
    squared difference; this form is that of Ng's lecture notes on sparse autoencoders (CS294A, 2011).
    """

    def __init__(self, rho: float):
        if not 0 < rho < 1:
            raise ValueError(f"rho is {rho}; the share of the time that a unit is on lies inside (0, 1)")
        self.rho = rho

    def __call__(self, h: Tensor) -> Tensor:
        """h (n, code) in [0, 1] -> ()."""
        used = h.mean(0).clamp(1e-6, 1 - 1e-6)
        kl = self.rho * torch.log(self.rho / used) + (1 - self.rho) * torch.log((1 - self.rho) / (1 - used))
        return kl.sum()


def sigmoid_jacobian_norm(h: Tensor, W: Tensor) -> Tensor:
    """||dh/dx||_F^2 of one sigmoid layer h = s(W x + b), in closed form: sum_j (h_j (1 - h_j))^2 ||W_j||^2.

    h (n, code), W (code, dimension) -> (n,). Rifai et al. (2011), ICML, equation 7.
    """
    return (h * (1 - h)).square() @ W.square().sum(1)


def jacobian_norm(encode: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """||dh/dx||_F^2 of any encoder, exactly, by one backward pass a code unit: (n, ...) -> (n,).

    The encoder must treat the examples one by one: no batch norm in training.
    """
    jacobian = torch.func.vmap(torch.func.jacrev(lambda one: encode(one[None])[0]))(x)  # (n, *code, ...)
    return jacobian.square().flatten(1).sum(1)


def estimated_jacobian_norm(encode: Callable[[Tensor], Tensor], x: Tensor, samples: int = 1) -> Tensor:
    """||dh/dx||_F^2 = E ||v^T dh/dx||^2 over v ~ N(0, I), estimated from `samples` backward passes: -> (n,).

    Unbiased, and as cheap for a deep encoder as for one layer. Hutchinson (1990), Communications in Statistics 19.
    """
    if samples < 1:
        raise ValueError(f"samples is {samples}; at least 1 is needed")
    x = x.detach().requires_grad_()
    h = encode(x)
    total = torch.zeros(len(x), device=x.device)
    for _ in range(samples):
        (g,) = torch.autograd.grad(h, x, torch.randn_like(h), create_graph=True)
        total = total + g.square().flatten(1).sum(1)
    return total / samples


class UnitColumns(nn.Module):
    """A linear decoder x^ = D h + c whose columns have length 1: (n, code) -> (n, dimension).

    Without that an L1 penalty is cheated: h shrinks while D grows. Olshausen and Field (1996), Nature 381.
    """

    def __init__(self, code: int, dimension: int):
        super().__init__()
        self.D = nn.Parameter(F.normalize(torch.randn(dimension, code), dim=0))
        self.c = nn.Parameter(torch.zeros(dimension))

    def columns(self) -> Tensor:
        """What each unit paints, (dimension, code)."""
        return F.normalize(self.D, dim=0)

    def forward(self, h: Tensor) -> Tensor:
        """(n, code) -> (n, dimension)."""
        return F.linear(h, self.columns(), self.c)


class Regularised(Model):
    """An autoencoder that is trained on more than its reconstruction; encodes and decodes as that one does."""

    def __init__(self, autoencoder: AnyAutoencoder):
        super().__init__()
        self.autoencoder = autoencoder

    def encode(self, x: Tensor) -> Tensor:
        """(n, *shape) -> (n, code)."""
        return self.autoencoder.encode(x)

    def decode(self, h: Tensor) -> Tensor:
        """(n, code) -> reconstructions."""
        return self.autoencoder.decode(h)

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction of x, of the shape of x."""
        return self.autoencoder(x)


class Sparse(Regularised):
    """Error + weight * penalty(h): `L1()` for codes of any range, `KLSparsity(rho)` for sigmoid codes."""

    def __init__(self, autoencoder: AnyAutoencoder, penalty: Callable[[Tensor], Tensor], weight: float):
        super().__init__(autoencoder)
        self.penalty, self.weight = penalty, weight

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """Reconstruction error plus the weighted penalty, and each alone."""
        h = self.encode(x)
        error, penalty = self.autoencoder.errors(h, x).mean(), self.penalty(h)
        return {"loss": error + self.weight * penalty, "error": error, "penalty": penalty}


class Denoising(Regularised):
    """Sees corrupted(x) and must give x back. Vincent et al. (2008), ICML; (2010), JMLR 11."""

    def __init__(self, autoencoder: AnyAutoencoder, corrupted: Callable[[Tensor], Tensor]):
        super().__init__(autoencoder)
        self.corrupted = corrupted

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """The error between the clean x and the reconstruction of a corrupted one, new noise in each call."""
        return {"loss": self.autoencoder.errors(self.encode(self.corrupted(x)), x).mean()}


class Contractive(Regularised):
    """Error + weight * ||dh/dx||_F^2: the code should not move when x moves a little. Rifai et al. (2011), ICML.

    The norm is in closed form for a tied autoencoder of sigmoid units, else estimated with `samples` random
    directions.
    """

    def __init__(self, autoencoder: AnyAutoencoder, weight: float, samples: int = 1):
        super().__init__(autoencoder)
        self.weight, self.samples = weight, samples
        self.closed = isinstance(autoencoder, TiedAutoencoder) and isinstance(autoencoder.activation, nn.Sigmoid)

    def loss(self, x: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """Reconstruction error plus the weighted squared norm of the encoder's Jacobian, and each alone."""
        h = self.encode(x)
        error = self.autoencoder.errors(h, x).mean()
        norm = sigmoid_jacobian_norm(h, self.autoencoder.W) if self.closed else estimated_jacobian_norm(
            self.encode, x, self.samples)  # fmt: skip
        return {"loss": error + self.weight * norm.mean(), "error": error, "norm": norm.mean()}
