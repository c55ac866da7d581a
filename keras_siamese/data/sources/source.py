"""Labelled items that are asked for by number, wherever they are kept."""

import functools
from abc import ABC, abstractmethod
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_siamese.data.graph import host_tensor, reads_outside_of_the_graph
from keras_siamese.data.labels import as_class_labels, encode_labels
from keras_siamese.ops.checks import check_count, check_same_length


class Source(ABC):
    """Labelled items with random access: arrays, files, records, and parts of them.

    The labels are in memory; items are read, and decoded, when they are asked for, and only those
    that are. A subclass is one function, `fetch`.

    Args:
        labels: Class labels: integers or names, shape `(num_items,)` or `(num_items, 1)`.
        groups: Super-class of each item (the alphabet of a character, the writer of a page):
            integers or names, shape `(num_items,)`. Defaults to `None`: there are none.

    Raises: ValueError: If there are no items, the lengths differ, or labels are floats, missing, or
        of several kinds.
    """

    def __init__(self, labels: Any, groups: Any = None) -> None:
        self.labels = as_class_labels(labels)
        self.groups = None if groups is None else as_class_labels(groups)
        if self.groups is not None:
            check_same_length(labels=self.labels, groups=self.groups)

    @abstractmethod
    def fetch(self, indices: tf.Tensor) -> Any:
        """Reads a batch of items, as a part of a `tf.data` graph.

        Args:
            indices: Places of items, int64, shape `(batch_size,)`.

        Returns: The items: a tensor, or a dict or tuple of tensors, shapes `(batch_size, ...)`.
        """

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        sizes = f"{len(self)} items, {len(np.unique(self.labels))} classes"
        if self.groups is not None:
            sizes += f", {len(np.unique(self.groups))} groups"
        return f"<{type(self).__name__.lstrip('_')}: {sizes}>"

    @functools.cached_property
    def class_ids(self) -> np.ndarray:
        """Labels as the batches hold them, int64, shape `(num_items,)`.

        Integers keep their values. Names (and uint64, which int64 cannot hold) become the ids of
        `encode_labels(labels)`; a part of a source has the ids of the whole: see `renumbered`.
        """
        if np.can_cast(self.labels.dtype, np.int64):
            return self.labels.astype(np.int64)
        ids, _ = encode_labels(self.labels)
        return ids

    def subset(self, indices: Any) -> "Source":
        """Returns the source of some of the items, of which nothing is copied.

        Args:
            indices: Places of the items, integers, shape `(num_kept,)`, or a mask of booleans,
                shape `(num_items,)`.

        Raises: ValueError: If no item is left, or a place is out of range.
        """
        return _Subset(self, indices)

    def renumbered(self) -> "Source":
        """Returns the same items with class ids 0 to C-1, as losses with proxies need them.

        A part of a source has the ids of the whole, and gaps where the other parts have classes.
        """
        source = self.subset(np.arange(len(self)))
        source.class_ids, _ = encode_labels(self.labels)
        return source

    def batches(self, batch_size: int = 256) -> tf.data.Dataset:
        """All items once, in their order: for `evaluate`, `predict` and `validation_data`.

        Args:
            batch_size: Items in a batch; the last one may hold fewer. Defaults to 256.

        Returns: A `tf.data.Dataset` of known cardinality with elements `(x, class_ids)`, of which a
            few batches are in memory at a time.
        """
        check_count("batch_size", batch_size)
        return (
            tf.data.Dataset.from_tensor_slices((np.arange(len(self)), self.class_ids))
            .batch(batch_size)
            .map(lambda i, ids: (self.fetch(i), ids), num_parallel_calls=tf.data.AUTOTUNE)
            .prefetch(tf.data.AUTOTUNE)
            .with_options(reads_outside_of_the_graph())
        )

    def arrays(self) -> tuple[Any, np.ndarray]:
        """Reads all items into memory.

        Returns: `(x, labels)`: NumPy arrays like the items, shapes `(num_items, ...)`, and the
            labels as they were given.
        """
        return self._take(np.arange(len(self))), self.labels

    def _take(self, indices: np.ndarray) -> Any:
        """Returns the items at some places as NumPy arrays."""
        parts = [x for x, _ in _Subset(self, indices).batches().as_numpy_iterator()]
        return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)


class _Subset(Source):
    """Some of the items of another source."""

    def __init__(self, source: Source, indices: Any) -> None:
        indices = np.asarray(indices)
        if indices.dtype == bool and indices.shape == (len(source),):
            indices = np.flatnonzero(indices)
        if indices.dtype.kind not in "iu" or indices.ndim != 1 or not indices.size:
            raise ValueError(
                "`indices` must be the places of some items, shape (num_kept,), or a mask, shape "
                f"({len(source)},). Received: dtype {indices.dtype}, shape {indices.shape}."
            )
        if indices.min() < 0 or indices.max() >= len(source):
            raise ValueError(
                f"Places must be from 0 to {len(source) - 1}. Received: {indices.min()} to "
                f"{indices.max()}."
            )
        groups = None if source.groups is None else source.groups[indices]
        super().__init__(source.labels[indices], groups)
        self.class_ids = source.class_ids[indices]
        self._source: Source = source
        self._indices: np.ndarray = indices.astype(np.int64)
        if isinstance(source, _Subset):
            self._source, self._indices = source._source, source._indices[indices]

    @functools.cached_property
    def _places(self) -> tf.Tensor:
        return host_tensor(self._indices)

    def fetch(self, indices: tf.Tensor) -> Any:
        return self._source.fetch(tf.gather(self._places, indices))

    def _take(self, indices: np.ndarray) -> Any:
        return self._source._take(self._indices[indices])
