import math

import keras
import numpy as np
import pytest
from keras import ops
from loss_battery import LossBattery
from loss_harness import LABELS
from reference import softmax_losses

from keras_siamese.losses import NPairsLoss, NTXentLoss


def test_golden():
    # Products with the positive 2, with the negative 0 and 1.
    points = np.array([[1.0, 0.0], [2.0, 1.0], [0.0, 1.0]])
    values = NPairsLoss(reduction="none")([0, 0, 1], points)
    expected = [math.log(1 + math.exp(-2)), math.log(1 + math.exp(-1)), 0.0]
    assert ops.convert_to_numpy(values) == pytest.approx(expected)


def test_anchors_and_positives_in_two_sets_give_the_loss_of_the_paper(rng):
    anchors, positives = rng.normal(size=(2, 6, 3))
    ids = np.arange(6)
    result = NPairsLoss(reduction="none").on_batch(
        ids, anchors, candidate_labels=ids, candidates=positives
    )
    expected = softmax_losses.n_pairs_of_paper(list(zip(anchors, positives, strict=True)))
    assert ops.convert_to_numpy(result.value) == pytest.approx(expected)


def test_it_is_nt_xent_without_a_temperature(rng):
    x = rng.normal(size=(12, 3))
    value = NTXentLoss(temperature=1.0, distance="inner_product")(LABELS["ragged"], x)
    assert float(NPairsLoss()(LABELS["ragged"], x)) == pytest.approx(float(value))


def test_regularizer_adds_the_mean_squared_norm(rng):
    x = rng.normal(size=(12, 3))
    loss = NPairsLoss(embedding_regularizer=keras.regularizers.L2(0.002))
    expected = float(NPairsLoss()(LABELS["ragged"], x)) + 0.002 * np.square(x).sum(axis=1).mean()
    assert float(loss(LABELS["ragged"], x)) == pytest.approx(expected)


def test_unknown_distance():
    with pytest.raises(ValueError, match=r"Unknown `distance`.*Did you mean 'inner_product'"):
        NPairsLoss(distance="inner_produkt")


class TestBattery(LossBattery):
    settings = {
        "default": NPairsLoss(),
        "cosine": NPairsLoss(distance="cosine", reduction="sum"),
    }
    constant_when_collapsed = {"default": math.log(9), "cosine": 36 * math.log(9)}

    @staticmethod
    def reference(loss, labels, x, candidate_labels=None, candidates=None):
        return softmax_losses.nt_xent(
            loss.distance.name, labels, x, candidate_labels, candidates, temperature=1.0
        )
