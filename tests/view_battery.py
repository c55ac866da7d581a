"""What holds for every loss of two views: values, gradients, types, modes, invariances.

A test class of a loss inherits from `ViewBattery`, names some settings of the loss, and gives its
formula in loops.
"""

import copy
import json

import keras
import numpy as np
import pytest
from keras import ops
from loss_harness import MODES, differentiate

NUM_ITEMS, DIM = 7, 4


class ViewBattery:
    """Tests of one loss.

    Attributes:
        settings: Losses by a name of their arguments. The first is run in all modes.
        precision: Relative error of the values for float64 embeddings.
    """

    settings = {}
    precision = 1e-9

    @staticmethod
    def reference(loss, x1, x2, fixed):
        """The loss in float64 loops; `fixed` are the views as what no gradient flows into."""
        raise NotImplementedError

    @pytest.fixture
    def loss(self, setting, rng):
        return self.with_weights(self.settings[setting], rng)

    @pytest.fixture
    def first(self, rng):
        return self.with_weights(next(iter(self.settings.values())), rng)

    @staticmethod
    def with_weights(loss, rng):
        loss.build(DIM)
        for weight in (weight for layer in loss.layers for weight in layer.weights):
            weight.assign(rng.uniform(0.2, 1.2, weight.shape) * rng.choice([-1, 1], weight.shape))
            if "variance" in weight.name:
                weight.assign(ops.abs(weight))
        return loss

    @pytest.fixture
    def views(self, rng):
        x1 = rng.normal(size=(NUM_ITEMS, DIM)) * [0.5, 1.0, 2.0, 0.1] + [0, 3, -1, 0.2]
        return x1, x1 + 0.3 * rng.normal(size=(NUM_ITEMS, DIM))

    @staticmethod
    def both(x1, x2):
        return np.stack([x1, x2])

    def test_values_and_gradients(self, rng, loss, views):
        value, gradient = differentiate(lambda x: loss(x[0], x[1]))(self.both(*views))
        assert value == pytest.approx(self.reference(loss, *views, views), rel=self.precision)
        assert gradient.any()
        for _ in range(2):
            steps = rng.normal(size=gradient.shape)
            ahead, behind = (
                self.reference(loss, views[0] + far * steps[0], views[1] + far * steps[1], views)
                for far in (1e-6, -1e-6)
            )
            slope = (ahead - behind) / 2e-6
            rel = max(1e-5, 30 * self.precision)
            assert (gradient * steps).sum() == pytest.approx(slope, rel=rel, abs=rel)

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
    def test_low_precision(self, loss, views, dtype):
        x1, x2 = (ops.cast(ops.convert_to_tensor(x.astype("float32")), dtype) for x in views)
        value = loss(x1, x2)
        assert keras.backend.standardize_dtype(value.dtype) == "float32"
        expected = ops.convert_to_numpy(loss(ops.cast(x1, "float32"), ops.cast(x2, "float32")))
        assert ops.convert_to_numpy(value) == pytest.approx(expected, rel=1e-2, abs=1e-2)

    @pytest.mark.parametrize("mode", MODES)
    def test_modes_and_degenerate_batches(self, first, views, mode):
        x1, x2 = (x.astype("float32") for x in views)
        flat = np.where(np.arange(DIM) == 1, np.float32(0.1), x1)
        equal = np.tile(x1[:1], (NUM_ITEMS, 1))
        run = differentiate(lambda x1, x2: first(x1, x2), mode)
        eager = differentiate(lambda x1, x2: first(x1, x2))
        batches = [(x1, x2), (100 * x1, 100 * x2), (flat, x2), (flat, flat), (x1, x1), (x1, -x1)]
        batches += [(equal, equal), (equal, x2), (0 * x1, 0 * x2), (0 * x1, x2)]
        batches += [(x1[:1], x2[:1]), (0 * x1[:1], 0 * x1[:1])]
        for batch in batches:
            value, *gradients = run(*batch)
            assert value.dtype == "float32"
            assert value == pytest.approx(self.reference(first, *batch, batch), rel=2e-4, abs=1e-4)
            for gradient, expected in zip(gradients, eager(*batch)[1:], strict=True):
                assert np.isfinite(gradient).all()
                size = max(1.0, float(np.abs(expected).max()))
                assert gradient == pytest.approx(expected, rel=1e-3, abs=2e-5 * size)

    def test_invariances(self, rng, loss, views):
        x1, x2 = views

        def value(x1, x2):
            return ops.convert_to_numpy(loss(x1, x2))

        expected = pytest.approx(value(x1, x2), rel=self.precision)
        order = rng.permutation(NUM_ITEMS)
        assert value(x1[order], x2[order]) == expected
        assert value(x2, x1) == expected
        self.check_invariances(rng, value, x1, x2, expected)

    def check_invariances(self, rng, value, x1, x2, expected):
        """Further ones of a loss."""

    def test_regularizer(self, first, views):
        loss = type(first)(embedding_regularizer=keras.regularizers.L2(0.1))
        plain = type(first)()
        loss.build(DIM), plain.build(DIM)
        for one, other in zip(loss.layers, plain.layers, strict=True):
            one.set_weights(other.get_weights())
        penalty = 0.1 * np.square(self.both(*views)).sum() / (2 * NUM_ITEMS)
        expected = ops.convert_to_numpy(plain(*views)) + penalty
        assert ops.convert_to_numpy(loss(*views)) == pytest.approx(expected, rel=1e-6)

    def test_round_trip(self, loss, views):
        config = json.loads(json.dumps(keras.saving.serialize_keras_object(loss)))
        for restored in (
            keras.saving.deserialize_keras_object(config, safe_mode=True),
            copy.deepcopy(loss),
        ):
            assert restored is not loss
            assert type(restored) is type(loss)
            assert restored.get_config() == loss.get_config()
            restored.build(DIM)
            for ours, theirs in zip(restored.layers, loss.layers, strict=True):
                ours.set_weights(theirs.get_weights())
            expected = ops.convert_to_numpy(loss(*views))
            assert ops.convert_to_numpy(restored(*views)) == pytest.approx(expected, rel=1e-12)
