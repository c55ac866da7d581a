"""Proxies are made, trained, saved and dropped with the model that is trained by them."""

import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from loss_harness import MODES, UINT64, compiled_only, differentiate, tensorflow_only

import keras_siamese as ks
from keras_siamese.losses import (
    ArcFaceLoss,
    NormalizedSoftmaxLoss,
    ProxyAnchorLoss,
    ProxyLoss,
    SoftTripleLoss,
    TripletLoss,
)

CLASSES = 4


@pytest.fixture
def data(rng):
    labels = rng.integers(0, CLASSES, 48)
    centers = rng.normal(size=(CLASSES, 6))
    return (centers[labels] + 0.3 * rng.normal(size=(48, 6))).astype("float32"), labels


def _model(loss=None, optimizer=None, **options):
    keras.utils.set_random_seed(1)
    model = ks.SiameseModel(ks.encoders.mlp((6,), 4, hidden_units=(8,)))
    loss = NormalizedSoftmaxLoss(CLASSES, temperature=0.2, seed=3) if loss is None else loss
    model.compile(optimizer or keras.optimizers.Adam(0.01), loss, **options)
    return model


def _fit(model, data, epochs=1):
    batches = tf.data.Dataset.from_tensor_slices(data).batch(16)
    return model.fit(batches, epochs=epochs, verbose=0).history["loss"]


def _proxies(model):
    return ops.convert_to_numpy(model.loss.proxies)


@tensorflow_only
class TestTraining:
    def test_proxies_are_trained(self, data):
        model = _model()
        assert any(weight is model.loss.proxies for weight in model.trainable_weights)
        before = _proxies(model)
        losses = _fit(model, data, epochs=8)
        assert losses[-1] < 0.7 * losses[0]
        assert (_proxies(model) != before).all()

    def test_at_their_learning_rate(self, data):
        # Adam's first step is as long as the learning rate, whatever the gradient.
        steps, encoders = [], []
        for multiplier in (1.0, 5.0):
            loss = NormalizedSoftmaxLoss(
                CLASSES, temperature=0.2, seed=3, learning_rate_multiplier=multiplier
            )
            model = _model(loss)
            before = _proxies(model)
            model.train_on_batch(*data)
            steps.append(_proxies(model) - before)
            encoders.append(model.encoder.get_weights())
        assert np.abs(steps[0]) == pytest.approx(np.full((CLASSES, 4), 0.01), rel=1e-3)
        assert steps[1] == pytest.approx(5 * steps[0], rel=1e-4)
        for one, other in zip(*encoders, strict=True):
            assert one.tolist() == other.tolist()

    @pytest.mark.parametrize("kind", [NormalizedSoftmaxLoss, ProxyAnchorLoss])
    def test_other_ways_to_run(self, data, kind):
        results = []
        for options in ({}, {"jit_compile": True}, {"run_eagerly": True}):
            model = _model(kind(CLASSES, seed=3), keras.optimizers.SGD(0.01), **options)
            results.append((_fit(model, data), _proxies(model)))
        (expected, proxies), *others = results
        for losses, other in others:
            assert losses == pytest.approx(expected, rel=1e-4)
            assert other == pytest.approx(proxies, abs=1e-4)

    def test_mixed_precision(self, data):
        keras.utils.set_random_seed(1)
        keras.config.set_dtype_policy("mixed_float16")
        try:
            encoder = ks.encoders.mlp((6,), 4, hidden_units=(8,))
        finally:
            keras.config.set_dtype_policy("float32")
        model = ks.SiameseModel(encoder)
        loss = ArcFaceLoss(CLASSES, scale=8.0, seed=3, learning_rate_multiplier=3.0)
        model.compile(keras.optimizers.Adam(0.01), loss)
        losses = _fit(model, data, epochs=6)
        assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
        assert model.loss.proxies.dtype == "float32"
        assert np.isfinite(losses).all()
        assert losses[-1] < losses[0]

    def test_sample_and_class_weights(self, data):
        x, labels = data
        model = _model(optimizer=keras.optimizers.SGD(1.0))
        before = model.get_weights()
        model.fit(x, labels, sample_weight=np.zeros(48), verbose=0)
        for one, other in zip(before, model.get_weights(), strict=True):
            assert one.tolist() == other.tolist()
        # Of class 2 alone: the same as the others left out, but for the divisor.
        only = {c: float(c == 2) for c in range(CLASSES)}
        loss = model.fit(x, labels, class_weight=only, batch_size=48, verbose=0).history["loss"]
        fresh = _model()
        part = float(fresh.loss(labels[labels == 2], fresh(x[labels == 2])))
        assert loss[0] == pytest.approx(part * (labels == 2).mean(), rel=1e-4)


@tensorflow_only
class TestSaving:
    def test_round_trip(self, data, tmp_path):
        model = _model(
            SoftTripleLoss(CLASSES, centers_per_class=3, seed=3, learning_rate_multiplier=2.0)
        )
        _fit(model, data, epochs=2)
        model.save(tmp_path / "model.keras")
        loaded = [
            keras.saving.load_model(tmp_path / "model.keras", safe_mode=True) for _ in range(2)
        ]
        for other in loaded:
            assert _proxies(other).tolist() == _proxies(model).tolist()
            assert other.loss.get_config() == model.loss.get_config()
            for ours, theirs in zip(
                model.optimizer.variables, other.optimizer.variables, strict=True
            ):
                assert ops.convert_to_numpy(ours).tolist() == ops.convert_to_numpy(theirs).tolist()
        # They go on as the one that was saved does.
        histories = [_fit(each, data) for each in (model, *loaded)]
        assert histories[0] == histories[1] == histories[2]
        for other in loaded:
            assert _proxies(other).tolist() == _proxies(model).tolist()

    def test_without_compiling(self, data, tmp_path):
        model = _model()
        _fit(model, data)
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
        assert len(loaded.weights) == len(loaded.encoder.weights)
        assert loaded.predict(data[0], verbose=0).tolist() == (
            model.predict(data[0], verbose=0).tolist()
        )

    def test_the_encoder_alone_holds_none(self, data, tmp_path):
        model = _model()
        _fit(model, data)
        assert len(model.trainable_weights) == len(model.encoder.trainable_weights) + 1
        model.encoder.save(tmp_path / "encoder.keras")
        loaded = keras.saving.load_model(tmp_path / "encoder.keras")
        assert len(loaded.weights) == len(model.encoder.weights)
        with zipfile.ZipFile(tmp_path / "encoder.keras") as file:
            assert "proxies" not in file.read("config.json").decode()
        expected = model.predict(data[0], verbose=0)
        assert loaded.predict(data[0], verbose=0) == pytest.approx(expected, abs=1e-6)

    def test_compiling_anew_drops_them(self, data):
        model = _model()
        model.compile("adam", TripletLoss(0.2))
        assert len(model.trainable_weights) == len(model.encoder.trainable_weights)
        _fit(model, data)
        # With the same loss they stay.
        loss = NormalizedSoftmaxLoss(CLASSES, seed=3)
        for _ in range(2):
            model.compile("adam", loss)
        _fit(model, data)
        assert len(model.trainable_weights) == len(model.encoder.trainable_weights) + 1
        assert sum(weight is loss.proxies for weight in model.trainable_weights) == 1


class TestEncoders:
    @tensorflow_only
    def test_not_built_yet(self, data, tmp_path):
        model = ks.SiameseModel(UnbuiltEncoder())
        model.compile(keras.optimizers.Adam(0.01), NormalizedSoftmaxLoss(CLASSES, seed=3))
        assert model.loss.proxies is None
        _fit(model, data)
        assert model.loss.proxies.shape == (CLASSES, 3)
        assert any(weight is model.loss.proxies for weight in model.trainable_weights)
        before = _proxies(model)
        _fit(model, data)
        assert (_proxies(model) != before).all()
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(
            tmp_path / "model.keras", custom_objects={"UnbuiltEncoder": UnbuiltEncoder}
        )
        assert _proxies(loaded).tolist() == _proxies(model).tolist()
        assert _fit(loaded, data) == _fit(model, data)

    @compiled_only
    def test_a_plain_keras_model_is_told_what_to_do(self, data):
        model = keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(4)])
        model.compile("sgd", NormalizedSoftmaxLoss(CLASSES))
        message = r"has weights of its own.*SiameseModel.*build\(embedding_dim\)"
        with pytest.raises(ValueError, match=message):
            model.fit(*data, verbose=0)

    @tensorflow_only
    def test_a_loop_of_ones_own(self, data):
        keras.utils.set_random_seed(1)
        encoder = ks.encoders.mlp((6,), 4, hidden_units=(8,))
        loss = NormalizedSoftmaxLoss(CLASSES, temperature=0.2, seed=3)
        loss.build(embedding_dim=4)
        optimizer = keras.optimizers.Adam(0.05)
        variables = [*encoder.trainable_variables, *loss.trainable_variables]
        optimizer.build(variables)
        before, losses = ops.convert_to_numpy(loss.proxies), []

        @tf.function
        def step(x, labels):
            with tf.GradientTape() as tape:
                value = loss(labels, encoder(x, training=True))
            optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
            return value

        for _ in range(20):
            losses.append(float(step(*map(tf.constant, data))))
        assert losses[-1] < 0.7 * losses[0]
        assert (ops.convert_to_numpy(loss.proxies) != before).all()


@keras.saving.register_keras_serializable(package="tests_of_proxies")
class UnbuiltEncoder(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


class TestLabels:
    @pytest.mark.parametrize(
        ("labels", "dtype"),
        [
            ([0, 4], "int64"),
            ([0, -1], "int64"),
            ([1, 2**32], "int64"),
            ([[1], [200]], "uint8"),
            pytest.param([1, 2**63], *UINT64.values, marks=UINT64.marks),
        ],
        ids=str,
    )
    def test_out_of_range(self, labels, dtype):
        loss, labels = NormalizedSoftmaxLoss(CLASSES), np.array(labels, dtype)
        x = np.ones((2, 3), "float32")
        message = (
            rf"must be 0 to 3.*`num_classes=4`.*encode_labels.*Received: \[{labels.ravel()[1]}\]"
        )
        with pytest.raises(ValueError, match=message):
            loss(labels, x)

    @pytest.mark.parametrize("mode", MODES[1:])
    def test_out_of_range_in_a_graph(self, mode):
        loss, x = NormalizedSoftmaxLoss(CLASSES), np.ones((2, 3), "float32")
        loss.build(3)
        run = differentiate(lambda labels, x: loss(labels, x), mode)
        assert np.isfinite(run(np.array([0, 3]), x)[0])
        for labels in ([0, 4], [0, -1], [1, 2**32]):
            assert np.isnan(run(np.array(labels), x)[0])
        # As int8 or int32, they would be below 0, and 0.
        for label, dtype in ((200, "uint8"), (2**63, "uint64")):
            assert np.isnan(run(np.array([[1], [label]], dtype), x)[0])

    @pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", UINT64])
    def test_types(self, rng, dtype):
        loss, x = NormalizedSoftmaxLoss(200, seed=1), rng.normal(size=(4, 3))
        labels = np.array([0, 5, 127, 3])
        assert float(loss(labels.astype(dtype), x)) == float(loss(labels, x))

    def test_no_integers(self):
        with pytest.raises(ValueError, match="integer class ids"):
            NormalizedSoftmaxLoss(CLASSES)([0.0, 1.0], np.ones((2, 3)))

    @tensorflow_only
    def test_training_stops_at_them_and_weights_stay(self, data):
        x, labels = data
        model = _model(optimizer=keras.optimizers.SGD(0.1))
        before = model.get_weights()
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"Labels must be 0 to 3"):
            model.fit(x, labels + 1, batch_size=48, verbose=0)
        model = _model(optimizer=keras.optimizers.SGD(0.1), jit_compile=True)
        with pytest.raises(ValueError, match="loss is not finite"):
            model.fit(x, labels + 1, batch_size=48, verbose=0)
        for one, other in zip(before, model.get_weights(), strict=True):
            assert one.tolist() == other.tolist()

    @tensorflow_only
    def test_classes_not_trained_on_can_be_evaluated(self, data):
        x, labels = data
        model = _model(metrics=[ks.metrics.RecallAtK(1)])
        seen = model.evaluate(x, labels, return_dict=True, verbose=0)
        unseen = model.evaluate(x, labels + 100, return_dict=True, verbose=0)
        assert np.isnan(unseen["loss"])
        assert unseen["recall_at_1"] == seen["recall_at_1"]


class TestRefused:
    def test_what_is_no_labelled_batch(self):
        loss, x = NormalizedSoftmaxLoss(CLASSES), np.ones((2, 3))
        with pytest.raises(ValueError, match="NormalizedSoftmaxLoss has no meaning on pairs"):
            loss.on_pairs(x, x, [0, 1])
        with pytest.raises(ValueError, match="NormalizedSoftmaxLoss has no meaning on triplets"):
            loss.on_triplets(x, x, x)
        with pytest.raises(ValueError, match="NormalizedSoftmaxLoss has no meaning on views"):
            loss.on_views(x, x)

    def test_a_second_set(self):
        loss, x, labels = NormalizedSoftmaxLoss(CLASSES), np.ones((2, 3)), np.array([0, 1])
        for second in (
            {"candidates": x, "candidate_labels": labels},
            {"candidates": x},
            {"own": labels},
        ):
            with pytest.raises(ValueError, match="proxies alone, not with a second set"):
                loss.on_batch(labels, x, **second)

    @pytest.mark.parametrize("argument", ["distance", "miner", "relation", "margin"])
    def test_arguments_that_are_fixed(self, argument):
        with pytest.raises(ValueError, match=f"takes no `{argument}`"):
            NormalizedSoftmaxLoss(CLASSES, **{argument: 0.5})

    @pytest.mark.parametrize("number", [1, 0, 2.0, None, True])
    def test_numbers_of_classes(self, number):
        with pytest.raises(ValueError, match="`num_classes` must be an integer of at least 2"):
            NormalizedSoftmaxLoss(number)

    @pytest.mark.parametrize("multiplier", [0, -1.0, None])
    def test_multipliers(self, multiplier):
        with pytest.raises(ValueError, match="`learning_rate_multiplier` must be a finite number"):
            NormalizedSoftmaxLoss(CLASSES, learning_rate_multiplier=multiplier)

    def test_embeddings_of_another_size(self):
        loss = NormalizedSoftmaxLoss(CLASSES)
        loss([0, 1], np.ones((2, 3)))
        with pytest.raises(ValueError, match=r"of size 3. Received: size 5. Make a new one"):
            loss([0, 1], np.ones((2, 5)))


def test_it_is_a_base():
    for kind in (ArcFaceLoss, NormalizedSoftmaxLoss, ProxyAnchorLoss, SoftTripleLoss):
        assert issubclass(kind, ProxyLoss)


def test_embedding_regularizer(rng):
    # The sum of squares, a hundredth of it, over the number of embeddings.
    x = rng.normal(size=(6, 3))
    plain = NormalizedSoftmaxLoss(CLASSES, seed=1)
    regularized = NormalizedSoftmaxLoss(
        CLASSES, seed=1, embedding_regularizer=keras.regularizers.L2(0.01)
    )
    labels = [0, 1, 2, 3, 0, 0]
    difference = float(regularized(labels, x)) - float(plain(labels, x))
    assert difference == pytest.approx(0.01 * (x**2).sum() / 6, rel=1e-6)


def test_initial_proxies():
    proxies = []
    for seed in (1, 2, None, None):
        keras.utils.set_random_seed(7)
        loss = NormalizedSoftmaxLoss(500, seed=seed)
        loss.build(64)
        proxies.append(ops.convert_to_numpy(loss.proxies))
    assert (proxies[0] != proxies[1]).any()
    assert (proxies[2] == proxies[3]).all()
    # About unit vectors.
    assert np.linalg.norm(proxies[0], axis=1) == pytest.approx(np.ones(500), abs=0.4)


@pytest.mark.parametrize("loss", [ArcFaceLoss, NormalizedSoftmaxLoss, ProxyAnchorLoss])
def test_one_proxy_a_class(loss):
    with pytest.raises(ValueError, match=r"has one proxy for each class.*centers_per_class=3"):
        loss(4, centers_per_class=3)
