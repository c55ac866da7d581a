import copy
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_siamese as ks

NUM_CLASSES = 4


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(5)
    labels = rng.permutation(np.repeat(np.arange(NUM_CLASSES), 12))
    centres = rng.normal(size=(NUM_CLASSES, 6))
    return (centres[labels] + rng.normal(size=(48, 6))).astype("float32"), labels


def make_encoder(**kwargs):
    return ks.encoders.mlp((6,), embedding_dim=4, hidden_units=(8,), **kwargs)


def make_model(loss=None, metrics=None, optimizer=None, encoder=None, **kwargs):
    model = ks.SiameseModel(encoder or make_encoder())
    optimizer = optimizer or keras.optimizers.SGD(0.1)
    model.compile(optimizer, loss or ks.losses.TripletLoss(0.5), metrics=metrics, **kwargs)
    return model


def make_metrics():
    return [
        ks.metrics.RecallAtK(1),
        ks.metrics.RecallAtK(5),
        ks.metrics.MAPAtR(),
        ks.metrics.PairAUC(),
        ks.metrics.DistanceRatio(),
    ]


def batches_of(data, batch_size=16):
    return tf.data.Dataset.from_tensor_slices(data).batch(batch_size)


def pairs_of(data, num_pairs):
    x, y = data
    pairs = ks.data.verification_pairs(y, num_pairs)
    return (x[pairs.first], x[pairs.second]), pairs.same


def triplets_of(data, num_triplets):
    batches = ks.data.triplet_batches(*data, batch_size=num_triplets, seed=0)
    ((triplets,),) = batches.as_numpy_iterator()
    return triplets


def expected_figures(model, x, y):
    return ks.evaluation.evaluate_embeddings(model.predict(x, verbose=0), y, metrics=make_metrics())


class TestSteps:
    @pytest.mark.parametrize(
        "options",
        [{}, {"jit_compile": True}, {"run_eagerly": True}, {"steps_per_execution": 2}],
        ids=str,
    )
    def test_every_mode_trains_and_evaluates_alike(self, data, options):
        keras.utils.set_random_seed(1)
        encoder = make_encoder()
        reference = keras.models.clone_model(encoder)
        reference.set_weights(encoder.get_weights())
        model = make_model(encoder=encoder, metrics=make_metrics(), **options)
        history = model.fit(batches_of(data), epochs=2, verbose=0, validation_data=data).history

        loss, rate = ks.losses.TripletLoss(0.5), 0.1
        for _ in range(2):
            losses = []
            for x, y in batches_of(data):
                with tf.GradientTape() as tape:
                    losses.append(loss(y, reference(x, training=True)))
                gradients = tape.gradient(losses[-1], reference.trainable_weights)
                for weight, gradient in zip(reference.trainable_weights, gradients, strict=True):
                    weight.assign_sub(rate * gradient)
        for ours, theirs in zip(encoder.get_weights(), reference.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)
        assert history["loss"][-1] == pytest.approx(np.mean([float(x) for x in losses]), rel=1e-5)
        for name, value in expected_figures(model, *data).items():
            assert history[f"val_{name}"][-1] == pytest.approx(value, abs=1e-6)

    def test_training_logs_hold_running_figures_and_no_whole_set_ones(self, data):
        model = make_model(metrics=make_metrics())
        logs = model.fit(batches_of(data), verbose=0).history
        assert set(logs) == {"loss", *ks.metrics.BatchFigures.NAMES}
        assert 0 < logs["batch_active_fraction"][0] <= 1

    def test_regularisation_losses_count(self, data):
        x, y = data
        inputs = keras.Input((6,))
        outputs = keras.layers.Dense(4, kernel_regularizer=keras.regularizers.L2(0.5))(inputs)
        encoder = keras.Model(inputs, ks.encoders.L2Normalization()(outputs))
        model = make_model(encoder=encoder, optimizer=keras.optimizers.SGD(0.0))
        kernel = encoder.layers[1].kernel.numpy()
        plain = float(ks.losses.TripletLoss(0.5)(y, encoder(x)))
        expected = plain + 0.5 * np.sum(kernel**2)
        assert model.evaluate(x, y, batch_size=48, verbose=0) == pytest.approx(expected, rel=1e-5)
        history = model.fit(x, y, batch_size=48, verbose=0).history
        assert history["loss"][0] == pytest.approx(expected, rel=1e-5)

    def test_batch_normalisation_and_dropout_know_the_phase(self, data):
        x, y = data
        inputs = keras.Input((6,))
        normalised = keras.layers.BatchNormalization(name="norm")(inputs)
        encoder = ks.encoders.embedding_head(keras.Model(inputs, normalised), 4, dropout=0.5)
        model = make_model(encoder=encoder)
        norm = next(layer for layer in encoder._flatten_layers() if layer.name == "norm")
        before = norm.moving_mean.numpy().copy()
        first = model.evaluate(x, y, verbose=0)
        assert model.evaluate(x, y, verbose=0) == first
        np.testing.assert_array_equal(norm.moving_mean.numpy(), before)
        model.fit(x, y, verbose=0)
        assert np.abs(norm.moving_mean.numpy() - before).max() > 1e-4

    def test_gradient_accumulation_updates_every_second_batch(self, data):
        model = make_model(optimizer=keras.optimizers.SGD(0.1, gradient_accumulation_steps=2))
        model.fit(batches_of(data, 12), verbose=0)
        assert int(model.optimizer.iterations) == 2

    def test_second_fit_goes_on(self, data):
        model = make_model(metrics=make_metrics())
        model.fit(batches_of(data), verbose=0, validation_data=data)
        model.fit(batches_of(data), verbose=0, validation_data=data)
        assert int(model.optimizer.iterations) == 6

    def test_frozen_encoder_warns(self, data):
        encoder = make_encoder()
        encoder.trainable = False
        with pytest.warns(UserWarning, match="trainable weights"):
            make_model(encoder=encoder).fit(batches_of(data), verbose=0)

    def test_train_and_test_on_batch(self, data):
        model = make_model(metrics=make_metrics())
        assert model.train_on_batch(*data, return_dict=True)["loss"] > 0
        assert model.test_on_batch(*data, return_dict=True)["loss"] > 0

    def test_other_losses_and_metrics_of_keras(self, data):
        class Spread(keras.losses.Loss):
            def call(self, y_true, y_pred):
                return keras.ops.mean(keras.ops.square(y_pred), axis=-1)

        mean = keras.metrics.MeanMetricWrapper(lambda y, e: e[:, 0], name="first")
        model = make_model(loss=Spread(), metrics=[mean, ks.metrics.RecallAtK(1)])
        logs = model.fit(batches_of(data), verbose=0, validation_data=data).history
        assert {"loss", "first", "val_loss", "val_first", "val_recall_at_1"} <= set(logs)
        assert "batch_active_fraction" not in logs


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_mixed_precision(data, policy, jit_compile):
    keras.config.set_dtype_policy(policy)
    try:
        encoder = make_encoder()
    finally:
        keras.config.set_dtype_policy("float32")
    model = make_model(encoder=encoder, metrics=make_metrics(), jit_compile=jit_compile)
    is_scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert is_scaled == (policy == "mixed_float16")
    before = [w.copy() for w in model.get_weights()]
    logs = model.fit(batches_of(data), epochs=3, verbose=0, validation_data=data).history
    assert np.isfinite(logs["loss"]).all() and logs["loss"][-1] < logs["loss"][0]
    assert any(np.abs(a - b).max() > 0 for a, b in zip(before, model.get_weights(), strict=True))
    assert model.predict(data[0], verbose=0).dtype == np.float32


class TestEvaluate:
    @pytest.mark.parametrize("batch_size", [1, 7, 48, 100])
    @pytest.mark.parametrize("steps_per_execution", [1, 3])
    def test_whole_set_figures_do_not_depend_on_batches(
        self, data, batch_size, steps_per_execution
    ):
        model = make_model(metrics=make_metrics(), steps_per_execution=steps_per_execution)
        logs = model.evaluate(*data, batch_size=batch_size, verbose=0, return_dict=True)
        assert set(logs) == {"loss", *(metric.name for metric in make_metrics())}
        for name, value in expected_figures(model, *data).items():
            assert logs[name] == pytest.approx(value, abs=1e-6)

    def test_list_has_one_value_a_metric(self, data):
        model = make_model(metrics=make_metrics())
        logs = model.evaluate(*data, verbose=0, return_dict=True)
        values = model.evaluate(*data, verbose=0)
        assert len(values) == 6
        assert values[1] == logs["recall_at_1"]

    def test_callbacks_see_whole_set_figures(self, data):
        seen = {}

        class Watch(keras.callbacks.Callback):
            def on_test_end(self, logs=None):
                seen.update(logs)

        make_model(metrics=make_metrics()).evaluate(*data, verbose=0, callbacks=[Watch()])
        assert "map_at_r" in seen

    def test_uses_the_distance_of_the_loss(self, data):
        x, y = data
        encoder = make_encoder(normalize=False)
        loss = ks.losses.TripletLoss(0.5, distance="manhattan")
        model = make_model(loss, [ks.metrics.MeanPositiveDistance()], encoder=encoder)
        expected = ks.evaluation.evaluate_embeddings(
            model.predict(x, verbose=0), y, metrics=[ks.metrics.MeanPositiveDistance()],
            distance="manhattan",
        )  # fmt: skip
        assert model.evaluate(x, y, verbose=0)[1] == pytest.approx(
            expected["mean_positive_distance"], rel=1e-5
        )

    def test_compile_again_with_other_metrics(self, data):
        model = make_model(metrics=[ks.metrics.RecallAtK(1)])
        model.evaluate(*data, verbose=0)
        model.compile("sgd", ks.losses.TripletLoss(0.5), metrics=[ks.metrics.PairAUC()])
        assert set(model.evaluate(*data, verbose=0, return_dict=True)) == {"loss", "pair_auc"}

    def test_distance(self, data):
        x, _ = data
        model = make_model(ks.losses.TripletLoss(0.5, distance="cosine"))
        embeddings = model.predict(x, verbose=0)
        expected = 1 - np.sum(embeddings[:5] * embeddings[5:10], axis=1)
        np.testing.assert_allclose(model.distance(x[:5], x[5:10]), expected, atol=1e-6)
        with pytest.raises(ValueError, match=r"as many items in both\. Received: 2 and 3"):
            model.distance(x[:2], x[:3])


class TestTuples:
    def test_pairs(self, data):
        (x1, x2), same = pairs_of(data, 40)
        loss = ks.losses.ContrastiveLoss(margin=1.0)
        model = make_model(loss, [ks.metrics.PairAUC(), ks.metrics.MeanPositiveDistance()])
        logs = model.evaluate((x1, x2), same, batch_size=16, verbose=0, return_dict=True)
        d = np.linalg.norm(model.predict(x1, verbose=0) - model.predict(x2, verbose=0), axis=1)
        losses = np.where(same == 1, d**2, np.maximum(0, 1 - d) ** 2) / 2
        assert logs["loss"] == pytest.approx(losses.mean(), rel=1e-5)
        assert logs["mean_positive_distance"] == pytest.approx(d[same == 1].mean(), rel=1e-5)
        higher = d[same == 0][:, None] - d[same == 1]
        auc = np.mean((higher > 0) + 0.5 * (higher == 0))
        assert logs["pair_auc"] == pytest.approx(auc, abs=1e-6)
        history = model.fit((x1, x2), same, epochs=3, verbose=0, validation_data=((x1, x2), same))
        assert history.history["loss"][-1] < history.history["loss"][0]
        assert "batch_recall_at_1" not in history.history

    def test_triplets_in_each_form(self, data):
        triplets = triplets_of(data, 32)
        dataset = tf.data.Dataset.from_tensor_slices(triplets).batch(32)
        forms = [
            dataset,
            dataset.map(lambda *t: (t,)),
            dataset.map(lambda a, p, n: ((a, p, n), 0.0)),
        ]
        model = make_model(optimizer=keras.optimizers.SGD(0.0))
        embeddings = [model.predict(x, verbose=0) for x in triplets]
        d_ap, d_an = (np.linalg.norm(embeddings[0] - other, axis=1) for other in embeddings[1:])
        expected = np.maximum(0, d_ap - d_an + 0.5).mean()
        for form in forms:
            assert model.evaluate(form, verbose=0) == pytest.approx(expected, rel=1e-5)
            assert model.fit(form, verbose=0).history["loss"][0] == pytest.approx(
                expected, rel=1e-5
            )
        model.fit(triplets, batch_size=8, verbose=0, validation_data=data)

    def test_one_forward_pass_sees_all_parts(self, data):
        # BatchNorm over each part alone would give the moving mean of the last part.
        x, _ = data
        inputs = keras.Input((6,))
        norm = keras.layers.BatchNormalization(momentum=0.0)
        encoder = keras.Model(inputs, norm(inputs))
        model = make_model(encoder=encoder, optimizer=keras.optimizers.SGD(0.0))
        model.fit((x[:16], x[16:32], x[32:]), batch_size=16, verbose=0)
        np.testing.assert_allclose(norm.moving_mean.numpy(), x.mean(axis=0), atol=1e-5)

    def test_retrieval_of_pairs_is_refused(self, data):
        (x1, x2), same = pairs_of(data, 8)
        model = make_model(ks.losses.ContrastiveLoss(), [ks.metrics.RecallAtK(1)])
        with pytest.raises(ValueError, match="labelled items"):
            model.evaluate((x1, x2), same, verbose=0)

    def test_pairs_with_a_triplet_loss_are_refused(self, data):
        (x1, x2), same = pairs_of(data, 8)
        with pytest.raises(ValueError, match="ContrastiveLoss"):
            make_model().fit((x1, x2), same, verbose=0)


class TestWeights:
    def test_class_weight_equals_sample_weight(self, data):
        x, y = data
        weights = {0: 0.0, 1: 1.0, 2: 2.0, 3: 0.5}
        encoder, results = make_encoder(), []
        start = encoder.get_weights()
        for arguments in (
            {"class_weight": weights},
            {"sample_weight": np.array([weights[label] for label in y], "float32")},
            {},
        ):
            encoder.set_weights(start)
            model = make_model(encoder=encoder)
            logs = model.fit(x, y, batch_size=48, verbose=0, shuffle=False, **arguments).history
            results.append([logs["loss"][0], *encoder.get_weights()])
        for a, b in zip(results[0], results[1], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
        assert abs(results[0][0] - results[2][0]) > 1e-3

    def test_pairs_and_triplets_take_weights(self, data):
        (x1, x2), same = pairs_of(data, 16)
        weights = np.array([1.0] * 8 + [0.0] * 8, "float32")
        model = make_model(ks.losses.ContrastiveLoss())
        whole = model.evaluate((x1, x2), same, sample_weight=weights, batch_size=16, verbose=0)
        half = model.evaluate((x1[:8], x2[:8]), same[:8], batch_size=16, verbose=0)
        assert whole == pytest.approx(half / 2, rel=1e-5)
        triplets = triplets_of(data, 16)
        model = make_model(weighted_metrics=[keras.metrics.MeanMetricWrapper(lambda y, d: d)])
        whole = model.evaluate(triplets, sample_weight=weights, batch_size=16, verbose=0)[0]
        half = model.evaluate(tuple(x[:8] for x in triplets), batch_size=16, verbose=0)[0]
        assert whole == pytest.approx(half / 2, rel=1e-5)

    def test_class_weight_of_triplets_is_refused(self, data):
        triplets = triplets_of(data, 16)
        for form in (triplets, tf.data.Dataset.from_tensor_slices(triplets).batch(8)):
            with pytest.raises(ValueError, match="`class_weight` has no meaning for triplets"):
                make_model().fit(form, class_weight={0: 1.0}, verbose=0)


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
        model.fit(*data, verbose=0)
        model.export(tmp_path / "served", verbose=False)
        served = tf.saved_model.load(tmp_path / "served")
        assert np.asarray(served.serve(x)) == pytest.approx(model.predict(x, verbose=0), abs=1e-6)
        assert len(served.variables) == len(model.encoder.variables)

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


class TestBadInput:
    def test_encoder(self):
        with pytest.raises(ValueError, match=r"must be a `keras.Model`. Received: 'resnet'"):
            ks.SiameseModel("resnet")
        inputs = keras.Input((8, 8, 1))
        with pytest.raises(ValueError, match=r"shape \(None, 8, 8, 2\).*embedding_head"):
            ks.SiameseModel(keras.Model(inputs, keras.layers.Conv2D(2, 1)(inputs)))

    def test_margin_out_of_reach(self):
        with pytest.raises(ValueError, match=r"unit-norm.*\[0, 2\].*margin=2.5"):
            make_model(ks.losses.TripletLoss(2.5))
        make_model(ks.losses.TripletLoss(2.5), encoder=make_encoder(normalize=False))

    def test_loss_without_a_scalar(self):
        with pytest.raises(ValueError, match='reduction="none"'):
            make_model(ks.losses.TripletLoss(reduction="none"))
        with pytest.raises(ValueError, match="loss_weights"):
            make_model(loss_weights=[2.0])

    def test_labels(self, data):
        x, y = data
        for labels in (y.astype("float32"), np.eye(NUM_CLASSES, dtype="int32")[y]):
            with pytest.raises(ValueError, match="Labels must"):
                make_model().fit(x, labels, verbose=0)
        with pytest.raises(ValueError, match="Labels are missing"):
            make_model().fit(x, verbose=0)
        with pytest.raises(ValueError, match="a tuple of 4"):
            make_model().fit((x, x, x, x), y, verbose=0)

    def test_large_ids_stay_apart(self, data):
        x, _ = data
        labels = np.array([2**24, 2**24 + 1] * 24)
        model = make_model(metrics=[ks.metrics.PairAUC()])
        logs = model.fit(x, labels, verbose=0, validation_data=(x, labels)).history
        expected = ks.evaluation.evaluate_embeddings(
            model.predict(x, verbose=0), labels % 2, metrics=[ks.metrics.PairAUC()]
        )
        assert logs["val_pair_auc"][0] == pytest.approx(expected["pair_auc"], abs=1e-6)

    @pytest.mark.parametrize("shape", [(48,), (48, 1)])
    def test_column_labels(self, data, shape):
        x, y = data
        model = make_model(metrics=make_metrics())
        logs = model.fit(x, y.reshape(shape), verbose=0, validation_data=(x, y.reshape(shape)))
        assert logs.history["val_recall_at_1"][0] > 0

    def test_nan(self, data):
        x, y = data
        x = x.copy()
        x[3] = np.nan
        with pytest.raises(ValueError, match="not finite at batch"):
            make_model().fit(x, y, verbose=0)
        model = make_model(metrics=make_metrics())
        with pytest.raises(ValueError, match="NaN or infinity in 1 of"):
            model.evaluate(x, y, verbose=0)
        np.testing.assert_array_equal(
            np.isnan(model.predict(x, verbose=0)).all(axis=1), np.arange(48) == 3
        )

    @pytest.mark.filterwarnings("ignore:Your input ran out of data")
    def test_empty_data(self, data):
        nothing = batches_of(data).take(0)
        model = make_model(metrics=make_metrics())
        with pytest.raises(ValueError, match="data set is empty"):
            model.evaluate(nothing, verbose=0)
        with pytest.raises(ValueError, match="data set is empty"):
            model.fit(nothing, verbose=0)


class TestReviewed:
    """Uses that were once wrong."""

    def test_callback_list(self, data):
        seen = []
        watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
        model = make_model()
        model.fit(batches_of(data), verbose=0, callbacks=keras.callbacks.CallbackList([watch]))
        model.fit(batches_of(data), verbose=0, callbacks=watch)
        assert seen == [0, 0]

    def test_loss_in_a_list(self, data):
        model = make_model([ks.losses.TripletLoss(0.5, distance="cosine")])
        assert model.distance_function.name == "cosine"
        with pytest.raises(ValueError, match="Received: 2 losses"):
            make_model([ks.losses.TripletLoss(), ks.losses.ContrastiveLoss()])

    def test_nested_and_weighted_metrics(self, data):
        model = make_model(metrics=[[ks.metrics.RecallAtK(1)]])
        assert "recall_at_1" in model.evaluate(*data, verbose=0, return_dict=True)
        with pytest.raises(ValueError, match="no weighted form"):
            make_model(weighted_metrics=[ks.metrics.RecallAtK(1)])

    def test_same_must_say_yes_or_no(self, data):
        x, y = data
        with pytest.raises(ValueError, match="`same` must be 1 for a match"):
            make_model(ks.losses.ContrastiveLoss()).fit((x, x), y, verbose=0)

    def test_class_weight_of_triplets_with_unused_labels(self, data):
        triplets = triplets_of(data, 16)
        unused = tf.data.Dataset.from_tensor_slices((triplets, np.zeros(16, "int64"))).batch(8)
        with pytest.raises(ValueError, match="`class_weight` has no meaning for triplets"):
            make_model().fit(unused, class_weight={0: 0.0}, verbose=0)

    def test_batches_tested_while_training_are_not_collected(self, data):
        model = make_model(metrics=[ks.metrics.RecallAtK(1)])
        test = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: model.test_on_batch(*data)
        )
        logs = model.fit(batches_of(data), verbose=0, callbacks=[test]).history
        assert "recall_at_1" not in logs

    def test_several_outputs(self):
        inputs = keras.Input((6,))
        outputs = [keras.layers.Dense(2)(inputs), keras.layers.Dense(2)(inputs)]
        with pytest.raises(ValueError, match=r"one output.*Received: 2 outputs"):
            ks.SiameseModel(keras.Model(inputs, outputs))

    def test_pairs_of_dicts(self, data):
        inputs = {name: keras.Input((6,), name=name) for name in "ab"}
        outputs = keras.layers.Dense(3)(keras.layers.Add()([inputs["a"], inputs["b"]]))
        model = make_model(ks.losses.ContrastiveLoss(), encoder=keras.Model(inputs, outputs))
        pairs, same = pairs_of(data, 16)
        pairs = tuple({"a": x, "b": x} for x in pairs)
        dataset = tf.data.Dataset.from_tensor_slices((pairs, same)).batch(8)
        assert model.fit(dataset, verbose=0).history["loss"][0] > 0
