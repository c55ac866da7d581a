"""Distances between the rows of two sets, on the host, a tile of the matrix at a time."""

import copy
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from keras import ops

_COLUMNS = 4096  # Of one matrix product: its right side, laid out anew, stays in cache.
_FINEST = 16  # Of fractions with this denominator, small sums are exact.
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
        query_places: Which rows of `queries` to take, in this order. Defaults to all.
        gallery_places: The same of `gallery`; of a set against itself, `query_places`.

    Attributes:
        distance: The distance.
        num_queries: Number of queries.
        num_gallery: Number of items of the gallery.
        is_self: Whether the queries are the gallery.
        is_symmetric: Whether they are, and the distance is symmetric: half of the tiles say all.
    """

    def __init__(
        self,
        distance: Any,
        queries: np.ndarray,
        gallery: np.ndarray | None = None,
        query_places: np.ndarray | None = None,
        gallery_places: np.ndarray | None = None,
    ) -> None:
        self.distance = distance
        self.is_self = gallery is None
        self.is_symmetric = self.is_self and distance.symmetric
        self._query_rows = _Rows(queries, query_places)
        self._gallery_rows = self._query_rows if gallery is None else _Rows(gallery, gallery_places)
        self.num_queries, self.num_gallery = len(self._query_rows), len(self._gallery_rows)
        sets = [self._query_rows] if gallery is None else [self._query_rows, self._gallery_rows]
        self._sides = _Sides.of(distance, sets)

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
        x, y = self._query_rows.take(rows), self._gallery_rows.take(columns)
        reduced = self.distance.reduced_pairwise(ops.convert_to_tensor(x), ops.convert_to_tensor(y))
        reduced = ops.convert_to_numpy(reduced).astype(np.float32)
        if not np.isfinite(reduced).all():
            raise _too_large(x)
        return reduced

    def distances(self, reduced: np.ndarray) -> np.ndarray:
        """Makes distances of reduced ones, element by element."""
        by_product = self._sides is not None
        make = self.distance.from_squared_form if by_product else self.distance.from_reduced
        return ops.convert_to_numpy(make(ops.convert_to_tensor(reduced)))

    def reduced(self, distance: float) -> float:
        """The largest reduced distance, a float32, of which `distances` makes at most `distance`.

        It is searched for, so that a distance need not know the inverse of its formula. Minus
        infinity if there is none.
        """
        # Integers in the order of the floats, from the least finite one to the greatest.
        low, high = -0x7F7FFFFF - 1, 0x7F7FFFFF
        while low < high:
            middle = -(-(low + high) // 2)
            if self.distances(np.array([_float_at(middle)], np.float32))[0] <= distance:
                low = middle
            else:
                high = middle - 1
        return float(_float_at(low)) if low >= -0x7F7FFFFF else -np.inf

    def exact(self, queries: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Distances of pairs in float64: equal vectors are exactly as far from any third one.

        Args:
            queries: Places of queries, shape `(num_pairs,)`.
            items: Places of items of the gallery, shape `(num_pairs,)`.

        Returns: Shape `(num_pairs,)`.
        """
        block = max(1, 2**21 // self._query_rows.dim)
        parts = [np.zeros(0)]
        for start in range(0, len(queries), block):
            pairs = slice(start, start + block)
            x = self._query_rows.take(queries[pairs]).astype(np.float64)
            y = self._gallery_rows.take(items[pairs]).astype(np.float64)
            paired = self.distance.paired(ops.convert_to_tensor(x), ops.convert_to_tensor(y))
            parts.append(ops.convert_to_numpy(paired))
        return np.concatenate(parts)

    def of_queries(self, queries: np.ndarray) -> "DistanceTiles":
        """The tiles of some of the queries, against the whole gallery.

        Args:
            queries: Their places, shape `(num_kept,)`.
        """
        kept = copy.copy(self)
        kept.is_self = kept.is_symmetric = False
        kept._query_rows, kept.num_queries = self._query_rows.of(queries), len(queries)
        kept._sides = self._sides and self._sides.of_queries(queries)
        kept._errors = self._errors[queries]
        return kept

    def errors(self, rows: slice) -> np.ndarray:
        """By how much reduced distances may be off, by rounding: shape `(rows,)`, float32.

        The error of a sum of D terms grows with the square root of D; this is four times as much. 0
        where all sums are of small integers, and exact.
        """
        return self._errors[rows]

    @cached_property
    def _errors(self) -> np.ndarray:
        factor = 4 * np.sqrt(self._query_rows.dim) * _EPSILON
        if self._sides is not None:
            return (factor * self._sides.magnitudes).astype(np.float32)
        # From a query to an item it is no farther than by way of an item and a query here.
        to_some = np.abs(self.tile(slice(0, self.num_queries), slice(0, min(8, self.num_gallery))))
        of_some = np.abs(self.tile(slice(0, min(8, self.num_queries)), slice(0, self.num_gallery)))
        farthest = to_some.max(axis=1) + of_some.max() + to_some[:8].max()
        return (factor * 2 * farthest).astype(np.float32)


class _Rows:
    """Some of the rows of an array, in any order, of which no copy is made."""

    def __init__(self, array: np.ndarray, places: np.ndarray | None) -> None:
        self._array, self._places, self.dim = array, places, array.shape[1]

    def __len__(self) -> int:
        return len(self._array if self._places is None else self._places)

    def take(self, rows: slice | np.ndarray) -> np.ndarray:
        return self._array[rows if self._places is None else self._places[rows]]

    def of(self, rows: np.ndarray) -> "_Rows":
        return _Rows(self._array, rows if self._places is None else self._places[rows])


class _Sides:
    """Both sides of the matrix product that gives `|f(x) - f(y)|^2 / 2 + e(x) + e(y)`.

    A row of a side is `(f, h, 1)`, `h = |f|^2 / 2 + e`: the product of `(f, h, 1)` and `(-f, 1, h)`
    is `h(x) + h(y) - f(x).f(y)`.

    Attributes:
        magnitudes: The largest term that the sum for a query can have; 0 where sums are exact.
    """

    def __init__(self, distance: Any, sets: list[_Rows]) -> None:
        offset = _common_offset(distance, sets)
        made = [_side(distance, x, offset) for x in sets]
        (self._left, magnitudes, _), (self._right, others, _) = made[0], made[-1]
        self.magnitudes = magnitudes + others.max()
        # Twice as much, as the sum of both is.
        if not (2 * self.magnitudes < np.finfo(np.float32).max).all():
            raise _too_large(sets[0].take(slice(None)))
        if all(is_exact and _is_of_small_integers(side, most) for side, most, is_exact in made):
            self.magnitudes = np.zeros_like(magnitudes)

    @classmethod
    def of(cls, distance: Any, sets: list[_Rows]) -> "_Sides | None":
        has_form = next(_forms(distance, sets[0].of(np.arange(1))), None) is not None
        return cls(distance, sets) if has_form else None

    def of_queries(self, queries: np.ndarray) -> "_Sides":
        kept = copy.copy(self)
        kept._left, kept.magnitudes = self._left[queries], self.magnitudes[queries]
        return kept

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


def _forms(distance: Any, x: _Rows) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yields the squared form of a few rows at a time, if there is one."""
    block = max(1, 2**20 // x.dim)
    for start in range(0, len(x), block):
        rows = slice(start, start + block)
        # In float64, in which squares of float32 numbers neither overflow nor vanish.
        form = distance.squared_form(ops.convert_to_tensor(x.take(rows).astype(np.float64)))
        if form is None:
            return
        yield rows, ops.convert_to_numpy(form[0]), ops.convert_to_numpy(form[1])


def _common_offset(distance: Any, sets: list[_Rows]) -> np.ndarray | None:
    """Returns the mean of all vectors if it dwarfs their spread; of fractions, in whole numbers."""
    total: Any = 0.0
    squares, num_items, is_whole = 0.0, 0, True
    for x in sets:
        for _, vectors, _ in _forms(distance, x):
            total = total + vectors.sum(axis=0, dtype=np.float64)
            squares += float(2 * _half_norms(vectors).sum())
            num_items += len(vectors)
            is_whole = is_whole and _is_multiple(vectors, 1 / _FINEST)
    mean = np.rint(total / num_items) if is_whole else total / num_items
    offset = float(mean @ mean)
    return mean if offset > squares / num_items - offset else None


def _side(
    distance: Any, x: _Rows, offset: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Returns the rows `(f, h, 1)`, and `|f|^2 / 2 + |e|`; and whether no `f` was rounded."""
    side, magnitudes, is_exact = np.empty(0, np.float32), np.empty(len(x)), True
    for rows, vectors, extra in _forms(distance, x):
        if not side.size:
            side = np.empty((len(x), vectors.shape[1] + 2), np.float32)
        block = side[rows]
        vectors = vectors if offset is None else vectors - offset
        with np.errstate(over="ignore"):
            block[:, :-2] = vectors
        is_exact = is_exact and bool((block[:, :-2] == vectors).all())
        # Of the rounded vectors, so that equal ones are at distance 0 from each other.
        half_norms = _half_norms(block[:, :-2])
        with np.errstate(over="ignore"):
            block[:, -2] = half_norms + extra
        block[:, -1] = 1
        magnitudes[rows] = half_norms + np.abs(extra)
    return side, magnitudes, is_exact


def _half_norms(vectors: np.ndarray) -> np.ndarray:
    return 0.5 * np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64)


def _is_of_small_integers(side: np.ndarray, magnitudes: np.ndarray) -> bool:
    """Whether all sums of products are exact: of small integers, or of simple fractions."""
    blocks = np.array_split(side, max(1, side.size // 2**20))
    for scale in (1, 4, _FINEST):
        # In units of 1 / scale, sums are multiples of one half, up to four of the magnitudes.
        if magnitudes.max() * scale**2 < 2**20 and all(_is_whole(b, scale) for b in blocks):
            return True
    return False


def _is_whole(rows: np.ndarray, scale: int) -> bool:
    half_norms_fit = _is_multiple(rows[:, -2], 0.5 / scale**2)
    return half_norms_fit and _is_multiple(rows[:, :-2], 1 / scale)


def _is_multiple(values: np.ndarray, of: float) -> bool:
    with np.errstate(over="ignore"):
        scaled = values * (1 / values.dtype.type(of))
    return bool((np.rint(scaled) == scaled).all())


def _float_at(place: int) -> np.float32:
    """Returns the float that is so many floats above 0, or below."""
    return np.copysign(np.uint32(abs(place)).view(np.float32), np.float32(place))


def _too_large(embeddings: np.ndarray) -> ValueError:
    return ValueError(
        "A distance between two embeddings is not finite, though all embeddings are. Received: "
        f"embeddings up to {np.abs(embeddings).max():.3g}. Scale them down, or end the encoder "
        "with `keras_siamese.encoders.embedding_head`, which normalises."
    )
