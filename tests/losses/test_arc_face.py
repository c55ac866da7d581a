import math

import numpy as np
import pytest
from keras import ops
from loss_harness import MODES, differentiate
from proxy_battery import ProxyBattery
from reference import proxy_losses

from keras_siamese.losses import ArcFaceLoss, CosFaceLoss


def _at(degrees):
    return [math.cos(math.radians(degrees)), math.sin(math.radians(degrees))]


def _of_two(**arguments):
    """A loss whose proxies are at 0 and 90 degrees."""
    loss = ArcFaceLoss(2, **arguments)
    loss.build(2)
    loss.proxies.assign([[1.0, 0.0], [0.0, 1.0]])
    return loss


def test_golden():
    loss = _of_two(margin=math.pi / 6, scale=2.0, reduction="none")
    # At 30 degrees, own: 2 cos 60 = 1 and 2 cos 60 = 1: log 2.
    # At 0 degrees, own: 2 cos 30 = 1.7321 and 0: log(1 + exp(-1.7321)) = 0.1630.
    # At 170 degrees beyond 150: 2 (cos 170 - pi / 6 * 0.5) = -2.4932 and 2 cos 80 = 0.3473:
    # log(1 + exp(2.8405)) = 2.8972.
    value = ops.convert_to_numpy(loss([0, 0, 0], [_at(30), _at(0), _at(170)]))
    assert value == pytest.approx([math.log(2), 0.1630, 2.8972], abs=1e-4)


def test_the_own_logit_falls_with_the_angle():
    # Its negative grows with the loss, the other proxy being opposite in sign and far below.
    loss = ArcFaceLoss(2, margin=0.5, scale=4.0, reduction="none")
    loss.build(3)
    loss.proxies.assign([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    x = [[*_at(degrees), 0.0] for degrees in range(0, 181, 3)]
    values = ops.convert_to_numpy(loss(np.zeros(len(x), int), x))
    assert (np.diff(values) > 0).all()


@pytest.mark.parametrize("mode", MODES)
def test_cosines_of_one_and_minus_one(mode):
    loss = _of_two()
    run = differentiate(lambda labels, x: loss(labels, x), mode)
    for degrees in (0, 180, 1e-6, 180 - 1e-6, 1e-2, 180 - 1e-2):
        value, gradient = run(np.array([0, 0]), np.array([_at(degrees), _at(45)], "float32"))
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
        # The true one is bounded by the scale, over the batch size.
        assert np.abs(gradient).max() < 64 * 2


def test_zero_at_the_pole():
    loss = _of_two(margin=0.5, scale=8.0)
    _, gradient = differentiate(lambda labels, x: loss(labels, x))(
        np.array([0]), np.array([[2.0, 0.0]])
    )
    assert gradient[0, 0] == 0


def test_an_embedding_of_zeros():
    loss = ArcFaceLoss(5, margin=0.2, scale=3.0)
    expected = math.log(1 + 4 * math.exp(3 * math.sin(0.2)))
    assert ops.convert_to_numpy(loss([3, 4], np.zeros((2, 3)))) == pytest.approx(expected)


def test_margin_in_degrees():
    with pytest.raises(ValueError, match=r"radians.*Received: margin=28.6.*28.6 degrees"):
        ArcFaceLoss(3, margin=28.6)


@pytest.mark.parametrize("argument", ["margin", "scale"])
def test_arguments_that_are_not_positive(argument):
    with pytest.raises(ValueError, match=f"`{argument}` must be a finite number above 0"):
        ArcFaceLoss(3, **{argument: -0.5})


def test_without_a_margin_it_is_cos_face_without_one(rng):
    labels, x = rng.integers(0, 6, 12), rng.normal(size=(12, 4))
    arc, cos = (kind(6, margin=1e-12, scale=10.0, seed=1) for kind in (ArcFaceLoss, CosFaceLoss))
    assert float(arc(labels, x)) == pytest.approx(float(cos(labels, x)), rel=1e-9)


class TestBattery(ProxyBattery):
    settings = {
        "default": ArcFaceLoss(12, seed=1),
        "mild": ArcFaceLoss(12, margin=0.3, scale=4.0, seed=2),
        "wide": ArcFaceLoss(12, margin=1.5, scale=4.0, seed=3),
    }

    @staticmethod
    def item_loss(loss, x, label, proxies):
        return proxy_losses.arc_face(x, label, proxies, margin=loss.margin, scale=loss.scale)
