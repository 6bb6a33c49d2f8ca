"""What lecture 15 writes out is what the library does."""

import pytest
import torch
from torch import nn
from written_out import definitions

from lecturelib.data import load
from lecturelib.models.dcgan import Discriminator, ProjectionDiscriminator


@pytest.fixture(scope="module")
def lecture() -> dict:
    wanted = "one_hot", "convolutions", "Beside", "Projection", "ink_and_slant", "mixed"
    return definitions("15_conditional_gans", *wanted, torch=torch, nn=nn)


@pytest.mark.parametrize(("name", "kind"), [("Beside", Discriminator), ("Projection", ProjectionDiscriminator)])
def test_the_discriminators_are_the_librarys(name, kind, lecture):
    mine, librarys = lecture[name](), kind((1, 28, 28), (32, 64), conditions=10)
    mine.load_state_dict(dict(zip(mine.state_dict(), librarys.state_dict().values(), strict=True)))
    x, y = torch.rand(20, 1, 28, 28), lecture["one_hot"](torch.arange(20) % 10)
    torch.testing.assert_close(mine(x, y), librarys(x, y))
    other = lecture["one_hot"]((torch.arange(20) + 1) % 10)
    assert not torch.allclose(mine(x, y), mine(x, other), atol=1e-4)


def test_the_logit_of_projection_is_bayes_rule(lecture):
    """Two softmax posteriors and two densities of the features make a logit of its form, whatever the label."""
    f, of_p, of_q = torch.randn(50, 8).double(), torch.randn(10, 8).double(), torch.randn(10, 8).double()
    log_ratio = (f @ of_p.T).log_softmax(1) - (f @ of_q.T).log_softmax(1)  # log p(y | x) / q(y | x), all y
    rest = log_ratio - f @ (of_p - of_q).T
    torch.testing.assert_close(rest, rest[:, :1].expand_as(rest))  # no y in it


def test_ink_and_slant_of_lines_and_of_slanted_digits(lecture):
    x = torch.zeros(2, 1, 28, 28)
    x[0, 0, 5:20, 14] = 1  # upright
    for k in range(15):
        x[1, 0, 19 - k, 5 + k] = 0.5  # one to the right for each one up
    ink, slant = lecture["ink_and_slant"](x)
    torch.testing.assert_close(ink, torch.tensor([15.0, 7.5]))
    torch.testing.assert_close(slant, torch.tensor([0.0, 1.0]), atol=1e-4, rtol=0)
    digits = load("glyphs", n=20).x
    lean = torch.tensor([[1.0, 0.3, 0.0], [0.0, 1.0, 0.0]]).expand(20, 2, 3)
    leaned = nn.functional.grid_sample(
        digits, nn.functional.affine_grid(lean, [20, 1, 28, 28], False), align_corners=False
    )
    assert (lecture["ink_and_slant"](leaned)[1] > lecture["ink_and_slant"](digits)[1] + 0.15).all()


def test_a_mixed_label_goes_from_one_class_to_the_other(lecture):
    mixed = lecture["mixed"]
    assert mixed(3, 8, 0.25)[0, [3, 8]].tolist() == [0.75, 0.25]
    assert mixed(3, 8, 0.25).sum() == 1
