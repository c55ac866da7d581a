import keras
import numpy as np
import pytest
from keras import layers

from keras_siamese import encoders
from keras_siamese.export.float32 import in_float32


def test_float32_is_left_alone():
    model = encoders.mlp((3,), 2)
    assert in_float32(model) is model


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_every_layer(policy):
    inputs = keras.Input((3,))
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(4, dtype=policy)])
    x = layers.BatchNormalization(dtype=policy)(inner(inputs))
    x = keras.ops.cast(keras.ops.cast(x, dtype="float16"), dtype="float32")
    model = keras.Model(inputs, layers.Dense(2, dtype=keras.dtype_policies.get(policy))(x))
    wide = in_float32(model)
    assert {layer.compute_dtype for layer in wide._flatten_layers()} == {"float32"}
    x = np.random.default_rng(0).normal(size=(5, 3))
    assert wide(x).dtype == "float32"
    assert wide(x).numpy() == pytest.approx(np.asarray(model(x), "float32"), abs=0.05)
    assert any(layer.compute_dtype != "float32" for layer in model._flatten_layers())


class NotSaved(keras.Model):
    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(size)

    def call(self, inputs):
        return self.dense(inputs)


def test_what_cannot_be_rebuilt():
    model = NotSaved(2, dtype="mixed_float16")
    model(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="Build it under the policy 'float32'"):
        in_float32(model)
