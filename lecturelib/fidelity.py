"""How near are generated examples to real ones? Distances and shares, on the features of a network."""

from collections.abc import Callable

import torch
from torch import Tensor


@torch.no_grad()
def features_of(network: Callable[[Tensor], Tensor], x: Tensor, chunk: int = 1000) -> Tensor:
    """What a network says of x (n, ...), part by part, as float64 on the CPU: (n, d)."""
    return torch.cat([network(part).flatten(1).double().cpu() for part in x.split(chunk)])


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """The squared Wasserstein-2 distance of the Gaussians that fit two samples: (n, d), (m, d), 0 for equal ones.

    |mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2)), A and B the covariances. Two samples of one source are apart, too,
    by the more the fewer they are: compare only at equal n. Heusel et al. (2017), arXiv 1706.08500, equation 6, there
    on the features of Inception. ValueError where there are not more examples than features.
    """
    _check(a, b)
    if min(len(a), len(b)) <= a.shape[1]:
        raise ValueError(f"{len(a)} and {len(b)} examples of {a.shape[1]} features: more examples than features are "
                         "needed, or the covariances say nothing")  # fmt: skip
    a, b = a.double(), b.double()
    mean = (a.mean(0) - b.mean(0)).square().sum()
    A, B = torch.cov(a.T), torch.cov(b.T)
    values, vectors = torch.linalg.eigh(A)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    # tr (AB)^(1/2) is that of the symmetric A^(1/2) B A^(1/2), whose eigenvalues are real
    shared = torch.linalg.eigvalsh(root @ B @ root).clamp(min=0).sqrt().sum()
    return max(0.0, float(mean + A.trace() + B.trace() - 2 * shared))


def precision_recall(real: Tensor, made: Tensor, k: int = 3) -> tuple[float, float]:
    """The share of what was made that lies among the real, and the share of the real that lies among what was made.

    real (n, d), made (m, d). A point lies among a sample if it is within one of its points' distance to that point's
    k-th nearest neighbour. Kynkäänniemi et al. (2019), arXiv 1904.06991, equation 1.
    """
    _check(real, made)
    if min(len(real), len(made)) <= k or k < 1:
        raise ValueError(f"k is {k} with {len(real)} and {len(made)} examples: at least 1 and fewer than both, please")
    between = torch.cdist(real.double(), made.double())
    of_real, of_made = _reach(real, k), _reach(made, k)
    precision = (between <= of_real[:, None]).any(0).double().mean()
    recall = (between <= of_made).any(1).double().mean()
    return precision.item(), recall.item()


def modes_covered(x: Tensor, means: Tensor, within: float, share: float = 0.1) -> tuple[int, float]:
    """How many modes of a mixture points reach, and the share of the points that lie near a mode.

    x: (n, d); means: (k, d), all as likely. A point belongs to its nearest mode where it is no further than `within`
    away; a mode is covered by at least `share` of the n / k points that it should have. After Metz et al. (2017),
    arXiv 1611.02163, section 3.1. For a round Gaussian in two dimensions 98.9 % are within three standard deviations.
    """
    _check(x, means)
    if not 0 < share <= 1 or not within > 0:
        raise ValueError(f"within is {within} and share {share}: a distance, and a share of at most 1, both above 0")
    distance, mode = torch.cdist(x, means.to(x)).min(1)
    near = distance <= within
    points = torch.bincount(mode[near], minlength=len(means))
    return int((points >= share * len(x) / len(means)).sum()), near.double().mean().item()


def _reach(x: Tensor, k: int) -> Tensor:
    """The distance of each point to its k-th nearest neighbour, itself not counted: (n,)."""
    return torch.cdist(x.double(), x.double()).kthvalue(k + 1, 1).values


def _check(a: Tensor, b: Tensor) -> None:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"features {tuple(a.shape)} and {tuple(b.shape)}: (n, d) and (m, d) are needed")
