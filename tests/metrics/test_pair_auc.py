import numpy as np
import pytest
from reference import whole_set
from sklearn.metrics import roc_auc_score

from keras_siamese.metrics import EmbeddingCollection, PairAUC
from keras_siamese.metrics import pair_auc as module
from keras_siamese.ops.auc import BinnedAuc


def _pair_auc(embeddings, labels):
    metric = PairAUC()
    metric.update_state(labels, embeddings)
    return float(metric.result())


def test_by_hand():
    # Positives 1 and 2; negatives 3, 5, 2, 4: seven wins and a tie in eight.
    assert _pair_auc([[0.0], [1.0], [3.0], [5.0]], [0, 0, 1, 1]) == 7.5 / 8


def test_against_sklearn(rng):
    embeddings, labels = rng.integers(0, 4, (60, 3)).astype("float32"), rng.integers(0, 5, 60)
    matrix = whole_set.euclidean_distances(embeddings)
    rows, columns = np.triu_indices(60, 1)
    expected = roc_auc_score(labels[rows] == labels[columns], -matrix[rows, columns])
    assert _pair_auc(embeddings, labels) == pytest.approx(expected, abs=1e-6)


def test_beyond_the_limit_bins_are_used(labelled_set, monkeypatch):
    embeddings, labels = labelled_set
    monkeypatch.setattr(module, "MAX_SORTED_PAIRS", 10)
    monkeypatch.setattr(module, "_WARN_ABOVE", 1.0)
    expected = whole_set.pair_auc(whole_set.euclidean_distances(embeddings), labels)
    assert _pair_auc(embeddings, labels) == pytest.approx(expected, abs=1e-5)


def test_bins_for_given_pairs(rng, monkeypatch):
    monkeypatch.setattr(module, "MAX_SORTED_PAIRS", 10)
    same, distance = np.repeat([1, 0], 20), rng.uniform(-3, 5, 40).astype("float32")
    collection = EmbeddingCollection()
    collection.add_pairs(same, distance)
    (value,) = collection.evaluate([PairAUC()]).values()
    assert value == pytest.approx(roc_auc_score(same, -distance), abs=1e-6)


def test_the_limit_itself_is_sorted(monkeypatch):
    monkeypatch.setattr(module, "MAX_SORTED_PAIRS", 6)
    monkeypatch.setattr(BinnedAuc, "__init__", None)
    assert _pair_auc([[0.0], [1.0], [3.0], [5.0]], [0, 0, 1, 1]) == 7.5 / 8


def test_too_coarse_bins_are_named(monkeypatch, rng):
    monkeypatch.setattr(module, "MAX_SORTED_PAIRS", 10)
    embeddings = rng.normal(size=(30, 2))
    embeddings[0] = 1e8
    with pytest.warns(UserWarning, match="may be off by up to 0.4"):
        _pair_auc(embeddings, rng.integers(0, 2, 30))


@pytest.mark.parametrize(
    ("labels", "received"), [([0, 0, 0], "3 of one and 0 of two"), ([0, 1, 2], "0 of one and 3")]
)
def test_without_both_kinds_of_pairs(labels, received):
    with pytest.raises(ValueError, match=received):
        _pair_auc([[0.0], [1.0], [2.0]], labels)
