"""Real handwritten digits, 8 x 8, that come with scikit-learn."""

import torch

from lecturelib.data.tensors import Data


def digits() -> Data:
    """1,797 handwritten digits of 13 writers: x (1797, 1, 8, 8) in [0, 1], multiples of 1/16; y 0 to 9.

    In their original order, in which each writer's digits follow one another: a contiguous split keeps the
    writers apart, a shuffled one does not. The test part of Alpaydin and Kaynak (1998), "Optical recognition
    of handwritten digits", UCI Machine Learning Repository, CC BY 4.0, https://doi.org/10.24432/C50P49.
    """
    from sklearn.datasets import load_digits  # a second to import

    bunch = load_digits()
    x = torch.from_numpy(bunch.images / 16).float()[:, None]
    return Data(x, torch.from_numpy(bunch.target).long(), classes=[str(i) for i in range(10)], about=digits.__doc__)
