"""What holds for every miner of pairs, and what losses make of them."""

import copy
import json

import keras
import numpy as np
import pytest
from keras import ops
from loss_harness import LABELS, tensor
from miner_battery import NeighbouringClass, tuples_of

from keras_siamese.losses import ContrastiveLoss
from keras_siamese.miners import (
    BatchAllMiner,
    MultiSimilarityMiner,
    PairMarginMiner,
    PairMiner,
    Pairs,
    ScheduledMiner,
    Triplets,
    all_pairs,
    distinct_pairs,
    get,
    pairs_of_triplets,
)
from keras_siamese.ops.positives import find_classes

MINERS = {
    "multi_similarity": MultiSimilarityMiner(0.2),
    "pair_margin": PairMarginMiner(0.3, 0.9),
    "scheduled": ScheduledMiner([(0, PairMarginMiner()), (4, "multi_similarity")]),
}


@keras.saving.register_keras_serializable(package="keras_siamese_tests")
class EveryPair(PairMiner):
    """All pairs whose candidate has an even index."""

    def __init__(self, step: int = 2) -> None:
        self.step = step

    def mine(self, anchors, candidates, classes, *, distance, margin):
        pairs = all_pairs(classes)
        return pairs._replace(mask=ops.logical_and(pairs.mask, pairs.candidate % self.step == 0))

    def get_config(self):
        return {"step": self.step}


@pytest.fixture(params=MINERS)
def miner(request):
    return MINERS[request.param]


@pytest.mark.parametrize("name", LABELS)
def test_shapes_types_and_classes(rng, miner, name):
    labels = LABELS[name]
    pairs = miner(labels, rng.normal(size=(12, 3)).astype("float32"))
    for x, dtype in zip(pairs, ("int32", "bool", "bool"), strict=True):
        assert tuple(x.shape) == (12, 12)
        assert keras.backend.standardize_dtype(x.dtype) == dtype
    # Losses read the full matrix, so places must be candidates in order.
    assert (ops.convert_to_numpy(pairs.candidate) == np.arange(12)).all()
    for a, c, same in tuples_of(pairs):
        assert a != c
        assert same == (labels[a] == labels[c])


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_low_precision_is_compared_in_float32(miner, precision):
    points = ops.cast([[0.0], [2.0], [256.0], [256.0]], precision)
    expected = tuples_of(miner([0, 0, 1, 2], ops.cast(points, "float32")))
    assert tuples_of(miner([0, 0, 1, 2], points)) == expected


def test_round_trip(miner):
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(miner)))
    for restored in (
        keras.saving.deserialize_keras_object(config, safe_mode=True),
        get(config, PairMiner),
        copy.deepcopy(miner),
    ):
        assert restored is not miner
        assert type(restored) is type(miner)
        assert restored.get_config() == miner.get_config()


def test_kinds_of_pairs():
    pairs = Pairs(*(tensor(x) for x in ([[0, 1, 2]], [[True, False, True]], [[True, True, False]])))
    assert ops.convert_to_numpy(pairs.positive).tolist() == [[True, False, False]]
    assert ops.convert_to_numpy(pairs.negative).tolist() == [[False, True, False]]


def test_all_pairs():
    # 0 and 1 match, 2 does not; without itself there are 6 pairs, among two sets all.
    pairs = [(0, 1, True), (0, 2, False), (1, 0, True), (1, 2, False), (2, 0, False), (2, 1, False)]
    labels = tensor([4, 4, 9])
    assert tuples_of(all_pairs(find_classes(labels))) == pairs
    expected = [(0, 0, True), (0, 1, False), (1, 0, True), (1, 1, False), (2, 0, False)]
    both = all_pairs(find_classes(labels, tensor([4, 9])))
    assert tuples_of(both) == [*expected, (2, 1, True)]
    own = all_pairs(find_classes(labels, tensor([4, 9, 4]), tensor(np.array([2, 0, 1], "int32"))))
    expected = [(0, 0, True), (0, 1, False), (1, 1, False), (1, 2, True), (2, 0, False)]
    assert tuples_of(own) == [*expected, (2, 2, False)]


def test_all_pairs_of_a_relation():
    # 1 matches 0 and 2, which do not match.
    pairs = all_pairs(NeighbouringClass().find_classes(tensor([0, 1, 2])))
    expected = [(0, 1, True), (0, 2, False), (1, 0, True), (1, 2, True), (2, 0, False)]
    assert tuples_of(pairs) == [*expected, (2, 1, True)]


def test_pairs_of_triplets():
    triplets = Triplets(*(tensor(x) for x in ([[1, 2]], [[3, 4]], [[True, False]])), 1)
    pairs = pairs_of_triplets(triplets)
    assert ops.convert_to_numpy(pairs.candidate).tolist() == [[1, 2, 3, 4]]
    assert tuples_of(pairs) == [(0, 1, True), (0, 3, False)]


def test_triplets_in_a_pair_loss(rng):
    # Of all triplets, each positive pair occurs once for each negative, and the reverse.
    labels, x = LABELS["p_x_k"], rng.normal(size=(12, 3))
    loss = ContrastiveLoss(1.0, reduction="balanced")
    mined = ContrastiveLoss(1.0, reduction="balanced", miner=BatchAllMiner())
    assert float(mined(labels, x)) == pytest.approx(float(loss(labels, x)))


def test_a_new_miner_works_in_a_loss_and_saves():
    # Pairs with candidate 0: (1, 0) matches at 1: 0.5; (2, 0) at 4, and (0, 2) at 4: beyond 3; and
    # (1, 2), 3 apart.
    points = np.array([[0.0], [1.0], [4.0]])
    loss = ContrastiveLoss(3.0, miner=EveryPair(2))
    assert float(loss([0, 0, 1], points)) == pytest.approx(0.5 / 4)
    restored = keras.losses.deserialize(keras.losses.serialize(loss))
    assert restored.miner.get_config() == {"step": 2}
    assert float(restored([0, 0, 1], points)) == pytest.approx(0.5 / 4)


def test_distinct_pairs():
    # Two places of the same pair, one that is not in use, and of the other anchor one pair.
    candidate = np.array([[2, 1, 2, 0], [0, 0, 1, 1]], "int32")
    same = np.array([[True, False, True, False], [True, False, False, True]])
    mask = np.array([[True, True, True, False], [False, False, True, False]])
    pairs = distinct_pairs(Pairs(*map(ops.convert_to_tensor, (candidate, same, mask))), 3)
    values = [ops.convert_to_numpy(x).astype(int).tolist() for x in pairs]
    assert values[0] == [[0, 1, 2], [0, 1, 2]]
    assert ops.convert_to_numpy(pairs.positive).tolist() == [[False, False, True], [False] * 3]
    assert ops.convert_to_numpy(pairs.negative).tolist() == [
        [False, True, False],
        [False, True, False],
    ]
