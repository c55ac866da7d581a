"""The nearest items of each query, exactly, with one comparison for each of all the others."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from keras_siamese.ops.threads import worker_threads
from keras_siamese.ops.tiles import DistanceTiles

Result = TypeVar("Result")

_BLOCK_ELEMENTS = 2**23  # Distances in a block of rows: 32 MiB.
_CHUNK_COLUMNS = 2**16
_MAX_KEPT = 2**23  # Items that the symmetric way may keep for all queries together: 100 MiB.
_LEAST_HALVED = 1024
_SAMPLE = 4  # One in so many of the set is the sample that bounds how far the nearest items are.


@dataclass(frozen=True)
class NearestItems:
    """Some queries, and all items that are as close to them as the nearest few, or nearly so.

    Attributes:
        queries: Places of the queries, shape `(queries,)`.
        items: Places of items, the nearest first, at least as many of each row as were asked for,
            shape `(queries, width)`, int32. Rows with fewer are filled with -1.
        reduced: Their reduced distances, ascending, then infinity: same shape, float32.
    """

    queries: np.ndarray
    items: np.ndarray
    reduced: np.ndarray


def map_nearest(
    function: Callable[[NearestItems], Result], tiles: DistanceTiles, depth: np.ndarray
) -> list[Result]:
    """Applies `function` to blocks of queries with their nearest items, in threads.

    A bound on the distance of the item at `depth` is cheap: of the least distances in many groups
    of items, no two are the same item's. Only what is within the bound, one in thousands, is looked
    at any further. Items within the rounding error of the bound are included. Of a symmetric
    distance within one set, half of the matrix is computed.

    Args:
        function: Called with a `NearestItems` of some queries. Each query is in one call.
        tiles: The distances.
        depth: How many of the nearest items are needed, shape `(num_queries,)`. Rows of similar
            depth should stand together.

    Returns: What `function` returned, in the order of the queries.
    """
    expected = _SAMPLE * (int(depth.sum()) + len(depth))
    is_halved = tiles.is_symmetric and tiles.num_queries >= _LEAST_HALVED and expected <= _MAX_KEPT
    with worker_threads() as pool:
        if is_halved:
            blocks: Iterable[Callable[[], NearestItems]] = _halved(pool, tiles, depth)
        else:
            rows = _row_blocks(tiles)
            blocks = [partial(_nearest_of_rows, tiles, depth, of_block) for of_block in rows]
        return list(pool.map(lambda block: function(block()), blocks))


def map_within(
    function: Callable[[NearestItems], Result], tiles: DistanceTiles, bound: float
) -> list[Result]:
    """Applies `function` to blocks of queries with all items within a bound, in threads.

    Args:
        function: Called with a `NearestItems` of some queries. Each query is in one call.
        tiles: The distances.
        bound: The largest reduced distance.

    Returns: What `function` returned, in the order of the queries.
    """

    def of_rows(rows: slice) -> Result:
        hits = _Hits()
        for columns in _slices(0, tiles.num_gallery, _CHUNK_COLUMNS):
            reduced = tiles.tile(rows, columns)
            hits.add_rows(reduced, np.full(len(reduced), bound, np.float32), 0, columns.start)
        return function(_assemble(np.arange(rows.start, rows.stop), *hits.joined()))

    with worker_threads() as pool:
        return list(pool.map(of_rows, _row_blocks(tiles)))


def entries_within(reduced: np.ndarray, bound: np.ndarray) -> NearestItems:
    """The entries of a matrix of distances that are within the bound of their row, sorted.

    Args:
        reduced: Shape `(queries, num_gallery)`.
        bound: Shape `(queries,)`.
    """
    hits = _Hits()
    hits.add_rows(reduced, bound, 0, 0)
    return _assemble(np.arange(len(reduced)), *hits.joined())


def _row_blocks(tiles: DistanceTiles) -> list[slice]:
    rows = max(1, _BLOCK_ELEMENTS // min(tiles.num_gallery, _CHUNK_COLUMNS))
    # At least a few blocks for each thread.
    rows = min(rows, max(64, -(-tiles.num_queries // 8)))
    return list(_slices(0, tiles.num_queries, rows))


def _nearest_of_rows(tiles: DistanceTiles, depth: np.ndarray, rows: slice) -> NearestItems:
    errors = 2 * tiles.errors(rows)
    bound = np.full(rows.stop - rows.start, np.inf, np.float32)
    hits = _Hits()
    for columns in _slices(0, tiles.num_gallery, _CHUNK_COLUMNS):
        reduced = tiles.tile(rows, columns)
        bound = np.minimum(bound, _bound(reduced, depth[rows]) + errors)
        hits.add_rows(reduced, bound, 0, columns.start)
    return _assemble(np.arange(rows.start, rows.stop), *hits.joined(), bound)


def _halved(
    pool: ThreadPoolExecutor, tiles: DistanceTiles, depth: np.ndarray
) -> list[Callable[[], NearestItems]]:
    """Compares the first items, the sample, with all; then the others among themselves, once."""
    num_items = tiles.num_queries
    sample = slice(0, num_items // _SAMPLE)
    bound = np.empty(num_items, np.float32)

    def with_sample(rows: slice) -> _Hits:
        hits = _Hits()
        reduced = tiles.tile(rows, sample)
        bound[rows] = _bound(reduced, depth[rows]) + 2 * tiles.errors(rows)
        hits.add_rows(reduced, bound[rows], rows.start, sample.start)
        if rows.start >= sample.stop:
            hits.add_columns(reduced, bound[sample], rows.start, sample.start)
        return hits

    def among_others(rows: slice) -> _Hits:
        hits = _Hits()
        for columns in _slices(rows.start, num_items, 4 * (rows.stop - rows.start)):
            reduced = tiles.tile(rows, columns)
            hits.add_rows(reduced, bound[rows], rows.start, columns.start)
            # The first square holds both halves.
            own = rows.stop - rows.start if columns.start == rows.start else 0
            start = columns.start + own
            hits.add_columns(reduced[:, own:], bound[start : columns.stop], rows.start, start)
        return hits

    size = min(512, max(64, num_items // 16))
    found = list(pool.map(with_sample, _slices(sample.start, sample.stop, size)))
    found += pool.map(with_sample, _slices(sample.stop, num_items, size))
    found += pool.map(among_others, _slices(sample.stop, num_items, size))
    queries, items, values = (
        np.concatenate(parts) for parts in zip(*(hits.joined() for hits in found), strict=True)
    )
    order = np.argsort(queries)
    queries, items, values = queries[order], items[order], values[order]

    def block(rows: slice) -> NearestItems:
        start, stop = np.searchsorted(queries, [rows.start, rows.stop])
        within = slice(start, stop)
        places = np.arange(rows.start, rows.stop)
        return _assemble(places, queries[within] - rows.start, items[within], values[within])

    return [partial(block, rows) for rows in _slices(0, num_items, 2048)]


class _Hits:
    """Entries of tiles that are within a bound: their rows, columns and values."""

    def __init__(self) -> None:
        none = np.empty(0, np.int32)
        self._parts = [(none, none, np.empty(0, np.float32))]

    def add_rows(self, reduced: np.ndarray, bound: np.ndarray, row: int, column: int) -> None:
        """Adds what is within the bound of its row."""
        rows, columns, values = _entries(reduced, reduced <= bound[:, None])
        self._add(rows + row, columns + column, values)

    def add_columns(self, reduced: np.ndarray, bound: np.ndarray, row: int, column: int) -> None:
        """Adds what is within the bound of its column, as rows."""
        rows, columns, values = _entries(reduced, reduced <= bound)
        self._add(columns + column, rows + row, values)

    def _add(self, rows: np.ndarray, columns: np.ndarray, values: np.ndarray) -> None:
        self._parts.append((rows.astype(np.int32), columns.astype(np.int32), values))

    def joined(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows, columns, values = (np.concatenate(parts) for parts in zip(*self._parts, strict=True))
        return rows, columns, values


def _entries(values: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns rows, columns and values of the entries of a matrix where a mask is true."""
    num_rows, num_columns = values.shape
    places = np.flatnonzero(mask)
    starts = np.searchsorted(places, num_columns * np.arange(num_rows + 1))
    rows = np.repeat(np.arange(num_rows), np.diff(starts))
    return rows, places - num_columns * rows, values.reshape(-1)[places]


def _slices(start: int, stop: int, size: int) -> Iterator[slice]:
    for first in range(start, stop, size):
        yield slice(first, min(first + size, stop))


def _bound(reduced: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Returns for each row an upper bound of its `depth` smallest entry: `(rows,)`."""
    num_rows, num_columns = reduced.shape
    deepest = int(depth.max(initial=0))
    # The more groups, the tighter the bound, and the longer their sorting.
    num_groups = max(64, 4 * deepest)
    least = reduced
    if 2 * num_groups <= num_columns:
        size = num_columns // num_groups
        groups = reduced[:, : size * num_groups].reshape(num_rows, size, num_groups)
        least = groups.min(axis=1)
    least = np.sort(least, axis=1)
    bounds = np.full(num_rows, np.inf, np.float32)
    known = depth <= least.shape[1]
    bounds[known] = least[known, np.maximum(depth[known], 1) - 1]
    return bounds


def _assemble(
    queries: np.ndarray,
    rows: np.ndarray,
    items: np.ndarray,
    values: np.ndarray,
    bound: np.ndarray | None = None,
) -> NearestItems:
    """Sorts the entries of each row, and pads the rows."""
    if bound is not None:
        within = values <= bound[rows]
        rows, items, values = rows[within], items[within], values[within]
    if (rows[1:] < rows[:-1]).any():
        order = np.argsort(rows)
        rows, items, values = rows[order], items[order], values[order]
    counts = np.bincount(rows, minlength=len(queries))
    places = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    keys = np.full((len(queries), int(counts.max(initial=1))), np.iinfo(np.uint64).max)
    keys[rows, places] = _as_integers(values).astype(np.uint64) << 32 | items.astype(np.uint64)
    keys.sort(axis=1)
    is_filling = np.arange(keys.shape[1]) >= counts[:, None]
    reduced = _as_floats((keys >> 32).astype(np.uint32))
    reduced[is_filling] = np.inf
    sorted_items = keys.astype(np.uint32).view(np.int32)  # the filling becomes -1
    return NearestItems(queries, sorted_items, reduced)


def _as_integers(values: np.ndarray) -> np.ndarray:
    """Returns integers in the order of the floats."""
    bits = (values + np.float32(0)).view(np.uint32)  # 0 for -0
    return np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))


def _as_floats(integers: np.ndarray) -> np.ndarray:
    """Returns the floats that `_as_integers` was given."""
    is_positive = integers >> 31 == 1
    return np.where(is_positive, integers & np.uint32(2**31 - 1), ~integers).view(np.float32)
