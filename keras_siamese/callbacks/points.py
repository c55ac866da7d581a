"""The points of a plot: labelled items of any source, sampled evenly over the classes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_siamese.arguments import as_texts
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
        groups: Their super-classes, shape `(N,)`; None if the data set has none.
    """

    x: Any
    labels: np.ndarray
    positions: np.ndarray
    num_available: int
    groups: np.ndarray | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> "Points":
        """Returns the points themselves: they never change, and may be large."""
        return self

    def embed(self, model: keras.Model, count: int | None = None) -> np.ndarray:
        """Returns what a model makes of the items, or of the first few, in their order.

        Raises: ValueError: If the model has several outputs, or one by name.
        """
        x = keras.tree.map_structure(lambda array: array[:count], self.x)
        embeddings = model.predict(as_texts(x), verbose=0)
        return check_one_output(embeddings)


def check_one_output(embeddings: Any) -> np.ndarray:
    """Returns what a model predicted.

    Raises: ValueError: If it has several outputs, or one by name.
    """
    if keras.tree.is_nested(embeddings):
        raise ValueError(
            "The model must have one output, the embeddings. Received: "
            f"{len(embeddings)} in a {type(embeddings).__name__}. Use a model of that output."
        )
    return embeddings


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

    Raises: ValueError: If the data set is empty, endless, not batched or without labels, the
        numbers of items and labels differ, or items differ in shape.
    """
    return gather_sets({"": data}, max_points)[""]


def gather_sets(sets: Mapping[str, Any], max_points: int) -> dict[str, Points]:
    """Takes the items of several data sets, or of each a sample: see `gather_points`.

    Args:
        sets: Name -> data set.
        max_points: The largest number of items to take from all of them. Each has the same share of
            it; sets with fewer items leave the rest to the others.

    Returns: Name -> items.

    Raises: ValueError: If a data set is none of those that `gather_points` takes.
    """
    drawn = {name: _draw(data, max_points) for name, data in sets.items()}
    shares = _shares([len(draw.positions) for draw in drawn.values()], max_points)
    return {
        name: draw.read(share) for (name, draw), share in zip(drawn.items(), shares, strict=True)
    }


@dataclass(frozen=True)
class _Draw:
    """A sample of a data set, to be made smaller still before its items are read.

    Attributes:
        positions: Their places in the data set.
        labels: Their labels.
        keys: Random numbers that decide which are kept.
        items: What `take_items` takes them from.
        take_items: Takes the items of which the places among these are given.
        num_available: The number of items of the data set.
        groups: Super-classes of the data set's items, or None.
    """

    positions: np.ndarray
    labels: np.ndarray
    keys: np.ndarray
    take_items: Callable[[np.ndarray], Any]
    num_available: int
    groups: np.ndarray | None = None

    def read(self, max_points: int) -> Points:
        """Reads the items of a sample of the sample."""
        chosen = _sample(self.labels, self.keys, max_points)
        positions = self.positions[chosen]
        labels = self.labels[chosen]
        if labels.dtype.kind == "S":
            labels = np.char.decode(labels, "utf-8", "backslashreplace")
        groups = None if self.groups is None else self.groups[positions]
        return Points(self.take_items(chosen), labels, positions, self.num_available, groups)


def _draw(data: Any, max_points: int) -> _Draw:
    random = np.random.default_rng(_SEED)
    if isinstance(data, Source):
        keys = random.random(len(data))
        return _Draw(
            np.arange(len(data)),
            data.labels,
            keys,
            lambda places: data.subset(places).arrays()[0],
            len(data),
            data.groups,
        )
    chunks: list[tuple[Any, ...]] = []
    num_available = num_held = 0
    for x, y in _batches(data):
        x, y = as_labelled_arrays(x, y)
        positions = np.arange(num_available, num_available + len(y))
        chunks.append((x, y, positions, random.random(len(y))))
        num_available += len(y)
        num_held += len(y)
        if num_held > 2 * max_points:
            chunks = [_thin(_join(chunks), max_points)]
            num_held = max_points
    if not chunks:
        raise ValueError("The data set is empty. Received: a dataset without a batch.")
    x, y, positions, keys = _join(chunks)
    return _Draw(positions, y, keys, lambda places: _take(x, places), num_available)


def _shares(sizes: list[int], total: int) -> list[int]:
    """Returns how many of the total each of some sets has, as even as their sizes allow."""
    shares = [0] * len(sizes)
    for rank, place in enumerate(np.argsort(sizes, kind="stable")):
        shares[place] = min(sizes[place], (total - sum(shares)) // (len(sizes) - rank))
    return shares


def _batches(data: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(data, tuple | list) and len(data) == 2:
        yield data[0], data[1]
        return
    if not isinstance(data, tf.data.Dataset):
        raise ValueError(
            "`data` must be a `Source`, a pair of arrays (x, y) or a batched `tf.data.Dataset` of "
            f"them. Received: {type(data).__name__}."
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
    return keras.tree.map_structure(_concatenate, *chunks)


def _concatenate(*parts: np.ndarray) -> np.ndarray:
    shapes = sorted({part.shape[1:] for part in parts})
    if len(shapes) > 1:
        raise ValueError(
            f"All items must have one shape. Received: {shapes[0]} and {shapes[1]}. Resize, crop "
            "or pad them in `data.map`."
        )
    return np.concatenate(parts)


def _thin(chunk: tuple[Any, ...], max_points: int) -> tuple[Any, ...]:
    _, y, _, keys = chunk
    return _take(chunk, _sample(y, keys, max_points))


def _take(x: Any, places: np.ndarray) -> Any:
    """Returns the items at some places; all of them without a copy."""
    is_all = len(places) == len(keras.tree.flatten(x)[0])
    return x if is_all else take(x, places)


def _sample(y: np.ndarray, keys: np.ndarray, max_points: int) -> np.ndarray:
    """Returns the places of at most `max_points` items, ascending.

    The classes take turns, and each offers its item of the smallest key next. More items can only
    move an item back in that order: to thin a part of the items now and then changes no sample.
    """
    if len(y) <= max_points:
        return np.arange(len(y))
    turns = turns_of_items(encode_labels(y)[0], keys)
    return np.sort(np.lexsort((keys, turns))[:max_points])


def turns_of_items(ids: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Returns the place of each item among those of its class, from 0, in the order of the keys.

    Args:
        ids: Class ids, from 0, shape `(N,)`.
        keys: Random numbers, shape `(N,)`.
    """
    by_class = np.lexsort((keys, ids))
    counts = np.bincount(ids)
    turns = np.empty(len(ids), dtype="int64")
    turns[by_class] = np.arange(len(ids)) - np.repeat(np.cumsum(counts) - counts, counts)
    return turns
