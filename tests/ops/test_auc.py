import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from keras_siamese.ops.auc import BinnedAuc, SortedAuc


def _second_opinion(positives, negatives):
    same = np.repeat([1, 0], [len(positives), len(negatives)])
    return roc_auc_score(same, -np.concatenate([positives, negatives]))


def _in_parts(area, positives, negatives):
    half = len(negatives) // 2 * 2
    area.add([positives[:3]], [negatives[:half].reshape(2, -1), negatives[half:]])
    area.add([positives[3:], positives[:0]], [negatives[:0].reshape(0, 7)])
    return area.result()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_sorted_against_sklearn(rng, dtype, decimals):
    positives = rng.normal(1.0, 1.0, 301).round(decimals).astype(dtype)
    negatives = rng.normal(1.5, 1.0, 1003).round(decimals).astype(dtype)
    expected = _second_opinion(positives, negatives)
    area = _in_parts(SortedAuc(301, 1003), positives, negatives)
    assert area == pytest.approx(expected, abs=1e-12)


def test_sorted_tells_float64_apart():
    area = SortedAuc(1, 1)
    area.add([np.array([1.0])], [np.array([1.0 + 1e-12])])
    assert area.result() == 1.0


@pytest.mark.parametrize("num_bins", [4, 50, 2**20])
def test_binned_is_within_its_bound(rng, monkeypatch, num_bins):
    monkeypatch.setattr(BinnedAuc, "NUM_BINS", num_bins)
    positives = rng.normal(0.5, 0.3, 400).astype(np.float32)
    negatives = rng.normal(0.9, 0.3, 1500).astype(np.float32)
    area = BinnedAuc(-1.0, 2.5)
    error = abs(_in_parts(area, positives, negatives) - _second_opinion(positives, negatives))
    assert error <= area.error_bound() + 1e-12
    assert 0 < area.error_bound() < 10 / num_bins


def test_binned_bound_is_reached():
    # Both in one bin: 1/2 is reported where 1 is exact.
    area = BinnedAuc(0.0, 1.0)
    area.add([np.array([1e-8])], [np.array([2e-8])])
    assert area.result() == 0.5
    assert area.error_bound() == 0.5


def test_binned_counts_what_is_out_of_range_at_the_ends():
    area = BinnedAuc(0.0, 1.0)
    area.add([np.array([-5.0, 0.5])], [np.array([7.0, 0.2])])
    assert area.result() == 0.75


def test_binned_without_any_range_is_all_ties():
    area = BinnedAuc(2.0, 2.0)
    area.add([np.full(3, 2.0)], [np.full(4, 2.0)])
    assert area.result() == 0.5
