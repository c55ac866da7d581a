import keras
import numpy as np
import pytest
from loss_harness import differentiate
from reference import loops, pair_losses

from keras_siamese.losses import ContrastiveLoss, ZeroMeanRegularizer


def test_golden():
    # 0.1 (|2 - 0.5| + |1 - 1| + |-3 + 1|); the gradient is the sign of each sum.
    x = np.array([[2.0, -0.5], [1.0, -1.0], [-3.0, 1.0]])
    value, gradient = differentiate(ZeroMeanRegularizer(0.1))(x)
    assert value == pytest.approx(0.35)
    assert gradient == pytest.approx(np.array([[0.1, 0.1], [0.0, 0.0], [-0.1, -0.1]]))


def test_in_a_loss(rng):
    labels, x = np.repeat([0, 1], 3), rng.normal(size=(6, 4))
    loss = ContrastiveLoss(embedding_regularizer=ZeroMeanRegularizer(0.5))
    pull = pair_losses.zero_mean(x, 0.5) / 6
    assert float(loss(labels, x) - ContrastiveLoss()(labels, x)) == pytest.approx(pull, rel=1e-5)
    _, gradient = differentiate(lambda x: loss(labels, x))(x)
    _, plain = differentiate(lambda x: ContrastiveLoss()(labels, x))(x)
    expected = loops.finite_differences(lambda x: pair_losses.zero_mean(x, 0.5) / 6, x)
    assert gradient - plain == pytest.approx(expected, abs=1e-6)


def test_round_trip():
    config = keras.regularizers.serialize(ZeroMeanRegularizer(0.25))
    restored = keras.regularizers.deserialize(config)
    assert isinstance(restored, ZeroMeanRegularizer)
    assert restored.factor == 0.25


@pytest.mark.parametrize("factor", [0, -1.0, None, float("nan")])
def test_bad_factor(factor):
    with pytest.raises(ValueError, match="`factor` must be a finite number above 0"):
        ZeroMeanRegularizer(factor)
