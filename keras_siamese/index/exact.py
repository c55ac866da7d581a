"""Exact search: each query is compared with every item."""

import numpy as np

from keras_siamese.index.backend import Backend
from keras_siamese.ops.nearest import NearestItems, map_within
from keras_siamese.ops.neighbours import nearest_neighbours
from keras_siamese.ops.tiles import DistanceTiles

_SPARE = 8  # Items beyond the k nearest that rounding may have put there.


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
        for start, block in self.store.blocks():
            count = min(k + _SPARE, len(block))
            positions, _ = nearest_neighbours(self.distance, queries, block, count)
            parts.append(positions + start)
        positions = np.concatenate(parts, axis=1)
        distances = self.distances_of(queries, positions)
        nearest = np.lexsort((positions, distances), axis=1)[:, :k]
        return (
            np.take_along_axis(positions, nearest, axis=1),
            np.take_along_axis(distances, nearest, axis=1),
        )

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
