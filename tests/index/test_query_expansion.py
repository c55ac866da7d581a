import numpy as np
import pytest
from reference import index_search

from keras_siamese.index import expand_queries


@pytest.mark.parametrize("alpha", [0, 1, 3.0])
def test_against_loops(rng, alpha):
    queries, neighbours = rng.normal(size=(4, 5)), rng.normal(size=(4, 6, 5))
    found = expand_queries(queries, neighbours, alpha)
    expected = [
        index_search.expanded(q, n, alpha) for q, n in zip(queries, neighbours, strict=True)
    ]
    assert found == pytest.approx(np.array(expected), abs=1e-6)
    assert found.dtype == np.float32


def test_by_hand():
    # The neighbour at a right angle has weight 0, that of the same direction 1: 1 + 3, at norm 1.
    found = expand_queries(np.array([[1.0, 0.0]]), np.array([[[0.0, 2.0], [3.0, 0.0]]]), 3)
    assert found.tolist() == [[1, 0]]
    # Equal weights: (4, 2) at norm 1.
    found = expand_queries(np.array([[1.0, 0.0]]), np.array([[[0.0, 2.0], [3.0, 0.0]]]), None)
    assert found == pytest.approx(np.array([[4, 2]]) / np.sqrt(20))
    assert np.array_equal(found, expand_queries([[1, 0]], [[[0, 2], [3, 0]]], None))


def test_zeros_stay_finite():
    found = expand_queries(np.zeros((1, 2)), np.zeros((1, 3, 2)))
    assert not found.any()


@pytest.mark.parametrize("alpha", [-1, np.inf, np.nan])
def test_refused(alpha):
    with pytest.raises(ValueError, match="`alpha` must be"):
        expand_queries(np.ones((1, 2)), np.ones((1, 1, 2)), alpha)
    with pytest.raises(ValueError, match="`num_neighbours`"):
        expand_queries(np.ones((1, 2)), np.ones((1, 0, 2)))
