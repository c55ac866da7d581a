"""Two views of each item, from the data to the trained and evaluated model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_siamese as ks


@pytest.fixture
def views(rng):
    x = rng.normal(size=(48, 6)).astype("float32")
    return x, x + 0.3 * rng.normal(size=x.shape).astype("float32")


def _batches(*data, batch_size=16):
    return tf.data.Dataset.from_tensor_slices(data).batch(batch_size)


def _model(loss, rate=0.05, **options):
    model = ks.SiameseModel(ks.encoders.mlp((6,), 4, hidden_units=(8,), normalize=False))
    model.compile(keras.optimizers.SGD(rate), loss, **options)
    return model


@pytest.mark.parametrize(
    "options", [{}, {"jit_compile": True}, {"run_eagerly": True}], ids=lambda x: " ".join(x)
)
@pytest.mark.parametrize(
    "make_loss",
    [ks.losses.BarlowTwinsLoss, ks.losses.VICRegLoss, ks.losses.ContrastiveLoss],
    ids=lambda loss: loss.__name__,
)
def test_trains_by_the_gradient_of_the_loss(views, make_loss, options):
    model, rate = _model(make_loss(), **options), 0.05
    reference = keras.models.clone_model(model.encoder)
    reference.set_weights(model.encoder.get_weights())
    logs = model.fit(_batches(views), verbose=0, shuffle=False).history
    losses, loss = [], make_loss()
    for ((x1, x2),) in _batches(views):
        with tf.GradientTape() as tape:
            losses.append(loss.on_views(reference(x1), reference(x2)).value)
        gradients = tape.gradient(losses[-1], reference.trainable_weights)
        for weight, gradient in zip(reference.trainable_weights, gradients, strict=True):
            weight.assign_sub(rate * gradient)
    assert logs["loss"][0] == pytest.approx(np.mean([float(x) for x in losses]), rel=1e-4)
    for ours, theirs in zip(model.encoder.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    "loss",
    [ks.losses.BarlowTwinsLoss(), ks.losses.VICRegLoss(), ks.losses.SimSiamLoss()],
    ids=lambda loss: loss.name,
)
def test_loss_goes_down(views, loss):
    history = _model(loss, rate=0.01).fit(_batches(views), epochs=8, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert history["batch_active_fraction"] == [1.0] * 8


def test_any_loss_on_labels_takes_views(views):
    # Row i of both is a class of its own.
    model = _model(ks.losses.NTXentLoss(), metrics=[ks.metrics.PairAUC()])
    model.fit(_batches(views), verbose=0)
    z1, z2 = (model.predict(x, verbose=0) for x in views)
    expected = float(ks.losses.NTXentLoss()(np.tile(np.arange(48), 2), np.concatenate([z1, z2])))
    logs = model.evaluate(views, batch_size=48, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)


def test_figures_and_metrics(views):
    model = _model(ks.losses.VICRegLoss(distance="euclidean"), rate=0.0)
    z1, z2 = (model.predict(x, verbose=0) for x in views)
    same = np.linalg.norm(z1 - z2, axis=1)
    other = np.linalg.norm(z1[:-1] - z2[1:], axis=1)
    logs = model.fit(views, batch_size=48, shuffle=False, verbose=0).history
    assert logs["batch_positive_distance"][0] == pytest.approx(same.mean(), rel=1e-5)
    assert logs["batch_negative_distance"][0] == pytest.approx(other.mean(), rel=1e-5)
    assert 0.1 < logs["batch_spread"][0] <= 1
    assert "batch_recall_at_1" not in logs
    metrics = [ks.metrics.PairAUC(), ks.metrics.MeanPositiveDistance()]
    model.compile(loss=ks.losses.VICRegLoss(distance="euclidean"), metrics=metrics)
    # One batch of 48: 47 others; three of 16: 15 each.
    for batch_size, others in ((48, other), (16, np.delete(other, [15, 31]))):
        logs = model.evaluate(views, batch_size=batch_size, verbose=0, return_dict=True)
        auc = np.mean(others[:, None] > same)
        assert logs["pair_auc"] == pytest.approx(auc, abs=1e-6)
        assert logs["mean_positive_distance"] == pytest.approx(same.mean(), rel=1e-5)
    assert model.distance(*views) == pytest.approx(same, rel=1e-4, abs=1e-5)


def test_weights(views):
    weights = np.array([0.0, 2.0] * 8, "float32")
    x1, x2 = (x[:16] for x in views)
    model = _model(ks.losses.SimSiamLoss())
    batches = _batches((x1, x2), None, weights)
    model.fit(batches, verbose=0)
    half = model.evaluate((x1[1::2], x2[1::2]), verbose=0)
    assert model.evaluate(batches, verbose=0) == pytest.approx(half, rel=1e-5)
    for run in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=r"labels would be lost.*\(\(x1, x2\), None"):
            run((x1, x2), sample_weight=weights, verbose=0)
    with pytest.raises(ValueError, match="VICRegLoss takes no weights"):
        _model(ks.losses.VICRegLoss()).fit(batches, verbose=0)


def test_weighted_metrics(views):
    # The mean over 16 matches and 15 others, with the weights of the first view's item.
    x1, x2 = (x[:16] for x in views)
    weights = np.arange(16, dtype="float32")
    loss = ks.losses.ContrastiveLoss()
    mean = keras.metrics.MeanMetricWrapper(lambda y, d: d, name="mean")
    model = _model(loss, weighted_metrics=[mean])
    z1, z2 = (model.predict(x, verbose=0) for x in (x1, x2))
    d = np.linalg.norm(np.concatenate([z1 - z2, z1[:-1] - z2[1:]]), axis=1)
    expected = np.average(d, weights=np.concatenate([weights, weights[:-1]]))
    logs = model.evaluate(_batches((x1, x2), None, weights), verbose=0, return_dict=True)
    assert logs["mean"] == pytest.approx(expected, rel=1e-5)


def test_class_weight_is_refused(views):
    for data in (views, _batches(views)):
        with pytest.raises(ValueError, match=r"`class_weight` has no meaning for .* views"):
            _model(ks.losses.VICRegLoss()).fit(data, class_weight={0: 1.0}, verbose=0)


def test_what_cannot_be_trained_on_views(views):
    with pytest.raises(ValueError, match=r"views need a loss of `keras_siamese.losses`"):
        _model("mse").fit(views, verbose=0)
    model = ks.SiameseModel(ks.encoders.mlp((6,), 4))
    with pytest.raises(ValueError, match="normalize=False"):
        model.compile("adam", ks.losses.VICRegLoss())


def test_view_losses_refuse_other_batches(views):
    x, _ = views
    model = _model(ks.losses.BarlowTwinsLoss())
    labels = np.arange(48)
    for data in ((x, labels), ((x, x), labels % 2), (x, x, x)):
        with pytest.raises(ValueError, match="two_views"):
            model.fit(_batches(*data), verbose=0)


def test_collapse_is_told(views):
    model = _model(ks.losses.SimSiamLoss(), rate=0.0)
    model.encoder.set_weights([0 * weight for weight in model.encoder.get_weights()])
    model.encoder.layers[-1].bias.assign([1.0, 2.0, 3.0, 4.0])
    with pytest.warns(UserWarning, match="embeddings have collapsed"):
        model.fit(_batches(views), verbose=0)


def test_dicts_and_other_dtypes():
    inputs = {"a": keras.Input((3,), name="a"), "b": keras.Input((2,), name="b")}
    outputs = keras.layers.Dense(4)(keras.layers.Concatenate()([inputs["a"], inputs["b"]]))
    model = ks.SiameseModel(keras.Model(inputs, outputs))
    model.compile("sgd", ks.losses.BarlowTwinsLoss())
    rng = np.random.default_rng(0)
    one, two = ({"a": rng.normal(size=(8, 3)), "b": rng.normal(size=(8, 2))} for _ in range(2))
    model.fit((one, two), batch_size=8, verbose=0)
    assert np.isfinite(model.evaluate((one, two), verbose=0))


def test_from_augmentation_to_evaluation(views):
    x, _ = views
    batches = ks.data.two_views(x, keras.layers.GaussianNoise(0.1), batch_size=16, seed=0)
    model = _model(ks.losses.NTXentLoss(), metrics=[ks.metrics.PairAUC()])
    history = model.fit(batches, epochs=2, validation_data=batches, verbose=0).history
    assert history["val_pair_auc"][-1] > 0.9
