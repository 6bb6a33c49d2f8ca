"""Real face crops that come with scikit-image."""

import torch

from lecturelib.data.tensors import Data


def lfw() -> Data:
    """100 faces and 100 crops without a face, in that order: x (200, 1, 25, 25) in [0, 1]; y is 1 for a face.

    A subset of Labeled Faces in the Wild, Huang et al. (2007), cropped by scikit-image; public domain as
    scikit-image states.
    """
    from skimage.data import lfw_subset  # a second to import

    x = torch.from_numpy(lfw_subset()).float()[:, None]
    y = (torch.arange(200) < 100).long()
    return Data(x, y, classes=["no face", "face"], about=lfw.__doc__)
