"""What the base gives to every miner."""

import numpy as np
import pytest
from keras import ops
from loss_harness import LABELS, tensorflow_only
from miner_battery import tuples_of

from keras_siamese.miners import Miner, MultiSimilarityMiner, SemiHardMiner, get
from keras_siamese.relations import Relation


class Recorder(Miner):
    """Notes what it is called with."""

    def __init__(self):
        self.calls = []

    def mine(self, anchors, candidates, classes, *, distance, margin):
        self.calls.append((anchors, candidates, classes, distance, margin))
        return classes.anchors

    def exhaustive(self, classes):
        return False


def test_what_mine_is_given(rng):
    miner, x = Recorder(), rng.normal(size=(4, 3)).astype("float16")
    miner([[0], [0], [1], [1]], x)
    anchors, candidates, classes, distance, margin = miner.calls[-1]
    assert candidates is anchors
    assert ops.convert_to_numpy(anchors) == pytest.approx(x.astype("float32"))
    assert "float32" in str(anchors.dtype)
    assert ops.convert_to_numpy(classes.own).tolist() == [0, 1, 2, 3]
    assert distance.name == "euclidean"
    assert margin is None

    miner([0, 0, 1, 1], x, [1, 0], x[:2].astype("float32"), distance="cosine", margin=2)
    anchors, candidates, classes, distance, margin = miner.calls[-1]
    assert tuple(candidates.shape) == (2, 3)
    assert classes.own is None
    assert distance.name == "cosine"
    assert margin == 2.0


def test_relation(rng):
    class Any(Relation):
        def as_labels(self, labels):
            return ops.convert_to_tensor(labels)

        def matches(self, labels, other_labels):
            return ops.any(ops.logical_and(labels[:, None] > 0, other_labels[None] > 0), axis=-1)

    labels = np.array([[1, 0], [1, 1], [0, 1]])
    miner = Recorder()
    miner(labels, rng.normal(size=(3, 2)), relation=Any())
    same = ops.convert_to_numpy(miner.calls[-1][2].same)
    assert same.tolist() == [[True, True, False], [True, True, True], [False, True, True]]
    with pytest.raises(ValueError, match="`relation` must be a relation"):
        miner([0, 1], np.zeros((2, 2)), relation="any")


def test_by_itself_it_follows_no_schedule():
    miner = SemiHardMiner()
    assert miner.in_effect is miner
    assert not miner.set_epoch(3)


@tensorflow_only
@pytest.mark.parametrize("name", ["semi_hard", "multi_similarity"])
def test_programs_are_kept(rng, name):
    import tensorflow as tf

    miner, x = get(name), rng.normal(size=(12, 3))

    @tf.function(autograph=False)
    def mine(distance, margin):
        return miner(LABELS["p_x_k"], x, distance=distance, margin=margin)

    for distance, margin, number in (("euclidean", 0.5, 1), ("cosine", 0.5, 2), ("cosine", 1, 3)):
        mined = tuples_of(mine(distance, margin))
        assert mined == tuples_of(get(name)(LABELS["p_x_k"], x, distance=distance, margin=margin))
        assert len(miner._programs) == number
    mine("cosine", 1.0)
    assert len(miner._programs) == 3


def test_a_miner_needs_both_methods():
    class Half(MultiSimilarityMiner):
        mine = Miner.mine

    with pytest.raises(TypeError, match="mine"):
        Half()
