"""What holds for every proxy loss, beside what holds for every loss."""

import copy
import json

import keras
import numpy as np
import pytest
from keras import ops
from loss_battery import DIM, LossBattery
from loss_harness import DOUBLE, LABELS, MODES, differentiate

# Ids 0 to 11: of the set whose ids are far apart, their ranks.
PROXY_LABELS = {**LABELS, "shuffled": np.unique(LABELS["shuffled"], return_inverse=True)[1]}


class ProxyBattery(LossBattery):
    """Tests of one proxy loss of twelve classes, made with a seed.

    A test class gives `item_loss`, the reference of the loss of one item.
    """

    labels = PROXY_LABELS
    rotation_invariant = False
    scale_invariant = True
    takes_two_sets = False

    @staticmethod
    def item_loss(loss, x, label, proxies):
        raise NotImplementedError

    def reference(self, loss, labels, x):
        proxies = ops.convert_to_numpy(loss.proxies).astype("float64")
        return [
            (i, self.item_loss(loss, x[i], int(label), proxies)) for i, label in enumerate(labels)
        ]

    def test_rotation_of_all(self, rng, loss):
        labels, x = self.labels["ragged"], self.embeddings(rng)
        rotation, _ = np.linalg.qr(rng.normal(size=(DIM, DIM)))
        rotated = copy.deepcopy(loss)
        rotated.build(DIM)
        rotated.proxies.assign(ops.convert_to_numpy(loss.proxies) @ rotation)
        expected = float(loss(labels, x))
        assert float(rotated(labels, x @ rotation)) == pytest.approx(expected, rel=1e-5)

    def test_names_of_classes_and_norms_of_proxies_do_not_matter(self, rng, loss):
        labels, x = self.labels["ragged"], self.embeddings(rng)
        order = rng.permutation(12)
        renamed = copy.deepcopy(loss)
        renamed.build(DIM)
        proxies = ops.convert_to_numpy(loss.proxies).reshape(-1, 12, DIM)[:, order]
        renamed.proxies.assign((proxies * rng.uniform(0.5, 3, (12, 1))).reshape(-1, DIM))
        expected = float(loss(labels, x))
        assert float(renamed(np.argsort(order)[labels], x)) == pytest.approx(expected, rel=1e-5)

    def test_twelve_classes_with_a_seed(self, loss):
        assert loss.num_classes == 12
        first, second = (type(loss).from_config(loss.get_config()) for _ in range(2))
        for each in (first, second):
            each.build(DIM)
        ours, theirs = (ops.convert_to_numpy(each.proxies) for each in (first, second))
        assert (ours == theirs).all()
        assert first.learning_rate_multipliers() == {first.layers[0]: loss.learning_rate_multiplier}

    def test_config_holds_no_fixed_arguments(self, loss):
        config = json.loads(json.dumps(loss.get_config()))
        assert not {"distance", "miner", "relation"} & set(config)

    def test_embeddings_on_their_proxies_and_opposite(self, loss):
        proxies = ops.convert_to_numpy(loss.proxies)[:12].astype("float64")
        run = differentiate(lambda labels, x: loss(labels, x))
        for x in (proxies, -proxies, 1e3 * proxies, -1e-3 * proxies):
            for dtype in ("float32", "float64"):
                value, gradient = run(np.arange(12), x.astype(dtype))
                assert np.isfinite(value)
                assert np.isfinite(gradient).all()
            expected = self.expected(loss, np.arange(12), x)
            # Of a cosine next to 1, float32 knows the sine to 3e-4, and scales are up to 64.
            error = 1e-6 if DOUBLE == "float64" else 3e-2
            assert value == pytest.approx(expected, rel=1e-6, abs=error)

    @pytest.mark.parametrize("mode", MODES[1:])
    def test_gradient_by_proxies_in_programs(self, rng, first, mode):
        """Of all rows, those of classes that are not in the batch too.

        That they are right eagerly is tested by `test_weight_gradients`.
        """
        if keras.backend.backend() != "tensorflow":
            pytest.skip("differentiates by variables in TensorFlow's way")
        import tensorflow as tf

        labels, x = tf.constant([0, 3, 3]), tf.constant(rng.normal(size=(3, DIM)), tf.float32)

        def gradient(labels, x):
            with tf.GradientTape() as tape:
                value = first(labels, x)
            return tape.gradient(value, first.proxies.value)

        specs = None
        if mode == "unknown_batch_size":
            specs = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, DIM])]
        program = tf.function(
            gradient, input_signature=specs, jit_compile=mode == "jit_compile", autograph=False
        )
        in_program, eagerly = program(labels, x).numpy(), gradient(labels, x).numpy()
        size = float(np.abs(eagerly).max())
        assert in_program == pytest.approx(eagerly, rel=1e-3, abs=1e-5 * size)
