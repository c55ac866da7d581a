import itertools
from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from loss_harness import BACKEND, DISTANCES, LABELS, triplet_set
from reference import loops

from keras_siamese.miners import SemiHardMiner
from keras_siamese.miners import semi_hard as module

SETTINGS = list(itertools.product(("nearest", "all", "random"), ("farthest", "hardest", "skip")))

# The case that tells all readings of "semi-hard" apart, with margin 0.6.
POINTS = np.array([[0.0], [0.2], [0.9], [0.5], [1.0], [3.0]])
POINT_LABELS = np.array([0, 0, 0, 1, 1, 1])

# (anchor, positive) d_ap: d_an of the three negatives, and what is within (d_ap, d_ap + 0.6):
# (0, 1) 0.2: 0.5 1.0 3.0 -> 3         (3, 4) 0.5: 0.5 0.3 0.4 -> none, for 0.5 is not beyond
# (0, 2) 0.9: 0.5 1.0 3.0 -> 4         (3, 5) 2.5: 0.5 0.3 0.4 -> none
# (1, 0) 0.2: 0.3 0.8 2.8 -> 3         (4, 3) 0.5: 1.0 0.8 0.1 -> 1, and 0
# (1, 2) 0.7: 0.3 0.8 2.8 -> 4         (4, 5) 2.0: 1.0 0.8 0.1 -> none
# (2, 0) 0.9: 0.4 0.1 2.1 -> none      (5, 3) 2.5: 3.0 2.8 2.1 -> 1, and 0
# (2, 1) 0.7: 0.4 0.1 2.1 -> none      (5, 4) 2.0: 3.0 2.8 2.1 -> 2
# In (0, 1) and (1, 0) the next negatives are at 1.0 and 0.8, which is not below 0.8.
NEAREST = [(0, 1, 3), (0, 2, 4), (1, 0, 3), (1, 2, 4), (4, 3, 1), (5, 3, 1), (5, 4, 2)]
WITHOUT = {
    "farthest": [(2, 0, 5), (2, 1, 5), (3, 4, 0), (3, 5, 0), (4, 5, 0)],
    "hardest": [(2, 0, 4), (2, 1, 4), (3, 4, 1), (3, 5, 1), (4, 5, 2)],
    "skip": [],
}


def _check(triplets, miner, distances, labels, candidate_labels=None, *, margin):
    allowed = loops.semi_hard(
        distances,
        labels,
        candidate_labels,
        negative=miner.negative,
        fallback=miner.fallback,
        margin=margin,
    )
    mined = triplet_set(triplets)
    if miner.negative == "random":
        assert set(mined) <= set(allowed)
        pairs = sorted({triplet[:2] for triplet in allowed})
        assert [triplet[:2] for triplet in mined] == pairs
    else:
        assert mined == sorted(allowed)
    num_pairs = len(list(loops.positive_pairs(labels, candidate_labels)))
    assert int(triplets.num_pairs) == num_pairs


@pytest.mark.parametrize("fallback", WITHOUT)
def test_golden_nearest(fallback):
    triplets = SemiHardMiner("nearest", fallback)(POINT_LABELS, POINTS, margin=0.6)
    assert triplet_set(triplets) == sorted(NEAREST + WITHOUT[fallback])
    assert int(triplets.num_pairs) == 12


@pytest.mark.parametrize("fallback", WITHOUT)
def test_golden_all(fallback):
    # The margin leaves out what lies on 0.8: 1e-3 less, lest rounding decide.
    triplets = SemiHardMiner("all", fallback)(POINT_LABELS, POINTS, margin=0.599)
    both = [(4, 3, 0), (5, 3, 0)]
    assert triplet_set(triplets) == sorted(NEAREST + both + WITHOUT[fallback])
    assert int(triplets.num_pairs) == 12


def test_golden_without_an_upper_end():
    # (2, 0) and (2, 1) have the negative at 2.1 beyond them.
    triplets = SemiHardMiner("nearest", "skip")(POINT_LABELS, POINTS, margin=None)
    assert triplet_set(triplets) == sorted([*NEAREST, (2, 0, 5), (2, 1, 5)])


@pytest.mark.parametrize(("negative", "fallback"), SETTINGS)
@pytest.mark.parametrize("name", LABELS)
def test_against_loops(rng, name, negative, fallback):
    miner, labels = SemiHardMiner(negative, fallback), LABELS[name]
    for distance, margin, dtype in (
        ("euclidean", 0.3, "float32"),
        ("manhattan", None, "float16"),
    ):
        embeddings = rng.normal(size=(12, 3)).astype(dtype)
        triplets = miner(labels, embeddings, distance=distance, margin=margin)
        distances = loops.distances(distance, embeddings)
        _check(triplets, miner, distances, labels, margin=margin)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("negative", ["nearest", "all", "random"])
def test_distances(rng, distance, negative):
    miner = SemiHardMiner(negative, "hardest")
    embeddings = rng.normal(size=(12, 3)).astype("float32")
    triplets = miner(LABELS["ragged"], embeddings, distance=distance, margin=0.4)
    distances = loops.distances(distance, embeddings)
    _check(triplets, miner, distances, LABELS["ragged"], margin=0.4)


@pytest.mark.parametrize(("negative", "fallback"), SETTINGS)
def test_two_sets(rng, negative, fallback):
    miner, labels = SemiHardMiner(negative, fallback), LABELS["ragged"]
    candidate_labels = np.array([5, 1, 1, 7, 5, 2, 7, 1, 1])
    embeddings, candidates = rng.normal(size=(12, 3)), rng.normal(size=(9, 3))
    triplets = miner(labels, embeddings, candidate_labels, candidates, margin=0.5)
    distances = loops.distances("euclidean", embeddings, candidates)
    _check(triplets, miner, distances, labels, candidate_labels, margin=0.5)


@pytest.mark.parametrize("fallback", ["farthest", "hardest", "skip"])
def test_exact_ties_go_to_the_first(rng, fallback):
    # On a grid all distances are exact, and many are equal: strictly farther means strictly.
    for seed in range(5):
        rng = np.random.default_rng(seed)
        points, labels = rng.integers(0, 3, (12, 2)).astype("float32"), LABELS["shuffled"]
        miner = SemiHardMiner("nearest", fallback)
        triplets = miner(labels, points, distance="squared_euclidean", margin=1.5)
        distances = loops.distances("squared_euclidean", points)
        _check(triplets, miner, distances, labels, margin=1.5)


@pytest.mark.parametrize(("negative", "fallback"), SETTINGS)
def test_in_blocks(rng, monkeypatch, negative, fallback):
    monkeypatch.setattr(module, "_BLOCK", 1)  # the least block: 8 rows
    miner, labels = SemiHardMiner(negative, fallback), rng.integers(0, 5, 21)
    embeddings = rng.normal(size=(21, 3))
    triplets = miner(labels, embeddings, margin=0.3)
    distances = loops.distances("euclidean", embeddings)
    _check(triplets, miner, distances, labels, margin=0.3)


def test_random_is_uniform():
    # Anchor 0 has the positive 1 at 0.1 and the semi-hard negatives 2, 3, 4, of six.
    points = np.array([[0.0], [0.1], [0.3], [-0.4], [0.5], [0.05], [0.9], [-1.0]])
    labels = np.array([0, 0, 1, 2, 3, 4, 5, 6])
    miner = SemiHardMiner("random", "skip", seed=11)

    def draw():
        return miner(labels, points, margin=0.5).negative[0, 0]

    if BACKEND == "tensorflow":
        draw = tf.function(draw)
    counts = Counter(int(draw()) for _ in range(900))
    assert set(counts) == {2, 3, 4}
    # The standard deviation of each count is 14: five of them.
    assert all(abs(count - 300) < 70 for count in counts.values())


def test_random_draws_differ_from_call_to_call_and_repeat_with_the_seed(rng):
    labels, embeddings = np.repeat([0, 1], 8), rng.normal(size=(16, 3)).astype("float32")

    def draws(miner):
        return [triplet_set(miner(labels, embeddings)) for _ in range(3)]

    first = draws(SemiHardMiner("random", seed=5))
    assert first[0] != first[1] != first[2]
    assert draws(SemiHardMiner("random", seed=5)) == first
    assert draws(SemiHardMiner("random", seed=6)) != first
    copied = SemiHardMiner.from_config(SemiHardMiner("random", seed=5).get_config())
    assert draws(copied) == first


def test_random_without_a_seed_follows_the_global_one(rng):
    labels, embeddings = np.repeat([0, 1], 8), rng.normal(size=(16, 3)).astype("float32")

    def draw(seed):
        keras.utils.set_random_seed(seed)
        return triplet_set(SemiHardMiner("random")(labels, embeddings))

    assert draw(1) == draw(1) != draw(2)


def test_random_with_equal_draws_stays_semi_hard(rng, monkeypatch):
    # 23 random bits: in large batches some draws are equal.
    monkeypatch.setattr(
        keras.random, "uniform", lambda shape, dtype, seed: ops.full(shape, 0.5, dtype)
    )
    labels, embeddings = LABELS["p_x_k"], rng.normal(size=(12, 3))
    miner = SemiHardMiner("random", "hardest")
    triplets = miner(labels, embeddings, margin=0.3)
    distances = loops.distances("euclidean", embeddings)
    _check(triplets, miner, distances, labels, margin=0.3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"negative": "neerest"}, "Unknown `negative`.*Did you mean 'nearest'"),
        ({"fallback": "hard"}, "Unknown `fallback`.*Did you mean 'hardest'"),
        ({"negative": None}, "Unknown `negative`"),
    ],
)
def test_unknown_names(arguments, message):
    with pytest.raises(ValueError, match=message):
        SemiHardMiner(**arguments)
