"""How many items have given values, and which rows are distinct."""

from collections.abc import Sequence

import numpy as np


class CountTable:
    """Numbers of items by their values in a few columns.

    Args:
        columns: Integers from 0, shape `(num_items,)` each.
        sizes: A number that the values of each column are below.
    """

    def __init__(self, columns: Sequence[np.ndarray], sizes: Sequence[int]) -> None:
        self._sizes = sizes
        self._keys, self._counts = np.unique(_combined(columns, sizes), return_counts=True)

    def of(self, *values: np.ndarray) -> np.ndarray:
        """Number of items with these values: one array a column; shapes broadcast."""
        key = _combined(values, self._sizes)
        place = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        return np.where(self._keys[place] == key, self._counts[place], 0)


class Members:
    """Lists of the items by their values in a few columns: see `CountTable`."""

    def __init__(self, columns: Sequence[np.ndarray], sizes: Sequence[int]) -> None:
        self._sizes = sizes
        keys = _combined(columns, sizes)
        self._items = np.argsort(keys, kind="stable")
        self._keys = keys[self._items]

    def of(self, *values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The items with these values.

        Args:
            values: One array a column, shape `(num_wanted,)` each.

        Returns: `(rows, items)`: pairs of a place in `values` and an item's place, row by row.
        """
        wanted = _combined(values, self._sizes)
        starts, stops = (np.searchsorted(self._keys, wanted, side) for side in ("left", "right"))
        rows, places = places_in_runs(starts, stops - starts)
        return rows, self._items[places]


def _combined(values: Sequence[np.ndarray], sizes: Sequence[int]) -> np.ndarray:
    key = values[0].astype(np.int64)
    for column, size in zip(values[1:], sizes[1:], strict=True):
        key = key * size + column
    return key


def places_in_runs(starts: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lists the places in runs, run by run.

    Args:
        starts: Where each run begins, shape `(num_runs,)`.
        lengths: How long it is, same shape.

    Returns: `(runs, places)`: the run of each place, and the place, shape `(sum of lengths,)` both.
    """
    runs = np.repeat(np.arange(len(lengths)), lengths)
    return runs, np.arange(len(runs)) - np.repeat(np.cumsum(lengths) - lengths - starts, lengths)


def distinct_vectors(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tells identical rows.

    Args:
        x: Shape `(N, dim)`.

    Returns: `(first, inverse)`: places of the distinct rows, shape `(V,)`, in the order of their
        places, and which of them each row is, shape `(N,)`.
    """
    hashes = np.empty(len(x), np.uint64)
    block = max(1, 2**20 // x.shape[1])
    for start in range(0, len(x), block):
        hashes[start : start + block] = _hashes(x[start : start + block])
    first, inverse = _in_order_of_places(*np.unique(hashes, True, True)[1:])
    copies = np.flatnonzero(first[inverse] != np.arange(len(x)))
    for some in np.array_split(copies, max(1, len(copies) // block)):
        if not (x[some] == x[first[inverse[some]]]).all():  # two rows of one hash
            return _in_order_of_places(*np.unique(x, True, True, axis=0)[1:])
    return first, inverse


def _hashes(x: np.ndarray) -> np.ndarray:
    """A number for each row, the same for equal rows: a random combination of their bits."""
    bits = np.ascontiguousarray(x + x.dtype.type(0)).view(np.uint32)  # 0 for -0
    factors = np.random.default_rng(0).integers(0, 2**63, bits.shape[1], np.uint64) * 2 + 1
    return (bits * factors).sum(axis=1, dtype=np.uint64)


def _in_order_of_places(first: np.ndarray, inverse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[inverse.ravel()]


def distinct_keys(columns: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Tells items that are equal in all columns of integers: the same, in the order of the keys."""
    _, first, inverse = np.unique(
        np.stack(columns, axis=1), axis=0, return_index=True, return_inverse=True
    )
    return first, inverse
