"""What holds for every miner of triplets, and how a new one is made."""

import copy
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from loss_harness import LABELS, tensor, tensorflow_only, triplet_set
from reference import loops

from keras_siamese.losses import TripletLoss
from keras_siamese.miners import (
    BatchAllMiner,
    BatchHardMiner,
    DistanceWeightedMiner,
    EasyPositiveMiner,
    HardRangeMiner,
    ScheduledMiner,
    SemiHardMiner,
    TripletMiner,
    Triplets,
    get,
)

MINERS = {
    "nearest": SemiHardMiner("nearest", "hardest"),
    "random": SemiHardMiner("random", "skip", seed=3),
    "all": SemiHardMiner("all", "farthest"),
    "batch_hard": BatchHardMiner(),
    "batch_all": BatchAllMiner(),
    "easy_positive": EasyPositiveMiner("hardest"),
    "hard_range": HardRangeMiner((0, 2), (0, 3)),
    "distance_weighted": DistanceWeightedMiner(upper_distance=1.9, seed=3),
    "scheduled": ScheduledMiner([(0, SemiHardMiner("nearest", "hardest")), (4, "batch_hard")]),
}
DRAWS = (MINERS["random"], MINERS["distance_weighted"])


@keras.saving.register_keras_serializable(package="keras_siamese_tests")
class FirstMiner(TripletMiner):
    """For each anchor the first other item, whatever its class, and the last one."""

    def __init__(self, last: int = -1) -> None:
        self.last = last

    def mine(self, anchors, candidates, classes, *, distance, margin):
        rows = ops.arange(ops.shape(anchors)[0], dtype="int32")[:, None]
        first = ops.where(rows == 0, ops.ones_like(rows), ops.zeros_like(rows))
        last = ops.full_like(rows, ops.shape(anchors)[0] + self.last)
        return Triplets(first, last, last != rows, ops.shape(anchors)[0])

    def get_config(self):
        return {"last": self.last}


@pytest.fixture(params=MINERS)
def miner(request):
    return MINERS[request.param]


@pytest.mark.parametrize("name", LABELS)
def test_shapes_types_and_classes(rng, miner, name):
    labels = LABELS[name]
    triplets = miner(labels, rng.normal(size=(12, 3)).astype("float32"), margin=0.5)
    for index in (triplets.anchor, triplets.positive, triplets.negative):
        assert keras.backend.standardize_dtype(index.dtype) == "int32"
        assert index.shape == triplets.mask.shape
        # Outside of the mask, too, an index must be one that can be gathered.
        values = ops.convert_to_numpy(index)
        assert 0 <= values.min() <= values.max() < 12
    assert keras.backend.standardize_dtype(triplets.mask.dtype) == "bool"
    assert keras.backend.standardize_dtype(triplets.num_pairs.dtype) == "int32"
    mined = triplet_set(triplets)
    assert len(set(mined)) == len(mined)
    for a, p, n in mined:
        assert a != p
        assert labels[a] == labels[p] != labels[n]
    if name in ("one_class", "singletons"):
        assert mined == []


@tensorflow_only
@pytest.mark.parametrize(
    ("name", "jit_compile"),
    [
        *((name, False) for name in ("nearest", "random", "all", "batch_hard", "batch_all")),
        ("nearest", True),
    ],
)
def test_the_same_in_a_graph(rng, name, jit_compile):
    # The other miners are run in graphs by the battery, and by the tests of schedules.
    miner, labels = MINERS[name], LABELS["ragged"]
    embeddings = rng.normal(size=(12, 3)).astype("float32")
    size = 12 if jit_compile else None

    @tf.function(
        input_signature=[tf.TensorSpec([size], "int64"), tf.TensorSpec([size, 3], "float32")],
        jit_compile=jit_compile,
    )
    def mine(labels, embeddings):
        triplets = miner(labels, embeddings, margin=0.5)
        return triplets, triplets.anchor

    triplets, anchor = mine(labels, embeddings)
    assert np.array_equal(anchor, triplets.anchor)
    mined = triplet_set(triplets)
    if miner not in DRAWS:
        assert mined == triplet_set(miner(labels, embeddings, margin=0.5))
    elif miner is MINERS["random"]:
        distances = loops.distances("euclidean", embeddings)
        assert mined
        for a, p, n in mined:
            assert distances[a, p] < distances[a, n] < distances[a, p] + 0.5
            assert labels[a] == labels[p] != labels[n]


def test_labels_as_a_column(rng, miner):
    embeddings = rng.normal(size=(12, 3)).astype("float32")
    labels = LABELS["p_x_k"]
    flat, column = (miner(y, embeddings) for y in (labels, labels[:, None]))
    assert column.mask.shape == flat.mask.shape
    assert int(column.num_pairs) == int(flat.num_pairs)


@tensorflow_only
def test_nothing_is_differentiated(rng, miner):
    embeddings = tf.Variable(rng.normal(size=(12, 3)))
    with tf.GradientTape() as tape:
        triplets = miner(LABELS["p_x_k"], embeddings)
        total = sum(tf.reduce_sum(tf.cast(x, "float64")) for x in triplets)
    assert tape.gradient(total, embeddings) is None


@tensorflow_only
def test_each_distance_and_margin_has_its_own_program():
    # Seen from 0, the positive at (3, 3) is nearer than the negative at (0, 5) by the Euclidean
    # distance (4.24, 5) and farther by the Manhattan distance (6, 5).
    miner, points = SemiHardMiner(fallback="skip"), np.array([[0.0, 0], [3, 3], [0, 5]])

    @tf.function
    def found(distance, margin):
        return miner([0, 0, 1], points, distance=distance, margin=margin).mask[0, 0]

    assert found("euclidean", 1.0)
    assert not found("manhattan", 1.0)
    assert not found("euclidean", 0.5)
    assert found("euclidean", None)


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_low_precision_is_compared_in_float32(miner, precision):
    # Squares that float16 does not reach and bfloat16 does not tell apart.
    points = ops.cast(tensor([[0.0], [2.0], [256.0], [258.0]]), precision)
    triplets = miner([0, 0, 1, 1], points)
    expected = miner([0, 0, 1, 1], ops.cast(points, "float32"))
    if miner not in DRAWS:
        assert triplet_set(triplets) == triplet_set(expected) != []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": np.zeros(3, "int32")}, "3 of them and 4"),
        ({"labels": np.zeros(4)}, "integer class ids"),
        ({"embeddings": np.zeros((4, 2, 1))}, "must have shape"),
        ({"candidates": np.zeros((4, 2))}, "together"),
        ({"candidate_labels": np.zeros(4, "int32")}, "together"),
        (
            {"candidates": np.zeros((4, 2)), "candidate_labels": np.zeros(3, "int32")},
            "3 of them and 4",
        ),
        ({"distance": "euclid"}, "Did you mean 'euclidean'"),
        ({"margin": 0.0}, "`margin` must be a finite number above 0"),
        ({"margin": "soft"}, "`margin` must be a finite number above 0"),
    ],
)
def test_bad_input(miner, arguments, message):
    good = {"labels": np.array([0, 0, 1, 1]), "embeddings": np.zeros((4, 2))}
    with pytest.raises(ValueError, match=message):
        miner(**{**good, **arguments})


def test_round_trip(miner):
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(miner)))
    for restored in (
        keras.saving.deserialize_keras_object(config, safe_mode=True),
        get(config, TripletMiner),
        copy.deepcopy(miner),
    ):
        assert restored is not miner
        assert type(restored) is type(miner)
        assert restored.get_config() == miner.get_config()


@tensorflow_only
def test_deep_copy_after_use_in_a_graph(rng):
    # What was compiled cannot be copied, and KerasTuner copies what it is given.
    miner, embeddings = BatchHardMiner(), rng.normal(size=(12, 3)).astype("float32")
    mined = tf.function(miner)(LABELS["p_x_k"], embeddings)
    copied = copy.deepcopy({"miner": miner})["miner"]
    assert triplet_set(copied(LABELS["p_x_k"], embeddings)) == triplet_set(mined)


def test_a_new_miner_works_in_a_loss_and_saves():
    # Anchor 0: d(0, 1) - d(0, 2) + 5 = 1 - 4 + 5 = 2; anchor 1: d(1, 0) - d(1, 2) + 5 = 1 - 3 + 5 =
    # 3.
    points = np.array([[0.0], [1.0], [4.0]])
    loss = TripletLoss(margin=5.0, miner=FirstMiner(-1))
    assert float(loss([0, 0, 1], points)) == 2.5
    restored = keras.losses.deserialize(keras.losses.serialize(loss))
    assert restored.miner.get_config() == {"last": -1}
    assert float(restored([0, 0, 1], points)) == 2.5
