"""All distances of a labelled set, each item to all others, in blocks of rows."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Literal

import numpy as np

# Distances in a block: 32 MiB in float32. Narrower blocks slow the matrix product of large sets.
BLOCK_ELEMENTS = 2**23


class DistanceBlocks:
    """A labelled set whose distances are computed in one pass over blocks of rows.

    Items are put in order of class, and classes in order of size: what a row has in common with its
    class is then a run of columns, and the classes of a block are about as large as each other.

    Identical embeddings are exactly as far from any third one, and all pairs of them are equally
    far apart, as rounding alone would not ensure: a collapsed set is all ties.

    Args:
        labels: Integers, shape `(N,)`.
        embeddings: Finite floats, shape `(N, embedding_dim)`.
        pairwise: `(rows, embedding_dim), (N, embedding_dim) -> (rows, N)`, a distance. Its result
            is written to.
        paired: `(N, embedding_dim), (N, embedding_dim) -> (N,)`, the same distance.

    Attributes:
        num_items: `N`.
        num_queries: Number of items that share their class with another one.
        num_positive_pairs: Number of unordered pairs of one class.
        num_negative_pairs: Number of unordered pairs of two classes.
    """

    def __init__(
        self,
        labels: np.ndarray,
        embeddings: np.ndarray,
        pairwise: Callable[[np.ndarray, np.ndarray], np.ndarray],
        paired: Callable[[np.ndarray, np.ndarray], np.ndarray],
    ) -> None:
        _, class_ids, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        self._embeddings = embeddings[np.lexsort((class_ids, sizes[class_ids]))]
        self._sizes = np.sort(sizes)
        self._stops = np.cumsum(self._sizes)
        self._pairwise, self._paired = pairwise, paired
        self.num_items = len(labels)
        self.num_queries = int(self._sizes[self._sizes > 1].sum())
        self.num_positive_pairs = int((self._sizes * (self._sizes - 1) // 2).sum())
        num_pairs = self.num_items * (self.num_items - 1) // 2
        self.num_negative_pairs = num_pairs - self.num_positive_pairs

    def blocks(self) -> "Iterator[DistanceBlock]":
        """Yields the rows of the distance matrix, each row once.

        Raises: ValueError: If a distance is not finite.
        """
        x = self._embeddings
        original = _first_identical_row(x)
        copies = np.flatnonzero(original != np.arange(len(x)))
        has_copy = np.bincount(original, minlength=len(x))[original] > 1
        own_distance = self._paired(x, x)
        block_rows = max(1, BLOCK_ELEMENTS // len(x))
        for start in range(0, len(x), block_rows):
            rows = slice(start, min(start + block_rows, len(x)))
            # By whole eights of rows: a few beyond them, a backend may round in another way.
            width = min(-((start - rows.stop) // 8) * 8, len(x))
            first = min(start, len(x) - width)
            distances = self._pairwise(x[first : first + width], x)
            distances = distances[start - first : rows.stop - first]
            if len(copies):
                distances[:, copies] = distances[:, original[copies]]
            if has_copy[rows].any():
                identical = original[rows, None] == original
                np.copyto(distances, own_distance[rows, None], where=identical)
            if not (np.isfinite(distances.min()) and np.isfinite(distances.max())):
                raise ValueError(
                    "A distance between two embeddings is not finite, though all embeddings are. "
                    f"Received: embeddings up to {np.abs(x).max():.3g}. Scale them down, or end "
                    "the encoder with `keras_siamese.encoders.embedding_head`, which normalises."
                )
            yield DistanceBlock(distances, start, list(self._classes(rows)))

    def distance_range(self) -> tuple[float, float]:
        """Least and greatest distance from 128 evenly spread items to all others."""
        probe = self._embeddings[:: -(-self.num_items // 128)]
        distances = self._pairwise(probe, self._embeddings)
        return float(distances.min()), float(distances.max())

    def _classes(self, rows: slice) -> Iterator[tuple[int, int]]:
        first = np.searchsorted(self._stops, rows.start, side="right")
        last = np.searchsorted(self._stops, rows.stop, side="left")
        for stop, size in zip(
            self._stops[first : last + 1], self._sizes[first : last + 1], strict=True
        ):
            yield int(stop - size), int(stop)


class DistanceBlock:
    """Some rows of a distance matrix, told apart into positives and negatives.

    What several metrics need is computed on first use and kept.

    Args:
        distances: Shape `(rows, N)`. Taken over and written to.
        first_row: Which item the first row belongs to.
        classes: Start and stop, among the N items, of each class with a row in the block.

    Attributes:
        num_relevant: Shape `(rows,)`, the number of other items of the row's class.
        queries: The rows with a relevant item.
        negatives: Shape `(rows, N)`, the distances, with infinity at items of the row's class.
        positive_pairs: Arrays with the distances of pairs of one class. Over all blocks, each
            unordered pair occurs once.
        negative_pairs: The same for pairs of two classes.
    """

    def __init__(
        self, distances: np.ndarray, first_row: int, classes: list[tuple[int, int]]
    ) -> None:
        num_rows = len(distances)
        width = max(stop - start for start, stop in classes)
        self.num_relevant = np.zeros(num_rows, np.int64)
        self.positive_pairs: list[np.ndarray] = []
        self.negative_pairs: list[np.ndarray] = []
        self._unsorted_positives = np.full((num_rows, width), np.inf, distances.dtype)
        for start, stop in classes:
            items = np.arange(max(start, first_row), min(stop, first_row + num_rows))
            rows = slice(items[0] - first_row, items[-1] - first_row + 1)
            same_class = distances[rows, start:stop]
            self.num_relevant[rows] = stop - start - 1
            self.positive_pairs.append(same_class[np.arange(start, stop) > items[:, None]])
            self.negative_pairs.append(distances[rows, stop:])
            same_class[np.arange(len(items)), items - start] = np.inf
            self._unsorted_positives[rows, : stop - start] = same_class
            same_class[:] = np.inf
        # Classes come in order of size: the rows without a relevant item stand first.
        self.queries = slice(np.count_nonzero(self.num_relevant == 0), None)
        self.negatives = distances

    @cached_property
    def positives(self) -> np.ndarray:
        """Distances to relevant items, ascending, then infinity: `(rows, largest class)`."""
        return np.sort(self._unsorted_positives, axis=1)

    @cached_property
    def nearest_positive(self) -> np.ndarray:
        """Distance to the nearest relevant item; infinity without one: `(rows, 1)`."""
        return self._unsorted_positives.min(axis=1, keepdims=True)

    @cached_property
    def nearest_negatives(self) -> np.ndarray:
        """The smallest distances to negatives, ascending: as many as `positives`, if there are."""
        count = self._unsorted_positives.shape[1]
        return np.sort(np.partition(self.negatives, count - 1, axis=1)[:, :count], axis=1)

    @cached_property
    def closer_than_nearest_positive(self) -> np.ndarray:
        """Number of negatives strictly closer than the nearest positive: `(rows,)`."""
        return np.count_nonzero(self.negatives < self.nearest_positive, axis=1)

    @cached_property
    def tied_with_nearest_positive(self) -> tuple[np.ndarray, np.ndarray]:
        """Number of negatives and of positives as close as the nearest positive: `(rows,)` each."""
        return (
            np.count_nonzero(self.negatives == self.nearest_positive, axis=1),
            np.count_nonzero(self._unsorted_positives == self.nearest_positive, axis=1),
        )

    @cached_property
    def negatives_around_positives(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of negatives strictly closer than, and tied with, each of `positives`.

        Both have the shape of `positives`. Where more negatives than `num_relevant` are closer, the
        first is any number that is at least `num_relevant`, and the second any number.
        """
        nearest, positives = self.nearest_negatives, self.positives
        closer = _searchsorted_rows(nearest, positives, "left")
        last = nearest.shape[1] - 1
        met = np.take_along_axis(nearest, np.minimum(closer, last), axis=1)
        tied_rows = np.flatnonzero(((met == positives) & np.isfinite(positives)).any(axis=1))
        tied = np.zeros_like(closer)
        if len(tied_rows):
            some, cut = positives[tied_rows], nearest[tied_rows, -1:]
            up_to = _searchsorted_rows(nearest[tied_rows], some, "right")
            # Ties with the last of the nearest negatives may go on beyond it.
            all_at_cut = np.count_nonzero(self.negatives[tied_rows] == cut, axis=1)[:, None]
            tied[tied_rows] = np.where(some == cut, all_at_cut, up_to - closer[tied_rows])
        return closer, tied

    @cached_property
    def positive_sum(self) -> float:
        """Sum of `positive_pairs`."""
        return sum(float(pairs.sum(dtype=np.float64)) for pairs in self.positive_pairs)

    @cached_property
    def negative_sum(self) -> float:
        """Sum of `negative_pairs`."""
        return sum(float(pairs.sum(dtype=np.float64)) for pairs in self.negative_pairs)


def _first_identical_row(x: np.ndarray) -> np.ndarray:
    # Compares bytes, which takes 10 ms for 10,000 x 128; adding 0 turns -0.0 into 0.0.
    rows = np.ascontiguousarray(x + 0)
    as_bytes = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))[:, 0]
    _, first, inverse = np.unique(as_bytes, return_index=True, return_inverse=True)
    return first[inverse]


def _searchsorted_rows(
    sorted_rows: np.ndarray, values: np.ndarray, side: Literal["left", "right"]
) -> np.ndarray:
    rows = zip(sorted_rows, values, strict=True)
    return np.stack([np.searchsorted(row, row_values, side) for row, row_values in rows])
