"""Distances between the rows of two sets, on the host, a tile of the matrix at a time."""

from functools import cached_property
from typing import Any

import numpy as np
from keras import ops

_COLUMNS = 4096  # Of one matrix product: its right side, laid out anew, stays in cache.
_EPSILON = float(np.finfo(np.float32).eps)


class DistanceTiles:
    """Distances from queries to the items of a gallery, as numbers in the same order.

    Where a distance is a squared Euclidean one in disguise (`Distance.squared_form`), a tile is one
    matrix product: the norms are two more columns of both sides. Vectors whose common offset is
    larger than their spread are centred first, or the product would lose the distances. Other
    distances compute their tiles themselves.

    Args:
        distance: A `Distance`.
        queries: Finite floats, shape `(num_queries, embedding_dim)`.
        gallery: Finite floats, shape `(num_gallery, embedding_dim)`. None: the queries themselves.

    Attributes:
        distance: The distance.
        num_queries: Number of queries.
        num_gallery: Number of items of the gallery.
        is_self: Whether the queries are the gallery.
        is_symmetric: Whether they are, and the distance is symmetric: half of the tiles say all.
    """

    def __init__(
        self, distance: Any, queries: np.ndarray, gallery: np.ndarray | None = None
    ) -> None:
        self.distance = distance
        self.is_self = gallery is None
        self.is_symmetric = self.is_self and distance.symmetric
        self._queries = queries
        self._gallery = queries if gallery is None else gallery
        self.num_queries, self.num_gallery = len(self._queries), len(self._gallery)
        sets = [queries] if gallery is None else [queries, gallery]
        forms = [form for x in sets if (form := _squared_form(distance, x)) is not None]
        self._sides = _Sides(forms) if forms else None

    def tile(self, rows: slice, columns: slice) -> np.ndarray:
        """Reduced distances, smaller is closer: see `distances`.

        Args:
            rows: Which queries: a slice with start and stop.
            columns: Which items: a slice with start and stop.

        Returns: Shape `(rows, columns)`, float32, to be written to if need be.

        Raises: ValueError: If a distance is not finite.
        """
        if self._sides is not None:
            return self._sides.product(rows, columns)
        x, y = (ops.convert_to_tensor(x) for x in (self._queries[rows], self._gallery[columns]))
        reduced = ops.convert_to_numpy(self.distance.reduced_pairwise(x, y)).astype(np.float32)
        if not np.isfinite(reduced).all():
            raise _too_large(self._queries)
        return reduced

    def distances(self, reduced: np.ndarray) -> np.ndarray:
        """Makes distances of reduced ones, element by element."""
        by_product = self._sides is not None
        make = self.distance.from_squared_form if by_product else self.distance.from_reduced
        return ops.convert_to_numpy(make(ops.convert_to_tensor(reduced)))

    def exact(self, queries: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Distances of pairs in float64: equal vectors are exactly as far from any third one.

        Args:
            queries: Places of queries, shape `(num_pairs,)`.
            items: Places of items of the gallery, shape `(num_pairs,)`.

        Returns: Shape `(num_pairs,)`.
        """
        block = max(1, 2**21 // self._queries.shape[1])
        parts = [np.zeros(0)]
        for start in range(0, len(queries), block):
            x = self._queries[queries[start : start + block]].astype(np.float64)
            y = self._gallery[items[start : start + block]].astype(np.float64)
            paired = self.distance.paired(ops.convert_to_tensor(x), ops.convert_to_tensor(y))
            parts.append(ops.convert_to_numpy(paired))
        return np.concatenate(parts)

    def errors(self, rows: slice) -> np.ndarray:
        """By how much reduced distances may be off, by rounding: shape `(rows,)`, float32.

        The error of a sum of D terms grows with the square root of D; this is four times as much. 0
        where all sums are of small integers, and exact.
        """
        return self._errors[rows]

    @cached_property
    def _errors(self) -> np.ndarray:
        factor = 4 * np.sqrt(self._queries.shape[1]) * _EPSILON
        if self._sides is not None:
            return (factor * self._sides.magnitudes).astype(np.float32)
        probe = self.tile(slice(0, self.num_queries), slice(0, min(8, self.num_gallery)))
        return np.full(self.num_queries, factor * 2 * np.abs(probe).max(), np.float32)


class _Sides:
    """Both sides of the matrix product that gives `|f(x) - f(y)|^2 / 2 + e(x) + e(y)`.

    A row of a side is `(f, h, 1)`, `h = |f|^2 / 2 + e`: the product of `(f, h, 1)` and `(-f, 1, h)`
    is `h(x) + h(y) - f(x).f(y)`.

    Attributes:
        magnitudes: The largest term that the sum for a query can have; 0 where sums are exact.
    """

    def __init__(self, forms: list[tuple[np.ndarray, np.ndarray]]) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            magnitudes = [_half_norms(f) + np.abs(e) for f, e in forms]
            is_exact = all(map(_is_of_small_integers, forms, magnitudes))
            if not is_exact:
                offset = _common_offset([f for f, _ in forms])
                if offset is not None:
                    forms = [((f - offset).astype(f.dtype), e) for f, e in forms]
                    magnitudes = [_half_norms(f) + np.abs(e) for f, e in forms]
            self.magnitudes = magnitudes[0] + magnitudes[-1].max()
        # Twice as much, as the sum of both is.
        if not (2 * self.magnitudes < np.finfo(np.float32).max).all():
            raise _too_large(forms[0][0])
        if is_exact:
            self.magnitudes = np.zeros_like(self.magnitudes)
        self._left = _side(*forms[0])
        self._right = self._left if len(forms) == 1 else _side(*forms[1])

    def product(self, rows: slice, columns: slice) -> np.ndarray:
        left = self._left[rows]
        out = np.empty((len(left), columns.stop - columns.start), np.float32)
        for start in range(columns.start, columns.stop, _COLUMNS):
            stop = min(start + _COLUMNS, columns.stop)
            right = self._right[start:stop]
            turned = np.empty_like(right)
            np.negative(right[:, :-2], out=turned[:, :-2])
            turned[:, -2], turned[:, -1] = right[:, -1], right[:, -2]
            np.matmul(left, turned.T, out=out[:, start - columns.start : stop - columns.start])
        return out


def _squared_form(distance: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    form = distance.squared_form(ops.convert_to_tensor(x))
    return form and (ops.convert_to_numpy(form[0]), ops.convert_to_numpy(form[1]))


def _half_norms(vectors: np.ndarray) -> np.ndarray:
    return 0.5 * np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64)


def _side(vectors: np.ndarray, extra: np.ndarray) -> np.ndarray:
    num_items, dim = vectors.shape
    side = np.empty((num_items, dim + 2), np.float32)
    side[:, :dim] = vectors
    # Of the rounded vectors, so that equal ones are at distance 0 from each other.
    side[:, dim] = _half_norms(side[:, :dim]) + extra
    side[:, dim + 1] = 1
    return side


def _is_of_small_integers(form: tuple[np.ndarray, np.ndarray], magnitudes: np.ndarray) -> bool:
    # Partial sums are at most four times the largest half norm, and multiples of one half.
    if not magnitudes.max() < 2**20:
        return False
    vectors, extra = form
    return bool((np.rint(2 * extra) == 2 * extra).all() and (np.rint(vectors) == vectors).all())


def _common_offset(sets: list[np.ndarray]) -> np.ndarray | None:
    """Returns the mean of all vectors if it dwarfs their spread."""
    num_items = sum(map(len, sets))
    mean = sum(vectors.sum(axis=0, dtype=np.float64) for vectors in sets) / num_items
    squares = sum(float(2 * _half_norms(vectors).sum()) for vectors in sets) / num_items
    offset = float(mean @ mean)
    return mean if offset > squares - offset else None


def _too_large(embeddings: np.ndarray) -> ValueError:
    return ValueError(
        "A distance between two embeddings is not finite, though all embeddings are. Received: "
        f"embeddings up to {np.abs(embeddings).max():.3g}. Scale them down, or end the encoder "
        "with `keras_siamese.encoders.embedding_head`, which normalises."
    )
