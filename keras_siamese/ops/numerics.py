"""Square roots, norms and means whose values and gradients are finite everywhere."""

from collections.abc import Iterable
from typing import Any

import keras
from keras import ops


def safe_sqrt(x: Any) -> Any:
    """Square root with gradient 0 at 0, where the true one is infinite.

    Args:
        x: Floats. What is not positive gives 0; NaN stays NaN.
    """
    zero = x <= 0
    return ops.where(zero, ops.zeros_like(x), ops.sqrt(ops.where(zero, ops.ones_like(x), x)))


def safe_abs(x: Any) -> Any:
    """Absolute value with gradient 0 at 0, where that of `ops.abs` depends on the backend."""
    return ops.multiply(x, ops.stop_gradient(ops.sign(x)))


def squared_norm(x: Any) -> Any:
    """Sum of squares over the last axis: `(..., embedding_dim)` -> `(...)`."""
    return ops.sum(ops.square(x), axis=-1)


def l2_normalize(x: Any) -> Any:
    """Divides by the Euclidean norm over the last axis; a zero vector stays 0, with gradient 0."""
    norm = safe_sqrt(squared_norm(x))[..., None]
    zero = norm == 0
    return ops.where(zero, ops.zeros_like(x), x / ops.where(zero, ops.ones_like(norm), norm))


def masked_mean(values: Any, mask: Any, axis: int | None = None) -> Any:
    """Mean of the values where `mask` is true; 0 where there is none."""
    total = ops.sum(ops.where(mask, values, ops.zeros_like(values)), axis=axis)
    count = ops.sum(ops.cast(mask, total.dtype), axis=axis)
    return total / ops.maximum(count, ops.ones_like(count))


def masked_logsumexp(values: Any, mask: Any, axis: int, keepdims: bool = False) -> Any:
    """Logarithm of the sum of exponentials of the values where `mask` is true.

    Where there is none it is `-1e30`, with gradient 0: less than any other, and finite, so that
    softplus, relu and exp of it are 0.

    Args:
        values: Finite floats.
        mask: Which of them count, bool, a shape that broadcasts with theirs.
        axis: Along which axis to sum.
        keepdims: Whether to keep that axis, with length 1.
    """
    return ops.logsumexp(ops.where(mask, values, -1e30), axis=axis, keepdims=keepdims)


def count_true(mask: Any) -> Any:
    """How many are true, an int32 scalar: some backends sum int32 to int64."""
    return ops.cast(ops.sum(ops.cast(mask, "int32")), "int32")


def infinity(like: Any) -> Any:
    """Positive infinity in the dtype of `like`."""
    return ops.cast(float("inf"), keras.backend.standardize_dtype(like.dtype))


def centred(x: Any) -> Any:
    """Subtracts the mean of each column; constant columns become 0 exactly, not nearly.

    Args:
        x: Shape `(batch_size, embedding_dim)`.
    """
    # Rows less the first one: what is common to all leaves no rounding error.
    x = x - ops.stop_gradient(x[:1])
    return x - ops.mean(x, axis=0, keepdims=True)


def nan_unless_finite(value: Any, tensors: Iterable[Any]) -> Any:
    """Gives `value`, or NaN if an entry of the tensors is not finite or too large to square.

    Args:
        value: What was computed of the tensors. Comparisons with NaN are false, so that masks hide
            it; and overflow hides in quotients and empty masks.
        tensors: Embeddings, shapes `(batch_size, embedding_dim)`.
    """
    finite = ops.isfinite(sum(ops.sum(squared_norm(x)) for x in tensors))
    return ops.where(finite, value, float("nan"))
