"""Area under the ROC curve of two sets of distances: exact by sorting, or bounded by bins."""

import numpy as np

_CHUNK = 2**20


class SortedAuc:
    """Exact area under the ROC curve, from distances that are kept and sorted.

    `P(positive < negative) + P(positive = negative) / 2`, over all positives and all negatives.

    Args:
        num_positives: How many distances of positives will be added, at least 1.
        num_negatives: How many distances of negatives will be added, at least 1.
    """

    def __init__(self, num_positives: int, num_negatives: int) -> None:
        self._sizes = (num_positives, num_negatives)
        self._kept: list[np.ndarray] = []
        self._filled = [0, 0]

    def add(self, positives: list[np.ndarray], negatives: list[np.ndarray]) -> None:
        """Adds distances, in arrays of any shape."""
        if not self._kept:
            # The width of the distances is known now: float64 ones keep their ties.
            dtype = positives[0].dtype
            self._kept = [np.empty(size, dtype) for size in self._sizes]
        for side, arrays in enumerate((positives, negatives)):
            for values in arrays:
                start, stop = self._filled[side], self._filled[side] + values.size
                self._kept[side][start:stop].reshape(values.shape)[:] = values
                self._filled[side] = stop

    def result(self) -> float:
        """The area. Sorts what was kept: nothing can be added afterwards."""
        positives, negatives = self._kept
        positives.sort()
        negatives.sort()
        twice_smaller = 0
        for start in range(0, len(positives), _CHUNK):
            some = positives[start : start + _CHUNK]
            twice_smaller += int(np.searchsorted(negatives, some, "left").sum())
            twice_smaller += int(np.searchsorted(negatives, some, "right").sum())
        return 1.0 - twice_smaller / (2 * len(positives) * len(negatives))


class BinnedAuc:
    """Area under the ROC curve from counts in 2**20 equal bins, with a bound on its error.

    A positive and a negative in one bin count as tied. The area is off by half of the share of such
    (positive, negative) combinations at most, about 1e-6 for distances that fill the range, and by
    much less where both are spread evenly within each bin.

    Args:
        low: Where the first bin begins. Smaller distances are counted in it.
        high: Where the last bin ends. Larger distances are counted in it.
    """

    NUM_BINS = 2**20

    def __init__(self, low: float, high: float) -> None:
        self._low = low
        self._scale = self.NUM_BINS / (high - low) if high > low else 0.0
        self._counts = (np.zeros(self.NUM_BINS, np.int64), np.zeros(self.NUM_BINS, np.int64))

    def add(self, positives: list[np.ndarray], negatives: list[np.ndarray]) -> None:
        """Adds distances, in arrays of any shape."""
        for counts, arrays in zip(self._counts, (positives, negatives), strict=True):
            # Joined first: counting costs as much as a pass over all bins, however few the values.
            values = np.concatenate([array.ravel() for array in arrays])
            bins = ((values - self._low) * self._scale).clip(0, self.NUM_BINS - 1).astype(np.intp)
            counts += np.bincount(bins, minlength=self.NUM_BINS)

    def result(self) -> float:
        """The area, to within `error_bound()`."""
        positives, negatives = (counts.astype(np.float64) for counts in self._counts)
        farther = negatives.sum() - np.cumsum(negatives) + negatives / 2
        return float(positives @ farther / (positives.sum() * negatives.sum()))

    def error_bound(self) -> float:
        """The largest possible difference between `result()` and the exact area."""
        positives, negatives = (counts.astype(np.float64) for counts in self._counts)
        return float(positives @ negatives / (2 * positives.sum() * negatives.sum()))
