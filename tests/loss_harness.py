"""Batches to try losses and miners on, and the ways in which TensorFlow runs them."""

import numpy as np
import tensorflow as tf

MODES = ("eager", "graph", "unknown_batch_size", "jit_compile")

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
)


def differentiate(function, mode="eager"):
    """Makes a function that runs `function` in a mode, and gives its value and gradients in NumPy.

    The gradients are by all of its inputs that are floats.
    """

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


def triplet_set(triplets):
    """The `(anchor, positive, negative)` of mined triplets, sorted, with repetitions."""
    anchor, positive, negative, mask = (
        np.asarray(x)
        for x in (triplets.anchor, triplets.positive, triplets.negative, triplets.mask)
    )
    return sorted(
        zip(anchor[mask].tolist(), positive[mask].tolist(), negative[mask].tolist(), strict=True)
    )
