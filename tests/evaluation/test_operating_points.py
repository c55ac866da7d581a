"""find_operating_points: the largest threshold within a rate, and rates that pairs can resolve."""

import numpy as np
import pytest

from keras_siamese.evaluation.operating_points import (
    find_operating_points,
    point_name,
    points_at,
)
from keras_siamese.ops.pair_counts import PairCounts


def test_by_hand():
    # Pairs of two classes at 1, 2, ..., 100; of one class at 0.5, 10.5 and 99.5.
    distances = np.concatenate([np.arange(1.0, 101.0), [0.5, 10.5, 99.5]])
    counts = PairCounts.of_pairs(np.repeat([0, 1], [100, 3]), distances)
    points = find_operating_points(counts, rates=(0.5, 0.1, 0.01))
    assert [point.name for point in points] == ["FMR 50%", "FMR 10%"]  # 1 % is one pair
    half, tenth = points
    assert (half.threshold, half.false_match_rate) == (50.0, 0.5)
    assert half.false_non_match_rate == pytest.approx(1 / 3)
    # 10.5 takes no further pair of two classes, and one more of one class.
    assert (tenth.threshold, tenth.false_match_rate) == (10.5, 0.1)
    assert tenth.false_non_match_rate == pytest.approx(1 / 3)


def test_ties_are_taken_together_or_not_at_all():
    same = np.repeat([0, 1], [100, 100])
    distances = np.concatenate([np.repeat([1.0, 2.0], 50), np.zeros(100)])
    (point,) = find_operating_points(PairCounts.of_pairs(same, distances), rates=(0.4,))
    assert (point.threshold, point.false_match_rate, point.false_non_match_rate) == (0.0, 0.0, 0.0)
    collapsed = PairCounts.of_pairs(same, np.ones(200))
    assert find_operating_points(collapsed, rates=(0.4,)) == []


def test_thresholds_of_elsewhere():
    counts = PairCounts.of_pairs(np.array([1, 1, 0, 0]), np.array([1.0, 3.0, 2.0, 4.0]))
    points = points_at(counts, {"strict": 0.5, "middle": 2.5, "loose": 9.0})
    rates = [(point.false_match_rate, point.false_non_match_rate) for point in points]
    assert rates == [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)]
    assert [point.name for point in points] == ["strict", "middle", "loose"]


def test_names():
    assert [point_name(rate) for rate in (0.1, 0.001, 1 / 3)] == [
        "FMR 10%",
        "FMR 0.1%",
        "FMR 33.3333%",
    ]
