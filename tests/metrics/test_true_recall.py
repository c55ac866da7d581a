import numpy as np
import pytest
from reference import retrieval
from reference.whole_set import euclidean_distances

from keras_siamese.metrics import TrueRecallAtK


def test_by_hand():
    # From 0: 1 at 1, 5 at 5, with 3 between: of two relevant items, the two nearest hold one.
    metric = TrueRecallAtK(2)
    metric.update_state([0, 0, 0, 1], [[0.0], [1.0], [5.0], [3.0]])
    assert float(metric.result()) == pytest.approx(1 / 2)
    # All three hold both.
    metric = TrueRecallAtK(3)
    metric.update_state([0, 0, 0, 1], [[0.0], [1.0], [5.0], [3.0]])
    assert float(metric.result()) == pytest.approx(1.0)


def test_against_loops(labelled_set):
    embeddings, labels = labelled_set
    # Few enough that all orders of ties can be tried.
    embeddings, labels = embeddings[:8], labels[:8]
    labels[1] = labels[0]
    metric = TrueRecallAtK(3)
    metric.update_state(labels, embeddings)
    matrix = euclidean_distances(embeddings)
    expected = retrieval.per_query("true_recall", matrix, labels, 3)
    assert float(metric.result()) == pytest.approx(np.nanmean(expected))
