"""A labelled set of embeddings, and how far apart they are."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class LabelledSet:
    """Embeddings, their classes, and the distance that compares them.

    Attributes:
        labels: Integers, shape `(N,)`.
        embeddings: Finite floats, shape `(N, embedding_dim)`.
        distance: A `Distance`.
    """

    labels: np.ndarray
    embeddings: np.ndarray
    distance: Any

    @property
    def num_items(self) -> int:
        """N."""
        return len(self.labels)

    @cached_property
    def class_sizes(self) -> np.ndarray:
        """Number of items of each class, in the order of the labels: `(num_classes,)`."""
        return np.unique(self.labels, return_counts=True)[1]

    @property
    def num_positive_pairs(self) -> int:
        """Number of unordered pairs of one class."""
        return int((self.class_sizes * (self.class_sizes - 1) // 2).sum())

    @property
    def num_negative_pairs(self) -> int:
        """Number of unordered pairs of two classes."""
        return self.num_items * (self.num_items - 1) // 2 - self.num_positive_pairs
