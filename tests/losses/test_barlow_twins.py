import numpy as np
import pytest
from keras import ops
from loss_harness import differentiate
from reference import view_losses
from view_battery import ViewBattery

from keras_siamese.losses import BarlowTwinsLoss


def _float(value):
    return float(ops.convert_to_numpy(value))


# Columns of mean 0, norm 2, and without correlation.
A, B, C = np.array([[1.0, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]])


def _loss(first, second, **arguments):
    loss = BarlowTwinsLoss(**arguments)
    return _float(loss(np.stack(first, axis=1), np.stack(second, axis=1)))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((A, B, C), (A, B, C), 0.0),
        # The diagonal is -1: 3 * 2^2.
        ((A, B, C), (-A, -B, -C), 12.0),
        # Off the diagonal, all else 0: three of 1 on it, and three 1 off it: 3 + 3 * 0.005.
        ((A, B, C), (C, A, B), 3.015),
        # Nothing in common.
        ((A, A), (B, C), 2.0),
        # Correlation 0.6 of A with 0.6 A + 0.8 B: 0.4^2 + (1 - 1)^2 + 0.005 * (0 + 0).
        ((A, C), (0.6 * A + 0.8 * B, C), 0.16),
        # Of A with B none, and of A with 0.6 A + 0.8 B 0.6: 1 + 0.2^2 + 0.005 * (1 + 0.6^2)... so
        # C = [[0, 0.6], [1, 0.8]].
        ((A, B), (B, 0.6 * A + 0.8 * B), 1 + 0.04 + 0.005 * (1 + 0.36)),
    ],
)
def test_golden(first, second, expected):
    assert _loss(first, second) == pytest.approx(expected, abs=1e-9)


def test_redundancy_weight():
    assert _loss((A, B), (B, A), redundancy_weight=0.25) == pytest.approx(2.5)


def test_constants():
    # Nothing varies, so nothing correlates: 1 for each dimension. No direction is better.
    flat = np.tile(np.float32([0.1, 0.7, -0.3]), (6, 1)) / np.float32(3)
    for x in (flat, flat[:1], 0 * flat):
        value, *gradients = differentiate(lambda x1, x2: BarlowTwinsLoss()(x1, x2))(x, x)
        assert value == 3
        assert not np.any(gradients)


def test_a_far_offset_takes_no_digits(rng):
    # Float32 has steps of 1 / 8 there: whole numbers are exact, their squares are not.
    x1, x2 = (rng.integers(-50, 50, (30, 4)).astype("float32") for _ in range(2))
    value = ops.convert_to_numpy(BarlowTwinsLoss()(x1, x2))
    far = ops.convert_to_numpy(BarlowTwinsLoss()(x1 + 2**20, x2 - 2**20))
    assert far == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("weight", [0, -1.0, None, True])
def test_bad_arguments(weight):
    with pytest.raises(ValueError, match="`redundancy_weight` must be a finite number above 0"):
        BarlowTwinsLoss(weight)


class TestBattery(ViewBattery):
    settings = {"default": BarlowTwinsLoss(), "strong": BarlowTwinsLoss(0.7, distance="euclidean")}

    @staticmethod
    def reference(loss, x1, x2, fixed):
        return view_losses.barlow_twins(x1, x2, loss.redundancy_weight)

    def check_invariances(self, rng, value, x1, x2, expected):
        scales, shifts = rng.uniform(0.01, 100, (2, 4)), rng.normal(size=(2, 4)) * 10
        moved = value(x1 * scales[0] + shifts[0], x2 * scales[1] + shifts[1])
        assert moved == pytest.approx(expected.expected, rel=1e-7)
