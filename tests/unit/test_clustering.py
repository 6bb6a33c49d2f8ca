"""Deep clustering against loops written out, the paper's gradients, and what transformed copies must do."""

import numpy as np
import pytest
import torch

import lecturelib
from lecturelib.data import Data, DataError
from lecturelib.data.augment import RandomAffine
from lecturelib.models.autoencoder import dense
from lecturelib.models.clustering import DeepClustering, soft_assignment, target
from lecturelib.training import fit


@pytest.fixture(autouse=True)
def seeded():
    lecturelib.seed(0)


def loops(z: np.ndarray, mu: np.ndarray, width: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """q and p, equations 1 and 3, term by term."""
    q = np.empty((len(z), len(mu)))
    for i in range(len(z)):
        kernel = [1 / (1 + sum((a - b) ** 2 for a, b in zip(z[i], m, strict=True)) / width**2) for m in mu]
        for j in range(len(mu)):
            q[i, j] = kernel[j] / sum(kernel)
    f = [sum(q[i, j] for i in range(len(z))) for j in range(len(mu))]
    p = np.empty_like(q)
    for i in range(len(z)):
        row = [q[i, j] ** 2 / f[j] for j in range(len(mu))]
        p[i] = [value / sum(row) for value in row]
    return q, p


@pytest.mark.parametrize("width", [1.0, 0.3])
def test_q_and_p_are_those_of_the_loops(width):
    z, mu = torch.randn(20, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    q, p = loops(z.numpy(), mu.numpy(), width)
    np.testing.assert_allclose(soft_assignment(z, mu, width), q, rtol=1e-10)
    np.testing.assert_allclose(target(soft_assignment(z, mu, width)), p, rtol=1e-10)


def test_the_target_is_sharper_and_fair():
    q = torch.tensor([[0.6, 0.4], [0.9, 0.1], [0.7, 0.3]])
    p = target(q)
    torch.testing.assert_close(p.sum(1), torch.ones(3))
    assert p[1, 0] > q[1, 0]
    assert p[0, 1] > q[0, 1]  # the second cluster has little, so what leans to it leans more


def test_the_gradients_are_those_of_the_paper():
    z = torch.randn(30, 3, dtype=torch.float64, requires_grad=True)
    mu = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    q = soft_assignment(z, mu)
    p = target(q).detach()
    gz, gmu = torch.autograd.grad(torch.special.xlogy(p, p / q).sum(), (z, mu))
    z, mu, q = z.detach(), mu.detach(), q.detach()
    difference = z[:, None] - mu  # (n, k, code)
    pull = ((p - q) / (1 + difference.square().sum(2)))[:, :, None] * difference
    torch.testing.assert_close(gz, 2 * pull.sum(1))  # equation 4, alpha = 1
    torch.testing.assert_close(gmu, -2 * pull.sum(0))  # equation 5


def test_the_loss_is_the_divergence_and_the_error():
    x = torch.rand(12, 1, 4, 4)
    model = DeepClustering(dense((1, 4, 4), 3, (8,)), 3, 4, weight=2.0)
    q = model(x).detach()
    p = target(q)
    parts = model.loss(x, p)
    kl = (p * (p / q).log()).sum() / 12
    error = (model.autoencoder(x) - x).square().mean()
    torch.testing.assert_close(parts["kl"], kl)
    torch.testing.assert_close(parts["error"], error)
    torch.testing.assert_close(parts["loss"], kl + 2 * error)
    model.weight = 0.0
    assert model.loss(x, p).keys() == {"loss", "kl"}
    certain = torch.eye(4)[torch.arange(12) % 4]  # zeros in P cost nothing
    assert model.loss(x, certain)["loss"].isfinite()


def blobs(n: int = 300) -> Data:
    y = torch.arange(n) % 3
    centres = torch.tensor([[4.0, 0, 0, 0], [0, 4, 0, 0], [0, 0, 4, 0]])
    return Data((centres[y] + 0.3 * torch.randn(n, 4)).view(n, 1, 2, 2))


def test_it_starts_at_k_means_on_the_codes():
    data = blobs()
    model = DeepClustering(dense((1, 2, 2), 2), 2, 3)
    first = model.start(data, width=0.5)
    z = model.encode(data.x).detach()
    means = torch.stack([z[first == j].mean(0) for j in range(3)])
    torch.testing.assert_close(model.centres.detach(), means, rtol=1e-4, atol=1e-4)
    spread = (z - means[first]).square().sum(1).mean().sqrt()
    torch.testing.assert_close(model.width, 0.5 * spread, rtol=1e-4, atol=1e-4)
    assert torch.equal(model.assignments(data).argmax(1), torch.cdist(z, means).argmin(1))


def test_rounds_make_the_assignments_sharper():
    data = blobs()
    model = DeepClustering(dense((1, 2, 2), 2), 2, 3)
    model.start(data)
    before = model.assignments(data)
    for _ in range(3):
        fit(model, Data(data.x, target(model.assignments(data)), names=("x", "p")), 60, lr=1e-2, progress=False)
    assert model.assignments(data).amax(1).mean() > before.amax(1).mean() + 0.05


def test_transformed_copies_learn_what_the_picture_is_told():
    seen = []

    def transform(x):
        seen.append(x)
        return x.flip(3)

    x, model = torch.rand(6, 1, 2, 2), DeepClustering(dense((1, 2, 2), 2), 2, 3, transform)
    p = target(model(x).detach())
    parts = model.loss(x, p)
    assert len(seen) == 1
    torch.testing.assert_close(parts["kl"], torch.special.xlogy(p, p / model(x.flip(3))).sum(1).mean())


def spot(row: int, column: int, n: int = 200, size: int = 15) -> torch.Tensor:
    x = torch.zeros(n, 1, size, size)
    x[:, :, row, column] = 1
    return x


def middle(x: torch.Tensor) -> torch.Tensor:
    """The centre of mass of each picture, (n, 2): row, column."""
    mass, ticks = x.sum((1, 2, 3)), torch.arange(x.shape[2]).float()
    return torch.stack([(x.sum((1, 3)) * ticks).sum(1), (x.sum((1, 2)) * ticks).sum(1)], 1) / mass[:, None]


def test_shifts_stay_within_their_share_of_the_side():
    moved = middle(RandomAffine(0.2, 0, 0, 0)(spot(7, 7))) - 7
    assert 2.5 < moved.abs().max() <= 3.0 + 1e-4
    assert moved.mean(0).abs().max() < 0.6


def test_turns_keep_the_distance_and_slants_the_row():
    moved = middle(RandomAffine(0, 30, 0, 0)(spot(2, 7))) - 7
    angle = torch.atan2(moved[:, 1], -moved[:, 0]).rad2deg()
    assert 25 < angle.abs().max() < 32
    assert (moved.norm(dim=1) - 5).abs().max() < 0.5
    moved = middle(RandomAffine(0, 0, 0.4, 0)(spot(2, 7))) - 7
    assert moved[:, 0].add(5).abs().max() < 0.05
    assert 1.6 < moved[:, 1].abs().max() < 2.2


def test_no_change_is_no_change_and_each_picture_has_its_own():
    x = torch.rand(5, 3, 9, 9)
    torch.testing.assert_close(RandomAffine(0, 0, 0, 0)(x), x, atol=1e-5, rtol=1e-5)
    copies = RandomAffine()(x[:1].repeat(5, 1, 1, 1))
    assert copies.shape == x.shape
    assert not torch.allclose(copies[0], copies[1])
    lecturelib.seed(3)
    first = RandomAffine()(x)
    lecturelib.seed(3)
    assert torch.equal(RandomAffine()(x), first)
    with pytest.raises(DataError, match="shear is -1"):
        RandomAffine(shear=-1)
