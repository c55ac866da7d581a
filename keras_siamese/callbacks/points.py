"""The points of a plot: labelled items of any source, sampled evenly over the classes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_siamese.data.inputs import as_labelled_arrays, take
from keras_siamese.data.labels import encode_labels
from keras_siamese.data.sources.source import Source

_SEED = 0


@dataclass(frozen=True)
class Points:
    """Labelled items that are embedded again and again, always in the same order.

    Attributes:
        x: The items, an array or a nest of arrays, shapes `(N, ...)`.
        labels: Their labels, integers or strings, shape `(N,)`.
        positions: Where each item stood in the data set that it was taken from, ascending.
        num_available: The number of items of that data set.
    """

    x: Any
    labels: np.ndarray
    positions: np.ndarray
    num_available: int

    def __deepcopy__(self, memo: dict[int, Any]) -> "Points":
        """Returns the points themselves: they never change, and may be large."""
        return self


def gather_points(data: Any, max_points: int) -> Points:
    """Takes the items of a data set, or a sample that is as even over the classes as can be.

    A sample is drawn in one pass, which holds no more than about twice `max_points` items of a
    `tf.data.Dataset` in memory; of a `Source`, no others than the chosen ones are read. It is
    seeded: the same items in the same order give the same sample, whether they come as arrays, from
    a source, or in batches of any size.

    Args:
        data: A `Source`, `(x, y)`, or a finite batched `tf.data.Dataset` of `(x, y)`. `x`: an array
            or list, or a dict or tuple of arrays. `y`: integers or strings, shape `(N,)` or
            `(N, 1)`.
        max_points: The largest number of items to take. Classes with fewer items than their share
            leave the rest to the others.

    Returns: The items, in the order of the data set.

    Raises: ValueError: If the data set is empty, endless, not batched or without labels, or if the
        numbers of items and labels differ.
    """
    random = np.random.default_rng(_SEED)
    if isinstance(data, Source):
        places = np.arange(len(data))
        _, _, places, _ = _thin((places, data.labels, places, random.random(len(data))), max_points)
        return Points(*data.subset(places).arrays(), places, len(data))
    chunks: list[tuple[Any, ...]] = []
    num_available = 0
    for x, y in _batches(data):
        x, y = as_labelled_arrays(x, y)
        positions = np.arange(num_available, num_available + len(y))
        chunks.append((x, y, positions, random.random(len(y))))
        num_available += len(y)
        if sum(len(chunk[1]) for chunk in chunks) > 2 * max_points:
            chunks = [_thin(_join(chunks), max_points)]
    if not chunks:
        raise ValueError("The data set is empty. Received: a dataset without a batch.")
    x, y, positions, _ = _thin(_join(chunks), max_points)
    return Points(x, y, positions, num_available)


def _batches(data: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(data, tuple | list) and len(data) == 2:
        yield data[0], data[1]
        return
    if not isinstance(data, tf.data.Dataset):
        raise ValueError(
            "`data` must be a `Source`, a pair of arrays (x, y) or a batched `tf.data.Dataset` of "
            "them. "
            f"Received: {type(data).__name__}."
        )
    if data.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            "`data` must be a finite dataset. Received: an endless one. Use `data.take(n)`."
        )
    for batch in data.as_numpy_iterator():
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        if np.ndim(y) == 0:
            raise ValueError(
                "`data` must give batches of items and labels (x, y). Received: "
                + ("no labels." if y is None else "one item at a time. Use `data.batch(256)`.")
            )
        yield x, y


def _join(chunks: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    if len(chunks) == 1:
        return chunks[0]
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *chunks)


def _thin(chunk: tuple[Any, ...], max_points: int) -> tuple[Any, ...]:
    """Returns at most `max_points` items of `(x, y, positions, keys)`, in the same order.

    The classes take turns, and each offers its item of the smallest key next. More items can only
    move an item back in that order: to thin a part of the items now and then changes no sample.
    """
    _, y, _, keys = chunk
    if len(y) <= max_points:
        return chunk
    ids, _ = encode_labels(y)
    by_class = np.lexsort((keys, ids))
    counts = np.bincount(ids)
    turn = np.empty(len(ids), dtype="int64")
    turn[by_class] = np.arange(len(ids)) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = np.sort(np.lexsort((keys, turn))[:max_points])
    return take(chunk, chosen)
