import math

import numpy as np
import pytest
from reference import verification as reference
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.metrics import roc_curve as sklearn_roc_curve

from keras_siamese.ops import verification
from keras_siamese.ops.pair_counts import PairCounts

# Matches at 1 and 2; others at 2, 3, 4 and 5.
_BY_HAND = PairCounts.of_pairs([1, 1, 0, 0, 0, 0], np.array([1.0, 2.0, 2.0, 3.0, 4.0, 5.0]))


@pytest.fixture(params=["continuous", "ties", "negative", "separated", "reversed"])
def pairs(request, rng):
    """`(same, distances)`."""
    same = rng.permutation(np.repeat([1, 0], [37, 120]))
    distances = rng.normal(1.0, 0.4, 157) - 0.3 * same
    if request.param == "ties":
        distances = distances.round(1)
    elif request.param == "negative":
        distances -= 2
    elif request.param == "separated":
        distances -= 5 * same
    elif request.param == "reversed":
        distances += 5 * same
    return same, distances


def test_against_references(pairs):
    same, distances = pairs
    counts = PairCounts.of_pairs(same, distances)
    assert verification.roc_auc(counts) == pytest.approx(roc_auc_score(same, -distances))
    assert verification.roc_auc(counts) == pytest.approx(reference.roc_auc(same, distances))
    expected = average_precision_score(same, -distances)
    assert verification.pr_auc(counts) == pytest.approx(expected)
    expected = reference.equal_error_rate(same, distances)
    assert verification.equal_error_rate(counts).rate == pytest.approx(expected)
    assert verification.d_prime(counts) == pytest.approx(reference.d_prime(same, distances))
    for far in (0.01, 0.05, 0.25, 0.9):
        expected, threshold = reference.true_accept_rate(same, distances, far)
        found = verification.true_accept_rate(counts, far)
        assert found.rate == pytest.approx(expected)
        assert found.threshold == threshold or expected == 0
        rejected = verification.false_non_match_rate(counts, far)
        assert rejected == (pytest.approx(1 - expected), found.threshold)
    for balanced in (False, True):
        found = verification.best_accuracy(counts, balanced)
        expected = reference.best_accuracy(same, distances, balanced)
        assert found.rate == pytest.approx(expected)
        right = (distances <= found.threshold) == same
        shares = [right[same == kind].mean() for kind in (0, 1)]
        assert (np.mean(shares) if balanced else right.mean()) == pytest.approx(expected)


def test_roc_curve_against_sklearn(pairs):
    same, distances = pairs
    curve = verification.roc_curve(PairCounts.of_pairs(same, distances))
    false_rates, true_rates, thresholds = sklearn_roc_curve(
        same, -distances, drop_intermediate=False
    )
    np.testing.assert_allclose(curve.false_accept_rates, false_rates)
    np.testing.assert_allclose(curve.true_accept_rates, true_rates)
    np.testing.assert_array_equal(curve.thresholds[1:], -thresholds[1:])


def test_by_hand():
    assert verification.roc_auc(_BY_HAND) == 7.5 / 8
    # Half of the matches with precision 1, the other half with 2 / 3.
    assert verification.pr_auc(_BY_HAND) == pytest.approx(0.5 + 1 / 3)
    # From (0, 1/2) to (1/4, 1): 2/3 of the way, false accepts and rejects are 1/6 each.
    found = verification.equal_error_rate(_BY_HAND)
    assert found == (pytest.approx(1 / 6), pytest.approx(1 + 2 / 3))
    assert verification.true_accept_rate(_BY_HAND, 0.25) == (1.0, 2.0)
    assert verification.true_accept_rate(_BY_HAND, 0.5) == (1.0, 3.0)
    assert verification.d_prime(_BY_HAND) == pytest.approx(2 / math.sqrt(0.75))
    # All but the mismatch at 2: 5 of 6; or, of equal weight, (1 + 3/4) / 2.
    assert verification.best_accuracy(_BY_HAND) == (pytest.approx(5 / 6), 1.5)
    assert verification.best_accuracy(_BY_HAND, balanced=True) == (0.875, 2.5)


def test_nothing_is_accepted_where_ties_leave_no_threshold():
    counts = PairCounts.of_pairs([1, 0, 0, 0, 0], np.array([1.0, 1.0, 1.0, 2.0, 2.0]))
    found = verification.true_accept_rate(counts, 0.25)
    assert found.rate == 0.0
    assert found.threshold < 1.0
    assert verification.false_non_match_rate(counts, 0.25).rate == 1.0


def test_a_rate_without_an_exact_float_is_reached():
    same, distances = np.repeat([1, 0], [1, 1000]), np.arange(1001.0)
    assert verification.true_accept_rate(PairCounts.of_pairs(same, distances), 0.003).threshold == 3


def test_all_pairs_at_one_distance_are_guessing():
    counts = PairCounts.of_pairs([1, 1, 0, 0, 0], np.zeros(5))
    assert verification.roc_auc(counts) == 0.5
    assert verification.pr_auc(counts) == 0.4
    assert verification.equal_error_rate(counts).rate == 0.5
    assert verification.true_accept_rate(counts, 0.5).rate == 0.0
    assert verification.best_accuracy(counts, balanced=True).rate == 0.5
    assert verification.d_prime(counts) == 0.0


def test_d_prime_without_any_spread():
    assert verification.d_prime(PairCounts.of_pairs([1, 0], np.array([1.0, 2.0]))) == math.inf
    assert verification.d_prime(PairCounts.of_pairs([1, 0], np.array([2.0, 1.0]))) == -math.inf


def test_too_few_pairs_for_a_rate():
    for function in (verification.true_accept_rate, verification.false_non_match_rate):
        with pytest.raises(ValueError, match=r"from 4 pairs.*1000 pairs at least, and 10000 or"):
            function(_BY_HAND, 0.001)
    assert verification.true_accept_rate(_BY_HAND, 1 / 4).rate == 1.0


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan"), "0.1", True])
def test_what_is_no_rate(rate):
    with pytest.raises(ValueError, match="`far` must be a finite number above 0 and below 1"):
        verification.true_accept_rate(_BY_HAND, rate)
    with pytest.raises(ValueError, match="`fmr`"):
        verification.false_non_match_rate(_BY_HAND, rate)


@pytest.mark.parametrize("max_points", [3, 10, 501])
def test_few_points_of_a_roc_curve_lie_on_it(rng, max_points):
    same = rng.integers(0, 2, 20_000)
    counts = PairCounts.of_pairs(same, rng.normal(size=20_000) - same)
    curve = verification.roc_curve(counts, max_points)
    assert max_points / 3 <= len(curve.thresholds) <= max_points
    whole = verification.roc_curve(counts)
    places = np.searchsorted(whole.thresholds, curve.thresholds)
    for some, all_of_them in zip(curve, whole, strict=True):
        np.testing.assert_array_equal(some, all_of_them[places])
    assert curve.false_accept_rates[-1] == curve.true_accept_rates[-1] == 1
    if max_points == 501:
        assert np.diff(curve.true_accept_rates).max() < 0.02
        assert (curve.false_accept_rates < 1e-3).sum() > 5
        assert np.trapezoid(*curve[1::-1]) == pytest.approx(verification.roc_auc(counts), abs=1e-3)


def test_halfway_accepts_the_same_pairs():
    assert verification.halfway(_BY_HAND, 1) == 2.5
    assert verification.halfway(_BY_HAND, 4) == 5.0
    assert verification.halfway(_BY_HAND, -1) < 1.0
    same_distance = PairCounts.of_pairs([1, 0], np.zeros(2))
    assert verification.halfway(same_distance, -1) < 0.0


def test_histogram(pairs):
    same, distances = pairs
    found = verification.distance_histogram(PairCounts.of_pairs(same, distances), 7)
    assert found.edges[0] == distances.min() and found.edges[-1] == distances.max()
    assert found.positives.sum() == pytest.approx(1) and found.negatives.sum() == pytest.approx(1)
    inside = (distances > found.edges[2]) & (distances <= found.edges[3])
    assert found.negatives[2] == pytest.approx(inside[same == 0].mean())
    assert found.positives[2] == pytest.approx(inside[same == 1].mean())


def test_histogram_of_one_distance():
    found = verification.distance_histogram(PairCounts.of_pairs([1, 0], np.ones(2)), 4)
    assert found.positives.sum() == found.negatives.sum() == 1
