import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.index.index_encoder import IndexEncoder


def test_any_model_will_do(model, clusters):
    x, _ = clusters
    expected = model.predict(x, verbose=0)
    for one in (model, model.encoder):
        encoder = IndexEncoder(one)
        assert encoder.encoder is model.encoder
        assert encoder.embed(x, 64, None) == pytest.approx(expected, abs=1e-6)


def test_none():
    encoder = IndexEncoder(None)
    encoder.note()
    encoder.check()
    assert encoder.encoder is None and encoder.fingerprint is None and encoder.matches()
    assert encoder.embed([[1.0, 2.0]], 64, 2).tolist() == [[1, 2]]


def test_no_model():
    with pytest.raises(ValueError, match=r"keras.Model"):
        IndexEncoder("model")


def test_labels(model, clusters):
    x, y = clusters
    encoder = IndexEncoder(model)
    for data in ((x, y), (tf.data.Dataset.from_tensor_slices((x, y)).batch(50), None)):
        vectors, labels = encoder.embed_labelled(*data, 64, None)
        assert len(vectors) == len(x) and np.array_equal(labels, y)
    with pytest.raises(ValueError, match="Labels are missing"):
        encoder.embed_labelled(x, None, 64, None)


def test_a_trained_encoder_is_refused(new_model, clusters):
    encoder = IndexEncoder(new_model())
    encoder.check()
    encoder.note()
    fingerprint = encoder.fingerprint
    encoder.check()
    # A weight that the quick look passes by is seen by the thorough one.
    kernel = encoder.encoder.layers[2].kernel
    value = kernel.numpy()
    assert value.size >= 64
    large = np.array(value)
    large.reshape(-1)[0] += 1e-3
    kernel.assign(large)
    with pytest.raises(ValueError, match="encoder has changed"):
        encoder.check(thorough=False)
    with pytest.raises(ValueError, match="encoder has changed"):
        encoder.embed(clusters[0], 64, None)
    kernel.assign(value)
    encoder.check()
    encoder.note()
    assert encoder.fingerprint == fingerprint and encoder.matches()
