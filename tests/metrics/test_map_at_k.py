import numpy as np
import pytest
from reference import retrieval
from reference.whole_set import euclidean_distances

from keras_siamese.metrics import MAPAtK


def test_by_hand():
    # From 0 and 1: hit, miss, hit: (1 + 2/3) / 2. From 5: miss, hit, hit: (1/2 + 2/3) / 2.
    metric = MAPAtK(3)
    metric.update_state([0, 0, 0, 1], [[0.0], [1.0], [5.0], [3.0]])
    assert float(metric.result()) == pytest.approx((5 / 6 + 5 / 6 + 7 / 12) / 3)
    # Of the nearest alone, divided by min(R, 1).
    metric = MAPAtK(1)
    metric.update_state([0, 0, 0, 1], [[0.0], [1.0], [5.0], [3.0]])
    assert float(metric.result()) == pytest.approx(2 / 3)


def test_against_loops(labelled_set):
    embeddings, labels = labelled_set
    # Few enough that all orders of ties can be tried.
    embeddings, labels = embeddings[:8], labels[:8]
    labels[1] = labels[0]
    metric = MAPAtK(3)
    metric.update_state(labels, embeddings)
    matrix = euclidean_distances(embeddings)
    expected = retrieval.per_query("map", matrix, labels, 3)
    assert float(metric.result()) == pytest.approx(np.nanmean(expected))
