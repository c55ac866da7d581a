"""Batches to try losses and miners on, and the ways in which a backend runs them."""

import keras
import numpy as np
import pytest

BACKEND = keras.backend.backend()
# Elsewhere, the operations of Keras turn float64 into float32.
DOUBLE = "float64" if BACKEND == "tensorflow" else "float32"
tensorflow_only = pytest.mark.skipif(BACKEND != "tensorflow", reason="is about TensorFlow")
compiled_only = pytest.mark.skipif(BACKEND == "torch", reason="PyTorch runs all of it eagerly")
UINT64 = pytest.param(
    "uint64", marks=pytest.mark.skipif(BACKEND == "torch", reason="Keras has no uint64 there")
)
# A graph for one batch size does nothing that is not done for an unknown one.
MODES = {
    "tensorflow": ("eager", "unknown_batch_size", "jit_compile"),
    "jax": ("eager", "jit_compile"),
    "torch": ("eager",),
}[BACKEND]
# Those in which shapes are known and errors of them are raised.
MODES_OF_ONE_SIZE = {
    "tensorflow": ("eager", "graph"),
    "jax": ("eager", "jit_compile"),
    "torch": ("eager",),
}[BACKEND]

# Of one length, and mostly of one greatest class size, so that compiled programs are shared.
LABELS = {
    "p_x_k": np.repeat([0, 1, 2], 4),
    "shuffled": np.array([7, -3, 2**40, 7, 7, 2**40, -3, -3, 2**40, 7, -3, 2**40]),
    "ragged": np.array([5, 2, 5, 9, 1, 5, 8, 1, 5, 2, 1, 8]),
    "pairs": np.array([4, 0, 3, 1, 2, 5, 5, 3, 2, 0, 1, 4]),
    "one_class": np.full(12, 3),
    "singletons": np.arange(12)[::-1],
}

DISTANCES = (
    "euclidean",
    "squared_euclidean",
    "cosine",
    "angular",
    "manhattan",
    "inner_product",
    "signal_to_noise",
)


def differentiate(function, mode="eager"):
    """Makes a function that runs `function` in a mode, and gives its value and gradients in NumPy.

    The gradients are by all of its inputs that are floats, and those of the sum of the values.
    """
    run = {"tensorflow": _in_tensorflow, "jax": _in_jax, "torch": _in_torch}[BACKEND]
    return run(function, mode)


def _in_tensorflow(function, mode):
    import tensorflow as tf

    def both(*inputs):
        floats = [x for x in inputs if x.dtype.is_floating]
        with tf.GradientTape() as tape:
            tape.watch(floats)
            value = function(*inputs)
        return value, *tape.gradient(value, floats)

    program = tf.function(both, jit_compile=mode == "jit_compile", autograph=False)

    def run(*inputs):
        inputs = [tf.convert_to_tensor(x) for x in inputs]
        if mode == "eager":
            results = both(*inputs)
        elif mode == "unknown_batch_size":
            specs = [tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in inputs]
            results = program.get_concrete_function(*specs)(*inputs)
        else:
            results = program(*inputs)
        # Eagerly, the gradient of a gather is a list of rows.
        return tuple(tf.convert_to_tensor(result).numpy() for result in results)

    return run


def _in_jax(function, mode):
    import jax

    def run(*inputs):
        inputs = [jax.numpy.asarray(x) for x in inputs]
        is_float = [keras.backend.is_float_dtype(str(x.dtype)) for x in inputs]
        places = tuple(np.flatnonzero(is_float).tolist())

        def total(*inputs):
            value = function(*inputs)
            return value.sum(), value

        both = jax.grad(total, argnums=places, has_aux=True)
        gradients, value = (both if mode == "eager" else jax.jit(both))(*inputs)
        return tuple(np.asarray(result) for result in (value, *gradients))

    return run


def _in_torch(function, mode):
    import torch

    def run(*inputs):
        inputs = [tensor(x).clone() for x in inputs]
        floats = [x.requires_grad_() for x in inputs if x.is_floating_point()]
        value = function(*inputs)
        gradients = torch.autograd.grad(value.sum(), floats, allow_unused=True)
        gradients = [
            torch.zeros_like(x) if gradient is None else gradient
            for x, gradient in zip(floats, gradients, strict=True)
        ]
        return tuple(keras.ops.convert_to_numpy(result) for result in (value, *gradients))

    return run


def tensor(x):
    """A tensor of the type of an array: a backend may have another preference."""
    x = np.asarray(x)
    return keras.ops.convert_to_tensor(x, dtype=str(x.dtype))


def evaluate(function, *arrays):
    """Calls a function of tensors with arrays, and gives its result in NumPy."""
    return keras.ops.convert_to_numpy(function(*map(tensor, arrays)))


def triplet_set(triplets):
    """The `(anchor, positive, negative)` of mined triplets, sorted, with repetitions."""
    anchor, positive, negative, mask = (
        keras.ops.convert_to_numpy(x)
        for x in (triplets.anchor, triplets.positive, triplets.negative, triplets.mask)
    )
    return sorted(
        zip(anchor[mask].tolist(), positive[mask].tolist(), negative[mask].tolist(), strict=True)
    )
