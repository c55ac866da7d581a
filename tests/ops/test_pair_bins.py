import numpy as np
import pytest

from keras_siamese.ops.pair_bins import PairBins


def _bins(**changes):
    fields = {
        "least": np.array([0.0, 2.0, 4.0]),
        "greatest": np.array([1.0, 2.0, 6.0]),
        "positives": np.array([2, 1, 1]),
        "negatives": np.array([1, 4, 5]),
        "is_single": np.array([False, True, False]),
    }
    return PairBins(**{**fields, **changes})


def test_area_by_hand():
    # Wins: 2 * (4 + 5) + 1 * 5; ties: 2 * 1 + 1 * 4 + 1 * 5.
    assert _bins().area() == pytest.approx((23 + 11 / 2) / 40)


def test_area_errors_leave_out_true_ties():
    assert _bins().area_errors().tolist() == [2 / 80, 0, 5 / 80]


def test_large_counts_do_not_overflow():
    many = np.array([2**33, 2**33, 2**33])
    bins = _bins(positives=many, negatives=many)
    assert bins.area() == pytest.approx(0.5)
    assert bins.area_errors().tolist() == pytest.approx([1 / 18, 0, 1 / 18])


def test_one_kind_has_no_area():
    bins = _bins(positives=np.zeros(3, int))
    assert np.isnan(bins.area())
    assert bins.area_errors().tolist() == [0, 0, 0]


def test_mean_errors_by_hand():
    # Half of the widths, over the least that the sum of distances can be: 0 + 4 * 2 + 5 * 4.
    bins = _bins()
    assert bins.mean_errors(bins.negatives).tolist() == pytest.approx([0.5 / 28, 0, 5 / 28])


def test_mean_errors_around_zero():
    bins = _bins(least=np.array([-3.0, -1.0, 4.0]), greatest=np.array([-2.0, 1.0, 4.0]))
    # The middle one may hold zeros alone: 2 * 2 + 0 + 1 * 4.
    assert bins.mean_errors(bins.positives).tolist() == pytest.approx([1 / 8, 1 / 8, 0])
    zeros = _bins(least=np.zeros(3), greatest=np.zeros(3))
    assert zeros.mean_errors(zeros.positives).tolist() == [0, 0, 0]
    uncertain = _bins(least=np.zeros(3))
    assert uncertain.mean_errors(np.array([1, 0, 0]))[0] > 1e100


def test_where_and_join():
    bins = _bins()
    joined = PairBins.join([bins.where(np.array([2])), bins.where(bins.is_single)])
    assert joined.least.tolist() == [4, 2] and joined.negatives.tolist() == [5, 4]
    assert PairBins.join([bins]) is bins
