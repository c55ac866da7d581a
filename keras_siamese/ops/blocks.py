"""Functions of rows that run in blocks, so that temporaries stay small."""

import math
from collections.abc import Callable
from typing import Any

from keras import ops


def map_row_blocks(function: Callable[..., Any], rows: tuple[Any, ...], block_rows: int) -> Any:
    """Applies `function` to blocks of `block_rows` rows and joins the results along the first axis.

    Args:
        function: Takes as many tensors as there are in `rows`, each with `block_rows` rows, and
            gives one tensor with `block_rows` rows or a tuple of such tensors. Rows must not depend
            on each other.
        rows: Tensors with the same number of rows.
        block_rows: Rows in a block. With no more rows than that, `function` is called once.

    Returns: What `function(*rows)` would return.
    """
    num_rows = rows[0].shape[0]
    if num_rows is not None and num_rows <= block_rows:
        return function(*rows)
    # Unknown sizes (a dataset with a smaller last batch) are known when XLA compiles, not here.
    num_rows = ops.shape(rows[0])[0] if num_rows is None else num_rows
    num_blocks = -(-num_rows // block_rows)
    missing = num_blocks * block_rows - num_rows

    def split(x: Any) -> Any:
        padded = ops.pad(x, [[0, missing]] + [[0, 0]] * (len(x.shape) - 1))
        return ops.reshape(padded, (num_blocks, block_rows, *ops.shape(x)[1:]))

    def join(x: Any) -> Any:
        return ops.reshape(x, (num_blocks * block_rows, *ops.shape(x)[2:]))[:num_rows]

    result = ops.map(lambda block: function(*block), tuple(split(x) for x in rows))
    return tuple(join(x) for x in result) if isinstance(result, tuple | list) else join(result)


def rows_within(elements: int, per_row: int | None, default: int = 128) -> int:
    """Number of rows, a power of two, that keeps a block of `per_row` columns near `elements`."""
    if not per_row:
        return default
    return max(8, 2 ** int(math.log2(max(1, elements // per_row))))
