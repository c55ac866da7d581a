import math

import numpy as np
import pytest
from keras import ops
from loss_battery import LossBattery
from loss_harness import LABELS
from reference import softmax_losses

from keras_siamese.losses import NCALoss, NTXentLoss, SupConLoss


def test_golden():
    # Squared distances from 0: 1 and 4 to positives, 9 to the negative.
    values = NCALoss(temperature=2.0, reduction="none")([0, 0, 0, 1], [[0.0], [1.0], [2.0], [3.0]])
    near = math.exp(-1 / 2) + math.exp(-4 / 2)
    assert ops.convert_to_numpy(values)[0] == pytest.approx(
        -math.log(near / (near + math.exp(-9 / 2)))
    )
    assert ops.convert_to_numpy(values)[3] == 0.0


@pytest.mark.parametrize("scale", [0.5, 4.0])
def test_three_losses_are_one_for_two_unit_vectors_a_class(rng, scale):
    # -scale |x - y|^2 = 2 scale cos - 2 scale: logits of temperature 1 / (2 scale).
    labels, x = LABELS["pairs"], rng.normal(size=(12, 4))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    value = float(NCALoss(temperature=1 / scale)(labels, x))
    for other in (NTXentLoss, SupConLoss):
        assert float(other(temperature=1 / (2 * scale))(labels, x)) == pytest.approx(value)


def test_improbable_neighbours_count_fully():
    # Positives 1,000 farther than the negatives, in squares: the probability underflows, the loss
    # does not.
    points = np.array([[0.0], [32.0], [0.0]], "float32")
    values = NCALoss(reduction="none")([0, 0, 1], points)
    assert ops.convert_to_numpy(values)[0] == pytest.approx(1024)


def test_bad_temperature():
    with pytest.raises(ValueError, match="`temperature` must be a finite number above 0"):
        NCALoss(temperature=-1.0)


class TestBattery(LossBattery):
    settings = {
        "default": NCALoss(),
        "cold": NCALoss(temperature=0.2, distance="cosine", reduction="sum"),
        "euclidean": NCALoss(temperature=3.0, distance="euclidean"),
    }
    # 3 positives of 11 pairs, 12 anchors.
    constant_when_collapsed = {
        "default": math.log(11 / 3),
        "cold": 12 * math.log(11 / 3),
        "euclidean": math.log(11 / 3),
    }

    @staticmethod
    def reference(loss, labels, x, candidate_labels=None, candidates=None):
        return softmax_losses.nca(
            loss.distance.name,
            labels,
            x,
            candidate_labels,
            candidates,
            temperature=loss.temperature,
        )
