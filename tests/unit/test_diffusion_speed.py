"""The peer of benchmarks/diffusion.py is as large as the course's network, learns, and samples."""

from itertools import islice

import torch
from scripts_of_benchmarks import script

import lecturelib
from lecturelib.data.tensors import Data


def test_the_peer_is_as_large_as_ours():
    with script("diffusion") as diffusion:
        theirs = sum(p.numel() for p in diffusion.peer_network(32).parameters())
        mine = sum(p.numel() for p in diffusion.networks(32)["U-Net"]().parameters())
        assert 0.8 < theirs / mine < 1.25


def test_the_peer_learns_and_samples():
    with script("diffusion") as diffusion:
        lecturelib.seed(0)
        data = Data(torch.rand(16, 1, 8, 8).round(), torch.arange(16) % 10)
        network = diffusion.peer_network(8, (8, 16))
        losses = torch.tensor(list(islice(diffusion.peer_steps(network, data, 16, 0), 60)))
        assert losses.isfinite().all()
        assert losses[-10:].mean() < 0.7 * losses[0]
        assert diffusion.peer_sample(network.eval(), 3, 8, 4).shape == (3, 1, 8, 8)


def test_ours_trains_in_the_same_way():
    with script("diffusion") as diffusion:
        lecturelib.seed(0)
        data = Data(torch.rand(16, 1, 8, 8).round(), torch.arange(16) % 10)
        for make in diffusion.networks(8, (8, 16, 16)).values():
            step = next(iter(diffusion.ours(make, data, 16, None)))
            assert step.losses["loss"].isfinite()
