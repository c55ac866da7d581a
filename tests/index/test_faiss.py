import sys

import numpy as np
import pytest

from keras_siamese import distances
from keras_siamese.index.exact import ExactBackend
from keras_siamese.index.faiss import FaissBackend
from keras_siamese.index.items import ItemTable
from keras_siamese.index.vectors import VectorStore


def test_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ImportError, match="pip install faiss-cpu"):
        FaissBackend(distances.get("euclidean"), VectorStore(3), ItemTable())


def make(x, name="euclidean", **arguments):
    pytest.importorskip("faiss")
    store, items = VectorStore(x.shape[1]), ItemTable()
    backend = FaissBackend(distances.get(name), store, items, **arguments)
    store.append(x)
    items.append(3 * np.arange(len(x)), None, {})
    backend.add(np.arange(len(x)))
    return backend, ExactBackend(distances.get(name), store, items)


@pytest.fixture
def x(rng):
    return rng.normal(size=(500, 8)).astype("float32")


@pytest.mark.parametrize("name", ["euclidean", "cosine", "angular", "inner_product"])
@pytest.mark.parametrize("kind", ["flat", "hnsw"])
@pytest.mark.parametrize("codes", ["float32", "float16"])
def test_recall(x, name, kind, codes):
    backend, exact = make(x, name, codes=codes, options={"kind": kind})
    positions, expected = backend.search(x[:50], 5)[0], exact.search(x[:50], 5)[0]
    assert np.mean(positions == expected) > 0.95


@pytest.mark.parametrize("kind", ["flat", "hnsw"])
def test_removal(x, kind):
    backend, _ = make(x, options={"kind": kind})
    backend.remove(3 * np.arange(20))
    found = backend.candidates(x[:30], 10)
    assert found.min() >= 60
    backend.remove(3 * np.arange(20, 200))  # so many that all is built anew
    assert len(backend._row_ids) == 300
    found = backend.candidates(x[200:230], 10)
    assert found.min() >= 600 and (found[:, 0] == 3 * np.arange(200, 230)).all()
    assert backend.nbytes > 300 * 8 * 4


@pytest.mark.parametrize("codes", ["int8", "binary"])
def test_codes_it_has_not(x, codes):
    with pytest.raises(ValueError, match="faiss backend has codes"):
        make(x, codes=codes)


def test_unknown_kind(x):
    with pytest.raises(ValueError, match="Unknown `kind`"):
        make(x, options={"kind": "ivf"})
