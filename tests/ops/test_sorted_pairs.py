import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from keras_siamese.distances import Euclidean, SquaredEuclidean
from keras_siamese.ops import sorted_pairs as module
from keras_siamese.ops.set_pairs import SetPairs
from keras_siamese.ops.sorted_pairs import SortedPairs


@pytest.fixture
def pairs(rng):
    embeddings = rng.integers(0, 6, (150, 4)).astype(np.float32)
    embeddings[:100] += rng.normal(size=(100, 4)).astype(np.float32)
    return SetPairs(rng.integers(0, 9, 150), embeddings, SquaredEuclidean())


def test_area_against_sklearn(pairs):
    same, distances, weights = pairs.all()
    expected = roc_auc_score(same, -distances, sample_weight=weights)
    assert SortedPairs(pairs).area() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("num_quantiles", [4, 64, 2**16])
def test_bins_against_counting(pairs, monkeypatch, num_quantiles):
    monkeypatch.setattr(module, "_NUM_QUANTILES", num_quantiles)
    same, distances, weights = pairs.all()
    bins = SortedPairs(pairs).bins()
    assert (bins.least <= bins.greatest).all() and (bins.least[1:] > bins.greatest[:-1]).all()
    for kind, counts in ((same, bins.positives), (~same, bins.negatives)):
        assert counts.sum() == weights[kind].sum()
        for least, greatest, count in list(zip(bins.least, bins.greatest, counts, strict=True))[:9]:
            inside = (distances >= least - 1e-12) & (distances <= greatest + 1e-12) & kind
            assert weights[inside].sum() == count
    # Both in number and in width, they are a small part of the whole.
    share = (bins.positives + bins.negatives).max() / weights.sum()
    assert share <= 4 / num_quantiles + 0.02
    width = (bins.greatest - bins.least).max() / (distances.max() - distances.min())
    assert width <= 1.01 / (num_quantiles - 1)
    if num_quantiles == 2**16:
        assert bins.is_single.all()


def test_one_kind_has_no_area(rng):
    embeddings = rng.normal(size=(9, 2)).astype(np.float32)
    ascending = SortedPairs(SetPairs(np.zeros(9, int), embeddings, Euclidean()))
    assert np.isnan(ascending.area())
    assert ascending.bins().positives.sum() == 36
