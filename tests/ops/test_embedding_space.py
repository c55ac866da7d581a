import numpy as np

from keras_siamese import distances
from keras_siamese.ops import embedding_space
from keras_siamese.ops.embedding_space import EmbeddingSpace


def test_labels_are_numbered():
    space = EmbeddingSpace(np.array([7, -2, 7]), np.eye(3), distances.get("euclidean"))
    assert space.class_ids.tolist() == [1, 0, 1]
    assert space.class_sizes.tolist() == [1, 2]
    assert space.num_items == 3


def test_unit_vectors():
    space = EmbeddingSpace(np.array([0, 0]), np.array([[3.0, 4.0], [0.0, 0.0]]), None)
    np.testing.assert_allclose(space.units, [[0.6, 0.8], [0, 0]])
    assert space.units is space.units


def test_one_k_means_for_each_seed(monkeypatch):
    calls = []

    def count(embeddings, num_clusters, seed):
        calls.append((num_clusters, seed))
        return np.arange(len(embeddings))

    monkeypatch.setattr(embedding_space, "k_means_clusters", count)
    space = EmbeddingSpace(np.array([0, 0, 5]), np.eye(3), None)
    assert [len(space.clusters(seed)) for seed in (0, 0, 4)] == [3, 3, 3]
    assert calls == [(2, 0), (2, 4)]
