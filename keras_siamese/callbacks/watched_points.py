"""The points that pictures of a training show: of each class several, so that they have matches."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_siamese.callbacks.points import Points, gather_points, turns_of_items
from keras_siamese.data import Source, encode_labels
from keras_siamese.data.sources.arrays import as_source

_ITEMS_OF_A_CLASS = 8
_SEED = 0


def watch_points(data: Any, max_points: int, classes: np.ndarray | None = None) -> Points:
    """Takes the items of a data set, or a sample in which most items have others of their class.

    A sample is as even over the classes as can be. Where that would be fewer than 8 items of a
    class, it is one of some random classes, 8 items of each, or all it has: of 5,000 classes,
    `gather_points` would give one item of each.

    Args:
        data: What `gather_points` takes.
        max_points: The largest number of items to take.
        classes: Labels of the only classes to take a sample of, if the data set has any of them:
            those that another sample has. Defaults to all.

    Returns: The items. Their `positions` may be those in the part of the data set that has the
        classes that are taken.

    Raises: ValueError: See `gather_points`.
    """
    points = gather_points(data, max_points)
    if len(points.labels) == points.num_available:
        return points
    if classes is None and len(np.unique(points.labels)) * _ITEMS_OF_A_CLASS <= max_points:
        return points
    labels = _labels_of(data)
    if classes is None:
        classes = _choose_classes(labels, max_points)
    is_wanted = np.isin(labels, classes)
    if not is_wanted.any():
        return points
    return gather_points(_of_classes(data, labels, is_wanted), max_points)


def choose_evenly(labels: np.ndarray, is_wanted: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Chooses random items as evenly over the classes as can be.

    Args:
        labels: Class of each item, shape `(num_items,)`.
        is_wanted: Whether an item may be chosen, shape `(num_items,)`.
        count: Number of items at most.
        seed: Seed of the choice.

    Returns: Places of the items in the order of their classes, shape `(num_chosen,)`.
    """
    ids, _ = encode_labels(labels)
    places = np.flatnonzero(is_wanted)
    random = np.random.default_rng(seed)
    turns = turns_of_items(ids[places], random.random(len(places)))
    chosen = places[np.lexsort((random.random(len(places)), turns))[:count]]
    return chosen[np.argsort(ids[chosen], kind="stable")]


def _choose_classes(labels: np.ndarray, max_points: int) -> np.ndarray:
    """Returns labels of random classes, those with one item only if there are no others left."""
    classes, sizes = np.unique(labels, return_counts=True)
    random = np.random.default_rng(_SEED).random(len(classes))
    order = np.lexsort((random, sizes == 1))
    totals = np.cumsum(np.minimum(sizes[order], _ITEMS_OF_A_CLASS))
    count = max(2, np.searchsorted(totals, max_points) + 1)
    return classes[np.sort(order[:count])]


def _labels_of(data: Any) -> np.ndarray:
    if isinstance(data, Source):
        return data.labels
    if isinstance(data, tf.data.Dataset):
        labels = data.map(lambda *batch: keras.utils.unpack_x_y_sample_weight(batch)[1])
        found = np.concatenate([np.reshape(y, -1) for y in labels.as_numpy_iterator()])
        is_text = found.dtype == object
        return np.char.decode(found.astype(bytes), "utf-8") if is_text else found
    return as_source(*data).labels


def _of_classes(data: Any, labels: np.ndarray, is_wanted: np.ndarray) -> Any:
    """Returns the part of a data set that has some classes: those that are wanted."""
    if not isinstance(data, tf.data.Dataset):
        source = data if isinstance(data, Source) else as_source(*data)
        return source.subset(is_wanted)
    wanted = tf.constant(np.unique(labels[is_wanted]))  # of the kind of these labels

    def has_wanted_class(*item: Any) -> tf.Tensor:
        return tf.reduce_any(tf.equal(keras.utils.unpack_x_y_sample_weight(item)[1], wanted))

    return data.unbatch().filter(has_wanted_class).batch(256)
