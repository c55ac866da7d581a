import numpy as np
import pytest

from keras_siamese.distances import Euclidean
from keras_siamese.metrics.pair_auc import PairAUC
from keras_siamese.metrics.pair_distances import DPrime, MeanNegativeDistance, MeanPositiveDistance
from keras_siamese.metrics.pair_metric import PairMetric
from keras_siamese.metrics.pair_rates import EqualErrorRate
from keras_siamese.ops.given_pairs import GivenPairs
from keras_siamese.ops.labelled_set import LabelledSet
from keras_siamese.ops.pair_counts import PairCounts

_PLACES = np.array([[0.0], [1.0], [3.0], [5.0]], np.float32)


def _set(labels, embeddings=_PLACES):
    return LabelledSet(np.array(labels), embeddings, Euclidean())


def test_several_metrics_of_one_count(monkeypatch):
    made = []
    count = PairCounts.of_set
    monkeypatch.setattr(PairCounts, "of_set", lambda data: made.append(data) or count(data))
    metrics = [MeanPositiveDistance(), PairAUC(), EqualErrorRate()]
    found = PairMetric.evaluate_together(metrics, _set([0, 0, 1, 1]))
    assert found == pytest.approx([1.5, 7.5 / 8, 1 / 6])
    assert len(made) == 1


def test_given_pairs_equal_those_of_the_set():
    pairs = GivenPairs(np.array([1, 1, 0, 0, 0, 0]), np.array([1.0, 2.0, 3.0, 5.0, 2.0, 4.0]))
    metrics = [MeanNegativeDistance(), PairAUC(), DPrime()]
    assert PairMetric.evaluate_together(metrics, pairs) == pytest.approx(
        PairMetric.evaluate_together(metrics, _set([0, 0, 1, 1]))
    )


@pytest.mark.parametrize(
    "labels, message",
    [
        ([0, 0, 0, 0], "needs pairs of two classes. Received: 6 of one and 0 of two"),
        ([0, 1, 2, 3], "needs pairs of one class. Received: 0 of one and 6 of two"),
    ],
)
def test_without_both_kinds_of_pairs(labels, message):
    for metric in (PairAUC(), EqualErrorRate(), DPrime()):
        with pytest.raises(ValueError, match=f"`{metric.name}` {message}"):
            PairMetric.evaluate_together([metric], _set(labels))


def test_a_single_item():
    with pytest.raises(ValueError, match="needs pairs of one class and pairs of two classes"):
        PairMetric.evaluate_together([PairAUC()], _set([0], _PLACES[:1]))
    with pytest.raises(ValueError, match=r"needs pairs of one class\. Received: 0 of one"):
        PairMetric.evaluate_together([MeanPositiveDistance()], _set([0], _PLACES[:1]))


def test_a_new_metric_is_a_small_class():
    class LeastDistance(PairMetric):
        """Least distance of any pair."""

        default_name = "least_distance"
        _direction = "up"
        needs_positives = needs_negatives = False

        def of_pairs(self, pairs):
            return pairs.thresholds[0]

    metric = LeastDistance()
    metric.update_state([0, 0, 1, 1], _PLACES)
    assert float(metric.result()) == 1.0
