import keras
import numpy as np
import pytest
from keras import layers

import keras_siamese as ks
from keras_siamese.index.fingerprint import fingerprint, probe


def make(seed=0, activation="relu", prefix="a", **options):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((6,), name=f"{prefix}_input")
    x = layers.Dense(5, activation=activation, name=f"{prefix}_first")(inputs)
    x = layers.Dropout(0.5, name=f"{prefix}_dropout")(x)
    return keras.Model(inputs, layers.Dense(3, **options)(x), name=f"{prefix}_encoder")


def test_names_play_no_part():
    assert fingerprint(make(prefix="a")) == fingerprint(make(prefix="b"))


def test_weights_and_layers_do():
    first = make()
    assert fingerprint(first) != fingerprint(make(seed=1))
    assert fingerprint(first) != fingerprint(make(activation="tanh"))
    assert fingerprint(first) != fingerprint(make(activation=None))
    before = fingerprint(first)
    first.layers[-1].bias.assign([0.0, 0.0, 1e-7])
    assert fingerprint(first) != before


def test_use_changes_nothing(tmp_path):
    encoder = make()
    before, quick = fingerprint(encoder), probe(encoder)
    encoder(np.ones((2, 6), "float32"), training=True)  # draws random numbers for the dropout
    encoder.compile("adam", "mse")
    encoder.trainable = False
    assert (fingerprint(encoder), probe(encoder)) == (before, quick)
    encoder.save(tmp_path / "encoder.keras")
    assert fingerprint(keras.saving.load_model(tmp_path / "encoder.keras")) == before
    encoder.save_weights(tmp_path / "encoder.weights.h5")
    again = make(seed=5, prefix="c")
    again.load_weights(tmp_path / "encoder.weights.h5")
    assert fingerprint(again) == before


def test_training_changes_both():
    encoder = make()
    before, quick = fingerprint(encoder), probe(encoder)
    encoder.compile("sgd", "mse")
    encoder.fit(np.ones((4, 6)), np.ones((4, 3)), verbose=0)
    assert fingerprint(encoder) != before and probe(encoder) != quick


def test_vocabularies_count():
    def make(words):
        keras.utils.set_random_seed(0)
        return ks.encoders.text(words, 3)

    assert fingerprint(make(["a b"])) == fingerprint(make(["a b"]))
    assert fingerprint(make(["a b"])) != fingerprint(make(["a c"]))


def test_dtypes_and_subclasses():
    class Encoder(keras.Model):
        def __init__(self, units, dtype):
            super().__init__()
            self.dense = layers.Dense(units, dtype=dtype)

        def call(self, x):
            return self.dense(x)

    def made(units, dtype):
        keras.utils.set_random_seed(0)
        encoder = Encoder(units, dtype)
        encoder(np.ones((1, 4), "float32"))
        return fingerprint(encoder)

    assert made(3, "float32") == made(3, "float32") != made(4, "float32")
    assert made(3, "bfloat16") == made(3, "bfloat16") != made(3, "float32")


@pytest.mark.parametrize("shape", [(4,), (4, 4)])
def test_shape_of_input_counts(shape):
    other = ks.encoders.mlp((16,), 4, hidden_units=(4,))
    assert fingerprint(ks.encoders.mlp(shape, 4, hidden_units=(4,))) != fingerprint(other)
