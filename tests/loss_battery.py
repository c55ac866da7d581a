"""What holds for every loss on labelled batches: values, gradients, types, modes, invariances.

A test class of a loss inherits from `LossBattery`, names some settings of the loss, and gives its
formula in loops.
"""

import copy
import json

import keras
import numpy as np
import pytest
from keras import ops
from loss_harness import DOUBLE, LABELS, MODES, differentiate
from reference import loops

DIM = 4
REDUCTIONS = ("mean", "mean_nonzero", "sum", "none")


class LossBattery:
    """Tests of one loss.

    Attributes:
        settings: Losses by a name of their arguments. The first is run in all modes.
        labels: Label sets of twelve items, by the names of `loss_harness.LABELS`.
        constant_when_collapsed: The loss of a P x K batch of three classes of four equal
            embeddings, by the name of the setting: a number, or None where none is documented.
        rotation_invariant: Whether rotating all embeddings changes nothing.
        scale_invariant: Whether scaling each embedding by a positive factor changes nothing.
        takes_two_sets: Whether candidates may come from a second set.
        modes: The ways to run it. Those in a program are left out of a second class of tests for
            one formula, as of another distance.
        active_in: The label sets on which random embeddings have a loss above 0.
    """

    settings = {}
    labels = LABELS
    constant_when_collapsed = {}
    rotation_invariant = True
    scale_invariant = False
    takes_two_sets = True
    modes = MODES
    active_in = ("p_x_k", "shuffled", "ragged")

    @staticmethod
    def reference(loss, labels, x, candidate_labels=None, candidates=None):
        """The loss of each tuple: a list of `(anchor, value)`, in float64 loops."""
        raise NotImplementedError

    def expected(self, loss, labels, x, *others, weights=None):
        """The reduced loss, by the reference."""
        x = np.asarray(x, "float64")
        losses = self.reference(loss, labels, x, *others)
        return loops.reduce(losses, loss.reduction, len(labels), weights=weights)

    def expected_beside(self, loss, labels, x, change):
        """The loss of `x + change`, where what the loss does not differentiate is that of `x`."""
        return self.expected(loss, labels, x + change)

    def with_reduction(self, loss, reduction):
        return type(loss).from_config({**loss.get_config(), "reduction": reduction})

    def embeddings(self, rng, size=12):
        return rng.normal(size=(size, DIM))

    @pytest.fixture
    def loss(self, setting):
        loss = self.settings[setting]
        loss.build(DIM)
        return loss

    @pytest.fixture
    def first(self):
        loss = next(iter(self.settings.values()))
        loss.build(DIM)
        return loss

    @pytest.fixture
    def is_first(self, setting):
        return setting == next(iter(self.settings))

    @pytest.mark.parametrize("name", ["p_x_k", "ragged"])
    def test_values_and_gradients(self, rng, loss, name):
        self.check_values_and_gradients(rng, loss, name)

    @pytest.mark.parametrize("name", ["shuffled", "pairs"])
    def test_values_and_gradients_of_further_labels(self, rng, first, name):
        self.check_values_and_gradients(rng, first, name)

    def check_values_and_gradients(self, rng, loss, name):
        labels, x = self.labels[name], self.embeddings(rng)
        value, gradient = differentiate(lambda x: loss(labels, x))(x)
        assert value.dtype in ("float64", DOUBLE)
        assert value == pytest.approx(self.expected(loss, labels, x), rel=1e-9, abs=1e-12)
        if name in self.active_in:
            assert gradient.any(), "nothing is tested"
        for _ in range(2):
            direction = rng.normal(size=x.shape)
            ahead, behind = (
                self.expected_beside(loss, labels, x, step * direction) for step in (1e-6, -1e-6)
            )
            slope = (ahead - behind) / 2e-6
            assert (gradient * direction).sum() == pytest.approx(slope, rel=1e-5, abs=1e-7)

    def test_modes(self, rng, first, battery_mode):
        run = differentiate(lambda labels, x: first(labels, x), battery_mode)
        eager = differentiate(lambda labels, x: first(labels, x))
        for name in ("p_x_k", "ragged", "one_class", "singletons"):
            labels, x = self.labels[name], self.embeddings(rng)
            value, gradient = run(labels, x.astype("float32"))
            expected_value, expected_gradient = eager(labels, x)
            assert value.dtype == gradient.dtype == "float32"
            assert np.isfinite(gradient).all()
            assert value == pytest.approx(expected_value, rel=1e-4, abs=1e-5)
            size = max(1.0, np.abs(expected_gradient).max())
            assert gradient == pytest.approx(expected_gradient, rel=1e-3, abs=2e-5 * size)

    def test_reductions_and_weights(self, rng, first):
        labels, x = self.labels["ragged"], self.embeddings(rng)
        weights = rng.choice([0.0, 0.5, 1.0, 2.0], 12)
        for reduction in REDUCTIONS:
            if reduction not in first.reductions:
                continue
            loss = self.with_reduction(first, reduction)
            for some in (None, weights):
                value = ops.convert_to_numpy(loss(labels, x, some))
                expected = self.expected(loss, labels, x, weights=some)
                assert value == pytest.approx(expected, rel=1e-9, abs=1e-12)

    def test_two_sets(self, rng, loss):
        # No item is left out: what the second set holds is another item, also where it is equal.
        if not self.takes_two_sets:
            pytest.skip("compares with no second set")
        labels, x = self.labels["ragged"], self.embeddings(rng)
        candidate_labels = np.array([5, 1, 1, 7, 5, 2, 9])
        candidates = self.embeddings(rng, 7)
        result = loss.on_batch(labels, x, candidate_labels=candidate_labels, candidates=candidates)
        expected = self.expected(loss, labels, x, candidate_labels, candidates)
        assert ops.convert_to_numpy(result.value) == pytest.approx(expected, rel=1e-9, abs=1e-12)
        # The batch itself as the second set, each item left out by its place: the plain loss.
        order = rng.permutation(12)
        result = loss.on_batch(
            labels,
            x,
            candidate_labels=labels[order],
            candidates=x[order],
            own=np.argsort(order),
        )
        expected = self.expected(loss, labels, x)
        assert ops.convert_to_numpy(result.value) == pytest.approx(expected, rel=1e-9, abs=1e-12)

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
    def test_low_precision(self, rng, loss, dtype):
        labels = self.labels["p_x_k"]
        x = ops.cast(ops.convert_to_tensor(self.embeddings(rng).astype("float32")), dtype)
        value = loss(labels, x)
        assert keras.backend.standardize_dtype(value.dtype) == "float32"
        expected = ops.convert_to_numpy(loss(labels, ops.cast(x, "float32")))
        assert ops.convert_to_numpy(value) == pytest.approx(expected, rel=1e-2, abs=1e-2)

    def test_large_embeddings(self, rng, loss):
        for name in ("p_x_k", "ragged"):
            x = 100 * self.embeddings(rng).astype("float32")
            value, gradient = differentiate(lambda x, name=name: loss(self.labels[name], x))(x)
            assert np.isfinite(value)
            assert np.isfinite(gradient).all()

    def test_degenerate_batches(self, rng, loss, is_first):
        run = differentiate(lambda labels, x: loss(labels, x))
        x = self.embeddings(rng)
        equal = np.tile([0.5, -1.25, 2.0, 0.25], (12, 1))
        batches = [(self.labels[name], x) for name in ("one_class", "singletons")]
        batches += [(self.labels["p_x_k"], 0 * x), (self.labels["p_x_k"], equal)]
        batches += [(self.labels["one_class"], equal)]
        batches += [(np.array(label), x[:1]) for label in ([7], [[7]])]
        for labels, x in batches:
            for dtype in ("float32", "float64") if is_first else ("float32",):
                value, gradient = run(labels, x.astype(dtype))
                assert np.isfinite(value)
                assert np.isfinite(gradient).all()

    def test_collapsed(self, setting, loss):
        if self.constant_when_collapsed.get(setting) is None:
            pytest.skip("no constant documented")
        x = np.tile([0.5, -0.5, 0.5, 0.5], (12, 1))
        value = ops.convert_to_numpy(loss(self.labels["p_x_k"], x))
        assert value == pytest.approx(self.constant_when_collapsed[setting], rel=1e-6)

    def test_invariances(self, rng, loss):
        labels, x = self.labels["ragged"], self.embeddings(rng)

        def value(labels, x):
            return ops.convert_to_numpy(loss(labels, x))

        expected = pytest.approx(value(labels, x), rel=1e-9, abs=1e-12)
        order = rng.permutation(12)
        assert value(labels[order], x[order]) == expected
        if self.takes_two_sets:
            assert value(-3 * labels + 2**33, x) == expected
        assert value(labels[:, None], x) == expected
        if self.rotation_invariant:
            rotation, _ = np.linalg.qr(rng.normal(size=(DIM, DIM)))
            assert value(labels, x @ rotation) == expected
        if self.scale_invariant:
            assert value(labels, x * rng.uniform(0.1, 10, (12, 1))) == expected

    def test_labels_stay_integers(self, rng, loss):
        if not self.takes_two_sets:
            pytest.skip("labels are places in a table")
        labels, x = np.repeat([2**24, 2**24 + 1, 5], 4), self.embeddings(rng)
        value = ops.convert_to_numpy(loss(labels, x))
        same_order = ops.convert_to_numpy(loss(np.repeat([1, 2, 0], 4), x))
        assert value == pytest.approx(same_order, rel=1e-9)

    def test_round_trip(self, rng, loss):
        labels, x = self.labels["p_x_k"], self.embeddings(rng)
        loss.build(DIM)
        config = json.loads(json.dumps(keras.saving.serialize_keras_object(loss)))
        for restored in (
            keras.saving.deserialize_keras_object(config, safe_mode=True),
            copy.deepcopy(loss),
        ):
            assert restored is not loss
            assert type(restored) is type(loss)
            assert restored.get_config() == loss.get_config()
            restored.build(DIM)
            assert len(restored.trainable_variables) == len(loss.trainable_variables)
            for ours, theirs in zip(
                restored.trainable_variables, loss.trainable_variables, strict=True
            ):
                ours.assign(theirs)
            value = ops.convert_to_numpy(restored(labels, x))
            assert value == pytest.approx(ops.convert_to_numpy(loss(labels, x)), rel=1e-12)

    def test_weight_gradients(self, rng, first):
        """The gradients by the weights of the loss, in a graph too, are slopes of its values."""
        labels, x = self.labels["ragged"], self.embeddings(rng)
        first.build(DIM)
        if not first.trainable_variables:
            pytest.skip("has no weights")
        if keras.backend.backend() != "tensorflow":
            pytest.skip("differentiates by variables in TensorFlow's way")
        import tensorflow as tf

        def gradients():
            with tf.GradientTape() as tape:
                value = first(labels, x)
            return tape.gradient(value, [v.value for v in first.trainable_variables])

        eager, graph = gradients(), tf.function(gradients, autograph=False)()
        for variable, one, other in zip(first.trainable_variables, eager, graph, strict=True):
            one, other = tf.convert_to_tensor(one).numpy(), tf.convert_to_tensor(other).numpy()
            assert one.any()
            assert one == pytest.approx(other, rel=1e-3, abs=1e-5)
            before = ops.convert_to_numpy(variable)
            direction = rng.normal(size=before.shape).astype("float32")
            values = []
            for step in (1e-3, -1e-3):
                variable.assign(before + step * direction)
                values.append(self.expected(first, labels, x))
            variable.assign(before)
            slope = (values[0] - values[1]) / 2e-3
            assert (one * direction).sum() == pytest.approx(slope, rel=2e-2, abs=1e-4)
