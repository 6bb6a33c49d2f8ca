"""What lecture 21 writes out is what the library does, and its chain of networks is a distribution."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from written_out import definitions

from lecturelib.layers import mlp
from lecturelib.models import autoregressive, bijections


@pytest.fixture(scope="module")
def lecture() -> dict:
    wanted = ("Chain", "masks", "Coupling", "bend")
    return definitions("21_exact_likelihood", *wanted, torch=torch, nn=nn, F=F, mlp=mlp)


def test_the_chain_sums_to_one_whatever_its_weights_are(lecture):
    torch.manual_seed(0)
    every = torch.tensor(list(itertools.product((0.0, 1.0), repeat=6)))
    chain = lecture["Chain"](6)
    for parameter in chain.parameters():
        parameter.data.normal_(0, 3)
    assert chain.log_prob(every).exp().sum().item() == pytest.approx(1, abs=1e-5)
    last = every.clone()
    last[:, -1] = 1 - last[:, -1]  # what comes last changes no earlier factor: the two of a pair sum to what they share
    pairs = chain.log_prob(every).exp() + chain.log_prob(last).exp()
    short = lecture["Chain"](5)
    short.first, short.others = chain.first, chain.others[:4]
    torch.testing.assert_close(pairs, short.log_prob(every[:, :5]).exp())


@pytest.mark.parametrize("hidden", [(5,), (12, 9), (7, 7, 7)])
def test_masks_are_those_of_the_library_and_leak_nothing(lecture, hidden):
    torch.manual_seed(3)
    order = torch.randperm(8)
    torch.manual_seed(4)
    mine = lecture["masks"](order, hidden)
    theirs = autoregressive.masks(order, hidden, torch.Generator().manual_seed(4))
    for a, b in zip(mine, theirs, strict=True):
        assert torch.equal(a, b.float())
    paths = torch.eye(8)
    for mask in mine:
        paths = mask @ paths
    later = order[:, None] <= order[None]
    assert paths[later].max() == 0


def test_coupling_is_the_librarys_and_can_be_undone(lecture):
    torch.manual_seed(0)

    def network(size_in, size_out):
        return mlp((size_in, 8, size_out), nn.Tanh)

    mine, librarys = lecture["Coupling"](5, network), bijections.Coupling(5, network)
    librarys.load_state_dict(mine.state_dict())
    x = 3 * torch.randn(20, 5)
    z, log_det = mine(x)
    for own, theirs in zip((z, log_det), librarys(x), strict=True):
        torch.testing.assert_close(own, theirs)
    torch.testing.assert_close(mine.inverse(z), x, atol=1e-5, rtol=1e-5)


def test_the_bend_can_be_undone(lecture):
    z = torch.linspace(-4, 4, 1000)
    assert (lecture["bend"](z).diff() > 0).all()
