import numpy as np
import pytest
from reference import index_search

from keras_siamese import distances
from keras_siamese.index.exact import ExactBackend
from keras_siamese.index.items import ItemTable
from keras_siamese.index.vectors import VectorStore


@pytest.mark.parametrize("name", ["euclidean", "cosine", "inner_product", "manhattan"])
def test_distances_of_chosen_items(rng, monkeypatch, name):
    monkeypatch.setattr("keras_siamese.index.backend._BLOCK_ELEMENTS", 20)
    store = VectorStore(4)
    x = rng.normal(size=(9, 4)).astype("float32")
    store.append(x)
    queries = rng.normal(size=(5, 4)).astype("float32")
    positions = rng.integers(0, 9, (5, 3))
    found = ExactBackend(distances.get(name), store, ItemTable()).distances_of(queries, positions)
    expected = [
        [index_search.distance(name, query, x[p]) for p in row]
        for query, row in zip(queries, positions, strict=True)
    ]
    assert found == pytest.approx(np.array(expected), abs=1e-6)


def test_near_duplicates_keep_their_distance():
    store = VectorStore(2)
    store.append(np.array([[1, 0]], "float32"))
    backend = ExactBackend(distances.get("euclidean"), store, ItemTable())
    query = np.array([[1, 1e-5]], "float32")
    assert backend.distances_of(query, np.array([[0]]))[0, 0] == pytest.approx(1e-5, rel=1e-5)


def test_beyond_float32_is_infinite():
    store = VectorStore(2)
    store.append(np.full((1, 2), 1e30, "float32"))
    backend = ExactBackend(distances.get("squared_euclidean"), store, ItemTable())
    found = backend.distances_of(np.zeros((1, 2), "float32"), np.array([[0]]))
    assert found.tolist() == [[np.inf]]


def test_nothing_to_save(tmp_path):
    backend = ExactBackend(distances.get("euclidean"), VectorStore(2), ItemTable())
    assert backend.nbytes == 0 and backend.save(tmp_path / "graph") is None
    with pytest.raises(ValueError, match="no graph"):
        backend.restore(tmp_path / "graph", {})
