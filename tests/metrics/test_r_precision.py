import numpy as np
import pytest
from reference import retrieval
from reference.whole_set import euclidean_distances

from keras_siamese.metrics import RPrecision


def test_by_hand():
    # R = 2: next to 0 stand 1 and 3, next to 1 stand 0 and 3, next to 5 stand 5.5 and 3.
    # R = 1: next to 3 stand 1 and 5, next to 5.5 stands 5.
    metric = RPrecision()
    metric.update_state([0, 0, 0, 1, 1], [[0.0], [1.0], [5.0], [3.0], [5.5]])
    assert float(metric.result()) == pytest.approx((1 / 2 + 1 / 2 + 0 + 0 + 0) / 5)


def test_against_loops(labelled_set):
    embeddings, labels = labelled_set
    # Few enough that all orders of ties can be tried.
    embeddings, labels = embeddings[:8], labels[:8]
    labels[1] = labels[0]
    metric = RPrecision()
    metric.update_state(labels, embeddings)
    matrix = euclidean_distances(embeddings)
    expected = retrieval.per_query("r_precision", matrix, labels)
    assert float(metric.result()) == pytest.approx(np.nanmean(expected))
