import numpy as np
import pytest

from keras_siamese import distances
from keras_siamese.index.exact import ExactBackend
from keras_siamese.index.items import ItemTable
from keras_siamese.index.usearch import USearchBackend
from keras_siamese.index.vectors import VectorStore


def make(x, name="euclidean", **arguments):
    store, items = VectorStore(x.shape[1]), ItemTable()
    backend = USearchBackend(distances.get(name), store, items, **arguments)
    store.append(x)
    items.append(3 * np.arange(len(x)), None, {})
    backend.add(np.arange(len(x)))
    return backend, ExactBackend(distances.get(name), store, items)


def recall(found, expected):
    return np.mean([len(set(f) & set(e)) / len(e) for f, e in zip(found, expected, strict=True)])


@pytest.fixture(scope="module")
def x():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(20, 20))
    x = centres[rng.integers(0, 20, 1000)] + 0.5 * rng.normal(size=(1000, 20))
    return x.astype("float32")


@pytest.mark.parametrize("name", ["euclidean", "squared_euclidean", "cosine", "angular"])
@pytest.mark.parametrize(
    "codes, rescore, least",
    [(None, 1, 0.97), ("float16", 1, 0.97), ("int8", 4, 0.97), ("binary", 20, 0.9)],
)
def test_recall(x, name, codes, rescore, least):
    backend, exact = make(x, name, codes=codes, rescore=rescore)
    positions, found = backend.search(x[:100] + 0.01, 10)
    expected, _ = exact.search(x[:100] + 0.01, 10)
    assert recall(positions, expected) >= least
    assert found[:, 0] == pytest.approx(exact.distances_of(x[:100] + 0.01, positions[:, :1])[:, 0])


def test_inner_products(x):
    backend, exact = make(x, "inner_product", codes="int8", options={"expansion_search": 200})
    assert recall(backend.search(x[:50], 10)[0], exact.search(x[:50], 10)[0]) > 0.9


def test_one_query(x):
    backend, exact = make(x)
    assert np.array_equal(backend.search(x[:1], 4)[0], exact.search(x[:1], 4)[0])


def test_every_item(x):
    backend, exact = make(x[:50])
    assert np.array_equal(backend.search(x[:3], 50)[0], exact.search(x[:3], 50)[0])


def test_signs_of_any_number_of_entries(x):
    for dim in (7, 8, 9):
        backend, _ = make(x[:, :dim].copy(), codes="binary", rescore=50)
        assert (backend.search(x[:5, :dim].copy(), 1)[0][:, 0] == np.arange(5)).all()


def test_remove_and_add_again(x):
    backend, _ = make(x)
    backend.remove(np.array([0, 3]))
    assert not np.isin(backend.candidates(backend.coder.encode(x[:2]), 50), [0, 3]).any()
    backend.add(np.array([0]))
    assert backend.search(x[:1], 1)[0].tolist() == [[0]]


@pytest.mark.parametrize("codes", [None, "int8", "binary"])
def test_save_and_restore(x, tmp_path, codes):
    backend, _ = make(x, codes=codes)
    config = backend.save(tmp_path / "graph")
    again = USearchBackend(backend.distance, backend.store, backend.items, codes=codes)
    again.restore(tmp_path / "graph", config)
    assert np.array_equal(again.search(x[:20], 5)[0], backend.search(x[:20], 5)[0])
    assert again.nbytes > 0


def test_graphs_that_do_not_fit(x, tmp_path):
    backend, _ = make(x[:100])
    config = backend.save(tmp_path / "graph")
    for others, arguments in ((x[:99], {}), (x[:100], {"codes": "float16"})):
        with pytest.raises(ValueError, match="Load without `trust_graph`"):
            make(others, **arguments)[0].restore(tmp_path / "graph", config)
    backend.items.ids = backend.items.ids + 1
    with pytest.raises(ValueError, match="of other items"):
        backend.restore(tmp_path / "graph", config)
