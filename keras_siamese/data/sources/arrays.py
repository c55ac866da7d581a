"""Arrays, in memory or mapped from a file, as a source."""

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_siamese.data.graph import call_in_numpy, host_tensor
from keras_siamese.data.inputs import as_labelled_arrays, is_mapped, take
from keras_siamese.data.sources.source import Source


class ArraySource(Source):
    """Items that are rows of arrays: see `from_arrays`."""

    def __init__(self, x: Any, labels: Any, groups: Any = None) -> None:
        x, labels = as_labelled_arrays(x, labels)
        super().__init__(labels, groups)
        for array in keras.tree.flatten(x):
            _check_dtype(array.dtype)
        self._x = x

    def fetch(self, indices: tf.Tensor) -> Any:
        """Reads a batch of items."""
        return keras.tree.map_structure(lambda rows: rows(indices), self._rows)

    def _take(self, indices: np.ndarray) -> Any:
        # As they were given: TensorFlow would make bytes of strings.
        return take(self._x, indices)

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

    Raises: ValueError: If the lengths differ or are 0, `x` holds something else than arrays, items
        of several shapes, NaN or infinity (for which files are not searched), or labels are floats,
        missing, or of several kinds.

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
            f"`y`. Received: `x` of type {type(x).__name__}, and no `y`. A "
            "`tf.data.Dataset` becomes a source by `from_dataset`."
        )
    return from_arrays(x, y)


def _check_dtype(dtype: np.dtype) -> None:
    try:
        tf.as_dtype(dtype)
    except TypeError:
        raise ValueError(
            "Items must be numbers or strings. "
            f"Received: dtype {dtype}. Of a structured array, give the fields as a dict of arrays; "
            'turn dates into numbers with `.astype("int64")`.'
        ) from None


def _rows_of_tensor(array: np.ndarray) -> Any:
    tensor = host_tensor(array)
    return lambda indices: tf.gather(tensor, indices)


def _rows_of_mapped(array: np.ndarray) -> Any:
    def read(array: np.ndarray, indices: np.ndarray) -> np.ndarray:
        taken = array[indices]
        if array.dtype.kind == "U":
            return np.char.encode(taken, "utf-8")
        # The bytes of a number may have another order in the file than on this machine.
        return taken.astype(array.dtype.newbyteorder("="), copy=False)

    def rows(indices: tf.Tensor) -> tf.Tensor:
        taken = call_in_numpy(read, array, [indices], tf.as_dtype(array.dtype))
        return tf.ensure_shape(taken, (indices.shape[0], *array.shape[1:]))

    return rows
