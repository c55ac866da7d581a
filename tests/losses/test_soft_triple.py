import math

import keras
import numpy as np
import pytest
from keras import ops
from loss_harness import differentiate
from proxy_battery import PROXY_LABELS, ProxyBattery
from reference import proxy_losses

from keras_siamese.losses import CosFaceLoss, SoftTripleLoss


def test_golden():
    # Centers of class 0 at x and y, of class 1 both at -x; gamma 1, scale 2, margin 0.1.
    # At x: cosines 1, 0 with shares e / (e + 1) = 0.7311 and 0.2689, S_0 = 0.7311; S_1 = -1.
    # Logits 2 (0.7311 - 0.1) = 1.2621 and -2: log(1 + exp(-3.2621)) = 0.0376.
    # R = (sqrt(2) + 0) / (2 * 2 * 1) = 0.3536, times 0.5.
    loss = SoftTripleLoss(2, centers_per_class=2, scale=2.0, gamma=1.0, margin=0.1, tau=0.5)
    loss.build(2)
    loss.proxies.assign([[1.0, 0.0], [-1.0, 0.0], [0.0, 3.0], [-4.0, 0.0]])
    assert float(loss([0], [[5.0, 0.0]])) == pytest.approx(0.0376 + 0.1768, abs=1e-4)
    loss.tau = None
    assert float(loss([0], [[5.0, 0.0]])) == pytest.approx(0.0376, abs=1e-4)


def test_equal_centers_are_cos_face(rng):
    labels, x = PROXY_LABELS["ragged"], rng.normal(size=(12, 4))
    ours = SoftTripleLoss(12, centers_per_class=3, scale=7.0, margin=0.2)
    plain = CosFaceLoss(12, margin=0.2, scale=7.0)
    for loss in (ours, plain):
        loss.build(4)
    ours.proxies.assign(np.tile(ops.convert_to_numpy(plain.proxies), (3, 1)))
    assert float(ours(labels, x)) == pytest.approx(float(plain(labels, x)), rel=1e-9)


def test_an_embedding_of_zeros():
    loss = SoftTripleLoss(5, centers_per_class=3, scale=3.0, margin=0.2, tau=None)
    expected = math.log(1 + 4 * math.exp(0.6))
    assert ops.convert_to_numpy(loss([3, 4], np.zeros((2, 3)))) == pytest.approx(expected)


def test_the_gradient_at_equal_centers_is_finite():
    loss = SoftTripleLoss(3, centers_per_class=4)
    loss.build(4)
    equal = np.tile(ops.convert_to_numpy(loss.proxies)[:3], (4, 1)).astype("float32")

    def spread(proxies):
        with keras.StatelessScope(state_mapping=[(loss.proxies, proxies)]):
            return loss([0, 1, 2], np.eye(3, 4, dtype="float32"))

    value, gradient = differentiate(spread)(equal)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_one_center():
    with pytest.raises(ValueError, match=r"at least 2. Received: 1. With one it is `CosFaceLoss`"):
        SoftTripleLoss(3, centers_per_class=1)


@pytest.mark.parametrize("argument", ["margin", "scale", "gamma", "tau"])
def test_arguments_that_are_not_positive(argument):
    with pytest.raises(ValueError, match=f"`{argument}` must be a finite number above 0"):
        SoftTripleLoss(3, **{argument: 0})


class TestBattery(ProxyBattery):
    settings = {
        "default": SoftTripleLoss(12, seed=1),
        "bare": SoftTripleLoss(
            12, centers_per_class=3, scale=5.0, gamma=0.5, margin=0.3, tau=None, seed=2
        ),
    }

    @staticmethod
    def item_loss(loss, x, label, proxies):
        return proxy_losses.soft_triple(
            x,
            label,
            proxies,
            num_classes=12,
            scale=loss.scale,
            gamma=loss.gamma,
            margin=loss.margin,
            tau=loss.tau,
        )
