"""How embeddings fill their space: alignment, uniformity, effective rank, spread."""

from collections.abc import Iterator

import numpy as np

_BLOCK_ELEMENTS = 2**20  # Numbers in a block of rows: 8 MiB in float64.
_TILE_ROWS, _TILE_COLUMNS = 512, 4096  # Of cosines: 8 MiB in float32.


def unit_rows(embeddings: np.ndarray) -> np.ndarray:
    """Returns embeddings divided by their Euclidean norms; a zero vector stays 0.

    Args:
        embeddings: Finite floats, shape `(num_items, embedding_dim)`. Large and small ones neither
            overflow nor vanish.
    """
    # Divided by their largest number first: the squares then stay in range.
    units = embeddings / _or_one(np.abs(embeddings).max(axis=1, keepdims=True))
    norms = np.sqrt(np.einsum("nd,nd->n", units, units, dtype=np.float64))
    units /= _or_one(norms)[:, None].astype(units.dtype)
    return units


def alignment(units: np.ndarray, class_ids: np.ndarray) -> float:
    """Mean squared distance over all unordered pairs of one class, exact in `O(N D)`.

    The squared distances of the pairs of a class sum up to its number of items times the squared
    distances from its mean.

    Args:
        units: Unit vectors, shape `(num_items, embedding_dim)`.
        class_ids: 0 to C-1, shape `(num_items,)`. At least one class has two items.
    """
    sizes = np.bincount(class_ids)
    order = np.argsort(class_ids, kind="stable")
    order = order[sizes[class_ids[order]] > 1]
    sizes = sizes[sizes > 1]
    runs = np.repeat(np.arange(len(sizes)), sizes)
    starts = np.cumsum(sizes) - sizes
    means = np.zeros((len(sizes), units.shape[1]))
    # From the first item of a class: equal items then are at 0 from their mean, exactly.
    firsts = units[order[starts]].astype(np.float64)
    for rows in _row_blocks(len(order), units.shape[1]):
        offsets = units[order[rows]] - firsts[runs[rows]]
        present, places = np.unique(runs[rows], return_index=True)
        means[present] += np.add.reduceat(offsets, places, axis=0)
    means = firsts + means / sizes[:, None]
    total = 0.0
    for rows in _row_blocks(len(order), units.shape[1]):
        squares = np.square(units[order[rows]] - means[runs[rows]]).sum(axis=1)
        total += float(squares @ sizes[runs[rows]])
    return total / float((sizes * (sizes - 1) // 2).sum())


def uniformity(units: np.ndarray) -> float:
    """Logarithm of the mean of `exp(-2 |x - y|^2)` over all unordered pairs of two items.

    Time is in proportion to `N^2 D`; a tile of the cosines exists at a time, 8 MiB in float32. The
    squared distances of unit vectors are 0 to 4, so that no exponential overflows or vanishes.

    Args:
        units: Unit vectors, at least two, shape `(num_items, embedding_dim)`.
    """
    num_items = len(units)
    # |x - y|^2 = |x|^2 + |y|^2 - 2 x.y, of which the product gives -2 times the last.
    squares = np.einsum("nd,nd->n", units, units)
    total = 0.0
    for top in range(0, num_items, _TILE_ROWS):
        rows = slice(top, min(top + _TILE_ROWS, num_items))
        for left in range(top, num_items, _TILE_COLUMNS):
            columns = slice(left, min(left + _TILE_COLUMNS, num_items))
            tile = (4 * units[rows]) @ units[columns].T
            tile -= 2 * squares[rows, None]
            tile -= 2 * squares[columns]
            np.minimum(tile, 0, out=tile)
            np.exp(tile, out=tile)
            if left == top:
                # Below the diagonal stands what stands above it, and on it are no pairs.
                tile *= np.arange(tile.shape[0])[:, None] < np.arange(tile.shape[1])
            total += float(tile.sum(dtype=np.float64))
    return float(np.log(total / (num_items * (num_items - 1) / 2)))


def effective_rank(embeddings: np.ndarray) -> float:
    """Exponential of the entropy of the singular values divided by their sum.

    The matrix is that of the embeddings as they are: not centred, so that embeddings at one point
    have rank 1. 1 to `min(num_items, embedding_dim)`; 0 if all embeddings are 0.

    Args:
        embeddings: Finite floats, shape `(num_items, embedding_dim)`.

    Reference: [Roy and Vetterli, 2007](https://www.eurasip.org/Proceedings/Eusipco/Eusipco2007/Papers/a5p-h05.pdf).
    """
    peak = np.abs(embeddings).max()
    if peak == 0:
        return 0.0
    products = np.zeros((embeddings.shape[1],) * 2)
    for rows in _row_blocks(len(embeddings), embeddings.shape[1]):
        scaled = embeddings[rows] / np.float64(peak)
        products += scaled.T @ scaled
    # Of values below 1e-8 of the largest one rounding is left, which adds 1e-6 to the rank each.
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(products), 0))
    shares = values / values.sum()
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def per_dimension_spread(embeddings: np.ndarray) -> np.ndarray:
    """Standard deviation of each dimension, exactly 0 where it is constant.

    Args:
        embeddings: Finite floats, shape `(num_items, embedding_dim)`.

    Returns: Shape `(embedding_dim,)`, float64; divided by `num_items`, not by one less.
    """
    num_items, dim = embeddings.shape
    # Less the first row: what is common to all leaves no rounding error.
    first = embeddings[0].astype(np.float64)
    mean = np.zeros(dim)
    for rows in _row_blocks(num_items, dim):
        mean += (embeddings[rows] - first).sum(axis=0) / num_items
    squares = np.zeros(dim)
    for rows in _row_blocks(num_items, dim):
        squares += np.square(embeddings[rows] - first - mean).sum(axis=0)
    return np.sqrt(squares / num_items)


def _or_one(divisors: np.ndarray) -> np.ndarray:
    return np.where(divisors == 0, 1, divisors)


def _row_blocks(num_rows: int, num_columns: int) -> Iterator[slice]:
    size = max(1, _BLOCK_ELEMENTS // num_columns)
    for start in range(0, num_rows, size):
        yield slice(start, min(start + size, num_rows))
