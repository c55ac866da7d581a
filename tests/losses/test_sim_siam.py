import keras
import numpy as np
import pytest
from keras import ops
from loss_harness import differentiate, tensorflow_only
from reference import view_losses
from view_battery import DIM, NUM_ITEMS, ViewBattery

import keras_siamese as ks
from keras_siamese.losses import SimSiamLoss


def _float(value):
    return float(ops.convert_to_numpy(value))


def _weights(loss):
    names = ("kernel", "gamma", "beta", "moving_mean", "moving_variance", "kernel", "bias")
    weights = [w for layer in loss.predictor.layers for w in layer.weights]
    assert [weight.name for weight in weights] == list(names)
    return [ops.convert_to_numpy(weight) for weight in weights]


def _says(predicted):
    """A loss whose predictor says the same of everything."""
    loss = SimSiamLoss()
    loss.build(len(predicted))
    kernel, _ = loss.predictor.layers[-1].get_weights()
    loss.predictor.layers[-1].set_weights([0 * kernel, np.asarray(predicted, "float32")])
    return loss


def test_golden():
    # Cosines to (1, 0): of (3, 4) 0.6 and of (1, 0) 1; of (0, 2) 0 and of (-4, 3) -0.8.
    x1, x2 = np.array([[3.0, 4.0], [0.0, 2.0]]), np.array([[1.0, 0.0], [-4.0, 3.0]])
    loss = _says([1.0, 0.0])
    # -(0.6 + 1) / 2 and -(0 - 0.8) / 2.
    assert _float(loss(x1, x2)) == pytest.approx((-0.8 + 0.4) / 2, rel=1e-6)
    # Weights 1 and 3: (-0.8 + 3 * 0.4) / 2.
    assert _float(loss(x1, x2, [1, 3])) == pytest.approx(0.2, rel=1e-6)
    assert _float(loss(x1, x2, [[1.0], [3.0]])) == pytest.approx(0.2, rel=1e-6)


def test_collapse_looks_like_success():
    x = np.ones((5, 3))
    assert _float(_says([1.0, 1.0, 1.0])(x, x)) == pytest.approx(-1, rel=1e-6)


def test_what_is_predicted_has_no_gradient(rng):
    # All of a constant prediction's gradient would flow into what is predicted.
    x = rng.normal(size=(5, 3)).astype("float32")
    value, *gradients = differentiate(lambda x1, x2: _says([1.0, 2.0, 3.0])(x1, x2))(x, x + 1)
    assert value != 0
    assert not np.any(gradients)


@tensorflow_only
def test_one_item_in_training():
    loss = SimSiamLoss()
    run = differentiate(lambda x1, x2: loss.on_views(x1, x2, training=True).value)
    loss.build(3)
    value, *gradients = run(np.float32([[1, 2, 3]]), np.float32([[3, 2, 1]]))
    assert value == 0
    assert np.isfinite(gradients).all()


@pytest.mark.parametrize(("dim", "units", "expected"), [(8, None, 2), (3, None, 1), (3, 5, 5)])
def test_predictor_units(dim, units, expected):
    loss = SimSiamLoss(units)
    loss.build(dim)
    assert loss.predictor.layers[0].kernel.shape == (dim, expected)
    assert len(loss.trainable_variables) == 5
    assert len(loss.layers) == 1


def test_the_predictor_is_float32_under_any_policy():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        loss = SimSiamLoss()
        loss.build(4)
    finally:
        keras.config.set_dtype_policy("float32")
    predicted = loss.predictor(np.ones((2, 4), "float32"))
    assert keras.backend.standardize_dtype(predicted.dtype) == "float32"


@pytest.mark.parametrize("units", [0, -3, 1.5, True])
def test_bad_arguments(units):
    with pytest.raises(ValueError, match="`predictor_units` must be an integer of at least 1"):
        SimSiamLoss(units)


@tensorflow_only
def test_model_trains_and_saves_the_predictor(rng, tmp_path):
    x = rng.normal(size=(32, 6)).astype("float32")
    views = (x, x + 0.1 * rng.normal(size=x.shape).astype("float32"))
    model = ks.SiameseModel(ks.encoders.mlp((6,), 8, hidden_units=(8,)))
    loss = SimSiamLoss()
    model.compile(keras.optimizers.Adam(0.01), loss)
    before = _weights(loss)
    model.fit(views, batch_size=16, epochs=2, verbose=0)
    after = _weights(loss)
    assert all((one != other).any() for one, other in zip(before, after, strict=True))
    assert len(model.encoder.trainable_weights) == len(model.trainable_weights) - 5
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    for one, other in zip(after, _weights(restored.loss), strict=True):
        np.testing.assert_array_equal(one, other)
    value = model.evaluate(views, verbose=0)
    assert restored.evaluate(views, verbose=0) == pytest.approx(value, rel=1e-6)


class TestBattery(ViewBattery):
    settings = {"default": SimSiamLoss(3), "euclidean": SimSiamLoss(2, distance="euclidean")}
    precision = 2e-6  # the predictor is float32

    @staticmethod
    def reference(loss, x1, x2, fixed):
        losses = view_losses.sim_siam(x1, x2, _weights(loss), False, fixed)
        return sum(losses) / len(losses)

    @tensorflow_only
    def test_training(self, rng, loss, views):
        weights = _weights(loss)

        def expected(x1, x2):
            return sum(view_losses.sim_siam(x1, x2, weights, True, views)) / NUM_ITEMS

        run = differentiate(lambda x: loss.on_views(x[0], x[1], training=True).value)
        value, gradient = run(self.both(*views))
        assert value == pytest.approx(expected(*views), rel=1e-5)
        steps = rng.normal(size=(2, NUM_ITEMS, DIM))
        ahead, behind = (
            expected(views[0] + far * steps[0], views[1] + far * steps[1]) for far in (1e-6, -1e-6)
        )
        assert (gradient * steps).sum() == pytest.approx((ahead - behind) / 2e-6, rel=1e-4)

    @tensorflow_only
    def test_scale_in_training(self, loss, views):
        # Batch normalisation undoes a scale, but for its epsilon.
        x1, x2 = views
        value, scaled = (
            _float(loss.on_views(scale * x1, scale * x2, training=True).value)
            for scale in (10.0, 1000.0)
        )
        assert scaled == pytest.approx(value, rel=1e-4)

    def check_invariances(self, rng, value, x1, x2, expected):
        assert -1 <= value(x1, x2) <= 1
