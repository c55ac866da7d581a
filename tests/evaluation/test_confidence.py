"""Intervals: how often they hold the truth, over items or over classes, and where none is."""

import math

import numpy as np
import pytest

from keras_siamese.evaluation.confidence import (
    Interval,
    bootstrap_interval,
    confidence_intervals,
)
from keras_siamese.metrics import (
    Alignment,
    DistanceRatio,
    DPrime,
    EffectiveRank,
    EqualErrorRate,
    MAPAtR,
    NormalizedMutualInformation,
    PairAUC,
    PairPRAUC,
    RecallAtK,
    Silhouette,
    TrueAcceptRate,
    Uniformity,
)


def _width(interval):
    return interval.high - interval.low


def _shift_of_class(rng, num_classes, size):
    """Values of which those of a class have a shift in common, with mean 0."""
    labels = np.repeat(np.arange(num_classes), size)
    return rng.normal(size=num_classes)[labels] + 0.3 * rng.normal(size=len(labels)), labels


def _embeddings(rng, num_classes, size, tightness=2.0):
    """Classes around means of their own."""
    labels = np.repeat(np.arange(num_classes), size)
    means = tightness * rng.normal(size=(num_classes, 2))
    return means[labels] + rng.normal(size=(len(labels), 2)), labels


@pytest.mark.parametrize(("level", "num_values"), [(0.95, 15), (0.95, 60), (0.8, 60)])
def test_the_mean_of_skewed_values_is_held(level, num_values):
    rng, hits = np.random.default_rng(1), 0
    for seed in range(300):
        values = rng.random(num_values) < 0.7
        interval = bootstrap_interval(values, num_resamples=300, level=level, seed=seed)
        assert interval.value == values.mean()
        hits += interval.low <= 0.7 <= interval.high
    assert hits / 300 == pytest.approx(level, abs=0.05)


def test_groups_are_the_honest_unit():
    rng, of_groups, of_values = np.random.default_rng(2), 0, 0
    for seed in range(200):
        values, labels = _shift_of_class(rng, 12, 10)
        interval = bootstrap_interval(values, groups=labels, num_resamples=300, seed=seed)
        too_narrow = bootstrap_interval(values, num_resamples=300, seed=seed)
        assert _width(interval) > 1.5 * _width(too_narrow)
        of_groups += interval.low <= 0 <= interval.high
        of_values += too_narrow.low <= 0 <= too_narrow.high
    assert of_groups / 200 == pytest.approx(0.95, abs=0.035)
    assert of_values / 200 < 0.7


def test_groups_of_one_are_no_groups(rng):
    values = rng.normal(size=20)
    names = [f"n{place:02d}" for place in range(20)]
    assert bootstrap_interval(values, groups=names) == bootstrap_interval(values)


def test_of_the_docstring():
    interval = bootstrap_interval([0.0, 1.0, 1.0, 1.0] * 25)
    assert str(interval) == "0.75 [0.66, 0.84]"
    # Of a share of 0.75 in 100 draws: 1.984 standard deviations of 0.0433.
    assert interval.low == pytest.approx(0.75 - 1.984 * 0.0433, abs=0.011)
    assert interval.is_known


def test_the_seed_decides(rng):
    values = rng.normal(size=50)
    first, again, other = (bootstrap_interval(values, seed=seed) for seed in (5, 5, 6))
    assert first == again != other


def test_constant_values():
    assert bootstrap_interval([1.0] * 9) == Interval(1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": [0.0]}, r"at least 2 values.*Received: 1"),
        ({"groups": ["a", "a", "a"]}, r"at least 2 groups.*Received: 1"),
        ({"values": [0.0, np.nan, 1.0]}, r"Values must be finite.*1 of 3"),
        ({"values": [[0.0], [1.0], [2.0]]}, r"\(num_values,\)"),
        ({"values": []}, "empty|length 0|lengths"),
        ({"groups": [0, 1]}, "lengths"),
        ({"groups": [0.5, 1.0, 2.0]}, "dtype float64"),
        ({"level": 1.0}, "`level`"),
        ({"level": 0.0}, "`level`"),
        ({"num_resamples": 99}, r"`num_resamples`.*at least 100"),
        ({"seed": -1}, "`seed`"),
    ],
)
def test_bad_values(arguments, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(**{"values": [0.0, 1.0, 2.0], **arguments})


def test_every_kind_of_figure(rng):
    embeddings, labels = _embeddings(rng, 8, 6)
    metrics = [RecallAtK(1), PairAUC(), Alignment(), Uniformity(), Silhouette(), MAPAtR()]
    metrics += [EqualErrorRate(), TrueAcceptRate(0.05), PairPRAUC(), DPrime(), DistanceRatio()]
    metrics += [EffectiveRank(), NormalizedMutualInformation()]
    for over in ("items", "classes"):
        intervals = confidence_intervals(embeddings, labels, metrics, over=over, num_resamples=200)
        assert list(intervals) == [metric.name for metric in metrics]
        for metric in metrics[:-2]:
            interval = intervals[metric.name]
            assert interval.is_known
            assert interval.low < interval.value < interval.high
        for metric in metrics[-2:]:
            interval = intervals[metric.name]
            assert not interval.is_known
            assert math.isfinite(interval.value)


@pytest.mark.parametrize(
    ("over", "num_classes", "size", "widest"),
    [("items", 6, 10, 1.25), ("items", 20, 3, 1.5), ("classes", 20, 3, 1.25)],
)
def test_figures_over_pairs_are_held(over, num_classes, size, widest):
    # Sets of other items of the same classes, in other numbers, or of other classes.
    rng = np.random.default_rng(4)
    means = 1.5 * rng.normal(size=(num_classes, 2))
    sizes = num_classes * size

    def draw():
        if over == "items":
            labels, centres = rng.integers(0, num_classes, sizes), means
        else:
            labels = np.repeat(np.arange(num_classes), size)
            centres = 1.5 * rng.normal(size=means.shape)
        return centres[labels] + rng.normal(size=(sizes, 2)), labels

    drawn = [_auc(*draw()) for _ in range(500)]
    truth, true_width = np.mean(drawn), 2 * 1.96 * np.std(drawn)
    hits, widths = 0, []
    for seed in range(80):
        intervals = confidence_intervals(
            *draw(), [PairAUC()], over=over, num_resamples=100, seed=seed
        )
        interval = intervals["pair_auc"]
        hits += interval.low <= truth <= interval.high
        widths.append(_width(interval))
    assert hits >= 72  # of 80, where 76 are expected
    assert 0.9 < np.mean(widths) / true_width < widest


def _auc(embeddings, labels):
    rows, columns = np.triu_indices(len(labels), 1)
    distances = np.linalg.norm(embeddings[rows] - embeddings[columns], axis=1)
    same = labels[rows] == labels[columns]
    ranks = np.empty(len(same))
    ranks[np.argsort(distances)] = np.arange(len(same))
    num = same.sum()
    wins = ranks[~same].sum() - (~same).sum() * ((~same).sum() - 1) / 2
    return wins / (num * (~same).sum())


def test_over_classes_is_wider_where_classes_differ(rng):
    # Some classes are tight, and all of their items are found; the others are not.
    labels = np.repeat(np.arange(20), 10)
    spread = np.where(np.arange(20) % 2, 0.05, 3.0)[labels][:, None]
    embeddings = rng.normal(size=(20, 2))[labels] * 5 + spread * rng.normal(size=(200, 2))
    metrics = [RecallAtK(1), PairAUC(), MAPAtR(), Alignment()]
    of_items, of_classes = (
        confidence_intervals(embeddings, labels, metrics, over=over, num_resamples=150)
        for over in ("items", "classes")
    )
    for metric in metrics:
        assert of_items[metric.name].value == of_classes[metric.name].value
        assert _width(of_classes[metric.name]) > 1.3 * _width(of_items[metric.name])


def test_names_as_labels_and_tensors_as_embeddings(rng):
    embeddings, labels = _embeddings(rng, 4, 3)
    names = np.array(["d", "b", "a", "c"])[labels][:, None]
    metrics = [RecallAtK(1), PairAUC()]
    found = confidence_intervals(embeddings.astype("float16"), names, metrics, num_resamples=100)
    assert all(interval.is_known for interval in found.values())


def test_one_class():
    embeddings, labels = [[0.0], [1.0], [5.0]], [3, 3, 3]
    found = confidence_intervals(embeddings, labels, [RecallAtK(1)], num_resamples=100)
    assert found["recall_at_1"] == Interval(1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match=r'no classes to draw.*over="items"'):
        confidence_intervals(embeddings, labels, [RecallAtK(1)], over="classes")
    with pytest.raises(ValueError, match="`pair_auc`"):
        confidence_intervals(embeddings, labels, [PairAUC()])


def test_one_class_of_queries():
    # The others are alone in their classes: nothing says how much classes differ.
    embeddings, labels = [[0.0], [1.0], [5.0], [9.0]], [3, 3, 4, 5]
    found = confidence_intervals(embeddings, labels, [RecallAtK(1)], over="classes")
    assert found["recall_at_1"].value == 1.0
    assert not found["recall_at_1"].is_known


def test_few_pairs_of_one_class():
    # One pair of one class: most resamples have none, so there is no telling.
    embeddings, labels = [[0.0], [1.0], [5.0], [9.0]], [3, 3, 4, 5]
    found = confidence_intervals(embeddings, labels, [PairAUC()])
    assert found["pair_auc"].value == 1.0
    assert not found["pair_auc"].is_known


def test_constant_embeddings():
    metrics = [RecallAtK(1), PairAUC(), Alignment(), Uniformity(), Silhouette()]
    labels = np.repeat(np.arange(5), 4)
    found = confidence_intervals(np.ones((20, 3)), labels, metrics, num_resamples=100)
    assert found["pair_auc"] == Interval(0.5, 0.5, 0.5)
    assert found["recall_at_1"].value == pytest.approx(3 / 19)
    for name in ("alignment", "uniformity", "silhouette"):
        assert found[name].value == pytest.approx(0, abs=1e-6)
        assert _width(found[name]) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"embeddings": [[0.0], [np.nan], [1.0], [2.0]]}, r"finite.*1 of 4"),
        ({"embeddings": [0.0, 1.0, 2.0, 3.0]}, "embedding_dim"),
        ({"embeddings": [[0.0], [1.0], [2.0]]}, "as many labels"),
        ({"embeddings": np.zeros((0, 2)), "labels": []}, "length 0"),
        ({"labels": [0.0, 0.0, 1.0, 1.0]}, "dtype float64"),
        ({"labels": ["a", "a", None, "b"]}, "missing"),
        ({"metrics": [RecallAtK(1), RecallAtK(1)]}, "share a name"),
        ({"metrics": [RecallAtK(4)]}, "recall_at_4"),
        ({"over": "pairs"}, r"`over`.*classes"),
        ({"level": 2.0}, "`level`"),
        ({"num_resamples": 10}, "`num_resamples`"),
        ({"max_pairs": 0}, "`max_pairs`"),
        ({"seed": 0.5}, "`seed`"),
        ({"distance": "euclidian"}, "euclidean"),
    ],
)
def test_bad_input(arguments, message):
    good = {"embeddings": [[0.0], [1.0], [5.0], [6.0]], "labels": [0, 0, 1, 1]}
    with pytest.raises(ValueError, match=message):
        confidence_intervals(**{**good, "metrics": [RecallAtK(1)], **arguments})
