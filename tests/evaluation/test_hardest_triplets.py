"""hardest_triplets: the right ones, each item once."""

import numpy as np
import pytest

from keras_siamese.evaluation.hardest_triplets import hardest_triplets


def test_by_hand():
    # Anchors by d_ap - d_an: 2 (7 - 1), then 1 (1 - 1); that has the item of the first.
    assert hardest_triplets([[0.0], [1.0], [2.0], [9.0]], list("aabb")).tolist() == [[2, 3, 1]]


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_the_first_is_the_hardest_of_all_and_no_item_comes_twice(distance, rng):
    x, labels = rng.normal(size=(40, 4)), rng.integers(0, 4, 40)
    found = hardest_triplets(x, labels, num_triplets=5, distance=distance)
    if distance == "cosine":
        unit = x / np.linalg.norm(x, axis=1, keepdims=True)
        far = 1 - unit @ unit.T
    else:
        far = np.linalg.norm(x[:, None] - x, axis=-1)
    same = labels[:, None] == labels
    hardness = np.where(same, far, -np.inf).max(1) - np.where(same, np.inf, far).min(1)
    anchors, positives, negatives = found.T
    assert found.shape == (5, 3) and len(set(found.ravel())) == 15
    assert (labels[anchors] == labels[positives]).all()
    assert (labels[anchors] != labels[negatives]).all()
    values = far[anchors, positives] - far[anchors, negatives]
    np.testing.assert_allclose(values, hardness[anchors], atol=1e-6)
    assert values[0] == pytest.approx(hardness.max(), abs=1e-6)
    assert (np.diff(values) <= 1e-6).all()


def test_an_outlier_is_in_one_triplet_only():
    x = np.array([[0.0], [0.1], [0.2], [90.0], [0.3], [0.4], [0.5], [0.6]])
    found = hardest_triplets(x, list("aaaabbbb"))
    assert np.count_nonzero(found == 3) == 1 and len(found) == 2


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]])
def test_without_a_positive_or_a_negative_there_is_none(labels):
    assert hardest_triplets(np.eye(3), labels).shape == (0, 3)


def test_bad_input():
    with pytest.raises(ValueError, match="`num_triplets`"):
        hardest_triplets(np.eye(4), [0, 0, 1, 1], num_triplets=0)
