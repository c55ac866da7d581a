"""Matrices of distances between the rows of two sets."""

from typing import Any

from keras import ops

from keras_siamese.ops.blocks import map_row_blocks, rows_within
from keras_siamese.ops.numerics import safe_abs, squared_norm


def pairwise_squared_euclidean(x: Any, y: Any) -> Any:
    """Squared Euclidean distances by one matrix product, `|x|^2 + |y|^2 - 2 x.y`, clipped at 0.

    The absolute error is about `1e-7 * (|x|^2 + |y|^2)` in float32, so distances between
    near-duplicates are rough: fit to choose pairs by, not to differentiate.

    Args:
        x: Shape `(N, embedding_dim)`.
        y: Shape `(M, embedding_dim)`.

    Returns: Shape `(N, M)`.
    """
    products = ops.matmul(x, ops.transpose(y))
    squares = squared_norm(x)[:, None] + squared_norm(y)[None, :]
    return ops.maximum(squares - 2 * products, 0)


def pairwise_manhattan(x: Any, y: Any) -> Any:
    """Sums of absolute differences, in row blocks that keep `(rows, M, embedding_dim)` small.

    Args:
        x: Shape `(N, embedding_dim)`.
        y: Shape `(M, embedding_dim)`.

    Returns: Shape `(N, M)`.
    """
    num_columns = None if None in y.shape else y.shape[0] * y.shape[1]
    return map_row_blocks(
        lambda rows: ops.sum(safe_abs(rows[:, None, :] - y[None, :, :]), axis=-1),
        (x,),
        rows_within(2**22, num_columns, default=8),
    )
