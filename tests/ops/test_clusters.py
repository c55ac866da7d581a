"""k-means clusters and silhouettes: against scikit-learn, ties, collapse, any distance."""

import numpy as np
import pytest
from sklearn.metrics import silhouette_samples

from keras_siamese import distances
from keras_siamese.ops import clusters


def test_finds_what_is_apart(rng):
    classes = np.repeat(np.arange(4), [5, 6, 7, 30])
    found = clusters.k_means_clusters(rng.normal(size=(48, 3)) + 40 * classes[:, None], 4, seed=0)
    assert found.dtype == np.int64
    assert len(set(zip(classes.tolist(), found.tolist(), strict=True))) == 4


def test_the_seed_decides(rng):
    embeddings = rng.normal(size=(300, 2)).astype("float32")
    first, again, other = (clusters.k_means_clusters(embeddings, 20, seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_fewer_points_than_clusters():
    # Without scikit-learn's warning, which is an error here.
    found = clusters.k_means_clusters(np.repeat([[0.0], [9.0]], 5, axis=0), 4, seed=0)
    assert len(set(found[:5])) == len(set(found[5:])) == 1
    assert found[0] != found[5]


def test_large_sets_start_at_random(rng, monkeypatch):
    embeddings = rng.normal(size=(200, 3)) + 40 * np.repeat(np.arange(2), 100)[:, None]
    careful = clusters.k_means_clusters(embeddings, 20, seed=0)
    monkeypatch.setattr(clusters, "_MAX_CAREFUL_START", 3999)
    first, again = (clusters.k_means_clusters(embeddings, 20, seed=0) for _ in range(2))
    assert (first == again).all()
    assert (first != careful).any()
    assert not set(first[:100]) & set(first[100:])


@pytest.mark.parametrize("elements", [2**22, 100])
@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("euclidean", "euclidean"),
        ("squared_euclidean", "sqeuclidean"),
        ("cosine", "cosine"),
        ("manhattan", "manhattan"),
    ],
)
def test_equals_scikit_learn(name, theirs, elements, rng, monkeypatch):
    monkeypatch.setattr(clusters, "_TILE_ELEMENTS", elements)
    ids = np.concatenate([np.arange(7), rng.integers(0, 6, 40)])  # class 6 has one item
    embeddings = (rng.normal(size=(47, 4)) + 0.3 * ids[:, None]).astype("float32")
    embeddings[30:] = embeddings[10:27]
    wanted = silhouette_samples(embeddings.astype("float64"), ids, metric=theirs)
    items = rng.permutation(47)[:31]
    found = clusters.silhouettes(distances.get(name), embeddings, ids, items)
    np.testing.assert_allclose(found, wanted[items], rtol=2e-5, atol=2e-6)
    assert found[ids[items] == 6].tolist() == [0.0] * (6 in items)


@pytest.mark.parametrize("name", ["euclidean", "cosine", "angular"])
def test_collapsed(name, rng):
    embeddings = np.tile(rng.normal(size=33), (20, 1)).astype("float32")
    ids = np.repeat([0, 1, 2, 3], 5)
    every = np.arange(20)
    assert clusters.silhouettes(distances.get(name), embeddings, ids, every).tolist() == [0.0] * 20
    # Two classes on a point and two on another: all as near to a wrong class as to their own.
    embeddings[10:] = rng.normal(size=33)
    assert clusters.silhouettes(distances.get(name), embeddings, ids, every).tolist() == [0.0] * 20
    # Each class on a point of its own.
    embeddings = np.repeat(rng.normal(size=(4, 33)), 5, axis=0)
    assert clusters.silhouettes(distances.get(name), embeddings, ids, every).tolist() == [1.0] * 20


def test_distances_below_zero():
    embeddings, ids = np.array([[1.0], [2.0], [3.0]]), np.array([0, 0, 1])
    with pytest.raises(ValueError, match=r"never negative.*cosine"):
        clusters.silhouettes(distances.get("inner_product"), embeddings, ids, np.arange(3))


@pytest.mark.parametrize("exponent", [-90, 90])
def test_scale_does_not_matter(exponent, rng):
    embeddings = rng.normal(size=(60, 3)).astype("float32")
    expected = clusters.k_means_clusters(embeddings, 4, seed=0)
    scaled = np.ldexp(embeddings, exponent)
    assert (clusters.k_means_clusters(scaled, 4, seed=0) == expected).all()
