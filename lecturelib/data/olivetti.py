"""Faces of forty people, and patches of them turned, scaled and cut out as Hinton and Salakhutdinov did."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecturelib.data.downloads import folder
from lecturelib.data.files import DataError, check_split, check_whole
from lecturelib.data.tensors import Data

SIDE, FACE = 25, 64  # pixels of a patch and of a face
PEOPLE = 30  # the first ones are trained on, the other ten tested on
AT_ONCE = 4000  # patches


def olivetti(*, split: str = "train") -> Data:
    """Ten pictures each of 30 people, or of the 10 others for "test": x uint8 (300 or 100, 1, 64, 64), y the person.

    Read from olivetti/olivetti.npz in the data folder, which holds faces (400, 64, 64) uint8 and person (400,);
    scikit-learn's `fetch_olivetti_faces` has the same faces. Samaria and Harter (1994), AT&T Laboratories Cambridge.
    DataError when the file is missing or another one.
    """
    check_split(split)
    path = folder() / "olivetti" / "olivetti.npz"
    if not path.is_file():
        raise DataError(
            f"the Olivetti faces are not in {path}. Make that file from scikit-learn's, which it downloads: "
            "f = sklearn.datasets.fetch_olivetti_faces(); np.savez_compressed('olivetti.npz', "
            "faces=(255 * f.images).round().astype('uint8'), person=f.target); put it there, or set LECTURELIB_DATA "
            "to a folder that has olivetti/olivetti.npz"
        )
    try:
        with np.load(path, allow_pickle=False) as arrays:
            faces, person = torch.from_numpy(arrays["faces"]), torch.from_numpy(arrays["person"]).long()
    except Exception as error:  # whatever a broken zip file raises
        raise DataError(f"{path} is not the file of Olivetti faces: {error}") from None
    if faces.dtype != torch.uint8 or faces.shape[1:] != (FACE, FACE) or person.shape != faces.shape[:1]:
        raise DataError(f"{path} holds faces {tuple(faces.shape)} {faces.dtype}; (n, 64, 64) in uint8 are needed")
    mine = person < PEOPLE if split == "train" else person >= PEOPLE
    return Data(faces[mine][:, None], person[mine], about=olivetti.__doc__)


def face_patches(*, each: int = 414, seed: int = 0, split: str = "train") -> Data:
    """`each` patches of each face: x (n, 1, 25, 25), real numbers, y the person; people differ between the splits.

    A patch is a square of 35 to 45 pixels of a face (1.4 to 1.8 to a pixel of the patch), turned by -90 to 90 degrees
    and lying anywhere inside the face, all evenly at random; of each of its pixels four points are averaged. Then each
    pixel has its mean over the training patches taken away, and all are divided by one number, so that the average
    variance of a training patch's pixel is 1. Hinton and Salakhutdinov (2006), supporting material, which gives the
    turns, the scales and 165,600 patches in all, but not how places were chosen or pixels averaged.
    """
    check_whole(each=each)
    check_whole(0, seed=seed)
    faces = olivetti(split=split)
    x = trained_on = cut_patches(olivetti(split="train").x, each, 2 * seed)
    mean, scale = _standard(trained_on)
    if split == "test":
        x = cut_patches(faces.x, each, 2 * seed + 1)
    return Data(x.sub_(mean).div_(scale), faces.y.repeat_interleave(each), about=face_patches.__doc__)


def _standard(x: Tensor) -> tuple[Tensor, Tensor]:
    mean = x.mean(0)
    return mean, (x - mean).square().mean().sqrt()


def cut_patches(faces: Tensor, each: int, seed: int) -> Tensor:
    """`each` patches (n * each, 1, 25, 25) of every face (n, 1, 64, 64), not standardised."""
    rng = torch.Generator().manual_seed(seed)
    which = torch.arange(len(faces)).repeat_interleave(each)
    turn, scale, across, down = torch.rand(4, len(which), generator=rng).mul_(2).sub_(1)
    turn, scale = turn * math.pi / 2, 1.6 + 0.2 * scale
    half = scale * SIDE / FACE  # of the square's side, where the face reaches from -1 to 1
    room = 1 - half * (turn.cos().abs() + turn.sin().abs())  # for its centre: the whole square lies in the face
    cos, sin = half * turn.cos(), half * turn.sin()
    theta = torch.stack([cos, -sin, across * room, sin, cos, down * room], 1).view(-1, 2, 3)
    patches = []
    for part, t in zip(which.split(AT_ONCE), theta.split(AT_ONCE), strict=True):
        grid = F.affine_grid(t, (len(part), 1, 2 * SIDE, 2 * SIDE), align_corners=False)
        fine = F.grid_sample(faces[part], grid, align_corners=False, padding_mode="border")
        patches.append(F.avg_pool2d(fine, 2))
    return torch.cat(patches)
