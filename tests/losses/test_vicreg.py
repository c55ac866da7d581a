import numpy as np
import pytest
from keras import ops
from loss_harness import differentiate
from reference import view_losses
from view_battery import ViewBattery

from keras_siamese.losses import VICRegLoss


def _float(value):
    return float(ops.convert_to_numpy(value))


def test_golden():
    # Four items, two dimensions. First view: columns (2, -2, 2, -2) and (2, -2, -2, 2): variances
    # 16 / 3, covariance 0: neither variance nor covariance costs. Second view: columns (1, -1, 1,
    # -1) / 2 and the same: variances 1 / 3, covariance 1 / 3.
    x1 = np.array([[2.0, 2], [-2, -2], [2, -2], [-2, 2]])
    x2 = np.array([[0.5, 0.5], [-0.5, -0.5], [0.5, 0.5], [-0.5, -0.5]])
    # Differences 1.5 (six times) and 2.5 (twice): (6 * 2.25 + 2 * 6.25) / 8 = 3.25.
    invariance = 3.25
    # Of the second view: 1 - sqrt(1 / 3 + 0.01), and (1 / 9 + 1 / 9) / 2.
    variance, covariance = 1 - (1 / 3 + 0.01) ** 0.5, 1 / 9
    loss = VICRegLoss(2.0, 3.0, 5.0, epsilon=0.01)
    expected = 2 * invariance + 3 * variance + 5 * covariance
    assert _float(loss(x1, x2)) == pytest.approx(expected, rel=1e-9)


def test_constants():
    # Both views cost 25 * (1 - sqrt(0.0001)), and no direction is better.
    flat = np.tile(np.float32([0.1, 0.7, -0.3]), (6, 1)) / np.float32(3)
    for x in (flat, flat[:1], 0 * flat):
        value, *gradients = differentiate(lambda x1, x2: VICRegLoss()(x1, x2))(x, x)
        assert value == pytest.approx(49.5, rel=1e-6)
        assert not np.any(gradients)
    # One item, views 0.2 apart in one of three dimensions.
    value = _float(VICRegLoss()(flat[:1], flat[:1] + np.float32([0, 0.2, 0])))
    assert value == pytest.approx(49.5 + 25 * 0.04 / 3, rel=1e-5)


def test_nothing_is_left_to_cost():
    x = 2 * np.array([[1.0, 1], [-1, -1], [1, -1], [-1, 1]])
    assert _float(VICRegLoss()(x, x)) == 0


def test_unit_norm_is_refused():
    VICRegLoss().check_margin(unit_norm=False)
    with pytest.raises(ValueError, match=r"standard deviation of 1.*normalize=False"):
        VICRegLoss().check_margin(unit_norm=True)


@pytest.mark.parametrize(
    "name", ["invariance_weight", "variance_weight", "covariance_weight", "epsilon"]
)
@pytest.mark.parametrize("value", [0, -1.0, None])
def test_bad_arguments(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be a finite number above 0"):
        VICRegLoss(**{name: value})


class TestBattery(ViewBattery):
    settings = {"default": VICRegLoss(), "other": VICRegLoss(1.0, 2.0, 3.0, epsilon=0.3)}

    @staticmethod
    def reference(loss, x1, x2, fixed):
        return view_losses.vicreg(
            x1,
            x2,
            loss.invariance_weight,
            loss.variance_weight,
            loss.covariance_weight,
            loss.epsilon,
        )

    def check_invariances(self, rng, value, x1, x2, expected):
        shift, order = rng.normal(size=4) * 10, rng.permutation(4)
        assert value(x1 + shift, x2 + shift) == expected
        assert value(-x1[:, order], -x2[:, order]) == expected
