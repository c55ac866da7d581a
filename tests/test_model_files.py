"""Saving, loading, resuming and exporting a `SiameseModel`."""

import copy
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_model import (
    batches_of,
    make_data,
    make_metrics,
    make_model,
)

import keras_siamese as ks


@pytest.fixture(scope="module")
def data():
    return make_data()


class TestFiles:
    def test_round_trip_in_a_new_process(self, data, tmp_path):
        x, y = data
        loss = ks.losses.TripletLoss(0.3, "cosine", ks.miners.SemiHardMiner(fallback="skip"))
        model = make_model(loss, make_metrics(), keras.optimizers.Adam(0.01))
        model.fit(batches_of(data), verbose=0)
        model.save(tmp_path / "model.keras")
        assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
        np.savez(tmp_path / "data.npz", x=x, y=y)
        program = f"""
import keras, keras_siamese, numpy as np
model = keras.saving.load_model({str(tmp_path / "model.keras")!r})
data = np.load({str(tmp_path / "data.npz")!r})
assert model.loss.margin == 0.3 and model.loss.distance.name == "cosine"
assert model.loss.miner.fallback == "skip" and int(model.optimizer.iterations) == 3
logs = model.evaluate(data["x"], data["y"], verbose=0, return_dict=True)
model.fit(data["x"], data["y"], batch_size=16, verbose=0, shuffle=False)
np.savez({str(tmp_path / "out.npz")!r}, *model.get_weights(), **logs)
"""
        subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
        out = np.load(tmp_path / "out.npz")
        for name, value in model.evaluate(x, y, verbose=0, return_dict=True).items():
            assert out[name] == pytest.approx(value, abs=1e-6)
        # Adam's moments came along: one more epoch gives the same weights.
        model.fit(x, y, batch_size=16, verbose=0, shuffle=False)
        for i, weight in enumerate(model.get_weights()):
            np.testing.assert_allclose(out[f"arr_{i}"], weight, atol=1e-6)

    def test_callbacks_of_keras_read_the_direction(self, data, tmp_path):
        model = make_model(metrics=make_metrics())
        path = tmp_path / "best.keras"
        history = model.fit(
            batches_of(data), epochs=4, verbose=0, validation_data=data,
            callbacks=[
                keras.callbacks.EarlyStopping("val_recall_at_1", patience=9),
                keras.callbacks.ModelCheckpoint(path, "val_recall_at_1", save_best_only=True),
            ],
        ).history  # fmt: skip
        best = keras.saving.load_model(path).evaluate(*data, verbose=0, return_dict=True)
        assert best["recall_at_1"] == pytest.approx(max(history["val_recall_at_1"]), abs=1e-6)

    def test_resumed_training_equals_uninterrupted(self, data, tmp_path):
        def train(epochs, backup):
            keras.utils.set_random_seed(3)
            model = make_model(optimizer=keras.optimizers.Adam(0.01))
            batches = ks.data.pk_batches(*data, classes_per_batch=3, examples_per_class=4, seed=7)
            callbacks = [keras.callbacks.BackupAndRestore(tmp_path / "backup")] if backup else []
            if epochs < 4:
                callbacks.append(StopAfter(epochs))
            # A map behind the batches must not hide how far they have come.
            batches = batches.map(lambda x, y: (x, y)).prefetch(2)
            try:
                model.fit(batches, epochs=4, verbose=0, callbacks=callbacks)
            except KeyboardInterrupt:
                pass
            return model.get_weights()

        class StopAfter(keras.callbacks.Callback):
            def __init__(self, epochs):
                super().__init__()
                self.epochs = epochs

            def on_epoch_begin(self, epoch, logs=None):
                if epoch == self.epochs:
                    raise KeyboardInterrupt

        whole = train(4, backup=False)
        train(2, backup=True)
        resumed = train(4, backup=True)
        for a, b in zip(whole, resumed, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)

    def test_interrupted_save_keeps_the_old_file(self, tmp_path, monkeypatch):
        model = make_model()
        path = tmp_path / "model.keras"
        model.save(path)
        before = path.read_bytes()

        def fail(self, filepath, **kwargs):
            filepath.write_bytes(b"half")
            raise OSError("disk full")

        monkeypatch.setattr(keras.Model, "save", fail)
        with pytest.raises(OSError, match="disk full"):
            model.save(path)
        assert path.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == ["model.keras"]

    def test_exports_the_encoder(self, data, tmp_path):
        x, y = data
        model = make_model(ks.losses.ArcFaceLoss(num_classes=int(y.max()) + 1))
        model.fit(x, y, batch_size=48, verbose=0)
        model.export(tmp_path / "served", verbose=False)
        served = tf.saved_model.load(tmp_path / "served")
        assert np.asarray(served.serve(x)) == pytest.approx(model.predict(x, verbose=0), abs=1e-6)
        assert len(served.variables) == len(model.encoder.variables)

    def test_exports_in_inference_mode(self, tmp_path):
        # This layer trains, if it is not told; Keras's own export passes that on to those behind.
        resizing, norm = keras.layers.Resizing(2, 2), keras.layers.BatchNormalization()
        layers = [keras.Input((4, 4, 1)), resizing, norm, keras.layers.Flatten()]
        model = ks.SiameseModel(keras.Sequential(layers))
        x = np.random.default_rng(0).normal(3, size=(5, 4, 4, 1)).astype("float32")
        expected = model.predict(x, verbose=0)
        assert np.abs(expected).mean() > 2
        assert np.asarray(model(x)) == pytest.approx(expected, abs=1e-6)
        model.export(tmp_path / "served", verbose=False)
        served = tf.saved_model.load(tmp_path / "served")
        assert np.asarray(served.serve(x)) == pytest.approx(expected, abs=1e-6)

    def test_config_and_copy(self):
        model = make_model(ks.losses.TripletLoss("soft"))
        clone = ks.SiameseModel.from_config(model.get_config())
        assert clone.encoder.output_shape == (None, 4)
        assert copy.deepcopy(model.loss).margin is None

    def test_subclassed_encoder_is_built_by_the_first_batch(self, data, tmp_path):
        @keras.saving.register_keras_serializable(package="test_model")
        class Encoder(keras.Model):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                self.dense = keras.layers.Dense(3)

            def call(self, inputs):
                return self.dense(inputs)

        model = make_model(encoder=Encoder(), metrics=[ks.metrics.RecallAtK(1)])
        model.fit(batches_of(data), verbose=0, validation_data=data)
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_allclose(
            loaded.predict(data[0], verbose=0), model.predict(data[0], verbose=0), atol=1e-6
        )
