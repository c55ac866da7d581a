import numpy as np
import pytest
from reference import index_search

from keras_siamese.index.deduplicate import find_duplicates
from keras_siamese.index.vector_index import VectorIndex


def make(x, **arguments):
    index = VectorIndex(**arguments)
    index.add([(np.asarray(x, "float32"), None)], ids=10 + np.arange(len(x)))
    return index


def test_by_hand():
    # 1 is near to 0 and goes; 2 is near to 1 alone and stays; 3 is near to 2; 4 equals 0.
    index = make([[0.0], [1.0], [2.0], [2.5], [0.0]])
    removed = find_duplicates(index, 1.0)
    assert removed.ids.tolist() == [11, 13, 14]
    assert removed.kept_ids.tolist() == [10, 12, 10]
    assert removed.distances.tolist() == [1.0, 0.5, 0.0]
    assert len(index) == 5


@pytest.mark.parametrize("backend", ["exact", "usearch"])
@pytest.mark.parametrize("threshold", [0.0, 0.2, 1.0, 10.0])
def test_against_loops(rng, monkeypatch, backend, threshold):
    monkeypatch.setattr("keras_siamese.index.deduplicate._ROWS", 16)
    x = rng.normal(size=(70, 2)).astype("float32")
    x[[20, 50]] = x[3]
    removed = find_duplicates(make(x, backend=backend), threshold)
    expected = index_search.duplicates("euclidean", x, threshold)
    assert removed.ids.tolist() == [10 + i for i in sorted(expected)]
    assert removed.kept_ids.tolist() == [10 + expected[i] for i in sorted(expected)]


def test_no_number():
    with pytest.raises(ValueError, match="`threshold` must be"):
        find_duplicates(make([[1.0]]), float("nan"))
