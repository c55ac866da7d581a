"""Batches of two augmented views of each item, for learning without labels."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_siamese.data.augmentation.augment import as_batch_function, map_randomly
from keras_siamese.data.graph import host_tensor
from keras_siamese.data.inputs import as_seed
from keras_siamese.data.sources.source import Source
from keras_siamese.ops.checks import check_count


def two_views(
    x: Any,
    augmentation: Callable[..., Any] | tuple[Callable[..., Any], Callable[..., Any]],
    batch_size: int,
    *,
    seed: int | None = None,
    shuffle_buffer: int = 10_000,
) -> tf.data.Dataset:
    """Batches of two random views of each item, for losses that need no labels.

    Each batch of items is augmented twice, by independent draws. Items come in a fresh random order
    each epoch, and those that fill no batch at its end are left out of it, so that all batches are
    of one size.

    Args:
        x: Items: a `Source`, whose labels are not used; an array, shape `(num_items, ...)`, kept in
            memory once, in its dtype; or an unbatched `tf.data.Dataset` of items of one shape, or
            of tuples such as `(item, label)`, of which only the first part is used.
        augmentation: A Keras preprocessing layer, or a `keras.Sequential` of them, called with
            `training=True`; or a function of a batch of items, as for `augment`. Or a pair of them,
            one for each view, such as a weak and a strong one.
        batch_size: Items in a batch, at least 2: their views are twice as many.
        seed: Integer that makes the order of the items reproducible, together with TensorFlow's
            global seed, and what a layer draws: see `augment`. Defaults to `None`: drawn.
        shuffle_buffer: Items of a dataset among which the next one is drawn; an array or a source
            is shuffled as a whole. Defaults to 10,000.

    Returns: A `tf.data.Dataset` with elements `((view1, view2),)`, shapes `(batch_size, ...)`.

    Raises: ValueError: If `x` is no source, array or dataset, or has fewer than `batch_size` items,
        `augmentation` cannot be called, or an argument is out of its range.

    Example:
        >>> noise = keras.layers.GaussianNoise(0.1)
        >>> for ((view1, view2),) in two_views(np.zeros((7, 2), "float32"), noise, batch_size=3):
        ...     print(view1.shape, bool((view1 == view2).numpy().any()))
        (3, 2) False
        (3, 2) False
    """
    check_count("batch_size", batch_size, least=2, fix="One item alone has no negative.")
    check_count("shuffle_buffer", shuffle_buffer)
    pair = augmentation if isinstance(augmentation, tuple) else (augmentation, augmentation)
    if len(pair) != 2:
        raise ValueError(
            "`augmentation` must be one, or a pair, one for each view. "
            f"Received: a tuple of {len(pair)}."
        )
    first, second = map(as_batch_function, pair)
    order_seed = as_seed(seed)
    if isinstance(x, tf.data.Dataset):
        items, fetch = x.map(lambda item, *_: (item,)), lambda item: item
    else:
        items, fetch = _places(x)
        shuffle_buffer = max(1, int(items.cardinality()))
    if 0 <= items.cardinality() < batch_size:
        raise ValueError(
            f"`batch_size={batch_size}` is more than the {int(items.cardinality())} items in `x`, "
            "so there is no batch. Use a smaller `batch_size`."
        )

    batches = (
        items.shuffle(shuffle_buffer, seed=order_seed)
        .batch(batch_size, drop_remainder=True)
        .map(lambda batch: (fetch(batch),), num_parallel_calls=tf.data.AUTOTUNE)
    )
    return map_randomly(batches, lambda batch: ((first(batch), second(batch)),), seed)


def _places(x: Any) -> tuple[tf.data.Dataset, Callable[[tf.Tensor], Any]]:
    """Returns a dataset of places, and a function of places that gives the items there.

    Raises: ValueError: If `x` is no source and no array.
    """
    if isinstance(x, Source):
        return tf.data.Dataset.range(len(x)), x.fetch
    kind = type(x).__name__
    if isinstance(x, tuple) or not np.ndim(x := np.asarray(x)):
        raise ValueError(
            "`x` must be a source, an array with one row for each item, or a `tf.data.Dataset`. "
            f"Received: an object of type {kind}. Labels have no use here; for items of several "
            "parts use `from_arrays`."
        )
    data = host_tensor(x)
    return tf.data.Dataset.range(len(x)), lambda places: tf.gather(data, places)
