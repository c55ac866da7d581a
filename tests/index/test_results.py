import dataclasses

import numpy as np
import pytest

from keras_siamese.index import Neighbours, NeighboursWithin, RemovedDuplicates


def test_neighbours_are_frozen():
    result = Neighbours(np.zeros((3, 2)), np.zeros((3, 2)), None, {})
    assert len(result) == 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.ids = None


def test_one_query_of_those_within():
    result = NeighboursWithin(
        np.array([0, 2, 2, 3]),
        np.array([5, 1, 7]),
        np.array([0.1, 0.2, 0.3], "float32"),
        np.array(["a", "b", "c"]),
        {"n": np.array([1, 2, 3], object)},
    )
    assert len(result) == 3
    assert [part.ids.tolist() for part in result] == [[5, 1], [], [7]]
    last = result[-1]
    assert last.labels.tolist() == ["c"] and last.metadata["n"].tolist() == [3]
    assert last.distances.tolist() == pytest.approx([0.3])
    assert last.row_splits.tolist() == [0, 1]
    with pytest.raises(IndexError):
        result[3]


def test_no_labels():
    result = NeighboursWithin(np.array([0, 1]), np.array([5]), np.array([0.1]), None, {})
    assert result[0].labels is None


def test_length_of_removed():
    assert len(RemovedDuplicates(np.array([3]), np.array([0]), np.array([0.0]))) == 1
