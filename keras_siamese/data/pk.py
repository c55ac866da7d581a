"""P x K batches: P classes, K items of each, drawn evenly, reproducibly and without Python."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_siamese.data.inputs import as_labelled_arrays, as_seed
from keras_siamese.data.labels import encode_labels
from keras_siamese.ops.checks import check_choice, check_count


def pk_batches(
    x: Any,
    y: Any,
    *,
    classes_per_batch: int,
    examples_per_class: int,
    steps_per_epoch: int | None = None,
    short_classes: str = "error",
    seed: int | None = None,
) -> tf.data.Dataset:
    """Batches of P distinct classes with K distinct items of each, reshuffled each epoch.

    The K items of a class stand together. An epoch is even:

    - Classes come in rounds. A round is a random permutation of all C classes, cut into
      `floor(C / P)` batches; the `C mod P` classes left over differ at random from round to round.
    - The items of a class come in a fresh random order each epoch. Each visit of the class takes
      the next K of them, and starts over at the end, so that within an epoch the items of a class
      are seen equally often to within one.

    The dataset has one attribute of its own, `epoch_counter`, an int64 `tf.Variable`: the order of
    an epoch depends on `seed` and on its value alone, and each iteration over the dataset takes the
    value and adds 1. Its whole purpose is that a training loop sets it at the start of an epoch, so
    that a resumed run sees the batches that the uninterrupted one would have seen. Datasets derived
    from this one (`.map`, `.prefetch`, ...) read the same counter; `find_epoch_counter` finds it.
    A checkpoint of an iterator continues its epoch exactly, but does not hold the counter.

    Args:
        x: Items: an array, or a dict or tuple of arrays, shapes `(num_items, ...)`. Kept in memory
            once, in their dtype.
        y: Class labels, shape `(num_items,)` or `(num_items, 1)`. Integers keep their values.
            Strings (and uint64, which int64 cannot hold) become the ids of `encode_labels(y)`.
        classes_per_batch: P, at least 2.
        examples_per_class: K, at least 2.
        steps_per_epoch: Batches an epoch; 8 bytes of memory for each of their places. Defaults to
            the number of items of the classes in use, divided by `P * K`, at least 1.
        short_classes: What happens to classes with fewer than K items: `"error"` (the default),
            `"drop"` leaves them out, `"repeat"` fills their K places with all their items, repeated
            as evenly as possible.
        seed: Integer that makes all epochs reproducible. Defaults to `None`: drawn once.

    Returns: A `tf.data.Dataset` of known cardinality with elements `(x, labels)`, shapes
        `(P * K, ...)` and `(P * K,)`, labels int64.

    Raises: ValueError: If `x` and `y` are empty or differ in length, labels are floats, a class is
        short and `short_classes` is `"error"`, fewer than P classes are left, or an argument is out
        of its range.

    Example:
        >>> batches = pk_batches(
        ...     np.arange(8), [5, 5, 5, 5, 7, 7, 7, 7], classes_per_batch=2, examples_per_class=2
        ... )
        >>> for items, labels in batches:
        ...     print(sorted(set(labels.numpy().tolist())), items.shape)
        [5, 7] (4,)
        [5, 7] (4,)
    """
    check_count(
        "classes_per_batch", classes_per_batch, least=2, fix="One class alone has no negative."
    )
    check_count(
        "examples_per_class", examples_per_class, least=2, fix="One item alone has no positive."
    )
    check_choice("short_classes", short_classes, ("error", "drop", "repeat"))
    seed = as_seed(seed)
    x, y = as_labelled_arrays(x, y)
    ids, classes = encode_labels(y)
    counts = np.bincount(ids)
    used = _used_classes(classes, counts, classes_per_batch, examples_per_class, short_classes)
    items = np.flatnonzero(used[ids])
    batch_size = classes_per_batch * examples_per_class
    if steps_per_epoch is None:
        steps_per_epoch = max(1, len(items) // batch_size)
    check_count("steps_per_epoch", steps_per_epoch)
    keeps_values = np.can_cast(classes.dtype, np.int64)
    labels = classes[ids].astype(np.int64) if keeps_values else ids

    # tf.data runs on the host: data on a GPU would be copied back for each batch.
    with tf.device("CPU:0"):
        data = keras.tree.map_structure(tf.constant, (x, labels))
        items, item_classes, counts = (
            tf.constant(array, tf.int64) for array in (items, ids[items], counts[used])
        )
        epoch_counter = tf.Variable(0, trainable=False, dtype=tf.int64, name="epoch_counter")

    def plan(epoch: tf.Tensor) -> tf.data.Dataset:
        indices = _plan_epoch(
            tf.stack([tf.constant(seed, tf.int64), epoch]),
            items,
            item_classes,
            counts,
            classes_per_batch,
            examples_per_class,
            steps_per_epoch,
        )
        return tf.data.Dataset.from_tensor_slices(indices)

    def gather(indices: tf.Tensor) -> Any:
        return keras.tree.map_structure(lambda array: tf.gather(array, indices), data)

    # Without this option an iterator that reads a variable refuses to be checkpointed. Nothing is
    # lost: the iterator's checkpoint holds the epoch that it has read.
    options = tf.data.Options()
    options.experimental_external_state_policy = tf.data.experimental.ExternalStatePolicy.IGNORE
    batches = (
        tf.data.Dataset.range(1)
        .map(lambda _: epoch_counter.assign_add(1) - 1)
        .flat_map(plan)
        .apply(tf.data.experimental.assert_cardinality(steps_per_epoch))
        .map(gather, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
        .with_options(options)
    )
    batches.epoch_counter = epoch_counter
    return batches


def find_epoch_counter(dataset: Any) -> tf.Variable | None:
    """Returns the `epoch_counter` of the P x K batches that `dataset` is derived from.

    Args:
        dataset: What `pk_batches` returned, or what `.map`, `.prefetch`, ... made of it.

    Returns: The int64 variable, or `None` if there are no such batches.
    """
    if hasattr(dataset, "epoch_counter"):
        return dataset.epoch_counter
    # tf.data has no public way from a dataset to those that it was made of.
    sources = dataset._inputs() if isinstance(dataset, tf.data.Dataset) else ()
    counters = (find_epoch_counter(source) for source in sources)
    return next((counter for counter in counters if counter is not None), None)


def _used_classes(
    classes: np.ndarray,
    counts: np.ndarray,
    classes_per_batch: int,
    examples_per_class: int,
    short_classes: str,
) -> np.ndarray:
    """Returns a mask `(C,)` of the classes that batches are made of.

    Raises: ValueError: If a class is short and may not be, or fewer than P classes are left.
    """
    short = counts < examples_per_class
    if short_classes == "error" and short.any():
        some = ", ".join(
            f"{name!r} ({count})"
            for name, count in list(zip(classes[short].tolist(), counts[short], strict=True))[:3]
        )
        raise ValueError(
            f"Expected at least `examples_per_class={examples_per_class}` items of each class. "
            f"Received: {short.sum()} of {len(classes)} classes with fewer, among them {some}. "
            'Use `short_classes="drop"` to leave them out, `short_classes="repeat"` to repeat '
            "their items, or a smaller `examples_per_class`."
        )
    used = ~short if short_classes == "drop" else np.ones_like(short)
    if used.sum() < classes_per_batch:
        dropped = f" ({(~used).sum()} short ones were dropped)" if not used.all() else ""
        raise ValueError(
            f"`classes_per_batch={classes_per_batch}` is more than the {used.sum()} classes to "
            f"draw from{dropped}. Use a smaller `classes_per_batch` or data with more classes."
        )
    return used


def _plan_epoch(
    seed: tf.Tensor,
    items: tf.Tensor,
    item_classes: tf.Tensor,
    counts: tf.Tensor,
    classes_per_batch: int,
    examples_per_class: int,
    steps: int,
) -> tf.Tensor:
    """Returns which items each batch of an epoch holds, a function of `seed` alone.

    Args:
        seed: Two int64 numbers, shape `(2,)`.
        items: Indices of the items in use, shape `(N,)`.
        item_classes: Their classes below 2**31, shape `(N,)`; as many distinct ones as `counts`.
        counts: Items of each class, in ascending order of the classes, shape `(C,)`.
        classes_per_batch: P.
        examples_per_class: K.
        steps: Number of batches.

    Returns: Indices, int64, shape `(steps, P * K)`.
    """
    batches_per_round = counts.shape[0] // classes_per_batch
    classes_per_round = batches_per_round * classes_per_batch
    num_rounds = -(-steps // batches_per_round)
    round_seed, item_seed = tf.unstack(tf.random.split(seed, 2))

    # Rounds (num_rounds, C): row r deals out all classes, of which the first ones are used.
    dealt = tf.argsort(tf.random.stateless_uniform([num_rounds, counts.shape[0]], round_seed))
    is_used = tf.argsort(dealt) < classes_per_round  # the inverse permutation: class -> place
    earlier_visits = tf.cumsum(tf.cast(is_used, tf.int64), exclusive=True)
    used = dealt[:, :classes_per_round]
    visits = tf.reshape(tf.gather(earlier_visits, used, batch_dims=1), [-1, 1])
    classes = tf.reshape(used, [-1, 1])

    # Visit v of a class with n items takes the places v * K to v * K + K - 1, modulo n, of its
    # random order: in `ordered` class after class, within a class by random bits.
    random_bits = tf.random.stateless_uniform(items.shape, item_seed, 0, 2**32, tf.int64)
    ordered = tf.gather(items, tf.argsort(item_classes * 2**32 + random_bits))
    places = (
        visits * examples_per_class + tf.range(examples_per_class, dtype=tf.int64)
    ) % tf.gather(counts, classes)
    indices = tf.gather(ordered, tf.gather(tf.cumsum(counts, exclusive=True), classes) + places)
    return tf.reshape(indices, [-1, classes_per_batch * examples_per_class])[:steps]
