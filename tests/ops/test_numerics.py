import numpy as np
import pytest
from keras import ops
from loss_harness import differentiate, evaluate, tensor

from keras_siamese.ops.numerics import (
    centred,
    count_true,
    infinity,
    l2_normalize,
    masked_logsumexp,
    masked_mean,
    nan_unless_finite,
    safe_abs,
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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_safe_abs(dtype):
    value, gradient = differentiate(safe_abs)(np.array([4.0, 0.0, -0.5], dtype))
    assert value.dtype == dtype
    assert value.tolist() == [4.0, 0.0, 0.5]
    assert gradient.tolist() == [1.0, 0.0, -1.0]
    assert np.isnan(evaluate(safe_abs, np.array([np.nan], dtype))).all()


def test_nan_is_not_hidden():
    # A masked root or a masked norm would turn it into 0, and a diverged model into a perfect one.
    assert np.isnan(evaluate(safe_sqrt, np.array([np.nan, 4.0]))).tolist() == [True, False]
    x = np.array([[np.nan, 1.0], [3.0, 4.0]])
    assert np.isnan(evaluate(l2_normalize, x)).tolist() == [[True, True], [False, False]]


def test_squared_norm():
    assert evaluate(squared_norm, np.array([[3.0, 4.0], [0.0, -2.0]])).tolist() == [25.0, 4.0]


def test_l2_normalize():
    value, gradient = differentiate(l2_normalize)(np.array([[3.0, 4.0], [0.0, 0.0]]))
    assert value == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0]]))
    # Of the sum over the entries: (1 - (u1 + u2) u_i) / norm = (1 - 1.4 * 0.6) / 5 and so on.
    assert gradient == pytest.approx(np.array([[0.032, -0.024], [0.0, 0.0]]))


def test_masked_mean():
    values = np.array([[1.0, 3.0, np.inf], [5.0, np.nan, np.nan]])
    mask = np.array([[True, True, False], [True, False, False]])
    assert float(masked_mean(values, mask)) == 3.0
    assert ops.convert_to_numpy(masked_mean(values, mask, axis=1)).tolist() == [2.0, 5.0]
    assert float(masked_mean(values, np.zeros((2, 3), bool))) == 0.0


def test_masked_mean_has_no_gradient_outside_of_the_mask():
    mask = np.array([True, False, True])
    _, gradient = differentiate(lambda x: masked_mean(x, mask))(np.array([1.0, np.nan, 2.0]))
    assert gradient.tolist() == [0.5, 0.0, 0.5]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_masked_logsumexp(dtype):
    # log(e^0 + e^(log 3)) = log 4; values of +-800 neither overflow nor vanish.
    values = np.array([[0.0, np.log(3.0), 900.0], [-800.0, -800.0, 1.0], [5.0, 6.0, 7.0]], dtype)
    mask = np.array([[True, True, False], [True, True, False], [False, False, False]])
    expected = [np.log(4.0), np.log(2.0) - 800]
    value, gradient = differentiate(lambda x: masked_logsumexp(x, mask, axis=1))(values)
    assert value.dtype == dtype
    assert value[:2] == pytest.approx(expected, rel=1e-6)
    assert value[2] == pytest.approx(-1e30, rel=1e-6)
    softmax = np.array([[0.25, 0.75, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 0.0]])
    assert gradient == pytest.approx(softmax, rel=1e-6)
    columns = masked_logsumexp(values.T, mask.T, axis=0, keepdims=True)
    assert columns.shape == (1, 3)
    assert ops.convert_to_numpy(columns)[0] == pytest.approx(value, rel=1e-6)


def test_count_true():
    result = evaluate(count_true, np.array([[True, False], [True, True]]))
    assert result.dtype == "int32"
    assert result.tolist() == 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_infinity(dtype):
    result = evaluate(infinity, np.zeros(1, dtype))
    assert result.dtype == dtype
    assert float(result) == float("inf")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_centred(dtype):
    # Columns: any, a constant one whose mean float32 rounds, and a far one.
    x = np.array([[1.0, 0.1, 3e6], [4.0, 0.1, 3e6 + 1], [1.0, 0.1, 3e6 + 5]], dtype)
    value = evaluate(centred, x)
    assert value.dtype == dtype
    assert value == pytest.approx(np.array([[-1, 0, -2], [2, 0, -1], [-1, 0, 3]]), abs=1e-6)
    assert (value[:, 1] == 0).all()
    factors = np.array([[1.0, 0, 0], [5.0, 0, 0], [0, 0, 3.0]], dtype)
    # Of their sum times the factors: the factors less their mean.
    _, gradient = differentiate(lambda x: ops.sum(centred(x) * tensor(factors)))(x)
    assert gradient == pytest.approx(factors - factors.mean(axis=0), abs=1e-6)


def test_nan_unless_finite():
    x = np.ones((2, 3), "float32")
    assert float(nan_unless_finite(2.5, [x, x])) == 2.5
    for bad in (np.nan, np.inf, -np.inf, 1e25):
        y = np.where(np.arange(3) == 1, np.float32(bad), x)
        for tensors in ([y], [x, y]):
            assert np.isnan(float(nan_unless_finite(2.5, tensors)))
