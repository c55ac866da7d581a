"""The bootstrap: draws, means, and intervals that hold the truth as often as they say."""

import numpy as np
import pytest

from keras_siamese.ops import bootstrap
from keras_siamese.ops.bootstrap import Resamples, percentile_interval


def _all_counts(resamples):
    return np.concatenate(list(resamples.counts()))


def test_draws_with_replacement():
    counts = _all_counts(Resamples(7, 2000, seed=0))
    assert counts.shape == (2000, 7)
    assert (counts.sum(axis=1) == 7).all()
    # A multinomial: mean 1, variance 6 / 7, covariance -1 / 7.
    covariance = np.cov(counts.T)
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.1)
    np.testing.assert_allclose(np.diag(covariance), 6 / 7, atol=0.1)
    np.testing.assert_allclose(covariance[0, 1:], -1 / 7, atol=0.1)


def test_each_pass_gives_the_same_draws(monkeypatch):
    first = _all_counts(Resamples(9, 50, seed=3))
    monkeypatch.setattr(bootstrap, "_BLOCK_ELEMENTS", 40)  # 4 resamples at a time
    assert (first == _all_counts(Resamples(9, 50, seed=3))).all()
    assert (first != _all_counts(Resamples(9, 50, seed=4))).any()


def test_means_equal_loops(rng):
    values, units = rng.normal(size=(30, 2)), rng.integers(0, 8, 30)
    units[0] = 7
    resamples = Resamples(8, 40, seed=0)
    expected = []
    for counts in _all_counts(resamples):
        drawn = [row for unit in range(8) for _ in range(int(counts[unit])) for row in
                 values[units == unit]]  # fmt: skip
        expected.append(np.mean(drawn, axis=0))
    np.testing.assert_allclose(resamples.means(values, units), expected, rtol=1e-12)


def test_means_over_classes_equal_loops(rng):
    values, ids = rng.normal(size=12), np.array([2, 0, 1, 2, 2, 0, 0, 0, 3, 1, 2, 3])
    resamples = Resamples(12, 40, seed=0)
    expected = []
    for counts in _all_counts(resamples):
        drawn = np.repeat(np.arange(12), counts.astype(int))
        of_class = [values[drawn[ids[drawn] == c]] for c in range(4)]
        expected.append(np.mean([some.mean() for some in of_class if len(some)]))
    np.testing.assert_allclose(resamples.means_over_classes(values, ids), expected, rtol=1e-12)


def test_units_without_values():
    # Of two units, one has a value: a quarter of the resamples draw only the other.
    means = Resamples(2, 2000, seed=0).means(np.array([[5.0]]), np.array([1]))
    assert np.isnan(means).mean() == pytest.approx(0.25, abs=0.03)
    assert np.nanmin(means) == np.nanmax(means) == 5.0


def test_interval_by_hand():
    replicates = np.random.default_rng(0).permutation(np.arange(1001.0))
    # So many units that Student's t is normal: 2.5 % to either side.
    assert percentile_interval(replicates, 10**9, 0.95) == pytest.approx((25, 975))
    # 10 units: normal(-sqrt(10 / 9) * 2.26216) = 0.85 %.
    assert percentile_interval(replicates, 10, 0.95) == pytest.approx((8.55, 991.45), abs=0.01)


def test_undefined_replicates():
    replicates = np.arange(1001.0)
    replicates[:50] = np.nan
    assert percentile_interval(replicates, 10**9, 0.9)[0] == pytest.approx(50 + 47.5)
    replicates[:51] = np.nan
    assert np.isnan(percentile_interval(replicates, 10**9, 0.9)).all()
    assert np.isnan(percentile_interval(np.arange(100.0), 1, 0.9)).all()


@pytest.mark.parametrize("num_values", [10, 30])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_coverage(num_values, level):
    rng, hits = np.random.default_rng(7), 0
    for seed in range(400):
        values = rng.normal(size=(num_values, 1))
        means = Resamples(num_values, 400, seed).means(values, np.arange(num_values))
        low, high = percentile_interval(means[:, 0], num_values, level)
        hits += low <= 0 <= high
    assert hits / 400 == pytest.approx(level, abs=0.035)
