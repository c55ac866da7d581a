import math

import numpy as np
import pytest
from keras import ops
from loss_battery import LossBattery
from reference import softmax_losses

from keras_siamese.losses import SupConLoss


def test_golden():
    # Unit vectors, temperature 0.5. The first item's pairs: cosines 0.6 and -1 to positives, 0 to
    # the negative; so logits 1.2, -2 and 0, with the positives' mean -0.4.
    points = np.array([[1.0, 0.0], [0.6, 0.8], [-1.0, 0.0], [0.0, 1.0]])
    values = SupConLoss(temperature=0.5, reduction="none")([0, 0, 0, 1], points)
    values = ops.convert_to_numpy(values)
    expected = math.log(math.exp(1.2) + math.exp(-2) + 1) + 0.4
    assert values[0] == pytest.approx(expected)
    assert values[3] == 0.0


def test_compact_classes_far_apart_give_the_number_of_positives():
    # Two classes of three at opposite ends: log(2 e^(1/t) + 3 e^(-1/t)) - 1/t, about log 2.
    points = np.repeat([[1.0, 0.0], [-1.0, 0.0]], 3, axis=0)
    value = SupConLoss(temperature=0.05)([0, 0, 0, 1, 1, 1], points)
    assert float(value) == pytest.approx(math.log(2))


def test_means_over_the_anchors_that_have_both(rng):
    labels, x = np.array([0, 0, 0, 1, 2]), rng.normal(size=(5, 3))
    result = SupConLoss().on_batch(labels, x)
    assert int(result.num_tuples) == 3
    result = SupConLoss().on_batch(np.zeros(5, int), x)
    assert int(result.num_tuples) == 0
    assert float(result.value) == 0.0


def test_bad_temperature():
    with pytest.raises(ValueError, match="`temperature` must be a finite number above 0"):
        SupConLoss(temperature=0.0)


class TestBattery(LossBattery):
    scale_invariant = True
    settings = {
        "default": SupConLoss(),
        "warm": SupConLoss(temperature=0.5, reduction="sum"),
    }
    # 11 pairs an anchor, 12 anchors.
    constant_when_collapsed = {"default": math.log(11), "warm": 12 * math.log(11)}

    @staticmethod
    def reference(loss, labels, x, candidate_labels=None, candidates=None):
        return softmax_losses.sup_con(
            loss.distance.name,
            labels,
            x,
            candidate_labels,
            candidates,
            temperature=loss.temperature,
        )


class TestOfDistances(TestBattery):
    modes = ("eager",)
    scale_invariant = False
    settings = {"euclidean": SupConLoss(temperature=0.3, distance="euclidean")}
    constant_when_collapsed = {"euclidean": math.log(11)}
