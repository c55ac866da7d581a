"""Labelled items of a `tf.data.Dataset`: what its elements are, and all of them in memory."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_siamese.data.sources.arrays import from_arrays
from keras_siamese.data.sources.source import Source

_BATCH_SIZE = 256


def from_dataset(dataset: tf.data.Dataset) -> Source:
    """Reads a `tf.data.Dataset` into memory, once, for random access to its items.

    Args:
        dataset: Finite, with elements `(x, label)` or `(x, label, group)`, or batches of them. `x`:
            a tensor, or a dict or tuple of tensors, of one shape in all items. Labels, and groups
            (super-classes, as in `from_arrays`): integers or strings.

    Returns: A `Source`.

    Raises: ValueError: If the dataset is endless or empty, has other elements, items differ in
        shape, or labels are floats.

    Example:
        >>> pairs = tf.data.Dataset.from_tensor_slices(([1, 2, 3], ["cat", "dog", "cat"]))
        >>> source = from_dataset(pairs)
        >>> source.labels.tolist(), source.class_ids.tolist()
        (['cat', 'dog', 'cat'], [0, 1, 0])
    """
    has_batches = gives_batches(dataset)
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            "`dataset` must be finite to be read into memory. Received: an endless one. Leave out "
            "its `.repeat()`, use `dataset.take(n)`, or stream it with `from_stream`."
        )
    if not has_batches:
        leaves = keras.tree.flatten(dataset.element_spec)
        is_one_shape = all(leaf.shape.is_fully_defined() for leaf in leaves)
        dataset = dataset.batch(_BATCH_SIZE if is_one_shape else 1)
    parts = list(dataset.as_numpy_iterator())
    if not parts:
        raise ValueError("The data set is empty. Received: a dataset without an element.")
    x, labels, *groups = keras.tree.map_structure(_concatenate, *parts)
    return from_arrays(x, _decoded(labels), groups=_decoded(groups[0]) if groups else None)


def gives_batches(dataset: Any) -> bool:
    """Returns whether the elements of a dataset are batches of labelled items, or else items.

    Raises: ValueError: If they are neither.
    """
    if not isinstance(dataset, tf.data.Dataset):
        raise ValueError(
            "Expected a `tf.data.Dataset` of (x, label). "
            f"Received: an object of type {type(dataset).__name__}."
        )
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) not in (2, 3):
        raise ValueError(
            "Expected a dataset with elements (x, label) or (x, label, group). Received: elements "
            f"{spec}. Use `dataset.map`, as in `lambda item: (item['image'], item['label'])`."
        )
    leaves = keras.tree.flatten(spec)
    if len(keras.tree.flatten(spec[1:])) != len(spec) - 1 or any(
        not isinstance(leaf, tf.TensorSpec) or leaf.shape.rank is None for leaf in leaves
    ):
        raise ValueError(
            "Expected dense tensors of known rank, and one tensor of labels. Received: elements "
            f"{spec}. Use `.to_dense()` or `.to_tensor()` in `dataset.map`, or `output_signature` "
            "in `from_generator`."
        )
    label = spec[1].shape
    return bool(label.rank) and all(leaf.shape[:1].is_compatible_with(label[:1]) for leaf in leaves)


def _concatenate(*arrays: np.ndarray) -> np.ndarray:
    for array in arrays:
        if array.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(
                f"All items must have one shape. Received: {arrays[0].shape[1:]} and "
                f"{array.shape[1:]}. Resize, crop or pad them in `dataset.map`."
            )
    return np.concatenate(arrays)


def _decoded(labels: np.ndarray) -> np.ndarray:
    """Returns names as strings, where TensorFlow has bytes."""
    return np.char.decode(labels.astype(bytes), "utf-8") if labels.dtype == object else labels
