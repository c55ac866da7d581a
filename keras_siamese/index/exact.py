"""Exact search: each query is compared with every item."""

import numpy as np
from keras import ops

from keras_siamese.index.backend import Backend
from keras_siamese.ops.nearest import NearestItems, map_within
from keras_siamese.ops.neighbours import nearest_neighbours
from keras_siamese.ops.tiles import DistanceTiles

_SPARE = 8  # Items beyond the k nearest that rounding may have put there.
_FEW, _ROWS = 2, 2**16


class ExactBackend(Backend):
    """Compares each query with every vector; vectors that are no float32 are decoded in blocks.

    Matrix products say which vectors are near, up to rounding; their distances in float64 decide.
    """

    def add(self, positions: np.ndarray) -> None:
        """See `Backend.add`: the vectors are all there is."""

    def remove(self, ids: np.ndarray) -> None:
        """See `Backend.remove`."""

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Backend.search`; of equal distances, the item that was added first."""
        parts = []
        nearest_of = self._nearest_to_few if len(queries) <= _FEW else self._nearest_to_many
        for start, block in self.store.blocks():
            parts.append(nearest_of(queries, block, min(k + _SPARE, len(block))) + start)
        positions = np.concatenate(parts, axis=1)
        distances = self.distances_of(queries, positions)
        nearest = np.lexsort((positions, distances), axis=1)[:, :k]
        return (
            np.take_along_axis(positions, nearest, axis=1),
            np.take_along_axis(distances, nearest, axis=1),
        )

    def _nearest_to_many(self, queries: np.ndarray, block: np.ndarray, count: int) -> np.ndarray:
        return nearest_neighbours(self.distance, queries, block, count)[0]

    def _nearest_to_few(self, queries: np.ndarray, block: np.ndarray, count: int) -> np.ndarray:
        """Finds the same without preparing all items for a matrix product, a third of the time."""
        distances = np.empty((len(queries), len(block)), np.float32)
        for start in range(0, len(block), _ROWS):
            rows = slice(start, start + _ROWS)
            items = ops.convert_to_tensor(block[rows])
            for query, out in zip(queries, distances, strict=True):
                paired = self.distance.paired(ops.convert_to_tensor(query[None]), items)
                out[rows] = ops.convert_to_numpy(paired)
        bounds = np.partition(distances, count - 1, axis=1)[:, count - 1]
        nearest = np.empty((len(queries), count), np.int64)
        for d, bound, found in zip(distances, bounds, nearest, strict=True):
            near = np.flatnonzero(d <= bound)  # more than `count` where some are as near
            found[:] = near[np.argsort(d[near], kind="stable")[:count]]
        return nearest

    def within(
        self, queries: np.ndarray, threshold: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `Backend.within`."""
        found = [
            self._within_block(queries, threshold, start, block)
            for start, block in self.store.blocks()
        ]
        return as_ragged(len(queries), *map(np.concatenate, zip(*found, strict=True)))

    def _within_block(
        self, queries: np.ndarray, threshold: float, start: int, block: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        tiles = DistanceTiles(self.distance, queries, block)

        def found(near: NearestItems) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            row, column = np.nonzero(near.items >= 0)
            rows, items = near.queries[row], near.items[row, column].astype(np.int64)
            distances = tiles.exact(rows, items).astype(np.float32)
            is_within = distances <= threshold
            return rows[is_within], items[is_within] + start, distances[is_within]

        bound = tiles.reduced(threshold) + 2 * float(tiles.errors(slice(0, len(queries))).max())
        parts = map_within(found, tiles, bound)
        rows, positions, distances = map(np.concatenate, zip(*parts, strict=True))
        return rows, positions, distances


def as_ragged(
    num_queries: int, rows: np.ndarray, positions: np.ndarray, distances: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Puts items that were found in any order into that of `Backend.within`.

    Args:
        num_queries: Number of queries.
        rows: The query that each belongs to, shape `(num_found,)`.
        positions: Positions of the items, shape `(num_found,)`.
        distances: Their distances, shape `(num_found,)`.
    """
    order = np.lexsort((positions, distances, rows))
    splits = np.zeros(num_queries + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=num_queries), out=splits[1:])
    return splits, positions[order], distances[order]
