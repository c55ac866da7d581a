import keras
import numpy as np
import pytest
from keras import layers

from keras_siamese.encoders.inference import inference_model, symbolic_inputs

X = np.random.default_rng(0).normal(3, size=(5, 4, 4, 1)).astype("float32")


def with_resizing():
    return keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.Resizing(2, 2),  # which trains, if it is not told
            layers.BatchNormalization(),
            layers.Flatten(),
        ]
    )


def test_inference_mode():
    encoder = with_resizing()
    expected = keras.ops.convert_to_numpy(encoder(X, training=False))
    served = inference_model(encoder)
    assert keras.ops.convert_to_numpy(served(X)) == pytest.approx(expected)
    assert keras.ops.convert_to_numpy(encoder(X)) != pytest.approx(expected, abs=1)
    assert served.weights
    assert all(a is b for a, b in zip(served.weights, encoder.weights, strict=True))


def test_preprocessing_comes_first():
    encoder = keras.Sequential([keras.Input((1,)), layers.Rescaling(1, offset=1)])
    served = inference_model(encoder, keras.Input((1,), dtype="uint8"), layers.Rescaling(2.0))
    assert keras.ops.convert_to_numpy(served(np.array([[3]], "uint8"))) == [[7.0]]
    assert served.input.dtype == "uint8"


def test_float32_and_any_batch_size():
    inputs = keras.Input(batch_shape=(8, 3), dtype="float16")
    encoder = keras.Model(inputs, layers.Activation("relu", dtype="float16")(inputs))
    served = inference_model(encoder)
    assert served.output.dtype == "float32"
    assert served.input.shape == (None, 3)


def test_names():
    def names(inputs):
        model = keras.Model(inputs, layers.Add()(keras.tree.flatten(inputs)))
        return keras.tree.map_structure(lambda x: x.name, inference_model(model).input)

    assert names([keras.Input((2,)), keras.Input((2,), name="b")]) == ["items", "b"]
    assert names([keras.Input((2,), name="b"), keras.Input((2,))]) == ["b", "items_1"]
    b_and_a = {"b": keras.Input((2,), name="b"), "a": keras.Input((2,), name="a")}
    assert names(b_and_a) == {"b": "b", "a": "a"}


def test_symbolic_inputs():
    assert symbolic_inputs(None) is None
    assert symbolic_inputs(layers.Rescaling(2)) is None
    assert symbolic_inputs(keras.Sequential([layers.Dense(2)])) is None
    subclassed = Subclassed()
    assert symbolic_inputs(subclassed) is None
    assert inference_model(subclassed) is subclassed
    assert symbolic_inputs(with_resizing()).shape == (None, 4, 4, 1)


class Subclassed(keras.Model):
    pass
