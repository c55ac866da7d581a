"""Arrays, in memory or mapped from a file, as a source."""

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_siamese.data.inputs import as_labelled_arrays
from keras_siamese.data.sources.source import Source, host_tensor


class ArraySource(Source):
    """Items that are rows of arrays: see `from_arrays`."""

    def __init__(self, x: Any, labels: Any, groups: Any = None) -> None:
        x, labels = as_labelled_arrays(x, labels)
        super().__init__(labels, groups)
        self._x = x

    def fetch(self, indices: tf.Tensor) -> Any:
        """Reads a batch of items."""
        return keras.tree.map_structure(lambda rows: rows(indices), self._rows)

    @functools.cached_property
    def _rows(self) -> Any:
        return keras.tree.map_structure(
            lambda array: _rows_of_mapped(array) if is_mapped(array) else _rows_of_tensor(array),
            self._x,
        )


def from_arrays(x: Any, y: Any, *, groups: Any = None) -> Source:
    """Arrays as a source: in memory, or larger than it.

    Args:
        x: Items: an array, or a dict or tuple of arrays, shapes `(num_items, ...)`. Rows of a
            memory-mapped one (`np.load(file, mmap_mode="r")`) are read when they are asked for; of
            others TensorFlow keeps a copy, in their dtype.
        y: Class labels: integers or names, shape `(num_items,)` or `(num_items, 1)`.
        groups: Super-class of each item: integers or names, shape `(num_items,)`. Defaults to
            `None`: there are none.

    Returns: A `Source`.

    Raises: ValueError: If the lengths differ or are 0, `x` holds something else than arrays, or
        labels are floats, missing, or of several kinds.

    Example:
        >>> source = from_arrays(np.arange(4), ["cat", "dog", "cat", "dog"])
        >>> x, y = next(source.batches(batch_size=3).as_numpy_iterator())
        >>> x.tolist(), y.tolist()
        ([0, 1, 2], [0, 1, 0])
    """
    return ArraySource(x, y, groups)


def as_source(x: Any, y: Any = None) -> Source:
    """Returns `x` if it is a source, which has its labels, else the arrays `x` and `y` as one.

    Raises: ValueError: If a source comes with labels, or arrays without.
    """
    if isinstance(x, Source):
        if y is not None:
            raise ValueError("A source has its own labels. Received: `y` as well. Leave it out.")
        return x
    if y is None:
        raise ValueError(
            "Expected a source (`from_arrays`, `from_image_folder`, ...), or items `x` and labels "
            f"`y`. Received: `x` of type {type(x).__name__}, and no `y`."
        )
    return from_arrays(x, y)


def is_mapped(array: np.ndarray) -> bool:
    """Whether the values of an array are in a file, from which they are read when needed."""
    owner: Any = array
    while owner is not None and not isinstance(owner, np.memmap):
        owner = getattr(owner, "base", None)
    return owner is not None


def _rows_of_tensor(array: np.ndarray) -> Any:
    tensor = host_tensor(array)
    return lambda indices: tf.gather(tensor, indices)


def _rows_of_mapped(array: np.ndarray) -> Any:
    def rows(indices: tf.Tensor) -> tf.Tensor:
        taken = tf.numpy_function(lambda i: array[i], [indices], array.dtype, stateful=False)
        return tf.ensure_shape(taken, (indices.shape[0], *array.shape[1:]))

    return rows
