import numpy as np
import pytest

from keras_siamese.ops import pair_histogram as module
from keras_siamese.ops.pair_histogram import PairHistogram
from keras_siamese.ops.set_pairs import Pairs


class _Given:
    """Pairs by their reduced distances, in place of a set."""

    def __init__(self, positives, negatives, weights=None):
        self.arrays = [np.asarray(values, np.float32) for values in (positives, negatives)]
        self.weights = weights
        self.num_passes = 0

    def sample(self):
        yield from (Pairs(i == 0, a[:2000].copy(), None) for i, a in enumerate(self.arrays))

    def tiles(self):
        self.num_passes += 1
        longest = max(map(len, self.arrays))
        return ((slice(i, i + 1000), slice(0, 1)) for i in range(0, longest, 1000))

    def of_tile(self, rows, columns):
        for i, values in enumerate(self.arrays):
            weights = None if self.weights is None else self.weights[i][rows]
            yield Pairs(i == 0, values[rows].copy(), weights)

    def of_identical(self):
        return []

    def distances_of(self, reduced):
        return reduced.astype(np.float64)

    def check(self, bins):
        """Compares with plain counting, and returns the exact area."""
        assert (bins.least <= bins.greatest).all() and (bins.least[1:] > bins.greatest[:-1]).all()
        for values, counts in zip(self.arrays, (bins.positives, bins.negatives), strict=True):
            ascending = np.sort(values)
            first = np.searchsorted(ascending, bins.least.astype(np.float32), "left")
            last = np.searchsorted(ascending, bins.greatest.astype(np.float32), "right")
            np.testing.assert_array_equal(counts, last - first)
            assert counts.sum() == len(values)
        negatives = np.sort(self.arrays[1])
        closer = [np.searchsorted(negatives, self.arrays[0], side) for side in ("left", "right")]
        return 1 - np.mean(closer[0] + closer[1]) / (2 * len(negatives))


@pytest.fixture(params=[2**4, 2**8, 2**16])
def num_bins(request, monkeypatch):
    monkeypatch.setattr(module, "NUM_BINS", request.param)
    monkeypatch.setattr(module, "MAX_PARTS", max(2**10, request.param))
    return request.param


def _normal(rng):
    return rng.normal(1.0, 0.3, 3000), rng.normal(1.3, 0.3, 20_000)


def _outliers(rng):
    positives, negatives = _normal(rng)
    positives[7], negatives[:3] = 1e30, [1e30, 1e8, -1e12]
    return positives, negatives


def _ties(rng):
    return rng.integers(0, 5, 2000) / 8, rng.integers(1, 9, 9000) / 8


def _few_values_close_together(rng):
    base = np.float32(1.0).view(np.int32)
    return tuple(
        (base + rng.integers(0, 40, number)).astype(np.int32).view(np.float32)
        for number in (900, 4000)
    )


def _tiny_and_both_signs(rng):
    return rng.normal(size=500) * 1e-30, rng.normal(size=5000) * 1e-30


def _one_value(rng):
    return np.full(50, 3.0), np.full(70, 3.0)


def _separated_by_a_gap(rng):
    return rng.normal(0.01, 1e-4, 3000), rng.normal(5.0, 0.1, 9000)


_CASES = [
    _normal,
    _outliers,
    _ties,
    _few_values_close_together,
    _tiny_and_both_signs,
    _one_value,
    _separated_by_a_gap,
]


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6])
@pytest.mark.parametrize("make", _CASES, ids=lambda make: make.__name__.strip("_"))
def test_area_and_means_are_within_their_bounds(rng, num_bins, make, tolerance):
    pairs = _Given(*make(rng))
    bins = PairHistogram(pairs, tolerance).bins()
    exact = pairs.check(bins)
    bound = bins.area_errors().sum()
    assert bound <= tolerance
    assert abs(bins.area() - exact) <= bound + 1e-12
    middle = 0.5 * (bins.least + bins.greatest)
    for values, counts in zip(pairs.arrays, (bins.positives, bins.negatives), strict=True):
        values = values.astype(np.float64)
        error = abs(middle @ counts / counts.sum() - values.mean())
        assert error <= 1.01e-6 * np.abs(values).mean()


@pytest.mark.parametrize("make", _CASES, ids=lambda make: make.__name__.strip("_"))
def test_it_divides_until_the_area_is_exact(rng, num_bins, make):
    pairs = _Given(*make(rng))
    bins = PairHistogram(pairs, 0.0).bins()
    assert bins.area_errors().sum() == 0
    assert bins.area() == pytest.approx(pairs.check(bins), abs=1e-12)


def test_one_pass_is_enough_where_bins_are_fine(rng):
    pairs = _Given(*_normal(rng))
    PairHistogram(pairs, 1e-6).bins()
    assert pairs.num_passes == 1


def test_outliers_take_a_second_pass_alone(rng):
    pairs = _Given(*_outliers(rng))
    PairHistogram(pairs, 1e-6).bins()
    assert 2 <= pairs.num_passes <= 4


def test_weights(rng, num_bins):
    positives, negatives = _ties(rng)
    weights = rng.integers(1, 5, 2000), rng.integers(1, 5, 9000)
    found = PairHistogram(_Given(positives, negatives, weights), 0.0).bins()
    repeated = _Given(np.repeat(positives, weights[0]), np.repeat(negatives, weights[1]))
    expected = PairHistogram(repeated, 0.0).bins()
    for name in ("least", "greatest", "positives", "negatives"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_counts_beyond_the_small_numbers(rng, monkeypatch):
    pairs = _Given(*_normal(rng))
    expected = PairHistogram(pairs, 1e-6).bins()
    monkeypatch.setattr(module, "_MAX_COUNT", 1500)
    found = PairHistogram(pairs, 1e-6).bins()
    np.testing.assert_array_equal(found.negatives, expected.negatives)


def test_one_kind_only(rng, num_bins):
    bins = PairHistogram(_Given([], rng.normal(size=1000)), 1e-6).bins()
    assert bins.negatives.sum() == 1000 and bins.positives.sum() == 0


def test_errors_of_threads_are_raised(rng):
    pairs = _Given(*_normal(rng))

    def fail(rows, columns):
        raise ValueError("A distance is not finite")

    pairs.of_tile = fail
    with pytest.raises(ValueError, match="not finite"):
        PairHistogram(pairs, 1e-6).bins()
