"""How well do the units of a code follow the factors that the data were drawn from, one each?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

BINS = 20


def binned(values: Tensor, bins: int = BINS) -> Tensor:
    """Whole numbers (n, d) from 0: the bin of each value among `bins` of equal width, or the value itself.

    A column that holds no more than `bins` different values is a choice, and each value its own bin.
    """
    columns = []
    for column in values.detach().double().cpu().T:
        different, index = column.unique(return_inverse=True)
        if len(different) > bins:
            low, high = different[0], different[-1]
            index = ((column - low) / (high - low) * bins).long().clamp(max=bins - 1)
        columns.append(index)
    return torch.stack(columns, 1)


def entropy(index: Tensor) -> float:
    """Of whole numbers (n,), in nats, from their frequencies."""
    p = index.bincount().double() / len(index)
    return float(-torch.xlogy(p, p).sum())


def mutual_information(code: Tensor, factors: Tensor, bins: int = BINS) -> Tensor:
    """I(z_j; v_k) in nats between binned units of the code and factors: (n, d), (n, f) -> (d, f).

    Estimated from counts, so independent columns give about (bins_j - 1) (bins_k - 1) / 2n, not 0.
    ValueError for different lengths.
    """
    if code.ndim != 2 or factors.ndim != 2 or len(code) != len(factors) or not len(code):
        raise ValueError(f"a code {tuple(code.shape)} and factors {tuple(factors.shape)}: (n, d) and (n, f) are needed")
    z, v = binned(code, bins), binned(factors, bins)
    out = torch.zeros(z.shape[1], v.shape[1], dtype=torch.float64)
    for j, a in enumerate(z.T):
        for k, b in enumerate(v.T):
            out[j, k] = entropy(a) + entropy(b) - entropy(a * (int(b.max()) + 1) + b)
    return out.clamp(min=0)


def mig(code: Tensor, factors: Tensor, bins: int = BINS) -> float:
    """Mutual information gap: how far the best unit is ahead of the second, on average over the factors, from 0 to 1.

    code (n, d) with d >= 2, factors (n, f); in shares of each factor's entropy. Chen et al. (2018), arXiv 1802.04942,
    equation 6, with codes binned as by Locatello et al. (2019).
    """
    information = mutual_information(code, factors, bins)
    if len(information) < 2:
        raise ValueError("the gap needs a code of at least two units")
    best = information.topk(2, 0).values
    sizes = torch.tensor([entropy(v) for v in binned(factors, bins).T], dtype=torch.float64)
    if (sizes == 0).any():
        raise ValueError(f"factor {int((sizes == 0).nonzero()[0])} does not vary, so nothing can be known of it")
    return float(((best[0] - best[1]) / sizes).mean())


@dataclass(frozen=True)
class DCI:
    """Each from 0 to 1: do units follow one factor each, have factors one unit each, and is all known of them?"""

    disentanglement: float
    completeness: float
    informativeness: float
    importance: np.ndarray  # (units, factors): what the regressors used


def dci(code: Tensor, factors: Tensor, *, choices: Sequence[int] = (), seed: int = 0) -> DCI:
    """Disentanglement, completeness and informativeness. Eastwood and Williams (2018), ICLR, section 2.

    code (n, d), factors (n, f); `choices` are the columns of factors that are classes. For each factor a gradient
    boosting ensemble is fitted on half of the examples; its importances are the matrix R, its score on the other half
    (R^2, or the accuracy freed from chance) the informativeness.
    """
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    if len(code) != len(factors) or len(code) < 20:
        raise ValueError(f"{len(code)} codes and {len(factors)} factors: as many of both, and at least 20, are needed")
    still = (factors == factors[:1]).all(0)
    if still.any():
        raise ValueError(f"factor {int(still.nonzero()[0])} does not vary, so nothing can be known of it")
    z, v = code.detach().cpu().double().numpy(), factors.detach().cpu().double().numpy()
    half = len(z) // 2
    importance, scores = np.zeros((z.shape[1], v.shape[1])), []
    for k in range(v.shape[1]):
        options = {"n_estimators": 60, "max_depth": 3, "subsample": 0.7, "random_state": seed}
        model = GradientBoostingClassifier(**options) if k in choices else GradientBoostingRegressor(**options)
        model.fit(z[:half], v[:half, k])
        importance[:, k] = model.feature_importances_
        score = model.score(z[half:], v[half:, k])
        if k in choices:
            chance = np.unique(v[half:, k], return_counts=True)[1].max() / (len(v) - half)
            score = (score - chance) / max(1 - chance, 1e-9)
        scores.append(max(0.0, score))
    by_unit, by_factor = importance.sum(1), importance.sum(0)
    units = 1 - _entropy(importance, 1) / np.log(max(2, v.shape[1]))
    columns = 1 - _entropy(importance, 0) / np.log(max(2, z.shape[1]))
    used = max(by_unit.sum(), 1e-12)  # 0 for a code that does not vary
    return DCI(
        float((units * by_unit).sum() / used), float((columns * by_factor).sum() / used),
        float(np.mean(scores)), importance,
    )  # fmt: skip


def _entropy(weights: np.ndarray, axis: int) -> np.ndarray:
    """In nats, of weights along an axis; 0 where there are none."""
    total = weights.sum(axis, keepdims=True)
    p = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    return -(p * np.log(np.where(p > 0, p, 1))).sum(axis)


def active_units(mean: Tensor, least: float = 0.01) -> Tensor:
    """Which units of a code vary: those whose mean of q(z|x) has a variance over x above `least`. (n, d) -> mask (d,).

    Burda, Grosse, Salakhutdinov (2016), section 5.2, with their threshold of 0.01.
    """
    return mean.var(0) > least


def largest_correlation(code: Tensor) -> float:
    """The largest |correlation| between two units of a code (n, d) of which all vary; 0 for a single unit."""
    if code.shape[1] < 2:
        return 0.0
    off = torch.corrcoef(code.detach().double().T)
    return float((off - torch.diag(off.diagonal())).abs().max())
