"""Compiles pure functions by themselves, in programs that are not compiled as a whole.

On CPU, XLA makes mining several times faster and convolutions slower, so the losses compile their
own arithmetic and leave the training step alone.
"""

from collections.abc import Callable
from typing import Any

import keras

Function = Callable[..., Any]


def inside_xla() -> bool:
    """Whether TensorFlow is tracing a function that XLA will compile, where shapes must be static."""
    from tensorflow.python.framework.ops import get_default_graph
    from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

    return GraphOrParentsInXlaContext(get_default_graph())


def compiled(function: Function) -> Function:
    """Returns `function` compiled by XLA on TensorFlow, for each new set of shapes; else as it is."""
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    return tf.function(function, jit_compile=True, autograph=False)


def compiled_with_gradient(function: Function) -> Function:
    """Compiles a scalar function together with its gradient.

    The forward pass computes both in one XLA program, so the backward pass is one multiplication and
    no intermediate result crosses the two. Second derivatives are not available.

    Args:
        function: Takes a tuple of float tensors to differentiate by, then further arguments (nests of
            tensors). Gives `(value, others)`: a scalar, and a nest of tensors without gradient.

    Returns: A function that is called in the same way. On other backends than TensorFlow, `function`.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    def with_gradient(inputs: tuple[Any, ...], *arguments: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            value, others = function(inputs, *arguments)
        gradients = tape.gradient(value, inputs, unconnected_gradients="zero")
        return value, others, tuple(tf.convert_to_tensor(gradient) for gradient in gradients)

    program = tf.function(with_gradient, jit_compile=True, autograph=False)

    def call(inputs: tuple[Any, ...], *arguments: Any) -> Any:
        # `arguments` are captured, for a custom gradient wants tensors alone, all of them with a gradient.
        @tf.custom_gradient
        def value_of(*inputs: Any) -> Any:
            value, others, gradients = program(inputs, *arguments)
            others = tf.nest.map_structure(tf.stop_gradient, others)

            def backward(upstream: Any, *_: Any) -> tuple[Any, ...]:
                return tuple(upstream * gradient for gradient in gradients)

            return (value, others), backward

        return value_of(*inputs)

    return call
