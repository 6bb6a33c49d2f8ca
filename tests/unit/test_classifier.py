"""The convolutional classifier: shapes, what it refuses, and how its parts fit together."""

import pytest
import torch

import lecturelib
from lecturelib.data.tensors import Data
from lecturelib.models.classifier import ConvClassifier
from lecturelib.training import fit


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 20), (1, 25, 25), (1, 4, 4)])
def test_pictures_of_many_sizes(shape):
    model = ConvClassifier(shape, classes=7, features=5)
    x = torch.rand(3, *shape)
    assert model(x).shape == (3, 7)
    assert model.features(x).shape == (3, 5)
    assert (model.features(x) >= 0).all()


def test_pictures_that_are_too_small_are_refused():
    with pytest.raises(ValueError, match="3 x 8 are too small: 4 x 4 is the least"):
        ConvClassifier((1, 3, 8))


def test_the_logits_are_linear_in_the_features_once_trained():
    model = ConvClassifier().eval()
    x = torch.rand(4, 1, 8, 8)
    assert torch.equal(model(x), model.head(model.features(x)))


def test_the_loss_is_minus_the_log_probability_of_the_right_class():
    model = ConvClassifier(dropout=0.0).eval()
    x, y = torch.rand(6, 1, 8, 8), torch.arange(6)
    probability = model(x).softmax(1)[torch.arange(6), y]
    assert torch.allclose(model.loss(x, y)["loss"], -probability.log().mean(), atol=1e-6)


def test_prediction_in_chunks_does_not_depend_on_them_and_leaves_the_mode_alone():
    model = ConvClassifier().train()
    x = torch.rand(10, 1, 8, 8)
    assert torch.equal(model.predict(x, chunk=3), model.predict(x))
    assert model.training
    statistics = model.blocks[0][1].running_mean.clone()
    model.predict(x)
    assert torch.equal(statistics, model.blocks[0][1].running_mean)


def test_it_learns_the_real_digits():
    lecturelib.seed(0)
    train, test = lecturelib.load("digits").split(0.8, 0.2, stratify=True)
    model = ConvClassifier(width=12)
    assert model.accuracy(test) < 0.4
    history = fit(model, train, 100, lr=1e-2, progress=False)
    assert set(history.losses) == {"loss", "accuracy"}
    assert model.accuracy(test) > 0.92


def test_accuracy_counts_right_answers():
    model = ConvClassifier()
    x = torch.rand(20, 1, 8, 8)
    answers = model.predict(x)
    half = torch.where(torch.arange(20) < 10, answers, (answers + 1) % 10)
    assert model.accuracy(Data(x, half)) == pytest.approx(0.5)
