"""Counts of pairs in bins of their distance, divided where they are too coarse."""

from collections.abc import Iterable
from threading import Lock

import numpy as np
from threadpoolctl import threadpool_limits

from keras_siamese.ops.pair_bins import PairBins
from keras_siamese.ops.set_pairs import Pairs, SetPairs
from keras_siamese.ops.threads import worker_threads

NUM_BINS = 2**21
MAX_PARTS = 2**22  # That bins are divided into, all together.
MEAN_TOLERANCE = 1e-6
_MAX_COUNT = 2**32 - 1
_BLOCK = 2**16  # Bins whose ends are found at a time.
_MAX_COUNTERS = 8  # Each has two counts for each bin.


class PairHistogram:
    """Counts pairs in equal bins, then divides the bins that leave the figures too uncertain.

    A pass goes over all tiles, in threads. After it, bins are divided, and a further pass counts
    the pairs in their parts, until the area under the ROC curve and both mean distances are certain
    enough. Parts are equally many float32 numbers: with single ones it ends at the latest.

    Args:
        pairs: The pairs.
        area_tolerance: The largest error that the area may have.
    """

    def __init__(self, pairs: SetPairs, area_tolerance: float) -> None:
        self._pairs, self._area_tolerance = pairs, area_tolerance
        with threadpool_limits(1, "blas"):
            self._equal = _EqualBins(NUM_BINS, *_central_range(pairs.sample()))
        self._parts: list[_Parts] = []

    @property
    def _num_bins(self) -> int:
        return self._parts[-1].num_bins if self._parts else self._equal.num_bins

    def bins(self) -> PairBins:
        """Counts, and returns the bins that were not divided any further, in order."""
        finished: list[PairBins] = []
        while True:
            bins, places, ends = self._count()
            divided = self._too_coarse(finished, bins)
            if not divided.any():
                everything = PairBins.join([*finished, bins])
                return everything.where(np.argsort(everything.least)) if finished else bins
            finished.append(bins.where(~divided))
            least, greatest = (end[divided] for end in ends)
            self._parts.append(_Parts(self._num_bins, places[divided], least, greatest))

    def _count(self) -> tuple[PairBins, np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Counts in the bins of the last level.

        Returns: Those that are not empty, their places, and their least and greatest float32.
        """
        tiles, lock = iter(self._pairs.tiles()), Lock()

        def count_tiles(_: int) -> _Counter:
            counter = _Counter(self._equal, self._parts, self._num_bins)
            while True:
                with lock:
                    tile = next(tiles, None)
                if tile is None:
                    return counter
                for pairs in self._pairs.of_tile(*tile):
                    counter.add(pairs)

        with worker_threads() as pool:
            counters = list(pool.map(count_tiles, range(_MAX_COUNTERS)))
        for pairs in self._pairs.of_identical():
            counters[0].add(pairs)
        low = min(counter.least for counter in counters)
        high = max(counter.greatest for counter in counters)
        filled = np.zeros(self._num_bins, bool)
        for counter in counters:
            counter.mark(filled)
        places = np.flatnonzero(filled)
        positives, negatives = (
            sum(counter.take(side, places) for counter in counters) + np.zeros(len(places))
            for side in (0, 1)
        )
        del counters
        if self._parts:
            ends = self._parts[-1].ends(places)
        else:
            ends = self._equal.ends(places, low, high)
        bins = PairBins(
            self._pairs.distances_of(ends[0]),
            self._pairs.distances_of(ends[1]),
            positives,
            negatives,
            ends[0] == ends[1],
        )
        return bins, places, ends

    def _too_coarse(self, finished: list[PairBins], bins: PairBins) -> np.ndarray:
        """Tells which of the bins of the last pass to divide: as few as will do."""
        everything = PairBins.join([*finished, bins])
        num_finished = len(everything.least) - len(bins.least)
        divided = np.zeros(len(bins.least), bool)
        for errors_of, tolerance in (
            (everything.area_errors, self._area_tolerance),
            (lambda: everything.mean_errors(everything.positives), MEAN_TOLERANCE),
            (lambda: everything.mean_errors(everything.negatives), MEAN_TOLERANCE),
        ):
            errors = errors_of()
            if errors.sum() <= tolerance:
                continue
            # Something is left to the parts.
            share = 1 - 0.5 ** (len(finished) + 1)
            allowed = tolerance * share - float(errors[:num_finished].sum())
            places = np.flatnonzero(errors[num_finished:])
            errors = errors[num_finished:][places]
            if allowed > 0:
                order = np.argsort(errors)
                first = np.searchsorted(np.cumsum(errors[order]), allowed, side="right")
                places = places[order[first:]]
            divided[places] = True
        return divided


class _Counter:
    """The counts of one thread."""

    def __init__(self, equal: "_EqualBins", parts: "list[_Parts]", num_bins: int) -> None:
        self._equal, self._parts, self._num_bins = equal, parts, num_bins
        # Of matches, and of other pairs: small numbers, which fit into a cache, and all others.
        self._ones: list[np.ndarray | None] = [None, None]
        self._sums: list[np.ndarray | None] = [None, None]
        self._room = [_MAX_COUNT] * 2
        self.least, self.greatest = np.float32(np.inf), np.float32(-np.inf)

    def add(self, pairs: Pairs) -> None:
        """Counts some pairs."""
        values, weights, side = pairs.reduced, pairs.weights, int(not pairs.is_match)
        if not values.size:
            return
        if not self._parts:
            self.least = min(self.least, values.min())
            self.greatest = max(self.greatest, values.max())
        places = self._equal.find(values)
        for parts in self._parts:
            is_divided, places = parts.find(values, places)
            values = values[is_divided]
            weights = None if weights is None else weights[is_divided]
        if weights is not None:
            np.add.at(self._sums_of(side), places, weights.astype(np.float64))
            return
        if self._room[side] < len(places):
            self._sums_of(side)[:] += self._ones[side]
            self._ones[side], self._room[side] = None, _MAX_COUNT
        self._room[side] -= len(places)
        ones = self._ones[side]
        if ones is None:
            ones = self._ones[side] = np.zeros(self._num_bins, np.uint32)
        np.add.at(ones, places, np.uint32(1))

    def mark(self, filled: np.ndarray) -> None:
        """Sets the places of bins that are not empty to true."""
        for counts in (*self._ones, *self._sums):
            if counts is not None:
                filled |= counts > 0

    def take(self, side: int, places: np.ndarray) -> np.ndarray | float:
        """Returns the counts of one side in some bins, in float64, and forgets all of them."""
        taken: np.ndarray | float = 0.0
        for own in (self._ones, self._sums):
            if (counts := own[side]) is not None:
                taken = taken + counts[places].astype(np.float64)
                own[side] = None
        return taken

    def _sums_of(self, side: int) -> np.ndarray:
        sums = self._sums[side]
        if sums is None:
            sums = self._sums[side] = np.zeros(self._num_bins)
        return sums


class _EqualBins:
    """Equal bins; those at the ends hold what is beyond them, too."""

    def __init__(self, num_bins: int, low: float, high: float) -> None:
        self.num_bins, self._low = num_bins, np.float32(low)
        width = max(high - low, abs(low) * 2.0**-10, 2.0**-100)
        self._scale = np.float32(num_bins / width)

    def find(self, values: np.ndarray) -> np.ndarray:
        """Returns the bin of each value."""
        places = values - self._low
        places *= self._scale
        np.clip(places, 0, self.num_bins - 1, out=places)
        return places.astype(np.intp)

    def ends(
        self, places: np.ndarray, least: np.float32, greatest: np.float32
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the least and the greatest float32 of some bins, ascending.

        Args:
            places: Which bins.
            least: No value is less.
            greatest: No value is greater.
        """
        low, high = _keys(np.array([least, greatest]))
        ends = np.empty((2, len(places)), np.float32)
        for start in range(0, len(places), _BLOCK):
            some = places[start : start + _BLOCK]
            firsts = np.where(some == 0, low, self._first_keys(some))
            nexts = np.where(some == self.num_bins - 1, high + 1, self._first_keys(some + 1))
            block = ends[:, start : start + _BLOCK]
            block[0] = _floats(np.maximum(firsts, low))
            block[1] = _floats(np.minimum(nexts - 1, high))
        return ends[0], ends[1]

    def _first_keys(self, places: np.ndarray) -> np.ndarray:
        """Returns the key of the least float32 in each bin, by bisection."""
        width = 1 / float(self._scale)
        edges = float(self._low) + places * width
        # Bins may be narrower than the distance of two float32 numbers.
        low, high = (_keys((edges + side * width).astype(np.float32)) + side for side in (-1, 1))
        while (is_open := high - low > 1).any():
            middle = (low + high) // 2
            reached = self.find(_floats(middle)) >= places
            high = np.where(is_open & reached, middle, high)
            low = np.where(is_open & ~reached, middle, low)
        return high


class _Parts:
    """PairBins divided into parts that are equally many float32 numbers, the last one fewer.

    Args:
        num_parents: How many bins there are.
        parents: Which of them are divided, ascending.
        least: The least float32 in each of these.
        greatest: The greatest.
    """

    def __init__(
        self, num_parents: int, parents: np.ndarray, least: np.ndarray, greatest: np.ndarray
    ) -> None:
        self._slots = np.full(num_parents, -1, np.int32)
        self._slots[parents] = np.arange(len(parents))
        self._least, self._greatest = _keys(least), _keys(greatest)
        bits = np.frexp(self._greatest - self._least)[1]  # The number of binary digits.
        of_each = max(1, int(np.log2(MAX_PARTS / len(parents))))
        self._shifts = np.maximum(bits - of_each, 0)
        sizes = ((self._greatest - self._least) >> self._shifts) + 1
        self._starts = np.cumsum(sizes) - sizes
        self.num_bins = int(sizes.sum())

    def find(self, values: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns which values are in a divided bin, and in which of all parts these are.

        Args:
            values: Float32 numbers.
            places: The bin of each.
        """
        slots = self._slots[places]
        is_divided = slots >= 0
        slots = slots[is_divided]
        offsets = (_keys(values[is_divided]) - self._least[slots]) >> self._shifts[slots]
        return is_divided, self._starts[slots] + offsets

    def ends(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the least and the greatest float32 of some parts."""
        slots = np.searchsorted(self._starts, places, side="right") - 1
        shifts = self._shifts[slots]
        least = self._least[slots] + ((places - self._starts[slots]) << shifts)
        greatest = np.minimum(least + (1 << shifts) - 1, self._greatest[slots])
        return _floats(least), _floats(greatest)


def _keys(values: np.ndarray) -> np.ndarray:
    """Numbers float32 values in their order, by integers; zeros of both signs are 0."""
    bits = values.view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits + 2**31), bits)


def _floats(keys: np.ndarray) -> np.ndarray:
    """Returns the float32 values with these numbers."""
    magnitudes = np.abs(keys).astype(np.int32).view(np.float32)
    return np.where(keys < 0, -magnitudes, magnitudes)


def _central_range(sample: Iterable[Pairs]) -> tuple[float, float]:
    """Where nearly all distances are, of matches and of others, but not the outliers."""
    values: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for pairs in sample:
        values[pairs.is_match].append(pairs.reduced)
    ranges = []
    for of_kind in values.values():
        if sum(map(len, of_kind)):
            low, first, third, high = np.percentile(np.concatenate(of_kind), [0, 25, 75, 100])
            # A little beyond the sample, as the whole set is; but not to outliers.
            spread = 4 * (third - first)
            ranges.append(
                (
                    max(low - 0.5 * (first - low), first - spread),
                    min(high + 0.5 * (high - third), third + spread),
                )
            )
    if not ranges:
        return 0.0, 1.0
    return min(low for low, _ in ranges), max(high for _, high in ranges)
