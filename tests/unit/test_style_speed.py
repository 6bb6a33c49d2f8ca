"""The peers of benchmarks/style.py compute what the course's networks do, and learn."""

from itertools import islice, repeat

import pytest
import torch
from scripts_of_benchmarks import script
from torch import nn

import lecturelib
from lecturelib.models.cycle import Translator
from lecturelib.models.growing import GrowingDiscriminator
from lecturelib.models.styled import StyleGenerator
from lecturelib.models.translation import PatchDiscriminator

CHANNELS = (12, 8, 4)


def take_over(mine: nn.Module, theirs: nn.Module) -> None:
    """Parameters in the order of their names' first appearance, by shape."""
    left = list(mine.parameters())
    assert sum(p.numel() for p in left) == sum(p.numel() for p in theirs.parameters())
    for p in theirs.parameters():
        same = next(number for number, q in enumerate(left) if q.shape == p.shape)
        p.data.copy_(left.pop(same).data)


def test_style_peer_draws_the_same_pictures():
    with script("style_peers") as peers:
        lecturelib.seed(0)
        mine, theirs = StyleGenerator(6, CHANNELS, 10).eval(), peers.StyleGenerator(6, CHANNELS, 10).eval()
        for p in mine.parameters():
            p.data.normal_()
        take_over(mine, theirs)
        z, noises = torch.randn(5, 6), mine.noises()
        ours = mine.synthesise(mine.styles(z), noises)
        torch.testing.assert_close(theirs(z, noises), ours, rtol=1e-4, atol=1e-4)
        assert ours.std() > 0.1


def test_style_peer_judges_alike():
    with script("style_peers") as peers:
        lecturelib.seed(0)
        mine, theirs = GrowingDiscriminator(CHANNELS), peers.Discriminator(CHANNELS)
        in_order = [*mine.from_colours[-1].parameters()]
        for block in reversed(mine.blocks):
            in_order += [*block.parameters()]
        in_order += [*mine.score.parameters()]
        for p, q in zip(theirs.parameters(), in_order, strict=True):
            p.data.copy_(q.data)
        x = torch.rand(6, 3, 16, 16)
        torch.testing.assert_close(theirs(x), mine(x), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_both_peers_learn():
    with script("style_peers") as peers:
        lecturelib.seed(0)
        x = torch.rand(12, 3, 16, 16) / 4
        channels = (24, 16, 16)
        steps = peers.stylegan(peers.StyleGenerator(6, channels, 10), peers.Discriminator(channels), repeat(x), 6, 0.0)
        losses = torch.tensor(list(islice(steps, 40)))
        assert losses.isfinite().all()
        assert losses[:, 0].min() < 0.85 * losses[0, 0]  # the discriminator sees what is made so early
        there, back = Translator(3, 4, 1, 1), Translator(3, 4, 1, 1)
        judges = PatchDiscriminator(3, (8, 8), norm=None), PatchDiscriminator(3, (8, 8), norm=None)
        losses = torch.tensor(list(islice(peers.cyclegan(there, back, *judges, repeat(x), repeat(1 - x), 1.0), 150)))
        assert losses.isfinite().all()
        assert losses[-5:, 0].mean() < 0.7 * losses[0, 0]


def test_what_a_step_multiplies_is_counted():
    with script("style") as style:
        sizes = {"channels": (4, 4, 4, 4), "discriminator_channels": (4, 4, 4, 4), "side": 32}
        small = style.StyledFaces(n=40, batch_size=4, **sizes)
        data = small.data()
        once = style.operations(small, data)
        assert 1.9 < style.operations(style.StyledFaces(**vars(small) | {"batch_size": 8}), data) / once < 2.1
