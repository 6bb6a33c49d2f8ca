"""What lecture 19 writes out is what the library does, and what it measures with measures what it says."""

import math
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from written_out import definitions

from lecturelib.models import styled
from lecturelib.models.growing import PixelNorm


@pytest.fixture(scope="module")
def generator() -> styled.StyleGenerator:
    torch.manual_seed(0)
    generator = styled.StyleGenerator(6, (8, 8, 4), 5)
    for parameter in generator.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))  # no strength or bias is 0
    return generator.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def lecture(generator) -> dict:
    wanted = ("gram", "moments", "adain", "Mapping", "synthesise", "mixed", "mix", "explained", "linear", "slerp",
              "directions", "modulated")  # fmt: skip
    return definitions("19_stylegan", *wanted, torch=torch, nn=nn, F=F, math=math, PixelNorm=PixelNorm,
                       generator=generator, names=("number", "choice"), pairwise=pairwise)  # fmt: skip


def test_style_forgets_places(lecture):
    torch.manual_seed(0)
    a = torch.randn(2, 5, 4, 4)
    moved = a.flatten(2)[:, :, torch.randperm(16)].unflatten(2, (4, 4))
    for statistic in ("gram", "moments"):
        torch.testing.assert_close(lecture[statistic](a), lecture[statistic](moved))
    assert lecture["gram"](a)[1, 2, 3].item() == pytest.approx((a[1, 2] * a[1, 3]).mean().item(), abs=1e-6)


def test_adain_sets_the_moments_and_is_the_librarys(lecture):
    torch.manual_seed(0)
    a, wanted = 3 * torch.randn(4, 5, 6, 6) + 2, torch.rand(4, 10) + 0.5
    torch.testing.assert_close(lecture["moments"](lecture["adain"](a, *wanted.chunk(2, 1))), wanted, atol=1e-4, rtol=0)
    layer, w = styled.AdaIN(5, 3), torch.randn(4, 3)
    scale, shift = layer.style(w).chunk(2, 1)
    torch.testing.assert_close(lecture["adain"](a, shift, 1 + scale), layer(a, w), atol=1e-5, rtol=1e-4)


def test_mapping_and_synthesis_are_the_librarys(lecture, generator):
    torch.manual_seed(0)
    mine, librarys, z = lecture["Mapping"](6, 5), styled.Mapping(6, 5), torch.randn(7, 6)
    own = [part for pair in zip(mine.weights, mine.biases, strict=True) for part in pair]
    for number, (a, b) in enumerate(zip(own, librarys.parameters(), strict=True)):
        a.data = a + number
        b.data = a.data.clone()
    torch.testing.assert_close(mine(z), librarys(z), rtol=1e-4, atol=1e-4)
    w, noises = generator.mapping(z), generator.noises(7)
    pictures = lecture["synthesise"](generator, w, noises)
    torch.testing.assert_close(pictures, generator.synthesise(w, noises), atol=1e-4, rtol=1e-4)


def test_styles_are_mixed_from_the_cut_on_and_within_the_range(lecture):
    w, other = torch.zeros(3, 5), torch.ones(3, 5)
    both = lecture["mixed"](w, other, torch.tensor([1, 3, 5]))
    assert both.mean(2).tolist() == [[0, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 1]]
    assert lecture["mix"](w, other, slice(2, 4)).mean(2)[0].tolist() == [0, 0, 1, 1, 0, 0]


def test_explained_is_the_share_of_the_variance_that_two_sets_have_in_common(lecture):
    torch.manual_seed(0)
    n = 20_000
    shared, choice = torch.randn(n, 1), torch.randint(4, (n,))
    sets = []
    for _ in range(2):
        kept = torch.rand(n) < 0.6**0.5
        values = torch.where(kept, choice, torch.randint(4, (n,)))
        sets.append({"number": 0.5 * shared + 0.75**0.5 * torch.randn(n, 1), "choice": F.one_hot(values, 4).float()})
    assert lecture["explained"](*sets) == pytest.approx({"number": 0.25, "choice": 0.6}, abs=0.03)
    alone = lecture["explained"](sets[0], {name: x.roll(1, 0) for name, x in sets[1].items()})
    assert alone == pytest.approx({"number": 0, "choice": 0}, abs=0.03)


def test_linear_finds_what_is_linear(lecture):
    torch.manual_seed(0)
    codes, weights = 5 * torch.randn(500, 4) + 1, torch.randn(4, 2)
    found, constant = lecture["linear"](codes, codes @ weights + 3, ridge=0.0)
    torch.testing.assert_close(found, weights, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(constant, torch.full((2,), 3.0), atol=1e-3, rtol=0)


def test_directions_move_one_lever_alone_and_by_the_most_usual_step(lecture):
    torch.manual_seed(0)
    codes = torch.randn(4000, 6) @ torch.randn(6, 6)
    A = torch.randn(2, 6)
    steps = lecture["directions"](codes, codes @ A.T)
    torch.testing.assert_close(A @ steps, torch.eye(2), atol=5e-3, rtol=0)
    cost = torch.linalg.inv(torch.cov(codes.T))
    others = torch.linalg.svd(A).Vh[2:]  # steps that move no lever
    for step in steps.T:
        for other in others:
            for way in (other, -other):
                moved = step + 0.1 * way
                assert moved @ cost @ moved > step @ cost @ step


def test_slerp_stays_on_the_ball_and_goes_evenly(lecture):
    torch.manual_seed(0)
    a, b = torch.randn(2, 5, 8)
    ways = [lecture["slerp"](a, b, torch.full((5, 1), t)) for t in (0.0, 0.25, 0.5, 0.75, 1.0)]
    torch.testing.assert_close(ways[0], F.normalize(a, dim=1))
    torch.testing.assert_close(ways[-1], F.normalize(b, dim=1))
    lengths = torch.stack([(q - p).norm(dim=1) for p, q in pairwise(ways)])
    torch.testing.assert_close(lengths, lengths.mean(0).expand(4, -1), atol=1e-5, rtol=1e-4)


def test_modulated_is_a_convolution_for_each_example(lecture):
    torch.manual_seed(0)
    x, weight, style = torch.randn(3, 4, 5, 5), torch.randn(6, 4, 3, 3), torch.rand(3, 4) + 0.1
    for one, s, made in zip(x, style, lecture["modulated"](x, weight, style), strict=True):
        scaled = weight * s[None, :, None, None]
        scaled = scaled / scaled.square().sum((1, 2, 3), keepdim=True).sqrt()
        torch.testing.assert_close(made, F.conv2d(one[None], scaled, padding=1)[0], atol=1e-5, rtol=1e-4)
