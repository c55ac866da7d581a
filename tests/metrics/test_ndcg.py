import math

import numpy as np
import pytest
from reference import retrieval
from reference.whole_set import euclidean_distances

from keras_siamese.metrics import NDCGAtK


def test_by_hand():
    # Hit, miss: 1 over the ideal 1 + 1 / log2(3), twice; miss, hit: 1 / log2(3) over it.
    metric = NDCGAtK(2)
    metric.update_state([0, 0, 0, 1], [[0.0], [1.0], [5.0], [3.0]])
    second = 1 / math.log2(3)
    assert float(metric.result()) == pytest.approx((2 + second) / 3 / (1 + second))


def test_against_loops(labelled_set):
    embeddings, labels = labelled_set
    # Few enough that all orders of ties can be tried.
    embeddings, labels = embeddings[:8], labels[:8]
    labels[1] = labels[0]
    metric = NDCGAtK(3)
    metric.update_state(labels, embeddings)
    matrix = euclidean_distances(embeddings)
    expected = retrieval.per_query("ndcg", matrix, labels, 3)
    assert float(metric.result()) == pytest.approx(np.nanmean(expected))
