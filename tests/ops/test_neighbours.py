import numpy as np
import pytest
from keras import ops
from loss_harness import BACKEND

from keras_siamese import distances
from keras_siamese.ops.neighbours import nearest_neighbours, neighbours_within

NAMES = ["euclidean", "squared_euclidean", "cosine", "angular", "inner_product", "manhattan"]


def matrix(name, x, y):
    x, y = (ops.convert_to_tensor(part.astype(float)) for part in (x[:, None], y[None]))
    return ops.convert_to_numpy(distances.get(name).paired(x, y))


@pytest.mark.parametrize("name", NAMES)
def test_the_k_nearest(name, rng):
    queries, gallery = rng.normal(size=(2, 70, 4)).astype(np.float32)
    indices, found = nearest_neighbours(distances.get(name), queries, gallery[:50], 6)
    every = matrix(name, queries, gallery[:50])
    assert indices.shape == (70, 6) and indices.dtype == np.int64
    assert found.dtype == np.float64
    assert found == pytest.approx(np.sort(every, axis=1)[:, :6], rel=1e-6, abs=1e-6)
    assert np.take_along_axis(every, indices, axis=1) == pytest.approx(found, rel=1e-6, abs=1e-6)


def test_ties_come_in_the_order_of_their_places():
    queries = np.zeros((1, 2), np.float32)
    gallery = np.array([[1, 0], [0, 2], [0, 1], [-1, 0]], np.float32)
    indices, found = nearest_neighbours(distances.get("euclidean"), queries, gallery, 4)
    assert indices.tolist() == [[0, 2, 3, 1]]
    assert found.tolist() == [[1, 1, 1, 2]]


@pytest.mark.parametrize("num_items", [3, 40, 2000])
def test_no_item_is_its_own_neighbour(num_items, rng):
    # Whole numbers in one dimension: many are copies of others.
    x = rng.integers(0, num_items, (num_items, 1)).astype(np.float32)
    indices, found = nearest_neighbours(distances.get("euclidean"), x, x, 2, exclude_self=True)
    assert (indices != np.arange(num_items)[:, None]).all()
    every = np.abs(x - x[:, 0])
    np.fill_diagonal(every, np.inf)
    assert (found == np.sort(every, axis=1)[:, :2]).all()
    assert (np.take_along_axis(every, indices, axis=1) == found).all()


@pytest.mark.parametrize("name", NAMES)
def test_all_within_a_distance(name, rng):
    queries, gallery = rng.normal(size=(2, 60, 3)).astype(np.float32)
    every = matrix(name, queries, gallery)
    threshold = float(np.quantile(every, 0.1))
    splits, indices, found = neighbours_within(distances.get(name), queries, gallery, threshold)
    assert splits[0] == 0 and splits[-1] == len(indices) == len(found)
    for row in range(60):
        of_row = slice(splits[row], splits[row + 1])
        assert set(indices[of_row]) == set(np.flatnonzero(every[row] <= threshold))
        assert (np.diff(found[of_row]) >= 0).all()


def test_the_threshold_itself_is_within():
    x = np.array([[0.0], [3.0], [4.0]], np.float32)
    splits, indices, found = neighbours_within(distances.get("euclidean"), x[:1], x, 3.0)
    assert (splits.tolist(), indices.tolist(), found.tolist()) == ([0, 2], [0, 1], [0, 3])


def test_nothing_within():
    x = np.array([[0.0], [3.0]], np.float32)
    splits, indices, _ = neighbours_within(distances.get("euclidean"), x, x + 100, 1.0)
    assert (splits.tolist(), indices.tolist()) == ([0, 0, 0], [])
    splits, _, _ = neighbours_within(distances.get("euclidean"), x, x, -1.0)
    assert splits.tolist() == [0, 0, 0]


def test_float64_decides_among_near_duplicates(rng):
    # Far from 0, steps of 1e-4 are within the rounding of float32 products.
    gallery = np.float32(50) * np.ones((40, 16), np.float32)
    gallery[:, 0] += rng.permutation(40).astype(np.float32) / 1024
    gallery[::2, 1] += 200
    indices, found = nearest_neighbours(distances.get("euclidean"), gallery, gallery, 5)
    every = np.linalg.norm(gallery[:, None].astype(float) - gallery, axis=-1)
    assert found == pytest.approx(np.sort(every, axis=1)[:, :5], rel=1e-12)
    assert (indices[:, 0] == np.arange(40)).all()
    splits, items, _ = neighbours_within(distances.get("euclidean"), gallery, gallery, 0.0)
    assert (np.diff(splits) == 1).all() and (items == np.arange(40)).all()


@pytest.mark.parametrize("name", NAMES)
def test_each_distance_that_occurs_is_within_itself(name, rng):
    x = rng.integers(-3, 4, (30, 2)).astype(np.float32)
    every = matrix(name, x, x)
    # Apart from what float64 rounds, or float32, into which Keras turns it elsewhere.
    rounding = 1e-12 if BACKEND == "tensorflow" else 1e-6
    for threshold in np.unique(every) + rounding:
        splits, _, _ = neighbours_within(distances.get(name), x, x, threshold)
        assert splits[-1] == np.count_nonzero(every <= threshold)
