import numpy as np
import pytest
from reference import verification as reference

from keras_siamese.evaluation.target_points import find_point, unknown_threshold
from keras_siamese.ops.pair_counts import PairCounts

# Matches at 1, 2 and 4; others at 2, 3, 5 and 6.
_SAME, _DISTANCES = np.array([1, 1, 1, 0, 0, 0, 0]), np.array([1.0, 2, 4, 2, 3, 5, 6])
_PAIRS = PairCounts.of_pairs(_SAME, _DISTANCES)
_SHARE = 3 / 7


def test_by_hand():
    point = find_point(_PAIRS, "fmr", 0.25, _SHARE)
    assert point.threshold == 2.5
    assert (point.false_match_rate, point.recall) == (0.25, pytest.approx(2 / 3))
    assert (point.precision, point.f1) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert find_point(_PAIRS, "fmr", 0.5, _SHARE).threshold == 4.5
    assert find_point(_PAIRS, "recall", 0.6, _SHARE).threshold == 2.5
    assert find_point(_PAIRS, "recall", 2 / 3, _SHARE).threshold == 2.5
    # 3 of 5 up to 4, 3 of 6 up to 5.
    assert find_point(_PAIRS, "precision", 0.6, _SHARE).threshold == 4.5
    assert find_point(_PAIRS, "precision", 0.5, _SHARE).threshold == 5.5
    point = find_point(_PAIRS, "f1", None, _SHARE)
    assert (point.threshold, point.f1) == (4.5, pytest.approx(0.75))


@pytest.mark.parametrize("share", [0.5, 0.02])
def test_against_trying_all_thresholds(rng, share):
    same = rng.integers(0, 2, 500).astype(bool)
    distances = (rng.normal(size=500) - 1.2 * same).round(2)
    pairs = PairCounts.of_pairs(same, distances)
    tried = []
    for threshold in sorted(set(distances)):
        false_rate, recall = reference.rates(same, distances, threshold)
        accepted = share * recall + (1 - share) * false_rate
        precision = share * recall / accepted
        f1 = 2 * precision * recall / (precision + recall) if recall else 0.0
        tried.append((threshold, false_rate, recall, precision, f1))
    tried = np.array(tried)
    expected = {
        ("fmr", 0.05): tried[tried[:, 1] <= 0.05][-1],
        ("recall", 0.9): tried[tried[:, 2] >= 0.9][0],
        ("precision", 0.25): tried[tried[:, 3] >= 0.25][-1],
        ("f1", None): tried[tried[:, 4].argmax()],
    }
    for (target, at), row in expected.items():
        point = find_point(pairs, target, at, share)
        figures = point.false_match_rate, point.recall, point.precision, point.f1
        assert figures == pytest.approx(row[1:])
        assert row[0] <= point.threshold <= row[0] + 0.5
        assert reference.rates(same, distances, point.threshold) == pytest.approx(row[1:3])


def test_nothing_is_accepted_where_ties_leave_no_threshold():
    pairs = PairCounts.of_pairs([1, 0, 0, 0, 0], np.array([0.0, 0.0, 0.0, 1.0, 2.0]))
    point = find_point(pairs, "fmr", 0.25, 0.2)
    assert point.threshold < 0
    assert (point.false_match_rate, point.recall, point.precision, point.f1) == (0, 0, 1, 0)


@pytest.mark.parametrize(
    "target, at, message",
    [
        ("fmr", 0.01, "Expected 100 pairs at least, and 1000"),
        ("recall", 0.9, "recall of 0.9 cannot be told from 3 pairs.*Expected 10 pairs at least"),
        ("precision", 0.99, "precision of 0.99 cannot be told.*Expected 99 pairs at least"),
        ("fmr", 0.0, "`at` must be"),
        ("recall", 1.0, "`at` must be"),
        ("precision", None, "`at` must be"),
        ("precision", float("nan"), "`at` must be"),
    ],
)
def test_rates_that_are_refused(target, at, message):
    with pytest.raises(ValueError, match=message):
        find_point(_PAIRS, target, at, _SHARE)


def test_a_precision_out_of_reach():
    with pytest.raises(ValueError, match=r"No threshold has a precision of 0.7 where 0.01.*best"):
        pairs = PairCounts.of_pairs(1 - _SAME, _DISTANCES)
        find_point(pairs, "precision", 0.7, 0.01)


def test_unknown_threshold_by_hand():
    nearest = np.array([3.0, 1.0, 2.0, 6.0])
    assert unknown_threshold(nearest, 0.25) == 1.5
    assert unknown_threshold(nearest, 0.5) == 2.5
    assert unknown_threshold(nearest, 0.99) == 4.5
    assert unknown_threshold(np.array([1.0, 2.0, 2.0, 3.0]), 0.5) == 1.5
    assert unknown_threshold(np.array([1.0, 1.0, 1.0, 3.0]), 0.5) < 1.0
    with pytest.raises(ValueError, match=r"from 4 items. Expected 10 at least"):
        unknown_threshold(nearest, 0.1)
    with pytest.raises(ValueError, match="`fpir` must be"):
        unknown_threshold(nearest, 1.5)
