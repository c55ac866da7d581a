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
    """Finds the k nearest items of each query; distances in float64 decide.

    Args:
        distance: A `Distance`.
        queries: Finite floats, shape `(num_queries, embedding_dim)`.
        gallery: Finite floats, shape `(num_gallery, embedding_dim)`.
        k: Positive integer, at most the number of items that a query has.
        exclude_self: Whether queries and gallery are one set, and an item no neighbour of itself.

    Returns: `(indices, distances)`: places in the gallery, the nearest first and the lower one of
        two as near, shape `(num_queries, k)`, int64; and their distances, float64.
    """
    is_one_set = exclude_self and queries is gallery
    tiles = DistanceTiles(distance, queries, None if is_one_set else gallery)
    errors = tiles.errors(slice(0, len(queries)))
    indices = np.empty((len(queries), k), np.int64)
    distances = np.empty((len(queries), k))

    def keep(block: NearestItems) -> None:
        is_other = block.items >= 0
        if exclude_self:
            is_other &= block.items != block.queries[:, None]
        # The k-th nearest in float32, and what rounding may have put behind it.
        last = np.argmax(np.cumsum(is_other, axis=1) == k, axis=1)[:, None]
        bound = np.take_along_axis(block.reduced, last, axis=1)
        bound += 2 * errors[block.queries, None]
        row, column = np.nonzero(is_other & (block.reduced <= bound))
        items = block.items[row, column]
        exact = tiles.exact(block.queries[row], items)
        order = np.lexsort((items, exact, row))
        starts = np.searchsorted(row, np.arange(len(block.queries)))
        first = order[starts[:, None] + np.arange(k)]
        indices[block.queries], distances[block.queries] = items[first], exact[first]

    map_nearest(keep, tiles, np.full(len(queries), k + exclude_self))
    return indices, distances


def neighbours_within(
    distance: Any, queries: np.ndarray, gallery: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Finds all items of each query that are within a distance, in float64.

    Args:
        distance: A `Distance`.
        queries: Finite floats, shape `(num_queries, embedding_dim)`.
        gallery: Finite floats, shape `(num_gallery, embedding_dim)`.
        threshold: Largest distance.

    Returns: `(row_splits, indices, distances)`: the neighbours of query `i`, the nearest first and
        the lower one of two as near, are those from `row_splits[i]` to `row_splits[i + 1]`; shapes
        `(num_queries + 1,)`, int64, and `(num_found,)`, int64 and float64.
    """
    tiles = DistanceTiles(distance, queries, gallery)

    def found(block: NearestItems) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        row, column = np.nonzero(block.items >= 0)
        items = block.items[row, column].astype(np.int64)
        exact = tiles.exact(block.queries[row], items)
        order = np.lexsort((items, exact, row))
        order = order[exact[order] <= threshold]
        counts = np.bincount(row[order], minlength=len(block.queries))
        return counts, items[order], exact[order]

    largest_error = float(tiles.errors(slice(0, len(queries))).max(initial=0))
    # A little farther, as float32 distances are rounded themselves; the exact ones decide.
    bound = tiles.reduced(float(threshold) + 2.0**-20 * abs(float(threshold)))
    blocks = map_within(found, tiles, bound + 2 * largest_error)
    counts, indices, distances = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return np.concatenate([[0], np.cumsum(counts)]), indices, distances
