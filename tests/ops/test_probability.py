import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from keras_siamese.ops import probability as module
from keras_siamese.ops.pair_counts import PairCounts
from keras_siamese.ops.probability import (
    IsotonicProbability,
    LogisticProbability,
    fit_isotonic,
    fit_logistic,
)


@pytest.fixture
def pairs(rng):
    same = rng.integers(0, 2, 3000)
    return same, rng.normal(1.5, 0.5, 3000) - 0.6 * same


def test_isotonic_by_hand():
    # At 2, one of two matches; a match beyond a mismatch at 3 and 4 is half of both.
    same, distances = [1, 1, 0, 0, 1, 0], np.array([1.0, 2.0, 2.0, 3.0, 4.0, 5.0])
    curve = fit_isotonic(PairCounts.of_pairs(same, distances), 0.5)
    assert curve.of(np.array([0.0, 1.0, 1.5, 2.0, 3.0, 4.0, 4.5, 5.0, 9.0])).tolist() == (
        pytest.approx([1, 1, 0.75, 0.5, 0.5, 0.5, 0.25, 0, 0])
    )


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_probabilities_are_those_of_the_share_of_matches(pairs, share):
    same, distances = pairs
    counts = PairCounts.of_pairs(same, distances)
    weights = np.where(same, share / same.mean(), (1 - share) / (1 - same.mean()))
    for fit in (fit_isotonic, fit_logistic):
        found = fit(counts, share).of(distances)
        assert (found >= 0).all() and (found <= 1).all()
        assert np.average(found, weights=weights) == pytest.approx(share, rel=0.01)
        assert (np.diff(found[np.argsort(distances)]) <= 1e-12).all()


def test_logistic_against_a_fit_of_single_pairs(pairs):
    same, distances = pairs
    found = fit_logistic(PairCounts.of_pairs(same, distances), same.mean())
    expected = LogisticRegression(C=np.inf).fit(distances[:, None], same)
    # Platt's targets are not quite 0 and 1.
    assert found.slope == pytest.approx(-expected.coef_[0, 0], rel=0.02)
    expected = expected.predict_proba(distances[:, None])[:, 1]
    np.testing.assert_allclose(found.of(distances), expected, atol=0.01)


def test_logistic_of_separated_kinds_is_finite():
    same, distances = np.repeat([1, 0], 50), np.repeat([1.0, 2.0], 50)
    curve = fit_logistic(PairCounts.of_pairs(same, distances), 0.5)
    assert curve.of(np.array([1.0, 2.0])) == pytest.approx([51 / 52, 1 / 52], abs=1e-4)


def test_logistic_of_far_distances_does_not_overflow():
    assert LogisticProbability(1e5, 0.0).of(np.array([-1e9, 0.0, 1e9])).tolist() == [1, 0.5, 0]


@pytest.mark.parametrize("fit", [fit_isotonic, fit_logistic])
def test_all_pairs_at_one_distance(fit):
    curve = fit(PairCounts.of_pairs([1, 0, 0, 0], np.ones(4)), 0.25)
    assert curve.of(np.array([1.0])) == pytest.approx([0.25], abs=0.15)


@pytest.mark.parametrize("fit", [fit_isotonic, fit_logistic])
def test_many_thresholds_are_grouped(pairs, monkeypatch, fit):
    counts = PairCounts.of_pairs(*pairs)
    whole = fit(counts, 0.5)
    monkeypatch.setattr(module, "_MAX_POINTS", 300)
    grouped = fit(counts, 0.5)
    places = np.linspace(0, 3, 50)
    np.testing.assert_allclose(grouped.of(places), whole.of(places), atol=0.06)
    if isinstance(grouped, IsotonicProbability):
        assert len(grouped.distances) <= 300
