import keras
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    normalized_mutual_info_score,
    silhouette_score,
)

from keras_siamese.metrics import EmbeddingCollection
from keras_siamese.metrics.clustering import (
    AdjustedMutualInformation,
    AdjustedRandIndex,
    ClusterMetric,
    NormalizedMutualInformation,
    Silhouette,
)
from keras_siamese.ops import embedding_space


def _values(metrics, embeddings, labels, distance="euclidean"):
    collection = EmbeddingCollection()
    collection.add_items(np.asarray(labels), np.asarray(embeddings, "float32"))
    return list(collection.evaluate(metrics, distance).values())


def _of_clusters(**arguments):
    kinds = (NormalizedMutualInformation, AdjustedMutualInformation, AdjustedRandIndex)
    return [kind(**arguments) for kind in kinds]


def test_equal_scikit_learn(rng):
    labels = rng.integers(0, 6, 90)
    embeddings = (rng.normal(size=(90, 3)) + labels[:, None]).astype("float32")
    clusters = KMeans(6, n_init=1, random_state=3).fit_predict(embeddings)
    scores = (normalized_mutual_info_score, adjusted_mutual_info_score, adjusted_rand_score)
    wanted = [score(labels, clusters) for score in scores]
    wanted.append(silhouette_score(embeddings, labels))
    assert all(0.02 < value < 0.9 for value in wanted)
    found = _values([*_of_clusters(seed=3), Silhouette()], embeddings, labels)
    assert found == pytest.approx(wanted, rel=1e-5)


def test_perfect_and_by_chance(rng):
    labels = np.repeat(np.arange(8), 10)
    apart = labels[:, None] * 10.0 + rng.uniform(size=(80, 1))
    assert _values(_of_clusters(), apart, labels) == pytest.approx([1.0] * 3)
    mutual, adjusted, rand = _values(_of_clusters(), apart, rng.permutation(labels))
    assert mutual > 0.15
    assert abs(adjusted) < 0.1 and abs(rand) < 0.1


def test_one_k_means_for_all(rng, monkeypatch):
    calls = []
    real = embedding_space.k_means_clusters
    monkeypatch.setattr(
        embedding_space, "k_means_clusters", lambda *a: calls.append(a[2]) or real(*a)
    )
    _values([*_of_clusters(), Silhouette()], rng.normal(size=(20, 2)), np.arange(20) % 3)
    assert calls == [0]


def test_collapsed():
    embeddings, labels = np.ones((12, 2)), np.arange(12) % 3
    found = _values([*_of_clusters(), Silhouette()], embeddings, labels)
    assert found == pytest.approx([0.0] * 4, abs=1e-12)


def test_silhouette_of_a_part(rng):
    labels = rng.integers(0, 9, 600)
    embeddings = rng.normal(size=(600, 3)) + labels[:, None]
    whole, some, again, other = _values(
        [
            Silhouette(),
            Silhouette(200, name="some"),
            Silhouette(200, name="again"),
            Silhouette(200, seed=1, name="other"),
        ],
        embeddings,
        labels,
    )
    assert some == again != other
    assert abs(some - whole) < 0.06  # 3 standard errors
    assert abs(other - whole) < 0.06


def test_silhouette_goes_by_the_distance():
    embeddings, labels = [[1.0, 0.1], [9.0, 0.0], [0.1, 1.0], [0.0, 9.0]], [0, 0, 1, 1]
    euclidean, cosine = (
        _values([Silhouette()], embeddings, labels, name)[0] for name in ("euclidean", "cosine")
    )
    assert euclidean < 0.3 < 0.9 < cosine


def test_names_directions_and_round_trip():
    metrics = [*_of_clusters(seed=4), Silhouette(50, 2, "cosine")]
    assert [metric.name for metric in metrics] == [
        "normalized_mutual_information",
        "adjusted_mutual_information",
        "adjusted_rand_index",
        "silhouette",
    ]
    for metric in metrics:
        assert metric._direction == "up"
        copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
        assert type(copy) is type(metric)
        assert copy.get_config() == metric.get_config()


@pytest.mark.parametrize("metric", [*_of_clusters(), Silhouette()], ids=lambda m: m.name)
def test_undefined(metric):
    with pytest.raises(ValueError, match="All 4 items have the same label"):
        _values([metric], np.eye(4), [5, 5, 5, 5])
    with pytest.raises(ValueError, match="one item only"):
        _values([metric], np.eye(3), [1, 2, 3])


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"k-means.*Euclidean.*'cosine'"):
        AdjustedRandIndex(distance="cosine")
    with pytest.raises(ValueError, match="`seed`"):
        AdjustedRandIndex(seed=-1)
    with pytest.raises(ValueError, match="`max_items`"):
        Silhouette(0)
    with pytest.raises(ValueError, match="never negative"):
        _values([Silhouette()], [[1.0], [2.0], [3.0]], [0, 0, 1], "inner_product")
    with pytest.raises(NotImplementedError):
        ClusterMetric(name="none").of_clusters(np.zeros(2), np.zeros(2))
