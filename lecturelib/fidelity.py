"""How near are generated examples to real ones? Distances and shares, on the features of a network."""

import math
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


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """The squared maximum mean discrepancy of two samples (n, d), (m, d) under the kernel (x.y / d + 1)^3.

    Right on average at any n, so that it can be negative where both are of one source; the Fréchet distance is not.
    Bińkowski, Sutherland, Arbel, Gretton (2018), arXiv 1801.01401, section 4 and equation 4 ("KID"). ValueError for
    fewer than two examples.
    """
    _check(a, b)
    if min(len(a), len(b)) < 2:
        raise ValueError(f"{len(a)} and {len(b)} examples: at least two of each are needed")

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x: Tensor) -> Tensor:  # mean over pairs of different examples
        k = kernel(x, x)
        return (k.sum() - k.trace()) / (len(x) * (len(x) - 1))

    a, b = a.double(), b.double()
    return (within(a) + within(b) - 2 * kernel(a, b).mean()).item()


def inception_score(logits: Tensor) -> float:
    """exp E KL(p(y|x) || p(y)), from a classifier's logits of generated examples (n, classes).

    1 where all examples look alike to it, at most the number of classes: each example sure, all classes as frequent.
    It never looks at real examples. Salimans et al. (2016), arXiv 1606.03498, section 4; the name is that of the
    classifier used there. ValueError for anything but (n, classes).
    """
    if logits.ndim != 2 or not len(logits):
        raise ValueError(f"logits {tuple(logits.shape)}: (n, classes) are needed")
    p = logits.double().softmax(1)
    kl = torch.xlogy(p, p) - torch.xlogy(p, p.mean(0))  # 0 log 0 is 0
    return kl.sum(1).mean().exp().item()


def parzen(x: Tensor, samples: Tensor, sigma: float, chunk: int = 500) -> Tensor:
    """log p(x) of each example under Gaussians of width sigma around samples: (n, ...), (m, ...) -> (n,), in nats.

    Breuleux, Bengio, Vincent (2011); used for GANs by Goodfellow et al. (2014), table 1. It says little in many
    dimensions: Theis, van den Oord, Bethge (2016), arXiv 1511.01844, section 3.5. ValueError for a width of 0 or less.
    """
    if not sigma > 0:
        raise ValueError(f"sigma is {sigma}; a width above 0 is needed")
    x, samples = x.flatten(1).double(), samples.flatten(1).double()
    _check(x, samples)
    base = math.log(len(samples)) + x.shape[1] / 2 * math.log(2 * math.pi * sigma**2)
    parts = [torch.logsumexp(-torch.cdist(p, samples).square() / (2 * sigma**2), 1) for p in x.split(chunk)]
    return torch.cat(parts) - base


def density_coverage(real: Tensor, made: Tensor, k: int = 5) -> tuple[float, float]:
    """How densely real examples lie around what was made, and the share of the real that have something made near.

    real (n, d), made (m, d); near is within the distance to the real example's k-th nearest real neighbour. Both are
    about 1 for one source (coverage 1 - 2^-k where n = m is large); a few outliers spoil them less than they do
    `precision_recall`. Naeem et al. (2020), arXiv 2002.09797, equations 4 and 5.
    """
    _check(real, made)
    if k < 1 or len(real) <= k or not len(made):
        raise ValueError(f"k is {k} with {len(real)} real and {len(made)} made: at least 1, and more real than k")
    near = torch.cdist(real.double(), made.double()) <= _reach(real, k)[:, None]
    return near.double().sum().item() / (k * len(made)), near.any(1).double().mean().item()


def copying(made: Tensor, train: Tensor, test: Tensor) -> float:
    """How probable it is that something made lies nearer to the training set than a test example does, in [0, 1].

    (n, d), (m, d), (l, d): by the distances to the nearest training example. 1/2 where the made are as near as unseen
    examples; towards 1 for copies; below 1/2 where they are further from all data than data are.
    Meehan, Chaudhuri, Dasgupta (2020), arXiv 2004.05675, section 2.2, over the whole space at once; they also cut it
    into cells, without which too near and too far may cancel.
    """
    _check(made, train)
    _check(test, train)
    of_made, of_test = (_nearest(x, train) for x in (made, test))
    nearer, tied = of_made[:, None] < of_test, of_made[:, None] == of_test
    return (nearer.double().mean() + tied.double().mean() / 2).item()


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


def _nearest(x: Tensor, others: Tensor) -> Tensor:
    """The distance to the nearest of others, exactly 0 for one of them: (n, d), (m, d) -> (n,)."""
    which = torch.cdist(x.double(), others.double()).argmin(1)  # by way of products: fast, and off by some 1e-7
    return (x.double() - others[which].double()).norm(dim=1)


def _check(a: Tensor, b: Tensor) -> None:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"features {tuple(a.shape)} and {tuple(b.shape)}: (n, d) and (m, d) are needed")
