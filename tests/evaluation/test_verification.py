import numpy as np
import pytest
from reference import verification as reference
from sklearn.metrics import average_precision_score, roc_auc_score

from keras_siamese.evaluation.verification import evaluate_pair_distances, evaluate_verification


@pytest.fixture
def validation(rng):
    labels = rng.integers(0, 9, 80)
    return (rng.normal(size=(9, 4))[labels] + rng.normal(size=(80, 4))).astype("float32"), labels


def test_against_references(validation):
    same, distances = reference.all_pairs(*validation, reference.euclidean)
    result = evaluate_verification(*validation, fars=(0.1, 0.02))
    assert (result.num_positives, result.num_negatives) == (same.sum(), (~same).sum())
    assert result.roc_auc == pytest.approx(roc_auc_score(same, -distances), abs=1e-6)
    assert result.roc_auc_error_bound == 0
    assert result.pr_auc == pytest.approx(average_precision_score(same, -distances), abs=1e-5)
    expected = reference.equal_error_rate(same, distances)
    assert result.equal_error_rate.rate == pytest.approx(expected, abs=1e-6)
    for far in (0.1, 0.02):
        expected, threshold = reference.true_accept_rate(same, distances, far)
        assert result.true_accept_rates[far] == pytest.approx((expected, threshold), abs=1e-5)
    assert result.d_prime == pytest.approx(reference.d_prime(same, distances), rel=1e-5)
    expected = reference.best_accuracy(same, distances, balanced=True)
    assert result.balanced_accuracy.rate == pytest.approx(expected)
    assert result.mean_positive_distance == pytest.approx(distances[same].mean(), rel=1e-5)
    assert result.mean_negative_distance == pytest.approx(distances[~same].mean(), rel=1e-5)


def test_figures_have_the_names_of_metrics(validation):
    result = evaluate_verification(*validation)
    # 2,800 pairs of two classes are enough for these two.
    assert list(result.true_accept_rates) == [0.1, 0.01]
    assert list(result.figures) == [
        "pair_auc",
        "pair_pr_auc",
        "equal_error_rate",
        "true_accept_rate_at_far_0.1",
        "true_accept_rate_at_far_0.01",
        "d_prime",
        "balanced_accuracy",
        "mean_positive_distance",
        "mean_negative_distance",
        "distance_gap",
    ]
    assert all(isinstance(value, float) for value in result.figures.values())


def test_given_pairs_and_given_distances_agree(validation, rng):
    x, labels = validation
    first, second = rng.permutation(80)[:40], rng.permutation(80)[:40]
    first, second = np.append(first, [0, 1]), np.append(second, [2, 3])
    result = evaluate_verification(x, labels, pairs=(first, second))
    distances = np.linalg.norm(x[first].astype(float) - x[second], axis=1)
    other = evaluate_pair_distances(distances, labels[first] == labels[second])
    assert other.figures == pytest.approx(result.figures)


def test_points_are_bounded(validation):
    result = evaluate_verification(*validation, max_points=20)
    assert 5 < len(result.roc.thresholds) <= 20
    assert result.roc.false_accept_rates[0] == 0 and result.roc.true_accept_rates[-1] == 1
    assert len(result.histogram.positives) == 100


def test_another_distance(validation):
    x, labels = validation
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    one = evaluate_verification(x, labels, distance="cosine")
    assert one.roc_auc == pytest.approx(evaluate_verification(unit, labels).roc_auc, abs=1e-5)


def test_what_is_refused(validation):
    with pytest.raises(ValueError, match="Expected 100000 pairs at least"):
        evaluate_verification(*validation, fars=[1e-5])
    with pytest.raises(ValueError, match="`fars` must be"):
        evaluate_verification(*validation, fars=[0.0])
    with pytest.raises(ValueError, match="`max_points`"):
        evaluate_verification(*validation, max_points=2)
    with pytest.raises(ValueError, match="Did you mean 'cosine'"):
        evaluate_verification(*validation, distance="cosin")


def test_a_collapsed_model_is_guessing():
    result = evaluate_verification(np.ones((12, 3)), np.arange(12) % 3)
    assert result.roc_auc == 0.5
    assert result.equal_error_rate.rate == 0.5
    assert result.balanced_accuracy.rate == 0.5
    assert result.d_prime == 0.0


def test_a_result_is_short_in_print():
    result = evaluate_verification([[0.0], [1.0], [3.0], [5.0]], [0, 0, 1, 1])
    assert len(repr(result)) < 1500 and "roc_auc=0.9375" in repr(result)
