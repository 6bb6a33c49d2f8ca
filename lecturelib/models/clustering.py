"""Deep clustering: an encoder and cluster centres that learn together, each from what the other is sure of.

Xie, Girshick, Farhadi (2016), "Unsupervised deep embedding for clustering analysis", ICML (DEC); with a decoder kept,
Guo, Gao, Liu, Yin (2017), IJCAI (IDEC); with transformed copies, Guo, Zhu, Liu, Yin (2018), ACML (DEC-DA).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lecturelib.data.tensors import Data
from lecturelib.model import Model
from lecturelib.models.autoencoder import Autoencoder


def soft_assignment(z: Tensor, centres: Tensor, width: Tensor | float = 1.0) -> Tensor:
    """q_ij, how much example i belongs to cluster j: Student's t with one degree of freedom, normalised; equation 1.

    z (n, code), centres (k, code) -> (n, k). `width` is the distance at which the kernel has fallen to a half;
    the paper has 1, in the units that its codes happen to have.
    """
    q = 1 / (1 + torch.cdist(z, centres).square() / width**2)
    return q / q.sum(1, keepdim=True)


def target(q: Tensor) -> Tensor:
    """p_ij, proportional to q_ij^2 / sum_i q_ij: sharper than q, and no cluster may take all. Equation 3.

    q (n, k) -> (n, k).
    """
    weight = q.square() / q.sum(0)
    return weight / weight.sum(1, keepdim=True)


class DeepClustering(Model):
    """KL(P || Q) between the sharpened and the soft assignments, equation 2, plus the reconstruction error.

    `start` it, then alternate: p = target(model.assignments(data)); fit(model, Data(x, p), ...), for a few rounds.
    With `transform` (a callable, x -> changed copies), the copy must fall where the unchanged picture's p says.
    """

    def __init__(
        self,
        autoencoder: Autoencoder,  # trained before
        code: int,  # units of its code
        clusters: int = 10,
        transform: Callable[[Tensor], Tensor] | None = None,  # what must not change the cluster
        weight: float = 1.0,  # of the reconstruction error per entry of x; 0 is DEC
    ):
        super().__init__()
        self.autoencoder = autoencoder
        self.centres = nn.Parameter(torch.randn(clusters, code))
        self.transform, self.weight = transform, weight
        self.register_buffer("width", torch.ones(()))

    @torch.no_grad()
    def start(self, data: Data, *, seed: int = 0, repeats: int = 20, width: float = 0.3) -> Tensor:
        """Centres by k-means on the codes of data.x, the best of `repeats`; returns each example's cluster (n,).

        The kernel's width is set to `width` times the root mean squared distance of a code from its centre, since what
        scale an autoencoder gives its codes is a matter of chance.
        """
        from sklearn.cluster import KMeans

        z = data.map(self.encode).x.float()
        means = KMeans(len(self.centres), n_init=repeats, random_state=seed).fit(z.cpu().numpy())
        self.centres.copy_(torch.from_numpy(means.cluster_centers_))
        self.width.fill_(width * (means.inertia_ / len(z)) ** 0.5)
        return torch.from_numpy(means.labels_).long()

    def encode(self, x: Tensor) -> Tensor:
        """(n, *shape) -> (n, code)."""
        return self.autoencoder.encode(x)

    def forward(self, x: Tensor) -> Tensor:
        """The soft assignments q of x: (n, *shape) -> (n, k)."""
        return soft_assignment(self.encode(x).float(), self.centres, self.width)

    def assignments(self, data: Data) -> Tensor:
        """q of all of data.x, in chunks and without gradients: (n, k)."""
        return data.map(self).x

    def loss(self, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        """KL(P || Q) per example in nats, and the mean squared error of the reconstruction per entry of x."""
        seen = x if self.transform is None else self.transform(x)
        z = self.encode(seen)
        q = soft_assignment(z.float(), self.centres, self.width)
        kl = (torch.xlogy(p, p) - p * q.log()).sum(1).mean()  # p may be 0, q is not
        if not self.weight:
            return {"loss": kl, "kl": kl}
        error = self.autoencoder.error(self.autoencoder.decoder(z).float(), seen).mean() / x[0].numel()
        return {"loss": kl + self.weight * error, "kl": kl, "error": error}
