"""Figures of resamples: against loops over the copies of items that were drawn."""

import math

import numpy as np
import pytest
from reference import geometry, resampled, whole_set
from sklearn.metrics import silhouette_samples

from keras_siamese import distances
from keras_siamese.evaluation import replicates
from keras_siamese.evaluation.replicates import Resampling, replicate
from keras_siamese.metrics import EmbeddingMetric, MAPAtR, MeanPositiveDistance, PairAUC, RecallAtK
from keras_siamese.metrics.clustering import AdjustedRandIndex, Silhouette
from keras_siamese.metrics.geometry import (
    Alignment,
    EffectiveRank,
    PerDimensionSpread,
    Uniformity,
)
from keras_siamese.metrics.ranking_metric import RankingMetric
from keras_siamese.ops.labelled_set import LabelledSet
from keras_siamese.ops.ranked_set import RankedSet

EUCLIDEAN = distances.get("euclidean")


def _set(rng):
    labels = np.array([4, 4, 4, 4, 7, 7, 7, 9, 9, 2])
    return rng.integers(0, 3, (10, 2)) + (labels == 4)[:, None], labels


def _draws(resampling, num_units):
    units = np.arange(num_units)
    return np.concatenate(list(resampling.of(units).counts()))


@pytest.mark.parametrize("over", ["items", "classes"])
def test_equal_loops(over, rng):
    embeddings, labels = _set(rng)
    class_ids = np.unique(labels, return_inverse=True)[1]
    resampling = Resampling(over, 100, 3, 1000)
    metrics = [Uniformity(), PairAUC(), Silhouette(), Alignment(), MeanPositiveDistance()]
    found = replicate(metrics, embeddings.astype("float32"), labels, EUCLIDEAN, resampling)
    assert list(found) == [metric.name for metric in metrics]

    units = class_ids if over == "classes" else np.arange(10)
    distance = whole_set.euclidean_distances(embeddings)
    square = [
        [geometry.squared_distance(geometry.unit(x), geometry.unit(y)) for y in embeddings]
        for x in embeddings
    ]
    spread = np.exp(-2 * np.array(square))
    silhouettes = silhouette_samples(embeddings, labels)

    def is_positive(i, j):
        return labels[i] == labels[j]

    expected = {
        "pair_auc": lambda c: resampled.pair_auc(c, units, distance, labels),
        "mean_positive_distance": lambda c: resampled.pair_mean(c, units, distance, is_positive),
        "alignment": lambda c: resampled.pair_mean(c, units, square, is_positive),
        "uniformity": lambda c: math.log(resampled.pair_mean(c, units, spread, lambda i, j: True)),
        "silhouette": lambda c: resampled.mean(c, units, silhouettes),
    }
    draws = _draws(resampling, units.max() + 1)
    assert {figure.num_units for figure in found.values()} == {len(draws[0])}
    for name, of_counts in expected.items():
        wanted = [of_counts(counts) for counts in draws]
        np.testing.assert_allclose(found[name].resampled, wanted, rtol=2e-5, err_msg=name)
        whole = of_counts(np.ones(len(draws[0])))
        assert found[name].value == pytest.approx(whole, rel=2e-5), name


@pytest.mark.parametrize("over", ["items", "classes"])
@pytest.mark.parametrize("average", ["queries", "classes"])
def test_rankings_equal_loops(over, average, rng):
    embeddings, labels = _set(rng)
    resampling = Resampling(over, 100, 3, 1000)
    metrics = [MAPAtR(average=average), RecallAtK(2, average="classes")]
    found = replicate(metrics, embeddings, labels, EUCLIDEAN, resampling)
    # The last item is alone in its class: no query.
    ranked = RankedSet(LabelledSet(labels, embeddings, EUCLIDEAN))
    values = RankingMetric.per_query([MAPAtR()], ranked)[:9, 0]
    classes = [[0, 1, 2, 3], [4, 5, 6], [7, 8]]
    units = np.repeat(np.arange(3), [4, 3, 2]) if over == "classes" else np.arange(9)

    def mean_over_classes(counts):
        items = [item for item, _ in resampled.copies(counts, units)]
        means = [
            np.mean([values[item] for item in items if item in of_class])
            for of_class in classes
            for _ in range(int(counts[units[of_class[0]]]) if over == "classes" else 1)
            if set(items) & set(of_class)
        ]
        return np.mean(means)

    wanted = [
        mean_over_classes(counts) if average == "classes" else resampled.mean(counts, units, values)
        for counts in _draws(resampling, units.max() + 1)
    ]
    name = metrics[0].name
    np.testing.assert_allclose(found[name].resampled, wanted, rtol=1e-9)
    assert found[name].num_units == (3 if over == "classes" else 9)


def test_a_part_of_the_pairs_stays_around_the_exact_figure(rng):
    labels = np.repeat(np.arange(10), 12)
    embeddings = rng.normal(size=(120, 4)) + 0.5 * rng.normal(size=(10, 4))[labels]
    metrics = [PairAUC(), MeanPositiveDistance(), Alignment(), Uniformity()]
    whole = replicate(metrics, embeddings, labels, EUCLIDEAN, Resampling("items", 200, 0, 10**6))
    part = replicate(metrics, embeddings, labels, EUCLIDEAN, Resampling("items", 200, 0, 400))
    for name, figure in whole.items():
        assert part[name].value == figure.value
        spread, wider = figure.resampled.std(), part[name].resampled.std()
        assert spread < wider < 5 * spread
        assert abs(part[name].resampled.mean() - figure.value) < wider
    assert part["pair_auc"].resampled.max() <= 1


def test_bins_of_distances(rng, monkeypatch):
    labels = np.repeat(np.arange(10), 6)
    embeddings = rng.normal(size=(60, 3)) + rng.normal(size=(10, 3))[labels]
    metrics, resampling = [PairAUC(), MeanPositiveDistance()], Resampling("items", 100, 0, 10**6)
    exact = replicate(metrics, embeddings, labels, EUCLIDEAN, resampling)
    monkeypatch.setattr(replicates, "_BINS", 60)
    binned = replicate(metrics, embeddings, labels, EUCLIDEAN, resampling)
    for name, figure in exact.items():
        spread = figure.resampled.std()
        np.testing.assert_allclose(binned[name].resampled, figure.resampled, atol=0.1 * spread)
    # Ties stay ties, in whatever bins they are.
    collapsed = replicate(metrics, np.ones((60, 3)), labels, EUCLIDEAN, resampling)
    assert set(collapsed["pair_auc"].resampled.tolist()) == {0.5}


def test_both_orders_of_a_distance_that_depends_on_it(rng):
    labels, embeddings = np.arange(12) // 3, rng.normal(size=(12, 5)).astype("float32")
    distance, resampling = distances.get("signal_to_noise"), Resampling("items", 100, 0, 1000)
    found = replicate([MeanPositiveDistance()], embeddings, labels, distance, resampling)
    square = np.asarray(distance.pairwise(embeddings, embeddings), np.float64)
    symmetric = (square + square.T) / 2
    wanted = [
        resampled.pair_mean(c, np.arange(12), symmetric, lambda i, j: labels[i] == labels[j])
        for c in _draws(resampling, 12)
    ]
    figure = found["mean_positive_distance"]
    np.testing.assert_allclose(figure.resampled, wanted, rtol=1e-5)


def test_metrics_with_distances_of_their_own():
    embeddings, labels = [[9.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 9.0]], [0, 0, 1, 1]
    metrics = [RecallAtK(1, "cosine", name="cosine"), RecallAtK(1), PairAUC("cosine")]
    found = replicate(metrics, embeddings, labels, EUCLIDEAN, Resampling("items", 100, 0, 1000))
    assert list(found) == ["cosine", "recall_at_1", "pair_auc"]
    assert found["cosine"].value == found["pair_auc"].value == 1.0 > found["recall_at_1"].value


def test_figures_without_replicates():
    metrics = [EffectiveRank(), PerDimensionSpread(), AdjustedRandIndex()]
    resampling = Resampling("items", 100, 0, 1000)
    found = replicate(metrics, [[0.0], [1.0], [8.0], [9.0]], [0, 0, 1, 1], EUCLIDEAN, resampling)
    assert [figure.value for figure in found.values()] == pytest.approx([1, 4.0311289, 1])
    assert all(np.isnan(figure.resampled).all() for figure in found.values())


def test_a_kind_of_ones_own_has_no_replicates():
    class Largest(EmbeddingMetric):
        """Largest entry."""

        default_name = "largest"
        _direction = "up"

        @classmethod
        def evaluate_together(cls, metrics, data):
            return [data.embeddings.max() for _ in metrics]

    resampling = Resampling("items", 100, 0, 1000)
    figure = replicate([Largest()], [[0.0], [3.0]], [0, 1], EUCLIDEAN, resampling)["largest"]
    assert figure.value == 3 and np.isnan(figure.resampled).all()
