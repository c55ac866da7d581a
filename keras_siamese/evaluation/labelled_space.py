"""Embeddings and labels as the functions of evaluation take them, checked."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from keras_siamese.data import encode_labels
from keras_siamese.ops.checks import as_embeddings, check_finite, check_same_length


@dataclass(frozen=True)
class LabelledSpace:
    """A set of labelled embeddings.

    Attributes:
        embeddings: Finite floats, shape `(num_items, embedding_dim)`.
        class_ids: Class of each item, 0 to C - 1, shape `(num_items,)`.
        classes: The labels of the classes, ascending, shape `(C,)`.
    """

    embeddings: np.ndarray
    class_ids: np.ndarray
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.class_ids)

    @property
    def labels(self) -> np.ndarray:
        """The label of each item, shape `(num_items,)`."""
        return self.classes[self.class_ids]

    def name(self, place: int) -> str:
        """Returns the label of an item as text."""
        return str(self.classes[self.class_ids[place]])


def read_space(embeddings: Any, labels: Any) -> LabelledSpace:
    """Checks embeddings and labels.

    Args:
        embeddings: Finite numbers, shape `(num_items, ...)`. Further axes are flattened.
        labels: Integers or strings, shape `(num_items,)` or `(num_items, 1)`.

    Raises: ValueError: If lengths differ or are 0, labels are floats or missing, or an embedding is
        not finite.
    """
    embeddings = ops.convert_to_numpy(embeddings)
    class_ids, classes = encode_labels(labels)
    num_items = check_same_length(embeddings=embeddings, labels=class_ids)
    if embeddings.ndim != 2:
        embeddings = embeddings.reshape(num_items, -1)
    embeddings = ops.convert_to_numpy(as_embeddings(embeddings))
    check_finite("Embeddings", embeddings)
    return LabelledSpace(embeddings, class_ids, classes)
