"""Models that see one value after the other: they sum to one, and nothing is told too early."""

import itertools

import pytest
import torch

from lecturelib.models.autoregressive import MADE, MaskedLinear, PixelCNN, masks


def everything(levels: int, *shape: int) -> torch.Tensor:
    size = torch.Size(shape).numel()
    return torch.tensor(list(itertools.product(range(levels), repeat=size))).view(-1, *shape)


@pytest.mark.parametrize("order", [None, [2, 0, 4, 1, 3]])
@pytest.mark.parametrize("hidden", [(), (16,), (16, 12)])
def test_made_sums_to_one_and_follows_its_order(order, hidden):
    torch.manual_seed(0)
    made = MADE((5,), hidden, order=None if order is None else torch.tensor(order))
    assert made.log_prob(everything(2, 5)).exp().sum().item() == pytest.approx(1, abs=1e-5)
    slopes = torch.autograd.functional.jacobian(lambda x: made(x[None])[0], torch.rand(5))
    before = made.order[None] < made.order[:, None]
    assert (slopes[~before] == 0).all()
    if len(hidden) < 2:  # wide enough that every earlier input has a way to every output
        assert (slopes[before] != 0).float().mean() > 0.8


def test_masks_give_each_output_what_lies_before_it():
    first, second, last = masks(torch.arange(6), (30, 30), torch.Generator().manual_seed(0))
    assert [mask.shape for mask in (first, second, last)] == [(30, 6), (30, 30), (6, 30)]
    ways = (last.float() @ second.float() @ first.float()) > 0
    assert torch.equal(ways, torch.ones(6, 6).tril(-1).bool())
    layer = MaskedLinear(torch.eye(3))
    assert torch.equal(layer(torch.eye(3)) - layer.bias, layer.weight.diag().diag())


def test_made_samples_from_what_it_says():
    torch.manual_seed(0)
    made = MADE((1, 2, 2), (16,), order=torch.tensor([3, 1, 0, 2]))
    for parameter in made.parameters():
        parameter.data *= 3
    space = everything(2, 1, 2, 2)
    drawn = made.sample(20_000).flatten(1)
    codes = (drawn * torch.tensor([8, 4, 2, 1])).sum(1).long()
    found = torch.bincount(codes, minlength=16) / len(codes)
    assert (found - made.log_prob(space).exp()).abs().max() < 0.015  # three standard deviations of a share of a half


def test_an_order_that_is_none_is_refused():
    with pytest.raises(ValueError, match="each number from 0 to 2 once"):
        MADE((3,), order=torch.tensor([0, 0, 2]))


@pytest.mark.parametrize("classes", [0, 3])
def test_pixelcnn_sums_to_one(classes):
    torch.manual_seed(0)
    space = everything(2, 2, 3)
    label = [torch.full((len(space),), 1)] if classes else []
    pixels = PixelCNN((2, 3), 2, 8, 3, classes=classes)
    assert pixels.log_prob(space, *label).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_pixelcnn_tells_nothing_too_early_and_has_no_blind_spot():
    torch.manual_seed(0)
    pixels, x = PixelCNN((6, 6), 4, 8, 6), torch.randint(4, (1, 6, 6))
    base, changed = pixels(x), torch.zeros(36, 36, dtype=torch.bool)
    for place in range(36):
        other = x.clone()
        other.view(-1)[place] = (other.view(-1)[place] + 1) % 4
        changed[place] = (pixels(other) - base).abs().amax(1).view(-1) > 0
    assert torch.equal(changed, torch.ones(36, 36).triu(1).bool())


def test_pixelcnn_draws_from_what_it_says_and_keeps_what_is_given():
    torch.manual_seed(0)
    pixels = PixelCNN((2, 2), 2, 8, 2, classes=2)
    for parameter in pixels.parameters():
        parameter.data *= 2
    label = torch.ones(8000, dtype=torch.long)
    codes = (pixels.sample(8000, label).flatten(1) * torch.tensor([8, 4, 2, 1])).sum(1)
    found = torch.bincount(codes, minlength=16) / len(codes)
    said = pixels.log_prob(everything(2, 2, 2), torch.ones(16, dtype=torch.long)).exp()
    assert (found - said).abs().max() < 0.02
    assert (found - pixels.log_prob(everything(2, 2, 2), torch.zeros(16, dtype=torch.long)).exp()).abs().max() > 0.02
    given = torch.randint(2, (50, 2, 2))
    made = pixels.complete(given, 1, label[:50])
    assert torch.equal(made[:, 0], given[:, 0])
    assert not torch.equal(made[:, 1], given[:, 1])


@pytest.mark.parametrize(("reach", "classes"), [(1, 0), (2, 3)])
def test_drawn_pixel_by_pixel_as_the_whole_network_says(reach, classes):
    torch.manual_seed(0)
    pixels = PixelCNN((1, 9, 7), 4, 8, 3, reach=reach, classes=classes).double()
    with torch.no_grad():
        for weight in (w for layer in pixels.layers for w in layer.parameters()):
            weight.normal_()
        pixels.head[-1].weight.mul_(1e6)  # so sure that nothing is left to chance
    label = (torch.arange(6) % 3,) if classes else ()
    made = pixels.sample(6, *label)
    assert len(made.unique()) > 2
    assert len(made.flatten(1).unique(dim=0)) == (3 if classes else 1)
    assert torch.equal(pixels(made, *label).argmax(1), made[:, 0])
    given = torch.randint(4, made.shape)
    done = pixels.complete(given, 4, *label)
    assert torch.equal(done[:, :, :4], given[:, :, :4])
    assert torch.equal(pixels(done, *label).argmax(1)[:, 4:], done[:, 0, 4:])


def test_a_label_for_each_sample_is_needed():
    with pytest.raises(ValueError, match="2 labels are needed"):
        PixelCNN((4, 4), 2, 8, 2, classes=3).sample(2)
