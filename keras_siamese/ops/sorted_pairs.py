"""All distances of a set, kept and sorted, for sets that are small enough."""

from functools import cached_property
from threading import Lock

import numpy as np

from keras_siamese.ops.pair_bins import PairBins, mean_and_std
from keras_siamese.ops.set_pairs import Pairs, SetPairs
from keras_siamese.ops.threads import worker_threads

_NUM_PIECES = 4
_NUM_QUANTILES = 2**16
_NUM_RUNS = 2**16  # Of neighbours in a piece, each of which counts as its mean.


class SortedPairs:
    """The reduced distances of all pairs, sorted in a few pieces, by threads.

    Args:
        pairs: The pairs.
    """

    def __init__(self, pairs: SetPairs) -> None:
        self._pairs = pairs
        kept = [_Kept(number) for number in (pairs.num_negatives, pairs.num_positives)]

        def keep(part: Pairs) -> None:
            values = part.reduced
            if part.weights is not None:
                values = np.repeat(values, part.weights)
            kept[part.is_match].add(values)

        def keep_tile(tile: tuple[slice, slice]) -> None:
            for part in pairs.of_tile(*tile):
                keep(part)

        for part in pairs.of_identical():
            keep(part)
        with worker_threads() as pool:
            list(pool.map(keep_tile, pairs.tiles()))
            self._negatives, self._positives = (of_kind.pieces() for of_kind in kept)
            list(pool.map(np.ndarray.sort, [*self._negatives, *self._positives]))

    def area(self) -> float:
        """Area under the ROC curve, exactly."""
        num_positives, num_negatives = (
            sum(map(len, pieces)) for pieces in (self._positives, self._negatives)
        )
        if not (num_positives and num_negatives):
            return float("nan")
        with worker_threads() as pool:
            parts = [part for piece in self._positives for part in np.array_split(piece, 16)]
            twice_closer = sum(pool.map(self._twice_closer_negatives, parts))
        return 1.0 - twice_closer / (2 * num_positives * num_negatives)

    def _twice_closer_negatives(self, positives: np.ndarray) -> int:
        """Twice the number of negatives closer than each positive, and once those as close."""
        total = 0
        for piece in self._negatives:
            if len(piece):
                closer = np.searchsorted(piece, positives)
                total += 2 * int(closer.sum())
                is_tied = piece[np.minimum(closer, len(piece) - 1)] == positives
                up_to = np.searchsorted(piece, positives[is_tied], "right")
                total += int((up_to - closer[is_tied]).sum())
        return total

    def moments(self) -> list[tuple[float, float]]:
        """Mean and standard deviation of the distances of matches, then of others; NaN of none.

        In a run of neighbours, all count as the distance of their mean: what this leaves out is of
        the order of the square of the difference between the first and the last.
        """
        return [self._moments_of(pieces) for pieces in (self._positives, self._negatives)]

    def _moments_of(self, pieces: list[np.ndarray]) -> tuple[float, float]:
        with worker_threads() as pool:
            parts = [part for of_piece in pool.map(_runs, pieces) for part in of_piece]
        means, sizes = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return mean_and_std(self._pairs.distances_of(means), sizes)

    @cached_property
    def _ends(self) -> np.ndarray:
        """Ends of bins that hold few pairs, or a small part of the range of the distances."""
        pieces = [piece for piece in (*self._positives, *self._negatives) if len(piece)]
        low = min(piece[0] for piece in pieces)
        high = max(piece[-1] for piece in pieces)
        candidates = [np.linspace(low, high, _NUM_QUANTILES, dtype=np.float32)]
        for piece in pieces:
            step = max(1, len(piece) * _NUM_PIECES // _NUM_QUANTILES)
            candidates.append(piece[::step])
        return np.unique(np.append(np.concatenate(candidates), high))

    def bins(self) -> PairBins:
        """Bins that hold few pairs, or a small part of the range of the distances."""
        ends = self._ends
        with worker_threads() as pool:
            found = [
                list(pool.map(lambda piece: _between(piece, ends), of_kind))
                for of_kind in (self._positives, self._negatives)
            ]
        positives, negatives = (
            np.add.reduce([in_bins for in_bins, _, _ in of_kind]) for of_kind in found
        )
        filled = positives + negatives > 0
        least = np.minimum.reduce([first for of_kind in found for _, first, _ in of_kind])[filled]
        greatest = np.maximum.reduce([last for of_kind in found for _, _, last in of_kind])[filled]
        return PairBins(
            self._pairs.distances_of(least),
            self._pairs.distances_of(greatest),
            positives[filled],
            negatives[filled],
            least == greatest,
        )


def _between(ascending: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns how many values are beyond each end up to the next, the least and the greatest."""
    stops = np.searchsorted(ascending, ends, "right")
    counts = np.diff(stops, prepend=0)
    filled = counts > 0
    first, last = np.full((2, len(ends)), np.float32(np.inf))
    first[filled], last[filled] = ascending[(stops - counts)[filled]], ascending[stops[filled] - 1]
    last[~filled] = -np.inf
    return counts, first, last


def _runs(ascending: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns means and sizes of runs of neighbours; what is left over is a run each."""
    size = max(1, len(ascending) // _NUM_RUNS)
    num_runs = len(ascending) // size
    runs = ascending[: num_runs * size].reshape(num_runs, size)
    rest = ascending[num_runs * size :].astype(np.float64)
    means = runs.mean(axis=1, dtype=np.float64)
    return [(means, np.full(num_runs, size)), (rest, np.ones(len(rest), np.int64))]


class _Kept:
    """Room for distances, filled by threads."""

    def __init__(self, size: int) -> None:
        self._values = np.empty(size, np.float32)
        self._num_filled = 0
        self._lock = Lock()

    def add(self, values: np.ndarray) -> None:
        with self._lock:
            start = self._num_filled
            self._num_filled += values.size
        self._values[start : start + values.size] = values

    def pieces(self) -> list[np.ndarray]:
        return np.array_split(self._values, _NUM_PIECES)
