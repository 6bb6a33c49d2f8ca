"""A face detector trained on faces of which most are light and look ahead: plain, debiased, and told the truth."""

from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lecturelib.data import Data, load
from lecturelib.experiments.running import Experiment, Stage
from lecturelib.models.debiasing import DebiasingVAE, dense_debiasing, rareness
from lecturelib.runtime import device
from lecturelib.training import cosine

GROUPS = ("light, ahead", "dark, ahead", "light, turned", "dark, turned")
VARY = ("skin", "yaw", "pitch", "light", "mouth", "hair_style", "glasses")
ORDERS = torch.tensor([[3, 2, 1, 0], [2, 3, 0, 1], [1, 2, 3, 0], [2, 0, 3, 1], [3, 0, 1, 2], [2, 0, 1, 3]])


def rarely(share: float, common: Callable[[Tensor], Tensor], rare: Callable[[Tensor], Tensor]) -> Callable:
    """A function of uniform numbers for `faces(bias=...)`: rare(t) for that share of them, common(t) for the others."""
    return lambda u: torch.where(u < share, rare((u / share).clamp(0, 1)), common(((u - share) / (1 - share)).clamp(0)))


def biased(share: float) -> dict:
    """Of the faces a share is dark (skin above 0.5), and independently a share is turned (|yaw| above 0.4)."""
    ahead, aside = (lambda t: 0.3 + 0.4 * t), (lambda t: 0.6 * t + 0.4 * (t >= 0.5))  # in [0, 1], 0.5 is straight ahead
    return {"skin": rarely(share, lambda t: t / 2, lambda t: 0.5 + t / 2), "yaw": rarely(share, ahead, aside)}


def groups(data: Data) -> Tensor:
    """The index of each face's group in GROUPS, (n,)."""
    skin, yaw = (data.factors[:, data.factor_names.index(name)] for name in ("skin", "yaw"))
    return (skin > 0.5).long() + 2 * (yaw.abs() > 0.4).long()


def scrambled(x: Tensor, seed: int = 0) -> Tensor:
    """No faces: (n, 3, 16, 16) whose middle, 8 x 8, is upside down, or whose four quarters have changed places."""
    rng = torch.Generator().manual_seed(seed)
    middle = x[:, :, 4:12, 4:12]
    quarters = middle.unflatten(3, (2, 4)).unflatten(2, (2, 4)).permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
    order = ORDERS[torch.randint(len(ORDERS), (len(x),), generator=rng)].to(x.device)
    quarters = quarters[torch.arange(len(x))[:, None], order].unflatten(1, (2, 2))
    moved = quarters.permute(0, 3, 1, 4, 2, 5).reshape_as(middle)
    flipped = (torch.rand(len(x), generator=rng) < 0.5)[:, None, None, None].to(x.device)
    out = x.clone()
    out[:, :, 4:12, 4:12] = torch.where(flipped, middle.flip(2), moved)
    return out


@dataclass(frozen=True)
class FaceDetector(Experiment):
    """Faces of which few are dark or turned, against scrambled faces; every arm has the steps, and the non-faces."""

    n: int = 1000  # faces, and as many that are none
    share: float = 0.04  # of dark faces, and of turned ones
    arm: str = "plain"  # or "debiased", by the density of the codes, or "oracle", by the true groups
    rounds: int = 5  # after each, the debiased one looks at its codes
    round_steps: int = 200
    batch_size: int = 64
    lr: float = 1e-3
    latent: int = 6
    hidden: tuple[int, ...] = (128, 64)
    weight: float = 1e-3  # of the VAE's loss
    alpha: float = 0.05  # of the rareness
    tested: int = 2000  # faces, a quarter of each group, and as many that are none

    def pictures(self, split: str) -> tuple[Tensor, Tensor, Tensor]:
        """Faces (n, 3, 16, 16), their groups (n,), and what is no face; only the faces trained on are biased."""
        test, where = split == "test", device()
        n = self.tested if test else self.n
        options = {"n": n, "split": split, "vary": VARY}
        faces = load("faces", seed=self.seed, bias=biased(0.5 if test else self.share), **options).to(where)
        others = load("faces", seed=self.seed + 1000, bias=biased(0.5), **options).to(where)
        return F.avg_pool2d(faces.x, 2), groups(faces), scrambled(F.avg_pool2d(others.x, 2), self.seed)

    def stages(self) -> Generator[Stage, None, dict[str, float]]:
        if self.arm not in ("plain", "debiased", "oracle"):
            raise ValueError(f"arm is {self.arm!r}; choose plain, debiased or oracle")
        faces, group, others = self.pictures("train")
        model = dense_debiasing((3, 16, 16), self.latent, self.hidden, weight=self.weight).to(device())
        data = mixed(faces, others)
        if self.arm == "oracle":
            reweigh(data, 1 / group.bincount(minlength=len(GROUPS))[group].double())
        for i in range(self.rounds):
            if self.arm == "debiased" and i:
                with torch.no_grad():
                    reweigh(data, rareness(model.encode(faces), alpha=self.alpha))
            yield Stage(f"round{i}", model, data, self.round_steps, self.batch_size, self.lr, {"schedule": cosine()})
        return scores(model, *self.pictures("test"))


def mixed(faces: Tensor, others: Tensor) -> Data:
    """Both with labels, the non-faces first, as weighted data: half of what is drawn are faces, all alike at first."""
    x, y = torch.cat([others, faces]), torch.cat([torch.zeros(len(others)), torch.ones(len(faces))]).to(faces.device)
    half = [torch.full((len(part),), 0.5 / len(part)) for part in (others, faces)]
    return Data(x, y).weighted(torch.cat(half))


def reweigh(data: Data, weights: Tensor) -> None:
    """From the next epoch on draw the faces of `mixed` in proportion to weights (n,); the non-faces as before."""
    data.weights[-len(weights) :] = 0.5 * weights.double().cpu() / weights.double().cpu().sum()


@torch.no_grad()
def scores(model: DebiasingVAE, faces: Tensor, group: Tensor, others: Tensor) -> dict[str, float]:
    """For each group of faces, against all that is no face: the AUROC, and the balanced accuracy at the logit 0."""
    from sklearn.metrics import roc_auc_score

    seen, unseen = model(faces).cpu(), model(others).cpu()
    found, rejected = {}, (unseen < 0).double().mean().item()
    for i, name in enumerate(GROUPS):
        mine = seen[(group == i).cpu()]
        both = torch.cat([mine, unseen])
        found[f"AUROC, {name}"] = float(roc_auc_score(torch.arange(len(both)) < len(mine), both))
        found[f"balanced accuracy, {name}"] = ((mine > 0).double().mean().item() + rejected) / 2
    return found
