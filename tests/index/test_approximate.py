import numpy as np
import pytest

from keras_siamese import distances
from keras_siamese.index.approximate import ApproximateBackend
from keras_siamese.index.exact import ExactBackend
from keras_siamese.index.items import ItemTable
from keras_siamese.index.vectors import VectorStore


class Blind(ApproximateBackend):
    """Proposes every item, or only some of them, in a poor order."""

    name = "blind"
    all_codes = ("float32", "int8", "binary")
    default_options = {"step": 1, "threads": 0}

    def start(self):
        self.known, self.asked = [], []

    def insert(self, ids, codes):
        self.known += ids.tolist()

    def delete(self, ids):
        self.known = [i for i in self.known if i not in ids]

    def candidates(self, codes, count):
        self.asked.append(count)
        found = self.known[:: self.options["step"]][::-1][:count]
        return np.tile(np.array(found + [-1] * (count - len(found))), (len(codes), 1))


def make(x, **arguments):
    store, items = VectorStore(x.shape[1]), ItemTable()
    distance = distances.get(arguments.pop("distance", "euclidean"))
    backend = Blind(distance, store, items, **arguments)
    store.append(x)
    items.append(10 + np.arange(len(x)), None, {})
    backend.add(np.arange(len(x)))
    return backend, ExactBackend(distance, store, items)


@pytest.fixture
def x(rng):
    return rng.normal(size=(100, 4)).astype("float32")


@pytest.mark.parametrize("name", ["euclidean", "cosine", "angular", "inner_product"])
def test_candidates_are_ranked_by_exact_distances(x, name):
    backend, exact = make(x, distance=name, codes="int8", rescore=100)
    positions, found = backend.search(x[:7], 5)
    expected, d = exact.search(x[:7], 5)
    assert np.array_equal(positions, expected) and found == pytest.approx(d, abs=1e-6)


def test_how_many_candidates(x):
    backend, _ = make(x, codes="int8", rescore=3)
    backend.search(x[:2], 5)
    same, _ = make(x, rescore=3)
    same.search(x[:2], 5)
    assert backend.asked == [15] and same.asked == [5]
    backend.search(x[:2], 90)
    assert backend.asked[-1] == 100


def test_too_few_candidates_fall_back(x):
    backend, exact = make(x, options={"step": 30})
    positions, _ = backend.search(x[:3], 5)
    assert np.array_equal(positions, exact.search(x[:3], 5)[0])


def test_too_few_candidates_within_fall_back(rng):
    x = rng.normal(size=(600, 4)).astype("float32")
    backend, exact = make(x, options={"step": 30})
    for found, expected in zip(backend.within(x[:3], 0.8), exact.within(x[:3], 0.8), strict=True):
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("threshold", [0.0, 0.8, 2.0, 100.0])
def test_within(rng, threshold):
    x = rng.normal(size=(600, 4)).astype("float32")
    backend, exact = make(x, codes="int8", rescore=20)
    for found, expected in zip(
        backend.within(x[:9], threshold), exact.within(x[:9], threshold), strict=True
    ):
        assert found == pytest.approx(expected, abs=1e-6)


def test_removed_items_are_not_found(x):
    backend, _ = make(x)
    backend.remove(np.array([10, 11]))
    assert 10 not in backend.known
    # Were the library to name one that is gone, it would be left out.
    backend.known.append(10_000)
    assert (backend.search(x[:2], 3)[0] >= 0).all()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"distance": "manhattan"}, "blind backend has distances.*Manhattan.*exact"),
        ({"codes": "float16"}, "has codes"),
        ({"codes": "binary", "distance": "inner_product"}, "binary ones for"),
        ({"options": {"steps": 3}}, r"Received: \['steps'\]"),
        ({"rescore": 0, "codes": "int8"}, "`rescore` must be"),
        ({"options": {"threads": -1}}, "`threads` must be an integer of at least 0"),
        ({"options": {"threads": 10**6}}, "`threads` must be at most 1024"),
        ({"options": {"threads": 1e308}}, "`threads` must be an integer"),
    ],
)
def test_refused(x, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(x, **arguments)
