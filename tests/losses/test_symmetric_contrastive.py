import math

import keras
import numpy as np
import pytest
from keras import ops
from loss_battery import LossBattery
from loss_harness import MODES, differentiate
from reference import loops, ranking_losses

from keras_siamese.losses import SymmetricContrastiveLoss


def _scale(loss):
    return math.exp(float(ops.convert_to_numpy(ops.convert_to_tensor(loss.log_scale, "float64"))))


# Cosines of two views: rows (1, 0.6) and (0, 0.8).
X1 = np.array([[1.0, 0.0], [0.0, 1.0]])
X2 = np.array([[1.0, 0.0], [0.6, 0.8]])


def test_golden():
    # At scale 1: rows log(1 + e^-0.4) and log(1 + e^-0.8), columns log(1 + e^-1), log(1 + e^-0.2).
    loss = SymmetricContrastiveLoss(1.0, trainable_temperature=False, reduction="none")
    expected = [
        (math.log1p(math.exp(-0.4)) + math.log1p(math.exp(-1.0))) / 2,
        (math.log1p(math.exp(-0.8)) + math.log1p(math.exp(-0.2))) / 2,
    ]
    assert ops.convert_to_numpy(loss.on_views(X1, X2).value) == pytest.approx(expected, rel=1e-9)


def test_several_positives():
    # One anchor, cosines 1 and 0.6 to two candidates that match: from the anchor, half of each of
    # log(1 + e^-0.4) and log(1 + e^0.4); the candidates have one anchor to choose: 0.
    loss = SymmetricContrastiveLoss(1.0, trainable_temperature=False)
    result = loss.on_batch([0], X1[:1], candidate_labels=[0, 0], candidates=X2)
    expected = (math.log1p(math.exp(-0.4)) + math.log1p(math.exp(0.4))) / 4
    assert float(result.value) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_views(rng, mode):
    loss = SymmetricContrastiveLoss()
    x1, x2 = (rng.normal(size=(6, 3)).astype("float32") for _ in range(2))
    loss.build(3)
    labels = np.arange(6)

    def expected(x1, x2):
        losses = ranking_losses.symmetric_contrastive(_scale(loss), labels, x1, labels, x2)
        return loops.reduce(losses, "mean", 6)

    value, by_x1, by_x2 = differentiate(lambda x1, x2: loss.on_views(x1, x2).value, mode)(x1, x2)
    assert value == pytest.approx(expected(x1, x2), rel=1e-4)
    differences = loops.finite_differences(lambda x: expected(x, x2), x1)
    assert by_x1 == pytest.approx(differences, abs=1e-4)
    differences = loops.finite_differences(lambda x: expected(x1, x), x2)
    assert by_x2 == pytest.approx(differences, abs=1e-4)


def test_both_sides_are_alike(rng):
    x1, x2 = rng.normal(size=(2, 6, 3))
    loss = SymmetricContrastiveLoss()
    value = float(loss.on_views(x1, x2).value)
    assert float(loss.on_views(x2, x1).value) == pytest.approx(value, rel=1e-9)


def test_the_temperature_is_trained_up_to_an_end():
    loss = SymmetricContrastiveLoss()
    loss.build(3)
    (log_scale,) = loss.trainable_variables
    assert math.exp(float(log_scale)) == pytest.approx(1 / 0.07)
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.apply([ops.convert_to_tensor(-50.0)], [log_scale])
    assert math.exp(float(log_scale)) == pytest.approx(100.0)
    optimizer.apply([ops.convert_to_tensor(1.0)], [log_scale])
    assert math.exp(float(log_scale)) == pytest.approx(100 / math.e)


def test_a_fixed_temperature_is_no_weight():
    loss = SymmetricContrastiveLoss(0.5, trainable_temperature=False)
    loss.build(3)
    assert loss.trainable_variables == []
    assert _scale(loss) == pytest.approx(2.0)


@pytest.mark.parametrize("temperature", [0, -1.0, None, "soft", 0.009])
def test_temperatures_that_are_none(temperature):
    with pytest.raises(ValueError, match="`temperature` must be"):
        SymmetricContrastiveLoss(temperature)


class TestBattery(LossBattery):
    settings = {
        "warm": SymmetricContrastiveLoss(0.5),
        "default": SymmetricContrastiveLoss(),
        "fixed": SymmetricContrastiveLoss(0.2, trainable_temperature=False),
    }
    constant_when_collapsed = dict.fromkeys(settings, math.log(11))
    scale_invariant = True

    @staticmethod
    def reference(loss, *batch):
        return ranking_losses.symmetric_contrastive(_scale(loss), *batch)
