import numpy as np
import pytest
from reference import whole_set
from sklearn.metrics import average_precision_score, roc_auc_score

from keras_siamese.metrics.collection import EmbeddingCollection
from keras_siamese.metrics.pair_auc import PairAUC, PairPRAUC
from keras_siamese.ops import pair_counts as module


def _value(metric, embeddings, labels):
    metric.update_state(labels, embeddings)
    return float(metric.result())


def _of_pairs(metric, same, distances):
    collection = EmbeddingCollection()
    collection.add_pairs(same, distances)
    (value,) = collection.evaluate([metric]).values()
    return value


def test_by_hand():
    # Positives 1 and 2; negatives 3, 5, 2, 4: seven wins and a tie in eight.
    place, labels = [[0.0], [1.0], [3.0], [5.0]], [0, 0, 1, 1]
    assert _value(PairAUC(), place, labels) == 7.5 / 8
    # Half of the positives with precision 1, half with 2 / 3.
    assert _value(PairPRAUC(), place, labels) == pytest.approx(5 / 6)


def test_against_sklearn(rng):
    embeddings, labels = rng.integers(0, 4, (60, 3)).astype("float32"), rng.integers(0, 5, 60)
    matrix = whole_set.euclidean_distances(embeddings)
    rows, columns = np.triu_indices(60, 1)
    pairs = labels[rows] == labels[columns], -matrix[rows, columns]
    found = _value(PairAUC(), embeddings, labels)
    assert found == pytest.approx(roc_auc_score(*pairs), abs=1e-6)
    found = _value(PairPRAUC(), embeddings, labels)
    assert found == pytest.approx(average_precision_score(*pairs), abs=1e-6)


@pytest.mark.parametrize("limit", ["MAX_LISTED_PAIRS", "MAX_SORTED_PAIRS"])
def test_beyond_the_limits(labelled_set, monkeypatch, limit):
    embeddings, labels = labelled_set
    monkeypatch.setattr(module, "MAX_LISTED_PAIRS", 10)
    monkeypatch.setattr(module, limit, 10)
    expected = whole_set.pair_auc(whole_set.euclidean_distances(embeddings), labels)
    assert _value(PairAUC(), embeddings, labels) == pytest.approx(expected, abs=1e-5)


def test_given_pairs_of_any_distance(rng):
    same, distance = np.repeat([1, 0], 20), rng.uniform(-3, 5, 40).astype("float32")
    expected = roc_auc_score(same, -distance)
    assert _of_pairs(PairAUC(), same, distance) == pytest.approx(expected, abs=1e-9)
    expected = average_precision_score(same, -distance)
    assert _of_pairs(PairPRAUC(), same, distance) == pytest.approx(expected, abs=1e-9)


def test_an_outlier_does_not_coarsen_it(monkeypatch, rng):
    monkeypatch.setattr(module, "MAX_LISTED_PAIRS", 10)
    monkeypatch.setattr(module, "MAX_SORTED_PAIRS", 10)
    embeddings, labels = rng.normal(size=(30, 2)), rng.integers(0, 2, 30)
    embeddings[0] = 1e4
    expected = whole_set.pair_auc(whole_set.euclidean_distances(embeddings), labels)
    assert _value(PairAUC(), embeddings, labels) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("metric_class", [PairAUC, PairPRAUC])
@pytest.mark.parametrize(
    ("labels", "received"), [([0, 0, 0], "3 of one and 0 of two"), ([0, 1, 2], "0 of one and 3")]
)
def test_without_both_kinds_of_pairs(metric_class, labels, received):
    with pytest.raises(ValueError, match=received):
        _value(metric_class(), [[0.0], [1.0], [2.0]], labels)
