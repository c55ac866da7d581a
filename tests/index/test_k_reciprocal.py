import numpy as np
import pytest
from reference import index_search

from keras_siamese.index import k_reciprocal_distances


@pytest.mark.parametrize("k1, k2, weight", [(5, 2, 0.3), (4, 1, 0.0), (7, 3, 0.6), (30, 6, 0.3)])
@pytest.mark.parametrize("seed", [0, 1])
def test_against_sets(seed, k1, k2, weight):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(4, 3))
    x = centres[rng.integers(0, 4, 24)] + 0.5 * rng.normal(size=(24, 3))
    x[7] = x[20]  # a duplicate
    d = np.square(x[:, None] - x[None]).sum(axis=-1)
    found = k_reciprocal_distances(d, 6, k1=k1, k2=k2, original_weight=weight)
    d32 = d.astype("float32").astype(float)
    expected = index_search.k_reciprocal(d32.tolist(), 6, k1, k2, weight)
    assert found == pytest.approx(np.array(expected), abs=1e-5)


def test_by_hand():
    # On a line: q = 0, a = 1, b = 3, with k1 = 1, k2 = 1 and no original distance. q and a are each
    # other's nearest: both have the set {q, a}. b's nearest is a, whose nearest is q: the set {b}.
    x = np.array([0.0, 1.0, 3.0])
    d = abs(x[:, None] - x)
    found = k_reciprocal_distances(d, 1, k1=1, k2=1, original_weight=0)
    # q: weights exp(0), exp(-1/3); a: exp(-1/2), exp(0); each over its sum.
    q = np.array([1, np.exp(-1 / 3)]) / (1 + np.exp(-1 / 3))
    a = np.array([np.exp(-1 / 2), 1]) / (1 + np.exp(-1 / 2))
    jaccard = 1 - np.minimum(q, a).sum() / np.maximum(q, a).sum()
    assert found == pytest.approx(np.array([[jaccard, 1.0]]), abs=1e-6)


def test_original_order_at_weight_one(rng):
    x = rng.normal(size=(12, 3))
    d = np.linalg.norm(x[:, None] - x, axis=-1)
    found = k_reciprocal_distances(d, 3, original_weight=1)
    assert np.array_equal(found.argsort(axis=1), d[:3, 3:].argsort(axis=1))


def test_all_the_same_item():
    found = k_reciprocal_distances(np.zeros((5, 5)), 2)
    assert found == pytest.approx(np.zeros((2, 3)), abs=1e-6)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"k1": 0}, "`k1`"),
        ({"k2": 0}, "`k2`"),
        ({"original_weight": 1.5}, "`original_weight` must be from 0 to 1"),
        ({"distances": np.zeros((2, 3))}, "square"),
        ({"distances": np.full((3, 3), np.nan)}, "finite"),
        ({"num_queries": 4}, "`num_queries` must be at most 3"),
        ({"num_queries": -1}, "`num_queries` must be an integer of at least 0"),
    ],
)
def test_refused(arguments, message):
    arguments = {"distances": np.zeros((3, 3)), "num_queries": 1, **arguments}
    with pytest.raises(ValueError, match=message):
        k_reciprocal_distances(**arguments)
