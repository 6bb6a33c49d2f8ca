"""Pictures projected into a generator's latent space."""

import pytest
import torch
import torch.nn.functional as F

import lecturelib
from lecturelib.models.projection import Projection, numbered
from lecturelib.models.styled import StyleGenerator
from lecturelib.training import cosine, fit


@pytest.fixture
def styled() -> StyleGenerator:
    lecturelib.seed(0)
    generator = StyleGenerator(6, (12, 8), 10, depth=2)
    for layer in generator.layers:
        layer.bias.data.normal_()
        layer.strength.data.normal_(std=0.1)
    generator.recentre(2000)
    return generator.eval()


@pytest.mark.parametrize("each_layer", [False, True])
def test_what_the_generator_made_is_found_again(styled, each_layer):
    w = styled.mapping(torch.randn(5, 6)).detach()
    before = [p.clone() for p in styled.parameters()]
    projection = Projection(styled, 5, F.mse_loss, each_layer=each_layer)
    x = styled.synthesise(w, projection.noises).detach()
    start = F.mse_loss(projection.sample(5), x)
    fit(projection, numbered(x), 150, batch_size=5, lr=0.1, schedule=cosine(warmup=0.05, flat=0.75), progress=False)
    assert F.mse_loss(projection.sample(5), x) < 0.02 * start
    assert projection.w.shape == ((5, 4, 10) if each_layer else (5, 10))
    assert all(torch.equal(p, q) for p, q in zip(styled.parameters(), before, strict=True))
    assert projection.size() == projection.w.numel()


def test_each_w_belongs_to_its_picture(styled):
    x = styled.synthesise(styled.mapping(torch.randn(4, 6)), styled.noises()).detach()
    projection = Projection(styled, 4, F.mse_loss)
    start = projection.w.detach().clone()
    projection.loss(x[1:3], torch.tensor([1, 2]))["loss"].backward()
    assert projection.w.grad.abs().amax(1).gt(0).tolist() == [False, True, True, False]
    assert torch.equal(start, styled.centre.expand(4, 10))


def test_no_pictures_are_refused(styled):
    with pytest.raises(ValueError, match="at least one picture"):
        Projection(styled, 0, F.mse_loss)
