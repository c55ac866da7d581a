import itertools

import numpy as np
import pytest
from reference import whole_set

from keras_siamese.metrics import RecallAtK


def _recall(embeddings, labels, k, **arguments):
    metric = RecallAtK(k, **arguments)
    metric.update_state(labels, embeddings)
    return float(metric.result())


def test_by_hand():
    # On a line, 0: a 0, b 1, a 3, c 4, a 8, b 20, c 21.
    place = [[0.0], [1.0], [3.0], [4.0], [8.0], [20.0], [21.0]]
    labels = [0, 1, 0, 2, 0, 1, 2]
    # Ranks of the nearest of the own class: from 0 the order is 1 3, from 1 it is 0 3 4 8 20, from
    # 3 it is 4 1 0, from 4 it is 3 1 0 8 20 21 (0 and 8 tie, but are of other classes), and so on.
    ranks = [2, 5, 3, 6, 2, 5, 3]
    for k in range(1, 7):
        expected = np.mean([rank <= k for rank in ranks])
        assert _recall(place, labels, k) == pytest.approx(expected), k


def test_the_query_is_removed_by_index_not_by_rank():
    # The duplicate of the first item is of another class and ties with the item itself.
    assert _recall([[0.0], [0.0], [1.0]], [0, 1, 0], 1) == pytest.approx((0 + 0.5) / 2)


def test_ties_against_all_orders(rng):
    for _ in range(20):
        embeddings, labels = rng.integers(0, 3, (7, 1)).astype("float32"), rng.integers(0, 3, 7)
        matrix = whole_set.euclidean_distances(embeddings)
        for k in (1, 2, 5):
            expected = whole_set.average_over_orders(
                lambda flags, k=k: any(flags[:k]), matrix, labels
            )
            assert whole_set.recall_at_k(matrix, labels, k) == pytest.approx(expected)
            assert _recall(embeddings, labels, k) == pytest.approx(expected)


def test_never_falls_with_k(labelled_set):
    embeddings, labels = labelled_set
    values = [_recall(embeddings, labels, k) for k in range(1, len(labels))]
    assert all(a <= b + 1e-6 for a, b in itertools.pairwise(values))
    assert values[-1] == 1.0


def test_k_and_the_number_of_items():
    assert _recall([[0.0], [1.0], [5.0]], [0, 1, 0], 2) == 1.0
    with pytest.raises(ValueError, match="needs 3 items to rank"):
        _recall([[0.0], [1.0], [5.0]], [0, 1, 0], 3)


@pytest.mark.parametrize("k", [0, -1, 1.5, True, "1"])
def test_bad_k(k):
    with pytest.raises(ValueError, match="`k` must be an integer of at least 1"):
        RecallAtK(k)


def test_config_and_name():
    assert RecallAtK(7).name == "recall_at_7"
    assert RecallAtK.from_config(RecallAtK(7, name="hits").get_config()).k == 7
