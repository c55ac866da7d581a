"""Square roots, norms and means whose values and gradients are finite everywhere."""

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


def infinity(like: Any) -> Any:
    """Positive infinity in the dtype of `like`."""
    return ops.cast(float("inf"), keras.backend.standardize_dtype(like.dtype))
