"""Data: tensors that belong together, on one device, and the order in which they are seen."""

import copy
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from lecturelib.data.files import DataError, check_x, check_y, read_folder, read_npz

__all__ = ["Data", "DataError"]


class Data:
    """Examples as tensors whose first dimension counts them: `data.x`, `data.y`, and further named ones.

    Images are (n, channels, height, width); stored as uint8 they take a quarter of the memory and are
    handed out as float32 in [0, 1] (labels, of one dimension, become int64 instead).
    `classes` names the values of y; `factor_names` the columns of a tensor called "factors", which is what
    a drawn example was drawn from.
    DataError for tensors of different lengths, empty ones, NaNs, and names that are taken.
    """

    def __init__(
        self,
        *tensors: Tensor,
        names: Sequence[str] = ("x", "y"),
        classes: Sequence[str] | None = None,
        factor_names: Sequence[str] | None = None,
        about: str = "",
    ):
        names = tuple(names)[: len(tensors)]
        if len(names) != len(tensors):
            raise DataError(f"{len(tensors)} tensors but {len(names)} names: {', '.join(names)}")
        if len(set(names)) < len(names):
            raise DataError(f"two tensors have the same name: {', '.join(names)}")
        self.stored, self.names = _checked(tensors, names), names
        self.classes, self.factor_names, self.about = classes, factor_names, about
        self.weights: Tensor | None = None  # see `weighted`
        taken = [name for name in names if name in vars(self) or hasattr(Data, name)]
        if taken:
            raise DataError(f"a tensor cannot be called {taken[0]!r}: Data has something else of that name")

    def __len__(self) -> int:
        return len(self.stored[0])

    def __getattr__(self, name: str) -> Tensor:
        names = self.__dict__.get("names", ())
        if name in names:
            return _as_float(self.stored[names.index(name)])
        raise AttributeError(f"this data set has no {name!r}; it holds {', '.join(names)}")

    def __repr__(self) -> str:
        parts = ", ".join(f"{n} {tuple(t.shape)} {t.dtype}" for n, t in zip(self.names, self.stored, strict=True))
        return f"Data({len(self)} examples on {self.device}: {parts})".replace("torch.", "")

    @property
    def device(self) -> torch.device:
        """Where the tensors live."""
        return self.stored[0].device

    def _with(self, *tensors: Tensor, names: Sequence[str] | None = None) -> "Data":
        other = copy.copy(self)  # keeps whatever else a source has hung on its data
        other.names = self.names if names is None else tuple(names)
        other.stored = _checked(tensors, other.names)
        return other

    def to(self, device: torch.device | str) -> "Data":
        """The same data on another device."""
        return self._with(*(t.to(device) for t in self.stored))

    def only(self, *names: str) -> "Data":
        """The named tensors alone, in the order asked for: `data.only("x")`."""
        missing = [name for name in names if name not in self.names]
        if missing:
            raise DataError(f"this data set has no {missing[0]!r}; it holds {', '.join(self.names)}")
        return self._with(*(self.stored[self.names.index(name)] for name in names), names=names)

    def subset(self, which: Tensor | slice | Sequence[int]) -> "Data":
        """The examples at these indices, in that order, or where a boolean mask (n,) is true."""
        if not isinstance(which, slice):
            which = torch.as_tensor(which, device=self.device)
            if which.ndim != 1 or (which.is_floating_point() and len(which)):
                raise DataError(f"subset needs a slice, a list of indices or a mask, not {which.dtype} {which.ndim}-D")
            if which.dtype == torch.bool and len(which) != len(self):
                raise DataError(f"the mask has {len(which)} entries for {len(self)} examples")
            which = which.nonzero()[:, 0] if which.dtype == torch.bool else which.long()
            if len(which) and not -len(self) <= which.min() <= which.max() < len(self):
                raise DataError(f"indices run from {which.min()} to {which.max()}; there are {len(self)} examples")
        other = self._with(*(t[which] for t in self.stored))
        if self.weights is not None:
            other.weights = self.weights[which if isinstance(which, slice) else which.cpu()]
        return other

    def split(self, *sizes: float, seed: int = 0, stratify: bool = False) -> tuple["Data", ...]:
        """Shuffle and cut into parts: sizes are counts, or shares of the whole; -1 (once) is the rest.

        `stratify=True` keeps the shares of the classes of y in every part.
        """
        counts = self._counts(sizes)
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        if not stratify:
            return tuple(self.subset(part) for part in order[: sum(counts)].split(counts))
        if "y" not in self.names or self.y.is_floating_point() or self.y.ndim != 1:
            raise DataError("stratify=True needs class labels y of shape (n,)")
        labels, left, parts = self.y.cpu(), order, []
        for size in counts:  # from what is left, each class's share, the odd ones where the rounding cut most
            _, label = labels[left].unique(return_inverse=True)
            share = label.bincount().double() * size / len(left)
            take = share.long()
            take[(share - take).argsort(descending=True, stable=True)[: size - int(take.sum())]] += 1
            rank = one_hot(label).cumsum(0).gather(1, label[:, None])[:, 0]  # 1 for the first of its class
            chosen = rank <= take[label]
            parts.append(left[chosen])
            left = left[~chosen]
        return tuple(self.subset(part) for part in parts)

    def _counts(self, sizes: Sequence[float]) -> list[int]:
        n, counts, shares = len(self), [], 0.0
        for size in sizes:
            if isinstance(size, float) and 0 < size < 1:  # rounded as running sums, so that halves fit
                counts.append(round((shares + size) * n) - round(shares * n))
                shares += size
            elif size == int(size):
                counts.append(int(size))
            else:
                counts.append(0)
        if counts.count(-1) == 1:
            counts[counts.index(-1)] = n - sum(counts) - 1
        if not counts or 1.0 in [s for s in sizes if isinstance(s, float)] or min(counts) <= 0 or sum(counts) > n:
            raise DataError(f"cannot cut {n} examples into parts of {sizes}: use counts, shares below 1, or one -1")
        return counts

    def weighted(self, weights: Tensor) -> "Data":
        """The same data, whose batches are drawn with replacement, in proportion to weights (n,).

        The weights may be changed in place, `data.weights.copy_(...)`: the next epoch, of n examples, is drawn with
        them. (A checkpoint does not hold them: a run that changes them resumes exactly only at the end of an epoch,
        once the caller has set them again.) DataError for other shapes, negative weights, and when all are 0.
        """
        weights = torch.as_tensor(weights).detach().to(torch.float64).cpu().clone()
        if weights.shape != (len(self),) or not (weights >= 0).all() or not 0 < float(weights.sum()) < float("inf"):
            raise DataError(f"weights: {len(self)} finite numbers of at least 0, not all 0, are needed")
        other = self._with(*self.stored)
        other.weights = weights
        return other

    def map(self, fn: Callable[[Tensor], Tensor], chunk: int = 1024) -> "Data":
        """x replaced by fn(x), computed in chunks and without gradients; the rest is kept."""
        with torch.no_grad():
            x = torch.cat([fn(_as_float(part)) for part in self.stored[0].split(chunk)])
        return self._with(x, *self.stored[1:])

    def batches(self, size: int, *, seed: int = 0, start: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """Mini-batches without end, shuffled anew each epoch; the incomplete last one of an epoch is left out.

        The order of epoch e comes from a generator seeded by (seed, e), so `start=k` gives what the
        k-th call of `next` would have given, at once. DataError for a batch larger than the data.
        """
        n = len(self)
        if not 1 <= size <= n:
            raise DataError(f"a batch of {size} cannot be drawn from {n} examples; choose 1 to {n}")
        per_epoch = n // size
        for epoch in count(start // per_epoch):
            rng = torch.Generator().manual_seed(_mix(seed, epoch))
            order = torch.randperm(n, generator=rng) if self.weights is None else _drawn(self.weights, rng)
            order = order.to(self.device)
            first = start % per_epoch if epoch == start // per_epoch else 0
            for i in range(first, per_epoch):
                which = order[i * size : (i + 1) * size]
                # t[which] takes four to thirty times as long
                yield tuple(_as_float(t.index_select(0, which)) for t in self.stored)

    @classmethod
    def from_arrays(cls, x, y=None, *, classes: Sequence[str] | None = None) -> "Data":
        """Data from your own arrays or tensors: x (n, features), or images (n, h, w), (n, c, h, w) or (n, h, w, c).

        y: labels (n,), whole numbers or words, or targets to regress on. DataError says what does not fit.
        """
        x = check_x(x)
        if y is None:
            return cls(x, classes=classes)
        y, classes = check_y(y, len(x), classes)
        return cls(x, y, classes=classes)

    @classmethod
    def from_npz(cls, path: str | Path, *, x: str = "x", y: str | None = "y", classes=None) -> "Data":
        """Data from an .npz file with an array called x and, if there is one, an array called y."""
        return cls.from_arrays(*read_npz(path, x, y), classes=classes)

    @classmethod
    def from_folder(cls, folder: str | Path, *, size: int | tuple[int, int] | None = None, channels=None) -> "Data":
        """Data from a folder of pictures: x uint8 (n, c, h, w), y and classes from subfolders if there are any.

        `size` (pixels, or (height, width)) crops each picture to that shape around its centre and resizes it;
        without it they must all be of one size. `channels` is 1 (grey) or 3; None keeps what they have.
        DataError for an empty folder, mixed sizes and unreadable pictures, with their names.
        """
        x, y, classes = read_folder(folder, size, channels)
        return cls(x, classes=classes) if y is None else cls(x, y, classes=classes)


def _checked(tensors: Sequence[Tensor], names: Sequence[str]) -> tuple[Tensor, ...]:
    if not tensors:
        raise DataError("Data needs at least one tensor")
    for name, tensor in zip(names, tensors, strict=True):
        if not isinstance(tensor, Tensor):
            raise DataError(f"{name} is of type {type(tensor).__name__}, not a tensor: use Data.from_arrays")
    for name, tensor in zip(names, tensors, strict=True):
        if tensor.ndim == 0 or len(tensor) != len(tensors[0]):
            shapes = ", ".join(f"{n}: {tuple(t.shape)}" for n, t in zip(names, tensors, strict=True))
            raise DataError(f"the tensors do not hold the same number of examples ({shapes})")
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            bad = (~torch.isfinite(tensor.reshape(len(tensor), -1))).any(1).nonzero()[:5, 0].tolist()
            raise DataError(f"{name} holds NaN or infinity, first in example(s) {bad}: clean or drop them")
    if len(tensors[0]) == 0:
        raise DataError("there are no examples: the data set is empty")
    return tuple(t.long() if t.dtype == torch.uint8 and t.ndim == 1 else t for t in tensors)


def _drawn(weights: Tensor, rng: torch.Generator) -> Tensor:
    """As many indices as there are weights, in their proportion; multinomial takes no more than 2^24 of them."""
    edges = weights.cumsum(0)
    if not (weights >= 0).all() or not 0 < float(edges[-1]) < float("inf"):
        raise DataError("the weights were changed to what cannot be drawn from: at least 0, finite, not all 0")
    u = torch.rand(len(weights), generator=rng, dtype=torch.float64) * edges[-1]
    return torch.searchsorted(edges, u, right=True).clamp(max=len(weights) - 1)


def _as_float(tensor: Tensor) -> Tensor:
    return tensor.float().div_(255) if tensor.dtype == torch.uint8 else tensor


def _mix(seed: int, epoch: int) -> int:
    return (seed * 1_000_003 + epoch * 7_919 + 12_345) % 2**63
