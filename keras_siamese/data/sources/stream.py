"""Labelled items that come one after the other, and are never all in memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_siamese.data.sources.dataset import gives_batches
from keras_siamese.ops.checks import check_count


@dataclass(frozen=True)
class Stream:
    """Labelled items without random access: see `from_stream`.

    Attributes:
        dataset: Elements `(raw, label)` or `(raw, label, group)`; labels are integers, and these
            and groups of shape `()` or `(1,)`.
        decode: A function of one raw item, or `None` if items are not raw.
        buffer_size: Raw items among which batches are put together.
        item_spec: What an item is: a `tf.TensorSpec`, or a dict or tuple of them.
    """

    dataset: tf.data.Dataset
    decode: Callable[[Any], Any] | None
    buffer_size: int
    item_spec: Any

    def decode_batch(self, raw: Any) -> Any:
        """Returns a batch of items as they are wanted, of one that is raw."""
        if self.decode is None:
            return raw
        return tf.map_fn(self.decode, raw, fn_output_signature=self.item_spec)


def from_stream(
    dataset: tf.data.Dataset,
    *,
    decode: Callable[[Any], Any] | None = None,
    buffer_size: int = 4096,
) -> Stream:
    """Wraps a `tf.data.Dataset` that is too large, or too slow, for memory and random access.

    `pk_batches` puts batches together inside of a buffer, while the next one fills: two buffers of
    raw items are in memory, and no more. So keep raw items small, as encoded bytes say, and leave
    the rest to `decode`, which sees the chosen ones alone.

    A buffer must hold several items of many classes. Mix what comes in: shuffle the order of the
    files and read several at a time (`dataset.interleave`).

    Args:
        dataset: Not batched, with elements `(x, label)` or `(x, label, group)`. `x`: a raw item, a
            tensor or a dict or tuple of tensors, of known shapes. Labels: integers, kept as they
            are. Groups (super-classes, as in `from_arrays`): integers or strings. Leave out
            `.repeat()`, which may bring an item twice into a buffer; `pk_batches` does without.
        decode: Function of one raw item `x`, of TensorFlow operations, that returns the item: a
            tensor, or a dict or tuple of them, of known shapes. It is called for the chosen items
            only, for several at a time. Defaults to `None`: items are used as they come.
        buffer_size: Raw items in a buffer, at least the items of a batch. Defaults to 4096.

    Returns: A `Stream`, for `pk_batches`.

    Raises: ValueError: If the dataset is batched or empty, its elements are something else, labels
        are no integers, a shape is not known, or `decode` cannot be called.

    Example:
        >>> files = tf.data.Dataset.list_files("train-*.tfrecord", seed=0)
        >>> records = files.interleave(tf.data.TFRecordDataset, cycle_length=16)
        >>> parse = lambda record: (record, label_of(record))
        >>> stream = from_stream(records.map(parse), decode=image_of)
        >>> batches = pk_batches(stream, classes_per_batch=16, examples_per_class=8)
    """
    check_count("buffer_size", buffer_size)
    if gives_batches(dataset) or any(
        spec.shape.dims not in ([], [1]) for spec in dataset.element_spec[1:]
    ):
        raise ValueError(
            "Expected a dataset of single items with scalar labels. Received: labels of shape "
            f"{dataset.element_spec[1].shape}. If the dataset is batched, use `.unbatch()`; if "
            "labels are one-hot, use `tf.argmax`."
        )
    _check_labels(*dataset.element_spec[1:])
    if dataset.cardinality() == 0:
        raise ValueError("The stream is empty. Received: a dataset without an element.")
    _check_shapes("x", dataset.element_spec[0])
    item_spec = dataset.element_spec[0]
    if decode is not None:
        if not callable(decode):
            raise ValueError(f"`decode` must be a function of one item. Received: {decode!r}.")
        item_spec = dataset.map(lambda x, *_: decode(x)).element_spec
        _check_shapes("decode(x)", item_spec)
    return Stream(dataset, decode, buffer_size, item_spec)


def _check_labels(label: tf.TensorSpec, group: tf.TensorSpec | None = None) -> None:
    if not np.can_cast(label.dtype.as_numpy_dtype, np.int64):
        raise ValueError(
            "Labels of a stream must be integers, for names can be numbered only when all are "
            f"known. Received: dtype {label.dtype.name}. Number them with "
            "`keras.layers.StringLookup(vocabulary=names)` or `tf.cast` in `dataset.map`, or read "
            "all into memory with `from_dataset`."
        )
    if group is not None and group.dtype.is_floating:
        raise ValueError(
            "The third part of an element is the super-class of the item, an integer or a string. "
            f"Received: dtype {group.dtype.name}. Weights of items have no place in a stream."
        )


def _check_shapes(name: str, spec: Any) -> None:
    for leaf in keras.tree.flatten(spec):
        if not leaf.shape.is_fully_defined():
            raise ValueError(
                f"Items must have one shape, known ahead. Received: `{name}` with shape "
                f"{leaf.shape}. Resize or pad them; if all are of one shape, say so with "
                "`tf.ensure_shape`; to keep images of any size as bytes, use `decode`."
            )
