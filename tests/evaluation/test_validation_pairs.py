import numpy as np
import pytest

from keras_siamese.data.sampling.verification import verification_pairs
from keras_siamese.distances import Euclidean
from keras_siamese.evaluation.validation_pairs import count_distances, count_pairs, read_distances

_X, _LABELS = np.array([[0.0], [1.0], [3.0], [5.0]]), np.array(["a", "a", "b", "b"])


def _count(pairs, labels=_LABELS, embeddings=_X):
    return count_pairs(embeddings, labels, pairs, Euclidean())[0]


def test_all_pairs_or_given_ones_are_the_same_pairs():
    everything = _count(None)
    pairs = verification_pairs(_LABELS, 6, positive_fraction=1 / 3)
    for given in (pairs, tuple(pairs)[:2], [pairs.first, pairs.second]):
        counts = _count(given)
        assert counts.thresholds.tolist() == everything.thresholds.tolist() == [1, 2, 3, 4, 5]
        assert counts.positives_within.tolist() == everything.positives_within.tolist()
        assert counts.negatives_within.tolist() == everything.negatives_within.tolist()
    space = count_pairs(_X, _LABELS, None, Euclidean())[1]
    assert space.class_ids.tolist() == [0, 0, 1, 1]


def test_images_are_flattened():
    counts = _count(None, embeddings=_X.reshape(4, 1, 1, 1))
    assert counts.num_negatives == 4


@pytest.mark.parametrize(
    "pairs, message",
    [
        (([0, 1], [1, 4]), "places of items, 0 to 3. Received: 0 to 4"),
        (([0, 1], [-1, 2]), "Received: -1 to 2"),
        (([0, 1], [1]), "lengths"),
        (([0.0, 1.0], [1, 2]), "integers"),
        (([[0], [1]], [1, 2]), "shape"),
        (([0, 1], [1, 2], [0, 0]), "does not agree with `labels`"),
        (([0, 1],), "places of the first and the second"),
        ("pairs", "Received: str"),
        (([0, 2], [1, 3]), "2 of one and 0 of two"),
        (([0, 1], [2, 2]), "0 of one and 2 of two"),
    ],
)
def test_pairs_that_are_refused(pairs, message):
    with pytest.raises(ValueError, match=message):
        _count(pairs)


def test_sets_that_are_refused():
    with pytest.raises(ValueError, match="6 of one and 0 of two"):
        _count(None, labels=[7] * 4)
    with pytest.raises(ValueError, match="0 of one and 6 of two"):
        _count(None, labels=[1, 2, 3, 4])
    with pytest.raises(ValueError, match="Embeddings must be finite"):
        _count(None, embeddings=np.array([[0.0], [np.nan], [3.0], [5.0]]))
    with pytest.raises(ValueError, match="lengths"):
        _count(None, labels=[1, 1, 2])


def test_distances():
    counts = count_distances([1.0, 2.0, 3.0], np.array([[1], [0], [0]]))
    assert (counts.num_positives, counts.num_negatives) == (1, 2)
    distances, same = read_distances([1, 2], [True, False])
    assert same.dtype == bool and distances.tolist() == [1, 2]
    with pytest.raises(ValueError, match="2 of one and 0 of two"):
        count_distances([1.0, 2.0], [1, 1])
    with pytest.raises(ValueError, match="empty"):
        count_distances(np.zeros(0), np.zeros(0, int))
