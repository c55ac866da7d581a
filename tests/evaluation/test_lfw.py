import numpy as np
import pytest

from keras_siamese.evaluation.lfw import lfw_accuracy


def _reference(distances, same, folds):
    """Tries all thresholds half-way between distances."""
    accuracies = []
    for held_out in np.array_split(np.arange(len(same)), folds):
        rest = np.setdiff1d(np.arange(len(same)), held_out)
        known = np.unique(distances[rest])
        tried = [known[0] - 1, *((known[1:] + known[:-1]) / 2), known[-1]]
        scores = [np.mean((distances[rest] <= t) == same[rest]) for t in tried]
        threshold = tried[int(np.argmax(scores))]
        accuracies.append(np.mean((distances[held_out] <= threshold) == same[held_out]))
    return accuracies


@pytest.mark.parametrize("folds", [2, 7, 10])
@pytest.mark.parametrize("decimals", [1, 9])
def test_against_trying_all_thresholds(rng, folds, decimals):
    same = rng.integers(0, 2, 140)
    distances = (rng.normal(size=140) - 1.5 * same).round(decimals)
    expected = _reference(distances, same, folds)
    result = lfw_accuracy(distances, same, folds)
    assert result.of_folds == pytest.approx(expected)
    assert result.accuracy == pytest.approx(np.mean(expected))
    assert result.standard_error == pytest.approx(np.std(expected, ddof=1) / np.sqrt(folds))
    assert len(result.thresholds) == folds


def test_by_hand():
    # Fold 0 by the threshold of fold 1, (2 + 4) / 2, and fold 1 by that of fold 0, (1 + 2.5) / 2.
    result = lfw_accuracy([1.0, 2.5, 2.0, 4.0], [1, 0, 1, 0], folds=2)
    assert result.thresholds == (3.0, 1.75)
    assert result.of_folds == (0.5, 0.5)
    assert result.accuracy == 0.5 and result.standard_error == 0.0


def test_given_folds_equal_contiguous_ones_in_another_order(rng):
    same = rng.integers(0, 2, 60)
    distances = rng.normal(size=60) - same
    folds = np.repeat([5, 3, 9], 20)
    order = rng.permutation(60)
    shuffled = lfw_accuracy(distances[order], same[order], folds[order])
    contiguous = lfw_accuracy(distances, same, 3)
    assert sorted(shuffled.of_folds) == pytest.approx(sorted(contiguous.of_folds))
    assert shuffled.accuracy == pytest.approx(contiguous.accuracy)


@pytest.mark.parametrize(
    "distances, same, folds, message",
    [
        ([1.0, 2.0, 3.0], [1, 0, 1], 1, "`folds` must be an integer of at least 2"),
        ([1.0, 2.0, 3.0], [1, 0, 1], 4, "4 folds of 3 pairs"),
        ([1.0, 2.0, 3.0, 4.0], [1, 1, 0, 0], 2, "one kind only outside of fold 0"),
        ([1.0, 2.0], [1, 0], [1, 1], "2 different ones or more"),
        ([1.0, 2.0], [1, 0], [0.5, 1], "integers"),
        ([1.0, 2.0], [1, 0], [0, 1, 1], "lengths"),
        ([1.0, np.nan], [1, 0], 2, "Distances must be finite"),
        ([1.0, 2.0], [1, 3], 2, "`same` must be 1"),
        ([1.0, 2.0, 3.0], [1, 0], 2, "lengths"),
        ([[1.0], [2.0]], [1, 0], 2, "shapes"),
    ],
)
def test_what_is_refused(distances, same, folds, message):
    with pytest.raises(ValueError, match=message):
        lfw_accuracy(distances, same, folds)
