"""mlp: shapes, arguments, bad input."""

import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.encoders import mlp


@pytest.mark.parametrize("input_shape", [(20,), (6, 5), [4, 4, 2]])
def test_flattens_and_embeds(input_shape, rng):
    encoder = mlp(input_shape, 7, hidden_units=(9, 8))
    x = rng.normal(size=(3, *input_shape)).astype("float32")
    features = x.reshape(3, -1)
    for name in ("dense_1", "dense_2", "projection"):
        kernel, bias = (np.asarray(w) for w in encoder.get_layer(name).weights)
        features = features @ kernel + bias
        if name != "projection":
            features = np.maximum(features, 0.0)
    wanted = features / np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(encoder(x), wanted, atol=1e-5)


def test_arguments_reach_the_layers():
    encoder = mlp((4,), 3, hidden_units=(), dropout=0.5, normalize=False, name="linear")
    assert encoder.name == "linear"
    assert [layer.name for layer in encoder.layers[1:]] == ["flatten", "dropout", "projection"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": ()}, "`input_shape`"),
        ({"input_shape": 20}, r"such as \(20,\)"),
        ({"input_shape": (None, 20)}, r"at least 1.*\(None, 20\)"),
        ({"hidden_units": (8, 0)}, r"`hidden_units`.*\(8, 0\)"),
        ({"embedding_dim": 0}, "`embedding_dim`"),
        ({"dropout": 1.5}, "`dropout`"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        mlp(**{"input_shape": (4,), **arguments})


def test_shape_of_a_tensor():
    assert mlp(tf.ones((2, *(8, 8, 1))).shape[1:]).input_shape == (None, *(8, 8, 1))
