import math

import numpy as np
import pytest
from keras import ops
from loss_battery import LossBattery
from reference import ranking_losses

from keras_siamese.losses import RecallAtKSurrogateLoss


def test_golden():
    # Class 0 at 0, 20 and 90 degrees, class 1 at 50: ranks (1, 3), (1, 3), (2, 3), none. With
    # sharp steps, at k = 2 the recalls are 1/2, 1/2 and 1/4 (a rank of k counts one half).
    angles = np.radians([0, 20, 90, 50])
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    loss = RecallAtKSurrogateLoss([2], 0.001, 0.001, reduction="none")
    value = ops.convert_to_numpy(loss(np.array([0, 0, 0, 1]), x))
    assert value == pytest.approx([0.5, 0.5, 0.75, 0.0], abs=1e-9)
    # At k = 1, one place is all there is: 1/2 (rank 1), 1/2, 0. The mean of both:
    loss = RecallAtKSurrogateLoss([2, 1], 0.001, 0.001, reduction="none")
    value = ops.convert_to_numpy(loss(np.array([0, 0, 0, 1]), x))
    assert value == pytest.approx([0.5, 0.5, 0.875, 0.0], abs=1e-9)


def test_recall_is_at_most_one():
    # Nine positives at smooth ranks of 5: at k = 6 each counts sigmoid(0.1), 4.7 in all; with the
    # wide step more than the one place that k = 1 has.
    labels, x = np.zeros(10, "int32"), np.ones((10, 2))
    loss = RecallAtKSurrogateLoss([1], k_temperature=10.0)
    assert 9 / (1 + math.exp(0.4)) > 1
    assert float(loss(labels, x)) == 0.0


@pytest.mark.parametrize("k", [[], 5, None, [0], [1.5], "12"])
def test_k_that_is_none(k):
    with pytest.raises(ValueError, match="`k` must be"):
        RecallAtKSurrogateLoss(k)


def test_temperatures_that_are_none():
    with pytest.raises(ValueError, match="`temperature` must be"):
        RecallAtKSurrogateLoss(temperature=0)
    with pytest.raises(ValueError, match="`k_temperature` must be"):
        RecallAtKSurrogateLoss(k_temperature=-1)


def _sigmoid(x):
    return 1 / (1 + math.exp(-x))


class TestBattery(LossBattery):
    settings = {
        "wide": RecallAtKSurrogateLoss((1, 2, 5), 0.2, 2.0),
        "default": RecallAtKSurrogateLoss(),
    }
    # Three positives at rank 1 + 10 / 2.
    constant_when_collapsed = {
        "default": 1 - sum(3 / min(k, 3) * _sigmoid(k - 6) for k in (1, 2, 4, 8, 16)) / 5,
    }
    scale_invariant = True
    reference = staticmethod(ranking_losses.recall_at_k)
