import numpy as np
import pytest
from reference import whole_set

from keras_siamese.metrics import MAPAtR


def _map_at_r(embeddings, labels):
    metric = MAPAtR()
    metric.update_state(labels, embeddings)
    return float(metric.result())


def _average_precision(relevances):
    r = sum(relevances)
    hits = np.cumsum(relevances)
    return sum(hits[i] / (i + 1) for i in range(r) if relevances[i]) / r


def test_by_hand():
    # Classes 0: 0, 1, 5; the other: 3. From 0 the order is 1 5' with 3 between: hit, miss: 1/2.
    # From 1: 0, 3, 5: 1/2. From 5: 3, 1, 0: miss, then a hit at precision 1/2: 1/4.
    value = _map_at_r([[0.0], [1.0], [5.0], [3.0]], [0, 0, 0, 1])
    assert value == pytest.approx((1 / 2 + 1 / 2 + 1 / 4) / 3)


def test_the_query_is_removed_by_index_not_by_rank():
    # From the first, its duplicate of the other class comes first: 0. From the third the two
    # duplicates tie: in half of the orders the positive comes first.
    assert _map_at_r([[0.0], [0.0], [1.0]], [0, 1, 0]) == pytest.approx((0 + 1 / 2) / 2)


def test_ties_against_all_orders(rng):
    for _ in range(20):
        embeddings, labels = rng.integers(0, 3, (8, 1)).astype("float32"), rng.integers(0, 2, 8)
        matrix = whole_set.euclidean_distances(embeddings)
        expected = whole_set.average_over_orders(_average_precision, matrix, labels)
        assert whole_set.map_at_r(matrix, labels) == pytest.approx(expected)
        assert _map_at_r(embeddings, labels) == pytest.approx(expected)


def test_separated_classes_are_perfect(rng):
    labels = np.repeat([3, 1, 2], [5, 2, 9])
    embeddings = rng.uniform(0, 1, (16, 2)) + 10 * labels[:, None]
    assert _map_at_r(embeddings, labels) == pytest.approx(1.0)
