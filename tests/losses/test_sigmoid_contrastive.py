import math

import numpy as np
import pytest
from keras import ops
from loss_battery import LossBattery
from loss_harness import MODES, differentiate
from reference import loops, ranking_losses

from keras_siamese.losses import SigmoidContrastiveLoss


def _scale_and_bias(loss):
    log_scale, bias = (
        float(ops.convert_to_numpy(ops.convert_to_tensor(x, "float64")))
        for x in loss.scale_and_bias
    )
    return math.exp(log_scale), bias


def _log1pexp(x):
    return math.log1p(math.exp(x))


def test_golden():
    # Cosines of two views: rows (1, 0.6) and (0, 0.8); at scale 2 and bias -1 the logits are
    # (1, 0.2) and (-1, 0.6), with matches on the diagonal.
    x1, x2 = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [0.6, 0.8]])
    loss = SigmoidContrastiveLoss(0.5, -1.0, trainable_temperature=False, reduction="none")
    expected = [_log1pexp(-1.0) + _log1pexp(0.2), _log1pexp(-1.0) + _log1pexp(-0.6)]
    assert ops.convert_to_numpy(loss.on_views(x1, x2).value) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_views(rng, mode):
    loss = SigmoidContrastiveLoss()
    x1, x2 = (rng.normal(size=(6, 3)).astype("float32") for _ in range(2))
    loss.build(3)
    labels = np.arange(6)

    def expected(x1, x2):
        setting = _scale_and_bias(loss)
        losses = ranking_losses.sigmoid_contrastive(*setting, labels, x1, labels, x2)
        return loops.reduce(losses, "mean", 6)

    value, by_x1, by_x2 = differentiate(lambda x1, x2: loss.on_views(x1, x2).value, mode)(x1, x2)
    assert value == pytest.approx(expected(x1, x2), rel=1e-4)
    differences = loops.finite_differences(lambda x: expected(x, x2), x1)
    assert by_x1 == pytest.approx(differences, abs=1e-4)
    differences = loops.finite_differences(lambda x: expected(x1, x), x2)
    assert by_x2 == pytest.approx(differences, abs=1e-4)


def test_what_is_trained():
    loss = SigmoidContrastiveLoss()
    loss.build(3)
    log_scale, bias = loss.trainable_variables
    assert (math.exp(float(log_scale)), float(bias)) == pytest.approx((10.0, -10.0))
    fixed = SigmoidContrastiveLoss(0.5, 3.0, trainable_temperature=False)
    fixed.build(3)
    assert fixed.trainable_variables == []
    assert _scale_and_bias(fixed) == pytest.approx((2.0, 3.0))


@pytest.mark.parametrize("temperature", [0, -1.0, None, "soft"])
def test_temperatures_that_are_none(temperature):
    with pytest.raises(ValueError, match="`temperature` must be a finite number above 0"):
        SigmoidContrastiveLoss(temperature)


class TestBattery(LossBattery):
    settings = {
        "warm": SigmoidContrastiveLoss(0.5, -1.0),
        "default": SigmoidContrastiveLoss(),
        "fixed": SigmoidContrastiveLoss(0.25, 0.5, trainable_temperature=False),
    }
    constant_when_collapsed = {
        "warm": 3 * _log1pexp(-1.0) + 8 * _log1pexp(1.0),
        "default": 11 * math.log(2),
        "fixed": 3 * _log1pexp(-4.5) + 8 * _log1pexp(4.5),
    }
    active_in = (*LossBattery.active_in, "pairs")
    scale_invariant = True

    @staticmethod
    def reference(loss, *batch):
        return ranking_losses.sigmoid_contrastive(*_scale_and_bias(loss), *batch)
