"""Compiles pure functions by themselves, in programs that are not compiled as a whole.

On CPU, XLA makes mining several times faster and convolutions slower, so the losses compile their
own arithmetic and leave the training step alone. A program takes about a second to compile, once
for each set of shapes: worth it in a training step, not where a function is called eagerly or is
met with many shapes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import keras

Function = Callable[..., Any]

_COMPILES: ContextVar[bool] = ContextVar("compiles", default=True)


@contextmanager
def not_compiled() -> Iterator[None]:
    """Within it, the functions below run as they are, operation by operation."""
    token = _COMPILES.set(False)
    try:
        yield
    finally:
        _COMPILES.reset(token)


def inside_xla() -> bool:
    """Whether TensorFlow traces a function that XLA will compile, so shapes must be static."""
    from tensorflow.python.framework.ops import get_default_graph
    from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

    return GraphOrParentsInXlaContext(get_default_graph())


def is_concrete(value: Any) -> bool:
    """Whether a value can be looked at here, because no graph or program is being traced."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.executing_eagerly()
    if keras.backend.backend() == "jax":
        import jax

        return not isinstance(value, jax.core.Tracer)
    return True


def compiled(function: Function) -> Function:
    """Returns `function` such that, inside of a TensorFlow graph, XLA compiles it.

    Elsewhere, eagerly above all, it runs as it is.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    program = tf.function(function, jit_compile=True, autograph=False)

    def call(*arguments: Any) -> Any:
        return (program if _compiles_here() else function)(*arguments)

    return call


def compiled_with_gradient(function: Function) -> Function:
    """Returns a scalar function such that XLA compiles it, as `compiled` does, with its gradient.

    The forward pass computes both in one XLA program, so the backward pass is one multiplication
    and no intermediate result crosses the two. Second derivatives are not available. Variables that
    the function reads get no gradient: what is to be differentiated by is an input.

    Args:
        function: Takes a tuple of float tensors to differentiate by, then further arguments (nests
            of tensors). Gives `(value, others)`: a scalar, and a nest of tensors without gradient.

    Returns: A function that is called in the same way. On other backends than TensorFlow,
        `function`.
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
        if not _compiles_here():
            return function(inputs, *arguments)

        # `arguments` are captured, for a custom gradient wants tensors alone, all of them with a
        # gradient.
        @tf.custom_gradient
        def value_of(*inputs: Any) -> Any:
            value, others, gradients = program(inputs, *arguments)
            others = tf.nest.map_structure(tf.stop_gradient, others)

            def backward(upstream: Any, *_: Any, variables: Any = None) -> Any:
                by_inputs = tuple(
                    tf.cast(upstream, gradient.dtype) * gradient for gradient in gradients
                )
                # Variables that the program reads, to choose tuples by a learned distance.
                return by_inputs if variables is None else (by_inputs, [None] * len(variables))

            return (value, others), backward

        return value_of(*inputs)

    return call


def _compiles_here() -> bool:
    import tensorflow as tf

    return _COMPILES.get() and not tf.executing_eagerly()
