"""All pairs of a labelled set: their distances in tiles, told apart into matches and others."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from keras import ops
from scipy.sparse import csr_array

from keras_siamese.ops.counts import distinct_vectors
from keras_siamese.ops.tiles import DistanceTiles

# Numbers that are worked on at a time, shape (TILE_ROWS, TILE_COLUMNS): they stay in cache.
TILE_ROWS, TILE_COLUMNS = 512, 1024
_BLOCK = 2**16  # Distances that are made of reduced ones at a time.


class Pairs(NamedTuple):
    """Some pairs, all of them of one class or all of two.

    Attributes:
        is_match: Whether they are of one class.
        reduced: Numbers in the order of their distances, float32, shape `(num_pairs,)`. May be
            written to.
        weights: How many pairs each of them stands for, shape `(num_pairs,)`; `None`: one.
    """

    is_match: bool
    reduced: np.ndarray
    weights: np.ndarray | None


class SetPairs:
    """Each unordered pair of a set once; both orders, if the distance is not symmetric.

    Identical embeddings are compared with others once, for all of them: so they are exactly as far
    from any third one, as rounding alone would not ensure.

    Args:
        labels: Integers, shape `(N,)`.
        embeddings: Finite floats, shape `(N, embedding_dim)`.
        distance: A `Distance`.

    Attributes:
        num_distances: Number of pairs of different embeddings.
        num_positives: Number of pairs of one class.
        num_negatives: Number of pairs of two classes.
    """

    def __init__(self, labels: np.ndarray, embeddings: np.ndarray, distance: Any) -> None:
        classes, ids = np.unique(labels, return_inverse=True)
        first, group = distinct_vectors(embeddings)
        self._sizes = np.bincount(group)
        least, greatest = np.full((2, len(first)), ids[first])
        np.minimum.at(least, group, ids)
        np.maximum.at(greatest, group, ids)
        # In order of class; embeddings that occur in several classes come last.
        is_mixed = least < greatest
        order = np.lexsort((least, is_mixed))
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        self._sizes, self._classes = self._sizes[order], least[order]
        self._num_pure = len(order) - int(np.count_nonzero(is_mixed))
        self._is_repeated = self._sizes > 1
        ones = np.ones(len(ids), np.int64)
        shape = len(order), len(classes)
        self._members = csr_array((ones, (place[group], ids)), shape)
        self._vectors = embeddings[first[order]]
        self._distance, self._tiles = distance, DistanceTiles(distance, self._vectors)
        self._orders = 1 if self._tiles.is_symmetric else 2
        self.num_distances = len(order) * (len(order) - 1) // 2 * self._orders
        of_class = np.bincount(ids)
        self.num_positives = int((of_class * (of_class - 1) // 2).sum()) * self._orders
        num_pairs = len(ids) * (len(ids) - 1) // 2 * self._orders
        self.num_negatives = num_pairs - self.num_positives

    def tiles(self) -> Iterator[tuple[slice, slice]]:
        """Yields the rows and columns of the tiles that hold all pairs of different embeddings."""
        num = len(self._vectors)
        for start in range(0, num, TILE_ROWS):
            first_column = start if self._orders == 1 else 0
            for column in range(first_column, num, TILE_COLUMNS):
                yield (
                    slice(start, min(start + TILE_ROWS, num)),
                    slice(column, min(column + TILE_COLUMNS, num)),
                )

    def sample(self, num_tiles: int = 16) -> Iterator[Pairs]:
        """Yields pairs of some tiles, evenly spread, half of them of neighbours in class order."""
        num = len(self._vectors)
        for start in np.linspace(0, max(0, num - 128), num_tiles).astype(int).tolist():
            near = slice(start, min(start + 128, num))
            yield from self.of_tile(near, near)
            column = (start + num // 2) % num
            if column >= near.stop:
                yield from self.of_tile(near, slice(column, min(column + 256, num)))

    def of_tile(self, rows: slice, columns: slice) -> list[Pairs]:
        """Returns the pairs of one tile: at most once those of matches, and those of others."""
        reduced = self._tiles.tile(rows, columns)
        overlap = rows.start < columns.stop and columns.start < rows.stop
        classes = self._classes[rows], self._classes[columns]
        if (
            self._is_repeated[rows].any()
            or self._is_repeated[columns].any()
            or max(rows.stop, columns.stop) > self._num_pure
        ):
            weights = self._sizes[rows][:, None] * self._sizes[columns]
            matches = (self._members[rows] @ self._members[columns].T).toarray()
            if overlap:
                matches *= self._counted(rows, columns)
                weights *= self._counted(rows, columns)
            return list(_weighted(reduced, matches, weights - matches))
        if not overlap:
            (first, last), (first_column, last_column) = (of[[0, -1]] for of in classes)
            if last < first_column or last_column < first:
                return [Pairs(False, reduced.ravel(), None)]
            if first == last == first_column == last_column:
                return [Pairs(True, reduced.ravel(), None)]
        same = classes[0][:, None] == classes[1]
        if not overlap:
            return [Pairs(True, reduced[same], None), Pairs(False, reduced[~same], None)]
        counted = self._counted(rows, columns)
        return [
            Pairs(True, reduced[same & counted], None),
            Pairs(False, reduced[~same & counted], None),
        ]

    def of_identical(self) -> list[Pairs]:
        """Returns the pairs of identical embeddings."""
        places = np.flatnonzero(self._is_repeated)
        if not len(places):
            return []
        reduced = _own_reduced(self._distance, self._vectors[places])
        weights = self._sizes[places] * (self._sizes[places] - 1) // 2
        members = self._members[places]
        matches = ((members * members).sum(axis=1) - members.sum(axis=1)) // 2
        return list(_weighted(reduced, matches * self._orders, (weights - matches) * self._orders))

    def all(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns of all pairs `same`, their distances in float64, and weights."""
        parts = [*self.of_identical(), *(p for tile in self.tiles() for p in self.of_tile(*tile))]
        sizes = [len(part.reduced) for part in parts]
        ones = [np.ones(size, np.int64) for size in sizes]
        weights = [o if p.weights is None else p.weights for p, o in zip(parts, ones, strict=True)]
        same = np.repeat([part.is_match for part in parts], sizes)
        reduced = np.concatenate([part.reduced for part in parts])
        return same, self.distances_of(reduced), np.concatenate(weights)

    def distances_of(self, reduced: np.ndarray) -> np.ndarray:
        """Makes distances of reduced ones, in float64."""
        distances = np.empty(len(reduced))
        for start in range(0, len(reduced), _BLOCK):
            block = reduced[start : start + _BLOCK].astype(np.float64)
            distances[start : start + _BLOCK] = self._tiles.distances(block)
        return distances

    def _counted(self, rows: slice, columns: slice) -> np.ndarray:
        places = np.arange(rows.start, rows.stop)[:, None], np.arange(columns.start, columns.stop)
        return places[0] < places[1] if self._orders == 1 else places[0] != places[1]


def _weighted(reduced: np.ndarray, matches: np.ndarray, others: np.ndarray) -> Iterator[Pairs]:
    for is_match, weights in ((True, matches), (False, others)):
        chosen = weights > 0
        yield Pairs(is_match, reduced[chosen], weights[chosen])


def _own_reduced(distance: Any, vectors: np.ndarray) -> np.ndarray:
    """Returns the reduced distance of each vector from itself, as free of rounding as it can be."""
    x = ops.convert_to_tensor(vectors)
    form = distance.squared_form(x)
    if form is not None:
        return 2 * ops.convert_to_numpy(form[1]).astype(np.float32)
    own = distance.paired(x, x)
    reduced = ops.convert_to_numpy(own)
    if not np.array_equal(ops.convert_to_numpy(distance.from_reduced(own)), reduced):
        pairwise = (distance.reduced_pairwise(x[i : i + 1], x[i : i + 1]) for i in range(len(x)))
        reduced = np.array([float(value[0, 0]) for value in pairwise])
    return reduced.astype(np.float32)
