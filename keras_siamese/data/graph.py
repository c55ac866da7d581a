"""What functions inside of a `tf.data` graph use of the world outside: arrays, NumPy, variables."""

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf


def host_tensor(array: np.ndarray) -> tf.Tensor:
    """Returns an array as a tensor that the functions of a `tf.data` graph share.

    It is on the host, where tf.data runs: data on a GPU would be copied back for each batch.
    """
    with tf.init_scope(), tf.device("CPU:0"):
        return tf.constant(array)


def call_in_numpy(
    function: Callable[..., Any], owner: Any, inputs: Sequence[tf.Tensor], dtypes: Any
) -> Any:
    """Calls `function(owner, *inputs)` in NumPy, as a part of a `tf.data` graph.

    TensorFlow keeps the functions that it calls until the process ends. It gets no reference to the
    owner, so that memory is freed and files are closed with it: the dataset must hold it.

    Args:
        function: Gives the same for the same inputs.
        owner: What it reads from: anything that can be referred to weakly.
        inputs: Tensors, which it gets as arrays.
        dtypes: The type of its result, or a tuple of those of several.

    Returns: A tensor of unknown shape, or a tuple of them.
    """
    reference = weakref.ref(owner)
    return tf.numpy_function(
        lambda *arrays: function(reference(), *arrays), inputs, dtypes, stateful=False
    )


def reads_outside_of_the_graph() -> tf.data.Options:
    """Options for an iterator that reads variables or calls NumPy and is to be checkpointed.

    Without them it refuses to be. Nothing is lost, as long as what is read is a function of the
    elements that the iterator's checkpoint holds.
    """
    options = tf.data.Options()
    options.experimental_external_state_policy = tf.data.experimental.ExternalStatePolicy.IGNORE
    return options
