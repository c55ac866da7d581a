"""The pairs of a set that an embedding gets most wrong, and those that it gets most right."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from keras_siamese import distances
from keras_siamese.distances import Distance
from keras_siamese.evaluation.labelled_space import read_space
from keras_siamese.ops.checks import check_count
from keras_siamese.ops.tiles import DistanceTiles

_TILE_ELEMENTS = 2**22  # Distances in one tile: 16 MiB.


class Pair(NamedTuple):
    """Two items of a set.

    Attributes:
        first: Place of one.
        second: Place of the other.
        distance: Between the two.
    """

    first: int
    second: int
    distance: float


@dataclass(frozen=True)
class ExtremePairs:
    """What `find_extreme_pairs` found, the most extreme pair first in each list.

    Attributes:
        farthest_positives: Pairs of one class that are far apart: the worst.
        nearest_negatives: Pairs of two classes that are close to each other: the worst.
        nearest_positives: Pairs of one class that are close to each other: the best.
        farthest_negatives: Pairs of two classes that are far apart: the best.
    """

    farthest_positives: list[Pair]
    nearest_negatives: list[Pair]
    nearest_positives: list[Pair]
    farthest_negatives: list[Pair]


def find_extreme_pairs(
    embeddings: Any, labels: Any, *, num_pairs: int = 6, distance: "str | Distance" = "euclidean"
) -> ExtremePairs:
    """Finds the pairs that an embedding gets most wrong, and those that it gets most right.

    Each item is looked at with the one that is most extreme for it, and stands in one pair of a
    list at most: an outlier does not fill the list with itself. Nearest negatives and farthest
    positives are often wrong labels; positives at distance 0 are often copies.

    All distances are computed once, in tiles of 16 MiB.

    Args:
        embeddings: Finite floats, shape `(num_items, embedding_dim)`.
        labels: Class of each item, integers or strings, shape `(num_items,)` or `(num_items, 1)`.
        num_pairs: Number of pairs in each list at most. Defaults to 6.
        distance: Name of a distance, or a `Distance`. Defaults to `"euclidean"`.

    Returns: An `ExtremePairs`. Lists are shorter, or empty, where no more such pairs have items of
        their own.

    Raises: ValueError: If lengths differ or are 0, or an embedding is not finite.

    Example:
        >>> pairs = find_extreme_pairs([[0.0], [1.0], [1.25], [9.0]], ["a", "a", "b", "b"])
        >>> pairs.nearest_negatives[0]
        Pair(first=1, second=2, distance=0.25)
    """
    check_count("num_pairs", num_pairs)
    distance = distances.get(distance)
    space = read_space(embeddings, labels)
    order = np.argsort(space.class_ids, kind="stable")
    tiles = DistanceTiles(distance, space.embeddings[order])
    found = _extremes(tiles, space.class_ids[order])

    def pairs(kind: str, *, nearest: bool) -> list[Pair]:
        partners = found[kind]
        rows = np.flatnonzero(partners >= 0)
        far = tiles.exact(rows, partners[rows])
        chosen: list[Pair] = []
        used: set[int] = set()
        for at in np.argsort(far if nearest else -far, kind="stable"):
            row = int(rows[at])
            one, other = int(order[row]), int(order[partners[row]])
            if not used & {one, other}:
                used |= {one, other}
                chosen.append(Pair(one, other, float(far[at])))
                if len(chosen) == num_pairs:
                    break
        return chosen

    return ExtremePairs(
        farthest_positives=pairs("farthest_positive", nearest=False),
        nearest_negatives=pairs("nearest_negative", nearest=True),
        nearest_positives=pairs("nearest_positive", nearest=True),
        farthest_negatives=pairs("farthest_negative", nearest=False),
    )


def _extremes(tiles: DistanceTiles, ids: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the most extreme partner of each item, -1 where there is none.

    Args:
        tiles: Distances of items in the order of their classes.
        ids: Their classes, ascending.
    """
    num_items = len(ids)
    starts = np.flatnonzero(np.diff(ids, prepend=-1))
    stops = np.append(starts[1:], num_items)
    kinds = ("farthest_positive", "nearest_positive", "nearest_negative", "farthest_negative")
    found = {kind: np.full(num_items, -1, np.int64) for kind in kinds}
    num_rows = max(1, _TILE_ELEMENTS // num_items)
    for first in range(0, num_items, num_rows):
        rows = slice(first, min(first + num_rows, num_items))
        tile = tiles.tile(rows, slice(0, num_items))
        parts = []  # rows of one class, and the columns of that class
        for class_id in range(ids[rows.start], ids[rows.stop - 1] + 1):
            start, stop = int(starts[class_id]), int(stops[class_id])
            own = slice(max(start, rows.start), min(stop, rows.stop))
            part = tile[own.start - first : own.stop - first, start:stop]
            parts.append(part)
            if stop - start > 1:
                self_at = (np.arange(len(part)), np.arange(own.start, own.stop) - start)
                part[self_at] = np.inf
                found["nearest_positive"][own] = start + part.argmin(axis=1)
                part[self_at] = -np.inf
                found["farthest_positive"][own] = start + part.argmax(axis=1)
        if len(starts) > 1:
            for kind, value in (("nearest_negative", np.inf), ("farthest_negative", -np.inf)):
                for part in parts:
                    part[:] = value
                nearest = kind == "nearest_negative"
                found[kind][rows] = tile.argmin(axis=1) if nearest else tile.argmax(axis=1)
    return found
