"""Batches whose items are changed at random on their way to the model."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_siamese.data.graph import reads_outside_of_the_graph
from keras_siamese.data.inputs import as_seed


def augment(
    batches: tf.data.Dataset, augmentation: Callable[..., Any], *, seed: int | None = None
) -> tf.data.Dataset:
    """Changes the items of each batch, and nothing else of it, anew each time they come.

    Batches go one after the other through an augmentation that has random state, as a layer has,
    so that no two get the same draws, and several at a time through one that has none.

    A layer goes on drawing from epoch to epoch. The random operations of TensorFlow in a function
    do not, once `keras.utils.set_random_seed` was called: they start over with each epoch. Draw by
    `keras.random` from a `keras.random.SeedGenerator`, as layers do.

    Args:
        batches: A `tf.data.Dataset` of batches `(x, ...)`, as `pk_batches` returns.
        augmentation: A Keras preprocessing layer, or a `keras.Sequential` of them, called with
            `training=True` on each tensor of `x`; or any function of `x` made of TensorFlow
            operations. For a function of one item, see `per_item`.
        seed: Integer that makes the draws of layers reproducible: their random state starts from
            it. Without state, too, batches then go one after the other. Defaults to `None`: layers
            go on from the state that they are in.

    Returns: A `tf.data.Dataset` with elements `(augmented x, ...)`. `find_sampler` finds the
        sampler of `batches` through it. A checkpoint of its iterator goes on with the next batch,
        but does not hold the random state of layers.

    Raises: ValueError: If `batches` is no dataset of tuples, `augmentation` cannot be called, or
        `seed` is out of its range.

    Example:
        >>> batches = tf.data.Dataset.from_tensors((np.ones(4, "float32"), np.arange(4)))
        >>> for x, labels in augment(batches, lambda x: -x):
        ...     print(x.numpy().tolist(), labels.numpy().tolist())
        [-1.0, -1.0, -1.0, -1.0] [0, 1, 2, 3]
    """
    if not isinstance(batches, tf.data.Dataset) or not isinstance(batches.element_spec, tuple):
        raise ValueError(
            "`batches` must be a `tf.data.Dataset` with elements `(x, ...)`, such as `pk_batches` "
            f"returns. Received: {batches!r}."
        )
    function = as_batch_function(augmentation)
    return map_randomly(batches, lambda x, *rest: (function(x), *rest), seed)


def per_item(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """Makes a function of batches of a function of one item.

    The items of a batch are changed one by one, which is slow beside a function of a whole batch.

    Args:
        function: A function of an item made of TensorFlow operations; or a Keras layer that takes
            one item, called with `training=True`, such as `keras.layers.RandomCrop`, which crops
            all images of a batch at one place.

    Returns: A function of a batch of items, for `augment` and `two_views`.

    Raises: ValueError: If `function` cannot be called.
    """
    function = as_batch_function(function)
    return lambda batch: keras.ops.map(function, batch)


def as_batch_function(augmentation: Callable[..., Any]) -> Callable[[Any], Any]:
    """Returns an augmentation as a function of a nest of tensors: a layer is told to augment.

    Raises: ValueError: If it cannot be called.
    """
    if isinstance(augmentation, keras.Layer):
        layer = augmentation
        return lambda x: keras.tree.map_structure(lambda part: layer(part, training=True), x)
    if not callable(augmentation) or isinstance(augmentation, type):
        raise ValueError(
            "`augmentation` must be a Keras layer or a function of a batch of items. "
            f"Received: {augmentation!r}. Of a class make a layer, as in `RandomFlip()`; of "
            "several layers make one, by `keras.Sequential`."
        )
    return augmentation


def map_randomly(
    dataset: tf.data.Dataset, function: Callable[..., Any], seed: int | None
) -> tf.data.Dataset:
    """Maps a function that may draw random numbers.

    Random state, such as that of a layer, is read and then written. Several calls at a time would
    draw the same numbers, so that batches go through such a function one after the other.

    Args:
        dataset: A `tf.data.Dataset`.
        function: A function of its elements.
        seed: Where the random state of the layers that the function calls starts, or `None`.
    """
    spec = dataset.element_spec
    arguments = spec if isinstance(spec, tuple) else (spec,)
    state = tf.function(function).get_concrete_function(*arguments).graph.variables
    if seed is not None:
        generators = [variable for variable in state if "seed_generator_state" in variable.name]
        seeds = np.random.SeedSequence(as_seed(seed)).generate_state(len(generators))
        for generator, start in zip(generators, seeds, strict=True):
            generator.assign([start, 0])
    in_order = state or seed is not None
    return (
        dataset.map(function, num_parallel_calls=None if in_order else tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
        .with_options(reads_outside_of_the_graph())
    )
