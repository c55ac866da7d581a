"""convnet: shapes from digits to Omniglot, training, bad input."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.encoders import convnet


def map_sizes(encoder):
    return [layer.output.shape[1:3] for layer in encoder.layers if "_pool" in layer.name]


@pytest.mark.parametrize(
    ("input_shape", "sizes"),
    [
        ((4, 4, 1), [(2, 2), (2, 2), (2, 2)]),
        ((8, 8, 1), [(4, 4), (2, 2), (2, 2)]),
        ((28, 28, 1), [(14, 14), (7, 7), (3, 3)]),
        ((32, 32, 3), [(16, 16), (8, 8), (4, 4)]),
        ((5, 40, 3), [(2, 20), (2, 10), (2, 5), (2, 2)]),
        ((105, 105, 1), [(52, 52), (26, 26), (13, 13), (6, 6), (3, 3)]),
    ],
)
def test_pools_until_the_map_is_small_and_not_further(input_shape, sizes):
    encoder = convnet(input_shape, 16)
    assert map_sizes(encoder) == sizes
    assert encoder.count_params() < 500_000
    embeddings = np.asarray(encoder(np.random.default_rng(0).uniform(size=(2, *input_shape))))
    assert embeddings.shape == (2, 16)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, atol=1e-6)


def test_arguments_reach_the_layers():
    encoder = convnet([16, 16, 1], 5, filters=[3, 7], dropout=0.25, normalize=False, name="mine")
    assert encoder.name == "mine"
    assert [layer.filters for layer in encoder.layers if "_conv" in layer.name] == [3, 7]
    assert encoder.get_layer("dropout").rate == 0.25
    assert encoder.layers[-1].name == "projection"
    assert encoder.output_shape == (None, 5)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_learns(policy, rng, dtype_policy):
    dtype_policy(policy)
    encoder = convnet((8, 8, 1), 4, filters=(8, 8))
    # Bright above or bright below: each class is to go to its own axis.
    y = rng.integers(2, size=32)
    x = rng.uniform(size=(32, 8, 8, 1)).astype("float32")
    x[y == 0, :4] += 1.0
    x[y == 1, 4:] += 1.0
    encoder.compile(keras.optimizers.Adam(0.02), "mse")
    encoder.fit(x, np.eye(4)[y], epochs=15, batch_size=32, verbose=0)
    embeddings = encoder.predict(x, verbose=0)
    assert embeddings.dtype == "float32"
    assert (embeddings.argmax(axis=1) == y).mean() > 0.9  # in inference mode too


def test_statistics_have_settled_after_forty_steps(rng):
    encoder = convnet((8, 8, 1), 4, filters=(4,))
    x = rng.normal(loc=3.0, scale=2.0, size=(32, 8, 8, 1)).astype("float32")
    for _ in range(40):
        in_training = encoder(x, training=True)
    np.testing.assert_allclose(encoder(x), in_training, atol=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (28, 28)}, r"\(28, 28\).*input_shape=\(28, 28, 1\)"),
        ({"input_shape": (None, 28, 28, 1)}, "Leave the batch axis out"),
        ({"input_shape": 28}, r"\(height, width, channels\)"),
        ({"input_shape": (3, 28, 1)}, r"at least 4.*\(3, 28, 1\)"),
        ({"input_shape": (None, None, 1)}, "at least 4"),
        ({"input_shape": (28, 28, 0)}, "at least 1"),
        ({"filters": ()}, "`filters`"),
        ({"filters": (8, 0)}, r"`filters`.*\(8, 0\)"),
        ({"embedding_dim": 0}, "`embedding_dim`"),
        ({"dropout": 1}, "`dropout`"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        convnet(**{"input_shape": (8, 8, 1), **arguments})


def test_shape_of_a_tensor():
    assert convnet(tf.ones((2, *(8, 8, 1))).shape[1:]).input_shape == (None, *(8, 8, 1))
