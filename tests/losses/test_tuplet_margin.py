import math

import numpy as np
import pytest
from keras import ops
from loss_battery import LossBattery
from loss_harness import MODES, differentiate
from reference import softmax_losses

from keras_siamese.losses import TupletMarginLoss


def _at(*degrees):
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_golden():
    # The positive at 60 degrees less 30 of slack; the negative at 90 and at 150.
    values = TupletMarginLoss(scale=2.0, beta=30.0, reduction="none")([0, 0, 1], _at(0, 60, -90))
    slack = math.cos(math.radians(30))
    expected = [
        math.log(1 + math.exp(2 * (0 - slack))),
        math.log(1 + math.exp(2 * (-slack - slack))),
        0.0,
    ]
    assert ops.convert_to_numpy(values) == pytest.approx(expected)


def test_least_where_the_positive_is_at_the_slack():
    def value(angle):
        # The negative is at a right angle to both.
        in_plane = np.pad(_at(0, angle), [[0, 0], [0, 1]])
        points = np.concatenate([in_plane, [[0.0, 0.0, 1.0]]])
        return float(TupletMarginLoss(scale=4.0, beta=20.0)([0, 0, 1], points))

    assert value(20) < min(value(19), value(21), value(0), value(60))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cosines_of_1_and_minus_1_stay_finite(mode, dtype):
    # Equal, opposite and right-angled vectors, of a length whose square is rounded.
    points = (0.7 * np.concatenate([_at(0, 0, 180), _at(0, 180, 90)])).astype(dtype)
    loss = TupletMarginLoss()
    run = differentiate(lambda labels, x: loss(labels, x), mode)
    value, gradient = run(np.array([0, 0, 0, 1, 1, 1]), points)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    # The worst: a positive at 180 degrees and a negative at 0.
    assert value < 64 * (1 - math.cos(math.radians(180 - 5.73))) + math.log(4)


@pytest.mark.parametrize("beta", [0, -1.0, 90, None])
def test_bad_slack(beta):
    with pytest.raises(ValueError, match="`beta` must be a finite number above 0 and below 90"):
        TupletMarginLoss(beta=beta)


def test_bad_scale():
    with pytest.raises(ValueError, match="`scale` must be a finite number above 0"):
        TupletMarginLoss(scale=0.0)


class TestBattery(LossBattery):
    scale_invariant = True
    settings = {
        "default": TupletMarginLoss(),
        "soft": TupletMarginLoss(scale=8.0, beta=25.0, reduction="sum"),
    }
    constant_when_collapsed = {
        "default": math.log(1 + 8 * math.exp(64 * (1 - math.cos(math.radians(5.73))))),
        "soft": 36 * math.log(1 + 8 * math.exp(8 * (1 - math.cos(math.radians(25))))),
    }

    @staticmethod
    def reference(loss, labels, x, candidate_labels=None, candidates=None):
        return softmax_losses.tuplet_margin(
            labels, x, candidate_labels, candidates, scale=loss.scale, beta=loss.beta
        )
