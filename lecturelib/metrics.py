"""How good is a reconstruction, a code, a clustering? Numbers that several lectures report."""

from collections.abc import Callable

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def psnr(output: Tensor, x: Tensor, peak: float = 1.0) -> Tensor:
    """Peak signal-to-noise ratio of each picture in decibels: 10 log10(peak^2 / mean squared error), larger is better.

    output, x: (n, ...) of the same shape -> (n,); infinite for an exact copy. ValueError for other shapes.
    """
    if output.shape != x.shape:
        raise ValueError(f"the pictures {tuple(output.shape)} and their originals {tuple(x.shape)} differ in shape")
    error = (output - x).square().flatten(1).mean(1)
    return 10 * torch.log10(peak**2 / error)


def ssim(output: Tensor, x: Tensor, peak: float = 1.0) -> Tensor:
    """Structural similarity of each picture, by torchmetrics: 1 for an exact copy, about 0 where nothing is alike.

    Means, variances and covariances under Gaussian windows of width 1.5. Wang, Bovik, Sheikh, Simoncelli (2004),
    equation 13. output, x: (n, c, h, w) of the same shape -> (n,). ValueError for other shapes.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure  # takes seconds to import

    if output.shape != x.shape or x.ndim != 4:
        raise ValueError(f"the pictures {tuple(output.shape)} and their originals {tuple(x.shape)} differ in shape")
    both = output.contiguous(), x.contiguous()
    return structural_similarity_index_measure(*both, data_range=peak, reduction="none").reshape(len(x))


def clustering_accuracy(clusters: Tensor, labels: Tensor) -> float:
    """The share of right names when each cluster is named after one class of its own, the best way.

    clusters, labels: whole numbers (n,). The Hungarian method finds the names; with more clusters than classes
    some stay without one. Xie, Girshick, Farhadi (2016), equation 10. ValueError for different lengths or none.
    """
    clusters, labels = torch.as_tensor(clusters).long().cpu(), torch.as_tensor(labels).long().cpu()
    if clusters.ndim != 1 or clusters.shape != labels.shape or not len(labels):
        raise ValueError(f"clusters {tuple(clusters.shape)} and labels {tuple(labels.shape)} must be two rows of n > 0")
    _, clusters = clusters.unique(return_inverse=True)
    _, labels = labels.unique(return_inverse=True)
    k = int(labels.max()) + 1
    together = (clusters * k + labels).bincount(minlength=(int(clusters.max()) + 1) * k).view(-1, k)
    row, column = linear_sum_assignment(together, maximize=True)
    return together[row, column].sum().item() / len(labels)


def fit_probe(
    h: Tensor,
    y: Tensor,
    *,
    penalty: float | None = None,  # of the squared weights; None: the best of five by cross-validation
    seed: int = 0,
) -> Callable[[Tensor, Tensor], float]:
    """Logistic regression on fixed features h (n, d), y (n,); returns a function (h, y) -> its accuracy there.

    The features are centred and divided by one number, the root of their mean variance, so that codes of
    different scale are penalised alike. Without `penalty` it is chosen from 0.01 to 100 by 3 folds.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    mean, scale = h.mean(0), h.var(0).mean().sqrt().clamp_min(1e-12)
    model = LogisticRegression(C=1 / (penalty or 1.0), max_iter=2000)
    if penalty is None:
        folds = StratifiedKFold(3, shuffle=True, random_state=seed)
        model = GridSearchCV(model, {"C": [0.01, 0.1, 1.0, 10.0, 100.0]}, cv=folds)

    def features(h: Tensor):
        return ((h - mean) / scale).detach().cpu().numpy()

    model.fit(features(h), y.cpu().numpy())
    return lambda h, y: float(model.score(features(h), y.cpu().numpy()))


def linear_probe(train_h: Tensor, train_y: Tensor, test_h: Tensor, test_y: Tensor, **options) -> float:
    """Test accuracy of `fit_probe(train_h, train_y)`: what a code says of the labels in plain sight."""
    return fit_probe(train_h, train_y, **options)(test_h, test_y)


def checkerboard(x: Tensor, stride: int = 2, near: int = 2) -> float:
    """How far the spectrum of pictures stands out at the frequency 1 / stride: 1 is not at all, larger is a pattern.

    x: (n, c, h, w), sides that are multiples of `stride`. Each row and each column is Fourier transformed; the power
    |F|^2 is averaged over them all, and at 1/stride, 2/stride, ... cycles per pixel divided by its mean at the `near`
    frequencies on each side, frequency 0 left out. White noise gives 1; a pattern +a, -a in rows of length n on noise
    of variance s^2 gives 1 + n a^2 / s^2. ValueError for other sides, and for sides too short for `near`.
    """
    sides = x.shape[-2:]
    if x.ndim != 4 or stride < 2 or any(side % stride for side in sides) or min(sides) // stride <= 2 * near:
        raise ValueError(
            f"pictures {tuple(x.shape)} with stride={stride}, near={near}: they must be (n, c, h, w), stride at least "
            f"2, h and w multiples of it and more than {2 * near} times as long"
        )
    peak = around = 0.0
    for lines in (x.flatten(0, 2), x.transpose(2, 3).flatten(0, 2)):
        power = torch.fft.rfft(lines.detach().double()).abs().square().mean(0)
        peaks = [k * lines.shape[1] // stride for k in range(1, stride // 2 + 1)]
        beside = {p + i for p in peaks for i in range(-near, near + 1) if 0 < p + i < len(power)} - set(peaks)
        peak, around = peak + power[peaks].mean().item(), around + power[sorted(beside)].mean().item()
    return peak / around
