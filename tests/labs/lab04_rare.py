"""Answers to the exercises of lab 04 on rare faces: their weights, a batch that holds them, scores of groups."""

import torch
from common_answers import each
from torch.utils.data import WeightedRandomSampler


def shares(codes, bins, clamp=1):
    low, high = codes.amin(0), codes.amax(0)
    index = ((codes - low) / (high - low) * bins).long().clamp(max=bins - clamp)
    return torch.stack([torch.bincount(i)[i] for i in index.T], 1) / len(codes)


def rareness_by_searching(codes, bins, alpha):
    """Edges by linspace, in float64."""
    total = torch.zeros(len(codes), dtype=torch.float64)
    for unit in codes.double().T.contiguous():
        edges = torch.linspace(float(unit.min()), float(unit.max()), bins + 1, dtype=torch.float64)
        index = torch.bucketize(unit, edges[1:-1], right=True)
        total -= (torch.bincount(index, minlength=bins)[index] / len(unit) + alpha).log()
    return (total - total.logsumexp(0)).exp().float()


def rareness_by_histc(codes, bins, alpha):
    logs = torch.zeros(len(codes))
    for unit in codes.T:
        low, high = unit.min(), unit.max()
        share = torch.histc(unit, bins, min=low.item(), max=high.item()) / len(unit)
        place = torch.floor((unit - low) * bins / (high - low)).clamp(0, bins - 1).long()
        logs = logs + torch.log(1 / (share[place] + alpha))
    return torch.softmax(logs, 0)


def rareness_in_loops(codes, bins, alpha):
    n, d = codes.shape
    logs = torch.zeros(n)
    for i in range(d):
        low, width = codes[:, i].min(), (codes[:, i].max() - codes[:, i].min()) / bins
        places = [min(int((z - low) / width), bins - 1) for z in codes[:, i]]
        logs -= torch.tensor([places.count(k) / n + alpha for k in places]).log()
    w = torch.exp(logs - logs.max())
    return w / w.sum()


def weights_of(change, normalised=True):
    """change(Q (n, latent), alpha) -> weights that are not normalised yet."""

    def rareness(codes, bins, alpha):
        w = change(shares(codes.double(), bins), alpha)
        return (w / w.sum() if normalised else w).float()

    return rareness


def usual(q, alpha):
    return (1 / (q + alpha)).prod(1)


def with_bins(more):
    return lambda codes, bins, alpha: weights_of(usual)(codes, bins + more, alpha)


def batch_by_sampler(faces, others, weights, size):
    """Shuffled, by torch's sampler."""
    chosen = torch.tensor(list(WeightedRandomSampler(weights, size // 2)))
    x = torch.cat([others[torch.randperm(len(others))[: size // 2]], faces[chosen]])
    is_face = (torch.arange(size) >= size // 2).float()
    order = torch.randperm(size)
    return [x[order], is_face[order]]


def batch_by_cumsum(faces, others, weights, size):
    half = size // 2
    edges = weights.double().cumsum(0)
    chosen = torch.searchsorted(edges, edges[-1] * torch.rand(half, dtype=torch.float64)).clamp(max=len(faces) - 1)
    plain = (torch.rand(half) * len(others)).long().clamp(max=len(others) - 1)
    rows = [faces[i] for i in chosen] + [others[j] for j in plain]
    return torch.stack(rows), torch.tensor([1.0] * half + [0.0] * half)


def uniform(others, half):
    return torch.randint(len(others), (half,))


def batch_of(choose=None, plain=uniform, finish=lambda x, y: (x, y), share=0.5):
    """choose(weights, half) -> indices of the faces."""
    choose = choose or (lambda w, half: torch.multinomial(w, half, replacement=True))

    def resampled_batch(faces, others, weights, size):
        half = round(share * size)
        x = torch.cat([faces[choose(weights, half)], others[plain(others, size - half)]])
        return finish(x, torch.cat([torch.ones(half), torch.zeros(size - half)]))

    return resampled_batch


def by(change):
    """Faces drawn with other weights."""
    return batch_of(lambda w, half: torch.multinomial(change(w), half, replacement=True))


def batch_of_a_fixed_seed(faces, others, weights, size):
    torch.manual_seed(3)
    return batch_of()(faces, others, weights, size)


def scores_by_ranks(face_logits, group, other_logits):
    """The AUROC by mean ranks, as Mann and Whitney's U."""
    found = []
    for g in group.unique():
        f, m = face_logits[group == g], len(other_logits)
        both = torch.cat([f, other_logits])
        ranks = (both[:, None] > both).sum(1) + ((both[:, None] == both).sum(1) + 1) / 2
        u = ranks[: len(f)].sum() - len(f) * (len(f) + 1) / 2
        recall, refused = (f > 0).double().mean(), (other_logits <= 0).double().mean()
        found.append((((recall + refused) / 2).float(), (u / (len(f) * m)).float()))
    return tuple(torch.stack(values) for values in zip(*found, strict=True))


def scores_in_loops(face_logits, group, other_logits):
    accuracies, areas = [], []
    for g in range(group.max().item() + 1):
        mine = [f for f, k in zip(face_logits.tolist(), group.tolist(), strict=True) if k == g]
        other = other_logits.tolist()
        hit, right = sum(f > 0 for f in mine) / len(mine), sum(o < 0 for o in other) / len(other)
        accuracies.append(0.5 * hit + 0.5 * right)
        areas.append(sum((f > o) + 0.5 * (f == o) for f in mine for o in other) / (len(mine) * len(other)))
    return [torch.tensor(accuracies), torch.tensor(areas)]


def scores_of(accuracy=None, area=None, together=lambda a, b: (torch.stack(a), torch.stack(b))):
    """accuracy(true-positive rate, true-negative rate, n, m), area(logits (n, 1), others (m,)) of each group."""
    accuracy = accuracy or (lambda tpr, tnr, n, m: (tpr + tnr) / 2)
    area = area or (lambda f, o: (f > o).float().mean() + 0.5 * (f == o).float().mean())

    def group_scores(face_logits, group, others):
        first, second = [], []
        for g in range(int(group.max()) + 1):
            f = face_logits[group == g]
            first.append(accuracy((f > 0).float().mean(), (others < 0).float().mean(), len(f), len(others)))
            second.append(area(f[:, None], others))
        return together(first, second)

    return group_scores


def of_all_groups(face_logits, group, others):
    whole = scores_in_loops(face_logits, 0 * group, others)
    return [value.expand(int(group.max()) + 1).clone() for value in whole]


RIGHT = {
    "rareness": [{"rareness": one} for one in (rareness_by_searching, rareness_by_histc, rareness_in_loops)],
    "batch": [{"resampled_batch": one} for one in (batch_by_sampler, batch_by_cumsum)],
    "scores": [{"group_scores": one} for one in (scores_by_ranks, scores_in_loops)],
}
WRONG = {
    "rareness": each("rareness",
        ("the common ones get the large weights", weights_of(lambda q, a: (q + a).prod(1))),
        ("these are the shares", weights_of(lambda q, a: q.prod(1))),
        ("alpha is not added", weights_of(lambda q, a: (1 / q).prod(1))),
        ("it belongs to Q", weights_of(lambda q, a: (1 / q + a).prod(1))),
        ("alpha is added to the product", weights_of(lambda q, a: 1 / (q.prod(1) + a))),
        ("do not sum to 1", weights_of(usual, normalised=False)),
        ("by the largest weight", weights_of(lambda q, a: usual(q, a) / usual(q, a).max(), normalised=False)),
        ("by the mean weight", weights_of(lambda q, a: usual(q, a) / usual(q, a).mean(), normalised=False)),
        ("softmax of the weights", weights_of(lambda q, a: usual(q, a).softmax(0))),
        ("logarithms of the weights", lambda *a: weights_of(usual)(*a).log()),
        ("the units are added", weights_of(lambda q, a: (1 / (q + a)).sum(1))),
        ("the largest over the units is taken; multiply", weights_of(lambda q, a: (1 / (q + a)).amax(1))),
        ("each normalised", weights_of(lambda q, a: ((1 / (q + a)) / (1 / (q + a)).sum(0)).amax(1))),
        ("only the first unit", weights_of(lambda q, a: usual(q[:, :1], a))),
        ("only the last unit", weights_of(lambda q, a: usual(q[:, -1:], a))),
        ("the counts stand", weights_of(lambda q, a: usual(q * len(q), a))),
        ("one bin too few", with_bins(-1)),
        ("one bin too many", with_bins(1)),
        ("a bin of its own", lambda c, b, a: (w := usual(shares(c.double(), b, 0), a)) / w.sum() + torch.zeros(1)),
        ("add their logarithms", weights_of(lambda q, a: usual(q.float(), a))),
    ),
    "batch": each("resampled_batch",
        ("drawn uniformly: their weights are not used", by(torch.ones_like)),
        ("used upside down", by(lambda w: 1 / w)),
        ("the weights are squared", by(torch.square)),
        ("the root of the weights", by(torch.sqrt)),
        ("drawn without replacement", batch_of(lambda w, half: torch.multinomial(w, half))),
        ("two calls draw the same", batch_of(lambda w, half: w.topk(half).indices, lambda o, half: torch.arange(half))),
        ("two calls draw the same", batch_of_a_fixed_seed),
        ("are never drawn", batch_of(plain=lambda o, half: torch.randint(len(o) // 2, (half,)))),
        ("not drawn uniformly", batch_of(plain=lambda o, half: (torch.rand(half) ** 2 * len(o)).long())),
        ("the labels are exchanged", batch_of(finish=lambda x, y: (x, 1 - y))),
        ("do not go with the pictures", batch_of(finish=lambda x, y: (x[torch.randperm(len(x))], y))),
        ("a share of 0.30 of the batch", batch_of(share=0.3)),
        ("only faces in the batch", batch_of(share=1.0)),
        ("two tensors", batch_of(finish=lambda x, y: x)),
        ("2 size pictures", lambda f, o, w, size: batch_of()(f, o, w, 2 * size)),
        ("dtype bool", batch_of(finish=lambda x, y: (x, y > 0))),
        ("rows neither of faces", batch_of(finish=lambda x, y: (x + 0.1 * torch.randn_like(x), y))),
        ("other numbers than 0 and 1", batch_of(finish=lambda x, y: (x, 2 * y - 1))),
    ),
    "scores": each("group_scores",
        ("the true-positive rate alone", scores_of(lambda tpr, tnr, n, m: tpr)),
        ("which large groups decide", scores_of(lambda tpr, tnr, n, m: (n * tpr + m * tnr) / (n + m))),
        ("the two rates are added", scores_of(lambda tpr, tnr, n, m: tpr + tnr)),
        ("the false-positive rate stands", scores_of(lambda tpr, tnr, n, m: (tpr + 1 - tnr) / 2)),
        ("minus the false-positive rate", scores_of(lambda tpr, tnr, n, m: tpr - (1 - tnr))),
        ("true-negative rate alone", scores_of(lambda tpr, tnr, n, m: tnr)),
        ("that is missed", scores_of(lambda tpr, tnr, n, m: 1 - tpr)),
        ("geometric mean", scores_of(lambda tpr, tnr, n, m: (tpr * tnr).sqrt())),
        ("the faces of all groups are put together", of_all_groups),
        ("the threshold is 0.5", lambda f, g, o: (scores_of()(f - 0.5, g, o - 0.5))),
        ("the balanced accuracy comes first", scores_of(together=lambda a, b: (torch.stack(b), torch.stack(a)))),
        ("count 0; they count", scores_of(area=lambda f, o: (f > o).float().mean())),
        ("count 1; they count", scores_of(area=lambda f, o: (f >= o).float().mean())),
        ("in the wrong order", scores_of(area=lambda f, o: (f < o).float().mean() + 0.5 * (f == o).float().mean())),
        ("summed over the pairs", scores_of(area=lambda f, o: (f > o).float().sum() + 0.5 * (f == o).float().sum())),
        ("must return two", scores_of(together=lambda a, b: torch.stack(a))),
        ("is one number; it is one for each", scores_of(together=lambda a, b: (sum(a) / len(a), sum(b) / len(b)))),
    ),
}  # fmt: skip
