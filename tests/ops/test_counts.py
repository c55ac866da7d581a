import numpy as np
import pytest

from keras_siamese.ops import counts
from keras_siamese.ops.counts import (
    CountTable,
    Members,
    distinct_keys,
    distinct_vectors,
    places_in_runs,
)


def test_counts_of_one_and_of_two_columns():
    color, shape = np.array([0, 0, 2, 2, 2]), np.array([1, 1, 0, 1, 0])
    by_color = CountTable([color], [3])
    assert by_color.of(np.array([[0, 1], [2, 0]])).tolist() == [[2, 0], [3, 2]]
    both = CountTable([color, shape], [3, 2])
    assert both.of(np.array([0, 0, 2, 2, 1]), np.array([0, 1, 0, 1, 1])).tolist() == [0, 2, 2, 1, 0]


def test_values_that_no_item_has():
    table = CountTable([np.array([3, 3]), np.array([1, 1])], [9, 2])
    assert table.of(np.array([8, 0, 3]), np.array([1, 1, 1])).tolist() == [0, 0, 2]


def test_places_in_runs():
    runs, places = places_in_runs(np.array([5, 9, 0]), np.array([2, 0, 3]))
    assert (runs.tolist(), places.tolist()) == ([0, 0, 2, 2, 2], [5, 6, 0, 1, 2])


def test_members():
    members = Members([np.array([4, 0, 4, 4]), np.array([1, 1, 0, 1])], [5, 2])
    rows, items = members.of(np.array([4, 3, 0, 4]), np.array([1, 0, 1, 0]))
    assert (rows.tolist(), items.tolist()) == ([0, 0, 2, 3], [0, 3, 1, 2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distinct_vectors(dtype):
    x = np.array([[1, 0], [2, 2], [1, -0.0], [3, 0], [2, 2]], dtype)
    first, inverse = distinct_vectors(x)
    assert first.tolist() == [0, 1, 3]
    assert inverse.tolist() == [0, 1, 0, 2, 1]


def test_rows_of_one_hash_are_told_apart(monkeypatch):
    monkeypatch.setattr(counts, "_hashes", lambda x: np.zeros(len(x), np.uint64))
    first, inverse = distinct_vectors(np.array([[1.0], [2.0], [1.0]]))
    assert (first.tolist(), inverse.tolist()) == ([0, 1], [0, 1, 0])


def test_many_copies_of_wide_rows(rng):
    x = rng.normal(size=(50, 700)).astype(np.float32)
    which = rng.integers(0, 50, 5000)
    first, inverse = distinct_vectors(x[which])
    assert (x[which][first][inverse] == x[which]).all()
    assert len(first) == len(set(which.tolist()))


def test_distinct_keys():
    first, inverse = distinct_keys([np.array([5, 5, 1, 5]), np.array([0, 1, 0, 0])])
    assert first.tolist() == [2, 0, 1]
    assert inverse.tolist() == [1, 2, 0, 1]
