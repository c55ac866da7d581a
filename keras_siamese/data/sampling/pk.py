"""P x K batches: P classes, K items of each, drawn evenly and reproducibly."""

from typing import Any

import numpy as np
import tensorflow as tf

from keras_siamese.data.graph import call_in_numpy, host_tensor, reads_outside_of_the_graph
from keras_siamese.data.inputs import as_seed
from keras_siamese.data.sampling.buffered import buffered_batches
from keras_siamese.data.sampling.planner import PKOptions, PKPlanner
from keras_siamese.data.sampling.sampler import PKSampler
from keras_siamese.data.sources.arrays import as_source
from keras_siamese.data.sources.stream import Stream, from_stream


def pk_batches(
    x: Any,
    y: Any = None,
    *,
    classes_per_batch: int,
    examples_per_class: int | tuple[int, int],
    super_classes_per_batch: int | None = None,
    class_weighting: str = "uniform",
    short_classes: str | None = None,
    steps_per_epoch: int | None = None,
    seed: int | None = None,
) -> tf.data.Dataset:
    """Batches of P distinct classes with K distinct items of each, reshuffled each epoch.

    The K items of a class stand together. An epoch is even:

    - Classes come in rounds. A round is a random permutation of all C classes, cut into
      `floor(C / P)` batches; the `C mod P` classes left over differ at random from round to round.
    - The items of a class come in a fresh random order each epoch. Each visit of the class takes
      the next K of them, and starts over at the end, so that within an epoch the items of a class
      are seen equally often to within one.

    With a `class_weighting`, a round is smaller, and each class is in a share of the rounds that is
    proportional to its weight. If a class is so heavy that even rounds of one batch are too large
    for that, it is in all of them, and the others share what is left of P. With
    `super_classes_per_batch`, the super-classes come in rounds, and the classes of each one in
    turn, as items of a class do.

    The dataset has one attribute of its own, `sampler`: the `PKSampler` whose `epoch_counter` says
    which epoch comes next, and which can keep classes together that are hard to tell apart
    (`keras_siamese.callbacks.HardClassMining` does). Datasets derived from this one (`.map`,
    `.prefetch`, ...) share it; `find_sampler` finds it.

    The `fit` of a `SiameseModel` sets the counter to the number of steps done. So with a `seed` a
    run that is resumed (`keras.callbacks.BackupAndRestore`, or a saved model and `initial_epoch`)
    has the epochs of the uninterrupted one; an epoch that was cut short is begun anew. A loop of
    your own goes on with the very next batch if it saves
    `tf.train.Checkpoint(iterator=iterator, epoch=dataset.sampler.epoch_counter)`.

    Under `tf.distribute`, each replica gets whole classes, P / replicas of them; `fit` refuses what
    cannot be divided so.

    A stream (`from_stream`) has no random access, and its classes are not known ahead. Its items
    fill a buffer; what is said above of an epoch is then true of each buffer: batches are drawn
    from it until they hold as many items as it has, some of them twice and some not at all, and
    then from the next one. Classes are short that have fewer than K items in the buffer; a warning
    says if that leaves out most of the first one, or if classes come sorted. The last buffer of the
    stream, which is smaller, is left out if it fills no batch. An epoch begins at the beginning of
    the stream: if it is longer than an epoch, shuffle its files anew each time, or give the steps
    of an epoch to `fit`, which goes on where it was. Classes cannot be kept together: its `sampler`
    is a plain `Sampler`.

    Args:
        x: Items: a `Source` (`from_arrays`, `from_image_folder`, ...); or an array, or a dict or
            tuple of arrays, shapes `(num_items, ...)`, of which a copy is kept in memory; or a
            stream (`from_stream`), or the `tf.data.Dataset` of `(x, label)` to make one of.
        y: Class labels, shape `(num_items,)` or `(num_items, 1)`; a source or stream has its own.
            Integers keep their values. Strings (and uint64, which int64 cannot hold) become the ids
            of `encode_labels(y)`.
        classes_per_batch: P, at least 2.
        examples_per_class: K, at least 2; or a tuple of the least and the largest K: a class then
            gives all its items, up to the largest K, and is short below the least. Batches differ
            in size, so that `fit` does not compile the loss, which is then slower.
        super_classes_per_batch: S, a divisor of P: the classes of a batch come from S
            super-classes, P / S of each. The fewer, the harder the negatives. Super-classes are the
            `groups` of a source. Defaults to `None`: classes of all super-classes mix.
        class_weighting: The weight of a class, or of a super-class: `"uniform"`, `"size"`, the
            number of its items, so that all items come equally often, or `"sqrt"`, the square root
            of that. Defaults to `"uniform"`.
        short_classes: What happens to classes with fewer than K items: `"error"`, `"drop"` leaves
            them out, and super-classes with fewer than P / S classes too, `"repeat"` fills their K
            places with all their items, repeated as evenly as possible. Defaults to `"error"`; of a
            stream to `"drop"`.
        steps_per_epoch: Batches an epoch; 8 bytes of memory for each of their places, and some ten
            times that for a moment when the epoch begins. Defaults to the number of items of the
            classes in use, divided by `P * K` (the mean K of a range), at least 1. Of a stream:
            begun again as often as need be; defaults to those of the whole stream, once, at the
            end of which `fit` warns that the data ran out, for it cannot know their number.
        seed: Integer that makes all epochs reproducible, also in another process. Defaults to
            `None`: drawn once.

    Returns: A `tf.data.Dataset` with elements `(x, labels)`, shapes `(P * K, ...)` and `(P * K,)`,
        the first axis unknown for a range of K; labels int64. Its cardinality is known, but for a
        stream without `steps_per_epoch`.

    Raises: ValueError: If `x` and `y` are empty or differ in length, labels are floats, a class is
        short and `short_classes` is `"error"`, fewer than P classes (or S super-classes) are left,
        a class is in two super-classes, super-classes are asked for where there are none, or an
        argument is out of its range.

    Example:
        >>> batches = pk_batches(
        ...     np.arange(8), [5, 5, 5, 5, 7, 7, 7, 7], classes_per_batch=2, examples_per_class=2
        ... )
        >>> for items, labels in batches:
        ...     print(sorted(set(labels.numpy().tolist())), items.shape)
        [5, 7] (4,)
        [5, 7] (4,)
    """
    is_stream = isinstance(x, Stream | tf.data.Dataset)
    options = PKOptions(
        classes_per_batch,
        examples_per_class,
        super_classes_per_batch,
        class_weighting,
        short_classes or ("drop" if is_stream else "error"),
    )
    seed = as_seed(seed)
    if is_stream:
        if y is not None:
            raise ValueError("A stream has its own labels. Received: `y` as well. Leave it out.")
        stream = x if isinstance(x, Stream) else from_stream(x)
        return buffered_batches(stream, options, steps_per_epoch, seed)
    source = as_source(x, y)
    planner = PKPlanner(source.class_ids, source.groups, options, steps_per_epoch, source.labels)
    sampler = PKSampler(options, planner.classes)
    class_ids = host_tensor(source.class_ids)
    low, high = options.range_of_examples

    def plan_in_numpy(
        planner: PKPlanner, epoch: np.ndarray, alike: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([seed, int(epoch)])
        return planner.epoch(rng, alike if alike.shape[1] else None)

    def plan(epoch: tf.Tensor, alike: tf.Tensor) -> tf.data.Dataset:
        items, sizes = call_in_numpy(plan_in_numpy, planner, [epoch, alike], (tf.int64, tf.int64))
        if low == high:
            items = tf.reshape(items, (planner.steps_per_epoch, classes_per_batch * high))
        else:
            items = tf.RaggedTensor.from_row_lengths(
                tf.ensure_shape(items, (None,)), tf.ensure_shape(sizes, (planner.steps_per_epoch,))
            )
        return tf.data.Dataset.from_tensor_slices(items)

    def fetch(items: tf.Tensor) -> tuple[Any, tf.Tensor]:
        return source.fetch(items), tf.gather(class_ids, items)

    batches = (
        tf.data.Dataset.range(1)
        .map(lambda _: (sampler.take_epoch(), sampler.alike.read_value()))
        .flat_map(plan)
        .apply(tf.data.experimental.assert_cardinality(planner.steps_per_epoch))
        .map(fetch, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
        .with_options(reads_outside_of_the_graph())
    )
    batches.sampler = sampler
    return batches
