import numpy as np
import pytest
from reference import retrieval
from reference.whole_set import euclidean_distances

from keras_siamese.metrics import PrecisionAtK


def test_by_hand():
    # Each query finds one of its two relevant items among the two nearest; three hold two.
    for k, expected in ((1, 2 / 3), (2, 1 / 2), (3, 2 / 3)):
        metric = PrecisionAtK(k)
        metric.update_state([0, 0, 0, 1], [[0.0], [1.0], [5.0], [3.0]])
        assert float(metric.result()) == pytest.approx(expected)


def test_against_loops(labelled_set):
    embeddings, labels = labelled_set
    # Few enough that all orders of ties can be tried.
    embeddings, labels = embeddings[:8], labels[:8]
    labels[1] = labels[0]
    metric = PrecisionAtK(3)
    metric.update_state(labels, embeddings)
    matrix = euclidean_distances(embeddings)
    expected = retrieval.per_query("precision", matrix, labels, 3)
    assert float(metric.result()) == pytest.approx(np.nanmean(expected))
