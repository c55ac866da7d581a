"""Clusters of embeddings, and how well classes are clusters."""

import warnings
from typing import Any

import numpy as np

from keras_siamese.ops.counts import distinct_vectors
from keras_siamese.ops.tiles import DistanceTiles

_TILE_ELEMENTS = 2**22  # Distances in a tile: 16 MiB in float32.
_MAX_CAREFUL_START = 2**22  # Items times clusters: 10,000 and 419.
_MAX_EXPONENT = 40  # Of 2, of the largest number that is squared as it is.


def k_means_clusters(embeddings: np.ndarray, num_clusters: int, seed: int) -> np.ndarray:
    """Clusters by scikit-learn's k-means, started once by k-means++.

    Above 2**22 items times clusters, where that start takes longer than all the rest, it starts
    from random items, and ends after 25 iterations: clusters are a little worse.

    Args:
        embeddings: Finite floats, shape `(num_items, embedding_dim)`.
        num_clusters: At most `num_items`.
        seed: Of the start.

    Returns: A cluster for each item, 0 to `num_clusters - 1`, shape `(num_items,)`. Fewer clusters
        than that where there are fewer distinct embeddings.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    is_small = len(embeddings) * num_clusters <= _MAX_CAREFUL_START
    start = {"init": "k-means++"} if is_small else {"init": "random", "max_iter": 25}
    algorithm = KMeans(num_clusters, n_init=1, random_state=seed, **start)
    exponent = int(np.frexp(np.abs(embeddings).max())[1])
    if abs(exponent) > _MAX_EXPONENT:  # Squares might overflow or vanish.
        embeddings = np.ldexp(embeddings, -exponent)
    with warnings.catch_warnings():
        # Of fewer distinct embeddings than clusters.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return algorithm.fit_predict(embeddings).astype(np.int64)


def silhouettes(
    distance: Any, embeddings: np.ndarray, class_ids: np.ndarray, items: np.ndarray
) -> np.ndarray:
    """Silhouette coefficients of some items among all, `(b - a) / max(a, b)`.

    `a` is the mean distance to the other items of the item's class, `b` the least of the mean
    distances to the items of another one. An item alone in its class has 0, and so has one with
    `a = b = 0`. A tile of the distances exists at a time.

    Args:
        distance: A `Distance` that is never negative.
        embeddings: Finite floats, shape `(num_items, embedding_dim)`.
        class_ids: 0 to C-1, each of them present, shape `(num_items,)`; at least two classes.
        items: Places of the items to compute it for, shape `(num_queries,)`.

    Returns: Shape `(num_queries,)`, -1 to 1.

    Raises: ValueError: If a mean distance is negative.

    Reference: [Rousseeuw, 1987](https://doi.org/10.1016/0377-0427(87)90125-7).
    """
    order = np.argsort(class_ids, kind="stable")
    sizes = np.bincount(class_ids)
    starts = np.cumsum(sizes) - sizes
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    tiles = DistanceTiles(distance, embeddings[items], embeddings[order])
    points = distinct_vectors(embeddings)[1]
    copies = np.bincount(points)[points]
    to_itself = tiles.exact(np.arange(len(items)), places[items])
    result = np.zeros(len(items))
    rows_in_tile = max(1, _TILE_ELEMENTS // len(order))
    for start in range(0, len(items), rows_in_tile):
        rows = slice(start, min(start + rows_in_tile, len(items)))
        tile = np.array(tiles.distances(tiles.tile(rows, slice(0, len(order)))))
        own = class_ids[items[rows]]
        each = np.arange(len(own))
        if (copies[items[rows]] > 1).any():
            # Rounding makes 3e-4 of 0 under a root, which decides where a and b are 0.
            is_copy = points[items[rows], None] == points[order]
            np.copyto(tile, to_itself[rows, None], where=is_copy, casting="same_kind")
        tile[each, places[items[rows]]] = 0
        sums = np.add.reduceat(tile, starts, axis=1, dtype=np.float64)  # (rows, C)
        a = sums[each, own] / np.maximum(sizes[own] - 1, 1)
        sums /= sizes
        if sums.min() < 0:
            raise ValueError(
                "Silhouettes need distances that are never negative. Received: a mean of "
                f"{sums.min():.3g}. Use another `distance`, such as 'cosine', for this metric."
            )
        sums[each, own] = np.inf
        b = sums.min(axis=1)
        larger = np.maximum(a, b)
        values = (b - a) / np.where(larger == 0, 1, larger)
        result[rows] = np.where(sizes[own] > 1, values, 0)
    return result
