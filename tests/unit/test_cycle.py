"""Two translators without pairs: the parts of their losses, the pool of fakes, and a translation with a known truth."""

import pytest
import torch

from lecturelib import fit, seed
from lecturelib.data import Data
from lecturelib.games import LeastSquares
from lecturelib.models.convolutional import resized
from lecturelib.models.cycle import CycleGAN, Pool, Translator
from lecturelib.models.translation import PatchDiscriminator


def small(**options) -> CycleGAN:
    translators, critics = (Translator(1, 4, 1, 1) for _ in range(2)), (PatchDiscriminator(1, (8,)) for _ in range(2))
    return CycleGAN(*translators, *critics, shape=(1, 8, 8), **options)


def test_the_translators_loss_is_its_parts():
    seed(0)
    cycle = small(cycle=3.0, identity=2.0)
    x, other = torch.rand(2, 6, 1, 8, 8)
    there, back = cycle.translators
    parts, game = cycle.translators_loss(x, other), LeastSquares()
    again, once = (back(there(x)), there(back(other))), (back(x), there(other))
    for name, (first, second) in {"cycle": again, "identity": once}.items():
        torch.testing.assert_close(parts[name], (first - x).abs().mean() + (second - other).abs().mean())
    games = [game.generator(critic(fake)) for critic, fake in zip(cycle.critics, (back(other), there(x)), strict=False)]
    torch.testing.assert_close(parts["game"], sum(games))
    torch.testing.assert_close(parts["loss"], parts["game"] + 3 * parts["cycle"] + 2 * parts["identity"])
    assert small(cycle=0.0).translators_loss(x, other).keys() == {"loss", "game"}


def test_each_discriminator_sees_its_own_domain():
    seed(0)
    cycle = small()
    x, other = torch.rand(2, 6, 1, 8, 8)
    parts = cycle.loss(x, other)  # the pools are empty: the fakes are new
    fakes = cycle.back(other), cycle.there(x)
    for name, critic, real, fake in zip(("first", "second"), cycle.critics, (x, other), fakes, strict=False):
        torch.testing.assert_close(parts[name], LeastSquares().discriminator(critic(real), critic(fake)))


def test_an_untrained_translator_that_stays_near_changes_little():
    x = torch.rand(4, 3, 16, 16)
    assert (Translator(3, 8)(x) - x).abs().mean() < 0.05
    assert (Translator(3, 8, near=False)(x) - x).abs().mean() > 0.2


@pytest.mark.parametrize("options", [{}, {"halvings": 2}, {"blocks": 0}, {"up": resized}, {"near": False}])
def test_a_picture_becomes_one_of_its_size_in_0_to_1(options):
    made = Translator(3, 4, **options)(torch.rand(2, 3, 16, 24))
    assert made.shape == (2, 3, 16, 24)
    assert made.min() >= 0
    assert made.max() <= 1


def test_the_pool_keeps_old_fakes_and_gives_half_of_them_back():
    seed(0)
    pool = Pool((1,), size=40)
    for start in (0, 16, 32):  # the third batch fills it
        fake = torch.arange(start, start + 16.0)[:, None]
        assert torch.equal(pool(fake), fake)
    assert pool.count == 40
    assert len(pool.kept.unique()) == 40
    older = 0
    for start in range(100, 4100, 20):
        fake = torch.arange(start, start + 20.0)[:, None]
        before, seen = pool.kept.clone(), pool(fake)
        is_new = seen == fake
        older += (~is_new).sum().item()
        assert torch.isin(seen[~is_new], before).all()  # the others come from the pool,
        assert not torch.isin(seen[~is_new], pool.kept).any()  # which they leave,
        assert torch.isin(fake[~is_new], pool.kept).all()  # and the new ones take their places
        assert not torch.isin(fake[is_new], pool.kept).any()
    assert 0.45 < older / 4000 < 0.55


def test_colours_are_swapped_without_a_pair():
    """Bright squares on dark ground become dark squares on bright ground, at their own places."""

    def squares(n, seed_):
        places = torch.randint(6, (n, 2), generator=torch.Generator().manual_seed(seed_))
        x = torch.full((n, 1, 8, 8), 0.2)
        for picture, (row, column) in zip(x, places.tolist(), strict=True):
            picture[0, row : row + 3, column : column + 3] = 0.8
        return x

    seed(0)
    cycle = CycleGAN(*(Translator(1, 8, 1, 1) for _ in range(2)), *(PatchDiscriminator(1, (16,)) for _ in range(2)),
                     shape=(1, 8, 8))  # fmt: skip
    x, other = squares(500, 1), 1 - squares(500, 2)
    fit(cycle, Data(x, other, names=("x", "other")), 400, batch_size=32, lr=3e-3, progress=False)
    fresh = squares(100, 3)
    with torch.no_grad():
        made = cycle.eval().there(fresh)
    truth = 1 - fresh
    assert (made - truth).abs().mean() < 0.4 * (fresh - truth).abs().mean()


def test_what_cannot_be_is_named():
    with pytest.raises(ValueError, match="cycle is -1"):
        small(cycle=-1.0)
    with pytest.raises(ValueError, match="9 pictures in a batch, but the pool has 8"):
        Pool((1,), 8)(torch.zeros(9, 1))
    with pytest.raises(ValueError, match="10 x 8 cannot be halved 2 times"):
        Translator(1, 4, 2)(torch.rand(1, 1, 10, 8))
