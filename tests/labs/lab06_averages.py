"""Answers to the exercises of lab 06 on averaged weights and counted modes."""

import torch
from common_answers import each


def average_by_powers(path, decay):
    """Each average as one sum: decay^s of the first weights, (1 - decay) decay^(s - i) of the others."""
    rows = []
    for s in range(len(path)):
        shares = (1 - decay) * decay ** torch.arange(s, -1, -1.0)
        shares[0] = decay**s
        rows.append(shares @ path[: s + 1])
    return torch.stack(rows)


def average_by_lerp(path, decay):
    found = path.clone()
    for s in range(1, len(path)):
        found[s] = torch.lerp(found[s - 1], path[s], 1 - decay)
    return found


def average_of_all(path, decay):
    """The first weights may also be mixed with themselves."""
    mean, rows = path[0], []
    for weights in path:
        mean = mean + (1 - decay) * (weights - mean)
        rows.append(mean)
    return torch.stack(rows)


def average_of(step=lambda mean, weights, decay: decay * mean + (1 - decay) * weights, first=lambda path: path[0],
               finish=lambda found, path, decay: found):  # fmt: skip
    def average(path, decay):
        mean, rows = first(path), []
        for weights in path:
            mean = step(mean, weights, decay)
            rows.append(mean)
        return finish(torch.stack(rows), path, decay)

    return average


def nothing(path):
    return 0 * path[0]


def corrected(found, path, decay):
    return found / (1 - decay ** torch.arange(1, len(path) + 1)[:, None])


def without_factor(path, decay):
    rows = [path[0]]
    for weights in path[1:]:
        rows.append(decay * rows[-1] + weights)
    return torch.stack(rows)


def in_place(path, decay):
    for s in range(1, len(path)):
        path[s] = decay * path[s - 1] + (1 - decay) * path[s]
    return path


def parts(points, centres):
    return torch.cdist(points, centres).min(1)


def modes_in_loops(points, centres, within):
    counts, near = [0] * len(centres), 0
    for point in points:
        lengths = (centres - point).square().sum(1).sqrt()
        nearest = int(lengths.argmin())
        if lengths[nearest] <= within:
            near += 1
            counts[nearest] += 1
    least = len(points) / len(centres) / 10
    return sum(count >= least for count in counts), near / len(points)


def modes_one_hot(points, centres, within):
    squared = (points[:, None] - centres).square().sum(2)
    mine = torch.nn.functional.one_hot(squared.argmin(1), len(centres)).bool() & (squared <= within**2)
    covered = (mine.sum(0) >= 0.1 * len(points) / len(centres)).sum()
    return covered, mine.any(1).float().mean()


def modes_of(least=lambda n, k: 0.1 * n / k, near=lambda d, within: d <= within,
             finish=lambda covered, share, k: (covered, share)):  # fmt: skip
    def modes(points, centres, within):
        distance, mode = parts(points, centres)
        close = near(distance, within)
        counts = torch.bincount(mode[close], minlength=len(centres))
        covered = int((counts >= least(len(points), len(centres))).sum())
        return finish(covered, close.float().mean().item(), len(centres))

    return modes


def nearest_of_all(points, centres, within):
    distance, mode = parts(points, centres)
    counts = torch.bincount(mode, minlength=len(centres))
    covered = int((counts >= 0.1 * len(points) / len(centres)).sum())
    return covered, (distance <= within).float().mean().item()


def in_squares(points, centres, within):
    inside = ((points[:, None] - centres).abs() <= within).all(2)
    covered = int((inside.sum(0) >= 0.1 * len(points) / len(centres)).sum())
    return covered, inside.any(1).float().mean().item()


def number_of_points(points, centres, within):
    distance, _ = parts(points, centres)
    return modes_in_loops(points, centres, within)[0], int((distance <= within).sum())


RIGHT = {
    "average": [{"average": one} for one in (average_by_powers, average_by_lerp, average_of_all)],
    "modes": [{"modes": one} for one in (modes_in_loops, modes_one_hot)],
}
WRONG = {
    "average": each("average",
        ("decay and 1 - decay are exchanged", average_of(lambda m, w, d: (1 - d) * m + d * w)),
        ("the average starts at 0; it", average_of(first=nothing)),
        ("starts at 0, and decay and 1 - decay", average_of(lambda m, w, d: (1 - d) * m + d * w, nothing)),
        ("as Adam's", average_of(first=nothing, finish=corrected)),
        ("the plain mean", lambda path, d: path.cumsum(0) / torch.arange(1, len(path) + 1)[:, None]),
        ("the last average alone", average_of(finish=lambda found, path, d: found[-1])),
        ("the factor 1 - decay is missing", without_factor),
        ("those of the step before", average_of(finish=lambda found, path, d: torch.cat([path[:1], found[:-1]]))),
        ("with the weights before", lambda path, d: torch.cat([path[:1], d * path[:-1] + (1 - d) * path[1:]])),
        ("the first average is missing", average_of(finish=lambda found, path, d: found[1:])),
        ("as they were", lambda path, d: path.clone()),
        ("from the last step to the first", lambda path, d: average_by_lerp(path.flip(0), d).flip(0)),
        ("changes its argument number 1 in place", in_place),
    ),
    "modes": each("modes",
        ("a mode with any point", modes_of(lambda n, k: 1)),
        ("a tenth of all n points", modes_of(lambda n, k: 0.1 * n)),
        ("all of its n / k points", modes_of(lambda n, k: n / k)),
        ("count for the nearest one", nearest_of_all),
        ("count as near", modes_of(near=lambda d, within: d < torch.inf)),
        ("a square of half side", in_squares),
        ("the squared distance", modes_of(near=lambda d, within: d**2 <= within)),
        ("the share is that of the modes", modes_of(finish=lambda c, s, k: (c, c / k))),
        ("which are far", modes_of(finish=lambda c, s, k: (c, 1 - s))),
        ("in percent", modes_of(finish=lambda c, s, k: (c, 100 * s))),
        ("the number of points near a mode", number_of_points),
        ("the modes that are missing", modes_of(finish=lambda c, s, k: (k - c, s))),
        ("the two are exchanged", modes_of(finish=lambda c, s, k: (s, c))),
        ("is divided by k", modes_of(finish=lambda c, s, k: (c / k, s))),
        ("must return two numbers", modes_of(finish=lambda c, s, k: c)),
    ),
}  # fmt: skip
