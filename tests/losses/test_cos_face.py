import math

import numpy as np
import pytest
from keras import ops
from proxy_battery import PROXY_LABELS, ProxyBattery
from reference import proxy_losses

from keras_siamese.losses import CosFaceLoss, NormalizedSoftmaxLoss


def test_golden():
    loss = CosFaceLoss(3, margin=0.5, scale=2.0, reduction="none")
    loss.build(2)
    loss.proxies.assign([[2.0, 0.0], [0.0, 5.0], [-1.0, 0.0]])
    # Cosines 0.6, 0.8, -0.6; for class 0 the logits are 0.2, 1.6, -1.2:
    # log(1.2214 + 4.9530 + 0.3012) - 0.2 = 1.6680; for class 1 1.2, 0.6, -1.2:
    # log(3.3201 + 1.8221 + 0.3012) - 0.6 = 1.0944.
    value = ops.convert_to_numpy(loss([0, 1], [[3.0, 4.0]] * 2))
    assert value == pytest.approx([1.6680, 1.0944], abs=1e-4)


def test_an_embedding_of_zeros():
    loss = CosFaceLoss(5, margin=0.2, scale=3.0)
    expected = math.log(1 + 4 * math.exp(0.6))
    assert ops.convert_to_numpy(loss([3, 4], np.zeros((2, 3)))) == pytest.approx(expected)


def test_wider_margins_cost_more_and_none_is_the_normalised_softmax(rng):
    labels, x = PROXY_LABELS["ragged"], rng.normal(size=(12, 4))
    values = [
        float(CosFaceLoss(12, margin=margin, scale=10.0, seed=1)(labels, x))
        for margin in (1e-12, 0.2, 0.5)
    ]
    assert values == sorted(values)
    plain = float(NormalizedSoftmaxLoss(12, temperature=1 / 10, seed=1)(labels, x))
    assert values[0] == pytest.approx(plain, rel=1e-9)


@pytest.mark.parametrize("argument", ["margin", "scale"])
def test_arguments_that_are_not_positive(argument):
    with pytest.raises(ValueError, match=f"`{argument}` must be a finite number above 0"):
        CosFaceLoss(3, **{argument: 0})


def test_margin_out_of_reach():
    with pytest.raises(ValueError, match="`margin` is out of reach"):
        CosFaceLoss(3, margin=2.0)


class TestBattery(ProxyBattery):
    settings = {
        "default": CosFaceLoss(12, seed=1),
        "mild": CosFaceLoss(12, margin=0.1, scale=4.0, seed=2, learning_rate_multiplier=3.0),
    }

    @staticmethod
    def item_loss(loss, x, label, proxies):
        return proxy_losses.cos_face(x, label, proxies, margin=loss.margin, scale=loss.scale)
