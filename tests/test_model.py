import keras
import numpy as np
import pytest
import tensorflow as tf
from small_model import (
    batches_of,
    expected_figures,
    make_data,
    make_encoder,
    make_metrics,
    make_model,
    pairs_of,
    triplets_of,
)

import keras_siamese as ks
from keras_siamese.model import distance_of


@pytest.fixture(scope="module")
def data():
    return make_data()


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
        model.fit(x, y, batch_size=48, verbose=0)
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


@pytest.mark.parametrize(
    ("policy", "jit_compile"),
    [("mixed_float16", False), ("mixed_float16", True), ("mixed_bfloat16", False)],
)
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


def test_distance(data):
    x, _ = data
    model = make_model(ks.losses.TripletLoss(0.5, distance="cosine"))
    embeddings = model.predict(x, verbose=0)
    expected = 1 - np.sum(embeddings[:5] * embeddings[5:10], axis=1)
    np.testing.assert_allclose(model.distance(x[:5], x[5:10]), expected, atol=1e-6)
    with pytest.raises(ValueError, match=r"as many items in both\. Received: 2 and 3"):
        model.distance(x[:2], x[:3])


def test_pk_options_are_those_of_the_last_fit(data):
    model = make_model()
    assert model.pk_options is None
    batches = ks.data.pk_batches(*data, classes_per_batch=3, examples_per_class=4)
    model.fit(batches.map(lambda x, y: (x, y)), verbose=0)
    assert model.pk_options.classes_per_batch == 3
    assert model.pk_options.examples_per_class == 4
    model.fit(*data, verbose=0)
    assert model.pk_options is None


class TestTuples:
    def test_pairs(self, data):
        (x1, x2), same = pairs_of(data, 48)  # batches of one size
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
        options = {"batch_size": 16, "epochs": 3, "verbose": 0}
        history = model.fit((x1, x2), same, validation_data=((x1, x2), same), **options)
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


def test_the_distance_of_a_model_is_that_of_its_loss_unless_another_is_named():
    model = make_model(ks.losses.TripletLoss(0.5, distance="cosine"))
    assert distance_of(model) is model.distance_function
    assert distance_of(model, "manhattan").name == "manhattan"
    assert distance_of(make_encoder()).name == "euclidean"
