import numpy as np
import pytest
from keras import ops

from keras_siamese.distances import Cosine, Euclidean, InnerProduct, Manhattan, SignalToNoise
from keras_siamese.ops import set_pairs as module
from keras_siamese.ops.set_pairs import SetPairs


def paired(distance, x, y):
    x, y = ops.convert_to_tensor(x), ops.convert_to_tensor(y)
    return ops.convert_to_numpy(distance.paired(x, y))


@pytest.fixture(params=[(1, 3), (8, 8), (5, 16), (512, 1024)])
def tiles(request, monkeypatch):
    monkeypatch.setattr(module, "TILE_ROWS", request.param[0])
    monkeypatch.setattr(module, "TILE_COLUMNS", request.param[1])


def _sorted_distances(pairs, is_match):
    same, distances, weights = pairs.all()
    return np.sort(np.repeat(distances[same == is_match], weights[same == is_match]))


@pytest.mark.parametrize("distance", [Euclidean(), Manhattan(), Cosine(), InnerProduct()])
@pytest.mark.parametrize("repeats", ["none", "in classes", "between classes"])
def test_each_unordered_pair_once(rng, tiles, distance, repeats):
    embeddings = rng.normal(size=(40, 3)).astype(np.float32)
    labels = rng.integers(0, 6, 40)
    if repeats != "none":
        embeddings[20:] = embeddings[:20][rng.permutation(20)]
    if repeats == "in classes":
        labels = np.unique(embeddings[:, 0], return_inverse=True)[1] % 6
    pairs = SetPairs(labels, embeddings, distance)
    rows, columns = np.triu_indices(40, 1)
    expected = paired(distance, embeddings[rows], embeddings[columns])
    same = labels[rows] == labels[columns]
    assert (pairs.num_positives, pairs.num_negatives) == (same.sum(), (~same).sum())
    assert pairs.num_distances == (780 if repeats == "none" else 190)
    for kind in (True, False):
        found = _sorted_distances(pairs, kind)
        np.testing.assert_allclose(found, np.sort(expected[same == kind]), atol=1e-3, rtol=1e-3)


def test_both_orders_of_a_distance_that_depends_on_it(rng, tiles):
    embeddings, labels = rng.normal(size=(20, 3)).astype(np.float32), rng.integers(0, 3, 20)
    embeddings[11] = embeddings[5]
    pairs = SetPairs(labels, embeddings, SignalToNoise())
    rows, columns = np.nonzero(~np.eye(20, dtype=bool))
    expected = paired(SignalToNoise(), embeddings[rows], embeddings[columns])
    same = labels[rows] == labels[columns]
    for kind in (True, False):
        found = _sorted_distances(pairs, kind)
        np.testing.assert_allclose(found, np.sort(expected[same == kind]), rtol=1e-3, atol=1e-5)


def test_identical_embeddings_are_exactly_as_far_from_any_third(rng, tiles):
    points = rng.normal(size=(5, 33)).astype(np.float32)
    which, labels = rng.integers(0, 5, 60), rng.integers(0, 3, 60)
    _, distances, weights = SetPairs(labels, points[which], Euclidean()).all()
    # Ten pairs of different points, and 0.
    assert len(np.unique(distances)) == 11
    assert weights[distances == 0].sum() == sum(n * (n - 1) // 2 for n in np.bincount(which))


def test_a_sample_holds_both_kinds(rng):
    labels = rng.permutation(np.repeat(np.arange(400), 5))
    pairs = SetPairs(labels, rng.normal(size=(2000, 4)).astype(np.float32), Euclidean())
    sizes = {True: 0, False: 0}
    for part in pairs.sample():
        sizes[part.is_match] += len(part.reduced)
    assert sizes[True] > 1000 and sizes[False] > 100_000


def test_a_sample_of_two_items():
    pairs = SetPairs(np.array([0, 1]), np.array([[0.0], [1.0]], np.float32), Euclidean())
    assert sum(len(part.reduced) for part in pairs.sample()) >= 1
