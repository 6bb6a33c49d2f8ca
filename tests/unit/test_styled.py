"""StyleGAN's generator against its definitions."""

import pytest
import torch
import torch.nn.functional as F

import lecturelib
from lecturelib.models.styled import AdaIN, StyleGenerator

CHANNELS = (12, 8, 4)


@pytest.fixture
def styled() -> StyleGenerator:
    lecturelib.seed(0)
    generator = StyleGenerator(6, CHANNELS, 10, depth=2)
    for layer in generator.layers:
        layer.bias.data.normal_()
    generator.recentre(2000)
    return generator.eval()


def test_adain_sets_mean_and_deviation():
    lecturelib.seed(0)
    adain, x, w = AdaIN(5, 10), torch.randn(4, 5, 8, 8) * 3 + 2, torch.randn(4, 10)
    made = adain(x, w)
    scale, shift = adain.style(w).chunk(2, 1)
    torch.testing.assert_close(made.mean((2, 3)), shift, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(made.std((2, 3), correction=0), (1 + scale).abs(), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(made, F.instance_norm(x) * (1 + scale)[:, :, None, None] + shift[:, :, None, None])


def test_pictures_of_one_w_and_of_a_w_for_each_layer(styled):
    z = torch.randn(3, 6)
    assert styled.sides == [4, 4, 8, 8, 16, 16]
    w, noises = styled.mapping(z), styled.noises()
    made = styled.synthesise(w, noises)
    assert made.shape == (3, 3, 16, 16)
    torch.testing.assert_close(styled.synthesise(styled.styles(z), noises), made)
    torch.testing.assert_close(styled(z), made)  # no layer has learned to look at its noise yet


def test_a_layers_w_changes_what_comes_after_it_alone(styled):
    """The coarse maps do not know of finer styles; finer styles do change the picture."""
    w, noises = styled.styles(torch.randn(2, 6)), styled.noises()
    seen = []
    styled.layers[1].register_forward_hook(lambda _, given, made: seen.append(made.detach()))
    mixed = torch.cat([w[:1, :2], w[1:, 2:]], 1)
    a, b = styled.synthesise(w[:1], noises), styled.synthesise(mixed, noises)
    torch.testing.assert_close(seen[0], seen[1])
    assert (a - b).abs().mean() > 0.01


def test_with_skips_each_level_adds_its_colours_and_else_the_last_one_paints():
    torch.manual_seed(0)
    z = torch.randn(3, 6)
    for skips, painters in ((True, 3), (False, 1)):
        generator = StyleGenerator(6, (8, 6, 4), 10, depth=2, skips=skips).eval()
        noises = generator.noises()
        assert len(generator.to_colours) == painters
        for number, layer in enumerate(generator.to_colours):
            torch.nn.init.zeros_(layer.weight)
            layer.bias.data.fill_(10.0**number)
        made = generator.synthesise(generator.mapping(z), noises)
        assert made.shape == (3, 3, 16, 16)
        torch.testing.assert_close(2 * made - 1, torch.full_like(made, sum(10.0**k for k in range(painters))))


def test_truncation_moves_towards_the_centre_in_the_layers_that_are_named(styled):
    z = torch.randn(4, 6)
    full = styled.styles(z)
    assert torch.equal(styled.styles(z, 0.0), styled.centre.expand(4, 6, 10))
    half = styled.styles(z, 0.5, layers=slice(0, 2))
    torch.testing.assert_close(half[:, :2], (full[:, :2] + styled.centre) / 2)
    assert torch.equal(half[:, 2:], full[:, 2:])
    many = styled.mapping(torch.randn(4000, 6))
    assert (many.mean(0) - styled.centre).norm() < 0.15 * many.norm(dim=1).mean()


def test_noise_moves_pixels_by_its_strength(styled):
    w = styled.styles(torch.randn(1, 6))
    one, other = styled.noises(), styled.noises()
    assert torch.equal(styled.synthesise(w, one), styled.synthesise(w, other))
    styled.layers[-1].strength.data.fill_(0.5)
    changed = (styled.synthesise(w, one) - styled.synthesise(w, other)).abs()
    assert changed.mean() > 1e-3
    assert torch.equal(styled.synthesise(w, one), styled.synthesise(w, one))


def test_mixing_in_training(styled):
    z = torch.randn(200, 6)
    plain = styled.synthesise(styled.mapping(z))
    styled.train()
    for mixing, low, high in ((0.0, 0.0, 0.0), (0.5, 0.35, 0.65), (1.0, 1.0, 1.0)):
        styled.mixing = mixing
        share = ((styled(z) - plain).abs().flatten(1).amax(1) > 1e-4).float().mean()
        assert low <= share <= high


def test_the_centre_follows_w_in_training_alone(styled):
    styled.centre.fill_(5.0)
    styled(torch.randn(8, 6))
    assert torch.equal(styled.centre, torch.full((10,), 5.0))
    styled.train()
    before = (styled.centre - styled.mapping(torch.randn(2000, 6)).mean(0)).norm()
    for _ in range(300):
        styled(torch.randn(8, 6))
    after = (styled.centre - styled.mapping(torch.randn(2000, 6)).mean(0)).norm()
    assert after < 0.4 * before


def test_bad_sizes_are_named(styled):
    with pytest.raises(ValueError, match=r"w is \(2, 5, 10\): \(n, 10\) or \(n, 6, 10\)"):
        styled.synthesise(torch.zeros(2, 5, 10))
    with pytest.raises(ValueError, match="at least one level"):
        StyleGenerator(6, ())
    with pytest.raises(ValueError, match="mixing 1.5"):
        StyleGenerator(6, CHANNELS, mixing=1.5)
