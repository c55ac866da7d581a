"""L2Normalization: values, gradients and dtype, whatever the policy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.encoders import L2Normalization


@pytest.mark.parametrize("shape", [(5, 3), (4, 2, 3), (1, 1)])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float16", 1e-6)])
def test_rows_are_divided_by_their_norm(rng, shape, dtype, tolerance):
    x = rng.normal(size=shape).astype(dtype)
    wanted = x.astype("float64")
    wanted /= np.sqrt((wanted**2).sum(axis=-1, keepdims=True))
    np.testing.assert_allclose(L2Normalization()(x), wanted, atol=tolerance)


def test_example_of_the_docstring():
    y = L2Normalization()(np.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(y, [[0.6, 0.8], [0.0, 0.0]], atol=1e-7)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16", "float16"])
def test_float32_under_any_policy(policy, dtype_policy):
    dtype_policy(policy)
    layer = L2Normalization()
    # 300 squared is more than float16 holds.
    x = tf.constant([[300.0, 400.0], [60000.0, 0.0]], tf.float16)
    y = layer(x)
    assert y.dtype == tf.float32
    assert layer(keras.KerasTensor((None, 2), dtype="float16")).dtype == "float32"
    np.testing.assert_allclose(y, [[0.6, 0.8], [1.0, 0.0]], atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_gradient_is_tangent_and_zero_at_a_zero_row(jit_compile):
    layer = L2Normalization()
    direction = tf.constant([[1.0, 2.0], [3.0, 4.0], [1.0, 1.0]])

    @tf.function(jit_compile=jit_compile)
    def value_and_gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = tf.reduce_sum(layer(x) * direction)
        return value, tape.gradient(value, x)

    value, gradient = value_and_gradient(tf.constant([[3.0, 4.0], [0.0, 0.0], [0.0, 2.0]]))
    # (1 * 3 + 2 * 4) / 5 = 2.2; a zero row gives 0; (1 * 0 + 1 * 2) / 2 = 1.
    np.testing.assert_allclose(value, 3.2, rtol=1e-6)
    # (v - (v . y) y) / |x|: y = (.6, .8), v . y = 2.2, (1 - 1.32, 2 - 1.76) / 5 = (-.064, .048).
    np.testing.assert_allclose(gradient, [[-0.064, 0.048], [0, 0], [0.5, 0]], atol=1e-6)


def test_other_dtypes_are_refused():
    with pytest.raises(ValueError, match=r"float32 only.*mixed_float16.*Leave `dtype` out"):
        L2Normalization(dtype="mixed_float16")


def test_config_round_trip(dtype_policy):
    config = keras.saving.serialize_keras_object(L2Normalization(name="unit"))
    dtype_policy("mixed_float16")
    layer = keras.saving.deserialize_keras_object(config, safe_mode=True)
    assert layer.name == "unit"
    assert layer.compute_dtype == "float32"
