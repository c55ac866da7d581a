"""Two models on one set: paired intervals, and when a difference is more than chance."""

import numpy as np
import pytest

from keras_siamese.evaluation.comparison import compare
from keras_siamese.evaluation.confidence import confidence_intervals
from keras_siamese.metrics import MAPAtR, PairAUC, RecallAtK
from keras_siamese.metrics.geometry import Alignment, EffectiveRank, Uniformity


def _set(rng, num_classes=25, size=6):
    labels = np.repeat(np.arange(num_classes), size)
    return 2 * rng.normal(size=(num_classes, 3))[labels] + rng.normal(size=(len(labels), 3)), labels


def _width(interval):
    return interval.high - interval.low


@pytest.mark.parametrize("over", ["items", "classes"])
def test_paired_intervals_are_narrower(over, rng):
    a, labels = _set(rng, 25, 3)
    b = a + 0.15 * rng.normal(size=a.shape)
    metrics = [RecallAtK(1), MAPAtR(), PairAUC(), Alignment(), Uniformity()]
    arguments = {"over": over, "num_resamples": 150}
    found = compare(a, b, labels, metrics, **arguments)
    of_a, of_b = (confidence_intervals(x, labels, metrics, **arguments) for x in (a, b))
    assert list(found) == [metric.name for metric in metrics]
    for name, figure in found.items():
        assert (figure.a, figure.b) == (of_a[name].value, of_b[name].value)
        assert figure.difference.value == figure.b - figure.a
        unpaired = np.hypot(_width(of_a[name]), _width(of_b[name]))
        assert _width(figure.difference) < 0.75 * unpaired


def test_a_small_difference_in_a_common_set_shows(rng):
    # Each figure's own interval holds the other's figure; that of the difference excludes 0.
    a, labels = _set(rng, 40)
    b = a + 0.5 * rng.normal(size=a.shape)
    figure = compare(a, b, labels, [MAPAtR()])["map_at_r"]
    own = confidence_intervals(a, labels, [MAPAtR()])["map_at_r"]
    assert own.low < figure.b < own.high
    assert figure.b < figure.a
    assert figure.difference.high < 0
    assert figure.excludes_zero


def test_chance_is_chance():
    rng, found = np.random.default_rng(5), 0
    for seed in range(60):
        a, labels = _set(rng, 12, 4)
        b = a + 0.2 * rng.normal(size=a.shape)
        c = a + 0.2 * rng.normal(size=a.shape)
        figure = compare(b, c, labels, [MAPAtR()], num_resamples=150, seed=seed)["map_at_r"]
        found += figure.excludes_zero
    assert found <= 8  # of 60, where 3 are expected: once in 120 of such runs


def test_the_same_model_twice(rng):
    a, labels = _set(rng)
    for figure in compare(a, a.copy(), labels).values():
        assert figure.a == figure.b
        assert (figure.difference.low, figure.difference.high) == (0, 0)
        assert not figure.excludes_zero


def test_other_sizes_and_the_default_metrics(rng):
    a, labels = _set(rng)
    found = compare(a, np.concatenate([a, 5 * rng.normal(size=a.shape)], axis=1), labels)
    assert list(found) == ["recall_at_1", "map_at_r", "pair_auc"]
    assert all(figure.b < figure.a and figure.excludes_zero for figure in found.values())


def test_example_of_the_docstring():
    a, b = [[0.0], [1.0], [1.4], [9.0]], [[0.0], [1.0], [7.0], [9.0]]
    figure = compare(a, b, [0, 0, 1, 1], [RecallAtK(1)])["recall_at_1"]
    assert str(figure) == "0.5 -> 1: 0.5 [0, 1]"
    assert not figure.excludes_zero


def test_figures_without_an_interval(rng):
    a, labels = _set(rng)
    figure = compare(a, 2 * a[:, :2], labels, [EffectiveRank()])["effective_rank"]
    assert figure.b < figure.a
    assert not figure.difference.is_known
    assert not figure.excludes_zero


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"b": [[0.0], [1.0], [2.0]]}, "as many labels"),
        ({"b": [[0.0], [np.inf], [2.0], [3.0]]}, "finite"),
        ({"labels": [0, 0, 1]}, "as many labels"),
        ({"labels": [0.0, 0.0, 1.0, 1.0]}, "dtype float64"),
        ({"over": "queries"}, "`over`"),
        ({"level": 0.0}, "`level`"),
    ],
)
def test_bad_input(arguments, message):
    good = {"a": [[0.0], [1.0], [5.0], [6.0]], "b": [[0.0], [1.0], [5.0], [6.0]]}
    with pytest.raises(ValueError, match=message):
        compare(**{**good, "labels": [0, 0, 1, 1], "metrics": [RecallAtK(1)], **arguments})
