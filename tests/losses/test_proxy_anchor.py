import math

import numpy as np
import pytest
from keras import ops
from proxy_battery import PROXY_LABELS, ProxyBattery
from reference import proxy_losses

from keras_siamese.losses import ProxyAnchorLoss


def _of_three(**arguments):
    loss = ProxyAnchorLoss(3, margin=0.1, alpha=2.0, **arguments)
    loss.build(2)
    loss.proxies.assign([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    return loss


# Cosines to the three proxies 0.6, 0.8, -0.6 (an item of class 0) and 1, 0, -1 (one of class 1).
# pull(0) = log(1 + exp(-2 (0.6 - 0.1))) = 0.3133, pull(1) = log(1 + exp(-2 (0 - 0.1))) = 0.7981,
# push(0) = log(1 + exp(2 (1 + 0.1))) = 2.3051, push(1) = log(1 + exp(2 (0.8 + 0.1))) = 1.9530,
# push(2) = log(1 + exp(2 (-0.6 + 0.1)) + exp(2 (-1 + 0.1))) = log(1.5332) = 0.4273.
@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        ("mean", (0.3133 + 0.7981) / 2 + (2.3051 + 1.9530 + 0.4273) / 3),
        ("mean_nonzero", (0.3133 + 0.7981) / 2 + (2.3051 + 1.9530 + 0.4273) / 3),
        ("sum", 0.3133 + 0.7981 + 2.3051 + 1.9530 + 0.4273),
    ],
)
def test_golden(reduction, expected):
    result = _of_three(reduction=reduction).on_batch([0, 1], [[3.0, 4.0], [2.0, 0.0]])
    assert float(result.value) == pytest.approx(expected, abs=2e-4)
    # Two proxies with positives and all three with negatives.
    assert int(result.num_tuples) == 5
    assert float(result.active_fraction) == 1


def test_proxies_without_negatives():
    # One item of class 0: nothing pushes proxy 0, yet the mean is over all three.
    # pull(0) = log(1 + exp(-1.8)) = 0.1530; push(1) = log(1 + exp(0.2)) = 0.7981, push(2) =
    # log(1 + exp(-1.8)) = 0.1530.
    value = float(_of_three()([0], [[2.0, 0.0]]))
    assert value == pytest.approx(0.1530 + (0.7981 + 0.1530) / 3, abs=2e-4)
    # Among those above 0 are two.
    value = float(_of_three(reduction="mean_nonzero")([0], [[2.0, 0.0]]))
    assert value == pytest.approx(0.1530 + (0.7981 + 0.1530) / 2, abs=2e-4)


def test_weights_are_numbers_of_items(rng):
    loss = _of_three()
    x = rng.normal(size=(4, 2))
    repeated = float(loss([0, 1, 1, 2, 2, 2], x[[0, 1, 1, 3, 3, 3]]))
    # Class 2 stays present by its other items; an item of weight 0 is as if it was not there.
    weighted = float(loss([0, 1, 2, 2], x, [1, 2, 0, 3]))
    assert weighted == pytest.approx(repeated, rel=1e-9)


def test_a_collapsed_batch_of_zeros():
    # All cosines are 0: pull = log(1 + n exp(alpha m)) of n items, push of all others.
    loss = ProxyAnchorLoss(3, margin=0.1, alpha=2.0)
    each = math.exp(0.2)
    expected = math.log(1 + 2 * each) + (2 * math.log(1 + 4 * each) + math.log(1 + 4 * each)) / 3
    assert float(loss([0, 0, 1, 1, 2, 2], np.zeros((6, 2)))) == pytest.approx(expected)


def test_no_loss_of_each_item():
    with pytest.raises(ValueError, match=r"Unknown `reduction`.*Received: 'none'"):
        ProxyAnchorLoss(3, reduction="none")


def test_weights_of_another_length():
    with pytest.raises(ValueError, match=r"one weight for each embedding. Received: 3 of them"):
        _of_three()([0, 1], [[3.0, 4.0], [2.0, 0.0]], [1, 2, 3])


@pytest.mark.parametrize("argument", ["margin", "alpha"])
def test_arguments_that_are_not_positive(argument):
    with pytest.raises(ValueError, match=f"`{argument}` must be a finite number above 0"):
        ProxyAnchorLoss(3, **{argument: 0})


class TestBattery(ProxyBattery):
    settings = {
        "default": ProxyAnchorLoss(12, seed=1),
        "mild": ProxyAnchorLoss(
            12, margin=0.3, alpha=4.0, reduction="sum", seed=2, learning_rate_multiplier=100
        ),
    }

    def expected(self, loss, labels, x, weights=None):
        return proxy_losses.proxy_anchor(
            np.asarray(x, "float64"),
            labels.tolist(),
            ops.convert_to_numpy(loss.proxies).astype("float64"),
            margin=loss.margin,
            alpha=loss.alpha,
            reduction=loss.reduction,
            weights=np.ones(len(labels)) if weights is None else weights,
        )

    def test_labels_of_present_classes_alone(self, rng):
        loss = self.settings["default"]
        result = loss.on_batch(PROXY_LABELS["p_x_k"], rng.normal(size=(12, 4)))
        assert int(result.num_tuples) == 3 + 12
