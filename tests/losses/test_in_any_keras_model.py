"""The losses in `compile(loss=...)` and `fit` of plain Keras models."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from loss_harness import compiled_only

from keras_siamese.losses import TripletLoss
from keras_siamese.miners import BatchHardMiner

# Two classes of two, told apart only as integers: 0 and 3, 1 and 4. Batch-hard: 3 - 1 each, + 0.5.
LABELS = np.array([2**24, 2**24, 2**24 + 1, 2**24 + 1])
X = np.array([[0.0], [3.0], [1.0], [4.0]], "float32")
EXPECTED = 2.5


def _identity_model(**options):
    dense = keras.layers.Dense(1, kernel_initializer="ones", dtype=options.pop("dtype", "float32"))
    model = keras.Sequential([keras.Input((1,)), dense])
    loss = TripletLoss(0.5, miner=BatchHardMiner())
    model.compile(keras.optimizers.SGD(0.0), loss=loss, **options)
    return model


@pytest.mark.parametrize(
    "options",
    [{}, {"run_eagerly": True}, pytest.param({"jit_compile": True}, marks=compiled_only)],
)
def test_labels_stay_integers(options):
    model = _identity_model(**options)
    history = model.fit(X, LABELS, batch_size=4, epochs=1, verbose=0)
    assert history.history["loss"] == pytest.approx([EXPECTED])


def test_labels_of_both_shapes():
    model = _identity_model()
    assert model.evaluate(X, LABELS, verbose=0) == pytest.approx(EXPECTED)
    assert model.evaluate(X, LABELS[:, None], verbose=0) == pytest.approx(EXPECTED)


def test_dataset_with_a_smaller_last_batch_and_weights():
    x, labels = np.concatenate([X, X[:3]]), np.concatenate([LABELS, LABELS[:3]])
    data = tf.data.Dataset.from_tensor_slices((x, labels, np.full(7, 2.0))).batch(4)
    # Twice 2.5 in the first batch. In the last one 0 and 3 against 1, which has no positive: 3 - 1
    # and 3 - 2, plus 0.5: twice 2. Keras weighs batches by their length.
    value = _identity_model(run_eagerly=True).evaluate(data, verbose=0)
    assert value == pytest.approx((4 * 5.0 + 3 * 4.0) / 7)


def test_mixed_precision():
    model = _identity_model(dtype="mixed_float16", run_eagerly=True)
    assert keras.backend.standardize_dtype(model(X).dtype) == "float16"
    history = model.fit(X, LABELS, batch_size=4, verbose=0)
    assert history.history["loss"] == pytest.approx([EXPECTED])


def test_training_separates_the_classes():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(64, 8)).astype("float32"), rng.integers(0, 4, 64)
    x[np.arange(64), labels] += 2
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    model.compile(keras.optimizers.Adam(0.1), loss=TripletLoss(0.5))
    losses = model.fit(x, labels, batch_size=64, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]


def test_a_compiled_model_saves_and_loads(tmp_path):
    model = _identity_model(run_eagerly=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert loaded.evaluate(X, LABELS, verbose=0) == pytest.approx(EXPECTED)
    assert isinstance(loaded.loss.miner, BatchHardMiner)
