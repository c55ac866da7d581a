import numpy as np
import pytest
from reference import retrieval
from reference.whole_set import euclidean_distances

from keras_siamese.metrics import MeanReciprocalRank


def test_by_hand():
    # First hits at rank 1, 1 and 2.
    metric = MeanReciprocalRank()
    metric.update_state([0, 0, 0, 1], [[0.0], [1.0], [5.0], [3.0]])
    assert float(metric.result()) == pytest.approx((1 + 1 + 1 / 2) / 3)


def test_against_loops(labelled_set):
    embeddings, labels = labelled_set
    # Few enough that all orders of ties can be tried.
    embeddings, labels = embeddings[:8], labels[:8]
    labels[1] = labels[0]
    metric = MeanReciprocalRank()
    metric.update_state(labels, embeddings)
    matrix = euclidean_distances(embeddings)
    expected = retrieval.per_query("mean_reciprocal_rank", matrix, labels)
    assert float(metric.result()) == pytest.approx(np.nanmean(expected))
