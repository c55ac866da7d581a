"""P x K batches of a stream, put together inside of a buffer of its items."""

import warnings
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_siamese.data.graph import reads_outside_of_the_graph
from keras_siamese.data.sampling.planner import PKOptions, PKPlanner
from keras_siamese.data.sampling.sampler import Sampler
from keras_siamese.data.sources.stream import Stream
from keras_siamese.ops.checks import check_count

_MIX = (
    "mix them: shuffle the order of the files, and read several at a time (`dataset.interleave`); "
    "or raise `buffer_size` in `from_stream`; or hold all in memory with `from_dataset`."
)


def buffered_batches(
    stream: Stream, options: PKOptions, steps_per_epoch: int | None, seed: int
) -> tf.data.Dataset:
    """Returns the batches of `pk_batches`, which says what they are.

    Args:
        stream: The items.
        options: What the batches are to be.
        steps_per_epoch: Batches an epoch; `None` for those of the whole stream.
        seed: Seed of all epochs.

    Raises: ValueError: If `short_classes` is `"error"`, the stream has no groups but the options
        need them, or `steps_per_epoch` is no positive integer.
    """
    if options.short_classes == "error":
        raise ValueError(
            "A buffer of a stream may hold a part of a class only. Expected `short_classes` to be "
            '"drop" or "repeat". Received: "error".'
        )
    if options.super_classes_per_batch is not None and len(stream.dataset.element_spec) < 3:
        raise ValueError(
            "`super_classes_per_batch` needs the super-class of each item. Expected a stream of "
            "(x, label, group). Received: one of (x, label)."
        )
    sampler = Sampler(options)
    low, high = options.range_of_examples
    batch_size = None if options.has_varying_sizes else options.classes_per_batch * high
    stream_length = stream.dataset.cardinality().numpy()

    def plan_in_numpy(
        epoch: np.ndarray, number: np.ndarray, labels: np.ndarray, *groups: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([seed, int(epoch), int(number)])
        try:
            planner = _planner(labels, groups, options)
        except ValueError as error:
            if number == 0 or len(labels) == stream.buffer_size:
                raise
            # What is left at the end of the stream need not fill a batch.
            if len(labels) >= options.classes_per_batch * low:
                warnings.warn(f"The end of the stream is left out. {error}", stacklevel=2)
            return np.empty(0, np.int64), np.empty(0, np.int64)
        if number == 0:
            is_whole = len(labels) < stream.buffer_size or len(labels) == stream_length
            _warn_of_first_buffer(labels, planner.num_items, is_whole)
        return planner.epoch(rng)

    def plan(epoch: tf.Tensor, numbered: Any) -> tf.data.Dataset:
        number, (raw, *names) = numbered
        labels, *groups = (tf.reshape(name, (-1,)) for name in names)
        labels = tf.cast(labels, tf.int64)
        places, sizes = tf.numpy_function(
            plan_in_numpy, [epoch, number, labels, *groups], (tf.int64, tf.int64), stateful=False
        )
        batches = tf.RaggedTensor.from_row_lengths(
            tf.ensure_shape(places, (None,)), tf.ensure_shape(sizes, (None,))
        )

        def gather(places: tf.Tensor) -> tuple[Any, tf.Tensor]:
            places = tf.ensure_shape(places, (batch_size,))
            parts = keras.tree.map_structure(lambda part: tf.gather(part, places), raw)
            return parts, tf.gather(labels, places)

        return tf.data.Dataset.from_tensor_slices(batches).map(gather)

    buffers = _buffers(stream)
    if steps_per_epoch is not None:
        check_count("steps_per_epoch", steps_per_epoch)
        buffers = buffers.repeat()
    epoch = tf.data.Dataset.range(1).map(lambda _: sampler.take_epoch())
    # The number of the epoch, read once, beside each of its buffers.
    epochs = epoch.flat_map(lambda number: tf.data.Dataset.from_tensors(number).repeat())
    batches = tf.data.Dataset.zip(epochs, buffers.enumerate()).prefetch(1).flat_map(plan)
    if steps_per_epoch is not None:
        batches = _with_cardinality(batches.take(steps_per_epoch), steps_per_epoch)
    elif stream.dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        batches = _with_cardinality(batches, tf.data.INFINITE_CARDINALITY)
    batches = (
        batches.map(
            lambda raw, labels: (stream.decode_batch(raw), labels),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        .prefetch(tf.data.AUTOTUNE)
        .with_options(reads_outside_of_the_graph())
    )
    batches.sampler = sampler
    return batches


def _buffers(stream: Stream) -> tf.data.Dataset:
    """Returns the stream in large batches, and one of no items at its end.

    So each stream, even if nothing is in it, has a buffer of which an error can tell.
    """
    end = keras.tree.map_structure(
        lambda spec: tf.zeros((0, *spec.shape), spec.dtype), stream.dataset.element_spec
    )
    return stream.dataset.batch(stream.buffer_size).concatenate(tf.data.Dataset.from_tensors(end))


def _with_cardinality(batches: tf.data.Dataset, cardinality: int) -> tf.data.Dataset:
    return batches.apply(tf.data.experimental.assert_cardinality(cardinality))


def _planner(labels: np.ndarray, groups: tuple[np.ndarray, ...], options: PKOptions) -> PKPlanner:
    """Returns the planner of one buffer.

    Raises: ValueError: If nothing can be made of it.
    """
    if not len(labels):
        raise ValueError("The stream is empty. Received: a dataset without an element.")
    try:
        return PKPlanner(labels, groups[0] if groups else None, options)
    except ValueError as error:
        raise ValueError(
            f"No batch can be made of a buffer of {len(labels)} items of {len(np.unique(labels))} "
            f"classes. {error} If the classes of the stream come sorted, {_MIX}"
        ) from None


def _warn_of_first_buffer(labels: np.ndarray, num_used: int, is_whole: bool) -> None:
    """Warns if most items are left out, or if classes come one after the other.

    Args:
        labels: Class ids of the items in the buffer, shape `(num_items,)`.
        num_used: How many of them are of classes in use.
        is_whole: Whether they are all items of the stream.
    """
    num_items, num_classes = len(labels), len(np.unique(labels))
    if 2 * num_used < num_items:
        warnings.warn(
            f"Most of the stream is left out: of the {num_items} items in its first buffer, "
            f"{num_items - num_used} are of classes that are short there. Raise `buffer_size` in "
            "`from_stream`, or use a smaller `examples_per_class`, or "
            '`short_classes="repeat"`.',
            stacklevel=2,
        )
    num_runs = 1 + np.count_nonzero(np.diff(labels))
    if not is_whole and num_runs == num_classes and 2 * num_classes < num_items:
        warnings.warn(
            f"The classes of the stream come sorted, so that only those in one buffer, "
            f"{num_classes} in the first, ever meet in a batch. Better {_MIX}",
            stacklevel=2,
        )
