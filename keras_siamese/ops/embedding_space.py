"""A labelled set as the figures of its space see it, with what several of them share."""

from functools import cached_property
from typing import Any

import numpy as np

from keras_siamese.ops.clusters import k_means_clusters
from keras_siamese.ops.geometry import unit_rows


class EmbeddingSpace:
    """Labelled embeddings, with what several figures need, computed on first use and kept.

    Args:
        labels: Integers, shape `(num_items,)`.
        embeddings: Finite floats, shape `(num_items, embedding_dim)`.
        distance: A `Distance`.

    Attributes:
        embeddings: The embeddings as they are.
        distance: The distance.
        num_items: Number of items.
        class_ids: The labels, numbered from 0, shape `(num_items,)`.
        class_sizes: Number of items of each class, shape `(num_classes,)`.
    """

    def __init__(self, labels: np.ndarray, embeddings: np.ndarray, distance: Any) -> None:
        self.embeddings, self.distance = embeddings, distance
        self.num_items = len(labels)
        _, self.class_ids, self.class_sizes = np.unique(
            labels, return_inverse=True, return_counts=True
        )
        self._clusters: dict[int, np.ndarray] = {}

    @cached_property
    def units(self) -> np.ndarray:
        """The embeddings divided by their norms; a zero vector stays 0."""
        return unit_rows(self.embeddings)

    def clusters(self, seed: int) -> np.ndarray:
        """A cluster for each item, by k-means with as many clusters as there are classes."""
        if seed not in self._clusters:
            num_classes = len(self.class_sizes)
            self._clusters[seed] = k_means_clusters(self.embeddings, num_classes, seed)
        return self._clusters[seed]
