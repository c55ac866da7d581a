import keras
import numpy as np
import pytest
import tensorflow as tf
from small_model import batches_of, make_data, make_encoder, make_model

import keras_siamese as ks
from keras_siamese.inputs import LabelledBatch
from keras_siamese.probe import BatchProbe

EUCLIDEAN = ks.distances.get("euclidean")


class Looks(keras.callbacks.Callback):
    """Reads the probe after each step that Keras reports."""

    def on_train_begin(self, logs=None):
        self.model.probe = BatchProbe(16)
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(self.model.probe.read())


@pytest.fixture(scope="module")
def data():
    return make_data()


def gradient_norm(model, x, y):
    with tf.GradientTape() as tape:
        loss = model.loss(y, model(x, training=True))
    gradients = tape.gradient(loss, model.trainable_weights)
    return float(np.sqrt(sum(np.sum(np.square(gradient)) for gradient in gradients)))


@pytest.mark.parametrize(
    "options",
    [{}, {"jit_compile": True}, {"run_eagerly": True}, {"steps_per_execution": 2}],
    ids=str,
)
def test_the_step_keeps_its_batch(data, options):
    x, y = data
    model = make_model(optimizer=keras.optimizers.SGD(0.0), **options)
    looks = Looks()
    model.fit(batches_of(data, 20), verbose=0, callbacks=[looks])  # of 20, 20 and 8
    starts, sizes = (
        ([20, 40], [16, 8]) if "steps_per_execution" in options else ([0, 20, 40], [16, 16, 8])
    )
    for probed, start, size in zip(looks.seen, starts, sizes, strict=True):
        batch = slice(start, start + size)
        expected = model.predict(x[batch], verbose=0)
        np.testing.assert_allclose(probed.embeddings, expected, atol=1e-6)
        d = np.linalg.norm(expected[:, None] - expected[None], axis=2)
        np.testing.assert_allclose(probed.distances, d, atol=1e-3)
        same = (y[batch, None] == y[None, batch]).astype(int)
        np.fill_diagonal(same, -1)
        np.testing.assert_array_equal(probed.comparisons, same)
        whole = slice(start, start + 20)
        assert probed.gradient_norm == pytest.approx(
            gradient_norm(model, x[whole], y[whole]), rel=1e-4
        )


def test_training_is_the_same_with_it(data):
    results = []
    for callbacks in ([], [Looks()]):
        keras.utils.set_random_seed(1)
        model = make_model(metrics=[ks.metrics.RecallAtK(1)])
        logs = model.fit(
            batches_of(data), epochs=2, verbose=0, callbacks=callbacks, validation_data=data
        ).history
        results.append((logs, model.get_weights()))
    assert results[0][0] == results[1][0]
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("fails", [False, True])
def test_it_is_gone_after_fit(data, tmp_path, fails):
    class Fail(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.save(tmp_path / "inside.keras")
            if fails:
                raise KeyboardInterrupt

    model = make_model()
    variables = {variable.path for variable in model.variables}
    try:
        model.fit(batches_of(data), verbose=0, callbacks=[Looks(), Fail()])
    except KeyboardInterrupt:
        assert fails
    assert model.probe is None
    assert {variable.path for variable in model.variables} == variables
    model.save(tmp_path / "after.keras")
    for name in ("inside", "after"):
        loaded = keras.saving.load_model(tmp_path / f"{name}.keras")
        assert {variable.path for variable in loaded.variables} == variables
        np.testing.assert_array_equal(
            loaded.predict(data[0], verbose=0), model.predict(data[0], verbose=0)
        )


@pytest.mark.parametrize("policy", ["mixed_float16", "float16", "float64"])
def test_gradients_are_those_of_the_loss_without_its_scale(data, policy):
    keras.config.set_dtype_policy(policy)
    try:
        encoder = make_encoder()
    finally:
        keras.config.set_dtype_policy("float32")
    optimizer = keras.optimizers.SGD(0.0)
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=64.0)
    model, looks = make_model(encoder=encoder, optimizer=optimizer), Looks()
    model.fit(batches_of(data, 48), verbose=0, callbacks=[looks])
    assert looks.seen[0].gradient_norm == pytest.approx(gradient_norm(model, *data), rel=0.02)


def test_a_row_that_is_looked_up_twice_counts_with_its_sum():
    probe = BatchProbe()
    twice = tf.IndexedSlices(tf.constant([[3.0], [1.0]]), tf.constant([1, 1]), tf.constant([4, 1]))
    probe.record_gradients([twice, None, tf.constant([6.0])], 2.0)
    probe.record_batch(LabelledBatch((None,), np.array([0]), None), tf.ones((1, 2)), EUCLIDEAN)
    assert probe.read().gradient_norm == pytest.approx(np.hypot(4, 6) / 2)


def test_there_is_nothing_to_read():
    probe = BatchProbe()
    assert probe.read() is None
    probe.record_batch(
        LabelledBatch((None,), np.array([0]), None), tf.constant([[1.0, 2.0]]), EUCLIDEAN
    )
    assert np.isnan(probe.read().gradient_norm)  # No weight was trained.
    probe.record_batch(
        LabelledBatch((None,), np.array([0]), None), tf.constant([[1.0, np.nan]]), EUCLIDEAN
    )
    assert probe.read() is None


def test_turned_off_it_keeps_what_it_has(data):
    class Once(Looks):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch)
            self.model.probe.turn(on=batch == 1)

    looks = Once()
    make_model().fit(batches_of(data, 12), verbose=0, callbacks=[looks])
    first, second, third, fourth = looks.seen
    np.testing.assert_array_equal(first.embeddings, second.embeddings)
    assert first.gradient_norm == second.gradient_norm != third.gradient_norm
    assert np.abs(second.embeddings - third.embeddings).max() > 1e-3
    np.testing.assert_array_equal(third.embeddings, fourth.embeddings)
