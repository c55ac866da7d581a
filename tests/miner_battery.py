"""What holds for every miner: which tuples, over labels, sets, relations and modes.

A test class of a miner inherits from `MinerBattery`, names some settings of the miner, and says by
loops which tuples it gives.
"""

import importlib

import keras
import numpy as np
import pytest
from keras import ops
from loss_harness import DISTANCES, LABELS, MODES, tensor, tensorflow_only, triplet_set
from reference import loops, mining

from keras_siamese import distances
from keras_siamese.miners import Pairs
from keras_siamese.ops.checks import as_labels
from keras_siamese.ops.positives import find_classes
from keras_siamese.relations import Relation

MARGIN = 0.5


@keras.saving.register_keras_serializable(package="keras_siamese_tests")
class NeighbouringClass(Relation):
    """Items match whose ids differ by at most 1: an item may match two that do not."""

    def as_labels(self, labels):
        return as_labels(labels)

    def matches(self, labels, other_labels):
        return ops.abs(labels[:, None] - other_labels[None, :]) <= 1


def tuples_of(result):
    """The mined triplets `(anchor, positive, negative)`, or pairs `(anchor, candidate, same)`."""
    if not isinstance(result, Pairs):
        return triplet_set(result)
    candidate, same, mask = (ops.convert_to_numpy(x) for x in result)
    anchor = np.broadcast_to(np.arange(len(mask))[:, None], mask.shape)
    return sorted(
        zip(anchor[mask].tolist(), candidate[mask].tolist(), same[mask].tolist(), strict=True)
    )


class MinerBattery:
    """Tests of one miner.

    Attributes:
        settings: Miners by a name of their arguments. The first is run in all modes.
        distances: Names of the distances that it is tested with.
    """

    settings = {}
    distances = DISTANCES

    def reference(self, miner, d, sides, distance):
        """The tuples, in float64 loops over distances."""
        raise NotImplementedError

    def check(self, miner, result, x, candidates, sides, distance):
        """Compares what was mined with the reference."""
        d = loops.distances(distance, x, candidates)
        expected = sorted(self.reference(miner, d, sides, distance))
        assert tuples_of(result) == expected

    @pytest.fixture
    def miner(self, setting):
        return self.settings[setting]

    @pytest.mark.parametrize("name", LABELS)
    def test_labels(self, rng, miner, name):
        labels = LABELS[name]
        for dtype, distance in (("float64", self.distances[0]), ("float16", self.distances[-1])):
            x = rng.normal(size=(12, 3)).astype(dtype)
            result = miner(labels, tensor(x), distance=distance, margin=MARGIN)
            self.check(miner, result, x, x, mining.sides(labels), distance)

    def test_distances(self, rng, miner):
        for distance in self.distances:
            x = rng.normal(size=(12, 3))
            result = miner(LABELS["ragged"], tensor(x), distance=distance, margin=MARGIN)
            self.check(miner, result, x, x, mining.sides(LABELS["ragged"]), distance)

    def test_two_sets(self, rng, miner):
        labels, candidate_labels = LABELS["ragged"], np.array([5, 1, 1, 7, 5, 2, 7, 1, 9])
        x, candidates = rng.normal(size=(12, 3)), rng.normal(size=(9, 3))
        candidates[4] = x[0]  # equal, and yet another item
        distance = self.distances[0]
        result = miner(labels, tensor(x), candidate_labels, tensor(candidates), distance=distance)
        sides = mining.sides(labels, candidate_labels)
        self.check(miner, result, x, candidates, sides, distance)

    def test_own_place(self, rng, miner):
        # The anchors are among the candidates, in another order.
        order, distance = rng.permutation(12), self.distances[0]
        labels, x = LABELS["ragged"], rng.normal(size=(12, 3))
        own = np.argsort(order)[:7]
        classes = find_classes(
            *(tensor(y) for y in (labels[:7], labels[order])), tensor(own.astype("int32"))
        )
        result = miner.mine(
            tensor(x[:7]), tensor(x[order]), classes, distance=distances.get(distance), margin=None
        )
        sides = mining.sides(labels[:7], labels[order], own)
        self.check(miner, result, x[:7], x[order], sides, distance)

    def test_relation(self, rng, miner):
        labels, candidate_labels = np.arange(12) % 7, np.array([0, 3, 9, 5])
        x, candidates = rng.normal(size=(12, 3)), rng.normal(size=(4, 3))
        distance, relation = self.distances[0], NeighbouringClass()

        def matches(a, b):
            return abs(a - b) <= 1

        result = miner(labels, tensor(x), distance=distance, relation=relation)
        self.check(miner, result, x, x, mining.sides(labels, matches=matches), distance)
        result = miner(
            labels,
            tensor(x),
            candidate_labels,
            tensor(candidates),
            distance=distance,
            relation=relation,
        )
        sides = mining.sides(labels, candidate_labels, matches=matches)
        self.check(miner, result, x, candidates, sides, distance)

    @tensorflow_only
    @pytest.mark.parametrize("mode", MODES[1:])
    def test_modes(self, rng, mode):
        import tensorflow as tf

        miner = next(iter(self.settings.values()))
        size, distance = None if mode == "unknown_batch_size" else 12, self.distances[0]
        mine = tf.function(
            lambda labels, x: miner(labels, x, distance=distance, margin=MARGIN),
            input_signature=[tf.TensorSpec([size], "int64"), tf.TensorSpec([size, 3], "float64")],
            jit_compile=mode == "jit_compile",
            autograph=False,
        )
        for name in ("p_x_k", "ragged", "one_class", "singletons"):
            x = rng.normal(size=(12, 3))
            result = mine(LABELS[name], x)
            self.check(miner, result, x, x, mining.sides(LABELS[name]), distance)

    def test_in_blocks(self, rng, miner, monkeypatch):
        module = importlib.import_module(type(miner).__module__)
        monkeypatch.setattr(module, "rows_within", lambda elements, per_row: 8)
        labels, x = rng.integers(0, 5, 21), rng.normal(size=(21, 3))
        distance = self.distances[0]
        result = miner(labels, tensor(x), distance=distance, margin=MARGIN)
        self.check(miner, result, x, x, mining.sides(labels), distance)

    def test_points_that_are_equal(self, miner):
        # Which of the tied is taken is left open, but it is a tuple of its kind.
        for value in (0.0, 1.0):
            labels, x = LABELS["ragged"], np.full((12, 3), value, "float32")
            tuples = tuples_of(miner(labels, x, distance=self.distances[0], margin=MARGIN))
            assert len(set(tuples)) == len(tuples)
            for a, b, c in tuples:
                assert a != b
                if isinstance(c, bool):
                    assert c == (labels[a] == labels[b])
                else:
                    assert labels[a] == labels[b] != labels[c]
