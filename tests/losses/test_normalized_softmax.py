import math

import numpy as np
import pytest
from keras import ops
from proxy_battery import PROXY_LABELS, ProxyBattery
from reference import proxy_losses

from keras_siamese.losses import NormalizedSoftmaxLoss, ProxyNCALoss


def test_golden():
    loss = NormalizedSoftmaxLoss(3, temperature=0.5, reduction="none")
    loss.build(2)
    loss.proxies.assign([[2.0, 0.0], [0.0, 5.0], [-1.0, 0.0]])
    # Cosines 0.6, 0.8 and -0.6, so logits 1.2, 1.6, -1.2: log(3.3201 + 4.9530 + 0.3012) = 2.1488.
    value = ops.convert_to_numpy(loss([0, 1, 2], [[3.0, 4.0]] * 3))
    assert value == pytest.approx([0.9488, 0.5488, 3.3488], abs=1e-4)


def test_an_embedding_of_zeros():
    loss = NormalizedSoftmaxLoss(5)
    assert ops.convert_to_numpy(loss([3, 4], np.zeros((2, 3)))) == pytest.approx(math.log(5))


def test_equals_proxy_nca_at_twice_the_temperature(rng):
    # The squared distance of unit vectors is 2 - 2 cos.
    labels, x = PROXY_LABELS["ragged"], rng.normal(size=(12, 4))
    ours, other = (
        NormalizedSoftmaxLoss(12, temperature=0.1, seed=1),
        ProxyNCALoss(12, temperature=0.2, seed=1),
    )
    assert float(ours(labels, x)) == pytest.approx(float(other(labels, x)), rel=1e-9)


@pytest.mark.parametrize("temperature", [0, -1.0, None, True])
def test_temperatures_that_are_none(temperature):
    with pytest.raises(ValueError, match="`temperature` must be a finite number above 0"):
        NormalizedSoftmaxLoss(3, temperature=temperature)


class TestBattery(ProxyBattery):
    settings = {
        "default": NormalizedSoftmaxLoss(12, seed=1),
        "warm": NormalizedSoftmaxLoss(
            12, temperature=0.7, seed=2, learning_rate_multiplier=10, name="mine"
        ),
    }

    @staticmethod
    def item_loss(loss, x, label, proxies):
        return proxy_losses.normalized_softmax(x, label, proxies, temperature=loss.temperature)
