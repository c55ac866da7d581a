import numpy as np
import pytest
from loss_harness import differentiate

from keras_siamese.ops.numerics import (
    infinity,
    l2_normalize,
    masked_mean,
    safe_sqrt,
    squared_norm,
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_safe_sqrt(dtype):
    x = np.array([4.0, 0.0, 0.25, -1.0], dtype)
    value, gradient = differentiate(safe_sqrt)(x)
    assert value.dtype == dtype
    assert value.tolist() == [2.0, 0.0, 0.5, 0.0]
    # 1 / (2 sqrt(x)) where x is positive.
    assert gradient.tolist() == [0.25, 0.0, 1.0, 0.0]


def test_nan_is_not_hidden():
    # A masked root or a masked norm would turn it into 0, and a diverged model into a perfect one.
    assert np.isnan(safe_sqrt(np.array([np.nan, 4.0])).numpy()).tolist() == [True, False]
    x = np.array([[np.nan, 1.0], [3.0, 4.0]])
    assert np.isnan(l2_normalize(x).numpy()).tolist() == [[True, True], [False, False]]


def test_squared_norm():
    assert squared_norm(np.array([[3.0, 4.0], [0.0, -2.0]])).numpy().tolist() == [25.0, 4.0]


def test_l2_normalize():
    value, gradient = differentiate(l2_normalize)(np.array([[3.0, 4.0], [0.0, 0.0]]))
    assert value == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0]]))
    # Of the sum over the entries: (1 - (u1 + u2) u_i) / norm = (1 - 1.4 * 0.6) / 5 and so on.
    assert gradient == pytest.approx(np.array([[0.032, -0.024], [0.0, 0.0]]))


def test_masked_mean():
    values = np.array([[1.0, 3.0, np.inf], [5.0, np.nan, np.nan]])
    mask = np.array([[True, True, False], [True, False, False]])
    assert float(masked_mean(values, mask)) == 3.0
    assert masked_mean(values, mask, axis=1).numpy().tolist() == [2.0, 5.0]
    assert float(masked_mean(values, np.zeros((2, 3), bool))) == 0.0


def test_masked_mean_has_no_gradient_outside_of_the_mask():
    mask = np.array([True, False, True])
    _, gradient = differentiate(lambda x: masked_mean(x, mask))(np.array([1.0, np.nan, 2.0]))
    assert gradient.tolist() == [0.5, 0.0, 0.5]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_infinity(dtype):
    result = infinity(np.zeros(1, dtype))
    assert result.dtype == dtype
    assert float(result) == float("inf")
