"""Exact search: each query is compared with every item."""

import numpy as np
from keras import ops

from keras_siamese.index.backend import Backend
from keras_siamese.ops.neighbours import nearest_neighbours, neighbours_within

_SPARE = 8  # Candidates beyond the k nearest: rounding may have changed their order.
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
        for start, block in self.store.blocks():
            count = min(k, len(block))
            if len(queries) > _FEW:
                positions, distances = nearest_neighbours(self.distance, queries, block, count)
                parts.append((positions + start, distances.astype(np.float32)))
            else:
                positions = self._nearest_to_few(queries, block, min(k + _SPARE, len(block)))
                parts.append((positions + start, self.distances_of(queries, positions + start)))
        positions, distances = (
            np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True)
        )
        nearest = np.lexsort((positions, distances), axis=1)[:, :k]
        return (
            np.take_along_axis(positions, nearest, axis=1),
            np.take_along_axis(distances, nearest, axis=1),
        )

    def _nearest_to_few(self, queries: np.ndarray, block: np.ndarray, count: int) -> np.ndarray:
        """Finds candidates without preparing all items for a product: a third of the time."""
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
        found = []
        for start, block in self.store.blocks():
            splits, positions, distances = neighbours_within(
                self.distance, queries, block, threshold
            )
            rows = np.repeat(np.arange(len(queries)), np.diff(splits))
            found.append((rows, positions + start, distances.astype(np.float32)))
        return as_ragged(len(queries), *map(np.concatenate, zip(*found, strict=True)))


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
