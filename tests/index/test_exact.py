import numpy as np
import pytest
from reference import index_search

from keras_siamese import distances
from keras_siamese.index.exact import ExactBackend, as_ragged
from keras_siamese.index.items import ItemTable
from keras_siamese.index.vectors import VectorStore

NAMES = ["euclidean", "squared_euclidean", "cosine", "angular", "inner_product", "manhattan"]


def make(name, x, dtype="float32"):
    store, items = VectorStore(x.shape[1], dtype), ItemTable()
    store.append(x)
    items.append(np.arange(len(x)), None, {})
    return ExactBackend(distances.get(name), store, items)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
@pytest.mark.parametrize("name", NAMES)
def test_against_loops(rng, monkeypatch, name, dtype):
    monkeypatch.setattr("keras_siamese.index.vectors._BLOCK_ROWS", 16)
    backend = make(name, rng.normal(size=(40, 5)).astype("float32"), dtype)
    kept = backend.store.rows(slice(0, 40))
    queries = rng.normal(size=(6, 5)).astype("float32")
    positions, found = backend.search(queries, 20)
    threshold = float(np.median(found))
    splits, within, d_within = backend.within(queries, threshold)
    for q, query in enumerate(queries):
        expected = index_search.ranked(name, query, kept)
        assert positions[q].tolist() == [place for _, place in expected[:20]]
        assert found[q] == pytest.approx([d for d, _ in expected[:20]], abs=1e-5)
        near = [place for d, place in expected if d <= threshold]
        part = slice(splits[q], splits[q + 1])
        assert set(near) ^ set(within[part].tolist()) <= {
            place for d, place in expected if abs(d - threshold) < 1e-5
        }
        assert np.all(np.diff(d_within[part]) >= 0)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_ties_go_by_order(monkeypatch, dtype):
    monkeypatch.setattr("keras_siamese.index.vectors._BLOCK_ROWS", 2)
    backend = make("euclidean", np.array([[1], [0], [1], [0], [0]], "float32"), dtype)
    positions, found = backend.search(np.zeros((1, 1), "float32"), 5)
    assert positions.tolist() == [[1, 3, 4, 0, 2]]
    assert found.tolist() == [[0, 0, 0, 1, 1]]
    splits, positions, _ = backend.within(np.array([[0], [9]], "float32"), 0.5)
    assert splits.tolist() == [0, 3, 3] and positions.tolist() == [1, 3, 4]


def test_as_ragged():
    splits, positions, found = as_ragged(
        4, np.array([2, 0, 2, 2]), np.array([5, 1, 4, 3]), np.array([0.5, 0.1, 0.5, 0.2])
    )
    assert splits.tolist() == [0, 1, 1, 4, 4]
    assert positions.tolist() == [1, 3, 4, 5] and found.tolist() == [0.1, 0.2, 0.5, 0.5]


def test_near_duplicates_are_told_apart(rng):
    """The rounding errors of matrix products are larger than these distances."""
    base = rng.normal(size=(1, 64)).astype("float32")
    direction = np.zeros((1, 64), "float32")
    direction[0, 3] = 1
    steps = np.array([5, 1, 3, 0, 0, 2, 4])[:, None] * np.float32(1e-5)
    x = np.concatenate([rng.normal(size=(200, 64)), base + steps * direction]).astype("float32")
    backend = make("euclidean", x)
    positions, found = backend.search(x[[203]], 7)
    assert positions.tolist() == [[203, 204, 201, 205, 202, 206, 200]]
    assert found[0, :3].tolist() == [0, 0, pytest.approx(1e-5, rel=0.05)]
    _, positions, _ = backend.within(x[[203]], 0.0)
    assert positions.tolist() == [203, 204]
    _, positions, found = backend.within(x[[203]], 2.5e-5)
    assert positions.tolist() == [203, 204, 201, 205]
    assert backend.within(x[[203]], found[-1])[1].tolist() == [203, 204, 201, 205]


@pytest.mark.parametrize("name", [*NAMES, "signal_to_noise"])
def test_one_query_is_answered_as_many_are(rng, monkeypatch, name):
    monkeypatch.setattr("keras_siamese.index.exact._ROWS", 50)
    x = rng.normal(size=(220, 5)).astype("float32")
    x[100:110] = x[7]
    backend = make(name, x)
    many = backend.search(x[:9], 12)
    for q in range(9):
        for one, of_many in zip(backend.search(x[q : q + 1], 12), many, strict=True):
            assert np.array_equal(one[0], of_many[q])
    assert sorted(backend.search(x[:2], 220)[0][1].tolist()) == list(range(220))


@pytest.mark.parametrize("name", NAMES)
def test_thresholds_out_of_range(rng, name):
    backend = make(name, rng.normal(size=(9, 3)).astype("float32"))
    queries = rng.normal(size=(2, 3)).astype("float32")
    assert len(backend.within(queries, np.inf)[1]) == 18
    assert len(backend.within(queries, -1e9)[1]) == 0
    assert len(backend.within(queries, 1e9)[1]) == 18
