"""Greedy pretraining equals training layers by hand; a frozen encoder does not move, a fine-tuned one does."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import lecturelib
from lecturelib.data import Data
from lecturelib.models.autoencoder import TiedAutoencoder, dense
from lecturelib.models.regularised import Denoising, Masking
from lecturelib.models.stacked import SoftmaxClassifier, Stack, pretrain
from lecturelib.training import fit


@pytest.fixture(autouse=True)
def seeded():
    lecturelib.seed(0)


@pytest.fixture
def data() -> Data:
    return Data(torch.rand(64, 1, 4, 4).round(), torch.arange(64) % 4)


def layers() -> list[Denoising]:
    lecturelib.seed(1)
    return [Denoising(TiedAutoencoder(a, b), Masking(0.3)) for a, b in ((16, 12), (12, 8), (8, 5))]


def state(module: nn.Module) -> list[torch.Tensor]:
    return [t.detach().clone() for t in module.state_dict().values()]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(s, t) for s, t in zip(a, b, strict=True))


def test_pretraining_is_training_the_layers_by_hand(data):
    together, by_hand = layers(), layers()
    histories = pretrain(together, data, 20, batch_size=16, progress=False)
    lecturelib.seed(1)
    layers()  # uses up the same random numbers
    x = data.x
    for layer in by_hand:
        fit(layer, Data(x), 20, batch_size=16, progress=False)
        x = torch.sigmoid(x.flatten(1) @ layer.autoencoder.W.T + layer.autoencoder.b).detach()
    for a, b in zip(together, by_hand, strict=True):
        for s, t in zip(state(a), state(b), strict=True):
            torch.testing.assert_close(s, t)
    torch.testing.assert_close(Stack(together)(data.x), x)
    assert [len(history["loss"]) for history in histories] == [20, 20, 20]


def test_only_the_layer_at_work_is_trained(data):
    three = layers()
    seen = {}

    class Watching(Denoising):
        def loss(self, x, *_):
            seen.setdefault(len(seen), [state(layer) for layer in three])
            return super().loss(x)

    three[1] = Watching(three[1].autoencoder, Masking(0.3))
    before = [state(layer) for layer in three]
    pretrain(three[:2], data, 5, batch_size=16, progress=False)
    assert not same(before[0], seen[0][0])  # trained before the second began
    assert same(seen[0][0], state(three[0]))  # and not moved by it
    assert same(before[2], state(three[2]))


def test_a_stack_is_its_encoders_one_on_the_other(data):
    a, b = dense((1, 4, 4), 6, (10,)), dense((6,), 3)
    torch.testing.assert_close(Stack([a, b])(data.x), b.encode(a.encode(data.x)))
    with pytest.raises(ValueError, match="at least one layer"):
        Stack([])


def test_layers_that_do_not_fit_are_named(data):
    with pytest.raises(ValueError, match="layer 1 does not take what is below it.*x \\(64, 12\\)"):
        pretrain([TiedAutoencoder(16, 12), TiedAutoencoder(11, 8)], data, 2, progress=False)


def test_the_loss_is_the_cross_entropy_of_a_softmax_layer(data):
    encoder = Stack(layers())
    model = SoftmaxClassifier(encoder, 5, 4)
    torch.testing.assert_close(model.loss(data.x, data.y)["loss"], torch.tensor(4.0).log())  # all alike at first
    nn.init.normal_(model.head.weight)
    logits = encoder(data.x) @ model.head.weight.T + model.head.bias
    parts = model.loss(data.x, data.y)
    torch.testing.assert_close(model(data.x), logits)
    torch.testing.assert_close(parts["loss"], F.cross_entropy(logits, data.y))
    assert model.accuracy(data) == pytest.approx(parts["accuracy"].item())
    assert torch.equal(model.predict(data.x, chunk=7), logits.argmax(1))


@pytest.mark.parametrize("frozen", [False, True])
def test_a_frozen_encoder_does_not_move(data, frozen):
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5))
    original = state(encoder)
    model = SoftmaxClassifier(encoder, 8, 4, frozen=frozen)
    head = state(model.head)
    fit(model, data, 5, batch_size=32, lr=1e-2, progress=False)
    assert not same(head, state(model.head))
    assert same(original, state(model.encoder)) == frozen  # parameters and batch-norm statistics
    assert model.size() == 8 * 4 + 4 + (0 if frozen else 16 * 8 + 8 + 16)


def test_classifiers_start_from_one_encoder_and_do_not_share_it(data):
    encoder = Stack(layers())
    original = state(encoder)
    first, second = (SoftmaxClassifier(encoder, 5, 4, frozen=frozen) for frozen in (False, True))
    fit(first, data, 5, batch_size=32, lr=1e-2, progress=False)
    assert same(original, state(encoder))
    assert same(original, state(second.encoder))
    assert not same(original, state(first.encoder))
    assert all(p.requires_grad for p in encoder.parameters())
