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
    generators = (Translator(1, 4, 1, 1) for _ in range(2))
    return CycleGAN(*generators, *(PatchDiscriminator(1, (8,)) for _ in range(2)), shape=(1, 8, 8), **options)


def test_the_generators_loss_is_its_parts():
    seed(0)
    cycle = small(cycle=3.0, identity=2.0)
    x, other = torch.rand(2, 6, 1, 8, 8)
    there, back = cycle.generators
    parts, game = cycle.generators_loss(x, other), LeastSquares()
    again, once = (back(there(x)), there(back(other))), (back(x), there(other))
    for name, (first, second) in {"cycle": again, "identity": once}.items():
        torch.testing.assert_close(parts[name], (first - x).abs().mean() + (second - other).abs().mean())
    fakes = back(other), there(x)
    games = [game.generator(judge(fake)) for judge, fake in zip(cycle.discriminators, fakes, strict=False)]
    torch.testing.assert_close(parts["game"], sum(games))
    torch.testing.assert_close(parts["loss"], parts["game"] + 3 * parts["cycle"] + 2 * parts["identity"])
    assert small(cycle=0.0).generators_loss(x, other).keys() == {"loss", "game"}


def test_each_discriminator_sees_its_own_domain():
    seed(0)
    cycle = small()
    x, other = torch.rand(2, 6, 1, 8, 8)
    parts = cycle.loss(x, other)  # the pools are empty: the fakes are new
    fakes = cycle.back(other), cycle.there(x)
    for name, judge, real, fake in zip(("first", "second"), cycle.discriminators, (x, other), fakes, strict=False):
        torch.testing.assert_close(parts[name], LeastSquares().discriminator(judge(real), judge(fake)))


def test_an_untrained_translator_that_stays_near_changes_little():
    x = torch.rand(4, 3, 16, 16)
    assert (Translator(3, 8, near=True)(x) - x).abs().mean() < 0.05
    assert (Translator(3, 8)(x) - x).abs().mean() > 0.2


@pytest.mark.parametrize("options", [{}, {"halvings": 2}, {"blocks": 0}, {"up": resized}, {"near": True}])
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
    assert torch.equal(pool.eval()(fake + 5), fake + 5)  # a loss that is only looked at
    assert len(pool.train().kept.unique()) == 40
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


def test_shades_are_changed_without_a_pair():
    """Dark pictures with bright squares become bright ones with less contrast, each square at its own place."""

    def squares(n, number):
        places = torch.randint(6, (n, 2), generator=torch.Generator().manual_seed(number))
        x = torch.full((n, 1, 8, 8), 0.2)
        for picture, (row, column) in zip(x, places.tolist(), strict=True):
            picture[0, row : row + 3, column : column + 3] = 0.8
        return x

    def shade(x):
        return 0.3 * x + 0.65

    seed(0)
    discriminators = (PatchDiscriminator(1, (16,)) for _ in range(2))
    cycle = CycleGAN(*(Translator(1, 8, 1, 1) for _ in range(2)), *discriminators, shape=(1, 8, 8))
    data = Data(squares(500, 1), shade(squares(500, 2)), names=("x", "other"))
    fit(cycle, data, 150, batch_size=32, lr=2e-3, progress=False)
    fresh = squares(100, 3)
    made = cycle.translate(fresh)
    assert (made - shade(fresh)).abs().mean() < 0.35 * (fresh - shade(fresh)).abs().mean()
    torch.testing.assert_close(cycle.translate(fresh, back=True), cycle.eval().back(fresh))


def test_what_cannot_be_is_named():
    with pytest.raises(ValueError, match="cycle is -1"):
        small(cycle=-1.0)
    with pytest.raises(ValueError, match=r"pictures are 2, but the pool was made for 1: say shape"):
        Pool((1,), 8)(torch.zeros(4, 2))
    with pytest.raises(ValueError, match="9 pictures in a batch, but the pool has 8"):
        Pool((1,), 8)(torch.zeros(9, 1))
    with pytest.raises(ValueError, match="10 x 8 cannot be halved 2 times"):
        Translator(1, 4, 2)(torch.rand(1, 1, 10, 8))
