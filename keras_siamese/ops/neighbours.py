"""Nearest neighbours, exactly: the k nearest items of each query, or all within a distance."""

from typing import Any

import numpy as np

from keras_siamese.ops.nearest import NearestItems, map_nearest, map_within
from keras_siamese.ops.tiles import DistanceTiles


def nearest_neighbours(
    distance: Any,
    queries: np.ndarray,
    gallery: np.ndarray,
    k: int,
    *,
    exclude_self: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the k nearest items of each query.

    Args:
        distance: A `Distance`.
        queries: Finite floats, shape `(num_queries, embedding_dim)`.
        gallery: Finite floats, shape `(num_gallery, embedding_dim)`.
        k: Positive integer, at most the number of items that a query has.
        exclude_self: Whether queries and gallery are one set, and an item no neighbour of itself.

    Returns: `(indices, distances)`: places in the gallery, the nearest first and the lower one of
        two as near, shape `(num_queries, k)`, int64; and their distances, float32.
    """
    same = exclude_self and queries is gallery
    tiles = DistanceTiles(distance, queries, None if same else gallery)
    indices = np.empty((len(queries), k), np.int64)
    reduced = np.empty((len(queries), k), np.float32)

    def keep(block: NearestItems) -> None:
        items, values = block.items, block.reduced
        if exclude_self:
            # What is left of a row moves up; a row without itself loses its last item.
            is_other = items != block.queries[:, None]
            order = np.argsort(~is_other, axis=1, kind="stable")[:, :k]
            items = np.take_along_axis(items, order, axis=1)
            values = np.take_along_axis(values, order, axis=1)
        indices[block.queries], reduced[block.queries] = items[:, :k], values[:, :k]

    map_nearest(keep, tiles, np.full(len(queries), k + exclude_self))
    return indices, tiles.distances(reduced)


def neighbours_within(
    distance: Any, queries: np.ndarray, gallery: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Finds all items of each query that are within a distance.

    Args:
        distance: A `Distance`.
        queries: Finite floats, shape `(num_queries, embedding_dim)`.
        gallery: Finite floats, shape `(num_gallery, embedding_dim)`.
        threshold: Largest distance.

    Returns: `(row_splits, indices, distances)`: the neighbours of query `i`, the nearest first, are
        those from `row_splits[i]` to `row_splits[i + 1]`; shapes `(num_queries + 1,)`, int64, and
        `(num_found,)`, int64 and float32.
    """
    tiles = DistanceTiles(distance, queries, gallery)

    def found(block: NearestItems) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        distances = tiles.distances(block.reduced)
        is_within = (distances <= threshold) & (block.items >= 0)
        counts = np.count_nonzero(is_within, axis=1)
        return counts, block.items[is_within], distances[is_within]

    blocks = map_within(found, tiles, tiles.reduced(threshold))
    counts, indices, distances = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    row_splits = np.concatenate([[0], np.cumsum(counts)])
    return row_splits, indices.astype(np.int64), distances.astype(np.float32)
