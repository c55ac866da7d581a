import numpy as np
import pytest
from reference import index_search

from keras_siamese.index import KReciprocal, QueryExpansion
from keras_siamese.index.vector_index import VectorIndex


@pytest.fixture
def index(rng):
    centres = rng.normal(size=(4, 6))
    x = centres[rng.integers(0, 4, 40)] + 0.5 * rng.normal(size=(40, 6))
    index = VectorIndex("squared_euclidean")
    index.add([(x.astype("float32"), None)])
    return index


def test_k_reciprocal_over_all_items(index, rng):
    queries = rng.normal(size=(5, 6)).astype("float32")
    x = np.concatenate([queries, index.store.rows(slice(0, 40))]).astype(float)
    d = np.square(x[:, None] - x[None]).sum(axis=-1)
    expected = np.array(index_search.k_reciprocal(d.tolist(), 5, 6, 3, 0.3))
    found = KReciprocal(k1=6, k2=3, num_candidates=40).find(index, queries, 10)
    for q in range(5):
        assert expected[q, found[q]] == pytest.approx(np.sort(expected[q])[:10], abs=1e-5)


def test_k_reciprocal_over_candidates(index, rng):
    queries = rng.normal(size=(2, 6)).astype("float32")
    nearest, _ = index.find(queries, 8)
    found = KReciprocal(num_candidates=8).find(index, queries, 5)
    assert found.shape == (2, 5) and set(found.ravel()) <= set(nearest.ravel())
    # As many candidates as neighbours at least.
    assert KReciprocal(num_candidates=1).find(index, queries, 5).shape == (2, 5)


def test_too_many_items(index, rng, monkeypatch):
    monkeypatch.setattr("keras_siamese.index.rerank._MAX_ITEMS", 30)
    with pytest.raises(ValueError, match=r"may be 30 together. Received: 4"):
        KReciprocal().find(index, rng.normal(size=(5, 6)).astype("float32"), 3)


@pytest.mark.parametrize("alpha", [0.0, 3.0])
def test_query_expansion(index, rng, alpha):
    queries = rng.normal(size=(3, 6)).astype("float32")
    gallery = index.store.rows(slice(0, 40))
    found = QueryExpansion(num_neighbours=4, alpha=alpha).find(index, queries, 6)
    for q, query in enumerate(queries):
        near = [gallery[i] for _, i in index_search.ranked("euclidean", query, gallery)[:4]]
        expanded = index_search.expanded(query, near, alpha)
        ranked = index_search.ranked("euclidean", expanded, gallery)
        assert found[q].tolist() == [place for _, place in ranked[:6]]


def test_no_queries(index):
    for rerank in (KReciprocal(), QueryExpansion()):
        assert rerank.find(index, np.empty((0, 6), "float32"), 3).shape == (0, 3)


def test_wrong_numbers(index, rng):
    queries = rng.normal(size=(3, 6)).astype("float32")
    for rerank in (KReciprocal(k1=0), KReciprocal(num_candidates=0), QueryExpansion(0)):
        with pytest.raises(ValueError, match="must be an integer of at least 1"):
            rerank.find(index, queries, 3)
