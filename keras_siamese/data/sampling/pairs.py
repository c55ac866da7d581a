"""Pairs and triplets, the classic way: drawn batch by batch as indices, and then read."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_siamese.data.graph import call_in_numpy, host_tensor, reads_outside_of_the_graph
from keras_siamese.data.inputs import as_seed
from keras_siamese.data.sampling.draws import TupleDraws, num_matching_of
from keras_siamese.data.sampling.sampler import Sampler
from keras_siamese.data.sources.arrays import as_source
from keras_siamese.data.sources.source import Source
from keras_siamese.ops.checks import check_choice, check_count, check_places

# Gives the indices of a step of an epoch, shape (tuple_size, batch_size).
Draw = Callable[[int, int], np.ndarray]


def pair_batches(
    x: Any,
    y: Any = None,
    *,
    batch_size: int,
    positive_fraction: float = 0.5,
    uniform_over: str = "pairs",
    steps_per_epoch: int | None = None,
    seed: int | None = None,
) -> tf.data.Dataset:
    """Batches of random pairs, matching and different in a fixed proportion, new ones each epoch.

    Pairs are drawn one by one, in either order, and may come again; no item is paired with itself.
    What is uniform:

    - over `"pairs"`: each matching pair is equally likely, so that a class of `n` items gives
      `n * (n - 1) / 2` shares of them; and each pair of items of different classes is.
    - over `"classes"`: matching pairs come equally often from each class that has two items, and
      different ones from each two classes; items are uniform within their class.

    The dataset has one attribute of its own, `sampler`: the `Sampler` whose `epoch_counter` says
    which epoch comes next (see `find_sampler`). A checkpoint of an iterator continues its epoch
    exactly, but does not hold the counter. Labelled batches of `pk_batches` hold far more pairs for
    the same reading and encoding of items.

    Args:
        x: Items: a `Source` (`from_arrays`, `from_image_folder`, ...); or an array, or a dict or
            tuple of arrays, shapes `(num_items, ...)`, of which a copy is kept in memory.
        y: Class labels, shape `(num_items,)` or `(num_items, 1)`; a source has its own.
        batch_size: Pairs in a batch, in random order.
        positive_fraction: How much of each batch matches, from 0 to 1, rounded to whole pairs.
            Defaults to 0.5.
        uniform_over: `"pairs"` (the default) or `"classes"`: see above.
        steps_per_epoch: Batches an epoch. Defaults to `num_items / (2 * batch_size)`, at least 1:
            each item is read once on average.
        seed: Integer that makes all epochs reproducible. Defaults to `None`: drawn once.

    Returns: A `tf.data.Dataset` of known cardinality with elements `((x1, x2), same)`: items,
        shapes `(batch_size, ...)`, and int32 `same`, shape `(batch_size,)`: 1 for a match, 0 for
        different classes.

    Raises: ValueError: If there are no matching or no different pairs to draw, `positive_fraction`
        is rounded to none or all of the batch, `x` and `y` are empty or differ in length, labels
        are floats, or an argument is out of its range.

    Example:
        >>> items = np.array([[0.0], [0.1], [5.0], [5.1]])
        >>> batches = pair_batches(items, ["a", "a", "b", "b"], batch_size=4, steps_per_epoch=1)
        >>> for (x1, x2), same in batches:
        ...     print(x1.shape, int(same.numpy().sum()))
        (4, 1) 2
    """
    check_count("batch_size", batch_size)
    check_choice("uniform_over", uniform_over, ("pairs", "classes"))
    num_matching = num_matching_of(batch_size, positive_fraction)
    num_different = batch_size - num_matching
    seed = as_seed(seed)
    source = as_source(x, y)
    draws = TupleDraws(source.class_ids, by_class=uniform_over == "classes")
    draws.check(matching=num_matching > 0, different=num_different > 0)
    class_ids = host_tensor(source.class_ids)

    def draw(rng: np.random.Generator) -> np.ndarray:
        pairs = [draws.matching(num_matching, rng), draws.different(num_different, rng)]
        return rng.permutation(np.concatenate(pairs, axis=1), axis=1)

    def read(indices: tf.Tensor) -> Any:
        first, second = tf.unstack(tf.gather(class_ids, indices))
        return _items(source, indices), tf.cast(first == second, tf.int32)

    shape = (2, batch_size)
    return _batches(_drawn_anew(draw, seed), read, len(source), shape, steps_per_epoch)


def triplet_batches(
    x: Any,
    y: Any = None,
    *,
    batch_size: int,
    triplets: Any = None,
    uniform_over: str = "triplets",
    steps_per_epoch: int | None = None,
    seed: int | None = None,
) -> tf.data.Dataset:
    """Batches of triplets: random ones, new each epoch, or given ones, in a new order each epoch.

    Random triplets are drawn one by one and may come again. What is uniform:

    - over `"triplets"`: each (anchor, positive, negative) is equally likely, so that large classes
      give more.
    - over `"classes"`: the anchor's class is uniform among those with two items, and the negative's
      among all others; items are uniform within their class.

    Given triplets, such as `keras_siamese.miners.mine_triplets` finds, come in a random order, each
    once before any comes again; those that fill no batch at the end of an epoch are left out of it.

    The dataset has one attribute of its own, `sampler`: the `Sampler` whose `epoch_counter` says
    which epoch comes next (see `find_sampler`). A checkpoint of an iterator continues its epoch
    exactly, but does not hold the counter.

    Args:
        x: Items: a `Source` (`from_arrays`, `from_image_folder`, ...); or an array, or a dict or
            tuple of arrays, shapes `(num_items, ...)`, of which a copy is kept in memory.
        y: Class labels, shape `(num_items,)` or `(num_items, 1)`; a source has its own.
        batch_size: Triplets in a batch.
        triplets: Indices of anchors, positives and negatives, integers, shape `(num_triplets, 3)`.
            Defaults to `None`: random ones.
        uniform_over: Of random triplets: `"triplets"` (the default) or `"classes"`: see above.
        steps_per_epoch: Batches an epoch. Defaults to `num_triplets / batch_size`, and of random
            triplets to `num_items / (3 * batch_size)`, at least 1: each item is read once on
            average.
        seed: Integer that makes all epochs reproducible. Defaults to `None`: drawn once.

    Returns: A `tf.data.Dataset` of known cardinality with elements `((anchor, positive,
        negative),)`: items, shapes `(batch_size, ...)`. The outer tuple tells Keras that there are
        no labels.

    Raises: ValueError: If no triplet exists, one of those given is none by the labels, `x` and `y`
        are empty or differ in length, labels are floats, or an argument is out of its range.

    Example:
        >>> items = np.array([[0.0], [0.1], [5.0], [5.1]])
        >>> batches = triplet_batches(items, ["a", "a", "b", "b"], batch_size=8)
        >>> for ((anchor, positive, negative),) in batches:
        ...     print(anchor.shape, bool((abs(positive - anchor) < 1).numpy().all()))
        (8, 1) True
    """
    check_count("batch_size", batch_size)
    check_choice("uniform_over", uniform_over, ("triplets", "classes"))
    seed = as_seed(seed)
    source = as_source(x, y)
    if triplets is None:
        draws = TupleDraws(source.class_ids, by_class=uniform_over == "classes")
        draws.check(matching=True, different=True)
        num_indices = len(source)
        draw = _drawn_anew(functools.partial(draws.triplets, batch_size), seed)
    else:
        triplets = _as_triplets(triplets, source.class_ids)
        num_indices = triplets.size
        draw = _shuffled(triplets, batch_size, seed)

    def read(indices: tf.Tensor) -> Any:
        return (_items(source, indices),)

    return _batches(draw, read, num_indices, (3, batch_size), steps_per_epoch)


def _drawn_anew(draw: Callable[[np.random.Generator], np.ndarray], seed: int) -> Draw:
    """Returns what draws the indices of each step on its own."""
    return lambda epoch, step: draw(np.random.default_rng([seed, epoch, step]))


def _shuffled(triplets: np.ndarray, batch_size: int, seed: int) -> Draw:
    """Returns what takes the next triplets in a random order, a new one for each turn."""

    @functools.lru_cache(maxsize=2)
    def order(epoch: int, turn: int) -> np.ndarray:
        return np.random.default_rng([seed, epoch, turn]).permutation(len(triplets))

    def draw(epoch: int, step: int) -> np.ndarray:
        turns, places = np.divmod(step * batch_size + np.arange(batch_size), len(triplets))
        chosen = [
            order(epoch, turn)[places[turns == turn]] for turn in range(turns[0], turns[-1] + 1)
        ]
        return triplets[np.concatenate(chosen)].T

    return draw


def _batches(
    draw: Draw,
    read: Callable[[tf.Tensor], Any],
    num_indices: int,
    shape: tuple[int, int],
    steps_per_epoch: int | None,
) -> tf.data.Dataset:
    """Returns the batches that `read` makes of what `draw` gives.

    Args:
        draw: Gives the indices of a step, shape `shape`.
        read: Makes a batch of them.
        num_indices: How many indices the default epoch has.
        shape: `(tuple_size, batch_size)`.
        steps_per_epoch: Batches an epoch, or `None`: what `num_indices` fill, at least 1.
    """
    if steps_per_epoch is None:
        steps_per_epoch = max(1, num_indices // math.prod(shape))
    steps = tf.data.Dataset.range(check_count("steps_per_epoch", steps_per_epoch))
    sampler = Sampler()

    def draw_and_read(epoch: tf.Tensor, step: tf.Tensor) -> Any:
        indices = call_in_numpy(
            lambda draw, epoch, step: draw(int(epoch), int(step)), draw, [epoch, step], tf.int64
        )
        return read(tf.ensure_shape(indices, shape))

    batches = (
        tf.data.Dataset.range(1)
        .map(lambda _: sampler.take_epoch())
        .flat_map(lambda epoch: steps.map(lambda step: (epoch, step)))
        .apply(tf.data.experimental.assert_cardinality(steps_per_epoch))
        .map(draw_and_read, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
        .with_options(reads_outside_of_the_graph())
    )
    batches.sampler = sampler
    return batches


def _items(source: Source, indices: tf.Tensor) -> tuple[Any, ...]:
    """Reads the parts of a batch, of which each row of `indices` is one."""
    return tuple(source.fetch(part) for part in tf.unstack(indices))


def _as_triplets(triplets: Any, class_ids: np.ndarray) -> np.ndarray:
    """Returns indices of triplets, shape `(num_triplets, 3)`, int64.

    Raises: ValueError: If they have another shape, are out of range, or are no triplets.
    """
    triplets = np.asarray(triplets)
    if triplets.dtype.kind not in "iu" or triplets.shape[1:] != (3,) or not len(triplets):
        raise ValueError(
            "`triplets` must be indices of anchors, positives and negatives: integers of shape "
            f"(num_triplets, 3). Received: dtype {triplets.dtype}, shape {triplets.shape}."
        )
    check_places("triplets", triplets, len(class_ids))
    anchor, positive, negative = class_ids[triplets].T
    is_wrong = (anchor != positive) | (anchor == negative) | (triplets[:, 0] == triplets[:, 1])
    if is_wrong.any():
        row = np.flatnonzero(is_wrong)[0]
        raise ValueError(
            "Each triplet must hold two items of one class and one of another. Received: "
            f"{is_wrong.sum()} of {len(triplets)} that do not, the first at row {row}: "
            f"{triplets[row].tolist()}, of the classes {class_ids[triplets[row]].tolist()}. "
            "Indices are places in this source, whose order must be that of the embeddings mined."
        )
    return triplets.astype(np.int64)
