"""What lecture 14 writes out is what the library does."""

import pytest
import torch
from torch import nn
from written_out import definitions

from lecturelib.models.dcgan import Discriminator, Generator


@pytest.fixture(scope="module")
def lecture() -> dict:
    wanted = "Affine", "make_generator", "make_discriminator", "small_weights", "line", "arc"
    return definitions("14_dcgan", *wanted, torch=torch, nn=nn)


def test_the_networks_are_the_librarys(lecture):
    torch.manual_seed(1)
    mine = [lecture["small_weights"](lecture[f"make_{name}"]()) for name in ("generator", "discriminator")]
    torch.manual_seed(1)
    librarys = Generator((1, 28, 28), 64, (64, 32)), Discriminator((1, 28, 28), (32, 64))
    z = torch.randn(20, 64)
    fakes = mine[0](z)
    torch.testing.assert_close(fakes, librarys[0](z))
    torch.testing.assert_close(mine[1](fakes), librarys[1](fakes))
    assert fakes.shape == (20, 1, 28, 28)


def test_the_arc_begins_and_ends_as_the_line_and_keeps_the_length(lecture):
    z0, z1 = nn.functional.normalize(torch.randn(2, 50, 9), dim=2)
    for way in (lecture["line"], lecture["arc"]):
        torch.testing.assert_close(way(z0, z1, torch.tensor(0.0)), z0)
        torch.testing.assert_close(way(z0, z1, torch.tensor(1.0)), z1)
    for t in (0.2, 0.5, 0.9):
        on_arc, on_line = (lecture[way](z0, z1, torch.tensor(t)) for way in ("arc", "line"))
        torch.testing.assert_close(on_arc.norm(dim=1), torch.ones(50))
        assert (on_line.norm(dim=1) < 1).all()
    middle = lecture["arc"](z0, z1, torch.tensor(0.5))
    torch.testing.assert_close((middle * z0).sum(1), (middle * z1).sum(1), atol=1e-5, rtol=1e-4)  # the same angle
