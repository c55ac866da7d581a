import numpy as np
import pytest
from loss_harness import DISTANCES, LABELS, triplet_set
from reference import loops

from keras_siamese.miners import BatchHardMiner
from keras_siamese.miners import hard_range as module


def test_by_hand():
    # 0, 0.2, 0.9 against 0.5, 1, 3. From 0: 0.9 is the farther positive, 0.5 the nearest negative.
    # From 0.2: 0.9 and 0.5. From 0.9: 0 and 1. From 0.5: 3 and 0.2. From 1: 3 and 0.9. From 3: 0.5,
    # 0.9.
    points = np.array([[0.0], [0.2], [0.9], [0.5], [1.0], [3.0]])
    triplets = BatchHardMiner()([0, 0, 0, 1, 1, 1], points)
    assert triplet_set(triplets) == [
        (0, 2, 3),
        (1, 2, 3),
        (2, 0, 4),
        (3, 5, 1),
        (4, 5, 2),
        (5, 3, 2),
    ]
    assert int(triplets.num_pairs) == 6


@pytest.mark.parametrize(
    ("name", "distance"),
    [*((name, "euclidean") for name in LABELS), *(("ragged", name) for name in DISTANCES[1:])],
)
def test_against_loops(rng, name, distance):
    labels = LABELS[name]
    embeddings = rng.normal(size=(12, 3)).astype("float32")
    triplets = BatchHardMiner()(labels, embeddings, distance=distance)
    distances = loops.distances(distance, embeddings)
    assert triplet_set(triplets) == loops.batch_hard(distances, labels)
    with_positive = {a for a, _, _ in loops.positive_pairs(labels)}
    assert int(triplets.num_pairs) == len(with_positive)


def test_two_sets(rng):
    labels = LABELS["ragged"]
    candidate_labels = np.array([5, 1, 1, 7, 5, 2, 7])
    embeddings, candidates = rng.normal(size=(12, 3)), rng.normal(size=(7, 3))
    triplets = BatchHardMiner()(labels, embeddings, candidate_labels, candidates)
    distances = loops.distances("euclidean", embeddings, candidates)
    expected = loops.batch_hard(distances, labels, candidate_labels)
    assert triplet_set(triplets) == expected


def test_in_blocks(rng, monkeypatch):
    monkeypatch.setattr(module, "rows_within", lambda elements, per_row: 8)
    labels, embeddings = rng.integers(0, 5, 21), rng.normal(size=(21, 3))
    distances = loops.distances("euclidean", embeddings)
    mined = triplet_set(BatchHardMiner()(labels, embeddings))
    assert mined == loops.batch_hard(distances, labels)


def test_ties_go_to_one_of_the_tied():
    # Both positives at 1, both negatives at 2.
    points = np.array([[0.0], [1.0], [-1.0], [2.0], [-2.0]])
    mined = triplet_set(BatchHardMiner()([0, 0, 0, 1, 2], points))
    a, p, n = mined[0]
    assert a == 0
    assert p in (1, 2)
    assert n in (3, 4)
