"""count_pairs: of sets, of several, of given pairs; and what has no pairs."""

import numpy as np
import pytest

from keras_siamese.evaluation.plots.counted_pairs import count_pairs


def test_a_set():
    counts = count_pairs([[0.0], [1.0], [3.0]], ["a", "a", "b"], "euclidean")[""]
    assert (counts.num_positives, counts.num_negatives) == (1, 2)
    assert counts.positive_mean == pytest.approx(1.0)
    assert counts.negative_mean == pytest.approx(2.5)


def test_several_sets_and_given_pairs(rng):
    found = count_pairs({"one": rng.normal(size=(9, 2, 2)), 2: np.eye(9)}, [0, 1, 2] * 3, "cosine")
    assert list(found) == ["one", "2"]
    counts = count_pairs([0.5, 0.1, 0.9], [1, 1, 0], "euclidean")[""]
    assert (counts.num_positives, counts.num_negatives) == (2, 1)
    assert counts.thresholds.tolist() == [0.1, 0.5, 0.9]


def test_bad_input():
    with pytest.raises(ValueError, match="empty"):
        count_pairs({}, [0], "euclidean")
    with pytest.raises(ValueError, match="1 of one and 0 of two"):
        count_pairs([[0.0], [1.0]], [0, 0], "euclidean")
    with pytest.raises(ValueError, match="0 of one and 2 of two"):
        count_pairs([0.5, 0.6], [0, 0], "euclidean")
    with pytest.raises(ValueError, match="`same` must be 1"):
        count_pairs([0.5, 0.6], [0, 2], "euclidean")
    with pytest.raises(ValueError, match="Distances must be finite"):
        count_pairs([0.5, np.nan], [0, 1], "euclidean")
    with pytest.raises(ValueError, match="as many"):
        count_pairs([0.5, 0.6], [0], "euclidean")
